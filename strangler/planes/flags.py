"""Flags: where functions stand as flag definitions of flagd, for code that asks OpenFeature in any language. Pure.

The keys are those of our own provider: `party` says who answers reads, `party.owner` who may write, `party.new` whether new answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from strangler.cutover.stages import RULES, Reads, Side, Standing
from strangler.planes.stamp import Stamp, fingerprint
from strangler.routing import BUCKETS, Standings
from strangler.routing.standings import moved
from strangler.settings import Function, Settings

SCHEMA: Final = "https://flagd.dev/schema/v0/flags.json"

NOTES: Final = (
    "Callers are divided by flagd's own hash of the targeting key: as many of them are answered by new, but not the same ones as by the "
    "facade. An older flagd knows whole percents only.",
    "A switch doesn't wait for those who read these flags. Whoever writes must not go by them: let writes go through the facade, or be "
    "counted by `StranglerProvider.writing`.",
)

_SIDES: Final = {side.value: side.value for side in Side}
_NEW: Final = {side.value: side is Side.NEW for side in Side}


Rule = dict[str, Any] | str | None
"""What targeting gives: a side, a rule that gives one, or nothing: then code gets its own default."""


def flags(settings: Settings, standings: Standings) -> dict[str, Any]:
    """The definitions, as flagd's JSON schema has them."""
    stamp = Stamp(standings.generation, fingerprint(settings))
    made = {
        key: flag
        for name, function in settings.functions.items()
        for key, flag in _of(name, function, standings)
    }
    told = {"flagSetId": settings.name, "version": str(standings.generation)}
    return {
        "$schema": SCHEMA,
        "flags": made,
        "metadata": {**told, "generation": standings.generation, "stamp": str(stamp)},
    }


def notes(settings: Settings) -> Iterator[str]:
    """What flagd can't do, in words."""
    yield from NOTES
    for name, function in settings.functions.items():
        if function.documents is not None:
            yield f"{name}: flagd doesn't know where a document was begun, so its flags are those of new ones."


def _of(name: str, function: Function, standings: Standings) -> Iterator[tuple[str, dict[str, Any]]]:
    whole = standings.of(name)
    cohorts = standings.cohorts.get(name, {}) if function.cohorts is not None else {}
    default = function.cohorts.default if function.cohorts is not None else None

    def said(answer: Callable[[Standing], Rule], untold: Rule) -> Rule:
        own = {cohort: answer(standing) for cohort, standing in cohorts.items()}
        return _by_cohort(own, answer(whole), untold, default)

    every = (whole, *cohorts.values())
    split = len({moved(each) for each in every}) > 1
    alike = moved(whole) or len({(each.stage, each.weight) for each in every}) == 1
    reads = said(_answers, None if split else _answers(whole) if alike else Side.LEGACY.value)
    owner = said(_owner, None if split or any(each.fenced for each in every) else whole.owner.value)
    yield name, _flag(_SIDES, whole, reads)
    yield f"{name}.owner", _flag(_SIDES, whole, owner)
    yield f"{name}.new", _flag(_NEW, whole, reads)


def _flag(variants: Mapping[str, Any], standing: Standing, rule: Rule) -> dict[str, Any]:
    """Disabled where nothing can be said to anybody."""
    told: dict[str, Any] = {"stage": standing.stage.value, "owner": standing.owner.value}
    if standing.fenced:
        told["why"] = "writes are fenced for the moment of a switch"
    said: dict[str, Any] = {"defaultVariant": rule}
    if isinstance(rule, dict):
        said = {"defaultVariant": None, "targeting": rule}
    state = "DISABLED" if rule is None else "ENABLED"
    return {"state": state, "variants": dict(variants), **said, "metadata": told}


def _owner(standing: Standing) -> Rule:
    # While writes are fenced nobody may write, which no variant says.
    return None if standing.fenced else standing.owner.value


def _answers(standing: Standing) -> Rule:
    """Who answers reads: always the same side, or by the caller."""
    reads = RULES[standing.stage].reads
    if reads is Reads.WEIGHTED and 0 < standing.weight < BUCKETS:
        return _split(standing.function, standing.weight)
    new = reads is Reads.NEW or (reads is Reads.WEIGHTED and standing.weight == BUCKETS)
    return (Side.NEW if new else Side.LEGACY).value


def _split(function: str, weight: int) -> Rule:
    """Alike for all flags of a function, so that a caller is on one side by all of them; one that doesn't say who it is has legacy."""
    caller = {"var": "targetingKey"}
    shares = [[Side.NEW.value, weight], [Side.LEGACY.value, BUCKETS - weight]]
    return {"if": [caller, {"fractional": [{"cat": [f"{function}:", caller]}, *shares]}, Side.LEGACY.value]}


def _by_cohort(own: Mapping[str, Rule], others: Rule, untold: Rule, default: str | None) -> Rule:
    """By the cohorts with a standing of their own, one after the other; `untold`: where the context says none."""
    if all(each == others for each in (*own.values(), untold)):
        return others
    cohort: dict[str, Any] = {"var": ["cohort", default]} if default is not None else {"var": "cohort"}
    branches = [each for name, rule in own.items() for each in ({"==": [cohort, name]}, rule)]
    if default is None:
        branches = [{"!": [cohort]}, untold, *branches]
    return {"if": [*branches, others]}
