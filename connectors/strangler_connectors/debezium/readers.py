"""Readers: from one JSON value, written as `inline.Written` says, to the Python value that `strangler.changes.Row` promises.

A reader is a function of one value that isn't NULL. ValueError, or any other sign that the value isn't what was announced, means
that it can't be read: then it stays text (`values`), and no mapping takes it for what it isn't.
"""

from __future__ import annotations

import json
import re
import struct
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from strangler.shapes import Column, FieldType
from strangler_connectors.debezium import literals
from strangler_connectors.debezium.inline import Written
from strangler_connectors.debezium.writing import BINLOG, CONNECT, DECIMAL, HEX, OPAQUE, Declared, element

Reader = Callable[[Any], Any]

ZERO_OR_EPOCH: Final = "0000-00-00 or 1970-01-01"
"""What a zero date in a column that can't be NULL reads as: Debezium writes the epoch for it, as for the epoch itself."""

_EPOCH: Final = datetime(1970, 1, 1)
EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_LAST_DAY: Final = date.max.toordinal() - EPOCH_DAY
_FIRST_DAY: Final = date.min.toordinal() - EPOCH_DAY
DAY: Final = 86_400_000_000
_MICROS: Final = timedelta(microseconds=1)
_FIRST, _LAST = -2_440_588, 2_145_031_948
"""The days of 4713 BC and of the year 5874897, between which all dates of these databases are."""

_INFINITE_DAYS: Final = {
    -2_147_472_692: "infinity",
    -2_147_472_691: "-infinity",
    -622_191_234: "infinity",
    106_751_991_166: "infinity",
}
"""Days of the year -5877611, which Debezium writes for PostgreSQL's infinite dates, and what it makes of one in an array."""


def reader(column: Column, written: Written, kind: str) -> Reader:
    """The reader of a column of a database of `kind` (`postgresql`, `mysql`, …)."""
    if kind == "postgresql" and _is_another(column.type, written):
        return of_another_type
    return _READERS[column.type](column, written, kind)


_NUMBERS: Final = frozenset((FieldType.INTEGER, FieldType.FLOAT, FieldType.DECIMAL, FieldType.BOOLEAN))
_CLOCKS: Final = {
    FieldType.DATE: ("Date",),
    FieldType.TIME: ("Time",),
    FieldType.TIMESTAMP: ("Timestamp",),
}
"""What the names end in by which dates and times come as numbers."""


def _is_another(type: FieldType, written: Written) -> bool:
    """Whether the schema says that a number counts something else than the catalog does: then the column was retyped in between."""
    name = written.name
    if type in _NUMBERS:
        return name.startswith("io.debezium.time.") or (name.startswith(CONNECT) and name != DECIMAL)
    clocks = _CLOCKS.get(type)
    return clocks is not None and written.type in ("int32", "int64") and not name.endswith(clocks)


def of_another_type(value: Any) -> Any:
    """Reads nothing: the value belongs to a column of another type than this one's."""
    raise ValueError(f"of another type: {value!r}")


def _integer(column: Column, written: Written, kind: str) -> Reader:
    if written.name == DECIMAL or written.type == "struct":
        exact = _decimal(column, written, kind)

        def whole(value: Any) -> int:
            number = exact(value)
            if number != number.to_integral_value():
                raise ValueError(f"not an integer: {number}")
            return int(number)

        return whole
    unsigned = kind in BINLOG and "unsigned" in column.declared.lower()
    # YEAR holds 1901 to 2155 and 0000, which Debezium takes for the year 1900.
    year = kind in BINLOG and Declared(column.declared).name == "year"

    def read(value: Any) -> int:
        match value:
            case bool():
                return int(value)
            case int():
                if year and value == 1900:
                    return 0
                # In mode `long` the upper half of the unsigned numbers comes as negative.
                return value + (1 << 64) if unsigned and value < 0 else value
            case float() if value.is_integer() and abs(value) < 1 << 53:
                return int(value)
            case str() if re.fullmatch(r"-?[0-9]+", value) and written.name != "unsigned":
                return int(value)
        raise ValueError(f"not an integer: {value!r}")

    return read


def _float(column: Column, written: Written, kind: str) -> Reader:
    """PostgreSQL's own text of a real is the shortest; a FLOAT of MySQL's is the double of its 32 bits."""
    declared = Declared(column.declared).name
    single = _shortest_single if declared == "real" and kind == "postgresql" else None
    if kind in BINLOG and declared.startswith("float"):
        single = _as_single

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            if value not in ("NaN", "Infinity", "-Infinity"):
                raise ValueError(f"not a float: {value!r}")
            return float(value)
        return single(float(value)) if single else float(value)

    return read


def _as_single(value: float) -> float:
    rounded: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    return rounded


def _shortest_single(value: float) -> float:
    """Java writes a float with a digit too many now and then."""
    exact = _as_single(value)
    return next(
        short for digits in range(6, 18) if _as_single(short := float(f"{exact:.{digits}g}")) == exact
    )


_SINGLE: Final = struct.Struct("<f")


def _decimal(column: Column, written: Written, kind: str) -> Callable[[Any], Decimal]:
    scale = int(written.parameter("scale") or 0) if written.name == DECIMAL else None
    if Declared(column.declared).arguments[-1].startswith("-"):
        return _of_tens

    def read(value: Any) -> Decimal:
        match value:
            case bool():
                raise ValueError("a boolean")
            case int():
                return Decimal(value)
            case float():
                return Decimal(repr(value))
            case str() if scale is not None:
                return _unscaled(value, scale)
            case str() if NUMBER.fullmatch(value):
                return Decimal(value)
            case "NaN" | "NAN":
                return Decimal("NaN")
            case "Infinity" | "POSITIVE_INFINITY" | "-Infinity" | "NEGATIVE_INFINITY":
                return Decimal("-Infinity" if value[0] in "-N" else "Infinity")
            case {"scale": int(own), "value": str(digits)}:
                return _unscaled(digits, own)
        raise ValueError(f"not a decimal: {value!r}")

    return read


def _of_tens(value: Any) -> Decimal:
    """A scale below zero, which PostgreSQL has: Debezium takes it for a large one, and writes as many zeros."""
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return Decimal(int(Decimal(value)))
    raise ValueError(f"not a number in tens: {value!r}")


NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,5})?")


def _unscaled(encoded: str, scale: int) -> Decimal:
    raw = b64decode(encoded, validate=True)
    if not raw or not -20_000 < scale < 20_000:
        raise ValueError("not a decimal")
    number = int.from_bytes(raw, "big", signed=True)
    return Decimal((number < 0, tuple(map(int, str(abs(number)))), -scale))


def _boolean(column: Column, written: Written, kind: str) -> Reader:
    def read(value: Any) -> bool:
        if value in (True, False, 0, 1) and not isinstance(value, float):
            return bool(value)
        raise ValueError(f"not a boolean: {value!r}")

    return read


def _text(column: Column, written: Written, kind: str) -> Reader:
    if kind == "postgresql":
        return _postgres_text(column, written)
    declared = Declared(column.declared).name
    if kind in BINLOG and declared in ("enum", "set"):
        return _escaped
    return only_text


def _escaped(value: Any) -> str:
    """Debezium reads the names of an ENUM or SET from its definition, and leaves the comma in one escaped."""
    return only_text(value).replace("\\,", ",")


def _postgres_text(column: Column, written: Written) -> Reader:
    declared = Declared(column.declared)
    if written.items is not None:
        return _array(element(column), written.items)
    if written.name.startswith(OPAQUE) or (written.type == "bytes" and not written.name):
        in_hex = written.name.endswith(HEX)
        return lambda value: _JAVA_NUMBER.sub(_as_postgres, _bytes_of(value, in_hex).decode())
    match declared.name:
        case "bit":
            width = declared.number() or 1
            return lambda value: format(_bits(value), f"0{width}b")
        case "money":
            amount = _decimal(column, written, "postgresql")
            return lambda value: literals.money(amount(value))
        case "hstore":
            return lambda value: literals.hstore(value if isinstance(value, dict) else json.loads(value))
        case "point":
            return lambda value: (
                f"({literals.double(float(value['x']))},{literals.double(float(value['y']))})"
            )
        case "geometry" | "geography":
            return lambda value: _ewkb(b64decode(value["wkb"], validate=True), value.get("srid"))
    if written.name == "io.debezium.time.Interval":
        return lambda value: literals.interval(only_text(value))
    return only_text


_JAVA_NUMBER: Final = re.compile(r"-?\d+\.\d+(?:E-?\d+)?")


def _as_postgres(found: re.Match[str]) -> str:
    """The numbers of a box or circle: `1.0` is `1`."""
    return literals.double(float(found[0]))


def _array(column: Column, written: Written) -> Reader:
    of_item = _element_text(column, reader(column, written, "postgresql"))

    def read(value: Any) -> str:
        if not isinstance(value, list):
            raise ValueError(f"not an array: {value!r}")
        if value and all(item is None for item in value):
            raise ValueError("of an array of arrays Debezium writes nothing but NULL")
        return literals.array(value, of_item)

    return read


def _element_text(column: Column, read: Reader) -> Callable[[Any], str]:
    """How PostgreSQL writes an element of an array: as it writes the value itself."""
    match column.type:
        case FieldType.BOOLEAN:
            return lambda value: "t" if read(value) else "f"
        case FieldType.FLOAT:
            digits = 6 if Declared(column.declared).name == "real" else 15
            return lambda value: literals.double(read(value), digits)
        case FieldType.DECIMAL:
            return lambda value: format(read(value), "f")
        case FieldType.BYTES:
            return lambda value: "\\x" + read(value).hex()
        case FieldType.TIMESTAMP | FieldType.INSTANT | FieldType.TIME:
            return lambda value: _clock_text(read(value))
    return lambda value: str(read(value))


def _clock_text(value: datetime | time | str) -> str:
    match value:
        case datetime():
            zone = "+00" if value.tzinfo else ""
            return literals.moment((value.replace(tzinfo=None) - _EPOCH) // _MICROS, zone)
        case time():
            return literals.span((datetime.combine(_EPOCH, value) - _EPOCH) // _MICROS)
    return value


def _ewkb(wkb: bytes, srid: Any) -> str:
    """PostGIS writes a geometry as hex of its binary form, the reference system in it."""
    order: Literal["little", "big"] = "little" if wkb[0] == 1 else "big"
    kind = int.from_bytes(wkb[1:5], order)
    if not isinstance(srid, int) or kind & 0x2000_0000:
        return wkb.hex().upper()
    extended = wkb[:1] + (kind | 0x2000_0000).to_bytes(4, order) + srid.to_bytes(4, order) + wkb[5:]
    return extended.hex().upper()


def only_text(value: Any) -> str:
    """The text as it stands."""
    if isinstance(value, str):
        return value
    raise ValueError(f"not a text: {value!r}")


def _json(column: Column, written: Written, kind: str) -> Reader:
    # MySQL keeps JSON in a form of its own; Debezium writes it without blanks, the server with them.
    return _spaced if kind == "mysql" else only_text


_JSON_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[,:]')


def _spaced(value: Any) -> str:
    return _JSON_TOKEN.sub(lambda m: m[0] + " " if m[0] in ",:" else m[0], only_text(value))


def _bytes(column: Column, written: Written, kind: str) -> Reader:
    declared = Declared(column.declared)
    if kind in BINLOG and declared.name == "bit":
        width = -(-(declared.number() or 1) // 8)
        return lambda value: _bits(value).to_bytes(width, "big")
    in_hex = written.name == HEX
    if kind in BINLOG and declared.name == "binary":
        length = declared.number() or 1
        return lambda value: _bytes_of(value, in_hex).ljust(length, b"\0")
    if kind in BINLOG:
        return lambda value: _geometry(value) if isinstance(value, dict) else _bytes_of(value, in_hex)
    return lambda value: _bytes_of(value, in_hex)


def _bytes_of(value: Any, in_hex: bool) -> bytes:
    if in_hex:
        return bytes.fromhex(only_text(value))
    text = only_text(value)
    if "-" in text or "_" in text:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return b64decode(text + "=" * (-len(text) % 4), validate=True)


def _geometry(value: dict[str, Any]) -> bytes:
    """As MySQL keeps it: the number of the reference system in front of the well-known binary form."""
    return int(value.get("srid") or 0).to_bytes(4, "little") + b64decode(value["wkb"], validate=True)


def _bits(value: Any) -> int:
    """Bits come with the lowest byte first; a single one as a boolean."""
    return int(value) if isinstance(value, bool) else int.from_bytes(_bytes_of(value, False), "little")


def _date(column: Column, written: Written, kind: str) -> Reader:
    zero = kind in BINLOG and not column.nullable

    def read(value: Any) -> date | str:
        days = _days_of_iso(value) if isinstance(value, str) else _int(value)
        if zero and days == 0:
            return ZERO_OR_EPOCH
        if days in _INFINITE_DAYS:
            return _INFINITE_DAYS[days]
        if not _FIRST <= days <= _LAST:
            raise ValueError(f"no date: {days} days")
        if _FIRST_DAY <= days <= _LAST_DAY:
            return date.fromordinal(days + EPOCH_DAY)
        return literals.day(days)

    return read


def _int(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and -(1 << 63) <= value < 1 << 63:
        return value
    raise ValueError(f"not a number of 64 bits: {value!r}")


_ISO_DATE: Final = re.compile(r"([+-]?\d{4,9})-(\d\d)-(\d\d)Z?")


def _days_of_iso(text: str) -> int:
    found = _ISO_DATE.fullmatch(text)
    if found is None:
        raise ValueError(f"not a date: {text!r}")
    return literals.days_of(*(int(each) for each in found.groups()))


def _micros(written: Written) -> Callable[[Any], int]:
    """Microseconds of a number of milli-, micro- or nanoseconds; what is finer is cut off, as the databases' drivers do."""
    last = written.name.rpartition(".")[2]
    if last.startswith("Nano"):
        return lambda value: _int(value) // 1000
    return _int if last.startswith("Micro") else lambda value: _int(value) * 1000


def _time(column: Column, written: Written, kind: str) -> Reader:
    micros = _micros(written)
    digits = Declared(column.declared).number() or 0

    def read(value: Any) -> time | str:
        if isinstance(value, str):
            return time.fromisoformat(value.removesuffix("Z")[:15])
        number = micros(value)
        if 0 <= number < DAY:
            return (_EPOCH + timedelta(microseconds=number)).time()
        if kind in BINLOG:
            return _mysql_time(number, digits)
        return literals.span(number)

    return read


def _mysql_time(micros: int, digits: int) -> str:
    """`-838:59:59.00`: as many digits behind the second as the column has."""
    seconds, fraction = divmod(abs(micros), 1_000_000)
    text = f"{'-' if micros < 0 else ''}{literals.span(seconds * 1_000_000)}"
    return f"{text}.{fraction:06}"[: len(text) + 1 + digits] if digits else text


def _timestamp(column: Column, written: Written, kind: str) -> Reader:
    micros = _micros(written)
    zero = kind in BINLOG and not column.nullable

    def read(value: Any) -> datetime | str:
        number = _micros_of_iso(value)[0] if isinstance(value, str) else micros(value)
        if isinstance(number, str) or number in _INFINITE:
            return _INFINITE.get(number, str(number))
        if zero and number == 0:
            return ZERO_OR_EPOCH
        try:
            return _EPOCH + timedelta(microseconds=number)
        except OverflowError:
            return literals.moment(number)

    return read


_INFINITE: Final[dict[int | str, str]] = {
    9_223_372_036_825_200_000: "infinity",
    -9_223_372_036_832_400_000: "-infinity",
}
"""What PostgreSQL's driver for Java makes of infinity, in microseconds whatever the unit was."""

_ISO_MOMENT: Final = re.compile(
    r"([+-]?\d{4,9})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?"
)


def _micros_of_iso(text: str) -> tuple[int | str, int]:
    """Microseconds since 1970 as the clock there shows them, and by how many it is ahead of UTC; or infinity."""
    if text in ("infinity", "-infinity"):
        return text, 0
    found = _ISO_MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(f"not a timestamp: {text!r}")
    year, month, day, hour, minute, second = (int(each or 0) for each in found.groups()[:6])
    micros = int((found[7] or "")[:6].ljust(6, "0"))
    if not 1 <= month <= 12 or not 1 <= day <= 31 or hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"not a timestamp: {text!r}")
    seconds = literals.days_of(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
    return seconds * 1_000_000 + micros, _ahead(found[8] or "Z")


def _ahead(zone: str) -> int:
    if zone == "Z":
        return 0
    digits = zone[1:].replace(":", "").ljust(6, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:])
    return (-seconds if zone[0] == "-" else seconds) * 1_000_000


def _instant(column: Column, written: Written, kind: str) -> Reader:
    zero = kind in BINLOG and not column.nullable
    numbers = _micros(written) if written.type in ("int64", "int32") else None

    def read(value: Any) -> datetime | str | None:
        if isinstance(value, str):
            if len(value) <= 27 and value[-1:] == "Z" and value[4:5] == "-" and not zero:
                # The common case by the library's own parser: `2026-11-23T23:59:59.123456Z`.
                return datetime.fromisoformat(value)
            number, ahead = _micros_of_iso(value)
        elif numbers is not None:
            number, ahead = numbers(value), 0
        else:
            raise ValueError(f"not a timestamp: {value!r}")
        if isinstance(number, str):
            return number
        if zero and number == ahead:
            return None  # A TIMESTAMP can't hold the epoch: this is `0000-00-00`.
        try:
            return (_EPOCH + timedelta(microseconds=number - ahead)).replace(tzinfo=UTC)
        except OverflowError:
            return literals.moment(number - ahead, "+00")

    return read


_READERS: Final[dict[FieldType, Callable[[Column, Written, str], Reader]]] = {
    FieldType.TEXT: _text,
    FieldType.JSON: _json,
    FieldType.INTEGER: _integer,
    FieldType.FLOAT: _float,
    FieldType.DECIMAL: _decimal,
    FieldType.BOOLEAN: _boolean,
    FieldType.BYTES: _bytes,
    FieldType.DATE: _date,
    FieldType.TIME: _time,
    FieldType.TIMESTAMP: _timestamp,
    FieldType.INSTANT: _instant,
}
