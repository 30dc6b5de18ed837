"""Comparing: a read that legacy answered, asked of the new service too, and the two answers compared.

Data is in motion meanwhile. A difference counts only when the service keeps to it until the store has had its time to catch
up, against what legacy answered and then once more against what legacy answers now. For a share of the calls, drawn beforehand,
legacy is asked a second time at once: what differs between its own two answers is noise (`strangler.shadow.noise`).

Behind a proxy that mirrors calls to us nobody has asked legacy; then it is asked here first.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import Executor
from itertools import chain, repeat
from typing import Final

from strangler.control.comparisons import Mismatch
from strangler.facade.answers import Refusal
from strangler.facade.lane import MARK, Lane, Seen
from strangler.facade.protocol import Answer, Request, ServiceRequest
from strangler.facade.service import Services
from strangler.shadow import redaction
from strangler.shadow.compare import Compared, Difference, compare
from strangler.shadow.counting import Observation, Spot
from strangler.shadow.reading import plain, read
from strangler.shadow.rules import Rules

PAUSES: Final = (0.05, 0.1, 0.2, 0.4)
"""Seconds before the service is asked again after a difference; the last one goes on."""


class NewFailed(Exception):
    """The new service gave no answer that could be compared."""


class Comparing:
    """Asks both sides. Belongs to the event loop's thread; `thread` is for what takes long."""

    def __init__(self, services: Services, thread: Executor, heard: Callable[[Lane, bool], None]) -> None:
        """`heard` is told of each time that the new service was asked whether it answered."""
        self._services, self._thread, self._heard = services, thread, heard

    async def observe(self, lane: Lane, seen: Seen) -> Observation | None:
        """Ask both sides as often as it takes. None where legacy itself refused the call: that says nothing about new.

        Raises NewFailed when the service doesn't answer, whatever else when the two can't be compared.
        """
        if seen.legacy is None:
            began = time.monotonic()
            legacy = await self._fetch_legacy(lane, seen.request)
            if legacy.status >= 400:
                return None
            seen = seen._replace(legacy=legacy, seconds=time.monotonic() - began)
        twice = await self._twice(lane, seen) if random.random() < lane.settings.noise else None
        found, seconds = await self._settled(lane, seen)
        if found.differences:
            # What differs may have been written between the two reads. Only what differs still from legacy's answer of now
            # says something about the service.
            found, _ = await self._settled(
                lane, seen._replace(legacy=await self._ask_legacy(lane, seen.request))
            )
        return self._observation(lane, seen, found, twice, seconds)

    def _observation(
        self, lane: Lane, seen: Seen, found: Compared, twice: frozenset[Spot] | None, seconds: float
    ) -> Observation:
        words = lane.book.today().words
        sample = None
        if found.differences:
            examples = [redaction.difference(each, lane.hidden) for each in found.differences]
            asked = redaction.call(seen.request, seen.operation, lane.hidden)
            sample = Mismatch(time.time(), seen.function, seen.cohort, asked, examples)
        taken = (("new", seconds), ("legacy", seen.seconds)) if seen.seconds else (("new", seconds),)
        return Observation(
            seen.function,
            seen.cohort,
            seen.since,
            "mismatched" if found.differences else "matched",
            spots=_spots(found),
            twice=twice,
            hidden={words[number]: count for number, count in found.hidden.items()},
            seconds=taken,
            sample=sample,
        )

    async def _twice(self, lane: Lane, seen: Seen) -> frozenset[Spot]:
        """Where legacy differs from itself, when it is asked again at once."""
        again = await self._ask_legacy(lane, seen.request)
        return _spots(await self._compared(lane, seen, again))

    async def _settled(self, lane: Lane, seen: Seen) -> tuple[Compared, float]:
        """What differs still when the store, which is behind legacy by the lag of the sync, had its time to catch up; and how many
        seconds the service took to answer at first."""
        until = time.monotonic() + lane.settle
        pauses = chain(PAUSES, repeat(PAUSES[-1]))
        began = time.monotonic()
        new = await self._ask_new(lane, seen)
        seconds = time.monotonic() - began
        while (found := await self._compared(lane, seen, new)).differences and time.monotonic() < until:
            await asyncio.sleep(next(pauses))
            new = await self._ask_new(lane, seen)
        return found, seconds

    async def _ask_new(self, lane: Lane, seen: Seen) -> Answer:
        """The service's answer as it is now. Raises NewFailed."""
        marked = seen.for_new(lane.settings.credentials)
        try:
            answer = await self._services.ask(seen.function, seen.operation, marked, lane.timeout)
        except Refusal as refusal:
            self._heard(lane, False)
            raise NewFailed(refusal.detail) from refusal
        self._heard(lane, True)
        return answer

    async def _ask_legacy(self, lane: Lane, request: Request) -> Answer:
        """Legacy's answer to the same call now."""
        answer = await self._fetch_legacy(lane, request)
        if answer.status >= 400:
            raise ValueError(f"asked again, the legacy ERP answered {answer.status}")
        return answer

    async def _fetch_legacy(self, lane: Lane, request: Request) -> Answer:
        """With the caller's credentials: legacy had them before."""
        call = ServiceRequest(request.method, request.target, [*request.headers, MARK], request.body)
        return await self._services.legacy(call, lane.timeout)

    async def _compared(self, lane: Lane, seen: Seen, other: Answer) -> Compared:
        """In a thread: parsing a long answer must not hold up callers."""
        loop, rules = asyncio.get_running_loop(), lane.book.today()
        return await loop.run_in_executor(self._thread, self._differences, seen, other, rules)

    def _differences(self, seen: Seen, other: Answer, rules: Rules) -> Compared:
        assert seen.legacy is not None
        legacy = seen.legacy
        if legacy.status != other.status:
            return Compared([Difference(("(status)",), "value", legacy.status, other.status)])
        protocol = self._services.protocol(seen.function)
        if protocol is None and legacy.body == other.body and _kind(legacy) == _kind(other):
            return Compared([])
        known = plain(legacy)
        left = protocol.comparable(seen.operation, seen.request, known) if protocol else read(known)
        try:
            told = plain(other)
            right = protocol.comparable(seen.operation, seen.request, told) if protocol else read(told)
        except ValueError as error:
            return Compared([Difference((), "type", _kind(legacy), f"can't be read: {error}")])
        found = compare(left, right, rules)
        if protocol is None and _kind(legacy) != _kind(other):
            head = compare({"(content-type)": _kind(legacy)}, {"(content-type)": _kind(other)}, rules)
            return Compared([*head.differences, *found.differences], {**found.hidden, **head.hidden})
        return found


def _spots(found: Compared) -> frozenset[Spot]:
    return frozenset((each.place, each.kind) for each in found.differences)


def _kind(answer: Answer) -> str:
    return answer.header("content-type").partition(";")[0].strip().lower()
