"""The outbox of a store: what the service itself wrote, in `strangler_outbox`, an entry for each row that it touched.

Triggers write the entries (`sql_outbox_triggers`), in the service's own transaction: what is rolled back there was never here, and what
commits is. An entry says which row it is about and what that row was before; what it is now says the table. So the state of an
aggregate before its first change that wasn't returned is what it is now, with the first entry of each of its rows taken back.

Nothing is read by number: entries stay until they are done, one by one, by a token of their own. Those of a transaction that commits
late, with numbers below others that were read, are found at the next look.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

from strangler.aggregates import own_names
from strangler.changes import Position
from strangler.errors import Unavailable
from strangler.events import Event, encode_key
from strangler.mapping import canonical_columns
from strangler.mapping.canonical import quoted_text, value_of
from strangler.ports import Outgoing, SqlSide, Waiting
from strangler.shapes import Shape
from strangler_adapters import sql_outbox_triggers as triggers
from strangler_adapters import sql_own_tables as own_tables
from strangler_adapters.sql_layout import POSITION, Layout
from strangler_adapters.sql_outbox_triggers import OUTBOX, fields_of, read_back
from strangler_adapters.sql_session import Session, Side, Transaction

T = TypeVar("T", bound=Transaction)

Overwrite = Callable[[Layout, Event, Callable[[Any], None]], None]
"""Makes an aggregate what an event says, whoever wrote it, in a transaction that begins with what is called with it."""

_BLOCK: Final = 500
"""Keys, and entries, in one statement."""

_Row = dict[str, Any]

_Rows = dict[str, dict[str, _Row]]
"""Part → encoded key of the row → the row."""


class _Waits(NamedTuple):
    """An aggregate with entries; `written` is its key as they have it."""

    layout: Layout
    key: str
    written: str


class _Waiting(Exception):
    """There is something to be returned."""


class SqlOutbox(Generic[T]):
    """An `Outbox`; see the port. `open_side` opens a connection that reads as of one moment."""

    def __init__(
        self,
        what: str,
        session: Session[T],
        open_side: Callable[[], Side],
        shapes: Sequence[Shape],
        overwrite: Overwrite,
    ) -> None:
        self._what, self._session, self._open_side = what, session, open_side
        self._roots = [Layout(shape) for shape in shapes]
        self._overwrite = overwrite
        self._side: Side | None = None

    def prepare(self) -> None:
        with self._session.transaction() as transaction:
            transaction.lock("store")
            triggers.create(transaction, self._reader.dialect, self._parts)

    def outgoing(self, limit: int, without: Collection[tuple[str, str]] = ()) -> list[Outgoing]:
        with self._reader.one_moment():
            found: list[_Waits] = []
            for each in self._waits():
                if (each.layout.shape.entity, each.key) not in without:
                    found.append(each)
                if len(found) == limit:
                    break
            return self._read(found)

    def of(self, entity: str, key: str) -> Outgoing | None:
        with self._reader.one_moment():
            found = (each for each in self._waits() if (each.layout.shape.entity, each.key) == (entity, key))
            return next(iter(self._read([*found])), None)

    def done(self, entries: Collection[str]) -> None:
        for root, key in self._keys_of(entries):
            self._claim(root, key)
        with self._session.transaction() as transaction:
            _forget(transaction, entries)

    def overwrite(self, event: Event, entries: Collection[str]) -> None:
        def only_these(transaction: T) -> None:
            if _of_the_same_keys(transaction, entries) - set(entries):
                raise Unavailable(
                    f"{self._what}: the service has changed {event.entity} {event.key} again",
                    why="what was decided is about another state of it",
                    do="look at it, and decide again",
                )
            _forget(transaction, entries)

        self._overwrite(self._root(event.entity), event, only_these)

    def adopt(self, position: Position) -> int:
        with self._session.transaction() as transaction:
            for root in self._roots:
                own_tables.date_own(transaction, root.entity, position)
            adopted = sum(
                transaction.change(
                    f"UPDATE {part.table} AS t SET {POSITION} = ? WHERE {POSITION} IS NULL AND NOT {self._waits_in(part)}",
                    (position,),
                )
                for part in self._parts
            )
            return adopted - self._give_up(transaction, position)

    def _give_up(self, transaction: Transaction, position: Position) -> int:
        """Invariant 4: of what was adopted, that which the service wrote meanwhile is its own again. Where the adopting waited for it, that
        still saw the outbox as it was before."""
        if not transaction.rows(f"SELECT 1 FROM {OUTBOX} WHERE {self._ours} LIMIT 1"):
            return 0
        transaction.begin_delivery()
        given_up = sum(
            transaction.change(
                f"UPDATE {part.table} AS t SET {POSITION} = NULL WHERE {POSITION} = ? AND {self._waits_in(part)}",
                (position,),
            )
            for part in self._parts
        )
        transaction.end_delivery()
        return given_up

    def waiting(self) -> Waiting:
        [(keys, since)] = self._session.rows(
            f"SELECT count(*), min(since) FROM (SELECT min(at) AS since FROM {OUTBOX} WHERE {self._ours} GROUP BY root, key) AS k"
        )
        return Waiting(keys, since)

    def end(self) -> None:
        with self._session.transaction() as transaction:
            self._end(transaction)

    def end_when_empty(self) -> bool:
        try:
            with self._session.transaction() as transaction:
                if self._end(transaction):
                    raise _Waiting
        except _Waiting:
            return False
        return True

    def close(self) -> None:
        self._session.close()
        if self._side is not None:
            self._side.close()
            self._side = None

    def _end(self, transaction: Transaction) -> int:
        """How many entries were forgotten: with the triggers gone nobody who has written is still under way."""
        transaction.lock("store")
        triggers.remove(transaction, self._dialect, self._parts)
        if not transaction.has_table(OUTBOX):
            return 0
        return transaction.change(f"DELETE FROM {OUTBOX} WHERE {self._ours}")

    # What was returned.

    def _keys_of(self, entries: Collection[str]) -> Iterator[tuple[Layout, str]]:
        """The aggregates that these entries are about."""
        roots = {root.entity: root for root in self._roots}
        for block in _blocks(entries):
            places = ", ".join("?" * len(block))
            sql = f"SELECT DISTINCT root, key FROM {OUTBOX} WHERE token IN ({places}) AND {self._ours}"
            for entity, written in self._session.rows(sql, block):
                root = roots[entity]
                values = read_back(self._reader, fields_of(root.shape, root.shape.key), written)
                yield root, encode_key([*values.values()])

    def _claim(self, root: Layout, key: str) -> None:
        """Invariant 3: legacy was made what the service has, as a whole. So an older state of legacy's that was withheld, and is made up
        for once legacy owns it again, must win over no part of it: neither bring a removed one back, nor overwrite a root of which the
        service changed only lines. Each in a transaction of its own, so that the service never waits for us and we for it."""
        where = root.key_is(self._dialect, key)
        found = self._session.rows(f"SELECT {POSITION} FROM {root.table} WHERE {where}")
        if found and found[0][0] is None:
            return
        with self._session.transaction() as transaction:
            transaction.begin_delivery()
            claimed = transaction.change(f"UPDATE {root.table} SET {POSITION} = NULL WHERE {where}")
            if not claimed:
                own_tables.bury_own(transaction, root.entity, key)
            transaction.end_delivery()

    # Reading.

    @property
    def _dialect(self) -> str:
        return self._reader.dialect

    @property
    def _parts(self) -> list[Layout]:
        return [part for root in self._roots for part in root.parts()]

    def _root(self, entity: str) -> Layout:
        return next(root for root in self._roots if root.shape.entity == entity)

    @property
    def _ours(self) -> str:
        return f"root IN ({', '.join(quoted_text(root.entity) for root in self._roots)})"

    def _waits_in(self, part: Layout) -> str:
        """The condition that something waits of the aggregate that the row `t` is of."""
        key = triggers.written(self._dialect, part.shape, part.root.shape.key, "t")
        return f"EXISTS (SELECT 1 FROM {OUTBOX} WHERE root = {quoted_text(part.root.entity)} AND {OUTBOX}.key = {key})"

    @property
    def _reader(self) -> Side:
        if self._side is None:
            self._side = self._open_side()
        return self._side

    def _waits(self) -> Iterator[_Waits]:
        """Every aggregate with entries; those first that have waited longest."""
        side, roots = self._reader, {root.entity: root for root in self._roots}
        sql = f"SELECT root, key FROM {OUTBOX} WHERE {self._ours} GROUP BY root, key ORDER BY min(id)"
        for entity, written in list(side.rows(sql)):
            root = roots[entity]
            values = read_back(side, fields_of(root.shape, root.shape.key), written)
            yield _Waits(root, encode_key([*values.values()]), written)

    def _read(self, found: Sequence[_Waits]) -> list[Outgoing]:
        read: list[Outgoing] = []
        for root in self._roots:
            of_root = [each for each in found if each.layout is root]
            for start in range(0, len(of_root), _BLOCK):
                read += self._read_some(root, of_root[start : start + _BLOCK])
        return read

    def _read_some(self, root: Layout, found: Sequence[_Waits]) -> Iterator[Outgoing]:
        side = self._reader
        now = {each.key: _rows(side, root, each.key) for each in found}
        entries: dict[str, list[tuple[Layout, str, str | None, str]]] = {each.written: [] for each in found}
        sql = (
            f"SELECT key, part, line, image, token FROM {OUTBOX} WHERE root = {quoted_text(root.entity)}"
            f" AND key IN ({', '.join(map(quoted_text, entries))}) ORDER BY id"
        )
        parts = {part.entity: part for part in root.parts()}
        for written, part, line, image, token in list(side.rows(sql)):
            entries[written].append((parts[part], line, image, token))
        for each in found:
            rows, ours = now[each.key], entries[each.written]
            data = _nested(root, rows)
            _take_back(side, rows, ours)
            tokens = frozenset(token for *_, token in ours)
            yield Outgoing(root.shape.entity, each.key, _nested(root, rows), data, tokens)


def _rows(side: SqlSide, root: Layout, key: str) -> _Rows:
    """All rows of an aggregate, those of lines too whose root is gone."""
    where = root.key_is(side.dialect, key)
    found: _Rows = {}
    for part in root.parts():
        sql = (
            f"SELECT {', '.join(canonical_columns(part.shape, side.dialect))} FROM {part.table} WHERE {where}"
        )
        rows = (
            {name: value_of(text, part.types[name]) for name, text in zip(part.names, texts, strict=True)}
            for texts in list(side.rows(sql))
        )
        found[part.entity] = {_key(part, row): row for row in rows}
    return found


def _take_back(side: SqlSide, rows: _Rows, entries: Iterable[tuple[Layout, str, str | None, str]]) -> None:
    """Make the rows what they were before these entries: the first one of each row says it."""
    seen = set()
    for part, line, image, _ in entries:
        if (part.entity, line) in seen:
            continue
        seen.add((part.entity, line))
        if image is not None:
            row = read_back(side, part.shape.fields, image)
            rows[part.entity][_key(part, row)] = row
        else:
            key = read_back(side, fields_of(part.shape, part.shape.key), line)
            rows[part.entity].pop(_key(part, key), None)


def _nested(root: Layout, rows: _Rows) -> _Row | None:
    """The aggregate as the data of an event; lines in the order of their keys."""
    for row in rows[root.entity].values():
        return _with_lines(root, row, rows)
    return None


def _with_lines(part: Layout, row: _Row, rows: _Rows) -> _Row:
    data = {name: row[name] for name in own_names(part.shape)}
    for (name, _), child in zip(part.shape.children, part.children, strict=True):
        below = (
            each
            for _, each in sorted(rows[child.entity].items())
            if all(each[key] == row[key] for key in part.shape.key)
        )
        data[name] = [_with_lines(child, each, rows) for each in below]
    return data


def _key(part: Layout, row: _Row) -> str:
    return encode_key([row[name] for name in part.shape.key])


def _of_the_same_keys(transaction: Transaction, entries: Collection[str]) -> set[str]:
    """The tokens of all entries of the aggregates that these entries are about."""
    found: set[str] = set()
    for block in _blocks(entries):
        places = ", ".join("?" * len(block))
        keys = f"SELECT root, key FROM {OUTBOX} WHERE token IN ({places})"
        found.update(
            token
            for (token,) in transaction.rows(
                f"SELECT token FROM {OUTBOX} WHERE (root, key) IN ({keys})", block
            )
        )
    return found


def _forget(transaction: Transaction, entries: Collection[str]) -> None:
    for block in _blocks(entries):
        transaction.change(f"DELETE FROM {OUTBOX} WHERE token IN ({', '.join('?' * len(block))})", block)


def _blocks(entries: Collection[str]) -> Iterator[list[str]]:
    listed = sorted(entries)  # In one order, so that two callers never wait for each other.
    return (listed[start : start + _BLOCK] for start in range(0, len(listed), _BLOCK))
