"""Balances as they are declared: from the settings, checked against the mappings, to what is compared; or every problem at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from strangler.mapping import EntityMapping
from strangler.mapping.children import NO_KEY_TYPES
from strangler.mapping.conversions import shown_type
from strangler.mapping.figures import Figures, fields_of, figures
from strangler.mapping.nodes import Node, columns
from strangler.mapping.problems import Problems
from strangler.mapping.python_functions import NONE as NO_FUNCTIONS
from strangler.mapping.rows import Named
from strangler.names import nearest
from strangler.parts import Part, parts_of
from strangler.reconcile.balances import gaps
from strangler.reconcile.balances.groups import Amount, Approximate
from strangler.settings import Balance as Section
from strangler.settings import BalanceTolerance
from strangler.shapes import FieldType, Table

COUNT: Final = "count"
"""The name of the figure that counts rows."""

ADDED_UP: Final = (FieldType.INTEGER, FieldType.DECIMAL, FieldType.FLOAT)


@dataclass(frozen=True, slots=True)
class Balance:
    """Figures of a part of an entity that must be alike on both sides.

    `gaps`: the one sum of `figures` is a number, and what counts is which are missing. `ledger` is SQL of the legacy side's figures,
    None where they are those of the mapping. `hidden` are the dimensions and figures whose values nobody may see.
    """

    name: str
    part: Part
    figures: Figures
    count: bool
    gaps: bool
    ledger: str | None
    tolerance: BalanceTolerance | None
    hidden: frozenset[str]

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The names of the dimensions."""
        return tuple(each.name for each in self.figures.by)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of a group's figures; the count isn't among them."""
        return gaps.FIGURES if self.gaps else tuple(each.name for each in self.figures.sums)

    @property
    def nothing(self) -> tuple[Amount, ...]:
        """The figures of a group that a side doesn't have."""
        if self.gaps:
            return gaps.NONE
        return tuple(
            Approximate(0.0, 0.0) if each.node.type is FieldType.FLOAT else Decimal(0)
            for each in self.figures.sums
        )


def compile_balances(
    sections: Mapping[str, Section], function: str, mappings: Sequence[EntityMapping]
) -> list[Balance]:
    """The function's balances over its compiled entities. Raises MappingError, whose problems have paths from `functions.<function>` on."""
    problems = Problems(f"functions.{function}.balances", {}, NO_FUNCTIONS)
    parts = {part.mapping.shape.entity: part for mapping in mappings for part in parts_of(mapping)}
    compiled = [_compiled(name, section, parts, problems.below(name)) for name, section in sections.items()]
    problems.raise_if_any()
    return [balance for balance in compiled if balance is not None]


def _compiled(name: str, section: Section, parts: Mapping[str, Part], problems: Problems) -> Balance | None:
    part = parts.get(section.of)
    if part is None:
        meant = nearest(section.of, parts) or f"one of: {', '.join(parts)}"
        problems.add("of", f"there is no entity {section.of!r} in the function", meant)
        return None
    table = fields_of(part.mapping.shape)
    where = None if section.where is None else _condition(section.where, table, problems)
    by = [_dimension(each, text, table, problems) for each, text in section.by.items()]
    if section.gaps is None:
        sums = [_sum(each, text, table, problems) for each, text in section.sums.items()]
    else:
        sums = [_number(section.gaps, table, problems)]
    if (section.where is not None and where is None) or None in by or None in sums:
        return None
    compiled = figures([each for each in by if each], [each for each in sums if each], where)
    return Balance(
        name=name,
        part=part,
        figures=compiled,
        count=section.gaps is None and (section.legacy is None if section.count is None else section.count),
        gaps=section.gaps is not None,
        ledger=section.legacy,
        tolerance=section.tolerance,
        hidden=_hidden(compiled, part.mapping.sensitive, section.gaps is not None),
    )


def _dimension(name: str, expression: str, table: Table, problems: Problems) -> Named | None:
    path = f"by.{name}"
    node = _checked(path, expression, table, problems)
    if node is not None and node.type in (*NO_KEY_TYPES, FieldType.BYTES):
        what = f"this is {shown_type(node.type)}, by which nothing can be grouped\n    {expression}"
        problems.add(path, what, "a text, a number, a date; CAST(… AS DECIMAL(16, 2)) of a float")
        return None
    return None if node is None else Named(name, node)


def _sum(name: str, expression: str, table: Table, problems: Problems) -> Named | None:
    path = f"sums.{name}"
    node = _checked(path, expression, table, problems)
    if node is not None and node.type not in ADDED_UP:
        problems.add(path, f"this is {shown_type(node.type)}, not a number\n    {expression}", "a number")
        return None
    return None if node is None else Named(name, node)


def _number(expression: str, table: Table, problems: Problems) -> Named | None:
    node = _checked("gaps", expression, table, problems)
    if node is not None and node.type is not FieldType.INTEGER:
        what = f"this is {shown_type(node.type)}, not an integer\n    {expression}"
        problems.add("gaps", what, "CAST(… AS INTEGER), of the digits alone")
        return None
    return None if node is None else Named("number", node)


def _condition(expression: str, table: Table, problems: Problems) -> Node | None:
    return _without_bytes("where", problems.condition("where", expression, table), problems)


def _checked(path: str, expression: str, table: Table, problems: Problems) -> Node | None:
    return _without_bytes(path, problems.checked(path, expression, table), problems)


def _without_bytes(path: str, node: Node | None, problems: Problems) -> Node | None:
    """The expression, if it holds. A store's bytes are hex in some databases, so nothing computes with them."""
    for column in columns(node) if node is not None else ():
        if column.type is FieldType.BYTES:
            problems.add(path, f"{column.name} is bytes, which a balance doesn't look into", "another field")
            return None
    return node


def _hidden(figures: Figures, sensitive: frozenset[str], numbers: bool) -> frozenset[str]:
    """What is computed from sensitive fields: of one row in a group its sum is the value itself."""
    found = {
        each.name
        for each in (*figures.by, *figures.sums)
        if any(column.name in sensitive for column in columns(each.node))
    }
    return frozenset(found | set(gaps.FIGURES) if numbers and figures.sums[0].name in found else found)
