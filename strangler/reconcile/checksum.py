"""First look: count and checksum per bucket on both sides, and which buckets differ. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

SLAB_ROWS: Final = 200_000
"""Most rows that are looked into at once: bounds the memory however much differs."""


class Bucket(NamedTuple):
    """What one side has in a bucket."""

    rows: int
    checksum: int


EMPTY: Final = Bucket(0, 0)

Buckets = dict[int, Bucket]


def buckets(rows: Iterable[tuple[Any, ...]]) -> Buckets:
    """The answer to `Relation.checksums`, by the number of the bucket."""
    return {int(number): Bucket(int(count), int(checksum)) for number, count, checksum in rows}


def total(found: Buckets) -> int:
    """How many rows there are."""
    return sum(bucket.rows for bucket in found.values())


def differing(legacy: Buckets, store: Buckets) -> Iterator[list[int]]:
    """The buckets that aren't equal, in groups with no more than `SLAB_ROWS` rows on both sides together (but at least
    one bucket each)."""
    group: list[int] = []
    rows = 0
    for number in sorted(legacy.keys() | store.keys()):
        left, right = legacy.get(number, EMPTY), store.get(number, EMPTY)
        if left == right:
            continue
        if group and rows + left.rows + right.rows > SLAB_ROWS:
            yield group
            group, rows = [], 0
        group.append(number)
        rows += left.rows + right.rows
    if group:
        yield group
