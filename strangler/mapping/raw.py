"""Legacy rows as they are: selected without any expression, and given as the stream brings them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strangler.mapping.bad_value import BadValue
from strangler.mapping.dialects import DIALECTS
from strangler.mapping.legacy import quoted
from strangler.mapping.sqlite_values import decode
from strangler.shapes import Column


def raw(column: Column, dialect: str) -> str:
    """SQL of a column, of the dialect by sqlglot's name."""
    known = DIALECTS.get(dialect)
    return known.raw(column) if known else quoted(column.name, dialect)


def streamed(columns: Sequence[Column], dialect: str, values: Sequence[Any]) -> dict[str, Any]:
    """The values that a database of the dialect gave for `raw` columns, as the stream brings them; what can't be read stays as it is."""
    if dialect != "sqlite":
        return {column.name: value for column, value in zip(columns, values, strict=True)}
    return {column.name: _read(column, value) for column, value in zip(columns, values, strict=True)}


def _read(column: Column, value: Any) -> Any:
    try:
        return decode(column.type, value)
    except BadValue:
        return value
