"""An entity's mapping, compiled: from a legacy row to the fields, the key and the name of an event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from strangler.changes import Operation, Row
from strangler.mapping.bad_value import BadValue
from strangler.mapping.inverse import Inverse
from strangler.mapping.rows import Plan
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

    `belongs(row)` says whether the row is one of the entity's, by its condition `where`; None: every row is. Raises
    Untranslatable when the condition can't be evaluated.

    `event_name(operation, row, before)` gives the event's type; `row` is the new row, for a delete the old one, and `before` the
    old row of an update, as far as the source tells. Raises Untranslatable when a condition can't be evaluated.

    `sensitive` are the fields whose values are masked where people see them.

    `select(dialect)` gives the same mapping as SQL, as far as the dialect takes it. `plan` is what all of this was compiled from.

    `inverse` leads from the fields back to the legacy row. The version says nothing of it: nothing else comes out.
    """

    shape: Shape
    table: Table
    columns: tuple[str, ...]
    version: str
    translate: Callable[[Row], dict[str, Any]]
    key_of: Callable[[Row], str]
    event_name: Callable[[Operation, Row, Row | None], str]
    belongs: Callable[[Row], bool] | None
    select: Callable[[str], Select]
    plan: Plan
    inverse: Inverse
    sensitive: frozenset[str] = frozenset()

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
