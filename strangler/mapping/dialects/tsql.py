"""T-SQL: how its columns are read, and what it compares. See `Transpiled` for what it is good for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Final

from strangler.mapping import canonical
from strangler.mapping.dialects import tsql_operations
from strangler.mapping.dialects.dialect import Inexpressible, Template
from strangler.mapping.dialects.digits import digits
from strangler.mapping.dialects.transpiled import Transpiled, exact_float
from strangler.mapping.dialects.tsql_operations import BOUNDS, compared, quoted_text
from strangler.mapping.language import COMPARISONS
from strangler.mapping.nodes import Call, Case, Coalesce, Literal, Node
from strangler.mapping.reading import padded
from strangler.shapes import Column, FieldType

_SEVEN_DIGITS: Final = re.compile(r"(?i)(datetime2|datetimeoffset|time)(\s*\(7\))?")
_TYPES: Final = {
    FieldType.TEXT: "nvarchar(1)",
    FieldType.INTEGER: "bigint",
    FieldType.DECIMAL: "decimal(1, 0)",
    FieldType.FLOAT: "float",
    FieldType.DATE: "date",
    FieldType.TIME: "time(6)",
    FieldType.TIMESTAMP: "datetime2(6)",
    FieldType.INSTANT: "datetimeoffset(6)",
    FieldType.BYTES: "varbinary(1)",
    FieldType.JSON: "nvarchar(1)",
}


class Tsql(Transpiled):
    """See `Transpiled`."""

    name: ClassVar[str] = "tsql"
    title: ClassVar[str] = "T-SQL"
    fixed = tsql_operations.FIXED
    made = tsql_operations.MADE
    refused = tsql_operations.REFUSED
    limits: ClassVar[tuple[str, ...]] = (
        "SQL Server 2022 (compatibility level 160) or Azure SQL, with ANSI_NULLS and CONCAT_NULL_YIELDS_NULL on, as they are by default",
        "numbers, dates and times come in types of SQL Server, not as canonical values; a boolean is 1 or 0",
        "sums and products have 38 digits; what may need more, by the declared sizes of its columns, isn't said",
        "TRIM, LPAD and RPAD take no characters from a column, and none beyond U+FFFF",
        "a text with the character NUL isn't left out, as the stream leaves it",
        "a DATETIME is taken to the thousandth of a second",
    )

    def literal(self, literal: Literal) -> str:
        kind, value = literal.type, literal.value
        match kind:
            case FieldType.BOOLEAN:
                return "(1 = NULL)" if value is None else "(1 = 1)" if value else "(1 = 0)"
            case _ if value is None:
                return f"CAST(NULL AS {_TYPES[kind]})"
            case FieldType.INTEGER:
                return str(value) if value >= 0 else f"({value})"
            case FieldType.DECIMAL:
                return f"CAST({value:f} AS {digits(literal, BOUNDS).sql})"
            case FieldType.FLOAT:
                return f"({exact_float(value)}e0)"
            case FieldType.TEXT:
                return quoted_text(value)
        return f"CAST({quoted_text(str(canonical.plain(value)))} AS {_TYPES[kind]})"

    def read(self, column: Column) -> str:
        name, declared = self.quote(column.name), column.declared.strip().lower()
        match column.type:
            case FieldType.JSON:
                raise Inexpressible("SQL Server has no JSON that is kept as it stands")
            case FieldType.BOOLEAN:
                return f"({name} = 1)"
            case FieldType.TEXT if padded(column):
                return f"RTRIM({name})"
            case FieldType.TIMESTAMP if declared in ("datetime", "smalldatetime"):
                return f"CAST({name} AS datetime2(3))"
            case FieldType.FLOAT if declared in ("real", "float4"):
                raise Inexpressible(
                    f"{column.name} is a float of 32 bits, whose digits the stream and SQL Server show in their own ways"
                )
            case _ if _SEVEN_DIGITS.fullmatch(declared):
                raise Inexpressible(f"{column.name} has seven digits of a second, an event six")
        return name

    def equal(self, kind: FieldType, value: str, constants: Sequence[Literal]) -> tuple[str, list[str]]:
        if kind is not FieldType.TEXT:
            return value, list(map(self.literal, constants))
        return compared(value), [quoted_text(f"{each.value}.") for each in constants]

    def template(self, call: Call) -> Template:
        if call.name.startswith((*COMPARISONS, "null_if", "in_list")):
            _check_size(Coalesce(call.args, call.args[0].type))
        return super().template(call)

    def case(self, case: Case, branches: Sequence[tuple[str, str]], default: str) -> str:
        _check_size(case)
        return super().case(case, branches, default)

    def coalesce(self, coalesce: Coalesce, arguments: Sequence[str]) -> str:
        _check_size(coalesce)
        return super().coalesce(coalesce, arguments)


def _check_size(node: Node) -> None:
    """Of decimals of several sizes SQL Server makes one, and cuts digits where it needed more than it has."""
    if node.type is FieldType.DECIMAL:
        digits(node, BOUNDS)
