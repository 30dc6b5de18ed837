"""Second look: which keys of a bucket differ, and, row by row, in which fields. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from strangler.changes import Position
from strangler.events import encode_key
from strangler.mapping.canonical import value_of
from strangler.reconcile.explanation import Explanation
from strangler.sensitive import Covered, uncovered
from strangler.shapes import Shape

ROWS: Final = "(rows)"
"""Stands for a field's name where one key has several rows on a side; the values are how many."""


class Kind(StrEnum):
    """How a key differs: the store lacks it, has it alone, or has it otherwise."""

    MISSING = "missing"
    EXTRA = "extra"
    DIFFERENT = "different"


class Pair(NamedTuple):
    """The hash of a key's row on each side, None where there is none, and the position of what wrote the store's."""

    legacy: int | None
    store: int | None
    written_at: Position | None = None

    @property
    def kind(self) -> Kind | None:
        """How the two differ; None when they don't."""
        if self.legacy == self.store:
            return None
        if self.store is None:
            return Kind.MISSING
        return Kind.EXTRA if self.legacy is None else Kind.DIFFERENT


NOWHERE: Final = Pair(None, None)

Suspects = dict[int, Pair]
"""Keys (by number) that differ as far as was seen."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A key that differs. `fields` maps the name of each field that does to (legacy, store), as canonical values, those of sensitive
    fields `Covered`; a side that lacks the row has None in every field. `written_at` is the position of what delivery wrote last into
    the store's row; None where it isn't there, or the service wrote it itself."""

    entity: str
    key: str
    kind: Kind
    fields: Mapping[str, tuple[Any, Any]]
    written_at: Position | None = None
    explanation: Explanation | None = None

    def clear(self, sensitive: Collection[str]) -> dict[str, tuple[Any, Any]]:
        """`fields` as they are under the masks, without those of which nothing but the mask is left."""
        left = {
            name: pair
            for name, pair in self.fields.items()
            if name not in sensitive or all(each is None or isinstance(each, Covered) for each in pair)
        }
        return {name: (uncovered(old), uncovered(new)) for name, (old, new) in left.items()}


Hashes = dict[int, tuple[int, Position | None]]
"""A key's number → hash, and written at."""


def hashes(rows: Iterable[tuple[Any, ...]]) -> Hashes:
    """The answer to `View.hashes`. Several rows of one key become one hash that no single row has."""
    found: Hashes = {}
    for number, value, written_at in rows:
        found[number] = (found[number][0] + value + 1 if number in found else value, written_at)
    return found


def suspects(legacy: Hashes, store: Hashes) -> Suspects:
    """The keys whose hashes aren't equal."""
    found = {}
    for number in legacy.keys() | store.keys():
        left, (right, written_at) = legacy.get(number, _NONE)[0], store.get(number, _NONE)
        if left != right:
            found[number] = Pair(left, right, written_at)
    return found


_NONE: Final = (None, None)


def differences(
    shape: Shape,
    legacy: Iterable[Sequence[Any]],
    store: Iterable[Sequence[Any]],
    sensitive: Collection[str],
) -> list[Difference]:
    """Whole rows of some keys, as `View.rows` gives them, compared field by field; keys that are equal aren't in the
    answer, and values of sensitive fields are covered."""
    left, right = _by_key(shape, legacy), _by_key(shape, store)
    compared = (
        _difference(shape, key, left.get(key, []), right.get(key, []), sensitive)
        for key in sorted(left.keys() | right.keys())
    )
    return [found for found in compared if found]


class _Row(NamedTuple):
    values: dict[str, Any]
    written_at: Position | None = None


def _by_key(shape: Shape, rows: Iterable[Sequence[Any]]) -> dict[str, list[_Row]]:
    found: dict[str, list[_Row]] = defaultdict(list)
    for *texts, written_at in rows:
        values = {
            field.name: value_of(text, field.type) for field, text in zip(shape.fields, texts, strict=True)
        }
        found[encode_key([values[name] for name in shape.key])].append(_Row(values, written_at))
    return found


def _difference(
    shape: Shape, key: str, legacy: list[_Row], store: list[_Row], sensitive: Collection[str]
) -> Difference | None:
    if len(legacy) > 1 or len(store) > 1:
        return Difference(shape.entity, key, Kind.DIFFERENT, {ROWS: (len(legacy), len(store))})
    (left, _), (right, written_at) = (legacy or [_NOWHERE])[0], (store or [_NOWHERE])[0]
    names = [field.name for field in shape.fields if left.get(field.name) != right.get(field.name)]
    fields = {name: (left.get(name), right.get(name)) for name in names}
    fields |= {
        name: (Covered.of(old), Covered.of(new)) for name, (old, new) in fields.items() if name in sensitive
    }
    if legacy and store and not fields:
        return None
    kind = Kind.DIFFERENT if legacy and store else Kind.MISSING if legacy else Kind.EXTRA
    return Difference(shape.entity, key, kind, fields, written_at)


_NOWHERE: Final = _Row({})
