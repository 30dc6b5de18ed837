"""Shadow: reads that legacy answered, asked of the new service too, and compared.

Invariant 9: a caller never waits for this. What it saw is laid into a bounded queue after its answer is out; when the
queue is full the comparison is dropped and counted. Shadow calls have connections and a deadline of their own, are
marked `X-Strangler-Shadow: 1`, and carry credentials only where the configuration says so.

Data is in motion meanwhile. A difference counts only when the service keeps to it until the store has had its time to catch
up, against what legacy answered and then once more against what legacy answers now.
"""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat
from typing import Final, NamedTuple

from strangler.control.comparisons import Mismatch
from strangler.errors import StranglerError
from strangler.facade.answers import Refusal
from strangler.facade.compare import Difference, differences, parse, shown, storable
from strangler.facade.metrics import Metrics
from strangler.facade.protocol import Answer, Request, ServiceRequest
from strangler.facade.service import Services
from strangler.facade.traffic import Outcome, Tally
from strangler.settings import Shadow as ShadowSettings

BODY: Final = 1024 * 1024
"""Longest body, of request or answer, that is kept for a comparison; longer ones are dropped."""

PLAIN: Final = 16 * BODY
"""Longest body that a compressed one may stand for."""

WORKERS: Final = 16
"""Comparisons under way at once; those that wait for the store to catch up are among them."""

PAUSES: Final = (0.05, 0.1, 0.2, 0.4)
"""Seconds before the service is asked again after a difference; the last one goes on."""

CREDENTIALS: Final = frozenset(("authorization", "cookie"))
MARK: Final = ("x-strangler-shadow", "1")
REQUEST_KEPT: Final = 4000
"""Characters of a request that are kept with a sample."""

_log: Final = logging.getLogger("strangler.facade")


class Seen(NamedTuple):
    """What a caller asked, and what legacy answered."""

    function: str
    operation: str | None
    request: Request
    legacy: Answer


class Shadow:
    """Compares in the background. Belongs to the event loop's thread."""

    def __init__(
        self,
        settings: ShadowSettings,
        services: Services,
        tally: Tally,
        metrics: Metrics,
        sensitive: Mapping[str, frozenset[str]],
    ) -> None:
        """`sensitive`: function → what its sensitive values are called; see `strangler.sensitive.names`."""
        self._sensitive = sensitive
        self._settings, self._services, self._tally, self._metrics = settings, services, tally, metrics
        self._queue: asyncio.Queue[Seen] = asyncio.Queue(settings.queue)
        self._workers: list[asyncio.Task[None]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="compare")

    def offer(self, function: str, seen: Seen | None) -> None:
        """Lay a call into the queue; never waits. None stands for a call too long to keep."""
        if seen is not None and not self._queue.full():
            self._queue.put_nowait(seen)
        else:
            self._count(function, "dropped")

    def open(self) -> None:
        self._workers = [asyncio.create_task(self._work()) for _ in range(WORKERS)]

    async def close(self) -> None:
        """What still waits is dropped and counted."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        while not self._queue.empty():
            self._count(self._queue.get_nowait().function, "dropped")
        self._thread.shutdown(wait=False)

    async def _work(self) -> None:
        while True:
            seen = await self._queue.get()
            try:
                await self._compare(seen)
            except (StranglerError, Refusal, TimeoutError, ValueError) as error:
                self._fail(seen.function, error)
            except Exception as error:  # noqa: BLE001  # a comparison must never end the comparing
                self._fail(seen.function, error)

    def _fail(self, function: str, error: Exception) -> None:
        self._count(function, "failed")
        text = (
            "" if self._sensitive.get(function) else str(error)
        )  # An error may quote what was asked or answered.
        reason = text.splitlines()[0] if text else type(error).__name__
        _log.info("shadow comparison failed", extra={"function": function, "reason": reason})

    async def _compare(self, seen: Seen) -> None:
        """Ask the service and count what comes of it. Raises when the two can't be compared.

        What differs may have been written between the two reads. Only what differs still from legacy's answer of now says
        something about the service.
        """
        found = await self._settled(seen)
        if found:
            found = await self._settled(seen._replace(legacy=await self._ask_legacy(seen)))
        if not found:
            self._count(seen.function, "matched")
            return
        hidden = self._sensitive.get(seen.function, frozenset())
        examples = [shown(difference, hidden) for difference in found]
        sample = Mismatch(time.time(), seen.function, storable(_asked(seen, hidden), REQUEST_KEPT), examples)
        self._count(seen.function, "mismatched", sample)

    async def _settled(self, seen: Seen) -> Sequence[Difference]:
        """What differs still when the store, which is behind legacy by the lag of the sync, had its time to catch up."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._settings.settle.total_seconds()
        pauses = chain(PAUSES, repeat(PAUSES[-1]))
        while (found := await self._ask(seen)) and loop.time() < until:
            await asyncio.sleep(next(pauses))
        return found

    async def _ask(self, seen: Seen) -> Sequence[Difference]:
        """What differs in the service's answer as it is now."""
        headers = [h for h in seen.request.headers if self._settings.credentials or h[0] not in CREDENTIALS]
        marked = seen.request._replace(headers=[*headers, MARK])
        async with asyncio.timeout(self._settings.timeout.total_seconds()):
            new = await self._services.ask(seen.function, seen.operation, marked)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._differences, seen, new)

    async def _ask_legacy(self, seen: Seen) -> Answer:
        """Legacy's answer to the same call now, with the caller's credentials: it had them before."""
        asked = seen.request
        call = ServiceRequest(asked.method, asked.target, [*asked.headers, MARK], asked.body)
        async with asyncio.timeout(self._settings.timeout.total_seconds()):
            answer = await self._services.legacy(call)
        if answer.status >= 400:
            raise ValueError(f"asked again, the legacy ERP answered {answer.status}")
        return answer

    def _differences(self, seen: Seen, new: Answer) -> Sequence[Difference]:
        """Runs in a thread: parsing a long answer must not hold up callers."""
        legacy = plain(seen.legacy)
        if legacy.status != new.status:
            return [Difference("status", "value", legacy.status, new.status)]
        protocol = self._services.protocol(seen.function)
        if protocol is not None:
            left = protocol.comparable(seen.operation, seen.request, legacy)
            right = protocol.comparable(seen.operation, seen.request, new)
        else:
            left, right = parse(legacy.body), parse(plain(new).body)
        return differences(left, right, self._settings.ignore)

    def _count(self, function: str, outcome: Outcome, sample: Mismatch | None = None) -> None:
        self._metrics.shadow.labels(function, outcome).inc()
        self._tally.compared(function, outcome, sample)


def _asked(seen: Seen, hidden: frozenset[str]) -> str:
    """The call in words. Where the function has sensitive fields, without query and body: callers search by their values."""
    method, target, body = seen.request.method, seen.request.target, seen.request.body
    if hidden:
        return f"{method} {target.partition('?')[0]} {seen.operation or ''}".strip()
    return f"{method} {target} {body.decode(errors='replace')}".strip()


def plain(answer: Answer) -> Answer:
    """The answer with its body decompressed. Raises ValueError.

    Tryton writes `Content-Encoding: gzip` over long answers even where it sends them plain, so the bytes decide.
    """
    encoding = answer.header("content-encoding")
    try:
        if encoding == "gzip" and answer.body.startswith(b"\x1f\x8b"):
            return answer._replace(body=_inflated(answer.body, zlib.MAX_WBITS | 16))
        if encoding == "deflate":
            return answer._replace(body=_inflated(answer.body, zlib.MAX_WBITS))
    except zlib.error as error:
        raise ValueError(f"the answer can't be decompressed: {error}") from error
    return answer


def _inflated(body: bytes, window: int) -> bytes:
    """At most `PLAIN` bytes: a short answer may stand for a gigabyte. A gzip file may have several members."""
    plain, pieces = b"", body
    while pieces:
        stream = zlib.decompressobj(window)
        plain += stream.decompress(pieces, PLAIN + 1 - len(plain))
        if len(plain) > PLAIN:
            raise ValueError(f"decompressed, the answer is longer than {PLAIN} bytes")
        if not stream.eof:
            raise ValueError("the answer can't be decompressed: it breaks off")
        pieces = stream.unused_data
    return plain
