"""PostgreSQL: how its columns are read, and canonical values and texts are written. Values are of its own types."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

import orjson

from strangler.mapping import canonical
from strangler.mapping.dialects import postgres_operations
from strangler.mapping.dialects.dialect import Dialect, Template, Written
from strangler.mapping.dialects.postgres_operations import (
    DATE_TEXT,
    DECIMAL_TEXT,
    INSTANT_TEXT,
    TIME_TEXT,
    TIMESTAMP_TEXT,
)
from strangler.mapping.nodes import Call, Literal, Lookup, Node
from strangler.shapes import Column, FieldType

_TYPES: Final = {
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


_VALUES: Final[dict[FieldType, str]] = {
    FieldType.DECIMAL: DECIMAL_TEXT,
    FieldType.FLOAT: "({0} + 0.0)",
    FieldType.DATE: DATE_TEXT,
    FieldType.TIME: TIME_TEXT,
    FieldType.TIMESTAMP: TIMESTAMP_TEXT,
    FieldType.INSTANT: INSTANT_TEXT,
    FieldType.BYTES: "encode({0}, 'hex')",
}

_FLOAT_TEXT: Final = (
    "CASE WHEN {0} IN ('NaN', 'Infinity', '-Infinity') THEN CAST({0} AS text)"
    " ELSE encode(float8send({0} + 0.0), 'hex') END"
)

_TEXTS: Final = _VALUES | {
    FieldType.INTEGER: "CAST({0} AS text)",
    FieldType.BOOLEAN: "CAST({0} AS text)",
    FieldType.FLOAT: _FLOAT_TEXT,
}

_INFINITE: Final = (FieldType.DATE, FieldType.TIMESTAMP, FieldType.INSTANT)
"""to_char of an infinite one is NULL; a store that holds one differs, and must not look like one that holds none."""

_READABLE: Final = {
    FieldType.DECIMAL: "({0} IS NULL OR {0} = 'NaN' OR {0} - {0} = 0)",
    FieldType.DATE: "COALESCE({0} BETWEEN '0001-01-01' AND '9999-12-31', TRUE)",
    FieldType.TIME: "COALESCE({0} < '24:00:00', TRUE)",
    FieldType.TIMESTAMP: "COALESCE({0} >= '0001-01-01' AND {0} < '10000-01-01', TRUE)",
    FieldType.INSTANT: "COALESCE({0} >= '0001-01-01 00:00:00+00' AND {0} < '10000-01-01 00:00:00+00', TRUE)",
}

_PLAIN_TEXT: Final = re.compile(r"(?i)\s*(text|varchar|character varying)\b(?!.*\[)")


class Postgres(Dialect):
    """See `Dialect`."""

    name: ClassVar[str] = "postgres"
    title: ClassVar[str] = "PostgreSQL"
    limits: ClassVar[tuple[str, ...]] = (
        "decimals, dates and times come as canonical text, as backfill loads them",
    )

    def quote(self, name: str) -> str:
        return canonical.quote(name)

    def literal(self, literal: Literal) -> str:
        kind, value = literal.type, literal.value
        if value is None:
            return f"CAST(NULL AS {_TYPES[kind]})"
        if kind is FieldType.INTEGER:
            return str(value) if value >= 0 else f"({value})"
        if kind is FieldType.BOOLEAN:
            return "TRUE" if value else "FALSE"
        return f"CAST({canonical.quoted_text(_plain(value))} AS {_TYPES[kind]})"

    def template(self, call: Call) -> Template:
        return postgres_operations.template(call)

    def lookup(self, lookup: Lookup, code: str) -> Written:
        """By a constant of type jsonb, which is searched by halves: a CASE would try one code after the other."""
        held = orjson.dumps(lookup.codes, option=orjson.OPT_NON_STR_KEYS).decode()
        found = f"(CAST({canonical.quoted_text(held)} AS jsonb) ->> CAST({code} AS text))"
        value = f"CAST({found} AS bigint)" if lookup.type is FieldType.INTEGER else found
        return Written(value, None if lookup.partial else f"{code} IS NULL OR {found} IS NOT NULL")

    def read(self, column: Column) -> str:
        name = self.quote(column.name)
        match column.type:
            case FieldType.TEXT if not _PLAIN_TEXT.match(column.declared):
                return f"CAST({name} AS text)"  # of a CHAR this strips the padding
            case FieldType.INTEGER if column.declared == "oid":
                return f"CAST({name} AS bigint)"
            case FieldType.JSON:
                return f"CAST({name} AS text)"
            case FieldType.FLOAT if column.declared.lower() in ("real", "float4"):
                return f"CAST(CAST({name} AS text) AS double precision)"  # 0.1, as the stream reads it; not 0.10000000149
            case _:
                return name

    def readable(self, column: Column) -> str | None:
        if column.type is FieldType.DECIMAL and "(" in column.declared:
            return None  # numeric(p, s) holds no infinity
        condition = _READABLE.get(column.type)
        return condition and condition.format(self.quote(column.name))

    def value(self, node: Node, written: str) -> str:
        return _VALUES.get(node.type, "{0}").format(written)

    def text(self, node: Node, written: str) -> str:
        return _TEXTS.get(node.type, "{0}").format(written)

    def native(self, node: Node, written: str) -> str:
        return _native(node.type, written)

    def stored_native(self, kind: FieldType, name: str) -> str:
        """A store's column as `native` has the value on the legacy side."""
        return _native(kind, self.quote(name))

    def exactly(self, text: str) -> str:
        return f'(CAST({text} AS text) COLLATE "C")'

    def ordered(self, text: str) -> str:
        return f"convert_to({self.exactly(text)}, 'UTF8') NULLS FIRST"

    def finite(self, kind: FieldType, written: str) -> str | None:
        return None if kind is FieldType.INTEGER else f"COALESCE({written} - {written} = 0, TRUE)"

    def stored(self, kind: FieldType, name: str) -> str:
        """The canonical text of a store's column."""
        text = _TEXTS.get(kind, "{0}").format(self.quote(name))
        return f"COALESCE({text}, CAST({self.quote(name)} AS text))" if kind in _INFINITE else text


def _native(kind: FieldType, written: str) -> str:
    native = f"CAST({written} AS {_TYPES[kind]})"
    return f'{native} COLLATE "C"' if _TYPES[kind] == "text" else native


def native_constant(kind: FieldType, value: Any) -> str:
    """A canonical value as `Postgres.native` has it."""
    if value is None:
        return _native(kind, "NULL")
    if kind is FieldType.BYTES:
        return f"decode({canonical.quoted_text(value)}, 'hex')"
    return _native(kind, canonical.quoted_text(value if isinstance(value, str) else str(value)))


def _plain(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(canonical.plain(value))
