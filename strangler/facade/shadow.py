"""Shadow: reads that legacy answered, asked of the new service too, and compared.

Invariant 9: a caller never waits for this. What it saw is laid into a bounded queue of its function after its answer is out; when
that is full, or much waits already, the comparison is dropped and counted. Shadow calls have connections and a deadline of their own,
are marked `X-Strangler-Shadow: 1`, and carry credentials only where the configuration says so.

Data is in motion meanwhile. A difference counts only when the service keeps to it until the store has had its time to catch
up, against what legacy answered and then once more against what legacy answers now. For a share of the calls, drawn beforehand,
legacy is asked a second time at once: what differs between its own two answers is noise (`strangler.shadow.noise`).

Behind a proxy that mirrors calls to us nobody has asked legacy; then it is asked here first.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from itertools import chain, repeat
from typing import Final, NamedTuple

from prometheus_client import Counter

from strangler.control.comparisons import Mismatch
from strangler.errors import StranglerError
from strangler.facade.answers import Refusal
from strangler.facade.metrics import Metrics
from strangler.facade.protocol import Answer, Request, ServiceRequest
from strangler.facade.service import Services
from strangler.settings import Settings, ShadowRule, shadow_of
from strangler.settings import Shadow as ShadowSettings
from strangler.shadow import redaction
from strangler.shadow.compare import Compared, Difference, compare
from strangler.shadow.counting import Counting, Observation, Outcome, Spot
from strangler.shadow.reading import plain, read
from strangler.shadow.rules import Maps, Rules, compiled

BODY: Final = 1024 * 1024
"""Longest body, of request or answer, that is kept for a comparison; longer ones are dropped."""

HELD: Final = 64 * BODY
"""Bytes of bodies that wait to be compared, of all functions together; beyond them calls are dropped."""

WORKERS: Final = 8
"""Comparisons of one function under way at once; those that wait for the store to catch up are among them."""

PAUSES: Final = (0.05, 0.1, 0.2, 0.4)
"""Seconds before the service is asked again after a difference; the last one goes on."""

CREDENTIALS: Final = frozenset(("authorization", "cookie"))
MARK: Final = ("x-strangler-shadow", "1")

_log: Final = logging.getLogger("strangler.facade")


class Seen(NamedTuple):
    """What a caller asked, and what legacy answered, after so many `seconds`.

    `legacy` is None for a call that was mirrored to us: then nobody knows yet. `seconds` is 0 where nobody took the time.
    """

    function: str
    operation: str | None
    request: Request
    legacy: Answer | None
    seconds: float = 0.0

    @property
    def size(self) -> int:
        """Bytes that are held for it."""
        return len(self.request.body) + (len(self.legacy.body) if self.legacy else 0)


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


class Lane:
    """What waits of one function, and how it is compared. A lane of its own, so that a hung service holds up no other."""

    def __init__(
        self, function: str, settings: ShadowSettings, maps: Maps, hidden: frozenset[str], dropped: Counter
    ) -> None:
        self.function, self.settings, self.hidden, self.dropped = function, settings, hidden, dropped
        self.book = Rulebook(settings.rules, maps)
        self.queue: asyncio.Queue[Seen] = asyncio.Queue(settings.queue)
        self.workers: list[asyncio.Task[None]] = []
        self.timeout, self.settle = settings.timeout.total_seconds(), settings.settle.total_seconds()


class NewFailed(Exception):
    """The new service gave no answer that could be compared."""


class Shadow:
    """Compares in the background. Belongs to the event loop's thread."""

    def __init__(
        self,
        settings: Settings,
        services: Services,
        counting: Counting,
        metrics: Metrics,
        sensitive: Mapping[str, frozenset[str]],
        since: Callable[[str], float],
    ) -> None:
        """`services` with connections of their own. `sensitive`: function → what its sensitive values are called, see
        `strangler.sensitive.names`. `since`: when a function came to the stage that it stands in."""
        facade = settings.facade
        assert facade is not None
        maps = {name: each.held for name, each in settings.code_maps.items()}
        self._lanes = {
            name: Lane(
                name,
                shadow_of(facade, function),
                maps,
                sensitive.get(name, frozenset()),
                metrics.shadow.labels(name, "dropped"),
            )
            for name, function in settings.functions.items()
            if function.service is not None
        }
        self._services, self._since = services, since
        self._counting, self._metrics = counting, metrics
        self._held = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="compare")

    def offer(self, function: str, seen: Seen | None) -> None:
        """Lay a call into the queue; never waits. None stands for a call too long to keep."""
        lane = self._lanes.get(function)
        if lane is None:
            return
        if seen is None or lane.queue.full() or self._held + seen.size > HELD:
            self._drop(lane)
            return
        self._held += seen.size
        lane.queue.put_nowait(seen)
        if not lane.workers:
            lane.workers = [asyncio.create_task(self._work(lane)) for _ in range(WORKERS)]

    def offer_mirrored(self, function: str, operation: str | None, request: Request) -> None:
        """The same with a call that a proxy mirrored to us: legacy is asked first."""
        self.offer(function, Seen(function, operation, request, None))

    async def close(self) -> None:
        """What still waits is dropped and counted."""
        workers = [worker for lane in self._lanes.values() for worker in lane.workers]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        for lane in self._lanes.values():
            while not lane.queue.empty():
                lane.queue.get_nowait()
                self._drop(lane)
        self._thread.shutdown(wait=False)

    async def _work(self, lane: Lane) -> None:
        while True:
            seen = await lane.queue.get()
            try:
                if (observed := await self._observe(lane, seen)) is not None:
                    self._count(observed)
            except NewFailed as error:
                self._fail(lane, seen.function, "failed", error)
            except Exception as error:  # noqa: BLE001  # a comparison must never end the comparing
                self._fail(lane, seen.function, "uncompared", error)
            finally:
                self._held -= seen.size

    async def _observe(self, lane: Lane, seen: Seen) -> Observation | None:
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
            sample = Mismatch(time.time(), seen.function, asked, examples)
        taken = (("new", seconds), ("legacy", seen.seconds)) if seen.seconds else (("new", seconds),)
        return Observation(
            seen.function,
            self._since(seen.function),
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
        allowed = lane.settings.credentials
        headers = [header for header in seen.request.headers if allowed or header[0] not in CREDENTIALS]
        marked = seen.request._replace(headers=[*headers, MARK])
        try:
            return await self._services.ask(seen.function, seen.operation, marked, lane.timeout)
        except Refusal as refusal:
            raise NewFailed(refusal.detail) from refusal

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

    def _fail(self, lane: Lane, function: str, outcome: Outcome, error: Exception) -> None:
        # What the facade itself says of a call never quotes it; other errors may.
        quotes = lane.hidden and not isinstance(error, NewFailed | Refusal)
        text = "" if quotes else error.what if isinstance(error, StranglerError) else str(error)
        reason = text.splitlines()[0] if text else type(error).__name__
        self._count(
            Observation(function, self._since(function), outcome, reason=redaction.storable(reason, 300))
        )
        _log.info("shadow comparison failed", extra={"function": function, "reason": reason})

    def _count(self, observed: Observation) -> None:
        self._metrics.shadow.labels(observed.function, observed.outcome).inc()
        self._counting.add(observed)

    def _drop(self, lane: Lane) -> None:
        lane.dropped.inc()
        self._counting.drop(lane.function)


def _spots(found: Compared) -> frozenset[Spot]:
    return frozenset((each.place, each.kind) for each in found.differences)


def _kind(answer: Answer) -> str:
    return answer.header("content-type").partition(";")[0].strip().lower()
