"""The SQL compiler: a checked expression as SQL of its value and SQL of the condition under which it has one.

The value never makes a statement fail: where an operation can't be applied it is NULL, and the condition is false.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from strangler.mapping import canonical, language
from strangler.mapping.nodes import Call, Case, Coalesce, Literal, Node, Reference
from strangler.mapping.reading import sql_read
from strangler.shapes import FieldType


class Written(NamedTuple):
    """`guard` is a condition that is never NULL; None: always true."""

    value: str
    guard: str | None


def write(node: Node, dialect: str) -> Written:
    """The expression in `postgres` or `sqlite`."""
    match node:
        case Literal():
            return Written(_literal(node, dialect), None)
        case Reference(column=column):
            return Written(sql_read(column, dialect), None)
        case Call():
            return _call(node, dialect)
        case Case():
            return _case(node, dialect)
        case Coalesce():
            return _coalesce(node, dialect)


def all_of(*conditions: str | None) -> str | None:
    """The conjunction; None is always true."""
    given = list(dict.fromkeys(condition for condition in conditions if condition is not None))
    return " AND ".join(f"({condition})" for condition in given) if given else None


def _call(call: Call, dialect: str) -> Written:
    operation = language.operation(call.name, call.args[0].type, len(call.args))
    written = [write(arg, dialect) for arg in call.args]
    values = [each.value for each in written]
    template = operation.postgres if dialect == "postgres" else operation.sqlite
    value = f"strangler_{call.name}({', '.join(values)})" if template == "*" else template.format(*values)
    guards = [each.guard for each in written]
    if operation.guard is None:
        return Written(value, all_of(*guards))
    if dialect == "sqlite":
        return Written(value, all_of(*guards, f"strangler_can_{call.name}({', '.join(values)})"))
    own = operation.guard.format(*values)
    return Written(f"CASE WHEN {own} THEN {value} END", all_of(*guards, f"{values[0]} IS NULL OR {own}"))


def _case(case: Case, dialect: str) -> Written:
    """Only what is evaluated has to have a value: the conditions up to the one that holds, and its branch."""
    value, guard = write(case.default, dialect)
    value = f"ELSE {value} END"
    for condition, branch in reversed(case.branches):
        tested, chosen = write(condition, dialect), write(branch, dialect)
        value = f"WHEN {tested.value} THEN {chosen.value} {value}"
        if guard is not None or chosen.guard is not None:
            yes = _true(dialect)
            guard = f"CASE WHEN {tested.value} THEN {chosen.guard or yes} ELSE {guard or yes} END"
        guard = all_of(tested.guard, guard)
    return Written(f"CASE {value}", guard)


def _coalesce(coalesce: Coalesce, dialect: str) -> Written:
    written = [write(arg, dialect) for arg in coalesce.args]
    guard = written[-1].guard
    for each in reversed(written[:-1]):
        rest = None if guard is None else f"{each.value} IS NOT NULL OR ({guard})"
        guard = all_of(each.guard, rest)
    return Written(f"COALESCE({', '.join(each.value for each in written)})", guard)


def _true(dialect: str) -> str:
    return "TRUE" if dialect == "postgres" else "1"


_POSTGRES_TYPES: Final = {
    FieldType.TEXT: "text",
    FieldType.INTEGER: "bigint",
    FieldType.DECIMAL: "numeric",
    FieldType.FLOAT: "double precision",
    FieldType.BOOLEAN: "boolean",
    FieldType.DATE: "date",
    FieldType.TIME: "time",
    FieldType.TIMESTAMP: "timestamp",
    FieldType.INSTANT: "timestamptz",
    FieldType.BYTES: "bytea",
    FieldType.JSON: "text",
}


def _literal(literal: Literal, dialect: str) -> str:
    kind, value = literal.type, literal.value
    if dialect == "sqlite":
        return "NULL" if value is None else _plain(value)
    if value is None:
        return f"CAST(NULL AS {_POSTGRES_TYPES[kind]})"
    if kind is FieldType.INTEGER:
        return _plain(value)
    if kind is FieldType.BOOLEAN:
        return "TRUE" if value else "FALSE"
    text = repr(value) if kind is FieldType.FLOAT else _text(value)
    return f"CAST({_quoted(text)} AS {_POSTGRES_TYPES[kind]})"


def _plain(value: Any) -> str:
    """A literal of SQLite, as the registered functions hand values on."""
    if isinstance(value, bool | int):
        return str(int(value)) if value >= 0 else f"({value})"
    return f"({value!r})" if isinstance(value, float) else _quoted(_text(value))


def _text(value: Any) -> str:
    return str(canonical.plain(value))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
