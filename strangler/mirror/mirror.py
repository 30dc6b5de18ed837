"""The mirror at work: transactions go in, and what they did to aggregates comes out.

Each transaction is applied whole before it is said what became of an aggregate: so there is one step per aggregate and transaction, and
never half an order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import orjson

from strangler.changes import ORIGIN, PART, UNCHANGED, Change, Operation, Position, Row, Transaction
from strangler.errors import Untranslatable
from strangler.legacy_values import decode_value, encode_value
from strangler.mapping import EntityMapping
from strangler.mapping.origin import PARENT
from strangler.mirror.file import MirrorFile, State
from strangler.mirror.identity import Identity
from strangler.mirror.layout import Kept, Layout, layout
from strangler.mirror.rows import Rows, completed
from strangler.mirror.tree import Found, Place, Tree, tree

REMEMBERED: Final = 20_000
"""Aggregates that are remembered as they were seen last, from one batch to the next."""


class Step(NamedTuple):
    """What a transaction did to one aggregate: it was `before` and is `after`, each None where there is none. `fault`: why it can't
    be told what it is. The last change that touched it stood at `position`."""

    mapping: EntityMapping
    before: Found | None
    after: Found | None
    position: Position
    fault: Untranslatable | None


class _Touched(NamedTuple):
    """An aggregate that the transaction under way touches, as it was before it."""

    tree: Tree
    before: Found | None
    position: Position


_Key = tuple[str, Identity]
"""An entity as `function/entity`, and a root row."""


class Mirror:
    """The mirror of one source. Belongs to one thread."""

    def __init__(self, file: MirrorFile, mappings: Iterable[EntityMapping]) -> None:
        mirrored = [mapping for mapping in mappings if mapping.mirrored]
        self._file, self.layout = file, layout(mirrored)
        self._trees = {_name(mapping): tree(mapping) for mapping in mirrored}
        self._places: dict[str, list[tuple[str, Tree, Place]]] = defaultdict(list)
        for name, each in self._trees.items():
            for place in each.places:
                self._places[place.table.name].append((name, each, place))
        self._rows = Rows(file, self.layout)
        self._state = State(ORIGIN, ORIGIN)
        self._last: dict[_Key, Found | None] = {}
        """Aggregates as they were seen last."""
        self._under_way: dict[_Key, _Touched] = {}
        """Touched by a transaction of which further parts may come."""
        self._seen_up_to = ORIGIN
        """The position of the transaction that was applied last."""

    @property
    def mappings(self) -> list[EntityMapping]:
        """The entities that it makes."""
        return [each.mapping for each in self._trees.values()]

    @property
    def position(self) -> Position:
        """Up to where it is durable."""
        return self._state.position

    @property
    def is_whole(self) -> bool:
        """Whether no transaction is under way: then every aggregate is as it was between two of them."""
        return not self._under_way

    def open(self, capture: str) -> bool:
        """Whether the file has what is needed, of this capture of the source; otherwise it is to be filled."""
        state = self._file.open(self.layout, capture)
        if state is None:
            return False
        self._state, self._seen_up_to = state, state.position
        self._under_way = {
            key: self._restored(key, body)
            for key, body in self._file.pending().items()
            if key[0] in self._trees  # Of an entity that isn't there any more nothing is said.
        }
        return True

    def fill(
        self,
        capture: str,
        start: Position,
        read: Callable[[Layout], Iterator[tuple[str, Iterable[Row]]]],
        until: Callable[[], Position],
    ) -> None:
        """Fill the file anew: `read` gives each table with its rows, which have all that is up to `start`. `until`, asked when all are
        read, is a position at or after which everything that was read had been committed: what comes between the two is applied in
        silence, since it may be in already."""
        self._file.begin(self.layout)
        for table, rows in read(self.layout):
            self._file.fill(self.layout.tables[table], rows)
        self._state = State(start, until())
        self._file.complete(capture, self._state)
        self._rows = Rows(self._file, self.layout)
        self._under_way, self._last = {}, {}

    def bring(self, transactions: Sequence[Transaction]) -> None:
        """Have at hand, set-wise, what these transactions will ask for."""
        changed: dict[str, set[Identity]] = defaultdict(set)
        coming: dict[str, list[Row]] = defaultdict(list)
        for transaction in transactions:
            for change in transaction.changes:
                changed[change.table].update(self._identities(change))
                if change.after is not None:
                    coming[change.table].append(change.after)
        for table, kept in self.layout.tables.items():
            self._rows.bring(table, changed[table])
            for edge in kept.edges:
                named = {edge.of(row) for row in coming[table]}
                self._rows.bring(edge.one.name, {each for each in named if each is not None})
        roots: dict[str, set[Identity]] = defaultdict(set)
        for table, keys in changed.items():
            for name, _, place in self._places[table]:
                roots[name] |= place.bring(self._rows, keys, coming[table])
        for name, keys in roots.items():
            self._trees[name].bring(self._rows, keys)

    def apply(self, transaction: Transaction) -> list[Step]:
        """What the transaction did to each aggregate that it touched, in the order in which they were touched last.

        Of one in parts it is said with the last of them. Where that is full it looks as if another came; then it is said with the
        transaction behind, be it only a heartbeat.
        """
        if transaction.position <= self._state.position:
            return []
        if transaction.position > self._state.horizon:
            before = set(self._under_way)
            self._touch(transaction.changes, silent=False)
            for key in before:  # The log passes over what is older than the parts that it has.
                if self._under_way[key].position <= self._seen_up_to:
                    self._under_way[key] = self._under_way[key]._replace(position=transaction.position)
        else:
            self._touch(transaction.changes, silent=True)
        self._seen_up_to = transaction.position
        return self._finished() if len(transaction.changes) < PART else []

    def now(self, mapping: EntityMapping, root: Identity) -> Found | None:
        """The aggregate of the root row as it is now. Raises Untranslatable."""
        return self._trees[_name(mapping)].find(self._rows, root)

    def roots(self, mapping: EntityMapping, change: Change) -> set[Identity]:
        """The roots that a change of a flat row of the entity, or of lines of it, is about, as things stand now."""
        row = change.before if change.after is None else change.after
        depth = max(map(_depth, row or ()), default=0)
        found: set[Identity] = set()
        for place in self._trees[_name(mapping)].places:
            if place.table.name == change.table and place.depth == depth:
                found |= place.bring(self._rows, self._identities(change), [row] if row else [])
        return found

    def commit(self, position: Position) -> None:
        """Make it durable that all up to `position` was applied. Killed before that, the same is applied again."""
        if position <= self._state.position:
            return
        self._rows.write()
        self._file.pend({key: self._kept(touched) for key, touched in self._under_way.items()})
        self._file.commit(self._state.position, position)
        self._state = self._state._replace(position=position)
        if len(self._last) > REMEMBERED:
            self._last.clear()
            for each in self._trees.values():
                each.root.forget()

    def close(self) -> None:
        self._file.close()

    def _identities(self, change: Change) -> Collection[Identity]:
        """The rows that a change is about: one, or two where the identity changed."""
        kept = self.layout.tables.get(change.table)
        if kept is None:
            return ()
        if change.operation is Operation.TRUNCATE:
            return self._rows.every(change.table)
        found = (kept.identity(row) for row in (change.before, change.after) if row is not None)
        return dict.fromkeys(key for key in found if key is not None)

    def _touch(self, changes: Sequence[Change], *, silent: bool) -> None:
        """Apply the changes, one by one. An aggregate that none before has touched is yet as it was before the transaction: so
        what it was is seen right before the first change that touches it."""
        tables, rows = self.layout.tables, self._rows
        for change in changes:
            kept = tables.get(change.table)
            if kept is None:
                continue
            after = self._completed(kept, change)
            now = None if after is None else kept.identity(after)
            for key in self._identities(change):
                before = rows.row(change.table, key)
                row = after if key == now else None
                if before != row:
                    if not silent:
                        self._note(change, kept, key, before, row)
                    rows.put(change.table, key, row)

    def _completed(self, kept: Kept, change: Change) -> Row | None:
        """The new row, with what wasn't sent of it as it was; it may have been under another identity."""
        if change.after is None:
            return None
        after = kept.only(change.after)
        if UNCHANGED not in after.values():
            return after
        old = kept.identity(after if change.before is None else change.before)
        return completed(after, None if old is None else self._rows.row(change.table, old))

    def _note(self, change: Change, kept: Kept, key: Identity, before: Row | None, row: Row | None) -> None:
        """Note what a row is part of, as it was `before` and as it is about to be; None: there is none."""
        moved = before is not None and row is not None and kept.links(before) != kept.links(row)
        for name, each, place in self._places[change.table]:
            if not place.touches(before, row):
                continue
            for seen in (before, row) if moved else (row if before is None else before,):
                for root in place.up(self._rows, key, seen):
                    self._touched((name, root), each, change.position)

    def _touched(self, key: _Key, each: Tree, position: Position) -> None:
        """Put it at the end of what is under way."""
        known = self._under_way.pop(key, None)
        if known is None:
            before = self._last[key] if key in self._last else self._seen(key)[0]
            self._under_way[key] = _Touched(each, before, position)
        else:
            self._under_way[key] = known._replace(position=position)

    def _finished(self) -> list[Step]:
        """What is under way has come to its end."""
        steps = []
        for key, touched in self._under_way.items():
            after, fault = self._seen(key)
            self._last[key] = after
            steps.append(Step(touched.tree.mapping, touched.before, after, touched.position, fault))
        self._under_way = {}
        return steps

    def _seen(self, key: _Key) -> tuple[Found | None, Untranslatable | None]:
        """The aggregate as it is. One that can't be translated is there, and has no data."""
        each = self._trees[key[0]]
        try:
            return each.find(self._rows, key[1]), None
        except Untranslatable as error:
            flat = each.flat_root(self._rows, key[1])
            return (None if flat is None else Found(flat, None, untold=True)), error

    def _kept(self, touched: _Touched) -> str:
        before = touched.before
        flat = None if before is None else {name: encode_value(value) for name, value in before.flat.items()}
        untold = before is not None and before.untold
        return orjson.dumps([flat, before and before.data, untold, touched.position]).decode()

    def _restored(self, key: _Key, body: str) -> _Touched:
        flat, data, untold, position = orjson.loads(body)
        before = None
        if flat is not None:
            before = Found({name: decode_value(value) for name, value in flat.items()}, data, untold)
        return _Touched(self._trees[key[0]], before, Position(position))


def _name(mapping: EntityMapping) -> str:
    return f"{mapping.shape.function}/{mapping.shape.entity}"


def _depth(name: str) -> int:
    """How many levels below what the flat column is of its row stands."""
    prefix = f"{PARENT}."
    return 1 + _depth(name.removeprefix(prefix)) if name.startswith(prefix) else 0
