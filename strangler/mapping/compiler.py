"""From the settings of an entity and its legacy table to a compiled mapping, or to every problem with it at once."""

from __future__ import annotations

import functools
import hashlib
from typing import Final

import orjson

from strangler.changes import Operation
from strangler.errors import MappingError, Problem
from strangler.mapping.code_maps import CodeMaps
from strangler.mapping.entity import EntityMapping
from strangler.mapping.inverse import Inverse, compile_inverse
from strangler.mapping.inverse.reverse import Fill, fills
from strangler.mapping.names import KINDS, default_name, is_past_tense
from strangler.mapping.nodes import Node, columns, olds, surrogates
from strangler.mapping.python_functions import NONE, PythonFunctions
from strangler.mapping.rows import Named, Plan, Rule, compile_rows
from strangler.mapping.select import compile_select
from strangler.mapping.typing import check
from strangler.mapping.wrong import Wrong
from strangler.sensitive import NOTHING, Sensitive, key_columns
from strangler.settings import Entity
from strangler.shapes import Field, FieldType, Shape, Table

LANGUAGE_VERSION: Final = 1
"""Grows when the meaning of an operation changes, so that what was translated before is known to differ."""

_NO_KEY_TYPES: Final = (FieldType.FLOAT, FieldType.JSON)


_NO_CODE_MAPS: Final[CodeMaps] = {}


def compile_entity(
    function: str,
    name: str,
    entity: Entity,
    table: Table,
    code_maps: CodeMaps = _NO_CODE_MAPS,
    sensitive: Sensitive = NOTHING,
    functions: PythonFunctions = NONE,
) -> EntityMapping:
    """Compile the mapping of the function's entity `name` from the legacy table; `code_maps` are what LOOKUP may name, and
    `functions` the Python functions.

    Raises MappingError, whose `problems` are all that is wrong: the path of each is
    `functions.<function>.entities.<name>.…`, its text shows the expression with the place marked.
    """
    problems = _Problems(f"functions.{function}.entities.{name}", code_maps, functions)
    fields = {
        name: problems.checked(f"fields.{name}", field.value, table) for name, field in entity.fields.items()
    }
    where = _where(entity, table, problems)
    rules = _rules(entity, table, problems)
    _check_key(entity, fields, table, problems)
    _check_sensitive(entity, fields, table, problems)
    reversed = _reversed(name, entity, fields, table, problems)
    problems.raise_if_any()
    plan = Plan(
        entity=name,
        table=table,
        key=tuple(entity.key),
        fields=tuple(Named(field, node) for field, node in fields.items() if node is not None),
        where=where,
        rules=rules,
        default={operation: default_name(name, operation) for operation in KINDS},
        sensitive=sensitive.columns,
    )
    inverse = compile_inverse(plan, entity.fields, reversed)
    _check_cross_reference(plan, inverse, problems)
    problems.raise_if_any()
    rows = compile_rows(plan)
    return EntityMapping(
        shape=_shape(function, name, entity, plan),
        table=table,
        columns=_columns(plan),
        version=_version(function, entity, plan),
        translate=rows.translate,
        key_of=rows.key_of,
        event_name=rows.event_name,
        belongs=rows.belongs,
        select=functools.cache(functools.partial(compile_select, plan, _columns(plan))),
        plan=plan,
        sensitive=sensitive.fields,
        inverse=inverse,
    )


class _Problems:
    """Collects what is wrong, each with its path below the entity's."""

    def __init__(self, path: str, code_maps: CodeMaps, functions: PythonFunctions) -> None:
        self._path, self.code_maps, self.functions = path, code_maps, functions
        self._found: list[Problem] = []

    def add(self, path: str, what: str, instead: str = "") -> None:
        self._found.append(Problem("", None, f"{self._path}.{path}", what, instead))

    def checked(self, path: str, expression: str, table: Table, two_rows: bool = False) -> Node | None:
        """The checked expression; None when something is wrong with it, which is then noted."""
        try:
            return check(expression, table, self.code_maps, two_rows, self.functions)
        except Wrong as wrong:
            self.add(path, wrong.shown(expression), wrong.instead)
            return None

    def condition(self, path: str, expression: str, table: Table) -> Node | None:
        """The same of an expression that must be a condition."""
        node = self.checked(path, expression, table)
        if node is not None and node.type is not FieldType.BOOLEAN:
            self.add(path, f"this is {node.type.value}, not a condition\n    {expression}", "a comparison")
        return node

    def raise_if_any(self) -> None:
        if self._found:
            raise MappingError.of(self._found)


def _where(entity: Entity, table: Table, problems: _Problems) -> Node | None:
    """Which rows are the entity's. The old row must say so too, or rows that never were would be removed."""
    if entity.where is None:
        return None
    node = problems.condition("where", entity.where, table)
    if node is not None and table.whole_removal:
        _check_removal("where", "it is asked of old rows", node, table, problems)
    return node


def _rules(entity: Entity, table: Table, problems: _Problems) -> dict[Operation, tuple[Rule, ...]]:
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
                when = problems.checked(f"{path}.when", event.when, table, operation is Operation.UPDATE)
                if when is not None and operation is Operation.DELETE:
                    _check_removal(f"{path}.when", "it is asked of removed rows", when, table, problems)
                if when is not None and operation is Operation.UPDATE:
                    _check_before(f"{path}.when", when, table, problems)
                if when is not None and when.type is not FieldType.BOOLEAN:
                    problems.add(
                        f"{path}.when",
                        f"this is {when.type.value}, not a condition\n    {event.when}",
                        "a comparison",
                    )
            rules[operation].append(Rule(event.name, when))
    return {operation: tuple(listed) for operation, listed in rules.items()}


def _check_key(entity: Entity, fields: dict[str, Node | None], table: Table, problems: _Problems) -> None:
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
        elif (node := fields[name]) is not None and node.type in _NO_KEY_TYPES:
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


def _check_cross_reference(plan: Plan, inverse: Inverse, problems: _Problems) -> None:
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


def _check_sensitive(
    entity: Entity, fields: dict[str, Node | None], table: Table, problems: _Problems
) -> None:
    """By the legacy key rows are named where their entity can't be told, and how far a backfill is."""
    shown = {name for name in table.key if name.lower() not in key_columns(entity)}
    for name, field in entity.fields.items():
        node = fields[name] if field.sensitive else None
        told = [column.name for column in columns(node) if column.name in shown] if node else []
        if told:
            problems.add(
                f"fields.{name}.sensitive",
                f"{', '.join(told)} is part of the key of {table.name}, by which its rows are named, so it can't be masked",
                "an expression without it, or sensitive: false",
            )


def _reversed(
    name: str, entity: Entity, fields: dict[str, Node | None], table: Table, problems: _Problems
) -> list[Fill]:
    """What the fields' `reverse:` fill. They are over the fields, so they wait until each of these has a type."""
    typed = {field: node for field, node in fields.items() if node is not None}
    if len(typed) < len(fields):
        return []
    found, mistakes = fills(name, entity.fields, typed, table, problems.code_maps, problems.functions)
    for mistake in mistakes:
        problems.add(*mistake)
    return found


def _check_removal(path: str, role: str, node: Node, table: Table, problems: _Problems) -> None:
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


def _check_before(path: str, node: Node, table: Table, problems: _Problems) -> None:
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


def _shape(function: str, name: str, entity: Entity, plan: Plan) -> Shape:
    fields = tuple(
        Field(field.name, field.node.type, field.node.nullable and field.name not in plan.key)
        for field in plan.fields
    )
    return Shape(function, name, entity.into or name, plan.key, fields)


def _columns(plan: Plan) -> tuple[str, ...]:
    """Every legacy column that is needed, in the table's order."""
    needed = set(plan.table.key)
    nodes = [field.node for field in plan.fields]
    nodes += [rule.when for rules in plan.rules.values() for rule in rules if rule.when is not None]
    nodes += [plan.where] if plan.where is not None else []
    for node in nodes:
        needed.update(column.name for column in columns(node))
        needed.update(olds(node, plan.table))
    return tuple(column.name for column in plan.table.columns if column.name in needed)


def _version(function: str, entity: Entity, plan: Plan) -> str:
    """Layout doesn't count (` a||b ` is `a || b`); what comes out does, and so do the types of the columns that go in."""
    used = set(_columns(plan))
    decisive = [
        LANGUAGE_VERSION,
        function,
        plan.entity,
        entity.into or plan.entity,
        plan.table.name,
        plan.table.key,
        [(c.name, c.type, c.nullable, c.declared) for c in plan.table.columns if c.name in used],
        plan.key,
        [(field.name, field.node.type, str(field.node)) for field in plan.fields],
        str(plan.where),
        [(kind, [(rule.name, str(rule.when)) for rule in rules]) for kind, rules in plan.rules.items()],
    ]
    return hashlib.sha256(orjson.dumps(decisive)).hexdigest()[:12]
