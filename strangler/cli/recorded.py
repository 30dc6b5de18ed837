"""What the control store remembers of earlier calls, for explaining a decision."""

from __future__ import annotations

import time

from strangler.control import pins
from strangler.control.store import Control
from strangler.cutover.stages import Side
from strangler.routing import Asked


class Recorded:
    """The documents that stay where they were begun, as the control store has them; of writes just now only facades know."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def pins(self, function: str) -> _Pins:
        return _Pins(self._control, function)

    def wrote(self, function: str, key: str | None, caller: str, asked: Asked) -> bool:
        return False


class _Pins:
    unheld: frozenset[Side] = frozenset()

    def __init__(self, control: Control, function: str) -> None:
        self._control, self._function = control, function
        self.sides = pins.sides(control, function, now=time.time())

    def side(self, key: str) -> Side | None:
        return pins.find(self._control, self._function, key, now=time.time())
