"""Ranges: cut a legacy table into key ranges of about as many rows, by its own primary key. Composite keys too.

The end of a range is looked up before the range is read, so that its rows can be copied set-wise without being counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlglot import exp

from strangler.mapping.legacy import statement, table_of
from strangler.ports import SqlSide
from strangler.shapes import Table
from strangler.sync.keys import KeyColumn, key_columns

_COMPARES_ROWS: Final = ("postgres", "sqlite")
"""Where `(a, b) > (1, 2)` is understood and finds its rows by an index. MySQL understands it, and reads the whole table."""


class KeyRange(NamedTuple):
    """The rows of a table with `after` < key ≤ `last`; None is open on that side."""

    dialect: str
    key: tuple[KeyColumn, ...]
    after: list[Any] | None
    last: list[Any] | None

    def condition(self) -> str | None:
        """The range as a SQL condition over the table's own key columns; None: all rows."""
        bounds = self.bounds()
        return statement(exp.and_(*bounds), self.dialect) if bounds else None

    def bounds(self) -> list[exp.Expr]:
        """Its two ends, as far as it has them."""
        ends = ((exp.GT, exp.GT, self.after), (exp.LT, exp.LTE, self.last))
        compare = _as_rows if self.dialect in _COMPARES_ROWS else _column_by_column
        return [
            compare(strict, final, self._sides(values))
            for strict, final, values in ends
            if values is not None
        ]

    def _sides(self, values: Sequence[Any]) -> list[_Side]:
        return [(column.by, column.literal(value)) for column, value in zip(self.key, values, strict=True)]


_Side = tuple[exp.Expr, exp.Expr]
_Sign = type[exp.Binary]


def _as_rows(strict: _Sign, final: _Sign, sides: Sequence[_Side]) -> exp.Expr:
    left, right = zip(*sides, strict=True)
    if len(sides) == 1:
        return final(this=left[0], expression=right[0])
    return final(this=exp.Tuple(expressions=list(left)), expression=exp.Tuple(expressions=list(right)))


def _column_by_column(strict: _Sign, final: _Sign, sides: Sequence[_Side]) -> exp.Expr:
    """`(a, b) <= (1, 2)` as `a < 1 OR (a = 1 AND b <= 2)`."""
    branches = []
    for place, (by, literal) in enumerate(sides):
        sign = final if place == len(sides) - 1 else strict
        equal = [exp.EQ(this=before, expression=value) for before, value in sides[:place]]
        branches.append(exp.and_(*equal, sign(this=by, expression=literal)))
    return exp.or_(*branches)


def next_range(side: SqlSide, table: Table, after: list[Any] | None, rows: int) -> KeyRange:
    """The range of the next `rows` rows behind `after`; the last range of the table is open at its end."""
    span = KeyRange(side.dialect, key_columns(table, side.dialect), after, None)
    query = (
        exp.select(*(column.read for column in span.key))
        .from_(table_of(table))
        .where(*span.bounds())
        .order_by(*(column.by for column in span.key))
        .limit(1)
        .offset(rows - 1)
    )
    found = next(iter(side.rows(statement(query, side.dialect))), None)
    return span._replace(last=list(found) if found else None)


def count(side: SqlSide, table: Table) -> int:
    """How many rows the table has now."""
    query = exp.select(exp.Count(this=exp.Star())).from_(table_of(table))
    return int(next(iter(side.rows(statement(query, side.dialect))))[0])
