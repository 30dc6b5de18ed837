"""Effects of writes: what new services foretold and workers have yet to compare, and what came of comparing, as it was counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from sqlalchemy import delete, func, insert, select

from strangler.control import counted, tables
from strangler.control.comparisons import Failure
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE
from strangler.errors import StoreError

WAITING: Final = 1000
"""Writes of one function that may wait to be compared: they hold what was written."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A write of a function, or of a cohort of it, which had come to its stage at `since`, that legacy answered between `began` and
    `ended` (seconds since the epoch, by the facade's clock).

    `request` is the call in words, without what people needn't see. `key` is what it names, where that is known. `events` is JSON as
    `strangler.shadow.foretold` reads it. `id` is 0 for one that doesn't wait yet.
    """

    function: str
    cohort: str
    since: float
    began: float
    ended: float
    request: str
    key: str | None
    events: str
    id: int = 0


@dataclass(frozen=True, slots=True)
class Effects:
    """How many writes had which effect, summed over time and over those who counted.

    `mismatched`: what both said differs, or new would have refused. `missing`: sync derived nothing like what new foretold.
    `unexpected`: sync derived more. `late`: sync couldn't tell in time. `failed`: the dry run was no good. `unasked`: the service doesn't
    say that it knows dry runs. `dropped`: there was no room. Only the first four were compared.
    """

    matched: int = 0
    mismatched: int = 0
    missing: int = 0
    unexpected: int = 0
    late: int = 0
    failed: int = 0
    unasked: int = 0
    dropped: int = 0
    last_minute: int = 0
    """The newest minute in which anything was counted, 0 for never."""

    @property
    def differing(self) -> int:
        """How many had another effect."""
        return self.mismatched + self.missing + self.unexpected

    @property
    def total(self) -> int:
        """How many were compared."""
        return self.matched + self.differing

    @property
    def uncompared(self) -> int:
        """How many weren't, of those for which there was room."""
        return self.late + self.failed + self.unasked


class Place(NamedTuple):
    """In how many writes an event, or a field of it, differed in one way."""

    place: str
    kind: str
    calls: int


def expect(control: Control, expected: Sequence[Expected]) -> list[Expected]:
    """Let writes wait to be compared; returns those for which there is no room."""
    table, left = tables.expected_effect, []
    with control.begin() as connection:
        room = {}
        for each in expected:
            if each.function not in room:
                query = select(func.count()).where(table.c.function == each.function)
                room[each.function] = WAITING - int(connection.execute(query).scalar_one())
            if room[each.function] <= 0:
                left.append(each)
                continue
            room[each.function] -= 1
            connection.execute(insert(table).values(_row(control, each)))
    return left


def waiting(control: Control, function: str, before: float) -> list[Expected]:
    """Those of a function that ended before a moment, in the order in which they did."""
    table = tables.expected_effect
    query = select(table).where(table.c.function == function, table.c.ended < before)
    with control.read() as connection:
        rows = connection.execute(query.order_by(table.c.ended, table.c.id)).all()
    return [
        Expected(
            row.function,
            row.cohort,
            row.since,
            row.began,
            row.ended,
            row.request,
            row.key,
            row.events,
            row.id,
        )
        for row in rows
    ]


def opened(control: Control, expected: Expected) -> str:
    """What it foretells, in clear. Raises StoreError."""
    if expected.events.startswith("["):  # It was kept as it is.
        return expected.events
    if control.cipher is None:
        raise StoreError(f"{_about(expected)} is encrypted", do="add `encryption` to the configuration again")
    return control.cipher.open(expected.events, _about(expected))


def take(control: Control, expected: Expected) -> bool:
    """Let go of one; False when somebody else has taken it."""
    table = tables.expected_effect
    with control.begin() as connection:
        return bool(connection.execute(delete(table).where(table.c.id == expected.id)).rowcount)


def forget(control: Control, before: float) -> None:
    """Let go of all that ended before a moment, of whatever function: nobody compares them any more."""
    table = tables.expected_effect
    with control.begin() as connection:
        connection.execute(delete(table).where(table.c.ended < before))


def sums(control: Control, function: str, cohort: str = EVERYONE, *, since: int = 0) -> Effects:
    """What came of a cohort's writes from minute `since` on."""
    return Effects(*counted.minutes(control, "effect", function, cohort, since))


def places(control: Control, function: str, cohort: str = EVERYONE, *, since: float = 0.0) -> list[Place]:
    """What differed, the most frequent first. `since`: only what was counted in stages that it came to then or later."""
    found = counted.stages(control, "effect place", function, cohort, since, Place)
    return sorted(found, key=lambda each: (-each.calls, each.place, each.kind))


def failures(control: Control, function: str, cohort: str = EVERYONE, *, since: float = 0.0) -> list[Failure]:
    """Why writes weren't compared, the most frequent reason first."""
    found = counted.stages(control, "effect failure", function, cohort, since, Failure)
    return sorted(found, key=lambda each: -each.calls)


def _row(control: Control, expected: Expected) -> dict[str, object]:
    if control.cipher is not None:
        expected = replace(expected, events=control.cipher.seal(expected.events, _about(expected)))
    names = ("function", "cohort", "since", "began", "ended", "request", "key", "events")
    return {name: getattr(expected, name) for name in names}


def _about(expected: Expected) -> str:
    return f"what was foretold of a write of {expected.function} at {expected.ended!r}"
