"""Assessment: how a function stands, collected from the control store and from the new service, and judged.

What `status`, `plan`, `advance` and the report all look at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from math import ceil
from typing import Final

from strangler.control import (
    backfills,
    balances,
    comparisons,
    deliveries,
    effects,
    guards,
    late_writes,
    ledger,
    quality_runs,
    quarantine,
    reconciliations,
    rehearsals,
    sources,
    standings,
    stops,
    traffic,
)
from strangler.control.counted import Since
from strangler.control.guards import Watch
from strangler.control.store import Control
from strangler.cutover import approvals, cohorts, history
from strangler.cutover.conditions import conditions
from strangler.cutover.evidence import Evidence, Health
from strangler.cutover.gates import GateResult, custom, judge
from strangler.cutover.stages import EVERYONE, Stage, Standing, parted
from strangler.cutover.steps import Target, Way, way
from strangler.settings import Function, Service, Settings
from strangler.shadow.account import counted

PROBE_TIMEOUT: Final = 2.0
"""Seconds that the new service has to say how it is: a service that needs longer isn't well."""

Probe = Callable[[Service], Health]


@dataclass(frozen=True, slots=True)
class Assessment:
    """A function, or a cohort of it, and all that is known of it. `target` is where it goes next (None: nowhere),
    `gates` what that needs; `way` has all its steps."""

    function: str
    settings: Function
    evidence: Evidence
    way: Way
    target: Target | None
    gates: tuple[GateResult, ...]
    guards: tuple[Watch, ...] = ()
    """Those that are looked at where it stands."""

    @property
    def blocking(self) -> tuple[GateResult, ...]:
        """The gates that keep it from going on."""
        return tuple(gate for gate in self.gates if not gate.passes)


def probe(service: Service) -> Health:
    """Ask the new service how it is."""
    import urllib.error
    import urllib.request  # with it come TLS and mail, which take their time; most functions have no service to ask

    url = service.url.rstrip("/") + service.health
    try:
        with urllib.request.urlopen(url, timeout=PROBE_TIMEOUT) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        return Health(False, f"the new service doesn't answer at {url}: {reason}")
    if status == HTTPStatus.OK:
        return Health(True, f"the new service says at {url} that it is well")
    return Health(False, f"the new service answers {status} at {url}")


def assess(
    control: Control,
    settings: Settings,
    function: str,
    *,
    cohort: str = EVERYONE,
    target: Target | None = None,
    mover: str = "",
    probe: Probe = probe,
    clock: Callable[[], float] = time.time,
) -> Assessment:
    """Collect the evidence about a function or a cohort of it and judge the way to `target`, by default its next stage or weight.

    `mover` is who wants it, where that is known: whoever moves a function doesn't approve that.
    """
    section, steps = settings.functions[function], way(settings, function)
    evidence = collect(control, function, section, cohort, probe=probe, clock=clock)
    following = steps.after(evidence.standing)
    target = target or (following.target if following else None)
    gates: tuple[GateResult, ...] = ()
    if target:
        asked = conditions(settings, function, steps, evidence, target, mover=mover)
        gates = (*judge(target.stage, section, evidence), *asked)
    watches = [each for each in guards.of_function(control, function) if each.cohort == cohort]
    return Assessment(function, section, evidence, steps, target, gates, tuple(watches))


def counting(moves: Sequence[history.Move], cohort: str, apart: Iterable[Standing]) -> Since:
    """From when on shadow is evidence for a cohort, by its moves: from when it came into shadow, and as long as it is counted by itself.
    `apart`: the standings of those that move on their own."""
    return Since.of(history.entered(moves, Stage.SHADOW), parted(apart) if cohort == EVERYONE else 0.0)


def collect(
    control: Control,
    function: str,
    settings: Function,
    cohort: str = EVERYONE,
    *,
    probe: Probe,
    clock: Callable[[], float],
) -> Evidence:
    """All evidence about a function, or a cohort of it: one consistent read of the control store, and the probe."""
    health = probe(settings.service) if settings.service else None
    with control.read():
        picture = standings.snapshot(control)
        standing, apart = picture.of(function, cohort), picture.cohorts(function)
        entries = ledger.entries(control, function=function)
        lived = history.lived(entries, cohort)
        moves = history.moves(lived)
        since = counting(moves, cohort, apart)
        whole = reconciliations.latest_whole(control, function)
        alone = frozenset(each.cohort for each in apart)
        now, gates, parting = clock(), settings.gates, parted(apart) if cohort == EVERYONE else 0.0
        window = max(gates.errors.window, gates.latency.window).total_seconds()
        evidence = Evidence(
            now=now,
            standing=standing,
            picture=picture,
            source=sources.get(control, settings.source),
            delivery=deliveries.get(control, function),
            backfills={record.entity: record for record in backfills.of_function(control, function)},
            reconciliation=whole,
            compared=counted(control, function, cohort, since),
            quarantined=quarantine.counts(control).get(function, 0),
            waiting=quarantine.concerning(control, function, cohort, alone),
            dependencies={
                name: cohorts.stage_beneath(picture, name, standing, apart) for name in settings.depends_on
            },
            health=health,
            counted_from=max(since.moment, standing.parted) if history.entered(moves, Stage.SHADOW) else 0.0,
            reached=history.reached(moves),
            plan=history.begun_under(lived),
            approvals=approvals.given(entries, cohort),
            switched_at=history.switched(moves),
            rolled_back=moves[-1] if moves and moves[-1].kind is history.Kind.ROLLED_BACK else None,
            hold=held.hold if (held := cohorts.holding(standing, picture.of(function))) else None,
            quality=quality_runs.latest(control, function),
            stopped=stopped.words if (stopped := stops.get(control, function)) else "",
            effects=effects.sums(control, function, cohort, since=since.minute),
            alarm=reconciliations.alarm(control, function, whole, cohort, alone) if whole else None,
            balances=balances.of_run(control, whole.id) if whole else (),
            latencies=comparisons.latencies(control, function, cohort, since=since.moment),
            rehearsal=rehearsals.latest(control, function),
            late_writes=[
                each
                for each in late_writes.hours(control, function)
                if each.open and cohort in (EVERYONE, each.standing)
            ],
            traffic=traffic.per_minute(
                control, function, cohort, since=max(int((now - window) // 60), ceil(parting / 60))
            ),
        )
    return replace(evidence, custom=custom.ask(settings, evidence)) if settings.gates.custom else evidence
