"""A mapping written out as one SELECT in the new shape, for people: field by field, with what a dialect can't say, and why.

Of the dialects that databases are asked in it is what backfill asks; of the others, what means the same as far as that is sure. A row
that can't be translated isn't selected, as far as the dialect can tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from strangler.mapping import sql
from strangler.mapping.dialects import DIALECTS, TRANSPILED, Inexpressible, Writer
from strangler.mapping.nodes import Node, Reference, columns
from strangler.mapping.plans import needed
from strangler.mapping.rows import Plan

WRITERS: Final[dict[str, Writer]] = {**DIALECTS, **TRANSPILED}
"""By sqlglot's name."""


@dataclass(frozen=True, slots=True)
class Unsaid:
    """A field, or the condition `where`, that the dialect can't say."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class WrittenOut:
    """The SELECT; None: there is none, since no field can be said. `notes`: of fields that are said, what isn't told apart there."""

    select: str | None
    unsaid: tuple[Unsaid, ...]
    notes: tuple[Unsaid, ...]


def written_out(plan: Plan, dialect: str) -> WrittenOut:
    """The plan's SELECT in a dialect of WRITERS."""
    writer = WRITERS[dialect]
    said, conditions, unsaid, notes = [], [], [], []
    for field in plan.fields:
        key = field.name in plan.key
        try:
            value, holds = _value(field.node, key, plan, writer)
        except Inexpressible as error:
            unsaid.append(Unsaid(field.name, str(error)))
            continue
        said.append(f"{value} AS {writer.quote(field.name)}")
        conditions += holds
        if note := writer.note(field.node):
            notes.append(Unsaid(field.name, note))
    if plan.where is not None:
        try:
            conditions = [*_condition(plan.where, writer), *conditions]
        except Inexpressible as error:
            unsaid.append(Unsaid("where", str(error)))
    select = None
    if said:
        select = "\n".join(_select(said, plan.origin.from_(needed(plan), dialect), dict.fromkeys(conditions)))
    return WrittenOut(select, tuple(unsaid), tuple(notes))


def _value(node: Node, key: bool, plan: Plan, writer: Writer) -> tuple[str, list[str]]:
    """The field's value, and the conditions under which it has one."""
    value, guard = sql.write(node, writer)
    conditions = [*_readable(node, writer), *([guard] if guard else [])]
    if key and not (isinstance(node, Reference) and node.column.name in plan.table.key):
        if note := writer.note(node):
            raise Inexpressible(f"it is part of the key, which can't be NULL: {note}")
        conditions.append(writer.present(node, value))
    return writer.value(node, value), conditions


def _condition(where: Node, writer: Writer) -> list[str]:
    belongs, guard = sql.write(where, writer)
    return [*_readable(where, writer), *([guard] if guard else []), belongs]


def _readable(node: Node, writer: Writer) -> list[str]:
    found = (writer.readable(column) for column in columns(node))
    return [condition for condition in found if condition is not None]


def _select(said: list[str], table: str, conditions: dict[str, None]) -> Iterator[str]:
    yield "SELECT"
    yield ",\n".join(f"  {each}" for each in said)
    yield f"FROM {table}"
    if conditions:
        yield "WHERE " + "\n  AND ".join(f"({each})" for each in conditions)
