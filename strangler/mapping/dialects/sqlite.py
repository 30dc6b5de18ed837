"""SQLite: decimals and whatever is about time are canonical text, and the functions are those of the stream, registered there.

So the two can't disagree. A connection needs `strangler.mapping.sqlite_functions.register(connection)`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import ClassVar, Final

from strangler.mapping import canonical
from strangler.mapping.dialects.dialect import (
    Dialect,
    Template,
    Templates,
    Written,
    comparisons,
    lookup_by_case,
)
from strangler.mapping.language import COMPARABLE, COMPARISONS, places
from strangler.mapping.nodes import Call, Literal, Lookup, Node, can_fail
from strangler.mapping.reading import padded
from strangler.mapping.sqlite_totals import TOTAL
from strangler.shapes import Column, FieldType


def _collated(kind: FieldType) -> str:
    return "{0} COLLATE BINARY" if kind is FieldType.TEXT else "{0}"


def _comparison(kind: FieldType, sign: str) -> str:
    if kind is FieldType.DECIMAL and sign not in ("=", "<>"):
        return f"(strangler_compare_decimal({{0}}, {{1}}) {sign} 0)"
    return f"({_collated(kind)} {sign} {{1}})"


_HEX: Final = "CASE WHEN {0} IS NOT NULL THEN lower(hex({0})) END"
"""To SQLite the hex of NULL is the empty text."""

_OWN: Final[Templates] = {
    "integer_to_decimal": Template("CAST({0} AS TEXT)"),
    "integer_to_float": Template("CAST({0} AS REAL)"),
    "integer_to_boolean": Template("({0} <> 0)"),
    "integer_to_text": Template("CAST({0} AS TEXT)"),
    "boolean_to_integer": Template("{0}"),
    "boolean_to_text": Template("CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"),
    "date_to_timestamp": Template("({0} || 'T00:00:00.000000')"),
    "timestamp_to_date": Template("substr({0}, 1, 10)"),
    "timestamp_to_time": Template("substr({0}, 12)"),
    "instant_to_timestamp": Template("substr({0}, 1, 26)"),
    "timestamp_to_instant": Template("({0} || 'Z')"),
    **{f"{kind}_to_text": Template("{0}") for kind in ("decimal", "date", "time", "timestamp", "instant", "json")},
    "bytes_to_text": Template(_HEX),
    "join": Template("({0} || {1})"),
    "trim": Template("trim({0}, {1})"),
    "trim_left": Template("ltrim({0}, {1})"),
    "trim_right": Template("rtrim({0}, {1})"),
    "and": Template("({0} AND {1})"),
    "or": Template("({0} OR {1})"),
    "not": Template("(NOT {0})"),
    "is_null": Template("({0} IS NULL)"),
    "is_not_null": Template("({0} IS NOT NULL)"),
    "is_true": Template("({0} IS 1)"),
    "is_false": Template("({0} IS 0)"),
    "year_of": Template("CAST(substr({0}, 1, 4) AS INTEGER)"),
    "month_of": Template("CAST(substr({0}, 6, 2) AS INTEGER)"),
    "day_of": Template("CAST(substr({0}, 9, 2) AS INTEGER)"),
    "hour_of": Template("CAST(substr({0}, 12, 2) AS INTEGER)"),
    "minute_of": Template("CAST(substr({0}, 15, 2) AS INTEGER)"),
    **{f"null_if_{kind.value}": Template(f"NULLIF({_collated(kind)}, {{1}})") for kind in COMPARABLE},
    **comparisons(_comparison, COMPARISONS),
}  # fmt: skip

_VALUES: Final[dict[FieldType, str]] = {
    FieldType.FLOAT: "({0} + 0.0)",
    FieldType.BYTES: _HEX,
}

_TEXTS: Final = _VALUES | {
    FieldType.INTEGER: "CAST({0} AS TEXT)",
    FieldType.BOOLEAN: "CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE CAST({0} AS TEXT) END",
    FieldType.FLOAT: "strangler_float_text({0})",
}

_STORED_AS_IT_IS: Final = (FieldType.TEXT, FieldType.JSON, FieldType.INTEGER, FieldType.BOOLEAN)

_TEXT_HELD: Final = "(typeof({0}) = 'null' OR (typeof({0}) = 'text' AND instr({0}, char(0)) = 0))"

_HELD: Final = {
    FieldType.TEXT: _TEXT_HELD,
    FieldType.JSON: _TEXT_HELD,
    FieldType.INTEGER: "typeof({0}) IN ('integer', 'null')",
    FieldType.FLOAT: "typeof({0}) IN ('real', 'integer', 'null')",
    FieldType.BOOLEAN: "({0} IS NULL OR (typeof({0}) = 'integer' AND {0} IN (0, 1)))",
    FieldType.BYTES: "typeof({0}) IN ('blob', 'null')",
}
"""The types whose values SQLite holds as expressions see them, with the condition that a value is one."""


class Sqlite(Dialect):
    """See `Dialect`."""

    name: ClassVar[str] = "sqlite"
    title: ClassVar[str] = "SQLite"
    limits: ClassVar[tuple[str, ...]] = (
        "decimals, dates and times come as canonical text, as backfill loads them",
        "functions that begin with strangler_ are registered in the connections that Strangler opens; another client has none of them",
    )

    def quote(self, name: str) -> str:
        return canonical.quote(name)

    def literal(self, literal: Literal) -> str:
        value = literal.value
        if value is None:
            return "NULL"
        if isinstance(value, bool | int):
            return str(int(value)) if value >= 0 else f"({value})"
        if isinstance(value, float):
            return f"({value!r})"
        return canonical.quoted_text(str(canonical.plain(value)))

    def template(self, call: Call) -> Template:
        arguments = places(len(call.args))
        if call.name == "concat":
            blank = [f"COALESCE({each}, '')" for each in arguments]
            return Template(f"({' || '.join(blank)})")
        if call.name == "in_list":
            return Template(f"({_collated(call.args[0].type)} IN ({', '.join(arguments[1:])}))")
        if call.name in _OWN:
            return _OWN[call.name]
        listed = f"({', '.join(arguments)})"
        return Template(
            f"strangler_{call.name}{listed}", f"strangler_can_{call.name}{listed}" if can_fail(call) else None
        )

    def call(self, call: Call, arguments: Sequence[str]) -> Written:
        """The registered functions answer NULL to what they can't do, and their guards know of NULL."""
        template = self.template(call)
        guard = template.guard and template.guard.format(*arguments)
        return Written(template.value.format(*arguments), guard)

    def lookup(self, lookup: Lookup, code: str) -> Written:
        return lookup_by_case(self, lookup, code, _collated(lookup.code.type).format(code))

    def read(self, column: Column) -> str:
        name = self.quote(column.name)
        match column.type:
            case FieldType.TEXT if padded(column):
                return f"rtrim({name}, ' ')"
            case FieldType.FLOAT:
                return f"CAST({name} AS REAL)"
            case kind if kind in _HELD:
                return name
            case kind:
                return f"strangler_read_{kind.value}({name})"

    def readable(self, column: Column) -> str | None:
        name = self.quote(column.name)
        if column.type in _HELD:
            return _HELD[column.type].format(name)
        return f"strangler_can_read_{column.type.value}({name})"

    def value(self, node: Node, written: str) -> str:
        return _VALUES.get(node.type, "{0}").format(written)

    def text(self, node: Node, written: str) -> str:
        return _TEXTS.get(node.type, "{0}").format(written)

    def same(self, left: str, right: str, kind: FieldType) -> str:
        if kind is not FieldType.TEXT:
            return super().same(left, right, kind)
        return f"{left} = {right} AND {left} = {right} COLLATE BINARY"

    def exactly(self, text: str) -> str:
        return f"({text} COLLATE BINARY)"

    def finite(self, kind: FieldType, written: str) -> str | None:
        match kind:
            case FieldType.DECIMAL:
                return f"COALESCE({written} <> 'NaN', TRUE)"
            case FieldType.FLOAT:
                return f"COALESCE(ABS({written}) <= {sys.float_info.max!r}, TRUE)"
        return None

    def total(self, node: Node, written: str) -> str:
        return f"COALESCE({TOTAL}({written}), '0')"

    def stored(self, kind: FieldType, name: str) -> str:
        """The canonical text of a store's column. The service writes into its store too, where nothing keeps it from
        `1.50`; that isn't drift from `1.5`."""
        if kind in _STORED_AS_IT_IS:
            return _TEXTS.get(kind, "{0}").format(self.quote(name))
        return f"strangler_stored('{kind.value}', {self.quote(name)})"
