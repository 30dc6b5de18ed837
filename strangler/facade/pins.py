"""Pins: the documents that stay on the side on which they were begun, as a facade holds them.

They are in the control store too, for all facades: what was begun here waits in `begun` until it is there, and what is there is
learnt from it. A facade holds so many; of what is beyond that it knows only on which side there is more (`unheld`), and decisions
are made so that no such document gets to the other side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import time
from typing import Final

from strangler.control.pins import Pin, storable
from strangler.cutover.stages import Side

NOWHERE: Final = frozenset[Side]()


class FunctionPins:
    """Those of one function. A moment is negative for what was begun in legacy: so many documents are to be small."""

    __slots__ = ("_clock", "_counts", "_held", "_more", "sides", "unheld")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: dict[str, float] = {}
        self._counts = dict.fromkeys(Side, 0)
        self._more: dict[Side, float] = {}
        self.sides = self.unheld = NOWHERE

    def __len__(self) -> int:
        return len(self._held)

    def side(self, key: str) -> Side | None:
        until = self._held.get(storable(key))
        if until is None or abs(until) <= self._clock():
            return None
        return _side(until)

    def hold(self, pin: Pin) -> None:
        """Know it from now on; who is known already stays where it is."""
        if pin.key not in self._held:
            self._held[pin.key] = pin.until if pin.side is Side.NEW else -pin.until
            self._counts[pin.side] += 1
            self._sum_up()

    def overflow(self, pin: Pin) -> None:
        """There is no room for it: know only that there is more on its side."""
        if pin.key not in self._held:
            self._more[pin.side] = max(pin.until, self._more.get(pin.side, 0.0))
            self._sum_up()

    def expire(self, now: float) -> int:
        """Forget those whose time is over, as far as they are the oldest; returns how many."""
        gone = 0
        for key, until in list(self._ended(now)):
            del self._held[key]
            self._counts[_side(until)] -= 1
            gone += 1
        self._more = {side: until for side, until in self._more.items() if until > now}
        self._sum_up()
        return gone

    def _ended(self, now: float) -> Iterable[tuple[str, float]]:
        for key, until in self._held.items():
            if abs(until) > now:
                return
            yield key, until

    def _sum_up(self) -> None:
        self.unheld = frozenset(self._more)
        self.sides = self.unheld | {side for side, count in self._counts.items() if count}


class PinBoard:
    """Those of all functions, at most `most`. Belongs to the event loop's thread."""

    def __init__(self, most: int, clock: Callable[[], float] = time) -> None:
        self._most, self._clock = most, clock
        self._count = 0
        self._functions: dict[str, FunctionPins] = {}
        self._begun: list[Pin] = []
        self.seq = 0
        """Up to which number those of the control store are known."""

    def __len__(self) -> int:
        return self._count

    def of(self, function: str) -> FunctionPins | None:
        return self._functions.get(function)

    def begin(self, function: str, key: str, side: Side, keep: float) -> None:
        """A document was begun on a side, where it stays for `keep` seconds."""
        pin = Pin(function, storable(key), side, self._clock() + keep)
        self._hold(pin)
        self._begun.append(pin)

    def take(self) -> list[Pin]:
        """What was begun here and isn't in the control store yet; it is taken to be put there."""
        taken, self._begun = self._begun, []
        return taken

    def give_back(self, pins: list[Pin]) -> None:
        """It couldn't be put there."""
        self._begun = pins + self._begun

    def learn(self, seq: int, pins: Iterable[Pin]) -> None:
        """What the control store has, up to number `seq`."""
        now = self._clock()
        for each in self._functions.values():
            self._count -= each.expire(now)
        for pin in pins:
            self._hold(pin)
        self.seq = seq

    @property
    def overflowing(self) -> list[str]:
        """The functions that have more documents than are held."""
        return [name for name, pins in self._functions.items() if pins.unheld]

    def _hold(self, pin: Pin) -> None:
        pins = self._functions.get(pin.function)
        if pins is None:
            pins = self._functions[pin.function] = FunctionPins(self._clock)
        if self._count >= self._most:
            pins.overflow(pin)
            return
        before = len(pins)
        pins.hold(pin)
        self._count += len(pins) - before


def _side(until: float) -> Side:
    return Side.NEW if until > 0 else Side.LEGACY
