"""From a check to what is expected of a relation: values in the database's types, patterns in its engine's words, queries in its SQL."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from strangler.durations import parse_duration, parse_share
from strangler.mapping import regular
from strangler.quality import values
from strangler.quality.checker import Expectation, Test
from strangler.quality.checks import Planned
from strangler.quality.relations import ZONED, quoted
from strangler.shapes import Field, Shape

ENGINES: Final = {
    "postgres": regular.POSTGRES,
    "mysql": regular.BACKTRACKING,
    "sqlite": regular.PYTHON,
}
"""Dialect → what reads a regular expression there."""


class Target(NamedTuple):
    """Where a check looks for what must be present: the name of a relation, and its fields in the order of the check's."""

    relation: str
    fields: tuple[str, ...]


class Context(NamedTuple):
    """What a check has to know of the run: the `dialect`, the moment `now` in seconds since the epoch, how many rows legacy has
    (None: not asked), and where to look for what must be present."""

    dialect: str
    now: float
    legacy_rows: int | None = None
    target: Target | None = None


def expected(number: int, each: Planned, shape: Shape, context: Context) -> Expectation:
    """What is expected of the relation of the shape."""
    made = Expectation(number, _TESTS[each.kind], each.fields, each.words, each.severity)
    fields = {field.name: field for field in shape.fields}
    return replace(made, **_details(each, fields, shape.key, context))


_TESTS: Final = {
    "not null": Test.NOT_NULL,
    "unique": Test.UNIQUE,
    "in set": Test.IN_SET,
    "between": Test.BETWEEN,
    "matches": Test.MATCHES,
    "present in": Test.NO_ROWS,
    "row count near": Test.COUNT,
    "fresh": Test.NO_ROWS,
    "translated": Test.NO_ROWS,
    "has parent": Test.NO_ROWS,
}


def _details(
    each: Planned, fields: Mapping[str, Field], key: Sequence[str], context: Context
) -> dict[str, Any]:
    check, dialect = each.declared, context.dialect
    zoned = dialect in ZONED
    mostly = {} if check is None else {"mostly": check.mostly}
    match each.kind:
        case "in set":
            kind = fields[each.fields[0]].type
            held = tuple(values.value_of(kind, value, zoned) for value in each.values)
            return {"values": held, **mostly}
        case "between":
            assert check is not None
            kind = fields[each.fields[0]].type
            bounds = {"least": check.min, "most": check.max}
            return mostly | {
                name: None if written is None else values.value_of(kind, written, zoned)
                for name, written in bounds.items()
            }
        case "matches":
            assert check is not None
            assert check.pattern is not None
            return mostly | {"pattern": regular.written(regular.parse(check.pattern), ENGINES[dialect])}
        case "present in" | "has parent":
            assert context.target is not None
            return {"query": absent(each.fields, key, context.target, dialect)}
        case "row count near":
            return _near(each, context)
        case "fresh":
            return {"query": _stale(each, fields[each.fields[0]], context)}
        case "translated":
            return {"query": "SELECT * FROM {batch}"}
    return dict(mostly)


def absent(fields: Sequence[str], key: Sequence[str], target: Target, dialect: str) -> str:
    """The rows whose values are in none of the target's. NULL asks for nothing."""
    shown = ", ".join(quoted(name, dialect) for name in dict.fromkeys((*key, *fields)))
    given = " AND ".join(f"{quoted(name, dialect)} IS NOT NULL" for name in fields)
    same = " AND ".join(
        f"{target.relation}.{quoted(theirs, dialect)} = checked.{quoted(ours, dialect)}"
        for ours, theirs in zip(fields, target.fields, strict=True)
    )
    there = f"SELECT 1 FROM {target.relation} WHERE {same}"
    return f"SELECT {shown} FROM (SELECT * FROM {{batch}}) AS checked WHERE {given} AND NOT EXISTS ({there})"


def _near(each: Planned, context: Context) -> dict[str, Any]:
    assert each.declared is not None
    meant = context.legacy_rows if each.declared.as_ == "legacy" else each.declared.as_
    assert isinstance(meant, int)
    off = meant * parse_share(each.declared.within)
    told = f"{each.words}: {meant:,}" if each.declared.as_ == "legacy" else each.words
    return {"least": math.ceil(meant - off), "most": math.floor(meant + off), "words": told}


def _stale(each: Planned, field: Field, context: Context) -> str:
    assert each.declared is not None
    age = parse_duration(each.declared.within).total_seconds()
    oldest = values.moment_before(field.type, context.now, age, context.dialect in ZONED)
    written = oldest.isoformat(" ", "microseconds") if isinstance(oldest, datetime) else oldest.isoformat()
    name = quoted(field.name, context.dialect)
    newest = f"SELECT MAX({name}) AS {name} FROM (SELECT * FROM {{batch}}) AS checked"
    return f"SELECT {name} FROM ({newest}) AS found WHERE {name} IS NULL OR {name} < '{written}'"
