"""Figures: the rows of an entity counted and added up by dimensions, on either side of the boundary.

The expressions are over the entity's fields. In a store a field is its column; on the legacy side it is the mapping's own expression
put in its place, so that a figure is an expression over legacy rows like any other: compiled to SQL for what the database
translates, and to Python for what it leaves.

A row for which one of the expressions has no value is counted apart, on both sides. So is one with a number that can't be added
up: NaN, or infinite. NULL adds nothing, and a condition that is NULL doesn't hold, as in SQL.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NamedTuple

from strangler.changes import Row
from strangler.errors import StranglerError
from strangler.mapping import python, sql
from strangler.mapping.bad_value import BadValue
from strangler.mapping.canonical import quote, text_of
from strangler.mapping.dialects import DIALECTS, Dialect, Inexpressible
from strangler.mapping.entity import EntityMapping
from strangler.mapping.nodes import Node, Reference, columns, replaced
from strangler.mapping.reading import read
from strangler.mapping.rows import Named
from strangler.mapping.select import readable
from strangler.shapes import Column, Field, FieldType, Shape, Table


def fields_of(shape: Shape) -> Table:
    """The entity's fields as a table, which the expressions are over."""
    return Table(shape.entity, tuple(map(_column, shape.fields)), shape.key)


def _column(field: Field) -> Column:
    return Column(field.name, field.type, field.nullable, "text" if field.type is FieldType.TEXT else "")


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted: rows for which `where` holds (None: all), by dimensions, and sums of integers, decimals or floats.

    `floats` are the fields of that type that an expression names: a row in which one isn't finite has no value.
    """

    by: tuple[Named, ...]
    sums: tuple[Named, ...]
    where: Node | None
    floats: tuple[Node, ...]

    @property
    def nodes(self) -> list[Node]:
        """All the expressions."""
        named = [each.node for each in (*self.by, *self.sums)]
        return [*named, *self.floats, *([] if self.where is None else [self.where])]


def figures(by: Sequence[Named], sums: Sequence[Named], where: Node | None) -> Figures:
    """Checked expressions over `fields_of` a shape, put together."""
    nodes = [each.node for each in (*by, *sums)] + ([] if where is None else [where])
    named = dict.fromkeys(column for node in nodes for column in columns(node))
    floats = tuple(Reference(column) for column in named if column.type is FieldType.FLOAT)
    return Figures(tuple(by), tuple(sums), where, floats)


def _over(figures: Figures, fields: Mapping[str, Node]) -> Figures:
    """The same over legacy columns: each field gives way to the expression that makes it."""

    def legacy(node: Node) -> Node:
        return replaced(node, lambda column: fields[column.name])

    return Figures(
        tuple(Named(name, legacy(node)) for name, node in figures.by),
        tuple(Named(name, legacy(node)) for name, node in figures.sums),
        None if figures.where is None else legacy(figures.where),
        tuple(map(legacy, figures.floats)),
    )


class Query(NamedTuple):
    """Figures in SQL.

    A row of `groups` is a text for each dimension, the count, and for each sum its value, of a float then also the sum of the
    magnitudes. A row of `runs`, for figures whose one sum is a number, is the texts, and first and last of numbers without a
    gap. Texts may come as bytes. Both are in the order of the texts' code points, NULL first. `lacking` counts the rows
    without a value; None: there can be none.
    """

    groups: str
    runs: str
    lacking: str | None


class LegacyFigures(NamedTuple):
    """What the legacy database counts itself (None: nothing), the SELECT of the rows that it leaves (None: there are none), as
    `strangler.mapping.translated` takes them, and how these are counted."""

    query: Query | None
    rest: str | None
    by_row: ByRow


def on_legacy(
    figures: Figures, mapping: EntityMapping, dialect: str, whose: str | None = None, *, pushes: bool = True
) -> LegacyFigures:
    """The figures of the legacy side, whose SQL dialect is given by sqlglot's name. `whose`: the condition of the rows that the database
    counts at all, None: all. Where it can't tell that (not `pushes`), it counts none."""
    over = _over(figures, {field.name: field.node for field in mapping.plan.fields})
    select = mapping.select(dialect)
    by_row = ByRow(over)
    if select.pushed is None or not pushes:
        return LegacyFigures(None, select.legacy_sql(), by_row)
    try:
        taken = sql.all_of(select.pushed.taken, whose)
        written = _Written(over, DIALECTS[dialect], select.from_, taken, [])
        query = written.query()
    except Inexpressible:
        return LegacyFigures(None, select.legacy_sql(), by_row)
    left = sql.any_of(select.pushed.left, written.lacking)
    return LegacyFigures(query._replace(lacking=None), left and select.legacy_sql(left), by_row)


def in_store(figures: Figures, shape: Shape, dialect: str, whose: str | None = None) -> Query:
    """The figures of a store's table, of the rows for which the condition `whose` holds. Raises StranglerError for a database that can't
    tell them."""
    known = DIALECTS.get(dialect)
    if known is None:
        raise StranglerError(
            f"a store in a database of the SQL dialect {dialect!r} can't be added up",
            why=f"known are: {', '.join(DIALECTS)}",
        )
    return _Written(figures, known, quote(shape.table), whose, figures.nodes).query()


_ROWS: Final = "seen"


class _Written:
    """Figures over rows of `origin` for which `rows` holds; `unsure` are the expressions whose columns may not be readable. Raises
    Inexpressible."""

    def __init__(
        self, figures: Figures, dialect: Dialect, origin: str, rows: str | None, unsure: Sequence[Node]
    ) -> None:
        self._figures, self._dialect, self._origin = figures, dialect, origin
        by = [sql.write(each.node, dialect) for each in figures.by]
        sums = [sql.write(each.node, dialect) for each in figures.sums]
        floats = [sql.write(node, dialect) for node in figures.floats]
        where = None if figures.where is None else sql.write(figures.where, dialect)
        self._texts = [dialect.text(each.node, at.value) for each, at in zip(figures.by, by, strict=True)]
        self._values = [each.value for each in sums]
        finite = [
            dialect.finite(node.type, each.value)
            for node, each in zip(
                [*(each.node for each in figures.sums), *figures.floats], [*sums, *floats], strict=True
            )
        ]
        answerable = sql.all_of(readable(unsure, dialect), *finite[len(sums) :], where and where.guard)
        valued = sql.all_of(*(each.guard for each in (*by, *sums)), *finite[: len(sums)])
        holds = where and where.value
        self._counted = sql.all_of(rows, answerable, holds, valued)
        lacking = sql.any_of(
            answerable and f"NOT ({answerable})", valued and sql.all_of(holds, f"NOT ({valued})")
        )
        self.lacking = lacking and sql.all_of(rows, lacking)

    def query(self) -> Query:
        lacking = self.lacking and f"SELECT COUNT(*) FROM {self._origin} WHERE {self.lacking}"
        return Query(self._groups(), self._runs() if len(self._values) == 1 else "", lacking)

    @property
    def _keys(self) -> list[str]:
        return [f"g{n}" for n in range(len(self._texts))]

    def _seen(self) -> str:
        """The rows that count, with nothing but what is grouped by and added up."""
        named = [f"{text} AS {key}" for text, key in zip(self._texts, self._keys, strict=True)]
        named += [f"{value} AS s{n}" for n, value in enumerate(self._values)]
        where = f" WHERE {self._counted}" if self._counted else ""
        return f"SELECT {', '.join(named) or '1 AS one'} FROM {self._origin}{where}"

    def _groups(self) -> str:
        keys = [self._dialect.exactly(key) for key in self._keys]
        totals = [
            total for n, each in enumerate(self._figures.sums) for total in self._totals(each.node, f"s{n}")
        ]
        selected = ", ".join([*keys, "COUNT(*)", *totals])
        return f"SELECT {selected} FROM ({self._seen()}) {_ROWS}{self._by(self._keys)}"

    def _totals(self, node: Node, name: str) -> list[str]:
        if node.type is FieldType.FLOAT:
            return [f"COALESCE(SUM({each}), 0)" for each in (name, f"ABS({name})")]
        return [self._dialect.total(node, name)]

    def _runs(self) -> str:
        """A number less its place among the numbers of its group is the same in all of a run."""
        exact = [self._dialect.exactly(key) for key in self._keys]
        keys = [f"{each} AS {key}" for each, key in zip(exact, self._keys, strict=True)]
        distinct = (
            f"SELECT DISTINCT {', '.join([*keys, 's0'])} FROM ({self._seen()}) {_ROWS} WHERE s0 IS NOT NULL"
        )
        among = f"PARTITION BY {', '.join(exact)} " if exact else ""
        run = f"s0 - ROW_NUMBER() OVER ({among}ORDER BY s0) AS run"
        placed = f"SELECT {', '.join([*keys, 's0', run])} FROM ({distinct}) numbered"
        selected = ", ".join([*exact, "MIN(s0)", "MAX(s0)"])
        return f"SELECT {selected} FROM ({placed}) placed{self._by(self._keys, ['run'], ['MIN(s0)'])}"

    def _by(self, keys: Sequence[str], also: Sequence[str] = (), then: Sequence[str] = ()) -> str:
        grouped = [*map(self._dialect.exactly, keys), *also]
        ordered = [*map(self._dialect.ordered, keys), *then]
        return (f" GROUP BY {', '.join(grouped)}" if grouped else "") + (
            f" ORDER BY {', '.join(ordered)}" if ordered else ""
        )


class NoValue(Exception):
    """A row for which one of the expressions has no value."""


class Contribution(NamedTuple):
    """What a row adds: to which group, given as canonical texts, and to each sum, None where it is NULL there."""

    key: tuple[str | None, ...]
    numbers: tuple[Decimal | float | None, ...]


class ByRow:
    """Figures row by row, in Python."""

    def __init__(self, figures: Figures) -> None:
        self._where = None if figures.where is None else _function(figures.where, canonical=False)
        self._by = [_function(each.node, canonical=True) for each in figures.by]
        self._sums = [_function(each.node, canonical=False) for each in figures.sums]
        self._floats = [_function(node, canonical=False) for node in figures.floats]

    def contribution(self, row: Row) -> Contribution | None:
        """What the legacy row adds; None where it doesn't count. Raises NoValue."""
        try:
            for each in self._floats:
                _number(each(row))
            if self._where is not None and not self._where(row):
                return None
            key = tuple(text_of(each(row)) for each in self._by)
            return Contribution(key, tuple(_number(each(row)) for each in self._sums))
        except python.FAILURES as error:
            raise NoValue(str(error)) from error


def _function(node: Node, *, canonical: bool) -> Callable[[Row], Any]:
    used, function = columns(node), python.function_of(node, canonical=canonical)
    return lambda row: function(*[read(column, row[column.name]) for column in used])


def _number(value: Any) -> Decimal | float | None:
    if value is None:
        return None
    if not math.isfinite(value):
        raise BadValue(f"{value} can't be added up")
    return value if isinstance(value, float) else Decimal(value)
