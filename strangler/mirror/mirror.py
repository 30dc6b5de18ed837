"""The mirror at work: transactions go in, and what they did to aggregates comes out.

Each transaction is applied whole before anything is looked at: so there is one step per aggregate and transaction, and never half an
order. The state before is that after the transaction before; where it isn't at hand, what was done is undone for a look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson

from strangler.changes import ORIGIN, PART, Change, Operation, Position, Row, Transaction
from strangler.errors import Untranslatable
from strangler.legacy_values import decode_value, encode_value
from strangler.mapping import EntityMapping
from strangler.mirror.file import MirrorFile, State
from strangler.mirror.identity import Identity
from strangler.mirror.layout import Layout, layout
from strangler.mirror.rows import AT_HAND, Rows
from strangler.mirror.tree import Found, Tree, tree


class Step(NamedTuple):
    """What a transaction did to one aggregate, known by the identity of its root row: it was `before` and is `after`, each None
    where there is none. `fault`: why it can't be told what it is. The last change that touched it stood at `position`."""

    mapping: EntityMapping
    root: Identity
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
        self._rows = Rows(file, self.layout)
        self._state = State(ORIGIN, ORIGIN)
        self._last: dict[_Key, Found | None] = {}
        """Aggregates as they were seen last."""
        self._under_way: dict[_Key, _Touched] = {}
        """Touched by a transaction of which further parts may come."""
        self._id = ""

    @property
    def mappings(self) -> list[EntityMapping]:
        """The entities that it makes."""
        return [each.mapping for each in self._trees.values()]

    @property
    def position(self) -> Position:
        """Up to where it is durable."""
        return self._state.position

    def open(self, capture: str) -> bool:
        """Whether the file has what is needed, of this capture of the source; otherwise it is to be filled."""
        state = self._file.open(self.layout, capture)
        if state is None:
            return False
        self._state, self._id = state, state.transaction
        self._under_way = {key: self._restored(key, body) for key, body in self._file.pending().items()}
        return True

    def fill(
        self,
        capture: str,
        read: Callable[[Layout], Iterator[tuple[str, Iterable[Row]]]],
        until: Callable[[], Position],
    ) -> None:
        """Fill the file anew: `read` gives each table with its rows. `until`, asked when all are read, is a position at or after
        which everything that was read had been committed: what comes up to there is applied in silence, since it may be in already."""
        self._file.begin(self.layout)
        for table, rows in read(self.layout):
            self._file.fill(self.layout.tables[table], rows)
        self._state = State(ORIGIN, until())
        self._file.complete(capture, self._state)
        self._rows = Rows(self._file, self.layout)
        self._under_way, self._last = {}, {}

    def bring(self, transactions: Sequence[Transaction]) -> None:
        """Have at hand, set-wise, what these transactions will ask for."""
        changed: dict[str, dict[Identity, None]] = {}
        for transaction in transactions:
            for change in transaction.changes:
                for key in self._identities(change):
                    changed.setdefault(change.table, {})[key] = None
        for table, keys in changed.items():
            self._rows.bring(table, keys)
        for each in self._trees.values():
            roots: set[Identity] = set()
            for place in each.places:
                if place.table.name in changed:
                    roots |= place.up(self._rows, changed[place.table.name])
            each.bring(self._rows, roots)

    def apply(self, transaction: Transaction) -> list[Step]:
        """What the transaction did to each aggregate that it touched, in the order in which they were touched last."""
        if transaction.position <= self._state.position:
            return []
        steps = []
        if self._under_way and transaction.id != self._id:
            steps = self._finished()  # The transaction before it had no further part.
        self._id = transaction.id
        if transaction.changes:
            silent = transaction.position <= self._state.horizon
            self._touch(transaction.changes, silent=silent)
        if len(transaction.changes) < PART:
            steps += self._finished()
        return steps

    def now(self, mapping: EntityMapping, root: Identity) -> Found | None:
        """The aggregate of the root row as it is now. Raises Untranslatable."""
        return self._trees[_name(mapping)].find(self._rows, root)

    def roots(self, mapping: EntityMapping, change: Change) -> set[Identity]:
        """The roots that a change of a row of the entity is about, as things stand now."""
        found: set[Identity] = set()
        for place in self._trees[_name(mapping)].places:
            if place.table.name == change.table:
                found |= place.up(self._rows, self._identities(change))
        return found

    def commit(self, position: Position) -> None:
        """Make it durable that all up to `position` was applied. Killed before that, the same is applied again."""
        if position <= self._state.position:
            return
        self._rows.write()
        self._file.pend({key: self._kept(touched) for key, touched in self._under_way.items()})
        self._file.commit(position, self._id)
        self._state = self._state._replace(position=position)
        if len(self._last) > AT_HAND:
            self._last.clear()
            for each in self._trees.values():
                each.root.forget()

    def close(self) -> None:
        self._file.close()

    def _identities(self, change: Change) -> list[Identity]:
        kept = self.layout.tables.get(change.table)
        if kept is None:
            return []
        if change.operation is Operation.TRUNCATE:
            return self._rows.every(change.table)
        found = (kept.identity(row) for row in (change.before, change.after) if row is not None)
        return list(dict.fromkeys(key for key in found if key is not None))

    def _touch(self, changes: Sequence[Change], *, silent: bool) -> None:
        """Apply the changes, and note what they touch as it was before them."""
        undo: list[tuple[str, Identity, Row | None]] = []
        touched: dict[_Key, Position] = {}
        for change in changes:
            kept = self.layout.tables.get(change.table)
            if kept is None:
                continue
            after = change.after
            now = None if after is None else kept.identity(after)
            for key in self._identities(change):
                row = (
                    {name: after[name] for name in kept.columns} if after is not None and key == now else None
                )
                if not silent:
                    self._note(change, key, row, touched)
                undo.append((change.table, key, self._rows.put(change.table, key, row)))
                if not silent:
                    self._note(change, key, undo[-1][2], touched)
        if not silent:
            self._remember(touched, undo)

    def _note(self, change: Change, key: Identity, other: Row | None, touched: dict[_Key, Position]) -> None:
        """What the row is part of now; `other` is what it was, or is about to be."""
        now = self._rows.row(change.table, key)
        if now == other:
            return
        for name, each in self._trees.items():
            for place in each.places:
                if place.table.name == change.table and place.touches(now, other):
                    for root in place.up(self._rows, (key,)):
                        touched.pop((name, root), None)
                        touched[name, root] = change.position

    def _remember(
        self, touched: Mapping[_Key, Position], undo: Sequence[tuple[str, Identity, Row | None]]
    ) -> None:
        """Add to what is under way, in the order of the last touch; what isn't known as it was is looked up, once for all."""
        unknown = [key for key in touched if key not in self._under_way and key not in self._last]
        if unknown:
            redo = [(table, each, self._rows.put(table, each, row)) for table, each, row in reversed(undo)]
            for key in unknown:
                self._last[key] = self._seen(key)[0]
            for table, each, row in reversed(redo):
                self._rows.put(table, each, row)
        for key, position in touched.items():
            known = self._under_way.pop(key, None)
            before = known.before if known else self._last.get(key)
            self._under_way[key] = _Touched(self._trees[key[0]], before, position)

    def _finished(self) -> list[Step]:
        """What is under way has come to its end."""
        steps = []
        for key, touched in self._under_way.items():
            after, fault = self._seen(key)
            self._last[key] = after
            steps.append(Step(touched.tree.mapping, key[1], touched.before, after, touched.position, fault))
        self._under_way = {}
        return steps

    def _seen(self, key: _Key) -> tuple[Found | None, Untranslatable | None]:
        """The aggregate as it is. One that can't be translated is there, and has no data."""
        each = self._trees[key[0]]
        try:
            return each.find(self._rows, key[1]), None
        except Untranslatable as error:
            flat = each.flat_root(self._rows, key[1])
            return (None if flat is None else Found(flat, None)), error

    def _kept(self, touched: _Touched) -> str:
        before = touched.before
        flat = None if before is None else {name: encode_value(value) for name, value in before.flat.items()}
        return orjson.dumps([flat, before and before.data, touched.position]).decode()

    def _restored(self, key: _Key, body: str) -> _Touched:
        flat, data, position = orjson.loads(body)
        before = None
        if flat is not None:
            before = Found({name: decode_value(value) for name, value in flat.items()}, data)
        return _Touched(self._trees[key[0]], before, Position(position))


def _name(mapping: EntityMapping) -> str:
    return f"{mapping.shape.function}/{mapping.shape.entity}"
