"""The way of a function, forwards and back: which move comes next, which are allowed, what each does. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from strangler.cutover.conditions import conditions
from strangler.cutover.evidence import Evidence
from strangler.cutover.gates import Gate, GateResult, judge, needed
from strangler.cutover.stages import ORDER, RULES, Side, Stage, Standing
from strangler.cutover.steps import FULL, Leg, Target, Way, arrival, percent
from strangler.durations import format_duration
from strangler.errors import Refused
from strangler.settings import Function, Settings


@dataclass(frozen=True, slots=True)
class Step:
    """A move of the plan: what it does, the gates on its way with their figures as of now, the least time until it can be made
    (seconds), what may be interrupted by it and what can't be undone afterwards ("" for nothing).

    What only time and people decide is a gate of the next move; of the later ones `asks` says in words what it will be.
    """

    target: Target
    does: str
    gates: tuple[GateResult, ...]
    asks: tuple[str, ...]
    least: float
    interrupts: str
    final: str


FINAL: Final = "a retired function doesn't come back"


def place(standing: Standing) -> str:
    """Where something stands, in words: the stage, and in canary the weight."""
    return str(Target(standing.stage, standing.weight))


def forwards(standing: Standing, way: Way, stage: Stage | None, weight: int | None) -> Target:
    """The target of `advance`: the next move, or what the user asks for as far as it lies just ahead. Raises Refused."""
    following = way.after(standing)
    if following is None:
        raise _refused(standing, "the way ends here", "nothing is left to do; the function has moved")
    usual = following.target
    if weight is not None:
        stage = stage or Stage.CANARY
        if stage is not Stage.CANARY:
            raise _refused(standing, f"a weight counts in canary only, not in {stage}", "leave --weight out")
    if stage is None:
        if usual.stage is Stage.RETIRED:  # Nobody is to come there by giving the same command once more.
            why = f"what comes next is final: {FINAL}"
            raise _refused(standing, why, f"strangler advance {standing.spelled} --to retired")
        return usual
    ahead = {Stage.CANARY, Stage.LIVE} if standing.stage is Stage.CANARY else {usual.stage}
    if stage not in ahead:
        raise _out_of_order(standing, stage, usual)
    if stage is not Stage.CANARY:
        return arrival(stage, FULL)
    wanted = weight if weight is not None else usual.weight
    if standing.stage is Stage.CANARY and wanted <= standing.weight:
        why = f"its weight is {percent(standing.weight)}, and {percent(wanted)} isn't more"
        raise _refused(
            standing, why, f"strangler rollback {standing.spelled} --weight {percent(wanted)} --reason …"
        )
    return Target(stage, wanted)


def backwards(standing: Standing, stage: Stage | None, weight: int | None) -> Target:
    """The target of `rollback`: the stage before, or what the user asks for as far as it lies behind. Raises Refused.

    From live it leads to syncing: the new service, which may be what is wrong, gets no more traffic, while the store is
    kept up to date for the next attempt.
    """
    if weight is not None:
        return _less_weight(standing, stage, weight)
    before: dict[Stage, tuple[Stage, ...]] = {
        Stage.LEGACY: (),
        Stage.SYNCING: (Stage.LEGACY,),
        Stage.SHADOW: (Stage.SYNCING, Stage.LEGACY),
        Stage.CANARY: (Stage.SHADOW, Stage.SYNCING, Stage.LEGACY),
        Stage.LIVE: (Stage.SYNCING, Stage.SHADOW),
        Stage.RETIRED: (),
    }
    behind = before[standing.stage]
    if standing.stage is Stage.RETIRED:
        raise _refused(standing, FINAL, "go forward: mend the new service")
    if not behind:
        raise _refused(standing, "it is where every function begins", "nothing is left to roll back")
    wanted = stage or behind[0]
    if wanted not in behind:
        why = f"from {standing.stage} one can go back to {' or '.join(behind)}, not to {wanted}"
        raise _refused(standing, why, f"strangler rollback {standing.spelled} --to {behind[0]} --reason …")
    return arrival(wanted, 0)


def _less_weight(standing: Standing, stage: Stage | None, weight: int) -> Target:
    if standing.stage is not Stage.CANARY or stage not in (None, Stage.CANARY):
        raise _refused(standing, "a weight can only be lowered within canary", "leave --weight out")
    if weight >= standing.weight:
        why = f"its weight is {percent(standing.weight)}, and {percent(weight)} isn't less"
        raise _refused(standing, why, f"strangler advance {standing.spelled} --weight {percent(weight)}")
    return Target(Stage.CANARY, weight)


def moved(standing: Standing, target: Target) -> Standing:
    """The standing after a move. A new owner, and what delivery may apply, come with the stage."""
    owner = RULES[target.stage].owner
    until = standing.sync_until if owner is Side.NEW else None
    return replace(standing, stage=target.stage, weight=target.weight, owner=owner, sync_until=until)


def plan(settings: Settings, name: str, evidence: Evidence, way: Way) -> list[Step]:
    """Every move that is left up to the end, the next one first, with gates as they are now."""
    function, standing = settings.functions[name], evidence.standing
    steps: list[Step] = []
    held = _left(way.at(standing), evidence)
    while leg := way.after(standing):
        gates = judge(leg.target.stage, function, evidence)
        if not steps:
            gates = (*gates, *conditions(settings, name, way, evidence, leg.target))
        asks = tuple(_asks(leg, function)) if steps else ()
        after = moved(standing, leg.target)
        steps.append(_step(settings, function, standing, after, gates, asks, evidence, held))
        standing, held = after, leg.hold
    return steps


def _left(leg: Leg | None, evidence: Evidence) -> float:
    """Seconds for which the present state is still to be held."""
    return max(0.0, leg.hold - (evidence.now - evidence.reached)) if leg else 0.0


def _asks(leg: Leg, function: Function) -> Iterator[str]:
    """What a later move will wait for beside the gates of its stage, in words."""
    beside = [gate for gate in leg.gates if gate not in needed(leg.target.stage, function)]
    if beside:
        yield f"gate{'s' if len(beside) > 1 else ''} {', '.join(beside)}"
    if leg.approve:
        yield f"approval by {leg.approve.count} of role {leg.approve.role}"
    if leg.window:
        yield f"the window {leg.window}"


def _step(
    settings: Settings,
    function: Function,
    before: Standing,
    after: Standing,
    gates: tuple[GateResult, ...],
    asks: tuple[str, ...],
    evidence: Evidence,
    held: float,
) -> Step:
    interrupts, final = "", ""
    if after.stage is Stage.RETIRED:
        final = f"{FINAL}; so only `--to retired` leads there"
    if after.owner is not before.owner:
        limit = format_duration(settings.cutover.time_limit.total_seconds())
        hold = settings.cutover.hold_writes.total_seconds()
        waits = (
            f"writes wait up to {format_duration(hold)} for the switch, then are" if hold else "writes are"
        )
        interrupts = f"{waits} answered 503 with Retry-After until it is over, after {limit} at most"
        final = "once the new service has written, going back needs what it wrote to be in legacy too"
    least = _sampling(function, evidence) if Gate.SHADOW in needed(after.stage, function) else 0.0
    target = Target(after.stage, after.weight)
    return Step(target, _does(before, after), gates, asks, max(least, held), interrupts, final)


def _does(before: Standing, after: Standing) -> str:
    share = f"{percent(after.weight)} of the callers read from the new service"
    return {
        Stage.LEGACY: "legacy does everything again",
        Stage.SYNCING: "backfill begins, and changes are delivered into the store as they are made",
        Stage.SHADOW: "reads are sent to both sides; legacy answers; the answers are compared",
        Stage.CANARY: f"{share}; legacy keeps the writes",
        Stage.LIVE: "the new service becomes the owner: it answers reads and writes",
        Stage.RETIRED: "the legacy function counts as switched off",
    }[after.stage]


def _sampling(function: Function, evidence: Evidence) -> float:
    """The least time until shadow has its samples, at the pace so far; 0 when it has them or the pace isn't known."""
    missing = function.gates.shadow.min_samples - evidence.compared.total
    elapsed = evidence.now - evidence.standing.since
    if missing <= 0 or evidence.standing.stage is not Stage.SHADOW or not evidence.compared.total:
        return 0.0
    return missing * elapsed / evidence.compared.total


def _out_of_order(standing: Standing, stage: Stage, usual: Target) -> Refused:
    if ORDER.index(stage) <= ORDER.index(standing.stage):
        do = f"strangler rollback {standing.spelled} --to {stage} --reason …"
        return _refused(standing, f"{stage} doesn't lie ahead of {standing.stage}", do)
    do = f"strangler advance {standing.spelled}, which leads to {usual}"
    return _refused(standing, f"{usual.stage} comes before {stage}", do)


def _refused(standing: Standing, why: str, do: str) -> Refused:
    return Refused(f"{standing.name} stays in {standing.stage}", why=why, do=do)
