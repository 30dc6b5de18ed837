"""Writing: how a connector writes the values of a column, when the messages don't bring their schema.

What the message doesn't say is concluded from the type that the catalog declares and from the connector's properties, into
the same terms in which a schema would say it. Where that is not enough (an unknown unit of time, a decimal without its scale), or where
meaning is lost on the way, the table is refused with the property that mends it, instead of a value that is wrong now and then.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from strangler.errors import SourceError
from strangler.shapes import Column, FieldType
from strangler_connectors.debezium.inline import Written
from strangler_connectors.debezium.modes import Modes

DECIMAL: Final = "org.apache.kafka.connect.data.Decimal"
VARIABLE: Final = "io.debezium.data.VariableScaleDecimal"
TIME: Final = {
    "ms": "io.debezium.time.Time",
    "us": "io.debezium.time.MicroTime",
    "ns": "io.debezium.time.NanoTime",
}
TIMESTAMP: Final = {
    "ms": "io.debezium.time.Timestamp",
    "us": "io.debezium.time.MicroTimestamp",
    "ns": "io.debezium.time.NanoTimestamp",
}
ISO: Final = {
    FieldType.TIME: "io.debezium.time.IsoTime",
    FieldType.TIMESTAMP: "io.debezium.time.IsoTimestamp",
}
HEX: Final = "hex"
BASE64: Final = "base64"
"""Names of ours, for strings that hold bytes."""

OPAQUE: Final = "opaque "
"""Before these names: the bytes hold PostgreSQL's text of a type that Debezium doesn't know."""

CONNECT: Final = "org.apache.kafka.connect.data."

EXACT: Final = 15
"""Digits of a decimal that a double keeps."""

BINLOG: Final = frozenset(("mysql", "mariadb"))

_LOST: Final = {"time with time zone": "its time zone", "bit varying": "the zeros before its first one"}
_MENDS: Final = {
    "time.precision.mode": "microseconds",
    "interval.handling.mode": "string",
    "include.unknown.datatypes": "true",
}

_DECLARED: Final = re.compile(r"\s*([^(\[]*?)\s*(?:\((.*)\))?\s*([^()\[\]]*?)\s*((?:\[\])+)?\s*", re.DOTALL)
_PRECISION: Final = {"oracle": 6, "sqlserver": 7, "postgresql": 6, "db2": 6}
"""Digits behind the second where a type names none; elsewhere 0."""

_MILLISECONDS: Final = frozenset(("datetime", "smalldatetime", "date"))
"""Types of SQL Server and Oracle with a timestamp of three digits or none, and no precision in their name."""

_POSTGRES_OPAQUE: Final = frozenset(
    ("box", "circle", "line", "lseg", "path", "polygon", "tsquery", "pg_lsn", "xid", "xid8", "cid", "tid", "jsonpath",
     "txid_snapshot", "pg_snapshot", "regclass", "regproc", "regprocedure", "regoper", "regoperator", "regtype", "regrole",
     "regnamespace", "regconfig", "regdictionary", "int4multirange", "int8multirange", "nummultirange", "tsmultirange",
     "tstzmultirange", "datemultirange", "refcursor", "aclitem", "record")
)  # fmt: skip
_ELEMENTS: Final = {
    **dict.fromkeys(("smallint", "integer", "bigint", "oid"), FieldType.INTEGER),
    **dict.fromkeys(("real", "double precision"), FieldType.FLOAT),
    "numeric": FieldType.DECIMAL, "boolean": FieldType.BOOLEAN, "bytea": FieldType.BYTES,
    "date": FieldType.DATE, "time without time zone": FieldType.TIME,
    "timestamp without time zone": FieldType.TIMESTAMP, "timestamp with time zone": FieldType.INSTANT,
    "json": FieldType.JSON, "jsonb": FieldType.JSON,
}  # fmt: skip
"""PostgreSQL's name of a type → its field type; every other one is text."""


_STOOD_IN_FOR: Final = frozenset(
    ("text", "character varying", "character", "json", "jsonb", "integer", "bigint", "uuid")
)
"""Elements of arrays for which Debezium has a stand-in when a large array wasn't logged; for those of others it writes NULL."""


def null_or_gap(column: Column, kind: str) -> bool:
    """Whether NULL in an update may as well mean that the value is large and didn't change."""
    declared = Declared(column.declared)
    return kind == "postgresql" and declared.array and declared.name not in _STOOD_IN_FOR


class Declared:
    """A type as the database writes it, in pieces: `timestamp(3) without time zone[]` → name, arguments, array or not."""

    __slots__ = ("arguments", "array", "name")

    def __init__(self, declared: str) -> None:
        found = _DECLARED.fullmatch(declared)
        before, arguments, behind, array = found.groups() if found else (declared, None, None, None)
        self.name = " ".join(f"{before} {behind or ''}".lower().split())
        self.arguments = [each.strip() for each in (arguments or "").split(",")]
        self.array = array is not None

    def number(self, index: int = 0) -> int | None:
        given = self.arguments[index] if index < len(self.arguments) else ""
        return int(given) if given.isdigit() else None


def element(column: Column) -> Column:
    """What an array of PostgreSQL's holds, as a column: `numeric(10,2)[]` → `numeric(10,2)`."""
    declared = column.declared.rstrip("[] ")
    name = Declared(declared).name
    return replace(column, declared=declared, type=_ELEMENTS.get(name, FieldType.TEXT), nullable=True)


class Catalog:
    """How the connector of `kind` (`postgresql`, `mysql`, …) with `modes` writes the columns of `table` without a schema."""

    def __init__(self, table: str, kind: str, modes: Modes) -> None:
        self._table, self._kind, self._modes = table, kind, modes

    def written(self, column: Column) -> Written:
        """As a schema would have it. Raises SourceError where that can't be told or the value isn't whole."""
        match column.type:
            case FieldType.DECIMAL:
                return self._decimal(column)
            case FieldType.INTEGER:
                return self._integer(column)
            case FieldType.TIME | FieldType.TIMESTAMP:
                return self._clock(column)
            case FieldType.DATE:
                return Written("", "io.debezium.time.Date")
            case FieldType.INSTANT:
                return Written("string", "io.debezium.time.ZonedTimestamp")
            case FieldType.BYTES:
                return self.bytes(column)
            case FieldType.BOOLEAN:
                return Written("boolean")
            case FieldType.FLOAT:
                return Written("double")
            case FieldType.JSON:
                return Written("string", "io.debezium.data.Json")
        return self._text(column)

    def completed(self, column: Column, written: Written) -> Written:
        """What even a schema leaves open: whether a string of a bytes column is base64 or hex, whether a decimal is whole."""
        if column.type is FieldType.BYTES and written.type == "string":
            return self.bytes(column)
        if column.type is FieldType.DECIMAL and written.type in ("double", "float"):
            self._check_exact(column, "decimal.handling.mode")
        if written.name == DECIMAL and self._modes.format == "numeric":
            self._check_exact(column, "value.converter.decimal.format")
        if column.type in (FieldType.TIME, FieldType.TIMESTAMP) and written.name.startswith(CONNECT):
            self._check_milliseconds(column)
        self._check_kept(column, written)
        if written.items is not None:
            return replace(written, items=self._item(column, self.completed(element(column), written.items)))
        if (
            column.type is FieldType.TEXT
            and written.type == "string"
            and Declared(column.declared).name in _POSTGRES_OPAQUE
        ):
            return self._opaque(column) if self._kind == "postgresql" else written
        return written

    def bytes(self, column: Column) -> Written:
        if self._kind in BINLOG and Declared(column.declared).name == "bit":
            return Written("bytes", "io.debezium.data.Bits")
        match self._modes.binary:
            case "base64" | "base64-url-safe" if self._kind == "postgresql":
                why = "a large value that an update left alone comes as NULL"
            case "bytes" | "base64" | "base64-url-safe":
                return Written("bytes", BASE64)
            case "hex":
                return Written("string", HEX)
            case _:
                why = "whether it is base64 or hex isn't known"
        raise self.refused(column, "binary.handling.mode", why, "bytes")

    def _decimal(self, column: Column) -> Written:
        match self._modes.decimal:
            case "string":
                return Written("string")
            case "double":
                self._check_exact(column, "decimal.handling.mode")
                return Written("double")
            case "precise" if self._modes.format == "numeric":
                self._check_exact(column, "decimal.handling.mode")
                return Written("double")
            case "precise":
                if Declared(column.declared).number() is None and self._kind in ("postgresql", "oracle"):
                    return Written("struct", VARIABLE)
                why = "its decimals come without their scale"
            case _:
                why = "how its decimals are written isn't known"
        raise self.refused(column, "decimal.handling.mode", why, "string")

    def _integer(self, column: Column) -> Written:
        declared = Declared(column.declared)
        if self._kind in BINLOG and declared.name.startswith("bigint") and "unsigned" in declared.name:
            if self._modes.unsigned == "precise" and self._modes.format != "numeric":
                return Written("bytes", DECIMAL, (("scale", "0"),))
            return Written("int64", "unsigned")
        if self._kind == "oracle" and (declared.number() or 38) > 18:
            return self._decimal(replace(column, declared="number(38,0)"))
        return Written("int64")

    def _clock(self, column: Column) -> Written:
        """Numbers: in which unit decides `time.precision.mode`, in its adaptive modes together with the column's precision."""
        names = TIME if column.type is FieldType.TIME else TIMESTAMP
        unit = self._unit(column)
        written = Written("int64", names[unit]) if unit else Written("string", ISO[column.type])
        if self._modes.time == "connect":
            self._check_milliseconds(column)
        self._check_kept(column, written)
        return written

    def _unit(self, column: Column) -> str:
        match self._modes.time:
            case "isostring":
                return ""
            case "microseconds":
                return "us"
            case "nanoseconds":
                return "ns"
            case "connect":
                return "ms"
            case "adaptive_time_microseconds" if column.type is FieldType.TIME:
                return "us"
            case "adaptive" | "adaptive_time_microseconds":
                digits = self._digits(column)
                if digits is not None:
                    return "ms" if digits <= 3 else "us" if digits <= 6 else "ns"
                why = f"its declared type {column.declared} doesn't say in which unit its numbers are"
            case _:
                why = "in which unit its numbers are isn't known"
        raise self.refused(column, "time.precision.mode", why, "microseconds")

    def _digits(self, column: Column) -> int | None:
        """Digits behind the second; None for a type that isn't one of the database's own, a domain of PostgreSQL's."""
        declared = Declared(column.declared)
        if self._kind == "postgresql" and not declared.name.startswith("time"):
            return None
        if self._kind in ("sqlserver", "oracle") and declared.name in _MILLISECONDS:
            return 3
        given = declared.number()
        return given if given is not None else _PRECISION.get(self._kind, 0)

    def _check_milliseconds(self, column: Column) -> None:
        digits = self._digits(column)
        if digits is None or digits > 3:
            why = f"of {column.declared} only milliseconds are kept"
            raise self.refused(column, "time.precision.mode", why, "microseconds")

    def _check_exact(self, column: Column, property: str) -> None:
        digits = Declared(column.declared).number()
        if digits is None or digits > EXACT:
            why = f"a double keeps {EXACT} digits, and {column.declared} may have more"
            raise self.refused(
                column, property, why, "string" if property.startswith("decimal") else "BASE64"
            )

    def _check_kept(self, column: Column, written: Written) -> None:
        """What Debezium gives up on the way, whatever the message says."""
        lost = self._lost_of_a_time(column, written) or self._lost_by_postgres(column, written)
        if lost:
            property, why = lost
            raise self.refused(column, property, why, _MENDS[property])

    def _lost_of_a_time(self, column: Column, written: Written) -> tuple[str, str] | None:
        if column.type is FieldType.TIMESTAMP and written.name == TIMESTAMP["ns"]:
            return (
                "time.precision.mode",
                "nanoseconds in 64 bits end in the year 2262, and begin again before 1970",
            )
        if column.type is FieldType.TIME and self._kind in (*BINLOG, "postgresql"):
            if written.name == ISO[FieldType.TIME]:
                return "time.precision.mode", "a time of a day or more comes as NULL or as another time"
            if self._kind in BINLOG and (written.name.startswith(CONNECT) or self._modes.time == "connect"):
                return "time.precision.mode", "a time of a day or more comes as NULL"
        return None

    def _lost_by_postgres(self, column: Column, written: Written) -> tuple[str, str] | None:
        if self._kind != "postgresql" or column.type is not FieldType.TEXT:
            return None
        declared = Declared(column.declared)
        if declared.array:
            return None
        if declared.name in _LOST:
            raise self._unfit(column, f"Debezium doesn't keep {_LOST[declared.name]}")
        if written.name == "io.debezium.time.MicroDuration":
            return (
                "interval.handling.mode",
                "months are turned into seconds, and can't be told from days any more",
            )
        if declared.name == "name" and self._modes.unknown != "true":
            return "include.unknown.datatypes", "without it Debezium writes NULL for every name"
        return None

    def _unfit(self, column: Column, why: str) -> SourceError:
        return SourceError(
            f"column {column.name} of table {self._table} is {column.declared}: {why}",
            why="so its value wouldn't always be the one that the database has",
            do="leave the column out of the mapping, or read the database by a source of kind postgres",
        )

    def _text(self, column: Column) -> Written:
        if self._kind != "postgresql":
            return Written("string")
        declared = Declared(column.declared)
        if declared.array:
            return Written("array", items=self._item(column, self.written(element(column))))
        written = self._postgres_text(column, declared)
        self._check_kept(column, written)
        return written

    def _item(self, column: Column, written: Written) -> Written:
        """In the text of an array `1.50` isn't `1.5`."""
        if element(column).type is FieldType.DECIMAL and (
            written.type == "double" or written.name == VARIABLE
        ):
            why = "its numbers come without the zeros at their end"
            raise self.refused(column, "decimal.handling.mode", why, "string")
        return written

    def _postgres_text(self, column: Column, declared: Declared) -> Written:
        match declared.name:
            case name if name == "interval" or name.startswith("interval "):
                if self._modes.interval == "numeric":
                    return Written("int64", "io.debezium.time.MicroDuration")
                return Written("string", "io.debezium.time.Interval")
            case "bit":
                return Written(
                    "bytes" if (declared.number() or 1) > 1 else "boolean", "io.debezium.data.Bits"
                )
            case "money":
                return self._decimal(replace(column, declared="numeric(19,2)"))
            case name if name in _POSTGRES_OPAQUE:
                return self._opaque(column)
        return Written("string")

    def _opaque(self, column: Column) -> Written:
        match self._modes.binary:
            case "bytes" | "base64" | "base64-url-safe":
                return Written("string", OPAQUE + BASE64)
            case "hex":
                return Written("string", OPAQUE + HEX)
        raise self.refused(column, "binary.handling.mode", "whether it is base64 or hex isn't known", "bytes")

    def refused(self, column: Column, property: str, why: str, mode: str) -> SourceError:
        """The error that names table, column and the property that mends it."""
        do = f"give the connector {property}={mode}"
        if not self._modes.known:
            do += f", and say so in the source's options: config: {{{property}: {mode}}}"
        return SourceError(
            f"column {column.name} of table {self._table} can't be read: {why}",
            why=self._state(property),
            do=do,
        )

    def _state(self, property: str) -> str:
        return (
            f"as the connector's {property} is"
            if self._modes.known
            else f"the connector's {property} isn't known"
        )
