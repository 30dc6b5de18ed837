"""An entity's mapping, compiled: from a legacy row to the fields, the key and the name of an event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from strangler.changes import Operation, Row
from strangler.mapping.bad_value import BadValue
from strangler.mapping.inverse import Inverse
from strangler.mapping.select import Select
from strangler.mapping.sqlite_values import decode
from strangler.shapes import Column, Shape, Table


@dataclass(frozen=True, slots=True)
class EntityMapping:
    """One entity's mapping, in all its executions.

    `columns` are the legacy columns that it needs, the legacy key included. `version` is 12 hex digits of a hash of
    everything that decides what comes out.

    `translate(row)` gives field name → canonical value, in the order of the shape. A field all of whose columns are
    UNCHANGED is absent. Raises Untranslatable.

    `key_of(row)` gives the entity's key as `encode_key` writes it, from a row that holds at least the columns that the key
    fields name. Raises Untranslatable.

    `event_name(operation, row)` gives the event's type; `row` is the new row, for a delete the old one. Raises Untranslatable
    when a condition can't be evaluated.

    `select(dialect)` gives the same mapping as SQL, as far as the dialect takes it.

    `inverse` leads from the fields back to the legacy row. The version says nothing of it: nothing else comes out.
    """

    shape: Shape
    table: Table
    columns: tuple[str, ...]
    version: str
    translate: Callable[[Row], dict[str, Any]]
    key_of: Callable[[Row], str]
    event_name: Callable[[Operation, Row], str]
    select: Callable[[str], Select]
    inverse: Inverse

    def legacy_row(self, dialect: str, values: Sequence[Any]) -> dict[str, Any]:
        """A row that `Select.rest_sql` gave in the dialect, as the stream brings it; what can't be read stays as it is."""
        row = dict(zip(self.columns, values, strict=True))
        if dialect != "sqlite":
            return row
        return {
            column.name: _read(column, row[column.name])
            for column in self.table.columns
            if column.name in row
        }


def _read(column: Column, value: Any) -> Any:
    try:
        return decode(column.type, value)
    except BadValue:
        return value
