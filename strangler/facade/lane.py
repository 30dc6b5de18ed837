"""Lane: what waits of one function to be compared, reads or writes, and how it is compared.

Each has a lane of its own, so that a hung service holds up no other, and reads no writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from strangler.control.comparisons import Kind
from strangler.cutover.stages import EVERYONE
from strangler.facade.credentials import AS_IT_IS, Onward
from strangler.facade.protocol import Answer, Request
from strangler.facade.wire.address import place_of
from strangler.settings import Shadow as ShadowSettings
from strangler.settings import ShadowRule
from strangler.shadow.rules import Maps, Rules, compiled

WORKERS: Final = 8
"""Comparisons of one lane under way at once; those that wait for the store to catch up are among them."""

ALTOGETHER: Final = 1024
"""Most comparisons of all functions of one candidate that wait or are under way."""

AT_FIRST: Final = 64
"""As many of a candidate that hasn't shown yet whether it answers."""

AT_LEAST: Final = 8
"""As many of one that doesn't answer: it is asked now and then, and whether it answers again is seen."""

CREDENTIALS: Final = frozenset(("authorization", "cookie"))
MARK: Final = ("x-strangler-shadow", "1")


class Seen(NamedTuple):
    """What a caller asked, and what legacy answered, after so many `seconds`, at the moment `at` (since the epoch).

    `legacy` is None for a call that was mirrored to us: then nobody knows yet. `seconds` is 0 where nobody took the time. `cohort` is
    the one by whose standing it is shadowed, `since` when that came to its stage, `key` what the call names, where that is known.
    `request` is what legacy gets, `onward` how it differs for new.
    """

    function: str
    operation: str | None
    request: Request
    legacy: Answer | None
    seconds: float = 0.0
    cohort: str = EVERYONE
    since: float = 0.0
    at: float = 0.0
    key: str | None = None
    onward: Onward = AS_IT_IS

    @property
    def size(self) -> int:
        """Bytes that are held for it."""
        return len(self.request.body) + (len(self.legacy.body) if self.legacy else 0)

    def for_new(self, credentials: bool) -> Request:
        """The call as it is put to the new service. Nothing may be taken for a repetition of what only legacy did."""
        dropped = {"idempotency-key"} if credentials else {"idempotency-key", *CREDENTIALS}
        headers = [each for each in self.onward.applied(self.request.headers) if each[0] not in dropped]
        return self.request._replace(headers=[*headers, MARK])


class Rulebook:
    """The rules of a function as they are today: their time may be over while the facade runs."""

    def __init__(self, rules: list[ShadowRule], maps: Maps) -> None:
        self._rules, self._maps = rules, maps
        self._day: date | None = None
        self._compiled = compiled([], {}, date.min)

    def today(self) -> Rules:
        today = datetime.now(UTC).date()
        if today != self._day:
            self._day, self._compiled = today, compiled(self._rules, self._maps, today)
        return self._compiled


LaneKey = tuple[str, Kind]
"""Of a lane: the function, and what of it."""


class _Room:
    """Of one candidate: how many calls are `inside`, and for how many there is room."""

    __slots__ = ("inside", "most")

    def __init__(self) -> None:
        self.inside, self.most = 0, AT_FIRST


class Rooms:
    """Room for calls that are to be compared, those under way included: in each lane, and of all lanes of one candidate together.

    A candidate's room grows by one with each call that it answers and shrinks by one with each that it doesn't. So one that hangs soon
    costs nothing more, however many functions it has, nor is its room full again as soon as the time of what it had is over.
    """

    def __init__(self, lanes: Iterable[tuple[LaneKey, str, int]]) -> None:
        """Each lane, the URL of its candidate, and the calls that it has room for."""
        self._lanes = {lane: ([0, most], place_of(url)) for lane, url, most in lanes}
        self._candidates = {place: _Room() for _, place in self._lanes.values()}

    def has(self, lane: LaneKey) -> bool:
        """Whether there is room for one more; never where there is no such lane."""
        found = self._lanes.get(lane)
        if found is None:
            return False
        (inside, most), candidate = found[0], self._candidates[found[1]]
        return inside < most and candidate.inside < candidate.most

    def __contains__(self, lane: LaneKey) -> bool:
        return lane in self._lanes

    def enter(self, lane: LaneKey) -> None:
        self._add(lane, 1)

    def leave(self, lane: LaneKey, answered: bool | None, calls: int = 1) -> None:
        """So many calls are done with, which the candidate answered, or didn't; None: it wasn't asked."""
        room = self._add(lane, -calls)
        if answered is not None:
            room.most = min(ALTOGETHER, room.most + calls) if answered else max(AT_LEAST, room.most - calls)

    def clear(self) -> dict[LaneKey, int]:
        """Empty all, and begin anew; how many were in each."""
        there = {lane: inside[0] for lane, (inside, _) in self._lanes.items() if inside[0]}
        for inside, place in self._lanes.values():
            inside[0], self._candidates[place] = 0, _Room()
        return there

    def _add(self, lane: LaneKey, calls: int) -> _Room:
        inside, place = self._lanes[lane]
        inside[0] += calls
        room = self._candidates[place]
        room.inside += calls
        return room


class Lane:
    """What waits of one function and kind, and how it is compared. `hidden`: what its sensitive values are called, in lower case."""

    def __init__(
        self, function: str, kind: Kind, settings: ShadowSettings, maps: Maps, hidden: frozenset[str]
    ) -> None:
        self.function, self.kind, self.settings, self.hidden = function, kind, settings, hidden
        self.book = Rulebook(settings.rules, maps)
        self.queue: asyncio.Queue[Seen] = asyncio.Queue()
        self.workers: list[asyncio.Task[None]] = []
        self.timeout, self.settle = settings.timeout.total_seconds(), settings.settle.total_seconds()
