"""Turns: what any number of processes could do and only one at a time does, until it ends or is gone; then another takes over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from strangler.control import schedules
from strangler.control.holders import is_gone, myself, signs_of_life
from strangler.control.schedules import Key
from strangler.control.store import Control


class Turn:
    """That of this process. It has to give signs of life (`strangler.control.holders`) while it is its turn."""

    def __init__(self, control: Control, key: Key, clock: Callable[[], float] = time.time) -> None:
        self._control, self._key, self._clock = control, key, clock

    def is_mine(self) -> bool:
        """Whether it is this process's turn; it takes over from one that is gone."""
        now = self._clock()
        held = schedules.known(self._control).get(self._key)
        if held is None:
            schedules.see(self._control, [self._key], at=now)
            held = schedules.known(self._control)[self._key]
        if held.holder == myself():
            return True
        if held.holder is not None and not is_gone(held.holder, held.seen_at, now):
            return False
        return schedules.take(self._control, held, now, at=now)

    def each(self, seconds: float, look: Callable[[], None], stop: threading.Event) -> None:
        """Look again and again, with so many seconds in between, whenever it is this process's turn, until `stop` is set; then let another
        one take over."""
        try:
            while not stop.is_set():
                if self.is_mine():
                    with signs_of_life(self.sign):
                        look()
                stop.wait(seconds)
        finally:
            self.end()

    def sign(self) -> None:
        """A sign of life."""
        schedules.keep(self._control, self._key, at=self._clock())

    def end(self) -> None:
        """Let another one, if it is this one's turn."""
        if self.is_mine():
            schedules.end(self._control, self._key)
