"""Comparing an aggregate as new and as legacy have it, as far as it comes back. Pure.

What has no way back isn't asked for: legacy has something else there, or nothing, and keeps it. Lines are told apart by their keys, so
their order doesn't matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from strangler.events import encode_key
from strangler.mapping import EntityMapping
from strangler.returning.rows import own_key
from strangler.sensitive import masked

Data = Mapping[str, Any]


class Unlike(NamedTuple):
    """A field in which the sides differ, `lines[3].quantity` of a line, values of sensitive ones masked; of a line or entity that only
    one side has, its name."""

    field: str
    legacy: Any
    new: Any


def coming_back(mapping: EntityMapping, data: Data | None) -> dict[str, Any] | None:
    """What of the data comes back; lines by the encoded key of each. None: there is none."""
    if data is None:
        return None
    above = mapping.shape.under.key if mapping.shape.under else ()
    passed = {each.field for each in mapping.inverse.lost}.difference(mapping.shape.key).union(above)
    kept = {field.name: data[field.name] for field in mapping.shape.fields if field.name not in passed}
    for child in mapping.children:
        own = own_key(child.mapping)
        kept[child.name] = {
            encode_key([line[name] for name in own]): coming_back(child.mapping, line)
            for line in data[child.name]
        }
    return kept


def same(mapping: EntityMapping, one: Data | None, other: Data | None) -> bool:
    """Whether both come back as the same."""
    return coming_back(mapping, one) == coming_back(mapping, other)


def digest(mapping: EntityMapping, data: Data | None) -> str:
    """What tells two states apart that come back otherwise."""
    return sha256(orjson.dumps(coming_back(mapping, data), option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def unlike(mapping: EntityMapping, legacy: Data | None, new: Data | None) -> list[Unlike]:
    """Where the sides differ."""
    return list(_unlike(mapping, "", coming_back(mapping, legacy), coming_back(mapping, new)))


def _unlike(
    mapping: EntityMapping, path: str, legacy: dict[str, Any] | None, new: dict[str, Any] | None
) -> Iterator[Unlike]:
    if legacy is None or new is None:
        if legacy is not new:
            what = path.rstrip(".") or mapping.shape.entity
            yield Unlike(what, legacy and "there", new and "there")
        return
    children = {child.name: child for child in mapping.children}
    for name in new:
        if name in children:
            for key in {**legacy[name], **new[name]}:
                inner = legacy[name].get(key), new[name].get(key)
                yield from _unlike(children[name].mapping, f"{path}{name}{key}.", *inner)
        elif legacy[name] != new[name]:
            values = legacy[name], new[name]
            yield Unlike(f"{path}{name}", *(map(masked, values) if name in mapping.sensitive else values))
