"""What stands for a row when both sides are compared: 64 bits of it in SQL, and their sum over many rows.

Between two PostgreSQL that hash alike it is the server's own hash of a row, of values of its own types: it costs a
fraction of any other, and nothing has to be written out as text. Where another database stands on a side it is a part of a hash of
the canonical texts (`digest`). Where only the keys matter, every row looks the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from strangler.errors import StranglerError, Unavailable
from strangler.mapping.canonical import text_of
from strangler.mapping.dialects.postgres import native_constant
from strangler.mapping.digest import layout
from strangler.mapping.digest import row_hash as python_row_hash
from strangler.ports import SqlSide
from strangler.reconcile import digest
from strangler.reconcile.sides import Sides
from strangler.shapes import FieldType, Shape

AT_ONCE: Final = 200
"""Rows whose hashes are asked for in one statement."""

_NOTHING: Final = 1


class Fingerprint(NamedTuple):
    """`row` is SQL of a row's 64 bits; `total` SQL of an aggregate: their sum, as text. `of(side, rows)` are the bits of rows that were
    translated here, as canonical values in the order of the shape; `asks`: the side is asked for them."""

    row: str
    total: str
    of: Callable[[SqlSide, Iterable[Sequence[Any]]], list[int]]
    asks: bool = False


def by_texts(shape: Shape, dialect: str, texts: Sequence[str]) -> Fingerprint:
    """Of canonical texts, the same in every dialect."""
    types = shape.types()
    return Fingerprint(
        digest.row_hash(dialect, texts, types),
        digest.checksum(dialect, texts, types),
        _hashed_here(shape),
    )


def by_translation(shape: Shape) -> Fingerprint:
    """The same of rows that are all translated here: their database is asked for nothing."""
    return Fingerprint("NULL", "NULL", _hashed_here(shape))


def by_presence() -> Fingerprint:
    """Of no value at all: a row is there or it isn't."""
    return Fingerprint(
        str(_NOTHING),
        "count(*)",
        lambda side, rows: [_NOTHING for row in rows],
    )


def by_row(shape: Shape, natives: Sequence[str]) -> Fingerprint:
    """By PostgreSQL itself, of values of its own types."""
    hashed = f"hash_record_extended(ROW({', '.join(natives)}), 0)"
    return Fingerprint(
        hashed,
        f"CAST(sum({hashed}) AS text)",
        lambda side, rows: _hashed_there(side, shape, list(rows)),
        asks=True,
    )


def hash_alike(sides: Sides) -> bool:
    """Whether both are PostgreSQL, and give the same hash for the same values: versions and encodings may differ, so they are tried."""
    if set(sides.dialects()) != {"postgres"}:
        return False
    legacy, store = sides.ask(_trial, _trial)
    return legacy == store


_HAS_HASH: Final = "SELECT to_regprocedure('hash_record_extended(record, bigint)') IS NOT NULL"

_SAMPLE: Final = (
    (FieldType.TEXT, "Überraschung 日本"),
    (FieldType.TEXT, None),
    (FieldType.INTEGER, -4_711),
    (FieldType.DECIMAL, "1234567890.0625"),
    (FieldType.FLOAT, 0.1),
    (FieldType.BOOLEAN, True),
    (FieldType.DATE, "2026-11-30"),
    (FieldType.TIME, "23:59:59.000001"),
    (FieldType.TIMESTAMP, "2026-11-30T23:59:59.000001"),
    (FieldType.INSTANT, "2026-11-30T23:59:59.000001Z"),
    (FieldType.BYTES, "00ff"),
)


def _trial(side: SqlSide) -> object:
    """What the database makes of one value of each type; something that equals nothing where it can't."""
    if list(side.rows(_HAS_HASH)) != [(True,)]:
        return object()
    constants = ", ".join(native_constant(kind, value) for kind, value in _SAMPLE)
    try:
        return list(side.rows(f"SELECT hash_record_extended(ROW({constants}), 0)"))
    except Unavailable:
        raise
    except StranglerError:
        return object()  # Its encoding hasn't got one of the characters.


def _hashed_here(shape: Shape) -> Callable[[SqlSide, Iterable[Sequence[Any]]], list[int]]:
    form = layout(shape.types())
    return lambda side, rows: [python_row_hash(form, [text_of(value) for value in row]) for row in rows]


def _hashed_there(side: SqlSide, shape: Shape, rows: Sequence[Sequence[Any]]) -> list[int]:
    found: list[int] = []
    for start in range(0, len(rows), AT_ONCE):
        selects = [
            f"SELECT {number}, hash_record_extended(ROW({_constants(shape, row)}), 0)"
            for number, row in enumerate(rows[start : start + AT_ONCE])
        ]
        found += [int(value) for _, value in sorted(side.rows(" UNION ALL ".join(selects)))]
    return found


def _constants(shape: Shape, row: Sequence[Any]) -> str:
    return ", ".join(
        native_constant(field.type, value) for field, value in zip(shape.fields, row, strict=True)
    )
