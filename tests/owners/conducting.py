"""Conducting, in a process of its own: for every line that comes, the function changes its owner once; what happens is told line by line.

Ends when the control store can't be reached, as a command does: what it left half done is ended by the next one, as the journal says.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from strangler import assembly, configuration
from strangler.changes import Position
from strangler.control import standings
from strangler.control.store import Control
from strangler.cutover.conductor import Acting, Conductor
from strangler.cutover.journal import Step
from strangler.cutover.recovery import recover
from strangler.cutover.stages import Stage
from strangler.cutover.world import Outside
from strangler.errors import Refused, StranglerError
from strangler.settings import Settings
from tests.owners.landscape import FUNCTION, TIME_LIMIT, deliver, evidence, fill

ACTOR: Final = "eva@host"


def tell(**said: Any) -> None:
    sys.stdout.write(json.dumps({"at": time.time(), **said}) + "\n")
    sys.stdout.flush()


class World:
    """What is beyond the control store: legacy is asked where it stands, and delivery obeys."""

    def __init__(self, control: Control, settings: Settings) -> None:
        assert settings.facade is not None
        service = settings.functions[FUNCTION].service
        assert service is not None
        self._control, self._legacy, self._new = control, settings.facade.legacy, service.url
        self._position = Position("0")

    def __call__(self, function: str, cohort: str) -> Outside:
        return Outside(self._way_back, self._safe_position, lambda: 0, lambda: 0)

    def watch(self, step: Step, done: bool) -> None:
        tell(step=step, done=done)
        if step is Step.CAUGHT_UP and not done:
            deliver(self._control, self._position)

    def _way_back(self) -> None:
        _count(self._legacy)
        _count(self._new)

    def _safe_position(self, timeout: float) -> Position:
        self._position = Position(f"{_count(self._legacy):09}")
        return self._position


def _count(side: str) -> int:
    with urllib.request.urlopen(f"{side}/position", timeout=5) as answer:
        return int(answer.read())


def _switch(settings: Settings, control: Control) -> str:
    """Change the owner, by whatever moves lead there; says who it is now."""
    world = World(control, settings)
    for words in recover(control, world, actor=ACTOR):
        tell(recovered=words)
    hand = Acting(control, ACTOR, TIME_LIMIT, world, world.watch)
    conductor = Conductor(settings, control, hand, actor=ACTOR)
    before = standings.of(control, FUNCTION)
    if before.stage is Stage.LIVE:
        return conductor.rollback(FUNCTION, Stage.SHADOW, reason="and again").owner
    while (now := standings.of(control, FUNCTION)).stage is not Stage.LIVE:
        evidence(control)
        conductor.advance(FUNCTION)
    return now.owner


def main() -> None:
    settings = configuration.load(Path(sys.argv[1]))
    with assembly.control(settings) as control:
        if not standings.of(control, FUNCTION).generation:
            fill(control)
        tell(ready=True)
        for _ in sys.stdin:
            _answer(lambda: tell(owner=_switch(settings, control)))


def _answer(work: Callable[[], None]) -> None:
    try:
        work()
    except Refused as error:
        tell(refused=error.what, why=error.why)
    except StranglerError as error:
        tell(lost=error.what)
        raise SystemExit(3) from error


if __name__ == "__main__":
    main()
