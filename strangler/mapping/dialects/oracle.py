"""Oracle: how its columns are read, and what it compares. See `Transpiled` for what it is good for.

The empty text is NULL in Oracle. Where an expression's answer hangs on the difference it isn't said; where a field's own text may
become empty it is, and noted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Final

from strangler.mapping import canonical
from strangler.mapping.dialects import oracle_operations
from strangler.mapping.dialects.dialect import Inexpressible, Template, Written
from strangler.mapping.dialects.oracle_empty import may_be_empty, unlike_null
from strangler.mapping.dialects.oracle_operations import LONGEST_TEXT
from strangler.mapping.dialects.transpiled import Transpiled, exact_float
from strangler.mapping.nodes import Call, Case, Coalesce, Literal, Lookup, Node
from strangler.mapping.reading import padded
from strangler.shapes import Column, FieldType

_LARGE: Final = re.compile(r"(?i)\s*(n?clob|long)\b")
_NANOSECONDS: Final = re.compile(r"(?i)timestamp\s*\([7-9]\).*")
_WITHOUT: Final = {
    FieldType.TIME: "Oracle has no type for a time of the day",
    FieldType.JSON: "Oracle has no JSON that is kept as it stands",
}

_TYPES: Final = {
    FieldType.TEXT: "VARCHAR2(1)",
    FieldType.INTEGER: "NUMBER",
    FieldType.DECIMAL: "NUMBER",
    FieldType.FLOAT: "BINARY_DOUBLE",
    FieldType.DATE: "DATE",
    FieldType.TIMESTAMP: "TIMESTAMP",
    FieldType.INSTANT: "TIMESTAMP WITH TIME ZONE",
    FieldType.BYTES: "RAW(1)",
}


class Oracle(Transpiled):
    """See `Transpiled`."""

    name: ClassVar[str] = "oracle"
    title: ClassVar[str] = "Oracle"
    fixed = oracle_operations.FIXED
    made = oracle_operations.MADE
    refused = oracle_operations.REFUSED
    session: ClassVar[tuple[str, ...]] = (
        "ALTER SESSION SET NLS_COMP = BINARY NLS_SORT = BINARY NLS_CALENDAR = GREGORIAN",
    )
    limits: ClassVar[tuple[str, ...]] = (
        "Oracle 12.2 or newer, with the session set as said",
        "the empty text is NULL: it isn't told from NULL in any column, and a field that may become empty is NULL there",
        "numbers, dates and timestamps come in types of Oracle, not as canonical values; a boolean is 1 or 0, and read from a number",
        "numbers have 38 digits; what may need more, by the declared sizes of its columns, isn't said",
        "a text with a date before 15 October 1582 is left out: before it Oracle's calendar is another",
        "TRIM, LPAD, RPAD and REPLACE take no characters from a column, and LPAD and RPAD fill to 1,000 characters",
        "a text that becomes longer than VARCHAR2 makes the statement fail; the character set of the database is Unicode",
        "a text with the character NUL isn't left out, nor is a date before the year 1, as the stream leaves them",
    )

    def literal(self, literal: Literal) -> str:
        kind, value = literal.type, literal.value
        if kind in _WITHOUT:
            raise Inexpressible(_WITHOUT[kind])
        match kind:
            case FieldType.BOOLEAN:
                return "(1 = NULL)" if value is None else "(1 = 1)" if value else "(1 = 0)"
            case _ if value is None:
                return f"CAST(NULL AS {_TYPES[kind]})"
            case FieldType.INTEGER:
                return str(value) if value >= 0 else f"({value})"
            case FieldType.DECIMAL:
                return f"({value:f})"
            case FieldType.FLOAT:
                return f"({exact_float(value)}d)"
            case FieldType.TEXT:
                return canonical.quoted_text(value)
            case FieldType.DATE:
                return f"DATE '{value.isoformat()}'"
            case FieldType.TIMESTAMP | FieldType.INSTANT:
                return f"TIMESTAMP '{value.isoformat(' ', 'microseconds')}'"
        raise Inexpressible(f"Oracle has no constant of the type {kind.value}")

    def read(self, column: Column) -> str:
        name = self.quote(column.name)
        if column.type in _WITHOUT:
            raise Inexpressible(_WITHOUT[column.type])
        match column.type:
            case FieldType.BOOLEAN:
                return f"({name} = 1)"
            case FieldType.TEXT if _LARGE.match(column.declared):
                raise Inexpressible(
                    f"{column.name} is a {column.declared}, which isn't computed with as a text is"
                )
            case FieldType.TEXT if padded(column):
                return f"RTRIM({name})"
            case FieldType.FLOAT if column.declared.lower() in ("real", "float4", "binary_float"):
                raise Inexpressible(
                    f"{column.name} is a float of 32 bits, whose digits the stream and Oracle show in their own ways"
                )
            case _ if _NANOSECONDS.fullmatch(column.declared):
                raise Inexpressible(f"{column.name} has more than six digits of a second, an event six")
        return name

    def template(self, call: Call) -> Template:
        if call.name not in self.refused:
            unlike_null(call)
        return super().template(call)

    def call(self, call: Call, arguments: Sequence[str]) -> Written:
        varying = [_varying(node, each) for node, each in zip(call.args, arguments, strict=True)]
        return super().call(call, varying)

    def coalesce(self, coalesce: Coalesce, arguments: Sequence[str]) -> str:
        if any(map(may_be_empty, coalesce.args[:-1])):
            raise Inexpressible(
                "COALESCE would pass over a text that has become empty, since that is NULL in Oracle"
            )
        return super().coalesce(coalesce, arguments)

    def lookup(self, lookup: Lookup, code: str) -> Written:
        if may_be_empty(lookup.code) or "" in lookup.codes:
            raise Inexpressible("a code that is empty is NULL in Oracle")
        return super().lookup(lookup, _varying(lookup.code, code))

    def equal(self, kind: FieldType, value: str, constants: Sequence[Literal]) -> tuple[str, list[str]]:
        return value, list(map(self.literal, constants))

    def note(self, node: Node) -> str:
        return "an empty text comes as NULL" if may_be_empty(node) else ""


def _varying(node: Node, written: str) -> str:
    """Of two texts of type CHAR the shorter is compared with blanks added, and a choice between constants may be of it."""
    if node.type is FieldType.TEXT and isinstance(node, Case | Coalesce | Lookup):
        return f"CAST({written} AS VARCHAR2({LONGEST_TEXT}))"
    return written
