"""Third look: is a difference drift, or was the change only on its way?

The store runs a little behind the legacy database, so a difference alone says nothing. A position is read from the source
after the difference was seen; once the store has passed it, the key is read again on both sides. It is drift if it still
differs and nothing of it has moved meanwhile: both sides have the values that they had, and nothing was delivered into the
store's row, which tells a value that came back from one that never left. Where the store has no row to tell that, it has to
be lacking twice in a row. If it has moved, it is looked at again, a few times; a key that never rests counts as in flight.
When the store doesn't pass the position in time, nothing can be said, and that is an error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from strangler.changes import Position
from strangler.errors import Unavailable
from strangler.reconcile.narrow import NOWHERE, Kind, Pair, Suspects

ROUNDS: Final = 5
"""How often a key that keeps moving is looked at."""

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
"""Seconds between two looks at how far the store is: doubled from the first to the longest."""


class Verdict(Enum):
    """What a second look at a key says."""

    SETTLED = "equal now"
    DRIFT = "still different, and nothing moved"
    MOVING = "different, but it moved"


def judge(before: Pair, after: Pair, rests: int = 0) -> Verdict:
    """`before` was read before a position, `after` once the store had passed it; `rests` is how often the key was seen so already, each
    time behind a newer position."""
    if after.kind is None:
        return Verdict.SETTLED
    rested = after == before and (after.kind is not Kind.MISSING or rests > 0)
    return Verdict.DRIFT if rested else Verdict.MOVING


@dataclass(frozen=True, slots=True)
class Feed:
    """How to learn how far the store is behind the source.

    `safe_position(timeout)` is `ChangeSource.safe_position`. `delivered()` is the position up to which the store is complete.
    `patience`: seconds to wait for either.
    """

    safe_position: Callable[[float], Position]
    delivered: Callable[[], Position]
    patience: float
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def pass_now(self) -> Position:
        """Take a position and wait until the store has passed it. Raises Unavailable when it doesn't in time."""
        position = self.safe_position(self.patience)
        deadline = self.clock() + self.patience
        for pause in _pauses():
            if self.delivered() >= position:
                return position
            if self.clock() + pause > deadline:
                break
            self.sleep(pause)
        raise Unavailable(
            f"the store hasn't come to position {position} within {self.patience:g} s",
            why=f"it is at {self.delivered() or 'the very beginning'}; until then a difference may only be on its way",
            do="see that the worker runs and the function is synced (strangler status), or compare with --no-confirm",
        )


class Confirmed(NamedTuple):
    """What is left of the suspects: those that are drift, and how many were, or still are, in flight. `position` is where
    the sides were compared last, None when that wasn't needed."""

    drift: Suspects
    in_flight: int
    position: Position | None


def confirm(suspects: Suspects, look: Callable[[Suspects], Suspects], feed: Feed) -> Confirmed:
    """Look at suspects again, each round behind a newer position. `look` gives those that differ now."""
    drift: Suspects = {}
    moving = suspects
    rests: dict[int, int] = {}
    position = None
    for _ in range(ROUNDS):
        if not moving:
            break
        position = feed.pass_now()
        seen = look(moving)
        still: Suspects = {}
        for number, before in moving.items():
            after = seen.get(number, NOWHERE)
            verdict = judge(before, after, rests.get(number, 0))
            if verdict is Verdict.DRIFT:
                drift[number] = after
            elif verdict is Verdict.MOVING:
                still[number] = after
                rests[number] = rests.get(number, 0) + 1 if after == before else 0
        moving = still
    return Confirmed(drift, len(suspects) - len(drift), position)


def _pauses() -> Iterator[float]:
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)
