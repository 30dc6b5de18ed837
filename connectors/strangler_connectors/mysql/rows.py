"""Row readers: Python code written for one table map, because this is the hottest place of the whole way.

A general loop over columns asks for every value what its type is and whether anybody wants it. Here these questions
are answered once, when the table map first comes: the code that is compiled walks the row column by column, steps
over what wasn't asked for, and builds the row as one dict display.

A row image is a bitmap of NULLs and then the values that aren't NULL, without anything between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, Final, NamedTuple

from strangler.changes import Change, Operation
from strangler.errors import SourceError
from strangler_connectors.mysql import binary, metadata
from strangler_connectors.mysql.charsets import BINARY, Charsets
from strangler_connectors.mysql.jsonb import json_text
from strangler_connectors.mysql.metadata import TableMap, WireColumn

Read = Callable[[bytes, int, int, str, int, list[Change]], int]
"""(event, offset of the first row, its end, prefix of positions, changes so far, list to append to) → changes so far."""


class RowReaders(NamedTuple):
    """The readers of one table map."""

    insert: Read
    update: Read
    delete: Read
    width: int
    """Columns in a row image."""


_REMEMBERED: Final = 1024
"""Values of a column that are kept with their bytes, so that they aren't made again."""

_WIDTHS: Final = {
    metadata.TINY: 1, metadata.SHORT: 2, metadata.INT24: 3, metadata.LONG: 4, metadata.LONGLONG: 8,
    metadata.FLOAT: 4, metadata.DOUBLE: 8, metadata.YEAR: 1, metadata.DATE: 3, metadata.NEWDATE: 3,
    metadata.TIME: 3, metadata.TIMESTAMP: 4, metadata.DATETIME: 8,
}  # fmt: skip
_FRACTIONAL: Final = {metadata.TIMESTAMP2: 4, metadata.DATETIME2: 5, metadata.TIME2: 3}
_NUMBERS: Final = {
    (metadata.TINY, False): "b", (metadata.TINY, True): "B", (metadata.SHORT, False): "h",
    (metadata.SHORT, True): "H", (metadata.LONG, False): "i", (metadata.LONG, True): "I",
    (metadata.LONGLONG, False): "q", (metadata.LONGLONG, True): "Q",
    (metadata.FLOAT, False): "f", (metadata.FLOAT, True): "f", (metadata.DOUBLE, False): "d", (metadata.DOUBLE, True): "d",
}  # fmt: skip
_SHORT: Final = {
    metadata.DATE: binary.date_of, metadata.NEWDATE: binary.date_of, metadata.TIME: binary.old_time,
    metadata.DATETIME: binary.old_datetime, metadata.TIMESTAMP: binary.old_timestamp,
}  # fmt: skip
_FRACTIONAL_READERS: Final = {
    metadata.TIMESTAMP2: binary.timestamp, metadata.DATETIME2: binary.datetime_of, metadata.TIME2: binary.time_of,
}  # fmt: skip


def compile_readers(
    table: str, mapped: TableMap, wanted: frozenset[str], texts: Mapping[str, str], charsets: Charsets
) -> RowReaders:
    """The readers for a table map. `table` is the configured name, `wanted` are the columns to deliver, `texts` those of
    them that are told as text though the binlog has bytes (MariaDB's UUID and INET), with their type."""
    scope: dict[str, Any] = {
        "Change": Change,
        "INSERT": Operation.INSERT,
        "UPDATE": Operation.UPDATE,
        "DELETE": Operation.DELETE,
        # A named tuple made without its Python-level constructor: half the time.
        "new": tuple.__new__,
        "table": table,
        "from_bytes": int.from_bytes,
        "read_h": Struct("<H").unpack_from,
        "read_I": Struct("<I").unpack_from,
    }
    image = list(_image(mapped.columns, wanted, texts, charsets, scope))
    pairs = ", ".join(f"{c.name!r}: v{i}" for i, c in enumerate(mapped.columns) if c.name in wanted)
    row = f"{{{pairs}}}"
    source = [
        *_loop("insert", [*image, f"after = {row}"], "INSERT, None, after"),
        *_loop("delete", [*image, f"before = {row}"], "DELETE, before, None"),
        *_loop("update", [*image, f"before = {row}", *image, f"after = {row}"], "UPDATE, before, after"),
    ]
    exec(compile("\n".join(source), f"<reader of {table}>", "exec"), scope)
    return RowReaders(scope["insert"], scope["update"], scope["delete"], len(mapped.columns))


def _loop(name: str, body: Sequence[str], change: str) -> Iterator[str]:
    yield f"def {name}(d, o, end, prefix, n, changes):"
    yield "    append = changes.append"
    yield "    while o < end:"
    for line in body:
        yield "        " + line
    yield "        n += 1"
    yield f"        append(new(Change, (f'{{prefix}}{{n:08X}}', table, {change})))"
    yield "    return n"


def _image(
    columns: Sequence[WireColumn],
    wanted: frozenset[str],
    texts: Mapping[str, str],
    charsets: Charsets,
    scope: dict[str, Any],
) -> Iterator[str]:
    """Code that reads one row image from offset `o` into v0, v1, … and leaves `o` behind it."""
    width = (len(columns) + 7) // 8
    yield "nulls = d[o]" if width == 1 else f"nulls = from_bytes(d[o : o + {width}], 'little')"
    yield f"o += {width}"
    for i, column in enumerate(columns):
        keep = column.name in wanted
        if keep:
            yield f"if nulls & {1 << i}:"
            yield f"    v{i} = None"
            yield "else:"
            lines = _value(i, column, texts.get(column.name), charsets, scope)
        else:
            yield f"if not nulls & {1 << i}:"
            lines = _skip(column)
        for line in lines:
            yield "    " + line


def _value(
    i: int, column: WireColumn, text: str | None, charsets: Charsets, scope: dict[str, Any]
) -> list[str]:
    """Code that reads one value into v<i>."""
    size = _size(column)
    if size is None:
        lines, raw = _measure(column), "d[o:e]"
        return [*lines, f"v{i} = {_text(i, column, raw, text, charsets, scope)}", "o = e"]
    number = _NUMBERS.get((column.type, column.unsigned))
    if number is not None:
        scope[f"number_{number}"] = Struct(f"<{number}").unpack_from
        return [f"v{i}, = number_{number}(d, o)", f"o += {size}"]
    if column.type == metadata.INT24:
        return [f"v{i} = from_bytes(d[o : o + 3], 'little', signed={not column.unsigned})", "o += 3"]
    if column.type == metadata.YEAR:
        return [f"v{i} = d[o] + 1900 if d[o] else 0", "o += 1"]
    # Both images of an update mostly have the same value, and documents of one day the same dates.
    scope[f"convert_{i}"] = lru_cache(_REMEMBERED)(_converter(column, charsets))
    return [f"v{i} = convert_{i}(d[o : o + {size}])", f"o += {size}"]


def _text(
    i: int, column: WireColumn, raw: str, text: str | None, charsets: Charsets, scope: dict[str, Any]
) -> str:
    """The expression for a value of varying length."""
    if column.type == metadata.JSON:
        scope["json_text"] = json_text
        return f"json_text({raw})"
    if text:
        scope[f"text_{text}"] = binary.TEXTS[text]
        return f"text_{text}({raw}.ljust({column.meta}, b'\\0'))"
    if column.collation == BINARY or column.type in (metadata.GEOMETRY, metadata.VECTOR):
        # The binlog leaves out what pads a BINARY to its width.
        return f"{raw}.ljust({column.meta}, b'\\0')" if column.type == metadata.STRING else raw
    decode = charsets.decoder(column.collation)
    if decode is None:
        return f"{raw}.decode('utf-8', 'backslashreplace')"
    scope[f"decode_{column.collation}"] = decode
    return f"decode_{column.collation}({raw})"


def _converter(column: WireColumn, charsets: Charsets) -> Callable[[bytes], Any]:
    """The function from the bytes of a value of fixed width."""
    if column.type == metadata.DECIMAL:
        return binary.decimal_reader(column.meta >> 8, column.meta & 0xFF)
    if column.type in (metadata.ENUM, metadata.SET):
        decode = charsets.decoder(column.collation) or bytes.decode
        elements = [decode(element) for element in column.elements]
        return binary.enum_reader(elements) if column.type == metadata.ENUM else binary.set_reader(elements)
    if column.type == metadata.BIT:
        one = column.meta >> 8 == 0 and column.meta & 0xFF == 1
        return binary.is_one if one else bytes
    if column.type in _FRACTIONAL_READERS:
        return _FRACTIONAL_READERS[column.type](column.meta)
    return _SHORT[column.type]


def _skip(column: WireColumn) -> list[str]:
    size = _size(column)
    return [f"o += {size}"] if size is not None else [*_measure(column), "o = e"]


def _measure(column: WireColumn) -> list[str]:
    """Code that sets `o` to where a value of varying length begins and `e` to where it ends."""
    if column.type in (metadata.VARCHAR, metadata.VAR_STRING, metadata.STRING, metadata.VARCHAR_COMPRESSED):
        width = 1 if column.meta < 256 else 2
    else:
        width = column.meta
    if width == 1:
        return ["e = o + 1 + d[o]", "o += 1"]
    if width == 3:
        return ["e = o + 3 + from_bytes(d[o : o + 3], 'little')", "o += 3"]
    code = {2: "read_h", 4: "read_I"}[width]
    return [f"e = o + {width} + {code}(d, o)[0]", f"o += {width}"]


def _size(column: WireColumn) -> int | None:
    """The bytes of a value, None where they vary. Raises SourceError for a type that is unknown here."""
    type, meta = column.type, column.meta
    if type in _WIDTHS:
        return _WIDTHS[type]
    if type in _FRACTIONAL:
        return _FRACTIONAL[type] + (meta + 1) // 2
    if type == metadata.DECIMAL:
        return binary.decimal_size(meta >> 8, meta & 0xFF)
    if type in (metadata.ENUM, metadata.SET):
        return meta
    if type == metadata.BIT:
        return (meta >> 8) + (meta & 0xFF > 0)
    if type in (
        metadata.VARCHAR, metadata.VAR_STRING, metadata.STRING, metadata.VARCHAR_COMPRESSED, metadata.BLOB,
        metadata.BLOB_COMPRESSED, metadata.JSON, metadata.GEOMETRY, metadata.VECTOR,
    ):  # fmt: skip
        return None
    raise SourceError(f"column {column.name} has a type that the binlog reader doesn't know: {type}")
