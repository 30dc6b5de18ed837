"""What is made of a plan whatever it is of, an entity or its children: the shape, the columns that it needs, its version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from strangler.mapping.inverse.reverse import Fill, fills
from strangler.mapping.nodes import Node, columns, olds
from strangler.mapping.origin import PARENT, Origin
from strangler.mapping.problems import Problems
from strangler.mapping.rows import Named, Plan
from strangler.settings import Fields
from strangler.shapes import Field, Shape, Table, Under

LANGUAGE_VERSION: Final = 1
"""Grows when the meaning of an operation changes, so that what was translated before is known to differ."""


def checked_fields(fields: Fields, table: Table, problems: Problems) -> dict[str, Node | None]:
    """Field → its checked expression; None where something is wrong with it, which is then noted."""
    return {name: problems.checked(f"fields.{name}", field.value, table) for name, field in fields.items()}


def named(fields: Mapping[str, Node | None]) -> tuple[Named, ...]:
    """The fields whose expressions hold."""
    return tuple(Named(name, node) for name, node in fields.items() if node is not None)


def check_sensitive(
    fields: Fields,
    checked: Mapping[str, Node | None],
    origin: Origin,
    keys: frozenset[tuple[str, str]],
    problems: Problems,
) -> None:
    """By the legacy key rows are named where their entity can't be told, and how far a backfill is; so are those that they stand
    under. `keys`: the columns that the entity's key is made of, which can't be sensitive at all."""
    named_by = [("", origin.root)] + [
        (join.alias + ".", join.table) for join in origin.joins if join.required
    ]
    shown = {
        alias + name: (name, table.name)
        for alias, table in named_by
        for name in table.key
        if (table.name.rpartition(".")[2].lower(), name.lower()) not in keys
    }
    for name, field in fields.items():
        node = checked[name] if field.sensitive else None
        for column in columns(node) if node is not None else ():
            if column.name in shown:
                what, table = shown[column.name]
                problems.add(
                    f"fields.{name}.sensitive",
                    f"{what} is part of the key of {table}, by which its rows are named, so it can't be masked",
                    "an expression without it, or sensitive: false",
                )
                break


def reversed_fields(
    name: str, fields: Fields, checked: Mapping[str, Node | None], table: Table, problems: Problems
) -> list[Fill]:
    """What the fields' `reverse:` fill. They are over the fields, so they wait until each of these has a type."""
    typed = {field: node for field, node in checked.items() if node is not None}
    if len(typed) < len(fields):
        return []
    found, mistakes = fills(name, fields, typed, table, problems.code_maps, problems.functions)
    for mistake in mistakes:
        problems.add(*mistake)
    return found


def pruned(plan: Plan, below: Iterable[Plan]) -> Plan:
    """The plan without the joins that nothing is read from, neither by itself nor by the plans of its children."""
    prefix = f"{PARENT}."
    also = frozenset(
        name.removeprefix(prefix)
        for child in below
        for name in read(replace(child, cohort=None))  # Whose the children are it reads for itself.
        if name.startswith(prefix)
    )
    plan = replace(plan, also=also)
    return replace(plan, origin=plan.origin.only(read(plan)))


def needed(plan: Plan) -> tuple[str, ...]:
    """Every column of the flat row that is needed, in its order."""
    return plan.origin.needed(read(plan))


def reads(plan: Plan) -> dict[str, set[str]]:
    """Legacy table as configured → the columns of it that are needed; its key is always."""
    found: dict[str, set[str]] = {plan.origin.root.name: set(plan.origin.root.key)}
    for join in plan.origin.joins:
        found.setdefault(join.table.name, set()).update(join.table.key, (column for column, _ in join.on))
    for name in needed(plan):
        place, column = plan.origin.places[name]
        found[place.table.name if place else plan.origin.root.name].add(column.name)
    return found


def read(plan: Plan) -> set[str]:
    """The columns of the flat row that its expressions name, and its children's."""
    return {name for node in _nodes(plan) for name in _in(node, plan.origin)} | plan.also


def _nodes(plan: Plan) -> list[Node]:
    nodes = [field.node for field in plan.fields]
    nodes += [rule.when for rules in plan.rules.values() for rule in rules if rule.when is not None]
    nodes += [plan.cohort.of_row] if plan.cohort is not None else []
    return nodes + ([plan.where] if plan.where is not None else [])


def _in(node: Node, origin: Origin) -> Iterable[str]:
    """The columns of the flat row that the expression names, those of the old row too."""
    table = origin.table
    return {*olds(node, table), *(each.name for each in columns(node) if table.column(each.name))}


def shape_of(
    function: str,
    plan: Plan,
    into: str,
    children: Sequence[tuple[str, Shape]],
    under: Under | None = None,
) -> Shape:
    """The shape of what the plan makes."""
    fields = tuple(
        Field(field.name, field.node.type, field.node.nullable and field.name not in plan.key)
        for field in plan.fields
    )
    return Shape(function, plan.entity, into, plan.key, fields, tuple(children), under)


def version(function: str, into: str, plan: Plan, children: Sequence[Any] = ()) -> str:
    """Layout doesn't count (` a||b ` is `a || b`); what comes out does, and so do the types of the columns that go in."""
    plan = replace(plan, cohort=None)  # Whose the rows are makes them no other ones.
    plan = replace(plan, origin=plan.origin.only(read(plan)))
    used = set(needed(plan))
    decisive = [
        LANGUAGE_VERSION,
        function,
        plan.entity,
        into,
        plan.table.name,
        plan.table.key,
        [(join.alias, join.table.name, join.on, join.required) for join in plan.origin.joins],
        [(c.name, c.type, c.nullable, c.declared) for c in plan.table.columns if c.name in used],
        plan.key,
        [(field.name, field.node.type, str(field.node)) for field in plan.fields],
        str(plan.where),
        [(kind, [(rule.name, str(rule.when)) for rule in rules]) for kind, rules in plan.rules.items()],
        children,
    ]
    return hashlib.sha256(orjson.dumps(decisive)).hexdigest()[:12]
