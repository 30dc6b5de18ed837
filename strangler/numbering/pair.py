"""Both counters of one line of `numbers`, legacy's and new's, through the hands that a switch has in the two databases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from strangler.cutover.moving import Moving
from strangler.cutover.stages import Side
from strangler.fencing import passing
from strangler.numbering.counters import last, setting
from strangler.ports import Hand
from strangler.settings import Counter, Numbers


@dataclass(frozen=True, slots=True)
class Pair:
    """The counters of `numbers`, of a function."""

    function: str
    numbers: Numbers
    hands: Mapping[Side, Hand]

    @property
    def name(self) -> str:
        """By which what is kept of them is found again, however the configuration is reordered."""
        return str(self.numbers)

    def counter(self, side: Side) -> Counter:
        return self.numbers.new if side is Side.NEW else self.numbers.legacy

    def last(self, side: Side) -> int:
        """The last number that this side may have given; 0 for none. Raises Refused where there is no such counter."""
        return last(self.hands[side], self.counter(side))

    def lasts(self) -> dict[Side, int]:
        """The same of both."""
        return {side: self.last(side) for side in Side}

    def statements(self, side: Side, number: int) -> tuple[str, ...]:
        """Those after which `number` is the last one that was given there; none where the rows say that themselves."""
        return setting(self.hands[side], self.counter(side), number)

    def set(self, side: Side, number: int) -> None:
        """Set the counter to a number that isn't below its last one; nobody who draws waits for that."""
        self._run(side, self.statements(side, number))

    def set_back(self, side: Side, number: int) -> None:
        """Set a counter from which nobody draws to a number that was its last one before."""
        self._run(side, setting(self.hands[side], self.counter(side), number, back=True))

    def _run(self, side: Side, statements: tuple[str, ...]) -> None:
        hand = self.hands[side]
        # The table of a counter may be among those that are fenced.
        own = passing.opened(hand.dialect, self.function), passing.closed(hand.dialect)
        hand.do((*own[0], *statements, *own[1]) if side is Side.LEGACY else statements)


def pairs(moving: Moving) -> list[Pair]:
    """Those of a function, in the order of its configuration."""
    opened = moving.kept.opened
    hands = {Side.LEGACY: opened.legacy_hand, Side.NEW: opened.store_hand}
    return [Pair(moving.function, numbers, hands) for numbers in moving.section.numbers]
