"""Table maps: what the binlog says of a table before the rows that follow. Pure: bytes in, columns out.

A table map has the types of all columns with their lengths; the names, signs, charsets and elements are there only
with `binlog_row_metadata=FULL`. The format is described in MySQL's source documentation, "Table_map_event".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")

TINY, SHORT, LONG, FLOAT, DOUBLE, TIMESTAMP, LONGLONG, INT24 = 1, 2, 3, 4, 5, 7, 8, 9
DATE, TIME, DATETIME, YEAR, NEWDATE, VARCHAR, BIT = 10, 11, 12, 13, 14, 15, 16
TIMESTAMP2, DATETIME2, TIME2 = 17, 18, 19
BLOB_COMPRESSED, VARCHAR_COMPRESSED = 140, 141
VECTOR, JSON, DECIMAL, ENUM, SET, BLOB, VAR_STRING, STRING, GEOMETRY = (
    242,
    245,
    246,
    247,
    248,
    252,
    253,
    254,
    255,
)

_NUMERIC: Final = frozenset({TINY, SHORT, INT24, LONG, LONGLONG, DECIMAL, FLOAT, DOUBLE, YEAR})
_CHARACTER: Final = frozenset({STRING, VAR_STRING, VARCHAR, BLOB, BLOB_COMPRESSED, VARCHAR_COMPRESSED})
# MariaDB counts geometry among the types with a charset, MySQL doesn't.
_CHARACTER_MARIADB: Final = _CHARACTER | {GEOMETRY}
_ONE_BYTE: Final = frozenset(
    {FLOAT, DOUBLE, BLOB, BLOB_COMPRESSED, JSON, GEOMETRY, VECTOR, TIMESTAMP2, DATETIME2, TIME2}
)
_TWO_BYTES: Final = frozenset({VARCHAR, VAR_STRING, VARCHAR_COMPRESSED, BIT, DECIMAL, STRING, ENUM, SET})

_SIGNEDNESS, _CHARSET, _COLUMN_CHARSET, _NAMES, _SETS, _ENUMS = 1, 2, 3, 4, 5, 6
_ELEMENT_CHARSET, _ELEMENT_COLUMN_CHARSET = 10, 11


class WireColumn(NamedTuple):
    """A column as a table map announces it.

    `meta` is the length or precision, its meaning depends on the type: for DECIMAL precision << 8 | scale, for BIT bytes << 8 |
    bits over, for strings the most bytes, for ENUM and SET the width, for blobs the width of the length, for times the digits
    behind the second. `collation` is 0 where there is none. `elements` are those of ENUM and SET.
    """

    name: str
    type: int
    meta: int
    unsigned: bool
    collation: int
    elements: tuple[bytes, ...]


class TableMap(NamedTuple):
    """`columns` have empty names where the server logs no metadata."""

    schema: str
    table: str
    columns: tuple[WireColumn, ...]


def names(body: bytes) -> tuple[str, str]:
    """Database and table of a table map whose table id and flags are left out."""
    end = 1 + body[0]
    return body[1:end].decode(), body[end + 2 : end + 2 + body[end + 1]].decode()


def parse_table_map(body: bytes, mariadb: bool) -> TableMap:
    """The table map whose table id and flags are left out."""
    schema, table = names(body)
    offset = 1 + body[0] + 1
    offset += 1 + body[offset] + 1
    count, offset = length(body, offset)
    types, offset = body[offset : offset + count], offset + count
    size, offset = length(body, offset)
    plain = list(_plain(types, body[offset : offset + size]))
    optional = dict(_optional(body, offset + size + (count + 7) // 8))
    return TableMap(schema, table, tuple(_columns(plain, optional, mariadb)))


def length(data: bytes, offset: int) -> tuple[int, int]:
    """A length-encoded integer and the offset behind it."""
    first = data[offset]
    if first < 251:
        return first, offset + 1
    width = {252: 2, 253: 3, 254: 8}[first]
    return int.from_bytes(data[offset + 1 : offset + 1 + width], "little"), offset + 1 + width


def _plain(types: bytes, metadata: bytes) -> Iterator[tuple[int, int]]:
    """Each column's real type with its metadata."""
    offset = 0
    for type in types:
        if type in _ONE_BYTE:
            yield type, metadata[offset]
            offset += 1
        elif type in _TWO_BYTES:
            first, second = metadata[offset], metadata[offset + 1]
            offset += 2
            if type in (STRING, ENUM, SET):
                yield _string(first, second)
            elif type in (DECIMAL, BIT):
                # BIT: the bits over come first.
                yield type, first << 8 | second if type == DECIMAL else second << 8 | first
            else:
                yield type, second << 8 | first
        else:
            yield type, 0


def _string(first: int, second: int) -> tuple[int, int]:
    """CHAR, ENUM and SET share a type; lengths beyond 255 borrow two bits of the first byte."""
    if first & 0x30 != 0x30:
        return first | 0x30, second | ((first & 0x30) ^ 0x30) << 4
    return first, second


def _optional(body: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    while offset < len(body):
        kind = body[offset]
        size, offset = length(body, offset + 1)
        yield kind, body[offset : offset + size]
        offset += size


def _columns(
    plain: Sequence[tuple[int, int]], optional: dict[int, bytes], mariadb: bool
) -> Iterator[WireColumn]:
    types = [type for type, _ in plain]
    unsigned = _per(types, _NUMERIC, _bits(optional.get(_SIGNEDNESS, b"")).__getitem__)
    character = _CHARACTER_MARIADB if mariadb else _CHARACTER
    collations = _per(types, character, _collations(optional, _CHARSET, _COLUMN_CHARSET))
    collations |= _per(types, {ENUM, SET}, _collations(optional, _ELEMENT_CHARSET, _ELEMENT_COLUMN_CHARSET))
    elements = _per(types, {ENUM}, list(_elements(optional.get(_ENUMS, b""))).__getitem__)
    elements |= _per(types, {SET}, list(_elements(optional.get(_SETS, b""))).__getitem__)
    names = [name.decode() for name in _strings(optional.get(_NAMES, b""))] or [""] * len(types)
    for i, (type, meta) in enumerate(plain):
        yield WireColumn(
            names[i], type, meta, bool(unsigned.get(i)), collations.get(i, 0), tuple(elements.get(i, ()))
        )


def _per(types: Sequence[int], among: frozenset[int] | set[int], give: Callable[[int], T]) -> dict[int, T]:
    """What `give` has for the first, second, … of the columns whose type is `among` them, by the place of the column."""
    found: dict[int, T] = {}
    for i, type in enumerate(types):
        if type in among:
            try:
                found[i] = give(len(found))
            except (IndexError, KeyError):
                break  # Without metadata there is nothing to give.
    return found


def _bits(data: bytes) -> list[bool]:
    return [bool(byte & 0x80 >> bit) for byte in data for bit in range(8)]


def _collations(optional: dict[int, bytes], default: int, each: int) -> Callable[[int], int]:
    """The collation of the n-th column with one: from a default with exceptions, or from a list."""
    numbers = _numbers(optional.get(each, b""))
    if numbers or default not in optional:
        return numbers.__getitem__
    first, *rest = _numbers(optional[default])
    exceptions = dict(zip(rest[::2], rest[1::2], strict=True))
    return lambda n: exceptions.get(n, first)


def _numbers(data: bytes) -> list[int]:
    found, offset = [], 0
    while offset < len(data):
        number, offset = length(data, offset)
        found.append(number)
    return found


def _strings(data: bytes) -> Iterator[bytes]:
    offset = 0
    while offset < len(data):
        size, offset = length(data, offset)
        yield data[offset : offset + size]
        offset += size


def _elements(data: bytes) -> Iterator[tuple[bytes, ...]]:
    offset = 0
    while offset < len(data):
        count, offset = length(data, offset)
        found = []
        for _ in range(count):
            size, offset = length(data, offset)
            found.append(data[offset : offset + size])
            offset += size
        yield tuple(found)
