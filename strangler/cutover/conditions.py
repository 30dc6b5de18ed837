"""Conditions: what the plan, the calendar, other functions and people say of a move, in the form of gates. Pure.

They stand beside the gates of the stage, so that status, plan and refusals tell of all alike: which one, its figure, its limit, what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from strangler.cutover import approvals, freezes
from strangler.cutover.evidence import Evidence
from strangler.cutover.gates import GateResult, Verdict, results
from strangler.cutover.reliance import dependents
from strangler.cutover.stages import Stage
from strangler.cutover.steps import Leg, Target, Way
from strangler.durations import format_duration
from strangler.people import by_issuer, is_claimed
from strangler.settings import Settings


def conditions(
    settings: Settings,
    name: str,
    way: Way,
    evidence: Evidence,
    target: Target,
    *,
    mover: str = "",
) -> Iterator[GateResult]:
    """What has to be so for a move to a target, beside the gates of its stage. `mover` is who wants it, where that is known."""
    passed = way.until(evidence.standing, target)
    zone = ZoneInfo(settings.time_zone)
    yield from _edited(way, evidence)
    yield from _held(way, evidence)
    if target.stage is Stage.RETIRED:
        yield from dependents(settings, evidence.picture, evidence.standing)
    yield from (_skipped(leg) for leg in passed[:-1] if leg.hold)
    for leg in passed:
        for gate in leg.gates:
            yield from results(gate, evidence, settings.functions[name])
        if leg.window:
            yield _window(leg, evidence.now, zone)
        if leg.approve:
            yield _approved(leg, way.hash, evidence, mover, _nameless(settings))
    if frozen := freezes.current(settings.freezes, name, evidence.now, zone):
        until = moment(frozen.until, zone)
        words, do = (
            f"{frozen}: nothing moves forwards",
            f"try again after {until}, or take it out of `freezes`",
        )
        yield GateResult("freeze", Verdict.FAIL, frozen.name, "none", words, do)


def _edited(way: Way, evidence: Evidence) -> Iterator[GateResult]:
    if evidence.plan and evidence.plan != way.hash:
        words = f"the plan was edited since the function began by it: {evidence.plan} became {way.hash}"
        do = (
            f"look at `strangler plan {evidence.standing.spelled}`; an approver agrees with "
            f"`strangler approve {evidence.standing.spelled} --edited-plan`"
        )
        yield GateResult("plan", Verdict.FAIL, way.hash, evidence.plan, words, do)


def _held(way: Way, evidence: Evidence) -> Iterator[GateResult]:
    leg = way.at(evidence.standing)
    if leg is None or not leg.hold:
        return
    elapsed = max(0.0, evidence.now - evidence.reached)
    figure, limit = format_duration(elapsed), format_duration(leg.hold)
    words = f"it stands in {leg.target} for {figure}"
    if elapsed >= leg.hold:
        yield GateResult("hold", Verdict.PASS, figure, limit, words)
    else:
        do = f"wait for {format_duration(leg.hold - elapsed)} more"
        yield GateResult("hold", Verdict.FAIL, figure, limit, f"{words}, less than {limit}", do)


def _skipped(leg: Leg) -> GateResult:
    limit = format_duration(leg.hold)
    words = f"{leg.target} would be skipped, and is to be held for {limit}"
    return GateResult(
        "hold", Verdict.FAIL, "0 s", limit, words, "go step by step: leave --to and --weight out"
    )


def _window(leg: Leg, now: float, zone: ZoneInfo) -> GateResult:
    assert leg.window is not None
    begin, end = leg.window.following(now)
    span = f"{moment(begin, leg.window.zone)} to {moment(end, leg.window.zone)} {leg.window.zone.key}"
    if begin <= now:
        words = f"its window is open, from {span}"
        return GateResult("window", Verdict.PASS, moment(now, leg.window.zone), span, words)
    words, do = f"its window opens in {format_duration(begin - now)}", f"try again from {span}"
    return GateResult("window", Verdict.FAIL, moment(now, leg.window.zone), span, words, do)


def _nameless(settings: Settings) -> bool:
    """Whether the issuer tells people apart by numbers of its own, which no access token has for a name."""
    issuer = settings.facade.identity if settings.facade else None
    return issuer is not None and issuer.grants.any and issuer.subject == "sub"


def _approved(leg: Leg, plan: str, evidence: Evidence, mover: str, nameless: bool) -> GateResult:
    assert leg.approve is not None
    asked = leg.approve
    counted = approvals.holding(
        evidence.approvals, leg, plan, reached=evidence.reached, now=evidence.now, mover=mover
    )
    names = ", ".join(each.name for each in counted)
    figure, limit = str(len(counted)), f"{asked.count} of role {asked.role}"
    if is_claimed(mover):
        words = f"nobody can tell whether {mover} is one of those who approved: the name is only a claim"
        do = "bring a token: export STRANGLER_TOKEN=…, or --token-file FILE"
        return GateResult("approval", Verdict.INCONCLUSIVE, mover, "a proven name", words, do)
    if mover and nameless and (others := [each for each in counted if each.issued is not by_issuer(mover)]):
        counted = [each for each in counted if each not in others]
        if len(counted) < asked.count:
            words = (
                f"nobody can tell whether {mover} is {others[0].name}: one comes by a token of ours, the other by the issuer, "
                "which names people by `sub`"
            )
            do = "let facade.identity.subject be the claim by whose names access is given; or approve and move by the same kind of token"
            return GateResult("approval", Verdict.INCONCLUSIVE, str(len(counted)), limit, words, do)
        names = ", ".join(each.name for each in counted)
    words = f"{leg.target} is approved by {names}" if names else f"nobody has approved {leg.target}"
    if len(counted) >= asked.count:
        return GateResult("approval", Verdict.PASS, figure, limit, words)
    do = f"strangler approve {evidence.standing.spelled}, by {asked.count - len(counted)} more who don't move it themselves"
    return GateResult("approval", Verdict.FAIL, figure, limit, f"{words}; {limit} must", do)


def moment(at: float, zone: ZoneInfo) -> str:
    """A moment for people, in a zone: `Sat 2026-12-05 20:00`."""
    return f"{datetime.fromtimestamp(at, zone):%a %Y-%m-%d %H:%M}"
