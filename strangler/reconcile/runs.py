"""A reconciliation of a whole function, recorded from its beginning to its end.

Whatever ends it in the middle makes it `failed`, with the reason: a check that couldn't be made never reads as clean
(invariant 7).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from strangler import assembly
from strangler.changes import ORIGIN, Position
from strangler.control import deliveries, quarantine, reconciliations, standings
from strangler.control.reconciliations import Finding, Status
from strangler.control.store import Control
from strangler.cutover.stages import Side
from strangler.errors import StranglerError, Unavailable
from strangler.mapping import EntityMapping
from strangler.parts import parts_of
from strangler.ports import ChangeSource, ServiceStore
from strangler.reconcile.confirm import Feed
from strangler.reconcile.entity import Outcome, Watch, compare
from strangler.reconcile.jobs import MOST_FINDINGS, Job
from strangler.reconcile.narrow import Difference
from strangler.reconcile.sides import Sides
from strangler.settings import Settings

PATIENCE: Final = 60.0
"""Seconds that the store has to pass a position: several times any lag with which one would want to switch."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A run that has ended: its number, how it ended, what it found by entity, and why it failed if it did.

    Times in seconds since the epoch."""

    run: int
    job: Job
    status: Status
    outcomes: tuple[Outcome, ...]
    reason: str | None
    started_at: float
    finished_at: float

    @property
    def drift(self) -> int:
        """How many keys differ."""
        return sum(outcome.drift for outcome in self.outcomes)


Told = Callable[[str, str], None]
"""Told (entity, words): what is being done now."""


def reconcile(
    settings: Settings,
    control: Control,
    job: Job,
    *,
    told: Told = lambda entity, words: None,
    stop: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.time,
) -> Reconciliation:
    """Do a job, and record the run. `stop` is asked now and then whether to end it: then it is `incomplete`.

    What can't be checked comes back as `failed`; it is raised only where the control store itself fails.
    """
    started, function = clock(), job.function
    run = reconciliations.start(control, function, mode=job.mode, job=asdict(job), at=started)
    try:
        outcomes = _compared(settings, control, job, told)
    except BaseException as error:
        reason = str(error) if isinstance(error, StranglerError) else f"ended by {type(error).__name__}"
        status = Status.FAILED if isinstance(error, StranglerError) else Status.INCOMPLETE
        reconciliations.finish(control, run, status, at=clock(), reason=reason)
        if not isinstance(error, StranglerError):
            raise
        return Reconciliation(run, job, status, (), reason, started, clock())
    status = Status.DRIFT if any(outcome.drift for outcome in outcomes) else Status.CLEAN
    finished = clock()
    _record(control, run, status, outcomes, finished)
    return Reconciliation(run, job, status, tuple(outcomes), None, started, finished)


def compare_all(
    mappings: Sequence[EntityMapping],
    source: ChangeSource,
    store: ServiceStore,
    control: Control,
    *,
    feed: Feed | None,
    limit: int = MOST_FINDINGS,
    told: Told = lambda entity, words: None,
) -> list[Outcome]:
    """Compare the entities of these mappings, one after the other, parents before children, and record nothing.

    A part is compared as an entity of its own; what waits in quarantine are whole aggregates.
    """
    outcomes = []
    with Sides(source.reader, store.reader) as sides:
        for mapping in mappings:
            held = partial(quarantine.keys, control, mapping.shape.function, mapping.shape.entity)
            untranslatable: set[str] = set()
            for part in parts_of(mapping):
                watch: Watch = partial(told, part.mapping.shape.entity)
                found = compare(
                    part, sides, feed=feed, held=held, limit=limit, untranslatable=untranslatable, watch=watch
                )
                outcomes.append(found)
    return outcomes


def feed_of(control: Control, function: str, source: ChangeSource) -> Feed | None:
    """How far the store of a function is, as delivery says in the control store.

    None when new owns the function: delivery has ended then, so nothing is on its way and every difference stands.
    """
    if standings.of(control, function).owner is Side.NEW:
        return None

    def safe_position(timeout: float) -> Position:
        if deliveries.get(control, function) is None:
            raise Unavailable(
                f"nothing was ever delivered into the store of {function}",
                why="so a difference can't be told from a change on its way",
                do=f"strangler advance {function}, with `strangler worker` running; or compare with --no-confirm",
            )
        return source.safe_position(timeout)

    def delivered() -> Position:
        record = deliveries.get(control, function)
        return record.position if record else ORIGIN

    return Feed(safe_position, delivered, PATIENCE)


def _compared(settings: Settings, control: Control, job: Job, told: Told) -> list[Outcome]:
    function = job.function
    section = settings.functions[function]
    source = assembly.source(settings, section.source)
    store = assembly.store(settings, section.store)
    try:
        mappings = assembly.mappings(settings, function, source)
        feed = feed_of(control, function, source) if job.confirm else None
        return compare_all(mappings, source, store, control, feed=feed, limit=job.limit, told=told)
    finally:
        source.close()
        store.close()


def _record(control: Control, run: int, status: Status, outcomes: Sequence[Outcome], at: float) -> None:
    found = (difference for outcome in outcomes for difference in outcome.differences)
    counts = {name: sum(getattr(outcome, name) for outcome in outcomes) for name in reconciliations.COUNTS}
    position = max((outcome.position for outcome in outcomes if outcome.position), default=None)
    with control.begin():
        reconciliations.add_findings(control, run, map(_finding, found))
        reconciliations.finish(
            control,
            run,
            status,
            at=at,
            position=position,
            counts=counts,
            parts=[as_part(outcome) for outcome in outcomes],
        )


def as_part(outcome: Outcome) -> dict[str, Any]:
    """What a run says of an entity without its differences, as JSON."""
    return {
        "entity": outcome.entity,
        **{name: getattr(outcome, name) for name in reconciliations.COUNTS},
        "quarantined": outcome.quarantine,
        "position": outcome.position,
    }


def _finding(each: Difference) -> Finding:
    why = None if each.explanation is None else asdict(each.explanation)
    return Finding(each.entity, each.key, each.kind, each.fields, each.written_at, why)
