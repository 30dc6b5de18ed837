"""Flags: where functions stand as flag definitions of flagd, for code that asks OpenFeature in any language. Pure.

The keys are those of our own provider: `party` says who answers reads, `party.owner` who may write, `party.new` whether new answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from strangler.cutover.stages import RULES, Reads, Side, Standing
from strangler.planes.stamp import Stamp, fingerprint
from strangler.routing import BUCKETS, Standings
from strangler.settings import Settings

SCHEMA: Final = "https://flagd.dev/schema/v0/flags.json"

NOTES: Final = (
    "Callers are divided by flagd's own hash of the targeting key: as many of them are answered by new, but not the same ones as by the "
    "facade. An older flagd knows whole percents only.",
    "A switch doesn't wait for those who read these flags. Whoever writes must not go by them: let writes go through the facade, or be "
    "counted by `StranglerProvider.writing`.",
)

_SIDES: Final = {side.value: side.value for side in Side}
_NEW: Final = {side.value: side is Side.NEW for side in Side}


def flags(settings: Settings, standings: Standings) -> dict[str, Any]:
    """The definitions, as flagd's JSON schema has them."""
    stamp = Stamp(standings.generation, fingerprint(settings))
    return {
        "$schema": SCHEMA,
        "flags": dict(
            pair for function in settings.functions for pair in _of(function, standings.of(function))
        ),
        "metadata": {
            "flagSetId": settings.name,
            "version": str(standings.generation),
            "generation": standings.generation,
            "stamp": str(stamp),
        },
    }


def _of(function: str, standing: Standing) -> Iterator[tuple[str, dict[str, Any]]]:
    answers = _answers(function, standing)
    yield function, _flag(_SIDES, standing, answers)
    owner = _flag(_SIDES, standing, {"defaultVariant": standing.owner.value})
    if standing.fenced:
        # Nobody may write at this moment, which no variant says: whoever asks gets the default of its own code.
        owner |= {
            "state": "DISABLED",
            "metadata": {**owner["metadata"], "why": "writes are fenced for the moment of a switch"},
        }
    yield f"{function}.owner", owner
    yield f"{function}.new", _flag(_NEW, standing, answers)


def _flag(variants: Mapping[str, Any], standing: Standing, answers: Mapping[str, Any]) -> dict[str, Any]:
    told = {"stage": standing.stage.value, "owner": standing.owner.value}
    return {"state": "ENABLED", "variants": dict(variants), **answers, "metadata": told}


def _answers(function: str, standing: Standing) -> dict[str, Any]:
    """Who answers reads: always the same side, or by the caller."""
    reads = RULES[standing.stage].reads
    if reads is not Reads.WEIGHTED or standing.weight in (0, BUCKETS):
        new = reads is Reads.NEW or (reads is Reads.WEIGHTED and standing.weight == BUCKETS)
        return {"defaultVariant": (Side.NEW if new else Side.LEGACY).value}
    return {"defaultVariant": Side.LEGACY.value, "targeting": _split(function, standing.weight)}


def _split(function: str, weight: int) -> dict[str, Any]:
    """Alike for all flags of a function, so that a caller is on one side by all of them; one that doesn't say who it is has legacy."""
    caller = {"var": "targetingKey"}
    shares = [[Side.NEW.value, weight], [Side.LEGACY.value, BUCKETS - weight]]
    return {"if": [caller, {"fractional": [{"cat": [f"{function}:", caller]}, *shares]}, Side.LEGACY.value]}
