"""Shedding: how many calls are under way at once, in all, for each side and for each function on a side; who waits, who is refused. Pure.

A limit for each side is a bulkhead: a legacy that hangs fills its own room and leaves the rest to new. Writes come before reads: a part
of every room is closed to reads, and of those that wait writes are let in first. A read that is refused is asked again by whoever
needs it; a write that is refused is an order that somebody has typed, and not one of them has reached an upstream by then.

When the event loop itself is late, there is more to do than one process can, whatever the limits say. Then the room for all shrinks, and
grows again when it isn't late any more. One long pause isn't enough: what counts is the shortest delay of a second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import inf
from typing import Final, NamedTuple, Protocol

from strangler.durations import format_duration
from strangler.settings.resilience import Limits as Settings

PERIOD: Final = 0.1
"""Seconds between two looks at how late the loop is."""

WINDOW: Final = 1.0
"""Seconds in which the loop must never have been on time, to count as late."""

SAMPLES: Final = 5
"""Fewest looks that a window must have."""

SHRINK: Final = 0.8
"""What a late second leaves of the room for all."""

SMALLEST: Final = 0.05
"""Share of the room for all that is always left."""

GROW: Final = 0.1
"""Share of the room for all that a second without delay gives back."""


class Room:
    """Room for calls. `limit` is for writes, `reads` for reads; `under` are the calls in it. `setting` says where it is configured."""

    __slots__ = ("_for_reads", "limit", "reads", "setting", "under")

    def __init__(self, setting: str, limit: float, for_writes: float) -> None:
        self.setting, self._for_reads = setting, 1.0 - for_writes
        self.under = 0
        self.resize(limit)

    def resize(self, limit: float) -> None:
        self.limit = limit
        self.reads = limit if limit == inf else max(1, int(limit * self._for_reads))


class Ticket(Protocol):
    """A call, to whoever lets it in."""

    def let_in(self, lane: Lane) -> None:
        """There is room, and it has it."""

    def crowded(self, lane: Lane) -> None:
        """There is none, and it waits no more."""


class Waiting:
    """A call that waits for room; `until` is when it is refused."""

    __slots__ = ("lane", "ticket", "until", "write")

    def __init__(self, lane: Lane, write: bool, until: float, ticket: Ticket) -> None:
        self.lane, self.write, self.until, self.ticket = lane, write, until, ticket


class Shed(NamedTuple):
    """Who was refused."""

    function: str
    side: str
    kind: str
    limit: str
    """The setting whose room was full."""


class Lane:
    """The way of calls of one function to one side. `enter` before a call, `leave` after it."""

    __slots__ = ("_all", "_own", "_shedding", "_side", "function", "side")

    def __init__(self, shedding: Shedding, function: str, side: str, own: Room, of_side: Room) -> None:
        self.function, self.side = function, side
        self._shedding, self._own, self._side, self._all = shedding, own, of_side, shedding.all

    @property
    def under(self) -> int:
        """Calls under way."""
        return self._own.under

    def enter(self, write: bool) -> bool:
        """Take room for a call; False when there is none."""
        own, side, whole = self._own, self._side, self._all
        if write:
            if own.under >= own.limit or side.under >= side.limit or whole.under >= whole.limit:
                return False
        elif own.under >= own.reads or side.under >= side.reads or whole.under >= whole.reads:
            return False
        own.under += 1
        side.under += 1
        whole.under += 1
        return True

    def leave(self) -> Waiting | None:
        """Give the room back. Who waited for it has it now, and is to be told (`leave`)."""
        self._own.under -= 1
        self._side.under -= 1
        self._all.under -= 1
        return self._shedding.next() if self._shedding.waiting else None

    def full(self, write: bool) -> Room | None:
        """The first room, from the smallest, that has no place."""
        for room in (self._own, self._side, self._all):
            if room.under >= (room.limit if write else room.reads):
                return room
        return None


class Shedding:
    """All rooms and lanes of a facade. Belongs to the event loop's thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.all = self._room("calls", settings.calls)
        self._sides = {
            "legacy": self._room("legacy", settings.legacy),
            "new": self._room("new", settings.new),
        }
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._queues: tuple[deque[Waiting], deque[Waiting]] = deque(), deque()
        self.waiting = 0
        """Calls that wait for room."""
        self.shed: dict[Shed, int] = {}
        """How many were refused, since the start."""
        self.lag = Lag(inf if settings.lag is None else settings.lag.total_seconds())
        self._most = 0

    def _room(self, name: str, limit: float) -> Room:
        return Room(f"facade.limits.{name}", limit, self._settings.for_writes)

    def lane(self, function: str, side: str) -> Lane:
        """The lane of a function on a side, `legacy` or `new`; made when it is first asked for."""
        return self._lanes.get((function, side)) or self._made(function, side)

    def _made(self, function: str, side: str) -> Lane:
        own = self._room("function", self._settings.function or inf)
        made = self._lanes[(function, side)] = Lane(self, function, str(side), own, self._sides[side])
        return made

    def lanes(self) -> Iterator[Lane]:
        """Those that were asked for."""
        yield from list(self._lanes.values())

    def wait(
        self, lane: Lane, write: bool, now: float, ticket: Ticket, patience: float = inf
    ) -> Waiting | None:
        """Wait for room, at most `patience` seconds; None when that can't be: then refuse the call."""
        if self.waiting >= self._settings.queue:
            self.refuse(lane, write)
            return None
        until = now + min(self._settings.queue_time.total_seconds(), patience)
        waiting = Waiting(lane, write, until, ticket)
        self._queues[not write].append(waiting)
        self.waiting += 1
        return waiting

    def withdraw(self, waiting: Waiting) -> None:
        """Wait no more: the caller left."""
        self._queues[not waiting.write].remove(waiting)
        self.waiting -= 1

    def next(self) -> Waiting | None:
        """Let in the first of those that wait who has room; None when nobody has."""
        for queue in self._queues:
            for place, waiting in enumerate(queue):
                if waiting.lane.enter(waiting.write):
                    del queue[place]
                    self.waiting -= 1
                    return waiting
        return None

    def overdue(self, now: float) -> list[Waiting]:
        """Those that have waited too long. They are out, and to be refused."""
        found = [waiting for queue in self._queues for waiting in queue if waiting.until <= now]
        for waiting in found:
            self.withdraw(waiting)
            self.refuse(waiting.lane, waiting.write)
        return found

    def refuse(self, lane: Lane, write: bool) -> None:
        """Count a call that is refused."""
        room = lane.full(write) or self.all
        shed = Shed(lane.function, lane.side, "write" if write else "read", room.setting.rpartition(".")[2])
        self.shed[shed] = self.shed.get(shed, 0) + 1

    def why(self, lane: Lane, write: bool) -> str:
        """In words, what there is no room for."""
        room = lane.full(write) or self.all
        if room is self.all and self.lag.late:
            late = format_duration(self.lag.shortest)
            return f"the facade is {late} late with its work, so it takes {room.limit:g} calls at once until it isn't"
        what = f"{room.under} calls are under way, as many as {room.setting} allows"
        return what if write else f"{what} for reads"

    def retry_after(self, draw: float) -> int:
        """Whole seconds that a refused caller is told to wait; `draw` is a random number in [0, 1)."""
        return max(1, round(self._settings.retry_after.total_seconds() * (1 + 2 * draw)))

    def tick(self, due: float, now: float) -> None:
        """A look that was due at `due` is made at `now`: to be called every `PERIOD`."""
        self._most = max(self._most, self.all.under)
        if self.lag.sample(now - due, now):
            self._adapt()
            self._most = 0

    def _adapt(self) -> None:
        calls, room = self._settings.calls, self.all
        if self.lag.late:
            room.resize(max(1, int(calls * SMALLEST), int(min(room.limit, self._most) * SHRINK)))
        elif room.limit < calls:
            room.resize(min(calls, room.limit + max(1, int(calls * GROW))))


def leave(lane: Lane) -> None:
    """Give back the room of a call. Who waited for it has it now, and is told."""
    if (waiting := lane.leave()) is not None:
        waiting.ticket.let_in(waiting.lane)


class Lag:
    """How late the event loop is: the shortest delay within a window, so that a single pause, however long, isn't one."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self.late = False
        self.shortest = 0.0
        """Of the last window, in seconds."""
        self._least, self._samples, self._since = inf, 0, -inf

    def sample(self, delay: float, now: float) -> bool:
        """Add a delay, in seconds; True when a window is over and `late` is judged anew."""
        if not self._samples:
            self._since = now
        self._least, self._samples = min(self._least, delay), self._samples + 1
        if self._samples < SAMPLES or now - self._since < WINDOW:
            return False
        self.shortest = max(0.0, self._least)
        self.late = self.shortest > self._limit
        self._least, self._samples = inf, 0
        return True
