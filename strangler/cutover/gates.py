"""Gates: conditions with evidence that a stage change needs. Pure: evidence in, results out.

A gate passes only on evidence that is enough and fresh. Where there is too little of it, or it is too old, or the check
couldn't be made, the result is inconclusive, and that is never a pass (invariant 7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from strangler.control import quality_runs
from strangler.control.quality_runs import QualityRun
from strangler.control.reconciliations import ENDED, Run, Status
from strangler.cutover.evidence import Evidence
from strangler.cutover.stages import Stage
from strangler.durations import format_duration
from strangler.settings import Children, Entity, Function, Gates

SHADOW_DAY: Final = 86_400.0
"""Seconds after which shadow comparisons are too old: one whole business day of an ERP is the least rhythm."""


UNCOMPARED: Final = 0.05
"""Largest share of shadowed reads that couldn't be compared beside those that were: what they would have shown isn't
known, and once new owns the function nobody else answers them."""


class Verdict(StrEnum):
    """What a gate says."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Gate(StrEnum):
    """The gates, by the name that people see."""

    BACKFILL = "backfill"
    FRESHNESS = "freshness"
    LAG = "lag"
    QUARANTINE = "quarantine"
    DRIFT = "drift"
    QUALITY = "quality"
    SHADOW = "shadow"
    EFFECTS = "effects"
    SERVICE = "service"
    DEPENDENCIES = "dependencies"
    LATE_WRITES = "late writes"


@dataclass(frozen=True, slots=True)
class GateResult:
    """What a gate says, with its figure against its limit, both with unit; `words` for people, `do` when it blocks."""

    name: Gate
    verdict: Verdict
    figure: str
    limit: str
    words: str
    do: str = ""

    @property
    def passes(self) -> bool:
        return self.verdict is Verdict.PASS


NEEDED: Final[dict[Stage, tuple[Gate, ...]]] = {
    Stage.LEGACY: (),
    Stage.SYNCING: (),
    Stage.SHADOW: (Gate.BACKFILL, Gate.FRESHNESS, Gate.LAG, Gate.SERVICE),
    Stage.CANARY: (
        Gate.BACKFILL,
        Gate.FRESHNESS,
        Gate.LAG,
        Gate.QUARANTINE,
        Gate.DRIFT,
        Gate.QUALITY,
        Gate.SHADOW,
        Gate.SERVICE,
    ),
    Stage.LIVE: (
        Gate.BACKFILL,
        Gate.FRESHNESS,
        Gate.LAG,
        Gate.QUARANTINE,
        Gate.DRIFT,
        Gate.QUALITY,
        Gate.SHADOW,
        Gate.EFFECTS,
        Gate.SERVICE,
        Gate.DEPENDENCIES,
    ),
    Stage.RETIRED: (Gate.FRESHNESS, Gate.SERVICE, Gate.LATE_WRITES),
}
"""What it takes to enter a stage, or to get more weight in it."""


def needed(to: Stage, function: Function) -> tuple[Gate, ...]:
    """The gates on the way into a stage. A function without read routes has nothing to compare in shadow, one whose writes aren't
    shadowed no effects; one that declares no checks has nothing to run for their sake."""
    beside = set()
    if not any(route.kind == "read" for route in function.routes):
        beside.add(Gate.SHADOW)
    if not function.shadow.writes:
        beside.add(Gate.EFFECTS)
    if not any(map(_declares, function.entities.values())):
        beside.add(Gate.QUALITY)
    return tuple(gate for gate in NEEDED[to] if gate not in beside)


def _declares(section: Entity | Children) -> bool:
    """Whether the entity, or any of its children, has checks of its own."""
    return bool(section.quality) or any(map(_declares, section.children.values()))


def judge(to: Stage, function: Function, evidence: Evidence) -> tuple[GateResult, ...]:
    """The result of every gate on the way into `to`."""
    return tuple(_CHECKS[gate](evidence, function) for gate in needed(to, function))


def backfill(evidence: Evidence, function: Function) -> GateResult:
    """All rows that legacy already had are in the store."""
    total = len(function.entities)
    done = 0
    for entity in function.entities:
        record = evidence.backfills.get(entity)
        if record is None:
            words, do = f"the backfill of {entity} hasn't begun", "start `strangler worker`"
            break
        if record.finished_at is None:
            words = f"the backfill of {entity} is still going on: {record.rows:,} of about {record.estimate:,} rows"
            do = "wait until it is finished, or look at the worker's log when the count stands still"
            break
        done += 1
    else:
        return GateResult(Gate.BACKFILL, Verdict.PASS, f"{done}", f"{total}", "every backfill is finished")
    return GateResult(Gate.BACKFILL, Verdict.FAIL, f"{done}", f"{total}", words, do)


def freshness(evidence: Evidence, function: Function) -> GateResult:
    """The source was heard of lately; else nobody knows what it has."""
    source, limit = evidence.source, function.gates.freshness.max.total_seconds()
    shown = format_duration(limit)
    if source is None or not source.seen_at:
        why = f": {source.error}" if source and source.error else ""
        words = f"source {function.source} was never heard of{why}"
        return GateResult(
            Gate.FRESHNESS, Verdict.INCONCLUSIVE, "never", shown, words, "start `strangler worker`"
        )
    age = max(0.0, evidence.now - source.seen_at)
    words = f"source {function.source} was heard of {format_duration(age)} ago"
    if age <= limit:
        return GateResult(Gate.FRESHNESS, Verdict.PASS, format_duration(age), shown, words)
    words += f", longer than {shown}" + (f": {source.error}" if source.error else "")
    do = "see that `strangler worker` runs and reaches the legacy database"
    return GateResult(Gate.FRESHNESS, Verdict.FAIL, format_duration(age), shown, words, do)


def lag(evidence: Evidence, function: Function) -> GateResult:
    """What legacy has committed is in the store soon."""
    limit = function.gates.lag.max.total_seconds()
    shown, delivery = format_duration(limit), evidence.delivery
    if delivery is None or delivery.lag is None:
        why = f": {delivery.error}" if delivery and delivery.error else ""
        return _unknown_lag(shown, f"the lag isn't known{why}", "start `strangler worker`")
    age, oldest = evidence.now - delivery.seen_at, function.gates.freshness.max.total_seconds()
    if age > oldest:
        words = f"delivery last said {format_duration(age)} ago how far it is, longer than {format_duration(oldest)}"
        return _unknown_lag(shown, words, "see that `strangler worker` runs and reaches the store")
    if not freshness(evidence, function).passes:
        return _unknown_lag(
            shown, "the source is silent, so lag says nothing", "mend the freshness gate first"
        )
    figure = format_duration(delivery.lag)
    if delivery.lag <= limit:
        return GateResult(Gate.LAG, Verdict.PASS, figure, shown, f"the store is {figure} behind")
    words = f"the store is {figure} behind, more than {shown}"
    do = "wait until it has caught up, or find out what slows delivery down"
    return GateResult(Gate.LAG, Verdict.FAIL, figure, shown, words, do)


def _unknown_lag(limit: str, words: str, do: str) -> GateResult:
    return GateResult(Gate.LAG, Verdict.INCONCLUSIVE, "unknown", limit, words, do)


def quarantine(evidence: Evidence, function: Function) -> GateResult:
    """Hardly anything waits that couldn't be translated."""
    count, limit = evidence.quarantined, function.gates.quarantine.max
    words = f"{_keys(count)} {'waits' if count == 1 else 'wait'} in quarantine"
    if evidence.stopped:
        do = f"strangler quarantine resume {evidence.standing.function}, once its mapping is mended"
        return GateResult(Gate.QUARANTINE, Verdict.FAIL, str(count), str(limit), evidence.stopped, do)
    if count <= limit:
        return GateResult(Gate.QUARANTINE, Verdict.PASS, str(count), str(limit), words)
    do = (
        "look at `strangler quarantine list`, mend the mapping or the rows, then `strangler quarantine retry`"
    )
    words += f", more than {limit}"
    return GateResult(Gate.QUARANTINE, Verdict.FAIL, str(count), str(limit), words, do)


def drift(evidence: Evidence, function: Function) -> GateResult:
    """A fresh reconciliation of every row found both sides the same, and none since then found otherwise."""
    run, limit, name = evidence.reconciliation, function.gates.drift.max, evidence.standing.function
    if doubt := _doubt(run, evidence, function.gates):
        do = f"run `strangler reconcile run {name}`"
        return GateResult(Gate.DRIFT, Verdict.INCONCLUSIVE, "unknown", str(limit), doubt, do)
    assert run is not None
    if alarm := evidence.alarm:
        words = f"the {alarm.mode} reconciliation {alarm.id} since then found drift"
        do = f"see it with `strangler reconcile show {alarm.id}`, mend the cause, then run `strangler reconcile run {name}`"
        return GateResult(Gate.DRIFT, Verdict.FAIL, str(alarm.drift), str(limit), words, do)
    words = f"{_keys(run.drift)} of {run.compared:,} {'differs' if run.drift == 1 else 'differ'}"
    if run.drift <= limit and not run.unbalanced:
        return GateResult(Gate.DRIFT, Verdict.PASS, str(run.drift), str(limit), words)
    words += f", more than {limit}" if run.drift > limit else ""
    words += f", and {run.unbalanced:,} groups of balances don't agree" if run.unbalanced else ""
    do = f"see what differs with `strangler reconcile show {run.id}`, mend the cause, then run `strangler reconcile run {name}`"
    return GateResult(Gate.DRIFT, Verdict.FAIL, str(run.drift), str(limit), words, do)


def _doubt(run: Run | None, evidence: Evidence, gates: Gates) -> str:
    """Why the last reconciliation of every row is no evidence; empty when it is."""
    if run is None or run.finished_at is None:
        return "it was never reconciled in full"
    # It says how things were when it began, also one that was interrupted and gone on with.
    age, fresh = evidence.now - run.started_at, gates.drift.fresh.total_seconds()
    if run.status is Status.FAILED:
        return f"the last reconciliation could not check: {run.reason or 'no reason given'}"
    if run.status not in ENDED:
        return f"the last reconciliation is incomplete: {run.reason or 'it was stopped half way'}"
    if age > fresh:
        return f"the last reconciliation is {format_duration(age)} old, older than {format_duration(fresh)}"
    if run.started_at < _filled(evidence):
        return "the last reconciliation began before the backfill was finished"
    if run.started_at < evidence.switched_at:
        return "the last reconciliation began before the last switch of owners"
    return ""


def _filled(evidence: Evidence) -> float:
    """When the last backfill ended. Of one that is asked for or under way, so far only its beginning counts."""
    fillings = evidence.backfills.values()
    return max((record.finished_at or record.started_at for record in fillings), default=0.0)


def quality(evidence: Evidence, function: Function) -> GateResult:
    """The last runs of the checks of data, on each side that counts, are fresh and found nothing critical."""
    doubts, failed = [], []
    for side in function.gates.quality.on:
        run = evidence.quality.get(side)
        if doubt := _unsure(run, side, evidence, function.gates):
            doubts.append((side, doubt))
        elif run is not None and run.critical:
            failed.append((side, run))
    again = f"strangler quality run {evidence.standing.function} --on "
    if failed:
        side, run = failed[0]
        words = f"{run.critical} critical {'check fails' if run.critical == 1 else 'checks fail'} on {side}"
        do = f"see the rows with `strangler quality show {run.id}`, mend the cause, then `{again}{side}`"
        return GateResult(Gate.QUALITY, Verdict.FAIL, str(run.critical), "0", words, do)
    if doubts:
        side, doubt = doubts[0]
        return GateResult(Gate.QUALITY, Verdict.INCONCLUSIVE, "unknown", "0", doubt, f"{again}{side}")
    words = f"every critical check holds on {' and '.join(function.gates.quality.on)}"
    return GateResult(Gate.QUALITY, Verdict.PASS, "0", "0", words)


def _unsure(run: QualityRun | None, side: str, evidence: Evidence, gates: Gates) -> str:
    """Why the last run on a side is no evidence; empty when it is. One that is old or incomplete isn't, whatever it found."""
    if run is None or run.finished_at is None:
        return f"the data was never checked on {side}"
    age, fresh = evidence.now - run.started_at, gates.quality.fresh.total_seconds()
    if run.status is quality_runs.Status.UNCHECKED:
        return f"the last run on {side} could not check: {run.reason or 'no reason given'}"
    if age > fresh:
        return f"the last run on {side} is {format_duration(age)} old, older than {format_duration(fresh)}"
    if side == "store" and run.started_at < _filled(evidence):
        return "the last run on the store began before the backfill was finished"
    return ""


def shadow(evidence: Evidence, function: Function) -> GateResult:
    """Enough reads were answered by both sides, and hardly any answer differed."""
    counted, limits = evidence.compared, function.gates.shadow
    total, missed = counted.total, counted.failed + counted.uncompared
    share, limit = counted.differing / total if total else 0.0, f"{limits.max_mismatch:.2%}"
    figure = f"{share:.2%} of {total:,}"
    if total < limits.min_samples:
        words = f"{total:,} reads were compared, fewer than {limits.min_samples:,}"
        do = "let callers read for longer, or lower gates.shadow.min_samples"
        return GateResult(Gate.SHADOW, Verdict.INCONCLUSIVE, figure, limit, words, do)
    see = f"see `strangler shadow {evidence.standing.function}`"
    if missed > UNCOMPARED * (total + missed):
        words = f"{missed:,} of {total + missed:,} reads could not be compared, more than {UNCOMPARED:.0%}"
        do = f"{see} for why, mend it, then roll back a stage and advance to count anew"
        return GateResult(Gate.SHADOW, Verdict.INCONCLUSIVE, figure, limit, words, do)
    # With the whole weight on new no read is left that both sides could answer; what was compared before still counts.
    everything_moved = evidence.standing.weight == 10_000
    age = evidence.now - 60 * (counted.last_minute + 1)
    if age > SHADOW_DAY and not everything_moved:
        words = f"the last comparison is {format_duration(age)} old"
        do = "see that callers come through the facade"
        return GateResult(Gate.SHADOW, Verdict.INCONCLUSIVE, figure, limit, words, do)
    words = f"{counted.differing:,} of {total:,} answers differed"
    if share > limits.max_mismatch:
        do = f"{see}, mend the service, then roll back a stage and advance to count anew"
        return GateResult(Gate.SHADOW, Verdict.FAIL, figure, limit, f"{words}, more than {limit}", do)
    if not counted.noisy:
        return GateResult(Gate.SHADOW, Verdict.PASS, figure, limit, words)
    noisy = (
        f"{counted.noisy:,} {'more differs' if counted.noisy == 1 else 'more differ'} in nothing but noise"
    )
    if counted.noisy > limits.max_noise * total:
        # What is never the same twice is never compared: somebody has to answer for that by name.
        do = f"{see} for which fields, and write rules for them into functions.{evidence.standing.function}.shadow.rules"
        words = f"{words}, but {noisy}, more than {limits.max_noise:.0%}"
        return GateResult(Gate.SHADOW, Verdict.INCONCLUSIVE, figure, limit, words, do)
    return GateResult(Gate.SHADOW, Verdict.PASS, figure, limit, f"{words}; {noisy}")


def effects(evidence: Evidence, function: Function) -> GateResult:
    """Enough writes were thought through by new, and hardly any would have had another effect."""
    counted, limits = evidence.effects, function.gates.effects
    total, missed = counted.total, counted.uncompared
    share, limit = counted.differing / total if total else 0.0, f"{limits.max_mismatch:.2%}"
    figure = f"{share:.2%} of {total:,}"
    see = f"see `strangler shadow {evidence.standing.function}`"
    if counted.unasked and not total:
        words = f"{counted.unasked:,} writes weren't put to the new service, since it doesn't say that it knows dry runs"
        do = "let it answer OPTIONS with X-Strangler-Dry-Run: understood, as docs/shadow.md has it"
        return GateResult(Gate.EFFECTS, Verdict.INCONCLUSIVE, figure, limit, words, do)
    if total < limits.min_samples:
        words = f"the effects of {total:,} writes were compared, fewer than {limits.min_samples:,}"
        do = "let callers write for longer, or lower gates.effects.min_samples"
        return GateResult(Gate.EFFECTS, Verdict.INCONCLUSIVE, figure, limit, words, do)
    if missed > UNCOMPARED * (total + missed):
        words = f"the effects of {missed:,} of {total + missed:,} writes could not be compared, more than {UNCOMPARED:.0%}"
        do = f"{see} for why, mend it, then roll back a stage and advance to count anew"
        return GateResult(Gate.EFFECTS, Verdict.INCONCLUSIVE, figure, limit, words, do)
    age = evidence.now - 60 * (counted.last_minute + 1)
    if age > SHADOW_DAY:
        words, do = (
            f"the last comparison of a write is {format_duration(age)} old",
            "see that callers come through the facade",
        )
        return GateResult(Gate.EFFECTS, Verdict.INCONCLUSIVE, figure, limit, words, do)
    words = f"{counted.differing:,} of {total:,} writes would have had another effect"
    if share > limits.max_mismatch:
        do = f"{see}, mend the service, then roll back a stage and advance to count anew"
        return GateResult(Gate.EFFECTS, Verdict.FAIL, figure, limit, f"{words}, more than {limit}", do)
    return GateResult(Gate.EFFECTS, Verdict.PASS, figure, limit, words)


def service(evidence: Evidence, function: Function) -> GateResult:
    """The new service is there and says that it is well."""
    if function.service is None:
        words, do = "no new service is configured", "write `service: {url: …}` for the function"
        return GateResult(Gate.SERVICE, Verdict.FAIL, "none", "well", words, do)
    if evidence.health is None:
        words = "the new service wasn't asked how it is"
        return GateResult(Gate.SERVICE, Verdict.INCONCLUSIVE, "unknown", "well", words)
    if evidence.health.well:
        return GateResult(Gate.SERVICE, Verdict.PASS, "well", "well", evidence.health.words)
    do = f"start the new service at {function.service.url}, or mend it"
    return GateResult(Gate.SERVICE, Verdict.FAIL, "unwell", "well", evidence.health.words, do)


def dependencies(evidence: Evidence, function: Function) -> GateResult:
    """The functions that this one stands on are live."""
    waiting = {
        name: stage
        for name, stage in evidence.dependencies.items()
        if stage not in (Stage.LIVE, Stage.RETIRED)
    }
    total = len(evidence.dependencies)
    figure, limit = f"{total - len(waiting)} live", f"{total} live"
    if not waiting:
        words = "every function that it depends on is live" if total else "it depends on no other function"
        return GateResult(Gate.DEPENDENCIES, Verdict.PASS, figure, limit, words)
    words = "not live yet: " + ", ".join(f"{name} ({stage})" for name, stage in sorted(waiting.items()))
    do = f"take {', '.join(sorted(waiting))} live first"
    return GateResult(Gate.DEPENDENCIES, Verdict.FAIL, figure, limit, words, do)


def late_writes(evidence: Evidence, function: Function) -> GateResult:
    """Nobody writes the function's data in legacy any more (invariant 4)."""
    delivery = evidence.delivery
    oldest = function.gates.freshness.max.total_seconds()
    if delivery is None or evidence.now - delivery.seen_at > oldest:
        words, do = "nobody counts late writes now", "start `strangler worker`"
        return GateResult(Gate.LATE_WRITES, Verdict.INCONCLUSIVE, "unknown", "0", words, do)
    count = delivery.late_writes
    words = f"{count:,} late {'write' if count == 1 else 'writes'} came from legacy since the switch"
    if not count:
        return GateResult(Gate.LATE_WRITES, Verdict.PASS, "0", "0", words)
    do = "find the job that still writes to legacy past the facade, and move or stop it"
    return GateResult(Gate.LATE_WRITES, Verdict.FAIL, str(count), "0", words, do)


def _keys(count: int) -> str:
    return f"{count:,} {'key' if count == 1 else 'keys'}"


_CHECKS: Final[dict[Gate, Callable[[Evidence, Function], GateResult]]] = {
    Gate.BACKFILL: backfill,
    Gate.FRESHNESS: freshness,
    Gate.LAG: lag,
    Gate.QUARANTINE: quarantine,
    Gate.DRIFT: drift,
    Gate.QUALITY: quality,
    Gate.SHADOW: shadow,
    Gate.EFFECTS: effects,
    Gate.SERVICE: service,
    Gate.DEPENDENCIES: dependencies,
    Gate.LATE_WRITES: late_writes,
}
