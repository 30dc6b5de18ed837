"""A scan of one side: slice by slice, at a pace that its database bears, stopped and gone on with between any two.

What it has seen is in `Scanned`, which another thread may write down at any moment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from strangler.errors import StranglerError
from strangler.ports import SqlSide
from strangler.reconcile import grid
from strangler.reconcile.grid import Buckets, Grid
from strangler.reconcile.slicing import Slicing
from strangler.reconcile.throttle import PAUSE, Throttle
from strangler.reconcile.view import Seen, View

ANEW = 3
"""How often a scan begins before it gives up."""

MOST_UNTRANSLATABLE = 100_000
"""Keys of one part that can't be translated and are remembered: with more it isn't rows that are wrong but the mapping."""


class Stopped(Exception):
    """Somebody asked for the end."""


@dataclass(slots=True)
class Scanned:
    """What a scan has seen so far: `buckets`, what can't be translated (key of an aggregate → why), where it goes on `after`, and the
    `share` of the table that lies before that, None where it isn't known. `done`: it has seen all. `of` is what
    was cut (`Slicing.of`)."""

    buckets: Buckets = field(default_factory=dict)
    untranslatable: dict[str, str] = field(default_factory=dict)
    after: Any = None
    share: float | None = 0.0
    done: bool = False
    of: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, seen: Seen, after: Any, share: float | None) -> None:
        """A slice was read; the next one begins at `after`. Raises StranglerError where too much can't be translated."""
        with self.lock:
            grid.add(self.buckets, seen.buckets)
            self.untranslatable |= seen.untranslatable
            self.after, self.share, self.done = after, share, after is None
        if len(self.untranslatable) > MOST_UNTRANSLATABLE:
            raise StranglerError(
                f"more than {MOST_UNTRANSLATABLE:,} legacy rows can't be translated",
                why="so many aren't wrong rows but a wrong mapping: "
                + next(iter(self.untranslatable.values())),
                do="mend the mapping, see `strangler quarantine list`, and reconcile again",
            )

    def as_json(self) -> dict[str, Any]:
        """As a checkpoint has it; `of_json` makes it again."""
        with self.lock:
            return {
                "buckets": grid.as_rows(self.buckets),
                "untranslatable": dict(self.untranslatable),
                "after": self.after,
                "share": self.share,
                "done": self.done,
                "of": self.of,
            }

    def begin(self, of: str) -> None:
        """See it from the beginning, unless what was seen until now is of the same."""
        with self.lock:
            if self.of != of:
                self.buckets, self.untranslatable, self.after, self.share, self.of = {}, {}, None, 0.0, of
                self.done = False

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Scanned:
        return cls(**{**kept, "buckets": grid.of_rows(kept["buckets"])})


@dataclass(frozen=True, slots=True)
class Manners:
    """How a side is treated: what people call it, how it is throttled; `stopping` says whether to end, `told` is given words when it is
    waited for."""

    name: str
    throttle: Throttle
    stopping: Callable[[], bool]
    told: Callable[[str], None]


def scan(
    view: View,
    side: SqlSide,
    over: Grid,
    cut: Callable[[SqlSide], Slicing],
    into: Scanned,
    manners: Manners,
) -> None:
    """See all that `into` hasn't yet. A table that is written anew meanwhile (VACUUM FULL) is read again, for its rows are elsewhere now.
    Raises Stopped when it is asked to end, and what the side raises."""
    for _ in range(ANEW):
        if into.done:
            return
        slicing = cut(side)
        into.begin(slicing.of)
        _read(view, side, over, slicing, into, manners)
        if cut(side).of == slicing.of:
            return
        into.begin("")
    raise StranglerError(
        f"a table of {manners.name} was written anew {ANEW} times while it was read",
        do="reconcile when nobody rewrites it (VACUUM FULL, CLUSTER)",
    )


def _read(view: View, side: SqlSide, over: Grid, slicing: Slicing, into: Scanned, manners: Manners) -> None:
    throttle = manners.throttle
    while not into.done:
        be_gentle(side, manners)
        piece = slicing.next(side, into.after, throttle.size)
        began = time.monotonic()
        seen = view.checksums(side, over, piece.condition)
        throttle.took(throttle.size, time.monotonic() - began)
        into.add(seen, piece.after, piece.share)


def be_gentle(side: SqlSide, manners: Manners) -> None:
    """Until the side's database bears to be read."""
    began = time.monotonic()
    while True:
        if manners.stopping():
            raise Stopped
        waited = time.monotonic() - began
        why = manners.throttle.pause({manners.name: side.pressure()}, waited)
        if why is None:
            return
        manners.told(f"waiting: {why}")
        time.sleep(PAUSE)
