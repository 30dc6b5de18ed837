"""First look: count and checksum per bucket on both sides, and which buckets differ. Pure.

A bucket is a range of keys' numbers as long as a power of two. Keys that stand for themselves lie in it side by side, so that
an index finds what is in a bucket; the numbers of other keys are spread evenly over all 64 bits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

BITS: Final = 13
"""8,192 buckets: few enough to be sent with every chunk, enough that one key of ten millions costs a thousand others to find."""

SLAB_ROWS: Final = 50_000
"""Most rows that are looked into at once, on both sides together: bounds the memory however much differs."""

_MASK: Final = (1 << 64) - 1


class Bucket(NamedTuple):
    """What one side has in a bucket; the checksum is modulo 2^64."""

    rows: int
    checksum: int

    def plus(self, rows: int, checksum: int) -> Bucket:
        return Bucket(self.rows + rows, (self.checksum + checksum) & _MASK)


EMPTY: Final = Bucket(0, 0)

Buckets = dict[int, Bucket]


class Grid(NamedTuple):
    """Numbers divided into buckets: that of a number is the number shifted right by `shift` bits."""

    shift: int

    def of(self, number: int) -> int:
        """The bucket that a number is in."""
        return number >> self.shift

    def read(self, bucket: Any) -> int:
        """A bucket as a database gave it; MySQL shifts no sign."""
        found = int(bucket)
        return found - (1 << (64 - self.shift)) if found >= 1 << (63 - self.shift) else found

    def unsigned(self, bucket: int) -> int:
        """A bucket as MySQL has it."""
        return bucket + (1 << (64 - self.shift)) if bucket < 0 else bucket

    def span(self, first: int, last: int) -> tuple[int, int]:
        """The least and the greatest number in the buckets from `first` to `last`."""
        return first << self.shift, ((last + 1) << self.shift) - 1

    def finer(self) -> Grid:
        """Each bucket divided as the whole was."""
        return Grid(max(0, self.shift - BITS))


HASHED: Final = Grid(64 - BITS)
"""Of numbers that are hashes."""


def spanning(low: int, high: int) -> Grid:
    """The grid of numbers from `low` to `high`."""
    return Grid(max(0, (high - low).bit_length() - BITS))


def total(found: Buckets) -> int:
    """How many rows there are."""
    return sum(bucket.rows for bucket in found.values())


def differing(legacy: Buckets, store: Buckets) -> list[int]:
    """The buckets that aren't equal, in order."""
    return sorted(
        number
        for number in legacy.keys() | store.keys()
        if legacy.get(number, EMPTY) != store.get(number, EMPTY)
    )


def slabs(buckets: Iterable[int], legacy: Buckets, store: Buckets) -> Iterator[list[int]]:
    """The buckets in groups of no more than `SLAB_ROWS` rows on both sides together, but at least one bucket each."""
    group: list[int] = []
    rows = 0
    for number in buckets:
        more = rows_in(number, legacy, store)
        if group and rows + more > SLAB_ROWS:
            yield group
            group, rows = [], 0
        group.append(number)
        rows += more
    if group:
        yield group


def rows_in(bucket: int, legacy: Buckets, store: Buckets) -> int:
    """The rows of a bucket on both sides together."""
    return legacy.get(bucket, EMPTY).rows + store.get(bucket, EMPTY).rows


def runs(buckets: Collection[int]) -> list[tuple[int, int]]:
    """First and last of each run of neighbours, in order."""
    found: list[tuple[int, int]] = []
    for number in sorted(buckets):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def add(into: Buckets, more: Buckets) -> None:
    """Add what was counted in another part of the same side."""
    for number, bucket in more.items():
        into[number] = into.get(number, EMPTY).plus(*bucket)


def as_rows(found: Buckets) -> list[Sequence[int]]:
    """The buckets as JSON has them."""
    return [(number, *bucket) for number, bucket in found.items()]


def of_rows(rows: Iterable[Sequence[int]]) -> Buckets:
    """What `as_rows` made."""
    return {number: Bucket(count, checksum) for number, count, checksum in rows}
