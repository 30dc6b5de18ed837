"""Which gates stand before which stage."""

from __future__ import annotations

from typing import Final

from strangler.cutover.gates.result import Gate
from strangler.cutover.stages import Stage
from strangler.settings import Children, Entity, Function

_IN_STEP: Final = (Gate.BACKFILL, Gate.FRESHNESS, Gate.LAG)
_ALIKE: Final = (Gate.QUARANTINE, Gate.DRIFT, Gate.BALANCES, Gate.QUALITY, Gate.SHADOW)
_SERVES: Final = (Gate.ERRORS, Gate.LATENCY, Gate.SERVICE)

NEEDED: Final[dict[Stage, tuple[Gate, ...]]] = {
    Stage.LEGACY: (),
    Stage.SYNCING: (),
    Stage.SHADOW: (*_IN_STEP, Gate.SERVICE),
    Stage.CANARY: (*_IN_STEP, *_ALIKE, *_SERVES),
    Stage.LIVE: (*_IN_STEP, *_ALIKE, Gate.EFFECTS, *_SERVES, Gate.DEPENDENCIES, Gate.WAY_BACK),
    Stage.RETIRED: (Gate.FRESHNESS, Gate.SERVICE, Gate.LATE_WRITES),
}
"""What it takes to enter a stage, or to get more weight in it."""


def needed(to: Stage, function: Function, now: Stage | None = None) -> tuple[str, ...]:
    """The gates on the way into a stage from the stage `now`, or along the way.

    A function without read routes has nothing to compare in shadow, and in canary nobody asks its new service; one whose writes aren't
    shadowed has no effects; one that declares no checks or balances has nothing to run for their sake, one without a way
    back none to rehearse. As long as the new service has
    answered nobody, nothing can be said of its errors. Gates of your own come last.
    """
    beside = set()
    if not any(route.kind == "read" for route in function.routes):
        beside |= {Gate.SHADOW, Gate.ERRORS, Gate.LATENCY}
    if to is Stage.CANARY and now is not Stage.CANARY:
        beside.add(Gate.ERRORS)
    if not function.balances:
        beside.add(Gate.BALANCES)
    if function.return_ is None:
        beside.add(Gate.WAY_BACK)
    if not function.shadow.writes:
        beside.add(Gate.EFFECTS)
    if not any(map(_declares, function.entities.values())):
        beside.add(Gate.QUALITY)
    own = (name for name, gate in function.gates.custom.items() if to in gate.stages)
    return (*(gate for gate in NEEDED[to] if gate not in beside), *own)


def _declares(section: Entity | Children) -> bool:
    """Whether the entity, or any of its children, has checks of its own."""
    return bool(section.quality) or any(map(_declares, section.children.values()))
