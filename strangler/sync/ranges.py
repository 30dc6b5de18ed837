"""Ranges: cut a legacy table into key ranges of about as many rows, by its own primary key. Composite keys too.

The end of a range is looked up before the range is read, so that its rows can be copied set-wise without being counted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlglot import exp

from strangler.ports import SqlSide
from strangler.shapes import Table


class KeyRange(NamedTuple):
    """The rows of a table with `after` < key ≤ `last`; None is open on that side."""

    key: tuple[str, ...]
    after: list[Any] | None
    last: list[Any] | None

    def condition(self, dialect: str) -> str:
        """The range as a SQL condition over the table's own key columns."""
        bounds: list[exp.Expr] = []
        if self.after is not None:
            bounds.append(exp.GT(this=_columns(self.key), expression=_values(self.after)))
        if self.last is not None:
            bounds.append(exp.LTE(this=_columns(self.key), expression=_values(self.last)))
        return exp.and_(*bounds).sql(dialect) if bounds else exp.true().sql(dialect)


def next_range(side: SqlSide, table: Table, after: list[Any] | None, rows: int) -> KeyRange:
    """The range of the next `rows` rows behind `after`; the last range of the table is open at its end."""
    columns = [_column(name) for name in table.key]
    query = exp.select(*columns).from_(_table(table)).order_by(*columns).limit(1).offset(rows - 1)
    if after is not None:
        query = query.where(KeyRange(table.key, after, None).condition(side.dialect), dialect=side.dialect)
    found = next(iter(side.rows(query.sql(side.dialect))), None)
    return KeyRange(table.key, after, list(found) if found else None)


def count(side: SqlSide, table: Table) -> int:
    """How many rows the table has now."""
    query = exp.select(exp.Count(this=exp.Star())).from_(_table(table))
    return int(next(iter(side.rows(query.sql(side.dialect))))[0])


def _table(table: Table) -> exp.Table:
    schema, _, name = table.name.rpartition(".")
    return exp.table_(name, db=schema or None, quoted=True)


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)


def _columns(key: tuple[str, ...]) -> exp.Expr:
    return _column(key[0]) if len(key) == 1 else exp.Tuple(expressions=[_column(name) for name in key])


def _values(values: list[Any]) -> exp.Expr:
    literals = [exp.convert(value) for value in values]
    return literals[0] if len(literals) == 1 else exp.Tuple(expressions=literals)
