"""Changing: from a row message to the change that it says, table by table.

It is also here that a changed definition shows: another schema beside the rows, more or fewer columns in them, or a value of
another kind than the column had. Each table's columns are read by code that is compiled again then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from strangler.changes import UNCHANGED, Change, Operation, Position, Row
from strangler_connectors.debezium.envelope import Name, Origin, RowMessage, decode_key
from strangler_connectors.debezium.inline import Fields
from strangler_connectors.debezium.modes import Modes
from strangler_connectors.debezium.values import NULL_OR_GAP, Reading, Rows, Values, compile_rows, missing

_HAVING_SCHEMAS: Final = frozenset(("sqlserver", "oracle", "db2"))
"""Connectors that may read several databases with the same schemas in each."""


class Changing:
    """Knows the captured tables by the source's name; `database`: see `Assembler`."""

    def __init__(self, wanted: Mapping[Name, Reading], modes: Modes, database: str) -> None:
        self._tables = {name: _Table(each, modes) for name, each in wanted.items()}
        self._database = database

    def table(self, origin: Origin) -> str | None:
        """The configured name of the captured table, None for any other."""
        found = self._of(origin)
        return found.name if found else None

    def change(self, row: RowMessage, at: Position) -> Change | None:
        """The change, None for a row of a table that isn't captured. Raises SourceError for what can't be read."""
        table = self._of(row.origin)
        return table.change(row, at) if table else None

    def alter(self, tables: Iterable[Name]) -> None:
        """A definition was changed by a statement; by one that names no table perhaps any."""
        for name in tuple(tables) or self._tables:
            if name in self._tables:
                self._tables[name].altered = True

    def altered(self) -> tuple[str, ...]:
        """The tables whose definition changed since this was asked last."""
        tables = [table for table in self._tables.values() if table.altered]
        for table in tables:
            table.altered = False
        return tuple(table.name for table in tables)

    def _of(self, origin: Origin) -> _Table | None:
        found = self._tables.get(origin.name)
        if found and self._database and origin.connector in _HAVING_SCHEMAS and origin.db != self._database:
            return None
        return found


def folded(gone: Change, come: Change) -> Change:
    """The two halves of a changed key as the one update that they were."""
    return Change(come.position, come.table, Operation.UPDATE, gone.before, come.after)


def _filled(value: Any, old: Any) -> Any:
    """With the whole old row at hand, what wasn't sent is known; and what was NULL and came as NULL is NULL."""
    if value is UNCHANGED:
        return old
    return None if value == NULL_OR_GAP and old is None else value


class _Table:
    def __init__(self, wanted: Reading, modes: Modes) -> None:
        self.name = wanted.table.name
        self.altered = False
        self._wanted, self._modes = wanted, modes
        self._columns = wanted.columns
        removal = wanted.table.removal
        self._removal = None if removal is None else frozenset(removal) & wanted.columns
        self._key = frozenset(wanted.table.key) & wanted.columns
        self._fields: Fields | None = None
        self._width = -1
        self._surprised = 0
        self._rows: Rows | None = None
        self._parts: dict[tuple[frozenset[str], Fields | None], Rows] = {}

    def change(self, row: RowMessage, at: Position) -> Change:
        try:
            rows = self._fitting(row)
            if row.operation is Operation.DELETE:
                return Change(at, self.name, Operation.DELETE, self._gone(row, rows), None)
            assert row.after is not None
            if row.operation is Operation.INSERT:
                return self._inserted(row.after, row.moved, rows, at)
            after = rows.changed(row.after)
            before = self._before(row, rows, after)
            if before is not None and self._removal is None and row.origin.connector == "postgresql":
                after = {name: _filled(value, before[name]) for name, value in after.items()}
            return Change(at, self.name, Operation.UPDATE, before, after)
        except KeyError as error:
            raise missing(self.name, str(error.args[0])) from None
        finally:
            self._look_for_surprises()

    def _inserted(self, values: Values, moved: bool, rows: Rows, at: Position) -> Change:
        """Under a new key a large value may not have been sent: then it is an update, whatever became of its other half."""
        after = rows.changed(values) if moved else rows.whole(values)
        whole = not moved or UNCHANGED not in after.values()
        return Change(at, self.name, Operation.INSERT if whole else Operation.UPDATE, None, after)

    def _gone(self, row: RowMessage, rows: Rows) -> Row:
        if row.before is not None:
            names = self._removal
            return rows.whole(row.before) if names is None else self._part(names, row).whole(row.before)
        values, fields = decode_key(row.key)
        return self._compiled(self._key, fields, row.origin.connector).whole(values)

    def _before(self, row: RowMessage, rows: Rows, after: Row) -> Row | None:
        """What the contract has for an update: the whole old row if the source logs it, otherwise the old key if it changed."""
        if row.before is None:
            return None
        if self._removal is None:
            return rows.whole(row.before)
        before = self._part(self._removal, row).whole(row.before)
        return before if any(value != after.get(name) for name, value in before.items()) else None

    def _fitting(self, row: RowMessage) -> Rows:
        values = row.after if row.after is not None else row.before
        if (
            self._rows is not None
            and row.fields is self._fields
            and (values is None or len(values) == self._width)
        ):
            return self._rows
        rows = compile_rows(self._wanted, self._columns, row.fields, row.origin.connector, self._modes)
        self.altered = self.altered or self._rows is not None
        self._rows, self._fields, self._width = rows, row.fields, len(values or ())
        self._surprised = 0
        self._parts.clear()
        return rows

    def _part(self, names: frozenset[str], row: RowMessage) -> Rows:
        return self._compiled(names, row.fields, row.origin.connector)

    def _compiled(self, names: frozenset[str], fields: Fields | None, connector: str) -> Rows:
        found = self._parts.get((names, fields))
        if found is None:
            found = compile_rows(self._wanted, names, fields, connector, self._modes)
            self._parts[names, fields] = found
        return found

    def _look_for_surprises(self) -> None:
        if self._rows is not None and len(self._rows.surprises) != self._surprised:
            self._surprised = len(self._rows.surprises)
            self.altered = True
