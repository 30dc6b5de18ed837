"""Keeping both sides' numbers apart for as long as both draw: the side behind leaps over the one ahead before it runs into its numbers.

The one behind draws up to where the other's numbers begin. When half of the gap between is used up, its counter is set beyond the last
number of the one ahead, with the whole gap anew; so it is ahead now, and the other one has the gap before it. A leap only ever leads
forwards, so it needs no fence: whoever draws at that moment draws before it or behind it, and has a number of its own either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from strangler.control import ledger, paces, stretches
from strangler.control.stretches import Stretch
from strangler.cutover.moving import Moving
from strangler.cutover.stages import Side
from strangler.errors import Unavailable
from strangler.numbering.apart import DOUBLE, RENEWED, left, runs_low
from strangler.numbering.pair import Pair, pairs
from strangler.numbering.separable import separable

KIND: Final = "numbers leapt"
"""The kind of the entry on the ledger."""


class Leaping:
    """The counters of a function, while both sides draw. To be called by one process at a time (`Moving.alone`)."""

    def __init__(self, moving: Moving, actor: str) -> None:
        self._moving, self._control, self._actor = moving, moving.control, actor

    def keep_apart(self) -> None:
        """Let each side that has little left before it leap, of those lines that can be kept apart."""
        kept = stretches.of(self._control, self._moving.function)
        for pair in separable(self._moving.settings, pairs(self._moving)):
            known, lasts = kept.get(pair.name), pair.lasts()
            if known is None:
                self.leap(pair, _unknown(lasts), lasts)
            elif lasts[known.ahead] < known.beyond:
                # Somebody has set it back, or an older value was written over it: it is behind, and may have given more than it says.
                self.leap(pair, Stretch(known.behind, lasts[known.behind]), lasts, least=known.beyond)
            elif runs_low(known, lasts, pair.numbers.gap):
                if known.leap is None and left(known, lasts) < 0:
                    self._tell(DOUBLE, {**_said(pair, known.behind, lasts), "first": known.beyond + 1})
                self.leap(pair, known, lasts)

    def bring_ahead(self, pair: Pair, stretch: Stretch | None, side: Side) -> None:
        """Let this side be the one ahead. Without a stretch both have drawn, and nobody knows which numbers are whose: then the other one
        leaps over them, too."""
        if stretch is None or stretch.leap is not None:
            lasts = pair.lasts()
            stretch = self.leap(pair, stretch or _unknown(lasts), lasts)
        if stretch.ahead is not side:
            self.leap(pair, stretch, pair.lasts())

    def leap(self, pair: Pair, stretch: Stretch, lasts: Mapping[Side, int], least: int = 0) -> Stretch:
        """Let the side behind go on beyond what the other one has drawn, with the gap between, and beyond `least`. What was interrupted
        goes on. Returns how they stand then."""
        to, side = stretch.leap, stretch.behind
        if to is None or lasts[side] < to:
            to = self._begun(pair, stretch, lasts, least)
            self._set(pair, side, to)
        after = Stretch(side, to)
        stretches.keep(self._control, self._moving.function, pair.name, after)
        return after

    def _begun(self, pair: Pair, stretch: Stretch, lasts: Mapping[Side, int], least: int) -> int:
        """Where a leap leads, once that is kept, and on the ledger (invariant 8). One that was begun leads where it was to, and isn't told
        again, as long as that is far enough from the side ahead."""
        to = stretch.leap
        if to is not None and to - lasts[stretch.ahead] >= pair.numbers.gap * RENEWED:
            return to
        to = max(_next(pair, lasts), to or 0, least)
        with self._control.begin():
            stretches.keep(self._control, self._moving.function, pair.name, replace(stretch, leap=to))
            self._tell(KIND, {**_said(pair, stretch.behind, lasts), "after": to})
        return to

    def _set(self, pair: Pair, side: Side, number: int) -> None:
        """Set a counter that is drawn from."""
        paces.jump(self._control, self._moving.function)
        pair.set(side, number)
        if (now := pair.last(side)) < number:
            raise Unavailable(
                f"{pair.counter(side)} of {side} doesn't stay where it was set: at {now:,}, not at {number:,}",
                why="whoever draws from it writes back what it had read before",
                do="nothing: it is tried again; if it goes on, raise `gap`, and set the counter while nobody draws",
            )

    def _tell(self, kind: str, body: dict[str, object]) -> None:
        function, at = self._moving.function, self._moving.clock()
        ledger.append(self._control, actor=self._actor, kind=kind, function=function, body=body, at=at)


def _said(pair: Pair, side: Side, lasts: Mapping[Side, int]) -> dict[str, object]:
    return {
        "counter": str(pair.counter(side)),
        "side": side,
        "before": lasts[side],
        "other": lasts[side.other],
    }


def _unknown(lasts: Mapping[Side, int]) -> Stretch:
    """Where nothing is kept, the one with the smaller numbers is behind, and has none left that are surely its own."""
    ahead = max(Side, key=lambda side: lasts[side])
    return Stretch(ahead, lasts[ahead])


def _next(pair: Pair, lasts: Mapping[Side, int]) -> int:
    return max(lasts.values()) + pair.numbers.gap
