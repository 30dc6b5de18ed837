"""The steps of a function's way, as configured or by default, and the hash of all that they ask for. Pure.

Every move leads to the state of one step. What a step asks for stands before the move into it; how long a state is held at least,
before the move out of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from strangler.cutover.stages import ORDER, RULES, Side, Stage, Standing
from strangler.periods import Opening, opening
from strangler.settings import Approve, Function, Settings, Window

FULL: Final = 10_000
"""The weight of everybody, in basis points."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a move leads: a stage, and the weight in it (basis points; 0 up to shadow, all from live on)."""

    stage: Stage
    weight: int

    def __str__(self) -> str:
        return f"{self.stage} {percent(self.weight)}" if self.stage is Stage.CANARY else str(self.stage)

    def reached(self, standing: Standing) -> bool:
        """Whether somebody who stands there has come as far."""
        return self.order <= (
            ORDER.index(standing.stage),
            standing.weight if standing.stage is Stage.CANARY else 0,
        )

    @property
    def order(self) -> tuple[int, int]:
        """Sorts in the order of the way."""
        return ORDER.index(self.stage), self.weight if self.stage is Stage.CANARY else 0


@dataclass(frozen=True, slots=True)
class Leg:
    """A step: where it leads, and what it waits for. `hold`: seconds that it is stayed there at least."""

    target: Target
    gates: tuple[str, ...] = ()
    approve: Approve | None = None
    window: Opening | None = None
    hold: float = 0.0


@dataclass(frozen=True, slots=True)
class Way:
    """All steps of a function in their order, and the hash of what they ask for (12 hexadecimal digits)."""

    legs: tuple[Leg, ...] = field(default=())
    hash: str = ""

    def after(self, standing: Standing) -> Leg | None:
        """The next step; None at the end of the way."""
        return next((leg for leg in self.legs if not leg.target.reached(standing)), None)

    def until(self, standing: Standing, target: Target) -> tuple[Leg, ...]:
        """The steps that lie on the way to a target, up to the one that leads there or beyond it."""
        ahead = [leg for leg in self.legs if not leg.target.reached(standing)]
        passed = [leg for leg in ahead if leg.target.order <= target.order]
        if not passed or passed[-1].target.order < target.order:
            passed += [leg for leg in ahead if leg.target.order > target.order][:1]
        return tuple(passed)

    def at(self, standing: Standing) -> Leg | None:
        """The step whose state this is: the last one that was reached; None before the first."""
        return next((leg for leg in reversed(self.legs) if leg.target.reached(standing)), None)


def percent(weight: int) -> str:
    """A weight in words: 2,500 basis points are `25%`."""
    return f"{weight / 100:g}%"


def arrival(stage: Stage, weight: int) -> Target:
    """A stage with the weight that belongs to it; `weight` counts in canary only."""
    if stage is Stage.CANARY:
        return Target(stage, weight)
    return Target(stage, FULL if RULES[stage].owner is Side.NEW else 0)


def way(settings: Settings, function: str) -> Way:
    """The way of a function of the configuration."""
    section = settings.functions[function]
    legs: dict[Stage, Leg] = {
        stage: Leg(arrival(stage, FULL)) for stage in ORDER if stage not in (Stage.LEGACY, Stage.CANARY)
    }
    canary = []
    for step in section.steps:
        window = settings.windows.get(step.window) if isinstance(step.window, str) else step.window
        leg = Leg(
            arrival(Stage(step.to), FULL)
            if step.to
            else Target(Stage.CANARY, round((step.weight or 0.0) * FULL)),
            tuple(step.gate),
            step.approve,
            _opening(window, settings.time_zone) if window else None,
            step.hold.total_seconds() if step.hold else 0.0,
        )
        if step.to:
            legs[Stage(step.to)] = leg
        else:
            canary.append(leg)
    whole = sorted(
        (*legs.values(), *(canary or [Leg(Target(Stage.CANARY, FULL))])), key=lambda leg: leg.target.order
    )
    return Way(tuple(whole), _hash(section, whole))


def _opening(window: Window, zone: str) -> Opening:
    return opening(window.days, window.from_, window.to, window.time_zone or zone)


def _hash(section: Function, legs: Sequence[Leg]) -> str:
    """What an edit changes that somebody may have agreed to: the steps, the limits of the gates, what it depends on."""
    said = {
        "steps": [
            {
                "to": str(leg.target),
                "gates": sorted(leg.gates),
                "approve": leg.approve and leg.approve.model_dump(mode="json"),
                "window": leg.window
                and [sorted(leg.window.days), leg.window.begin, leg.window.end, leg.window.zone.key],
                "hold": leg.hold,
            }
            for leg in legs
        ],
        "gates": section.gates.model_dump(mode="json"),
        "depends_on": sorted(section.depends_on),
    }
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]
