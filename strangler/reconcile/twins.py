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
from strangler.mapping.digest import layout, row_hash
from strangler.mapping.sql import all_of
from strangler.parts import Part
from strangler.ports import SqlSide
from strangler.reconcile import digest
from strangler.reconcile.narrow import Difference, Kind


def twins(part: Part, side: SqlSide, differences: Sequence[Difference]) -> dict[str, str]:
    """Key of a row that only the store has → key of the one legacy row that has its fields. Rows that nothing but NULL is in, and those
    whose fields several legacy rows have, have no twin. `differences` are of the part; the side is asked only where some are such."""
    sought = {each.key: hashed for each in differences if (hashed := _sought(part, each)) is not None}
    if not sought:
        return {}
    found: dict[int, set[str]] = {}
    for hashed, key in _alike(part, side, sorted(set(sought.values()))):
        found.setdefault(hashed, set()).add(key)
    return {key: min(found[hashed]) for key, hashed in sought.items() if len(found.get(hashed, ())) == 1}


def _sought(part: Part, difference: Difference) -> int | None:
    """The hash of what isn't the key, of a row that only the store has; None where it has no twin, or can't be seen."""
    clear = difference.clear(part.mapping.sensitive)
    if difference.kind is not Kind.EXTRA or len(clear) < len(difference.fields):
        return None
    values = {name: store for name, (_, store) in clear.items()}
    empty = all(values.get(name) is None for name in _others(part))
    return None if empty else _hash(part, values)


def _hash(part: Part, values: Mapping[str, Any]) -> int:
    """The hash of what isn't the key, of a row's canonical values; a name that isn't there is NULL."""
    names = _others(part)
    return row_hash(layout(part.mapping.shape.types(names)), [text_of(values.get(name)) for name in names])


def _others(part: Part) -> list[str]:
    """The names of the fields that aren't of the key, in order."""
    shape = part.mapping.shape
    return [field.name for field in shape.fields if field.name not in shape.key]


def _alike(part: Part, side: SqlSide, hashes: Sequence[int]) -> Iterator[tuple[int, str]]:
    """The legacy rows, by hash and key, whose fields have one of these hashes."""
    yield from _pushed(part, side, hashes)
    mapping, wanted = part.mapping, set(hashes)
    sql = mapping.select(side.dialect).rest_sql(None)
    for each in translated(mapping, side.dialect, side.rows(sql)) if sql else ():
        if each.fault is None and (hashed := _hash(part, each.data)) in wanted:
            yield hashed, encode_key([each.data[name] for name in mapping.shape.key])


def _pushed(part: Part, side: SqlSide, hashes: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Those that the database translates itself."""
    select, shape = part.mapping.select(side.dialect), part.mapping.shape
    if select.pushed is None:
        return
    texts = dict(zip((field.name for field in shape.fields), select.pushed.texts, strict=True))
    names = _others(part)
    hashed = digest.row_hash(side.dialect, [texts[name] for name in names], shape.types(names))
    columns = ", ".join([hashed, *(texts[name] for name in shape.key)])
    where = all_of(select.pushed.taken, f"({hashed}) IN ({', '.join(map(str, hashes))})")
    for number, *key in side.rows(f"SELECT {columns} FROM {select.from_} WHERE {where}"):
        yield int(number), encode_key(list(map(value_of, key, shape.types(shape.key))))
