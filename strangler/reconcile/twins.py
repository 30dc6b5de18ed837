"""Twins: legacy rows that have all fields of a row that only the store has, but another key. Such a row is a duplicate, or stands under a
wrong key.

The legacy database looks for them itself, by the hash of what isn't the key: one scan for all rows that are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from strangler.events import encode_key
from strangler.mapping import translated
from strangler.mapping.canonical import text_of, value_of
from strangler.mapping.dialects import DIALECTS
from strangler.mapping.digest import layout, row_hash
from strangler.mapping.nodes import Literal
from strangler.mapping.sql import all_of
from strangler.parts import Part
from strangler.ports import SqlSide
from strangler.reconcile import digest
from strangler.reconcile.narrow import Difference, Kind
from strangler.shapes import FieldType

Values = Mapping[str, Any]
"""The canonical values of what isn't the key, by the fields' names."""


def twins(part: Part, side: SqlSide, differences: Sequence[Difference]) -> dict[str, str]:
    """Key of a row that only the store has → key of the one legacy row that has its fields. Rows that nothing but NULL is in, and those
    whose fields several legacy rows have, have no twin. `differences` are of the part; the side is asked only where some are such."""
    sought = {each.key: values for each in differences if (values := _sought(part, each)) is not None}
    if not sought:
        return {}
    hashes = {key: _hash(part, values) for key, values in sought.items()}
    found: dict[int, set[str]] = {}
    for hashed, key in _alike(part, side, sorted(set(hashes.values())), list(sought.values())):
        found.setdefault(hashed, set()).add(key)
    return {key: min(found[hashed]) for key, hashed in hashes.items() if len(found.get(hashed, ())) == 1}


def _sought(part: Part, difference: Difference) -> Values | None:
    """What isn't the key, of a row that only the store has; None where it has no twin, or can't be seen."""
    clear = difference.clear(part.mapping.sensitive)
    if difference.kind is not Kind.EXTRA or len(clear) < len(difference.fields):
        return None
    values = {name: clear.get(name, (None, None))[1] for name in _others(part)}
    return None if all(value is None for value in values.values()) else values


def _hash(part: Part, values: Values) -> int:
    """The hash of what isn't the key, of a row's canonical values."""
    names = _others(part)
    return row_hash(layout(part.mapping.shape.types(names)), [text_of(values[name]) for name in names])


def _others(part: Part) -> list[str]:
    """The names of the fields that aren't of the key, in order."""
    shape = part.mapping.shape
    return [field.name for field in shape.fields if field.name not in shape.key]


def _alike(
    part: Part, side: SqlSide, hashes: Sequence[int], sought: Sequence[Values]
) -> Iterator[tuple[int, str]]:
    """The legacy rows, by hash and key, whose fields have one of these hashes."""
    yield from _pushed(part, side, hashes, sought)
    mapping, wanted = part.mapping, set(hashes)
    sql = mapping.select(side.dialect).rest_sql(None)
    for each in translated(mapping, side.dialect, side.rows(sql)) if sql else ():
        if each.fault is None and (hashed := _hash(part, each.data)) in wanted:
            yield hashed, encode_key([each.data[name] for name in mapping.shape.key])


def _pushed(
    part: Part, side: SqlSide, hashes: Sequence[int], sought: Sequence[Values]
) -> Iterator[tuple[int, str]]:
    """Those that the database translates itself. It hashes only rows whose numbers and texts are among those that are sought: that
    costs it next to nothing, and rules nearly all of them out."""
    select, shape = part.mapping.select(side.dialect), part.mapping.shape
    if select.pushed is None:
        return
    names = [field.name for field in shape.fields]
    texts = dict(zip(names, select.pushed.texts, strict=True))
    columns = dict(zip(names, select.pushed.columns, strict=True))
    others = _others(part)
    hashed = digest.row_hash(side.dialect, [texts[name] for name in others], shape.types(others))
    matching = f"({hashed}) IN ({', '.join(map(str, hashes))})"
    among = [
        condition
        for name, kind in zip(others, shape.types(others), strict=True)
        if (condition := _among(side.dialect, columns[name], kind, [values[name] for values in sought]))
    ]
    # A CASE, for the order in which conditions of a WHERE are tried is the database's.
    where = f"CASE WHEN {all_of(select.pushed.taken, *among) or 'TRUE'} THEN {matching} ELSE FALSE END"
    selected = ", ".join([hashed, *(texts[name] for name in shape.key)])
    for number, *key in side.rows(f"SELECT {selected} FROM {select.from_} WHERE {where}"):
        yield int(number), encode_key(list(map(value_of, key, shape.types(shape.key))))


def _among(dialect: str, column: str, kind: FieldType, values: Sequence[Any]) -> str | None:
    """That a number or a text is one of these, or what a collation takes for them; None of anything else, which costs more to compare."""
    if kind not in (FieldType.INTEGER, FieldType.TEXT) or None in values:
        return None
    written = DIALECTS[dialect]
    return (
        f"{column} IN ({', '.join(written.literal(Literal(value, kind)) for value in sorted(set(values)))})"
    )
