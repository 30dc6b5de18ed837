"""Cohorts: which slice of the function a row is of, by an expression over the entity's fields.

In a store a field is its column; on the legacy side it is the mapping's own expression put in its place. So the cohort of a row is the same
on both sides, and the stream tells it of a removed row too.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Final

from strangler.mapping.building import text
from strangler.mapping.conversions import shown_type
from strangler.mapping.figures import fields_of
from strangler.mapping.nodes import Node, columns, replaced
from strangler.mapping.problems import Problems
from strangler.mapping.rows import Cohort, Plan
from strangler.mapping.typing import check
from strangler.shapes import Column, FieldType, Shape, Table

NAMING: Final = (FieldType.TEXT, FieldType.INTEGER)
"""The types whose values name a cohort: they are written alike everywhere."""


def checked_cohort(
    expression: str, shape: Shape, plan: Plan, sensitive: Collection[str], problems: Problems
) -> Cohort | None:
    """The expression, if it holds; None when something is wrong with it, which is then noted under the entity's name."""
    entity = shape.entity
    node = problems.checked(entity, expression, fields_of(shape))
    if node is None:
        return None
    if node.type not in NAMING:
        what = f"this is {shown_type(node.type)}, which names no cohort\n    {expression}"
        problems.add(entity, what, "a text or an integer")
        return None
    for column in columns(node):
        if column.name in sensitive:
            what = f"{column.name} is sensitive, and the names of cohorts are shown to everybody"
            problems.add(entity, what, "another field")
            return None
        if column.type is FieldType.BYTES:
            problems.add(entity, f"{column.name} is bytes, which nothing looks into", "another field")
            return None
    fields = {field.name: field.node for field in plan.fields}
    named = text(node)
    return Cohort(named, replaced(named, lambda column: fields[column.name]))


_NAMED: Final = Table("cohort", (Column("cohort", FieldType.TEXT, True, "text"),), ("cohort",))


def among(cohort: Node, names: Collection[str], *, included: bool) -> Node:
    """The condition that a cohort is one of these, or that it is none of them; one that is NULL is none."""
    return replaced(_among(tuple(sorted(names)), included), lambda column: cohort)


@lru_cache(maxsize=64)
def _among(names: tuple[str, ...], included: bool) -> Node:
    if not names:
        return check("FALSE" if included else "TRUE", _NAMED, {})
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    written = f"cohort IN ({quoted})"
    return check(written if included else f"cohort IS NULL OR NOT {written}", _NAMED, {})
