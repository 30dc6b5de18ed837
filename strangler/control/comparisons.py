"""Shadow comparisons of reads, as they were counted (`strangler.control.counted`), and a bounded number of samples of what differed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, NamedTuple

import orjson
from sqlalchemy import delete, insert, select

from strangler.control import counted, tables
from strangler.control.store import Control
from strangler.control.upsert import add_up
from strangler.cutover.stages import EVERYONE

SAMPLES_KEPT: Final = 200
"""Mismatches kept per cohort of a function and kind, the newest: enough to see the pattern, too few to fill a disk."""

Kind = Literal["read", "write"]


class Comparison(NamedTuple):
    """Comparisons of one minute (since the epoch) as one facade made them.

    `failed`: the new service didn't answer. `uncompared`: it did, but the two couldn't be compared. `dropped`: there was no room.
    None of them is a match. `pairs`: for so many legacy was asked twice.
    """

    minute: int
    facade: str
    function: str
    cohort: str
    matched: int
    mismatched: int
    failed: int
    dropped: int
    uncompared: int = 0
    pairs: int = 0


@dataclass(frozen=True, slots=True)
class Compared:
    """Sums of `Comparison` over time and facades."""

    matched: int = 0
    mismatched: int = 0
    failed: int = 0
    dropped: int = 0
    uncompared: int = 0
    pairs: int = 0
    last_minute: int = 0
    """The newest minute in which anything was compared, 0 for never."""
    noisy: int = 0
    """Of those that are mismatched, how many differ in nothing but what legacy itself doesn't answer the same twice."""

    @property
    def total(self) -> int:
        """How many were compared."""
        return self.matched + self.mismatched

    @property
    def differing(self) -> int:
        """How many differed in more than noise."""
        return self.mismatched - self.noisy


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A read whose answers differed, or a write whose effects did: `differences` is a list of {path, kind, legacy, new}; `at` since the
    epoch."""

    at: float
    function: str
    cohort: str
    request: str
    differences: Sequence[dict[str, Any]]
    kind: Kind = "read"


@dataclass(frozen=True, slots=True)
class Field:
    """How often a field differed in one way: in `calls` answers of new. Over the pairs of legacy's answers: in `raw` of them new
    differed from legacy, in `noise` of them legacy did from itself."""

    place: str
    kind: str
    calls: int
    raw: int
    noise: int


@dataclass(frozen=True, slots=True)
class Shape:
    """How many answers differed in exactly these fields, each (place, kind)."""

    fields: frozenset[tuple[str, str]]
    calls: int


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a rule hid: so many differences, in so many answers."""

    rule: str
    calls: int
    differences: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why reads weren't compared; `outcome` is `failed` or `uncompared`."""

    outcome: str
    reason: str
    calls: int


@dataclass(frozen=True, slots=True)
class Latency:
    """How long one side took, in classes: `calls` that took at most `up_to` milliseconds and more than the class before, `seconds`
    together."""

    side: str
    up_to: int
    calls: int
    seconds: float


class _Shaped(NamedTuple):
    digest: str
    fields: str
    calls: int


def add(control: Control, comparisons: Iterable[Comparison]) -> None:
    """Add to what was counted; a minute may come in several parts."""
    with control.begin() as connection:
        add_up(connection, tables.comparison, Comparison._fields, list(comparisons), counted.OF_READS)


def sums(control: Control, function: str, cohort: str = EVERYONE, *, since: int = 0) -> Compared:
    """What was compared for a cohort of a function from minute `since` on; of noise nothing is known here."""
    return Compared(*counted.minutes(control, "comparison", function, cohort, since))


def fields(control: Control, function: str, cohort: str = EVERYONE, *, since: float = 0.0) -> list[Field]:
    """The fields that differed, the most frequent first. `since`: only what was counted in stages that it came to then or later."""
    found = counted.stages(control, "field", function, cohort, since, Field)
    return sorted(found, key=lambda each: (-each.calls, -each.noise, each.place, each.kind))


def shapes(control: Control, function: str, cohort: str = EVERYONE, *, since: float = 0.0) -> list[Shape]:
    """In which fields together answers differed."""
    return [
        Shape(frozenset((place, kind) for place, kind in orjson.loads(shape.fields)), shape.calls)
        for shape in counted.stages(control, "shape", function, cohort, since, _Shaped)
    ]


def hidden(control: Control, function: str, cohort: str = EVERYONE, *, since: float = 0.0) -> list[Hidden]:
    """What the rules hid, of reads and of writes."""
    return counted.stages(control, "rule", function, cohort, since, Hidden)


def failures(control: Control, function: str, cohort: str = EVERYONE, *, since: float = 0.0) -> list[Failure]:
    """Why reads weren't compared, the most frequent reason first."""
    found = counted.stages(control, "failure", function, cohort, since, Failure)
    return sorted(found, key=lambda each: -each.calls)


def latencies(
    control: Control, function: str, cohort: str = EVERYONE, *, since: float = 0.0
) -> list[Latency]:
    """How long both sides took, of shadowed reads, the quickest class first."""
    found = counted.stages(control, "latency", function, cohort, since, Latency)
    return sorted(found, key=lambda each: (each.side, each.up_to))


def add_mismatches(control: Control, mismatches: Sequence[Mismatch]) -> None:
    """Keep samples of what differed; the oldest beyond `SAMPLES_KEPT` of a cohort and kind go."""
    table = tables.mismatch
    with control.begin() as connection:
        for mismatch in mismatches:
            differences = orjson.dumps(list(mismatch.differences), default=str).decode()
            connection.execute(insert(table).values({**asdict(mismatch), "differences": differences}))
        for function, cohort, kind in {(each.function, each.cohort, each.kind) for each in mismatches}:
            same = (table.c.function == function, table.c.cohort == cohort, table.c.kind == kind)
            newest = select(table.c.id).where(*same).order_by(table.c.id.desc())
            first_gone = newest.offset(SAMPLES_KEPT).limit(1).scalar_subquery()
            connection.execute(delete(table).where(*same, table.c.id <= first_gone))


def mismatches(
    control: Control, function: str, cohort: str = EVERYONE, *, limit: int = SAMPLES_KEPT, kind: Kind = "read"
) -> list[Mismatch]:
    """The newest samples of a cohort, newest first."""
    table = tables.mismatch
    mine = (table.c.function == function, table.c.cohort == cohort, table.c.kind == kind)
    query = select(table).where(*mine)
    with control.read() as connection:
        return [
            Mismatch(row.at, row.function, row.cohort, row.request, orjson.loads(row.differences), row.kind)
            for row in connection.execute(query.order_by(table.c.id.desc()).limit(limit))
        ]
