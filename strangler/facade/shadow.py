"""Shadow: reads and writes that legacy answered, put to the new service too, and compared.

Invariant 9: a caller never waits for this. What it saw is laid into a bounded queue of its function after its answer is out; when
that is full, or much waits already, the comparison is dropped and counted. Shadow calls have connections and a deadline of their own,
are marked `X-Strangler-Shadow: 1`, and carry credentials only where the configuration says so. What is done with reads
is in `strangler.facade.comparing`, what with writes in `strangler.facade.rehearsing`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Final

from strangler.control.comparisons import Kind
from strangler.control.effects import Expected
from strangler.errors import StranglerError
from strangler.facade.answers import Refusal
from strangler.facade.comparing import Comparing, NewFailed
from strangler.facade.lane import WORKERS, Lane, Seen
from strangler.facade.pools import Pools
from strangler.facade.protocol import ServiceProtocol
from strangler.facade.rehearsing import Rehearsing
from strangler.facade.rooms import LaneKey, Rooms, Space
from strangler.facade.service import Services
from strangler.facade.traffic import Outcomes, Tally
from strangler.settings import Settings, shadow_of
from strangler.settings import Shadow as ShadowSettings
from strangler.shadow import redaction
from strangler.shadow.counting import Compared, EffectOutcome, Observation, Outcome

BODY: Final = 1024 * 1024
"""Longest body, of request or answer, that is kept for a comparison; longer ones are dropped."""

HELD: Final = 64 * BODY
"""Bytes of bodies that wait to be compared, of all functions together; beyond them calls are dropped."""

SWEPT: Final = 1.0
"""Seconds between two looks for connections that nobody has used for long."""


Done = Callable[[LaneKey], None]
"""Is told of each call that was offered, once it is done with, whatever came of it."""

Heard = Callable[[LaneKey, int], None]
"""Is told 1 each time that the candidate of a lane has answered, -1 each time that it hasn't."""

_log: Final = logging.getLogger("strangler.facade")


class Shadow:
    """Compares in the background. Belongs to the event loop's thread. `writes` are the functions whose writes are put to the new side."""

    def __init__(
        self,
        settings: Settings,
        translations: Mapping[str, ServiceProtocol],
        tally: Tally,
        outcomes: Outcomes,
        sensitive: Mapping[str, frozenset[str]],
        done: Done = lambda lane: None,
        heard: Heard = lambda lane, answers: None,
    ) -> None:
        """`outcomes` is told what comes of each call, `done` when one that was offered is, `heard` what its candidate does. `sensitive`:
        function → what its sensitive values are called, see `strangler.sensitive.names`."""
        assert settings.facade is not None
        self.writes = writes(settings)
        self._lanes = {(lane.function, lane.kind): lane for lane in _lanes(settings, sensitive)}
        self._rooms = rooms(settings)
        self._tally, self._outcomes, self._done = tally, outcomes, done
        self._heard = heard
        self._held = 0
        self._pools = Pools(settings.facade, settings.functions)
        self._sweeper: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="compare")
        services = Services(translations, self._pools, settings.facade.shadow.timeout.total_seconds())
        self._comparing = Comparing(services, self._thread, self._hear)
        self._rehearsing = Rehearsing(services, self._thread, self._hear)

    async def open(self) -> None:
        """Look after connections from now on."""
        self._sweeper = asyncio.create_task(self._sweep())

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEPT)
            self._pools.sweep(monotonic())

    def space(self, lane: LaneKey) -> Space | None:
        """Where there is room for a lane's calls; None where there is no such lane."""
        return self._rooms.space(lane)

    def offer(self, function: str, cohort: str, seen: Seen | None, kind: Kind = "read") -> None:
        """Lay a call into the queue, which counts for a cohort; never waits. None stands for a call that isn't kept, since it is too long
        or there was no room."""
        lane = self._lanes.get(key := (function, kind))
        space = self._rooms.space(key)
        if lane is None or space is None:
            return
        if seen is None or not space.free or self._held + seen.size > HELD:
            self._done(key)
            self._tally.drops.of(key, cohort).calls += 1
            return
        self._held += seen.size
        space.enter()
        lane.queue.put_nowait(seen)
        if not lane.workers:
            lane.workers = [asyncio.create_task(self._work(lane)) for _ in range(WORKERS)]

    async def close(self) -> None:
        """What still waits is dropped and counted."""
        tasks = [worker for lane in self._lanes.values() for worker in lane.workers]
        tasks += [self._sweeper] if self._sweeper is not None else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for lane in self._lanes.values():
            key = (lane.function, lane.kind)
            while not lane.queue.empty():
                self._leave(key)
                self._tally.drops.of(key, lane.queue.get_nowait().cohort).calls += 1
        self._thread.shutdown(wait=False)
        await self._pools.close()

    async def _work(self, lane: Lane) -> None:
        work = self._compare if lane.kind == "read" else self._rehearse
        while True:
            seen = await lane.queue.get()
            try:
                await work(lane, seen)
            finally:
                self._held -= seen.size
                self._leave((lane.function, lane.kind))

    def _leave(self, lane: LaneKey) -> None:
        if (space := self._rooms.space(lane)) is not None:
            space.leave()
        self._done(lane)

    def _hear(self, lane: Lane, answered: bool) -> None:
        """The candidate was asked, and has answered or hasn't."""
        key, answers = (lane.function, lane.kind), 1 if answered else -1
        if (space := self._rooms.space(key)) is not None:
            space.heard(answers)
        self._heard(key, answers)

    async def _compare(self, lane: Lane, seen: Seen) -> None:
        try:
            if (observed := await self._comparing.observe(lane, seen)) is not None:
                self._count(observed)
        except NewFailed as error:
            self._fail(lane, seen, "failed", error)
        except Exception as error:  # noqa: BLE001  # a comparison must never end the comparing
            self._fail(lane, seen, "uncompared", error)

    async def _rehearse(self, lane: Lane, seen: Seen) -> None:
        outcome: EffectOutcome | str = "rehearsed"
        try:
            came = await self._rehearsing.rehearse(lane, seen)
        except Exception as error:  # noqa: BLE001  # as of a comparison
            came = Compared(seen.function, seen.cohort, seen.since, "failed", reason=type(error).__name__)
            _log.exception("a dry run failed in the facade", extra={"function": seen.function})
        if isinstance(came, Expected):
            self._tally.expect(came)
        elif came is not None:
            self._tally.shadow.add_effect(came)
            outcome = came.outcome
        if came is not None:
            self._outcomes("write", seen.function, seen.cohort, outcome)

    def _fail(self, lane: Lane, seen: Seen, outcome: Outcome, error: Exception) -> None:
        # What the facade itself says of a call never quotes it; other errors may.
        quotes = lane.hidden and not isinstance(error, NewFailed | Refusal)
        text = "" if quotes else error.what if isinstance(error, StranglerError) else str(error)
        reason = text.splitlines()[0] if text else type(error).__name__
        said = redaction.storable(reason, 300)
        self._count(Observation(seen.function, seen.cohort, seen.since, outcome, reason=said))
        _log.info("shadow comparison failed", extra={"function": seen.function, "reason": reason})

    def _count(self, observed: Observation) -> None:
        self._outcomes("read", observed.function, observed.cohort, observed.outcome)
        self._tally.shadow.add(observed)


def writes(settings: Settings) -> frozenset[str]:
    """The functions whose writes are put to the new side."""
    functions = settings.functions.items()
    return frozenset(
        name for name, function in functions if function.shadow.writes and function.service is not None
    )


def lane_keys(settings: Settings) -> Iterator[tuple[LaneKey, ShadowSettings]]:
    """The lanes that there are, each with what holds for its function."""
    assert settings.facade is not None
    written = writes(settings)
    for name, function in settings.functions.items():
        if function.service is not None:
            shadow = shadow_of(settings.facade, function)
            yield (name, "read"), shadow
            if name in written:
                yield (name, "write"), shadow


def rooms(settings: Settings) -> Rooms:
    """The room that there is for calls."""
    functions = settings.functions
    urls = {
        name: function.service.url for name, function in functions.items() if function.service is not None
    }
    return Rooms((lane, urls[lane[0]], shadow.queue + WORKERS) for lane, shadow in lane_keys(settings))


def _lanes(settings: Settings, sensitive: Mapping[str, frozenset[str]]) -> list[Lane]:
    maps = {name: each.held for name, each in settings.code_maps.items()}
    return [
        Lane(name, kind, shadow, maps, sensitive.get(name, frozenset()))
        for (name, kind), shadow in lane_keys(settings)
    ]
