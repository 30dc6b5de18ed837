"""The experiment: runs while everything moves, faults half way, and what each run was allowed to find."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, NamedTuple

from strangler.control.reconciliations import Status
from strangler.events import decode_key
from strangler.reconcile.narrow import Kind
from tests.faults.kinds import KINDS, Row
from tests.faults.landscape import Landscape
from tests.faults.legacy import Legacy
from tests.faults.store import Store
from tests.moving.writer import KEPT, Keys, Written, writing

LISTED: Final = 100
"""Keys that a run lists at most: what it finds wrongly is seen."""

LATER: Final = 2
"""Runs that have to begin after the faults, however long that takes."""

Found = dict[int, Kind]


class Run(NamedTuple):
    """A reconciliation: when it began and ended, by the monotonic clock, what it found, and how many keys were in flight."""

    began: float
    ended: float
    found: Found
    in_flight: int


@dataclass
class Faults:
    """What goes wrong half way, once; `began` and `ended` by the monotonic clock, infinite as long as nothing did."""

    expected: Found = field(default_factory=dict)
    began: float = float("inf")
    ended: float = float("inf")
    failure: Exception | None = None


@dataclass
class Outcome:
    """What was seen."""

    runs: list[Run]
    faults: Faults
    written: Written
    seconds: float

    def __str__(self) -> str:
        later = sum(run.began > self.faults.ended for run in self.runs)
        in_flight = sum(run.in_flight for run in self.runs)
        return (
            f"{len(self.runs)} runs in {self.seconds / 60:.1f} minutes while {self.written.rate:,.0f} rows a second were written:"
            f" {in_flight:,} keys in flight, none of them called drift;"
            f" exactly the {len(self.faults.expected)} faults in each of the {later} runs after them"
        )


def run(
    landscape: Landscape, *, minutes: float, rate: float, faults: int, rows: int, seed: int,
    tell: Callable[[str], Any] = lambda line: None,
) -> Outcome:  # fmt: skip
    """The whole of it. Raises AssertionError when a run finds what it may not, or doesn't find what it must."""
    Legacy(landscape.legacy).create(rows)
    seeded, runs = Faults(), []
    with landscape.synced(seed), writing(landscape.legacy, rate, rows, seed) as written:
        began = time.monotonic()
        deadline = began + 60 * minutes
        with _half_way(landscape, seeded, faults, Keys(rows), Random(seed), 30 * minutes):
            while time.monotonic() < deadline or sum(run.began > seeded.ended for run in runs) < LATER:
                runs.append(_reconciled(landscape))
                tell(
                    f"{len(runs)}: {len(runs[-1].found)} found, {runs[-1].in_flight:,} in flight, {runs[-1].ended - runs[-1].began:.1f} s"
                )
                _check(runs[-1], seeded)
        seconds = time.monotonic() - began
    return Outcome(runs, seeded, written[0], seconds)


def _reconciled(landscape: Landscape) -> Run:
    began = time.monotonic()
    found = landscape.reconciled(LISTED)
    assert found.status in (Status.CLEAN, Status.DRIFT), f"{found.status}: {found.reason}"
    (outcome,) = found.outcomes
    keys = {decode_key(each.key)[0]: each.kind for each in outcome.differences}
    assert outcome.drift == len(keys), f"{outcome.drift} keys differ: {keys}"
    return Run(began, time.monotonic(), keys, outcome.in_flight)


def _check(run: Run, faults: Faults) -> None:
    """A run may find no more than the faults that were there before it ended, and no less than those there before it began."""
    if faults.failure is not None:
        raise faults.failure
    may = faults.expected if run.ended > faults.began else {}
    wrong = {key: kind for key, kind in run.found.items() if may.get(key) is not kind}
    assert not wrong, f"called drift, and isn't: {wrong}"
    missed = faults.expected.keys() - run.found.keys() if run.began > faults.ended else set()
    assert not missed, f"not found: {missed}"


@contextmanager
def _half_way(
    landscape: Landscape, faults: Faults, count: int, keys: Keys, dice: Random, after: float
) -> Iterator[None]:
    """So many faults after so many seconds, whatever goes on then."""

    def go_wrong() -> None:
        try:
            _go_wrong(Store(landscape.store), faults, count, keys, dice)
        except Exception as error:  # noqa: BLE001 - told by whoever waits for it
            faults.failure = error

    timer = threading.Timer(after, go_wrong)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _go_wrong(store: Store, faults: Faults, count: int, keys: Keys, dice: Random) -> None:
    """Of quiet rows and of new ones that stay, some are lost, some are changed."""
    stay = store.keys(f"id > {keys.rows} AND id % {KEPT} = 0")
    chosen = dice.sample(stay, min(len(stay), count // 2))
    chosen += dice.sample(keys.quiet, count - len(chosen))
    changes = [fault.change for fault in KINDS.values() if fault.change and not fault.blank]
    rows = store.rows(chosen)
    changed: dict[int, Row] = {key: dice.choice(changes)(rows[key]) for key in chosen[::2]}
    lost = chosen[1::2]
    faults.expected = dict.fromkeys(changed, Kind.DIFFERENT) | dict.fromkeys(lost, Kind.MISSING)
    faults.began = time.monotonic()
    store.change(changed)
    if lost:
        store.remove(lost)
    faults.ended = time.monotonic()
