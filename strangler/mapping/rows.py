"""Row by row: the plan of an entity as Python functions, generated to be fast, with a careful way for the odd row.

The fast function reads every column, checks its class and builds the result in one expression. Whatever doesn't fit (a value
of another class, one that wasn't sent, an expression that fails) goes the careful way, field by field, which
either translates it too or says exactly what is wrong. Both are written from the same source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple

import orjson

from strangler.changes import UNCHANGED, Operation, Row
from strangler.errors import Untranslatable
from strangler.events import encode_key
from strangler.mapping import python
from strangler.mapping.bad_value import BadValue, shown
from strangler.mapping.nodes import Node, columns, old_values, olds, renamed
from strangler.mapping.origin import Origin
from strangler.mapping.reading import padded, python_check, read
from strangler.sensitive import masked
from strangler.shapes import Column, FieldType, Table


class Named(NamedTuple):
    """A field and its checked expression."""

    name: str
    node: Node


class Rule(NamedTuple):
    """An event's name and the condition under which it applies; None: always."""

    name: str
    when: Node | None


class Cohort(NamedTuple):
    """The name of a row's cohort as a text, over the entity's fields (of a line: those of the entity that it is of) and over the
    columns of its legacy row. NULL: it is of none."""

    of_fields: Node
    of_row: Node

    def of_parent(self, prefix: str) -> Cohort:
        """That of lines, which are of the cohort of what they stand under; the prefix is that of its columns."""
        return Cohort(self.of_fields, renamed(self.of_row, prefix))


@dataclass(frozen=True, slots=True)
class Plan:
    """All of an entity's mapping, checked: what the compilers compile. `sensitive`: columns, in lower case, whose values no text
    shows. `also`: columns that its children read of it. `cohort`: None where its rows are of none."""

    entity: str
    origin: Origin
    key: tuple[str, ...]
    fields: tuple[Named, ...]
    where: Node | None
    rules: Mapping[Operation, tuple[Rule, ...]]
    default: Mapping[Operation, str]
    sensitive: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()
    cohort: Cohort | None = None

    @property
    def table(self) -> Table:
        """The rows that the expressions are over."""
        return self.origin.table

    @property
    def key_fields(self) -> tuple[Named, ...]:
        """In the order of the key."""
        by_name = {field.name: field for field in self.fields}
        return tuple(by_name[name] for name in self.key)


class RowFunctions(NamedTuple):
    """See `EntityMapping` for what each does."""

    translate: Callable[[Row], dict[str, Any]]
    key_of: Callable[[Row], str]
    event_name: Callable[[Operation, Row, Row | None], str]
    belongs: Callable[[Row], bool] | None
    cohort_of: Callable[[Row], str | None] | None = None


def compile_rows(plan: Plan) -> RowFunctions:
    """The entity's row functions."""
    careful = _Careful(plan)
    return RowFunctions(
        _fast(plan, plan.fields, _dictionary, careful.translate),
        _fast(plan, plan.key_fields, _encoded, careful.key_of),
        _namer(plan, careful),
        _belongs(plan, careful),
        _cohort_of(plan, careful),
    )


def _belongs(plan: Plan, careful: _Careful) -> Callable[[Row], bool] | None:
    """Whether a row is one of the entity's. A condition that is NULL doesn't hold."""
    where = plan.where
    if where is None:
        return None
    function = python.function_of(where, canonical=False)
    return _fast(
        plan,
        [Named("where", where)],
        lambda fields, values: f"bool({values[0]})",
        lambda row: careful.holds("the condition `where`", where, function, row),
    )


def _cohort_of(plan: Plan, careful: _Careful) -> Callable[[Row], str | None] | None:
    """The name of the cohort that a row is of."""
    if plan.cohort is None:
        return None
    node = plan.cohort.of_row
    function = python.function_of(node, canonical=True)
    return _fast(
        plan,
        [Named("cohort", node)],
        lambda fields, values: values[0],
        lambda row: careful.cohort(node, function, row),
    )


def _dictionary(fields: Sequence[Named], values: Sequence[str]) -> str:
    return (
        "{" + ", ".join(f"{field.name!r}: {value}" for field, value in zip(fields, values, strict=True)) + "}"
    )


def _encoded(fields: Sequence[Named], values: Sequence[str]) -> str:
    if all(field.node.type is FieldType.INTEGER for field in fields):
        return f"""f'[{",".join(f"{{{value}}}" for value in values)}]'"""  # What orjson writes, in less time.
    return f"dumps([{', '.join(values)}]).decode()"


def _fast(
    plan: Plan,
    fields: Sequence[Named],
    result: Callable[[Sequence[Named], Sequence[str]], str],
    careful: Callable[[Row], Any],
) -> Callable[[Row], Any]:
    """One function over the row for all the fields."""
    used = _used(fields)
    local = {column.name: f"c{n}" for n, column in enumerate(used)}
    writer = python.Writer(local)
    sources = [writer.canonical(field.node) for field in fields]
    keys = [n for n, field in enumerate(fields) if field.name in plan.key]
    checks = [python_check(column, local[column.name]) for column in used]
    lines = [
        "def compiled(row):",
        "    try:",
        *(f"        {local[column.name]} = row[{column.name!r}]" for column in used),
        f"        if {' and '.join(checks) or 'True'}:",
        *(
            f"            {local[c.name]} = {local[c.name]} and {local[c.name]}.rstrip(' ')"
            for c in used
            if padded(c)
        ),
        *(f"            f{n} = {sources[n]}" for n in keys),
        f"            if {' and '.join(f'f{n} is not None' for n in keys) or 'True'}:",
        f"                return {result(fields, [f'f{n}' if n in keys else source for n, source in enumerate(sources)])}",
        "    except FAILURES:",
        "        pass",
        "    return careful(row)",
    ]
    constants = writer.constants | {"careful": careful, "FAILURES": python.FAILURES, "dumps": orjson.dumps}
    return python.define("\n".join(lines), constants, f"<mapping of {plan.entity}>")


def _used(fields: Sequence[Named]) -> list[Column]:
    return list(dict.fromkeys(column for field in fields for column in columns(field.node)))


class _Careful:
    """Field by field, with an error that says which field, which value and what to do."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._functions = {
            field.name: python.function_of(
                field.node, canonical=True, filename=f"<{plan.entity}.{field.name}>"
            )
            for field in plan.fields
        }

    def translate(self, row: Row) -> dict[str, Any]:
        data = {}
        for field in self._plan.fields:
            value = self._value(field, row)
            if value is not UNCHANGED:
                data[field.name] = value
        return data

    def key_of(self, row: Row) -> str:
        values = [self._value(field, row) for field in self._plan.key_fields]
        if UNCHANGED in values:
            raise self._not_sent(f"{self._plan.entity}: the key", self._plan.key)
        return encode_key(values)

    def holds(self, condition: str, node: Node, function: Callable[..., Any], row: Row) -> bool:
        """Whether the condition, as it is called, holds. `row` has the old values too, if it names any."""
        return bool(self._sent(condition, node, function, row))

    def cohort(self, node: Node, function: Callable[..., Any], row: Row) -> str | None:
        """The name of the row's cohort."""
        name: str | None = self._sent(f"the cohort of {self._plan.entity}", node, function, row)
        return name

    def _sent(self, what: str, node: Node, function: Callable[..., Any], row: Row) -> Any:
        """The expression's value, which has to be known."""
        value = self._computed(what, node, function, row)
        if value is UNCHANGED:
            raise self._not_sent(what, [column.name for column in columns(node)])
        return value

    def _value(self, field: Named, row: Row) -> Any:
        where = f"{self._plan.entity}.{field.name}"
        value = self._computed(where, field.node, self._functions[field.name], row)
        if value is None and field.name in self._plan.key:
            raise Untranslatable(
                f"{where} is NULL, and it is part of the key",
                why=f"the row has {self._shown(field.node, row)}",
                do="correct the row, or give the field a value with COALESCE",
            )
        return value

    def _computed(self, where: str, node: Node, function: Callable[..., Any], row: Row) -> Any:
        """The expression's value; UNCHANGED when none of its columns was sent."""
        used = columns(node)
        absent = [column.name for column in used if column.name not in row]
        if absent:
            raise self._not_sent(where, absent)
        unchanged = [column.name for column in used if row[column.name] is UNCHANGED]
        if unchanged:
            if len(unchanged) == len(used):
                return UNCHANGED
            raise self._not_sent(where, unchanged)
        try:
            return function(*[read(column, row[column.name]) for column in used])
        except python.FAILURES as error:
            raise Untranslatable(
                f"{where} can't be translated",
                why=self._reason(error, node, row),
                do="correct the row in legacy, or let the expression provide for it",
            ) from error

    def _reason(self, error: Exception, node: Node, row: Row) -> str:
        """What is wrong. The words of an error hold values, whichever wrote them: none of them where one is sensitive."""
        hidden = [column.name for column in columns(node) if self._hides(column)]
        if hidden:
            given = f"({self._shown(node, row)})"
            return (
                f"the expression doesn't take what the row has, and {', '.join(hidden)} isn't shown {given}"
            )
        return str(error) if isinstance(error, BadValue) else f"{error} ({self._shown(node, row)})"

    def _shown(self, node: Node, row: Row) -> str:
        return ", ".join(map(self._pair, columns(node), repeat(row))) or "no columns"

    def _pair(self, column: Column, row: Row) -> str:
        value = row[column.name]
        return f"{column.name} = {masked(value) if self._hides(column) else shown(value)}"

    def _hides(self, column: Column) -> bool:
        return column.name.lower() in self._plan.sensitive

    def _not_sent(self, where: str, names: Sequence[str]) -> Untranslatable:
        table = self._plan.table.name
        return Untranslatable(
            f"{where} can't be translated: {', '.join(names)} of {table} wasn't sent with the change",
            why="the database logs no more than the key of an old row, and leaves out large values that didn't change",
            do=f"ALTER TABLE {table} REPLICA IDENTITY FULL; then retry",
        )


def _namer(plan: Plan, careful: _Careful) -> Callable[[Operation, Row, Row | None], str]:
    """The event's name: the first whose condition holds."""
    if not any(plan.rules.values()):
        return lambda operation, row, before: plan.default[operation]
    rules = {
        operation: [
            (rule.name, rule.when, python.function_of(rule.when, canonical=False) if rule.when else None)
            for rule in listed
        ]
        for operation, listed in plan.rules.items()
    }

    def event_name(operation: Operation, row: Row, before: Row | None) -> str:
        for name, when, function in rules[operation]:
            if (
                when is None
                or function is None
                or careful.holds(f"the condition of {name}", when, function, row)
            ):
                return name
        return plan.default[operation]

    def event_name_by_transition(operation: Operation, row: Row, before: Row | None) -> str:
        if operation is Operation.UPDATE:
            row = {**row, **old_values(_old_row(plan.table, row, before))}
        return event_name(operation, row, before)

    changed = [rule.when for rule in plan.rules[Operation.UPDATE] if rule.when is not None]
    return event_name_by_transition if any(olds(when, plan.table) for when in changed) else event_name


def _old_row(table: Table, row: Row, before: Row | None) -> Row:
    """What is known of the old row. A source that sends old values only of some columns sends them when one has changed."""
    if before is None and table.removal is not None:
        return {name: row[name] for name in table.removal if name in row}
    return before or {}
