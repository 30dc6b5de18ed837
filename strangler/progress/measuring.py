"""Measuring the progress: the facts, collected from the control store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Final

from strangler.control import (
    comparisons,
    conflicts,
    facades,
    late_writes,
    ledger,
    reconciliations,
    returning,
    traffic,
)
from strangler.control.store import Control
from strangler.cutover import assessment
from strangler.cutover import history as moves
from strangler.cutover.stages import Stage
from strangler.progress import pace
from strangler.progress.attention import attention
from strangler.progress.facts import (
    Calls,
    CohortProgress,
    FunctionProgress,
    Point,
    Progress,
    Reconciled,
    Step,
)
from strangler.settings import Settings, ended_rules, ended_tolerances

HOUR: Final = 60
"""Minutes that count as lately."""

WEEK: Final = 7 * 24 * 60
"""Minutes that the history of calls goes back at most."""

EXAMPLES: Final = 10
"""Keys that differ, and mismatches in shadow, that are shown of each function."""


def measure(
    settings: Settings,
    control: Control,
    *,
    probe: assessment.Probe = assessment.probe,
    clock: Callable[[], float] = time.time,
) -> Progress:
    """The progress now: all functions of the configuration, in its order. Asks each new service how it is."""
    now = clock()
    minute = int(now // 60)
    counted = {
        name: pace.minutes(traffic.per_minute(control, name, since=minute - WEEK))
        for name in settings.functions
    }
    histories = pace.points(counted, minute)
    sums = traffic.sums(control, since=minute - HOUR + 1)
    functions = []
    for name in settings.functions:
        asked = cache(probe)
        judged = assessment.assess(control, settings, name, probe=asked, clock=lambda: now)
        apart = [
            assessment.assess(control, settings, name, cohort=each.cohort, probe=asked, clock=lambda: now)
            for each in judged.evidence.picture.cohorts(name)
        ]
        cohorts = tuple(_cohort(control, each, minute - HOUR + 1) for each in apart)
        alarm = _alarm([judged, *apart])
        functions.append(_function(control, judged, pace.lately(sums, name), histories[name], cohorts, alarm))
    verification = ledger.verify(control)
    return Progress(
        name=settings.name,
        at=now,
        begun=min((step.at for function in functions for step in function.steps[1:]), default=None),
        functions=tuple(functions),
        history=pace.together(histories.values()),
        ledger=verification,
        facades=len(facades.live(control, now=now)),
        attention=tuple(attention(functions, verification)),
    )


def _function(
    control: Control,
    judged: assessment.Assessment,
    calls: tuple[Calls, ...],
    history: tuple[Point, ...],
    cohorts: tuple[CohortProgress, ...],
    alarm: reconciliations.Run | None,
) -> FunctionProgress:
    name, evidence = judged.function, judged.evidence
    return FunctionProgress(
        name=name,
        title=judged.settings.title or name,
        entities=tuple(judged.settings.entities),
        standing=evidence.standing,
        target=judged.target,
        gates=judged.gates,
        calls=calls,
        history=history,
        delivery=evidence.delivery,
        source=evidence.source,
        backfills=tuple(evidence.backfills.values()),
        reconciled=_reconciled(control, name),
        alarm=alarm,
        compared=evidence.compared,
        effects=evidence.effects,
        mismatches=tuple(comparisons.mismatches(control, name, limit=EXAMPLES)),
        quarantined=evidence.quarantined,
        late_writes=sum(each.open for each in evidence.late_writes),
        late_authors=tuple(late_writes.authors(control, name)),
        steps=_steps(control, name),
        decisions=tuple(ledger.entries(control, function=name)),
        ended=tuple(_ended(judged)),
        returning=returning.all_feeds(control).get(name) if judged.settings.return_ else None,
        conflicts=conflicts.counts(control).get(name, 0),
        cohorts=cohorts,
    )


def _alarm(assessed: Sequence[assessment.Assessment]) -> reconciliations.Run | None:
    """The last run since the last whole one that found drift, of the function or of any of its cohorts."""
    found = [each.evidence.alarm for each in assessed if each.evidence.alarm is not None]
    return max(found, key=lambda run: run.id, default=None)


def _cohort(control: Control, judged: assessment.Assessment, since: int) -> CohortProgress:
    name, evidence = judged.function, judged.evidence
    sums = traffic.sums(control, since=since, function=name, cohort=evidence.standing.cohort)
    return CohortProgress(
        standing=evidence.standing,
        target=judged.target,
        gates=judged.gates,
        calls=pace.lately(sums, name),
        compared=evidence.compared,
        effects=evidence.effects,
    )


def _ended(judged: assessment.Assessment) -> Iterator[str]:
    """What hides nothing any more."""
    today = datetime.fromtimestamp(judged.evidence.now, UTC).date()
    yield from ended_tolerances(judged.settings, today)
    yield from ended_rules(judged.settings.shadow.rules, today)


def _reconciled(control: Control, function: str) -> Reconciled | None:
    """The last run over everything; where there is none, the last of those that looked at less."""
    run = reconciliations.latest_whole(control, function) or reconciliations.latest(control, function)
    return Reconciled(run, tuple(reconciliations.findings(control, run.id, limit=EXAMPLES))) if run else None


def _steps(control: Control, function: str) -> tuple[Step, ...]:
    """Where it stood from the beginning of time, then after each move."""
    moved = (Step(move.at, move.after, move.weight) for move in moves.of(control, function))
    return (Step(0.0, Stage.LEGACY, 0), *moved)
