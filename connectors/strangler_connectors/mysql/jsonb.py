"""MySQL's binary JSON, written as MySQL itself writes it: `{"a": 1, "b": [true, null]}`. Pure: bytes in, text out.

The binlog has JSON as the tree that is stored, a SELECT gives it as text; both must be the same text here. MariaDB stores
JSON as text and doesn't need this. The format is described in MySQL's source documentation, "JSON binary".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from struct import Struct
from typing import Final

from strangler_connectors.mysql.binary import decimal_reader

_SMALL_OBJECT, _LARGE_OBJECT, _SMALL_ARRAY, _LARGE_ARRAY, _LITERAL = 0, 1, 2, 3, 4
_DOUBLE, _STRING, _OPAQUE = 0x0B, 0x0C, 0x0F
_LITERALS: Final = {0: "null", 1: "true", 2: "false"}
_NUMBERS: Final = {
    5: Struct("<h"),
    6: Struct("<H"),
    7: Struct("<i"),
    8: Struct("<I"),
    9: Struct("<q"),
    10: Struct("<Q"),
}
_INLINE: Final = {False: frozenset({4, 5, 6}), True: frozenset({4, 5, 6, 7, 8})}
"""Types whose value stands in the entry itself, in a small or (True) large container."""

_DECIMAL, _DATE, _TIME, _DATETIME, _TIMESTAMP = 246, 10, 11, 12, 7
_CLOCK: Final = Struct("<q")
_REAL: Final = Struct("<d")
_PLACES: Final = 15


def json_text(raw: bytes) -> str:
    """The document as text. MySQL logs JSON's null, as a document, as nothing at all in a column that was filled up later."""
    return _value(raw[0], raw[1:]) if raw else "null"


def _value(kind: int, data: bytes) -> str:
    if kind in (_SMALL_OBJECT, _LARGE_OBJECT):
        pairs = _members(data, kind == _LARGE_OBJECT, keyed=True)
        return "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
    if kind in (_SMALL_ARRAY, _LARGE_ARRAY):
        return "[" + ", ".join(value for _, value in _members(data, kind == _LARGE_ARRAY, keyed=False)) + "]"
    if kind == _LITERAL:
        return _LITERALS[data[0]]
    if kind in _NUMBERS:
        return str(_NUMBERS[kind].unpack_from(data)[0])
    if kind == _DOUBLE:
        return _double(_REAL.unpack_from(data)[0])
    if kind == _STRING:
        size, start = _length(data)
        return _quoted(data[start : start + size].decode())
    if kind == _OPAQUE:
        size, start = _length(data[1:])
        return _opaque(data[0], data[1 + start : 1 + start + size])
    raise ValueError(f"unknown kind of JSON value: {kind}")


def _members(data: bytes, large: bool, keyed: bool) -> Iterator[tuple[str, str]]:
    width = 4 if large else 2
    count = int.from_bytes(data[:width], "little")
    keys, entries = 2 * width, 2 * width + (count * (width + 2) if keyed else 0)
    for i in range(count):
        key = ""
        if keyed:
            at = keys + i * (width + 2)
            start = int.from_bytes(data[at : at + width], "little")
            size = int.from_bytes(data[at + width : at + width + 2], "little")
            key = _quoted(data[start : start + size].decode())
        at = entries + i * (width + 1)
        kind, entry = data[at], data[at + 1 : at + 1 + width]
        inline = kind in _INLINE[large]
        yield key, _value(kind, entry if inline else data[int.from_bytes(entry, "little") :])


def _length(data: bytes) -> tuple[int, int]:
    """A length in groups of seven bits, and where what it measures begins."""
    size = shift = 0
    for i, byte in enumerate(data):
        size |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return size, i + 1
        shift += 7
    raise ValueError("a JSON length without end")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _double(value: float) -> str:
    """As few digits as tell it apart; plain unless that needs zeros beyond the fifteenth place, then `1.5e20`."""
    number = Decimal(repr(value))
    digits = "".join(map(str, number.as_tuple().digits)).strip("0") or "0"
    magnitude = number.adjusted()
    if magnitude >= -_PLACES and (magnitude < _PLACES or len(digits) > magnitude + 1):
        return f"{number:f}"
    point = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{'-' if value < 0 else ''}{digits[0]}{point}e{magnitude}"


def _opaque(type: int, data: bytes) -> str:
    """A value that JSON itself doesn't have."""
    if type == _DECIMAL:
        number: Decimal = decimal_reader(data[0], data[1])(data[2:])
        return f"{number:f}"
    if type in (_DATE, _TIME, _DATETIME, _TIMESTAMP):
        return f'"{_moment(type, _CLOCK.unpack_from(data)[0])}"'
    return f'"base64:type{type}:{base64.b64encode(data).decode()}"'


def _moment(type: int, packed: int) -> str:
    """Dates and times: as in a DATETIME(6) or TIME(6), the microseconds in the lowest 24 bits."""
    sign, packed = ("-", -packed) if packed < 0 else ("", packed)
    micros, bits = packed & 0xFFFFFF, packed >> 24
    clock = f"{bits >> 6 & 63:02}:{bits & 63:02}.{micros:06}"
    if type == _TIME:
        return f"{sign}{bits >> 12 & 1023:02}:{clock}"
    months, day = bits >> 22, bits >> 17 & 31
    date = f"{months // 13:04}-{months % 13:02}-{day:02}"
    return date if type == _DATE else f"{date} {bits >> 12 & 31:02}:{clock}"
