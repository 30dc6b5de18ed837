"""MySQL 8 and MariaDB: how their columns are read, and canonical values and texts are written.

Between operations text is UTF-8, and whatever is about time is canonical text; see `mysql_operations`. A session has to be set as
`strangler.mapping.mysql_session` says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Final

from strangler.mapping import canonical
from strangler.mapping.dialects import mysql_operations
from strangler.mapping.dialects.dialect import Dialect, Inexpressible, Template, Written, lookup_by_case
from strangler.mapping.dialects.digits import ADDED_UP, MYSQL, digits
from strangler.mapping.dialects.mysql_casts import joining, quoted_text
from strangler.mapping.dialects.mysql_operations import compared, decimal_text
from strangler.mapping.mysql_session import STATEMENTS
from strangler.mapping.nodes import Call, Literal, Lookup, Node, Reference
from strangler.mapping.reading import wide
from strangler.mapping.runtime import GREATEST
from strangler.shapes import Column, FieldType

_UTF8: Final = "CONVERT({0} USING utf8mb4)"
_NOT_ZERO: Final = "(DAYOFMONTH({0}) > 0 AND MONTH({0}) > 0 AND YEAR({0}) > 0)"
_IN_CALENDAR: Final = (
    # Any month has the first 28 days: most dates ask for no more.
    f"(COALESCE(DAYOFMONTH({{0}}) <= 28, TRUE) OR NOT {_NOT_ZERO} OR COALESCE(DAYOFMONTH({{0}}) <= DAYOFMONTH(LAST_DAY({{0}})), FALSE))"
)
# As the database prints it, which takes half of the time that DATE_FORMAT takes.
_TIMESTAMP: Final = "REPLACE(CAST({0} AS DATETIME(6)), ' ', 'T')"


def _without_nul(texts: str) -> str:
    return f"INSTR(CAST({texts} AS BINARY), X'00') = 0"


def _moment(written: str) -> str:
    return f"CASE WHEN {_NOT_ZERO} THEN {written} END"


_READ: Final = {
    FieldType.TEXT: f"({_UTF8} COLLATE utf8mb4_bin)",
    FieldType.INTEGER: "{0}",
    FieldType.DECIMAL: "{0}",
    FieldType.FLOAT: "({0} + 0e0)",
    FieldType.BOOLEAN: "({0} + 0)",
    FieldType.DATE: _moment("CAST({0} AS CHAR)"),
    FieldType.TIME: "TIME_FORMAT({0}, '%H:%i:%s.%f')",
    FieldType.TIMESTAMP: _moment(_TIMESTAMP),
    FieldType.INSTANT: _moment(f"CONCAT({_TIMESTAMP}, 'Z')"),
    FieldType.BYTES: "{0}",
    FieldType.JSON: f"({_UTF8} COLLATE utf8mb4_bin)",
}

_CHARACTERS: Final = re.compile(r"(?i)(var)?char\b|(tiny|medium|long)?text\b")
"""Columns that any function takes as the text that they hold; of an INET6 or a UUID COALESCE would make something else."""

_TEXTUAL: Final = (FieldType.TEXT, FieldType.JSON)

_READABLE: Final = {
    FieldType.DATE: _IN_CALENDAR,
    FieldType.TIME: "COALESCE({0} >= '00:00:00' AND {0} < '24:00:00', TRUE)",
    FieldType.TIMESTAMP: _IN_CALENDAR,
    FieldType.INSTANT: _IN_CALENDAR,
}

_ODD_INTEGER: Final = re.compile(r"(?i)unsigned|zerofill|year")
_BITS: Final = re.compile(r"(?i)bit\((\d+)\)")

_TEXTS: Final = {
    FieldType.INTEGER: "CAST({0} AS CHAR)",
    FieldType.BOOLEAN: "CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END",
    # The bits of a float come out of MySQL as a coordinate of a point, the least significant byte first.
    FieldType.FLOAT: "LOWER(HEX(REVERSE(SUBSTR(ST_AsBinary(POINT({0} + 0e0, 0)), 6, 8))))",
    FieldType.BYTES: "LOWER(HEX({0}))",
}


_NULLS: Final = {
    FieldType.INTEGER: "CAST(NULL AS SIGNED)",
    FieldType.DECIMAL: "CAST(NULL AS DECIMAL(1, 0))",
    FieldType.FLOAT: "(NULL + 0e0)",
    FieldType.BOOLEAN: "CAST(NULL AS SIGNED)",
    FieldType.BYTES: "CAST(NULL AS BINARY)",
}
"""Each with its type: a sum with a NULL that has none is a float to MySQL, and what stands beside it loses digits."""


class Mysql(Dialect):
    """See `Dialect`."""

    name: ClassVar[str] = "mysql"
    title: ClassVar[str] = "MySQL"
    session: ClassVar[tuple[str, ...]] = STATEMENTS
    limits: ClassVar[tuple[str, ...]] = (
        "decimals, dates and times come as canonical text, as backfill loads them",
        "numbers have 65 digits, 30 of them after the point; single rows with longer ones in a text are left out",
    )

    def quote(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def literal(self, literal: Literal) -> str:
        kind, value = literal.type, literal.value
        if value is None:
            return _NULLS.get(kind, "CAST(NULL AS CHAR)")
        match kind:
            case FieldType.INTEGER | FieldType.BOOLEAN:
                return f"({int(value)})"
            case FieldType.DECIMAL:
                return f"({value:f})"
            case FieldType.FLOAT:
                return f"({value!r}{'' if 'e' in repr(value) else 'e0'})"
        return quoted_text(str(canonical.plain(value)))

    def template(self, call: Call) -> Template:
        return mysql_operations.template(call)

    def lookup(self, lookup: Lookup, code: str) -> Written:
        return lookup_by_case(self, lookup, code, compared(lookup.code.type, code))

    def read(self, column: Column) -> str:
        name = self.quote(column.name)
        if column.type is FieldType.INTEGER and _ODD_INTEGER.search(column.declared):
            return f"CAST({name} AS SIGNED)"
        if column.type is FieldType.DECIMAL and "zerofill" in column.declared.lower():
            return f"({name} + 0)"
        if column.type is FieldType.BYTES and (bits := _BITS.match(column.declared)):
            return f"UNHEX(LPAD(HEX({name} + 0), {(int(bits[1]) + 7) // 8 * 2}, '0'))"
        return _READ[column.type].format(name)

    def all_readable(self, columns: Sequence[Column]) -> list[str]:
        """One look for NUL into all texts together takes less than one into each."""
        texts = [self._held(each) for each in columns if each.type in _TEXTUAL]
        others = super().all_readable([each for each in columns if each.type not in _TEXTUAL])
        joined = f"CONCAT_WS({joining('')}, {', '.join(texts)})"
        return [_without_nul(joined), *others] if texts else others

    def readable(self, column: Column) -> str | None:
        name = self.quote(column.name)
        if column.type in _TEXTUAL:
            return f"COALESCE({_without_nul(_UTF8.format(name))}, TRUE)"
        if wide(column):
            return f"COALESCE({name} <= {GREATEST}, TRUE)"
        condition = _READABLE.get(column.type)
        return condition and condition.format(name)

    def _held(self, column: Column) -> str:
        """A text for those who join it with others (`joining`): it is converted to UTF-8 there, where it isn't yet, which costs less."""
        name = self.quote(column.name)
        return name if _CHARACTERS.match(column.declared) else _READ[FieldType.TEXT].format(name)

    def same(self, left: str, right: str, kind: FieldType) -> str:
        if kind is not FieldType.TEXT:
            return super().same(left, right, kind)
        exact = " = ".join(f"CAST(CONVERT({each} USING utf8mb4) AS BINARY)" for each in (left, right))
        return f"{left} = {right} AND {exact}"

    def raw(self, column: Column) -> str:
        """A FLOAT is printed with six digits, its double with all."""
        return self.read(column) if column.type is FieldType.FLOAT else self.quote(column.name)

    def value(self, node: Node, written: str) -> str:
        match node.type:
            case FieldType.DECIMAL:
                return decimal_text(node).format(written)
            case FieldType.BYTES:
                return _TEXTS[FieldType.BYTES].format(written)
        return written

    def text(self, node: Node, written: str) -> str:
        if isinstance(node, Reference) and node.type is FieldType.TEXT:
            return self._held(node.column)
        return _TEXTS[node.type].format(written) if node.type in _TEXTS else self.value(node, written)

    def exactly(self, text: str) -> str:
        return f"CAST({text} AS BINARY)"

    def total(self, node: Node, written: str) -> str:
        found = digits(node)
        if sum(found) + ADDED_UP > MYSQL.most:
            raise Inexpressible(f"a sum of numbers of {sum(found)} digits may need more than {MYSQL.most}")
        return super().total(node, written)
