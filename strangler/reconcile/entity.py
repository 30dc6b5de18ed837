"""One entity compared, or its children: checksums, then the keys behind those that differ, then the rows behind the keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from strangler.changes import Position
from strangler.parts import Part
from strangler.reconcile import checksum, narrow, relation
from strangler.reconcile.confirm import Feed, confirm
from strangler.reconcile.legacy import Legacy
from strangler.reconcile.narrow import Difference, Kind, Suspects
from strangler.reconcile.relation import BUCKETS, Relation, Row
from strangler.reconcile.sides import Sides

KEYS_AT_ONCE: Final = 500
"""Keys in one statement that reads whole rows."""

Watch = Callable[[str], None]
"""Told what is being done now, in words."""


class Quarantined(NamedTuple):
    """The key of an aggregate that can't be compared, since a row of it can't be translated or waits behind one that couldn't."""

    entity: str
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the comparison of one entity found, or of children of it (`entity` is `sale.lines`); counts are keys.

    `compared` are the rows of the legacy side, and those that only the store has. `in_flight` differed at first, or never
    rested; `tolerated` differ by no more than they may.
    `differences` and `quarantined` hold no more than the asked-for limit each; `quarantine` is how many there are: aggregates,
    and of children only those that aren't in it already.
    `position` is where the sides were compared last, None when both were equal at first sight or nothing was confirmed.
    """

    entity: str
    compared: int
    missing: int
    extra: int
    different: int
    in_flight: int
    quarantine: int
    differences: tuple[Difference, ...]
    quarantined: tuple[Quarantined, ...]
    position: Position | None
    tolerated: int = 0

    @property
    def drift(self) -> int:
        """How many keys differ."""
        return self.missing + self.extra + self.different


def compare(
    part: Part,
    sides: Sides,
    *,
    feed: Feed | None,
    held: Callable[[], Collection[str]],
    limit: int,
    untranslatable: set[str],
    watch: Watch = lambda words: None,
) -> Outcome:
    """Compare a part of an entity on both sides. Without `feed` nothing is confirmed: every difference counts as drift.

    `held` gives the keys of aggregates that wait in quarantine now. `untranslatable` are those that
    a part before this one found to be so, and this one adds its own. Raises what the sides raise.
    """
    return _Comparison(part, sides, feed, held, limit, untranslatable, watch).run()


class _Comparison:
    """The comparison while it goes on."""

    def __init__(
        self,
        part: Part,
        sides: Sides,
        feed: Feed | None,
        held: Callable[[], Collection[str]],
        limit: int,
        untranslatable: set[str],
        watch: Watch,
    ) -> None:
        self._part, self._sides, self._feed = part, sides, feed
        self._mapping, self._shape = part.mapping, part.mapping.shape
        self._held, self._limit, self._watch = held, limit, watch
        self._before = untranslatable
        legacy, store = sides.dialects()
        self._legacy = Legacy(part, legacy)
        self._store: Relation = relation.store(part, store)
        self._untranslatable: dict[str, str] = {}
        self._kinds: Counter[Kind] = Counter()
        self._in_flight = 0
        self._position: Position | None = None
        self._differences: list[Difference] = []

    def run(self) -> Outcome:
        self._watch("checksums on both sides")
        (legacy, self._untranslatable), store = self._sides.ask(
            self._legacy.checksums, lambda side: checksum.buckets(self._store.checksums(side))
        )
        for buckets in checksum.differing(legacy, store):
            self._look_into(buckets)
        quarantined = self._quarantined()
        self._before.update(self._untranslatable)
        return Outcome(
            entity=self._shape.entity,
            compared=checksum.total(legacy) + self._kinds[Kind.EXTRA],
            missing=self._kinds[Kind.MISSING],
            extra=self._kinds[Kind.EXTRA],
            different=self._kinds[Kind.DIFFERENT],
            in_flight=self._in_flight,
            quarantine=len(quarantined),
            differences=tuple(self._differences),
            quarantined=tuple(quarantined[: self._limit]),
            position=self._position,
        )

    def _look_into(self, buckets: Collection[int]) -> None:
        self._watch(f"{len(buckets):,} of {BUCKETS:,} buckets differ: comparing their keys")
        drift = self._without_quarantine(self._suspects(buckets))
        if drift and self._feed:
            self._watch(f"{len(drift):,} keys differ: waiting for the store to pass them, then looking again")
            confirmed = confirm(drift, self._look_again, self._feed)
            drift = self._without_quarantine(confirmed.drift)
            self._in_flight += confirmed.in_flight
            self._position = confirmed.position or self._position
        self._kinds.update(pair.kind for pair in drift.values() if pair.kind)
        self._read_whole(drift)

    def _suspects(self, buckets: Collection[int]) -> Suspects:
        return narrow.suspects(
            *self._sides.ask(
                lambda side: narrow.hashes(self._legacy.hashes(side, buckets)),
                lambda side: narrow.hashes(self._store.hashes(side, buckets)),
            )
        )

    def _look_again(self, suspects: Suspects) -> Suspects:
        return self._suspects({number & (BUCKETS - 1) for number in suspects})

    def _read_whole(self, drift: Suspects) -> None:
        """Keep the rows behind the keys, as many as may be kept. What has healed until now was in flight after all."""
        numbers = sorted(drift)[: self._limit - len(self._differences)]
        for part in _parts(numbers, KEYS_AT_ONCE):
            rows = whole_rows(self._sides, self._legacy, self._store, part)
            found = narrow.differences(self._shape, *rows, self._mapping.sensitive)
            self._differences += found
            still = {relation.number_of(self._shape, difference.key) for difference in found}
            for number in set(part) - still:
                self._kinds[drift[number].kind or Kind.DIFFERENT] -= 1
                self._in_flight += 1

    def _without_quarantine(self, suspects: Suspects) -> Suspects:
        """What belongs to a key in quarantine isn't drift: its fault is known, and waits for a person."""
        if not suspects:
            return suspects
        known = {
            relation.number_of(self._part.root.shape, key)
            for key in (*self._held(), *self._before, *self._untranslatable)
            if _is_key(key)
        }
        numbers = numbers_of(self._part, self._sides, self._legacy, self._store, known)
        return {number: pair for number, pair in suspects.items() if number not in numbers}

    def _quarantined(self) -> list[Quarantined]:
        held = dict.fromkeys(self._held(), "waits in quarantine")
        reasons = held | self._untranslatable
        if self._part.depth:
            reasons = {
                key: why for key, why in reasons.items() if key not in held and key not in self._before
            }
        return [Quarantined(self._shape.entity, key, reasons[key]) for key in sorted(reasons)]


def numbers_of(
    part: Part, sides: Sides, legacy: Legacy, store: Relation, aggregates: Collection[int]
) -> Collection[int]:
    """The numbers of the keys of all rows of the part, on any side, that belong to the aggregates with these numbers."""
    if not (part.depth and aggregates):
        return aggregates
    one, other = sides.ask(
        lambda side: set(legacy.belonging(side, aggregates)),
        lambda side: set(store.belonging(side, aggregates)),
    )
    return one | other


def whole_rows(
    sides: Sides, legacy: Legacy, store: Relation, numbers: Collection[int]
) -> tuple[list[Row], list[Row]]:
    """The rows of the keys with these numbers on both sides, as canonical texts."""
    return sides.ask(
        lambda side: list(legacy.rows(side, numbers)), lambda side: list(store.rows(side, numbers))
    )


def _is_key(key: str) -> bool:
    """False for the stand-in of a key that can't be told."""
    return not key.startswith("!")


def _parts(numbers: list[int], size: int) -> Iterator[list[int]]:
    return (numbers[start : start + size] for start in range(0, len(numbers), size))
