"""The way home: how long it would take to go back, from where something stands or from what lies ahead of it.

By what the steps of earlier switches took, as the journal has it: rollbacks of the same cohort, else of the same function, else of others.
Of steps that nobody has measured it knows the least only, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from strangler.control import returning, standings
from strangler.control.store import Control
from strangler.cutover import journal
from strangler.cutover.journal import Journal, Step
from strangler.cutover.stages import RULES, Side, Stage, named
from strangler.cutover.ways import Action, Way, wanted
from strangler.cutover.world import Outside
from strangler.durations import format_duration

LOOKED_AT: Final = 50
"""Of so many switches, the newest, the journal is asked."""

_LOOKS: Final = frozenset((Step.ACKNOWLEDGED, Step.FINISHED))
"""The steps that wait for the facades to look."""


class Basis(StrEnum):
    """What a time goes by."""

    MEASURED = "measured"
    """Whole rollbacks."""
    STEPS = "steps"
    """Steps of earlier switches; of the others the least."""
    LEAST = "least"
    """Nothing that was measured: it takes at least so long."""


@dataclass(frozen=True, slots=True)
class Timed:
    """A step of the rollback, and how long it takes, in seconds; `measured` or the least."""

    step: Step
    seconds: float
    measured: bool


@dataclass(frozen=True, slots=True)
class Home:
    """How long it takes to go back, in `seconds`; in `words` with what this goes by. Past `limit` seconds it undoes itself (None: it takes
    no switch, so nothing waits)."""

    seconds: float
    basis: Basis
    words: str
    limit: float | None = None
    steps: tuple[Timed, ...] = ()


def ways_home(
    control: Control, function: str, cohort: str, outside: Outside, limit: float, now: float
) -> Callable[[Stage], Home | None]:
    """Stage → how long it takes to go back from there; None where there is no way back. `limit` of a switch in seconds."""
    earlier = journal.finished(control, LOOKED_AT)
    feed = returning.all_feeds(control).get(function)
    lag = feed.lag(now) if feed else 0.0
    waiting = feed.waiting if feed else 0
    waits = (
        f"; {waiting:,} {'change waits' if waiting == 1 else 'changes wait'} to return now" if waiting else ""
    )
    steps = wanted(Way.TO_LEGACY, outside)

    def home(stage: Stage) -> Home | None:
        if stage in (Stage.LEGACY, Stage.RETIRED):
            return None
        if RULES[stage].owner is Side.LEGACY:
            return _at_once()
        return _switched(steps, earlier, function, cohort, limit, lag, waits)

    return home


def _at_once() -> Home:
    seen = standings.NOTICED_WITHIN
    return Home(
        seen, Basis.LEAST, f"{format_duration(seen)} at most, until the facades notice; no write waits"
    )


def _switched(
    steps: Sequence[Action],
    earlier: Sequence[Journal],
    function: str,
    cohort: str,
    limit: float,
    lag: float,
    waits: str,
) -> Home:
    those, whose = _nearest(earlier, function, cohort)
    known = _longest(those)
    timed = [_timed(each.step, known, lag) for each in steps]
    back = [
        sum(each.took.values())
        for each in those
        if each.intent.owner is Side.LEGACY and each.intent.function == function
    ]
    if back and all(each.measured for each in timed):
        basis, seconds, words = Basis.MEASURED, max(back), _measured(back, whose)
    else:
        basis = Basis.STEPS if any(each.measured for each in timed) else Basis.LEAST
        seconds = sum(each.seconds for each in timed)
        words = f"at least {format_duration(seconds)}: {_known(timed, whose)}"
    return Home(seconds, basis, words + waits, limit, tuple(timed))


def _measured(back: Sequence[float], whose: str) -> str:
    high = format_duration(max(back))
    if len(back) == 1:
        return f"{high}, as measured in the last rollback of {whose}"
    return f"{format_duration(min(back))} to {high}, as measured in the last {len(back)} rollbacks of {whose}"


def _known(timed: Sequence[Timed], whose: str) -> str:
    missing = [each.step for each in timed if not each.measured]
    if len(missing) == len(timed):
        return "nothing was measured yet"
    of = f"{len(timed) - len(missing)} of its {len(timed)} steps were measured in switches of {whose}"
    return f"{of}, not yet: {', '.join(missing)}" if missing else of


def _nearest(earlier: Sequence[Journal], function: str, cohort: str) -> tuple[list[Journal], str]:
    """The switches that tell most of this one, and of what they were."""
    of_function = [each for each in earlier if each.intent.function == function]
    own = [each for each in of_function if each.intent.cohort == cohort]
    for those, whose in ((own, named(function, cohort)), (of_function, f"other cohorts of {function}")):
        if those:
            return those, whose
    return list(earlier), "other functions"


def _longest(those: Sequence[Journal]) -> Mapping[Step, float]:
    found: dict[Step, float] = {}
    for each in those:
        for step, seconds in each.took.items():
            found[step] = max(seconds, found.get(step, 0.0))
    return found


def _timed(step: Step, known: Mapping[Step, float], lag: float) -> Timed:
    return Timed(step, known.get(step, _least(step, lag)), step in known)


def _least(step: Step, lag: float) -> float:
    if step is Step.RETURNED:
        return lag
    return standings.ANNOUNCED_WITHIN if step in _LOOKS else 0.0
