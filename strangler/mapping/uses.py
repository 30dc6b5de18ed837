"""What an entity's settings say of legacy tables: which of them it is made of, and which columns each of its expressions names.

From the configuration alone, without the legacy database: a column is in lower case, and in the table that its qualifier stands for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlglot import exp

from strangler.mapping.nodes import BEFORE
from strangler.mapping.origin import PARENT
from strangler.mapping.parsing import parse_expression
from strangler.mapping.wrong import Wrong
from strangler.settings import Children, Entity


class Used(NamedTuple):
    """A column of a legacy table, which is named as configured; the column is in lower case."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Part:
    """An entity, or children of it, with the tables that its expressions name columns of: alias → table, its own without one.

    `path` is that of its settings below the entity's: empty, or `children.lines`.
    """

    path: str
    section: Entity | Children
    tables: Mapping[str, str]

    def at(self, name: str) -> str:
        """The path of one of its settings."""
        return f"{self.path}.{name}" if self.path else name

    def columns(self, expression: str) -> frozenset[Used]:
        """The columns that an expression names; none of one that isn't SQL: that is said where it is compiled."""
        try:
            tree = parse_expression(expression)
        except Wrong:
            return frozenset()
        return frozenset(map(self._used, tree.find_all(exp.Column)))

    def _used(self, column: exp.Column) -> Used:
        qualifiers = [part.name.lower() for part in column.parts[:-1]]
        alias = ".".join(qualifiers[1:] if qualifiers[:1] == [BEFORE] else qualifiers)
        return Used(self.tables.get(alias, self.tables[""]), column.name.lower())


def parts(entity: Entity) -> Iterator[Part]:
    """The entity and its children of all levels, parents first."""
    yield from _parts("", entity, {})


def tables(entity: Entity) -> dict[str, str]:
    """Path below the entity's → the legacy table that is named there."""
    found = {}
    for part in parts(entity):
        found[part.at("table")] = part.section.table
        found |= {part.at(f"join.{alias}.table"): join.table for alias, join in part.section.join.items()}
    return found


def _parts(path: str, section: Entity | Children, above: Mapping[str, str]) -> Iterator[Part]:
    joins = {alias: join.table for alias, join in section.join.items()}
    part = Part(path, section, {"": section.table, **joins, **above})
    yield part
    under = {f"{PARENT}.{alias}".rstrip("."): table for alias, table in part.tables.items()}
    for name, children in section.children.items():
        yield from _parts(part.at(f"children.{name}"), children, under)
