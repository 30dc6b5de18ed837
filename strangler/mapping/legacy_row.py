"""A legacy row from `Select.untranslatable_sql`, with the values that the stream would give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strangler.changes import Row
from strangler.mapping.bad_value import BadValue
from strangler.mapping.entity import EntityMapping
from strangler.mapping.sqlite_values import decode


def legacy_row(mapping: EntityMapping, dialect: str, values: Sequence[Any]) -> Row:
    """`values` in the order of `EntityMapping.columns`. SQLite's are given their declared types; what isn't of its type
    stays as it is, and the mapping says so."""
    if dialect != "sqlite":
        return dict(zip(mapping.columns, values, strict=True))
    return {name: _decoded(mapping, name, value) for name, value in zip(mapping.columns, values, strict=True)}


def _decoded(mapping: EntityMapping, name: str, value: Any) -> Any:
    column = mapping.table.column(name)
    try:
        return decode(column.type, value) if column else value
    except BadValue:
        return value
