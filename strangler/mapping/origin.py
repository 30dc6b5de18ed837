"""Origins: the rows that an expression is over, where they come from more than one legacy table.

A row and the rows that are joined to it are seen as one flat row: its own columns by their names, those of a join as
`alias.column`. What children stand under is joined to them too, as `parent`. Every join leads to one row at most, for it holds the
other table's whole primary key; so a flat row is as good as a table's, and has that table's key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from sqlglot import exp

from strangler.mapping.dialects import DIALECTS
from strangler.mapping.legacy import quoted, statement, table_of
from strangler.shapes import Column, FieldType, Table

PARENT: Final = "parent"
"""The alias of the row that children stand under."""

OWN: Final = "self"
"""The alias of the row itself, where SQL needs one; no join may have it."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that a column of the joined row must have; a text or an integer."""

    value: str | int


@dataclass(frozen=True, slots=True)
class Joined:
    """A row of another table. `on`: each column of its primary key, and of others that it must match → the flat column that it
    equals, or a constant. `required`: without it there is no row at all."""

    alias: str
    table: Table
    on: tuple[tuple[str, str | Constant], ...]
    required: bool = False

    @property
    def is_above(self) -> bool:
        """Whether it is what children stand under, or joined to that."""
        return self.alias == PARENT or self.alias.startswith(f"{PARENT}.")

    def name(self, column: str) -> str:
        """The flat column of a column of its table."""
        return f"{self.alias}.{column}"

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its columns as the flat row has them."""
        return tuple(
            replace(column, name=self.name(column.name), nullable=column.nullable or not self.required)
            for column in self.table.columns
        )


@dataclass(frozen=True)
class Origin:
    """A legacy table, and what is joined to it; a join stands behind those that it leads on from."""

    root: Table
    joins: tuple[Joined, ...] = ()

    @cached_property
    def table(self) -> Table:
        """The flat rows as a table. With joins there is a mirror, which knows old rows whole."""
        if not self.joins:
            return self.root
        joined = [column for join in self.joins for column in join.columns]
        return replace(self.root, columns=(*self.root.columns, *joined), removal=None, whole_removal="")

    @cached_property
    def places(self) -> Mapping[str, tuple[Joined | None, Column]]:
        """Flat column → the join it comes from (None: the table itself), and the column there."""
        found: dict[str, tuple[Joined | None, Column]] = {
            join.name(column.name): (join, column) for join in self.joins for column in join.table.columns
        }
        return found | {column.name: (None, column) for column in self.root.columns}

    def only(self, names: Iterable[str]) -> Origin:
        """With the joins that these flat columns come from, those that are required, and those that lead there."""
        wanted = set(names)
        kept: list[Joined] = []
        for join in reversed(self.joins):
            if join.required or any(join.name(column.name) in wanted for column in join.table.columns):
                wanted.update(origin for _, origin in join.on if isinstance(origin, str))
                kept.append(join)
        return Origin(self.root, tuple(reversed(kept)))

    def needed(self, names: Iterable[str]) -> tuple[str, ...]:
        """These flat columns and all by which rows are found: the table's key and what joins lead on from. In the order of the row."""
        wanted = {*names, *self.root.key}
        for join in self.joins:
            wanted.update(origin for _, origin in join.on if isinstance(origin, str))
        return tuple(column.name for column in self.table.columns if column.name in wanted)

    def under(self, alias: str) -> tuple[Joined, ...]:
        """The same rows as joins of another: its own as `alias`, those joined to it as `alias.…`. How it is found isn't said."""
        own = Joined(alias, self.root, (), required=True)
        return (
            own,
            *(
                replace(
                    join,
                    alias=f"{alias}.{join.alias}",
                    on=tuple((column, _under(alias, origin)) for column, origin in join.on),
                )
                for join in self.joins
            ),
        )

    def from_(self, columns: Iterable[str], dialect: str) -> str:
        """What a SELECT of these flat columns is from, in the dialect: the table, or its joins as one."""
        if not self.joins:
            return statement(table_of(self.root), dialect)
        selected = ", ".join(f"{self._at(name, dialect)} AS {quoted(name, dialect)}" for name in columns)
        joins = " ".join(self._join(join, dialect) for join in self.joins)
        root = f"{statement(table_of(self.root), dialect)} {quoted(OWN, dialect)}"
        name = quoted(self.root.name.rpartition(".")[2], dialect)
        return f"(SELECT {selected} FROM {root} {joins}) {name}"

    def orphans(self, dialect: str) -> str | None:
        """A SELECT of the key of the rows that name a row to stand under which isn't there, in the dialect; None: they stand under
        none."""
        above = next((join for join in self.joins if join.alias == PARENT), None)
        if above is None:
            return None
        links = [(column, origin) for column, origin in above.on if isinstance(origin, str)]
        key = ", ".join(self._at(name, dialect) for name in self.root.key)
        named = " AND ".join(f"{self._at(origin, dialect)} IS NOT NULL" for _, origin in links)
        same = " AND ".join(self._same(above, column, origin, dialect) for column, origin in links)
        parent = f"{statement(table_of(above.table), dialect)} {quoted(PARENT, dialect)}"
        own = f"{statement(table_of(self.root), dialect)} {quoted(OWN, dialect)}"
        return f"SELECT {key} FROM {own} WHERE {named} AND NOT EXISTS (SELECT 1 FROM {parent} WHERE {same})"

    def _join(self, join: Joined, dialect: str) -> str:
        kind = "JOIN" if join.required else "LEFT JOIN"
        on = " AND ".join(self._same(join, column, origin, dialect) for column, origin in join.on)
        return f"{kind} {statement(table_of(join.table), dialect)} {quoted(join.alias, dialect)} ON {on}"

    def _same(self, join: Joined, column: str, origin: str | Constant, dialect: str) -> str:
        left = f"{quoted(join.alias, dialect)}.{quoted(column, dialect)}"
        if isinstance(origin, Constant):
            value = (
                exp.Literal.string(origin.value)
                if isinstance(origin.value, str)
                else exp.convert(origin.value)
            )
            right = statement(value, dialect)
        else:
            right = self._at(origin, dialect)
        known = DIALECTS.get(dialect)
        kind = self.places[join.name(column)][1].type
        return known.same(left, right, kind) if known else f"{left} = {right}"

    def _at(self, name: str, dialect: str) -> str:
        join, column = self.places[name]
        return f"{quoted(join.alias if join else OWN, dialect)}.{quoted(column.name, dialect)}"


def _under(alias: str, origin: str | Constant) -> str | Constant:
    return f"{alias}.{origin}" if isinstance(origin, str) else origin


_NUMBERS: Final = (FieldType.INTEGER, FieldType.DECIMAL)

_UNFIT: Final = (FieldType.FLOAT, FieldType.JSON)


def joinable(one: FieldType, other: FieldType) -> bool:
    """Whether values of the two types can be the same."""
    if one in _UNFIT or other in _UNFIT:
        return False
    return one is other or (one in _NUMBERS and other in _NUMBERS)
