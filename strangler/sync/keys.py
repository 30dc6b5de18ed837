"""Keys: how a legacy database orders the columns of a primary key, so that ranges over them neither skip nor repeat a row.

A range begins behind the last key of the one before, which was read as a value and goes back as a literal. Order, comparison and
literal have to mean the same: a text is therefore compared under the column's own collation, as the index and the
uniqueness of the key do, whatever it takes for equal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlglot import Dialect, exp

from strangler.shapes import Column, FieldType, Table


class KeyColumn(NamedTuple):
    """`read` is the value that is remembered, `by` what is ordered and compared with its `literal`."""

    read: exp.Expr
    by: exp.Expr
    literal: Callable[[Any], exp.Expr]


def key_columns(table: Table, dialect: str) -> tuple[KeyColumn, ...]:
    """The columns of the primary key in its order."""
    make = _MAKERS.get(dialect, _standard if Dialect.get(dialect) else _plain)
    return tuple(make(column) for name in table.key if (column := table.column(name)))


def _standard(column: Column) -> KeyColumn:
    name = exp.column(column.name, quoted=True)
    return KeyColumn(name, name, _literal)


def _literal(value: Any) -> exp.Expr:
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        return exp.Literal.string(str(value))  # NaN: a database that knows it reads its name
    return exp.convert(value)


def _plain(column: Column) -> KeyColumn:
    """A database that sqlglot doesn't know: moments are texts in the standard form."""

    def literal(value: Any) -> exp.Expr:
        return exp.Literal.string(str(value)) if isinstance(value, date | time) else _literal(value)

    return _standard(column)._replace(literal=literal)


def _oracle(column: Column) -> KeyColumn:
    """Literals by functions with a format: what a text means otherwise is up to the session."""

    def literal(value: Any) -> exp.Expr:
        match value:
            case datetime(tzinfo=None):
                text = value.isoformat(" ", "microseconds")
                return _call("TO_TIMESTAMP", text, "YYYY-MM-DD HH24:MI:SS.FF6")
            case datetime():
                text = value.isoformat(" ", "microseconds")
                return _call("TO_TIMESTAMP_TZ", text, "YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM")
            case bytes():
                return _call("HEXTORAW", value.hex())
        return _literal(value)

    return _standard(column)._replace(literal=literal)


def _call(function: str, *arguments: str) -> exp.Expr:
    return exp.Anonymous(this=function, expressions=[exp.Literal.string(each) for each in arguments])


_NUMBERED: Final = re.compile(r"(?i)\s*(enum|set|bit)\b")
"""MySQL's types that are ordered by their number, not by the text that stands for it."""

_WRITTEN: Final = (FieldType.DATE, FieldType.TIME, FieldType.TIMESTAMP, FieldType.INSTANT)


def _mysql(column: Column) -> KeyColumn:
    """Moments are remembered as MySQL writes them, zero dates too, which are NULL to everyone else."""
    name = exp.column(column.name, quoted=True)
    if _NUMBERED.match(column.declared):
        number = exp.Add(this=name, expression=exp.Literal.number(0))
        return KeyColumn(number, number, _literal)
    if column.type is FieldType.FLOAT:
        double = exp.Add(this=name, expression=exp.Literal.number("0e0"))
        return KeyColumn(double, double, lambda value: exp.Literal.number(f"{value:.17e}"))
    if column.type in _WRITTEN:
        return KeyColumn(exp.cast(name, "char"), name, _literal)
    if column.type is FieldType.BYTES:
        return KeyColumn(name, name, lambda value: exp.HexString(this=value.hex()))
    return _standard(column)


_MAKERS: Final = {"mysql": _mysql, "oracle": _oracle}
