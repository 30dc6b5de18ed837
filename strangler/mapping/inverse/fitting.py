"""Whether a value fits a legacy column, by its declared type: what the database would cut, round or refuse is refused here.

What only the database knows it must refuse itself: characters that its character set lacks, CHECKs, foreign keys, types of its own.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from datetime import datetime, time
from decimal import Decimal
from typing import Any, Final

import orjson

from strangler.mapping.bad_value import BadValue, shown
from strangler.mapping.reading import read
from strangler.mapping.runtime import EXACT, GREATEST
from strangler.shapes import Column, FieldType

_TEXTS: Final = frozenset(
    ("char", "nchar", "bpchar", "character", "national", "varchar", "nvarchar", "varchar2", "nvarchar2")
)
_BITS: Final = {
    "smallint": 16, "int2": 16, "smallserial": 16, "mediumint": 24, "int": 32, "integer": 32, "int4": 32, "serial": 32,
}  # fmt: skip
_UUID: Final = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MEMBER: Final = re.compile("'((?:[^']|'')*)'")


def fit(column: Column, value: Any, dialect: str = "") -> None:
    """Raise BadValue unless the column takes the value and gives it back as it is.

    `dialect` is that of the database, where it is known: MySQL's `datetime` has no fractions of a second, and SQLite holds what it declares
    to nothing.
    """
    if value is None:
        if not column.nullable:
            raise BadValue(f"column {column.name} is NOT NULL")
        return
    if read(column, value) != value and value == value:
        raise BadValue(
            f"column {column.name} is {column.declared}, which drops the blanks behind {shown(value)}"
        )
    check = _CHECKS.get(column.type)
    if check is not None and dialect != "sqlite" and not check(column, value, dialect):
        raise BadValue(f"column {column.name} is {column.declared}, and {shown(_plain(value))} doesn't fit")


def longest(column: Column) -> int | None:
    """The most characters that a text column holds; None: nothing is declared."""
    given = _parameters(column)
    return int(given[0]) if _base(column) in _TEXTS and given and given[0].isdigit() else None


def digits(column: Column) -> tuple[int, int] | None:
    """Precision and scale of a decimal column; None: any."""
    given = _parameters(column)
    if column.type is not FieldType.DECIMAL or not given or not all(each.isdigit() for each in given):
        return None
    return int(given[0]), int(given[1]) if len(given) > 1 else 0


def bounds(column: Column) -> tuple[int, int]:
    """The least and the greatest integer that the column holds."""
    base, unsigned = _base(column), "unsigned" in column.declared.lower()
    if base == "tinyint":  # It has a sign in MySQL, and none in SQL Server.
        return (0 if unsigned else -128, 255)
    bits = _BITS.get(base, 64)
    if unsigned:
        return 0, min(2**bits - 1, GREATEST)
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def _base(column: Column) -> str:
    return (re.split(r"[\s(]", column.declared.strip().lower(), maxsplit=1) or [""])[0]


def _parameters(column: Column) -> list[str]:
    """What stands in parentheses: `decimal(16, 4)` gives 16 and 4, `VARCHAR(20 CHAR)` 20."""
    found = re.search(r"\(([^)]*)\)", column.declared)
    return [(each.split() or [""])[0] for each in found[1].split(",")] if found else []


def _text(column: Column, value: str, dialect: str) -> bool:
    limit, base = longest(column), _base(column)
    if base in ("enum", "set") and "(" in column.declared:
        members = [each.replace("''", "'") for each in _MEMBER.findall(column.declared)]
        given = [value] if base == "enum" else value.split(",") if value else []
        return all(each in members for each in given)
    if base == "uuid":
        return _UUID.fullmatch(value) is not None
    return limit is None or len(value) <= limit


def _integer(column: Column, value: int, dialect: str) -> bool:
    if _base(column) == "year":
        return value == 0 or 1901 <= value <= 2155
    least, greatest = bounds(column)
    return least <= value <= greatest


def _decimal(column: Column, value: Decimal, dialect: str) -> bool:
    if value.is_nan():
        return dialect != "mysql"
    if value < 0 and "unsigned" in column.declared.lower():
        return False
    found = digits(column)
    if found is None:
        return True
    precision, scale = found
    return value.copy_abs() < Decimal(10) ** (precision - scale) and value == EXACT.quantize(
        value, Decimal((0, (1,), -scale))
    )


def _float(column: Column, value: float, dialect: str) -> bool:
    if value - value != 0:
        return dialect != "mysql"
    try:
        match dialect, _base(column):
            case "postgres", "real":
                return _as_postgres_writes(value) == value
            case "mysql", "float":
                return bool(struct.unpack("<f", struct.pack("<f", value))[0] == value)
    except OverflowError:
        return False
    return True


def _as_postgres_writes(value: float) -> float:
    """The number with the fewest digits that is the same in four bytes: `real` holds 0.1 as 0.100000001 and reads 0.1."""
    written = (float(f"{value:.{digits}g}") for digits in range(1, 10))
    return next((each for each in written if struct.pack("<f", each) == struct.pack("<f", value)), value)


def _clock(column: Column, value: time | datetime, dialect: str) -> bool:
    given = _parameters(column)
    places = int(given[0]) if given and given[0].isdigit() else 0 if dialect == "mysql" else 6
    return places >= 6 or value.microsecond % 10 ** (6 - places) == 0


def _bytes(column: Column, value: bytes, dialect: str) -> bool:
    given = _parameters(column)
    if not given or not given[0].isdigit():
        return True
    length, base = int(given[0]), _base(column)
    if base == "bit":
        return len(value) == (length + 7) // 8
    return len(value) == length if base == "binary" else len(value) <= length


def _json(column: Column, value: str, dialect: str) -> bool:
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return False
    return True


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal | time | datetime) else value


_CHECKS: Final[dict[FieldType, Callable[[Column, Any, str], bool]]] = {
    FieldType.TEXT: _text,
    FieldType.INTEGER: _integer,
    FieldType.DECIMAL: _decimal,
    FieldType.FLOAT: _float,
    FieldType.TIME: _clock,
    FieldType.TIMESTAMP: _clock,
    FieldType.INSTANT: _clock,
    FieldType.BYTES: _bytes,
    FieldType.JSON: _json,
}
