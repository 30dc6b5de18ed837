"""Row decoders: Python code written for one relation, because this is the hottest place of the whole way.

A general loop over columns asks for every value what its type is and whether anybody wants it. Here these
questions are answered once, when the relation is announced: the code that is compiled walks the tuple column by
column, steps over what wasn't asked for, and builds the row as one dict display.

A tuple on the wire is the number of columns (2 bytes) and for each a kind, followed for `t` by a length (4 bytes)
and the text: `n` NULL, `t` text, `u` unchanged TOAST (not sent).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from struct import Struct
from typing import Any, Final, NamedTuple

from strangler.changes import UNCHANGED, Change, Operation, Position, Row
from strangler.shapes import FieldType
from strangler_connectors.postgres.values import CONVERTERS

HEADER: Final = 25
"""Bytes of a replication message before its payload: `w`, start and end LSN, the server's clock."""

PADDING: Final = bytes(4)
"""Behind every message, so that kind and length can be read in one step even where only a kind is left."""

Decode = Callable[[bytes, Position], Change]

_BODY: Final = HEADER + 1 + 4
_INLINE: Final = {
    FieldType.TEXT: "{}.decode()",
    FieldType.JSON: "{}.decode()",
    FieldType.INTEGER: "int({})",
    FieldType.FLOAT: "float({})",
    FieldType.BOOLEAN: "{} == b't'",
}
"""What is cheaper written out than called; the other types call their converter."""


class WireColumn(NamedTuple):
    """A column as the relation message announces it; `identity`: part of the replica identity."""

    name: str
    type: FieldType
    identity: bool


class RowDecoders(NamedTuple):
    """From the bytes of an insert, update or delete message (padded) and its position to the change."""

    insert: Decode
    update: Decode
    delete: Decode


def compile_decoders(
    table: str, columns: Sequence[WireColumn], asked: Collection[str], absent: Mapping[str, Any]
) -> RowDecoders:
    """Decoders that give the `asked` columns of `columns`, under the table's configured name. New rows also have what is
    `absent` on the wire: column → value."""
    wanted = [column.name in asked for column in columns]
    keys = [wanted_here and column.identity for column, wanted_here in zip(columns, wanted, strict=True)]
    source = "\n".join(
        [
            "def read_old(d, o):",
            *_walk(columns, wanted, to_the_end=True),
            f"    return {_display(columns, wanted)}, o",
            "def read_key(d, o):",
            *_walk(columns, keys, to_the_end=True),
            f"    return {_display(columns, keys)}, o",
            "def insert(d, position):",
            f"    o = {_BODY + 3}",
            *_walk(columns, wanted, to_the_end=False),
            f"    return new(Change, (position, table, INSERT, None, {_display(columns, wanted, absent)}))",
            "def update(d, position):",
            f"    kind = d[{_BODY}]",
            f"    o = {_BODY + 3}",
            "    if kind == 78:",
            "        before = None",
            "    else:",
            "        before, o = read_key(d, o) if kind == 75 else read_old(d, o)",
            "        o += 3",
            *_walk(columns, wanted, to_the_end=False),
            f"    after = {_display(columns, wanted, absent)}",
            "    if kind == 79:",
            "        after = fill(after, before)",
            "    return new(Change, (position, table, UPDATE, before, after))",
            "def delete(d, position):",
            f"    before, _ = (read_key if d[{_BODY}] == 75 else read_old)(d, {_BODY + 3})",
            "    return new(Change, (position, table, DELETE, before, None))",
        ]
    )
    scope: dict[str, Any] = {
        "Change": Change,
        "UNCHANGED": UNCHANGED,
        "INSERT": Operation.INSERT,
        "UPDATE": Operation.UPDATE,
        "DELETE": Operation.DELETE,
        "fill": _fill,
        "head": Struct(">BI").unpack_from,
        # A named tuple made without its Python-level constructor: half the time.
        "new": tuple.__new__,
        "table": table,
        "absent": absent,
        **{f"convert_{type.value}": CONVERTERS[type] for type in FieldType if type in CONVERTERS},
    }
    exec(compile(source, f"<decoder of {table}>", "exec"), scope)
    return RowDecoders(scope["insert"], scope["update"], scope["delete"])


def _walk(columns: Sequence[WireColumn], wanted: Sequence[bool], to_the_end: bool) -> list[str]:
    """Code that reads the wanted columns into v0, v1, … from offset `o`, and leaves `o` behind the tuple if asked."""
    last = len(columns) if to_the_end else max((i + 1 for i, want in enumerate(wanted) if want), default=0)
    lines: list[str] = []
    for i in range(last):
        lines.append("    k, n = head(d, o)")
        if not wanted[i]:
            lines.append("    o += 5 + n if k == 116 else 1")
            continue
        template = _INLINE.get(columns[i].type, f"convert_{columns[i].type.value}({{}})")
        lines += [
            "    if k == 116:",
            "        e = o + 5 + n",
            f"        v{i} = {template.format('d[o + 5 : e]')}",
            "        o = e",
            "    else:",
            f"        v{i} = None if k == 110 else UNCHANGED",
            "        o += 1",
        ]
    return lines


def _display(columns: Sequence[WireColumn], wanted: Sequence[bool], absent: Collection[str] = ()) -> str:
    pairs = [f"{column.name!r}: v{i}" for i, column in enumerate(columns) if wanted[i]]
    return "{" + ", ".join([*pairs, *(f"{name!r}: absent[{name!r}]" for name in absent)]) + "}"


def _fill(after: Row, before: Row) -> Row:
    """With REPLICA IDENTITY FULL the old row is whole, so what didn't change is known."""
    return {name: before.get(name) if value is UNCHANGED else value for name, value in after.items()}
