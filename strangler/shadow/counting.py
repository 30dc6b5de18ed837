"""Counting: what came of shadowed reads, and of the effects of writes, added up until it is put into the control store.

What is counted by name (fields, rules, reasons) is bounded: an answer whose keys are numbers of documents would have as many fields
as there are documents. Beyond the bound they are counted together, as `OTHERS`.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final, Literal, NamedTuple

import orjson

from strangler.control.comparisons import Mismatch
from strangler.control.counted import Sum
from strangler.shadow.redaction import storable

Outcome = Literal["matched", "mismatched", "failed", "uncompared", "dropped"]
"""`failed`: the new service didn't answer. `uncompared`: it did, but the two couldn't be compared. `dropped`: there was no room."""

EffectOutcome = Literal[
    "matched", "mismatched", "missing", "unexpected", "late", "failed", "unasked", "dropped"
]
"""What comes of a write; `strangler.control.effects.Effects` has each."""

Spot = tuple[str, str]
"""Where something differed, and how: (place, kind)."""

OTHERS: Final = "…"
"""Stands for all names beyond those that are counted apart."""

NAMES: Final = 500
"""Names of each sort, of one function, that are counted apart."""

TOGETHER: Final = 20
"""Fields that differ at once, beyond which nobody asks for the exact set."""

NAME_SHOWN: Final = 300
"""Characters of a name that are kept."""

SAMPLES: Final = 20
"""Most samples kept between two flushes; the others are only counted."""

SUMS: Final = 100_000
"""Most figures that wait for a control store which is away; beyond them nothing new is counted."""

LIMITS_MS: Final = (2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 2**31 - 1)
"""Upper limits, in milliseconds, of the classes by which latencies are counted; the last one is without end."""


class Observation(NamedTuple):
    """What came of one shadowed read of a function, which has stood in its stage since `since`; it counts for the cohort by whose
    standing it was shadowed.

    `spots`: where new differed. `twice`: where legacy differed from itself, None when it wasn't asked twice. `hidden`: rule → how many
    differences it hid. `seconds`: side and how long it took to answer. `reason`: why it failed, or couldn't be compared.
    """

    function: str
    cohort: str
    since: float
    outcome: Outcome
    spots: frozenset[Spot] = frozenset()
    twice: frozenset[Spot] | None = None
    hidden: Mapping[str, int] = {}
    seconds: tuple[tuple[str, float], ...] = ()
    reason: str = ""
    sample: Mismatch | None = None


class Compared(NamedTuple):
    """What came of comparing the effects of one write of a function, as `Observation` says it of a read."""

    function: str
    cohort: str
    since: float
    outcome: EffectOutcome
    spots: frozenset[Spot] = frozenset()
    hidden: Mapping[str, int] = {}
    reason: str = ""
    sample: Mismatch | None = None


class _Group(NamedTuple):
    """What is added up together."""

    function: str
    cohort: str
    since: float = 0.0


class Counting:
    """Sums of what came of reads and writes, as a facade or a worker (`counter`) sees it. Belongs to one thread."""

    def __init__(self, counter: str) -> None:
        self._counter = counter
        self._names: dict[tuple[str, str], set[str]] = {}
        self.sums: Counter[Sum] = Counter()
        self.samples: list[Mismatch] = []

    @property
    def empty(self) -> bool:
        """Whether there is nothing to take."""
        return not (self.sums or self.samples)

    def add(self, seen: Observation) -> None:
        """Count one."""
        group = _Group(seen.function, seen.cohort, seen.since)
        self._count_minute("comparison", group, seen.outcome)
        self._count_hidden(group, seen.hidden)
        for side, seconds in seen.seconds:
            up_to = LIMITS_MS[bisect_left(LIMITS_MS, seconds * 1000)]
            self.count(Sum("latency", (*group, side, up_to), "calls"))
            self.count(Sum("latency", (*group, side, up_to), "seconds"), seconds)
        if seen.reason:
            reason = self._known("reason", seen.function, seen.reason)
            self.count(Sum("failure", (*group, seen.outcome, reason), "calls"))
        if seen.twice is not None:
            self._count_minute("comparison", group, "pairs")
            self._count_fields(group, seen.twice, "noise")
            self._count_fields(group, seen.spots, "raw")
        if seen.spots:
            self._count_fields(group, seen.spots, "calls")
            self.count(Sum("shape", (*group, *self._shape(seen.function, seen.spots)), "calls"))
        self._keep(seen.sample)

    def add_effect(self, seen: Compared) -> None:
        """Count one write."""
        group = _Group(seen.function, seen.cohort, seen.since)
        self._count_minute("effect", group, seen.outcome)
        self._count_hidden(group, seen.hidden)
        for place, kind in {(self._known("place", seen.function, place), kind) for place, kind in seen.spots}:
            self.count(Sum("effect place", (*group, place, kind), "calls"))
        if seen.reason:
            reason = self._known("effect reason", seen.function, seen.reason)
            self.count(Sum("effect failure", (*group, seen.outcome, reason), "calls"))
        self._keep(seen.sample)

    def drop(
        self,
        function: str,
        cohort: str,
        table: Literal["comparison", "effect"] = "comparison",
        calls: int = 1,
    ) -> None:
        """Count some for which there was no room."""
        self._count_minute(table, _Group(function, cohort), "dropped", calls)

    def _keep(self, sample: Mismatch | None) -> None:
        if sample is not None and len(self.samples) < SAMPLES:
            self.samples.append(sample)

    def _count_hidden(self, group: _Group, hidden: Mapping[str, int]) -> None:
        for rule, differences in hidden.items():
            self.count(Sum("rule", (*group, rule), "calls"))
            self.count(Sum("rule", (*group, rule), "differences"), differences)

    def _count_minute(self, table: str, group: _Group, column: str, figure: int = 1) -> None:
        key = (int(time.time() // 60), self._counter, group.function, group.cohort)
        self.count(Sum(table, key, column), figure)

    def count(self, sum: Sum, figure: float = 1) -> None:
        """Add to a figure."""
        if sum in self.sums or len(self.sums) < SUMS:
            self.sums[sum] += figure  # type: ignore[assignment]  # seconds aren't whole

    def take(self) -> tuple[Counter[Sum], list[Mismatch]]:
        """Everything so far, and begin anew."""
        taken = self.sums, self.samples
        self.sums, self.samples = Counter(), []
        return taken

    def give(self, sums: Mapping[Sum, float], samples: Iterable[Mismatch] = ()) -> None:
        """Add what was taken, here or elsewhere."""
        for each, figure in sums.items():
            self.count(each, figure)
        self.samples += list(samples)[: SAMPLES - len(self.samples)]

    def _count_fields(self, group: _Group, spots: Iterable[Spot], figure: str) -> None:
        for place, kind in {(self._known("field", group.function, place), kind) for place, kind in spots}:
            self.count(Sum("field", (*group, place, kind), figure))

    def _shape(self, function: str, spots: Iterable[Spot]) -> tuple[str, str]:
        """The set of fields as JSON, behind its digest. Of too many it is no field that could be noise, so it never excuses an answer."""
        places = sorted({(self._known("field", function, place), kind) for place, kind in spots})
        shape = _json(places) if len(places) <= TOGETHER else OTHERS
        digest = blake2b(shape.encode(), digest_size=16).hexdigest()
        if self._known("shape", function, digest) == OTHERS or shape == OTHERS:
            return OTHERS, _json([(OTHERS, OTHERS)])
        return digest, shape

    def _known(self, sort: str, function: str, name: str) -> str:
        """The name as any database takes it, if it is one of those that are counted apart."""
        name = storable(name, NAME_SHOWN + 1)
        known = self._names.setdefault((sort, function), set())
        if name not in known:
            if len(known) >= NAMES or len(name) > NAME_SHOWN:
                return OTHERS
            known.add(name)
        return name


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
