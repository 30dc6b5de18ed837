"""From the settings of an entity and its legacy table to a compiled mapping, or to every problem with it at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from strangler.changes import Operation
from strangler.mapping.children import NO_KEY_TYPES, Parent, check_names, compile_children
from strangler.mapping.code_maps import CodeMaps
from strangler.mapping.cohorts import checked_cohort
from strangler.mapping.entity import EntityMapping, mapped
from strangler.mapping.inverse import Inverse, compile_inverse
from strangler.mapping.joining import Tables, joined
from strangler.mapping.names import KINDS, default_name, is_past_tense
from strangler.mapping.nodes import Node, columns, olds, surrogates
from strangler.mapping.origin import Origin
from strangler.mapping.plans import (
    check_sensitive,
    checked_fields,
    named,
    pruned,
    reversed_fields,
    shape_of,
)
from strangler.mapping.problems import Problems
from strangler.mapping.python_functions import NONE, PythonFunctions
from strangler.mapping.rows import Plan, Rule
from strangler.mapping.tolerances import check_tolerances
from strangler.sensitive import NOTHING, Sensitive, key_columns
from strangler.settings import Entity
from strangler.shapes import Table

_NO_CODE_MAPS: Final[CodeMaps] = {}

_NO_TABLES: Final[Tables] = {}


def compile_entity(
    function: str,
    name: str,
    entity: Entity,
    table: Table,
    code_maps: CodeMaps = _NO_CODE_MAPS,
    sensitive: Sensitive = NOTHING,
    functions: PythonFunctions = NONE,
    others: Tables = _NO_TABLES,
    cohort: str | None = None,
) -> EntityMapping:
    """Compile the mapping of the function's entity `name` from the legacy table; `code_maps` are what LOOKUP may name,
    `functions` the Python functions, `others` the tables that its joins and children name, `cohort` the expression over its fields that
    names the cohort of a row.

    Raises MappingError, whose `problems` are all that is wrong: the path of each is
    `functions.<function>.entities.<name>.…`, of the cohort `functions.<function>.cohorts.of.<name>`, its text shows the expression with
    the place marked.
    """
    all = Problems(f"functions.{function}", code_maps, functions)
    problems = all.below(f"entities.{name}")
    root = replace(table, removal=None, whole_removal="") if entity.join or entity.children else table
    origin = joined(Origin(root), entity.join, others, problems)
    fields = checked_fields(entity.fields, origin.table, problems)
    where = _where(entity, origin.table, problems)
    rules = _rules(entity, origin.table, problems)
    _check_key(entity, fields, origin.table, problems)
    check_names(entity, (), problems)
    check_tolerances(entity.tolerances, fields, problems)
    keys = key_columns(entity)
    check_sensitive(entity.fields, fields, origin, keys, problems)
    reversed = reversed_fields(name, entity.fields, fields, table, problems)
    plan = Plan(
        entity=name,
        origin=origin,
        key=tuple(entity.key),
        fields=named(fields),
        where=where,
        rules=rules,
        default={operation: default_name(name, operation) for operation in KINDS},
        sensitive=sensitive.columns,
    )
    into = entity.into or name
    if cohort is not None and None not in fields.values():
        plan = _with_cohort(cohort, plan, function, into, sensitive, all.below("cohorts.of"))
    parent = Parent(function, plan, into, others, sensitive, keys)
    children = [compile_children(parent, each, entity.children[each], problems) for each in entity.children]
    problems.raise_if_any()
    made = tuple(child for child in children if child is not None)
    plan = pruned(plan, [child.mapping.plan for child in made])
    inverse = compile_inverse(plan, entity.fields, reversed)
    _check_cross_reference(plan, inverse, problems)
    problems.raise_if_any()
    return mapped(function, into, plan, table, made, sensitive.fields, inverse, tolerances=entity.tolerances)


def _with_cohort(
    expression: str, plan: Plan, function: str, into: str, sensitive: Sensitive, problems: Problems
) -> Plan:
    """The plan with the cohort of its rows. An old row must tell it too: it decides whose a removal is, and a change."""
    cohort = checked_cohort(expression, shape_of(function, plan, into, ()), plan, sensitive.fields, problems)
    if cohort is not None:
        _check_removal(plan.entity, "it says whose the row was", cohort.of_row, plan.table, problems)
    return replace(plan, cohort=cohort)


def _where(entity: Entity, table: Table, problems: Problems) -> Node | None:
    """Which rows are the entity's. The old row must say so too, or rows that never were would be removed."""
    if entity.where is None:
        return None
    node = problems.condition("where", entity.where, table)
    if node is not None and table.whole_removal:
        _check_removal("where", "it is asked of old rows", node, table, problems)
    return node


def _rules(entity: Entity, table: Table, problems: Problems) -> dict[Operation, tuple[Rule, ...]]:
    """The names of events by operation, each with its condition, checked."""
    rules: dict[Operation, list[Rule]] = {operation: [] for operation in KINDS}
    for operation, kind in KINDS.items():
        for index, event in enumerate(getattr(entity.events, kind)):
            path = f"events.{kind}.{index}"
            if not is_past_tense(event.name):
                problems.add(
                    path,
                    f"{event.name} isn't in the past tense: an event says what has happened",
                    "a name like PartyDeactivated",
                )
            when = None
            if event.when is not None:
                when = problems.condition(f"{path}.when", event.when, table, operation is Operation.UPDATE)
                if when is not None and operation is Operation.DELETE:
                    _check_removal(f"{path}.when", "it is asked of removed rows", when, table, problems)
                if when is not None and operation is Operation.UPDATE:
                    _check_before(f"{path}.when", when, table, problems)
            rules[operation].append(Rule(event.name, when))
    return {operation: tuple(listed) for operation, listed in rules.items()}


def _check_key(entity: Entity, fields: dict[str, Node | None], table: Table, problems: Problems) -> None:
    """The key fields exist, have a type that identifies, and come from the row. That none is NULL is seen row by row."""
    if not table.key:
        problems.add(
            "table",
            f"{table.name} has no primary key, so its rows can't be told apart",
            "a table with a primary key",
        )
    if len(set(entity.key)) != len(entity.key):
        problems.add("key", "a field is named twice")
    for name in entity.key:
        if name not in fields:
            problems.add("key", f"the key field {name!r} isn't in `fields`", f"one of {', '.join(fields)}")
        elif (node := fields[name]) is not None and node.type in NO_KEY_TYPES:
            problems.add(
                "key",
                f"the key field {name!r} is {node.type.value}, which doesn't identify",
                "a field of another type",
            )
    for name in entity.key:
        if (node := fields.get(name)) is not None:
            _check_removal(f"fields.{name}", "it is part of the key", node, table, problems)
    known = [fields.get(name) for name in entity.key]
    if all(known) and not any(columns(node) for node in known if node is not None):
        problems.add(
            "key",
            "no key field comes from a column, so every row would have the same key",
            "a field that tells rows apart",
        )


def _check_cross_reference(plan: Plan, inverse: Inverse, problems: Problems) -> None:
    """Whoever has a surrogate has to find the legacy key: the store's other fields hold it."""
    for field in plan.key_fields:
        made_of = [column.name for each in surrogates(field.node) for column in columns(each)]
        missing = [name for name in dict.fromkeys(made_of) if name not in inverse.columns]
        if missing:
            problems.add(
                f"fields.{field.name}",
                f"from a surrogate the legacy key can't be told, and no other field brings {', '.join(missing)} back",
                ", ".join(f"legacy_{name.lower()}: {name}" for name in missing)
                + " among the fields, so that the store holds both keys",
            )


def _check_removal(path: str, role: str, node: Node, table: Table, problems: Problems) -> None:
    """What says which entity was removed, or how that is called, must be sent with the removal."""
    if table.removal is None or not table.key:
        return
    missing = [column.name for column in columns(node) if column.name not in table.removal]
    if missing:
        problems.add(
            path,
            f"{role}, but {table.name} doesn't tell {', '.join(missing)} when a row is removed or its key changes",
            table.whole_removal,
        )


def _check_before(path: str, node: Node, table: Table, problems: Problems) -> None:
    """The old values that a condition names must be sent with every change."""
    if table.removal is None or not table.key:
        return
    missing = [name for name in olds(node, table) if name not in table.removal]
    if missing:
        problems.add(
            path,
            f"it asks for `before`, but {table.name} doesn't tell what {', '.join(missing)} was when a row is changed",
            table.whole_removal,
        )
