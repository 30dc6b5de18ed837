"""One part of an entity compared: checksums, then the keys behind those that differ, then the rows behind the keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeVar

from strangler.changes import Position
from strangler.mapping import EntityMapping
from strangler.owned import EVERYTHING, Owned
from strangler.parts import Part
from strangler.ports import SqlSide
from strangler.reconcile import grid, narrow, sampling
from strangler.reconcile.confirm import Feed, confirm
from strangler.reconcile.grid import HASHED, Buckets, Grid
from strangler.reconcile.jobs import MOST_FINDINGS, Mode, Progress, Told
from strangler.reconcile.narrow import Difference, Kind, Suspects
from strangler.reconcile.numbers import is_plain, number_of
from strangler.reconcile.pairing import Pairing, pair
from strangler.reconcile.relation import Row
from strangler.reconcile.sampling import Sampling
from strangler.reconcile.scan import Manners, Scanned, Stopped, be_gentle, scan
from strangler.reconcile.sharing import Sharing
from strangler.reconcile.sides import Sides
from strangler.reconcile.throttle import Throttle
from strangler.reconcile.tolerances import Sieve, Tolerated
from strangler.settings import Reconcile
from strangler.sync.ranges import count

T = TypeVar("T")
Q = TypeVar("Q")

SUSPECTS_AT_ONCE: Final = 20_000
"""Keys that differ and are looked at again together: each time has to wait for the store."""

KEYS_AT_ONCE: Final = 500
"""Keys whose rows are read whole together, where an index finds them."""

KEYS_IN_A_SCAN: Final = 5_000
"""The same where the whole table is read for them."""


class Quarantined(NamedTuple):
    """The key of an aggregate that can't be compared, since a row of it can't be translated or waits behind one that couldn't."""

    entity: str
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the comparison of one entity found, or of children of it (`entity` is `sale.lines`); counts are keys.

    `compared` are the rows of the legacy side, and those that only the store has. `in_flight` differed at first, or never rested;
    `tolerated` differ by no more than they may, and `tolerances` say which rules hide them. `differences` and `quarantined` hold no more
    than the asked-for limit each; `quarantine` is how many there are: aggregates, and of children only those that aren't in it already.
    `position` is where the sides were compared last, None when both were equal at first sight or nothing was confirmed. Of a sample
    `at_most` is the share of all keys that may differ at most, with 95 % confidence. `version` is that of the mapping. `told` are the keys
    that differ of each cohort that is told apart, `untold` those that could be told of none.
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
    at_most: float | None = None
    version: str = ""
    tolerances: tuple[Tolerated, ...] = ()
    told: Mapping[str, int] = field(default_factory=dict)
    untold: int = 0

    @property
    def drift(self) -> int:
        """How many keys differ."""
        return self.missing + self.extra + self.different


@dataclass(frozen=True, slots=True)
class How:
    """How parts are compared. Without `feed` nothing is confirmed: every difference counts as drift. `limit`: keys that are kept with
    their fields. `limits` are how gently databases are read. `stopping` says whether to end. `sample`: keys to draw in that mode, by
    `seed`. `owned` says whose rows are compared, `cohorts` which of them are told apart where something differs."""

    feed: Feed | None = None
    mode: Mode = Mode.FULL
    limit: int = MOST_FINDINGS
    limits: Reconcile = field(default_factory=Reconcile)
    stopping: Callable[[], bool] = lambda: False
    told: Told = lambda progress: None
    sample: int = 0
    seed: int = 0
    owned: Owned = EVERYTHING
    cohorts: Mapping[str, Owned] = field(default_factory=dict)


@dataclass(slots=True)
class Scans:
    """How far the first look at a part is: what a checkpoint keeps of it. `native`: hashed by PostgreSQL itself; `shift` is the grid's;
    both None before the first look. `drawn`
    are the remainders of a sample."""

    legacy: Scanned = field(default_factory=Scanned)
    store: Scanned = field(default_factory=Scanned)
    native: bool | None = None
    shift: int | None = None
    drawn: tuple[int, ...] | None = None


def compare(
    part: Part,
    sides: Sides,
    how: How,
    *,
    held: Callable[[], Collection[str]],
    untranslatable: set[str],
    scans: Scans | None = None,
    keep: Callable[[], None] = lambda: None,
    recent: Collection[str] | None = None,
) -> Outcome:
    """Compare a part of an entity on both sides.

    `held` gives the keys of aggregates that wait in quarantine now. `untranslatable` are those that a part before this one found to
    be so, and this one adds its own. `scans` is gone on with, and `keep` called now and then while it grows. `recent`: only the
    aggregates with these keys are compared. Raises Stopped, and what the sides raise.
    """
    comparison = _Comparison(part, sides, how, held, untranslatable, scans or Scans(), keep)
    return comparison.run() if recent is None else comparison.of(recent)


class _Comparison:
    """The comparison while it goes on."""

    def __init__(
        self,
        part: Part,
        sides: Sides,
        how: How,
        held: Callable[[], Collection[str]],
        untranslatable: set[str],
        scans: Scans,
        keep: Callable[[], None],
    ) -> None:
        self._part, self._sides, self._how = part, sides, how
        self._mapping, self._shape = part.mapping, part.mapping.shape
        self._held, self._before, self._scans, self._keep = held, untranslatable, scans, keep
        self._sampling = self._drawn() if how.mode is Mode.SAMPLE else None
        self._pairing = pair(
            part,
            sides,
            presence=how.mode is Mode.QUICK,
            drawn=self._sampling,
            native=scans.native,
            owned=how.owned,
        )
        scans.native = self._pairing.native
        self._manners = self._manner("the legacy database"), self._manner("the store")
        self._grid = HASHED
        self._pending: Suspects = {}
        self._kinds: Counter[Kind] = Counter()
        self._sieve = sieve_of(self._mapping)
        self._sharing = Sharing(part, sides, how.cohorts)
        self._in_flight = self._tolerated = 0
        self._position: Position | None = None
        self._differences: list[Difference] = []

    def run(self) -> Outcome:
        """Compare the whole part."""
        self._scan()
        legacy, store = self._scans.legacy.buckets, self._scans.store.buckets
        self._look_into(legacy, store, self._grid)
        self._decide()
        return self._outcome(grid.total(legacy) + self._kinds[Kind.EXTRA])

    def of(self, aggregates: Collection[str]) -> Outcome:
        """Compare the rows of some aggregates, by their keys."""
        shape, compared = self._part.root.shape, 0
        self._check()
        for keys in _pieces(sorted(aggregates), SUSPECTS_AT_ONCE):
            self._tell(
                f"comparing {len(aggregates):,} keys that events were about", compared / len(aggregates)
            )
            numbers = self._numbers_of({number_of(shape, key) for key in keys})
            self._pending |= self._look_again(dict.fromkeys(numbers, narrow.NOWHERE))
            compared += len(numbers)
            self._decide()
        return self._outcome(compared)

    def _outcome(self, compared: int) -> Outcome:
        quarantined = self._quarantined()
        self._before.update(self._scans.legacy.untranslatable)
        drift = sum(self._kinds.values())
        return Outcome(
            entity=self._shape.entity,
            compared=compared,
            missing=self._kinds[Kind.MISSING],
            extra=self._kinds[Kind.EXTRA],
            different=self._kinds[Kind.DIFFERENT],
            in_flight=self._in_flight,
            quarantine=len(quarantined),
            differences=tuple(self._differences),
            quarantined=tuple(quarantined[: self._how.limit]),
            position=self._position,
            at_most=self._sampling and self._sampling.at_most(drift, compared),
            version=self._mapping.version,
            tolerated=self._tolerated,
            tolerances=self._sieve.tolerated,
            told=dict(self._sharing.told),
            untold=self._sharing.untold,
        )

    def _drawn(self) -> Sampling:
        scans, table = self._scans, self._mapping.table
        if scans.drawn is None:
            rows, _ = self._sides.ask(lambda side: count(side, table), lambda side: None)
            scans.drawn = sampling.draw(self._how.sample, rows, self._how.seed).remainders
        return Sampling(scans.drawn)

    def _scan(self) -> None:
        """The first look: count and checksum per bucket, slice by slice on both sides at once."""
        scans, pairing = self._scans, self._pairing
        self._tell("reading both sides", 0.0)
        if scans.shift is None:
            scans.shift = self._laid().shift
        self._grid = Grid(scans.shift)
        legacy, store = self._manners
        self._sides.ask(
            lambda side: scan(pairing.legacy, side, self._grid, pairing.cut_legacy, scans.legacy, legacy),
            lambda side: scan(pairing.store, side, self._grid, pairing.cut_store, scans.store, store),
            self._meanwhile,
        )

    def _laid(self) -> Grid:
        """The grid that both sides' keys are laid in."""
        if not is_plain(self._shape):
            return HASHED
        found = self._sides.ask(self._pairing.legacy.bounds, self._pairing.store.bounds)
        bounds = [each for each in found if each is not None]
        if not bounds:
            return Grid(0)
        return grid.spanning(min(low for low, _ in bounds), max(high for _, high in bounds))

    def _manner(self, name: str) -> Manners:
        how, failed = self._how, self._sides.failed
        return Manners(
            name,
            Throttle(how.limits),
            stopping=lambda: failed.is_set() or how.stopping(),
            told=lambda words: self._tell(words, self._share()),
        )

    def _meanwhile(self) -> None:
        self._tell("reading both sides", self._share())
        self._keep()

    def _share(self) -> float | None:
        shares = self._scans.legacy.share, self._scans.store.share
        return None if None in shares else min(share for share in shares if share is not None)

    def _look_into(self, legacy: Buckets, store: Buckets, over: Grid) -> None:
        """The second look: the keys in the buckets that differ. A bucket of too many rows is divided first."""
        differing = grid.differing(legacy, store)
        large = [
            each for each in differing if over.shift and grid.rows_in(each, legacy, store) > grid.SLAB_ROWS
        ]
        done = 0
        for slab in grid.slabs(sorted(set(differing) - set(large)), legacy, store):
            self._tell(f"{len(differing):,} buckets differ: comparing their keys", done / len(differing))
            self._pending |= self._suspects(over, slab)
            done += len(slab)
            if len(self._pending) >= SUSPECTS_AT_ONCE:
                self._decide()
        for bucket in large:
            self._look_into(*self._divided(over, bucket), over.finer())

    def _divided(self, over: Grid, bucket: int) -> tuple[Buckets, Buckets]:
        """A bucket's rows in buckets of a finer grid."""
        finer, pairing = over.finer(), self._pairing
        legacy, store = self._sides.ask(
            lambda side: pairing.legacy.within(side, over, bucket, finer),
            lambda side: pairing.store.within(side, over, bucket, finer),
            self._check,
        )
        return legacy.buckets, store.buckets

    def _decide(self) -> None:
        """What is drift among the keys that differed, and what it looks like."""
        drift, self._pending = self._without_quarantine(self._pending), {}
        if drift and self._how.feed:
            self._tell(f"{len(drift):,} keys differ: waiting for the store to pass them, then looking again")
            confirmed = confirm(drift, self._look_again, self._how.feed)
            drift = self._without_quarantine(confirmed.drift)
            self._in_flight += confirmed.in_flight
            self._position = confirmed.position or self._position
        self._kinds.update(pair.kind for pair in drift.values() if pair.kind)
        self._sharing.add(self._read_whole(drift))

    def _suspects(self, over: Grid, buckets: Collection[int]) -> Suspects:
        pairing = self._pairing
        return narrow.suspects(
            *self._sides.ask(
                lambda side: narrow.hashes(self._gently(0, side, pairing.legacy.hashes)(side, over, buckets)),
                lambda side: narrow.hashes(self._gently(1, side, pairing.store.hashes)(side, over, buckets)),
                self._check,
            )
        )

    def _gently(self, which: int, side: SqlSide, question: Q) -> Q:
        """A question to one of the sides, once its database bears it."""
        be_gentle(side, self._manners[which])
        return question

    def _look_again(self, suspects: Suspects) -> Suspects:
        """With the positions of the tombstones of what the store lacks, as far as they can be found."""
        found = self._pairs_of(suspects)
        missing = [number for number, pair in found.items() if pair.kind is Kind.MISSING]
        if missing:
            _, removed = self._sides.ask(lambda side: None, lambda side: self._pairing.removed(side, missing))
            found |= {number: found[number]._replace(written_at=at) for number, at in removed.items()}
        return found

    def _pairs_of(self, suspects: Suspects) -> Suspects:
        pairing = self._pairing
        return narrow.suspects(
            *self._sides.ask(
                lambda side: narrow.hashes(pairing.legacy.hashes_of(side, suspects)),
                lambda side: narrow.hashes(pairing.store.hashes_of(side, suspects)),
                self._check,
            )
        )

    def _read_whole(self, drift: Suspects) -> set[int]:
        """Keep the rows behind the keys, as many as may be kept; where there are tolerances, read them all. What has healed until
        now was in flight after all. Returns the keys that are still drift."""
        stands = set(drift)
        numbers = sorted(drift)
        if not self._sieve.hides:
            numbers = numbers[: self._room]
        for some in _pieces(numbers, KEYS_AT_ONCE if self._pairing.indexed else KEYS_IN_A_SCAN):
            rows = whole_rows(self._sides, self._pairing, some)
            found = narrow.differences(self._shape, *rows, self._mapping.sensitive)
            stands -= set(some) - self._sift(found)
            still = {number_of(self._shape, difference.key) for difference in found}
            for number in set(some) - still:
                self._kinds[drift[number].kind or Kind.DIFFERENT] -= 1
                self._in_flight += 1
        return stands

    def _sift(self, found: Sequence[Difference]) -> set[int]:
        """Keep what is drift, as far as there is room, and count the rest as tolerated. Returns the numbers of what is drift."""
        sifted = self._sieve.sift(found)
        self._differences += sifted.drift[: self._room]
        self._kinds[Kind.DIFFERENT] -= sifted.tolerated
        self._tolerated += sifted.tolerated
        return {number_of(self._shape, difference.key) for difference in sifted.drift}

    @property
    def _room(self) -> int:
        return max(0, self._how.limit - len(self._differences))

    def _without_quarantine(self, suspects: Suspects) -> Suspects:
        """What belongs to a key in quarantine isn't drift: its fault is known, and waits for a person."""
        if not suspects:
            return suspects
        shape = self._part.root.shape
        keys = (*self._held(), *self._before, *self._scans.legacy.untranslatable)
        numbers = self._numbers_of({number_of(shape, key) for key in keys if _is_key(key)})
        return {number: pair for number, pair in suspects.items() if number not in numbers}

    def _numbers_of(self, aggregates: Collection[int]) -> Collection[int]:
        return numbers_of(self._part, self._sides, self._pairing, aggregates)

    def _quarantined(self) -> list[Quarantined]:
        held = dict.fromkeys(self._held(), "waits in quarantine")
        reasons = held | self._scans.legacy.untranslatable
        if self._part.depth:
            reasons = {
                key: why for key, why in reasons.items() if key not in held and key not in self._before
            }
        return [Quarantined(self._shape.entity, key, reasons[key]) for key in sorted(reasons)]

    def _tell(self, words: str, share: float | None = None) -> None:
        self._check()
        self._how.told(Progress(self._shape.entity, words, share))

    def _check(self) -> None:
        if self._how.stopping():
            raise Stopped


def numbers_of(part: Part, sides: Sides, pairing: Pairing, aggregates: Collection[int]) -> Collection[int]:
    """The numbers of the keys of all rows of the part, on any side, that belong to the aggregates with these numbers."""
    if not (part.depth and aggregates):
        return aggregates
    one, other = sides.ask(
        lambda side: set(pairing.legacy.belonging(side, aggregates)),
        lambda side: set(pairing.store.belonging(side, aggregates)),
    )
    return one | other


def whole_rows(sides: Sides, pairing: Pairing, numbers: Collection[int]) -> tuple[list[Row], list[Row]]:
    """The rows of the keys with these numbers on both sides, as canonical texts and written at."""
    return sides.ask(
        lambda side: list(pairing.legacy.rows(side, numbers)),
        lambda side: list(pairing.store.rows(side, numbers)),
    )


def sieve_of(mapping: EntityMapping) -> Sieve:
    """What tells drift of a mapping's rows from what is tolerated today."""
    return Sieve(mapping.tolerances, mapping.sensitive, datetime.now(UTC).date())


def _is_key(key: str) -> bool:
    """False for the stand-in of a key that can't be told."""
    return not key.startswith("!")


def _pieces(found: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (found[start : start + size] for start in range(0, len(found), size))
