"""Watching the numbers of all functions, every minute, by one of any number of workers: how many are drawn is measured, and while both
sides draw, they are kept apart."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Final

from strangler.control import paces, standings
from strangler.control.paces import Look
from strangler.control.store import Control
from strangler.control.turns import Turn
from strangler.cutover import journal
from strangler.cutover.kept import Kept
from strangler.cutover.moving import Moving
from strangler.cutover.stages import EVERYONE, Side
from strangler.errors import StranglerError
from strangler.numbering.leaping import Leaping
from strangler.numbering.pair import pairs
from strangler.numbering.separable import refuse_inseparable
from strangler.settings import Settings

logger = logging.getLogger("strangler.numbers")

LOOK_EVERY: Final = 60.0
"""Seconds between two looks: half a gap has to last longer."""

KEY: Final = ("*", "numbers")
"""What a worker holds who watches (`strangler.control.turns`)."""


class Watching:
    """Watches the functions of a configuration that have `numbers`, as long as no other worker does."""

    def __init__(
        self, settings: Settings, control: Control, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings, self._control, self._clock = settings, control, clock
        self._functions = [name for name, section in settings.functions.items() if section.numbers]
        self._turn = Turn(control, KEY, clock)

    def run(self, stop: threading.Event) -> None:
        """Look again and again until `stop` is set; then let another worker take over."""
        if not self._functions:
            stop.wait()
            return
        self._turn.each(LOOK_EVERY, self.look, stop)

    def look(self) -> None:
        """Look at every function. One whose databases are away doesn't keep the others from being looked at."""
        for function in self._functions:
            try:
                with closing(Kept(self._settings, function)) as kept:
                    self.look_at(Moving(self._settings, self._control, function, EVERYONE, kept, self._clock))
            except StranglerError as error:
                what = f"the numbers of {function} can't be watched: {error.what}"
                logger.warning(what, extra={"why": error.why, "do": error.do})

    def look_at(self, moving: Moving) -> None:
        """Look at one, once anybody has begun to move it."""
        if standings.snapshot(self._control).has_begun(moving.function):
            moving.alone(lambda: None, partial(self._look_at, moving))

    def _look_at(self, moving: Moving) -> None:
        """Unless a switch of the function is under way: none comes to its decision meanwhile, for it must be alone to hand numbers over."""
        if journal.unfinished(self._control, moving.function):
            return
        those = pairs(moving)
        for pair in those:
            look = Look(self._clock(), pair.lasts())
            paces.looked(self._control, moving.function, pair.name, look)
        if both_draw(self._control, moving.function):
            Leaping(moving, "worker").keep_apart()
            refuse_inseparable(self._settings, moving.function, those)  # Which is a warning here.


def both_draw(control: Control, function: str) -> bool:
    """Whether cohorts of the function stand on either side, so that both draw its numbers."""
    return len({each.owner for each in standings.snapshot(control).all_of(function)}) == len(Side)
