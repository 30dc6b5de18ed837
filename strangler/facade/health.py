"""Health: what the facade says of itself to those who watch it, in `application/health+json` and in words.

`/healthz`: the process lives, and what it sees of legacy, the new services and the control store. It is 200 as long as the
process can say so; restarting the facade mends nothing that is wrong elsewhere.
`/readyz`: whether this facade can take traffic. It can when it knows who owns what, and isn't shutting down. One that has lost the control
store still answers reads, and writes of what nobody moves: with all facades unready its outage would be one of the ERP. An
upstream that is down makes no facade unready: every other one would have the same trouble, and callers an answer less.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import orjson

from strangler.durations import format_duration
from strangler.facade import whole
from strangler.facade.answers import Refusal
from strangler.facade.compiled import is_compiled
from strangler.facade.pools import Pools, service_of
from strangler.facade.protocol import ServiceRequest
from strangler.facade.standing import BEAT, Keeper
from strangler.routing import Trust
from strangler.settings import Facade as FacadeSettings
from strangler.settings import Function

PERIOD: Final = 2.0
"""Seconds between two looks at the upstreams."""

BODY: Final = 65536
"""Longest answer to the question how a service is."""

SILENT: Final = 3 * BEAT
"""Seconds after which the control store counts as out of reach even while a visit to it may still come to something."""

MEDIA_TYPE: Final = "application/health+json"

Status = Literal["pass", "warn", "fail"]


def bare(status: int) -> bytes:
    """What everybody may know: whether it is well, without what was seen of whom."""
    return orjson.dumps({"status": "pass" if status < 400 else "fail"})


class Seen(NamedTuple):
    """What was seen of something outside, and when."""

    status: Status
    words: str
    at: float


class Health:
    """Looks at the upstreams now and then, and words what it knows. `draining` is set when the facade is shutting down."""

    def __init__(
        self, settings: FacadeSettings, functions: Mapping[str, Function], keeper: Keeper, pools: Pools
    ) -> None:
        self._legacy, self._timeout = settings.legacy, settings.connect_timeout.total_seconds()
        self._services = {name: f.service for name, f in functions.items() if f.service is not None}
        self._keeper, self._pools = keeper, pools
        self._seen: dict[str, Seen] = {}
        self.draining = False

    @property
    def seen(self) -> Mapping[str, Seen]:
        """What was seen last of each upstream."""
        return self._seen

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(PERIOD)

    async def look(self) -> None:
        """One look at every upstream."""
        # Services of one address and page are one service, which isn't asked again for each of its functions.
        asked = {(service.url, service.health): name for name, service in self._services.items()}
        legacy = asyncio.ensure_future(self._look_at_legacy())
        answers = await asyncio.gather(*(self._ask_service(name) for name in asked.values()))
        told, now = dict(zip(asked, answers, strict=True)), time.time()
        seen = {"legacy": await legacy}
        for name, service in self._services.items():
            answer = told[(service.url, service.health)]
            if isinstance(answer, Refusal):
                # It names the function for which it was asked.
                words = answer.detail.replace(
                    service_of(asked[(service.url, service.health)]), service_of(name), 1
                )
                seen[f"new:{name}"] = Seen("warn", words, now)
            else:
                seen[f"new:{name}"] = _judged(name, service.health, answer, now)
        self._seen = seen

    async def _look_at_legacy(self) -> Seen:
        if await accepts(self._legacy, self._timeout):
            return Seen("pass", "the legacy ERP accepts connections", time.time())
        return Seen(
            "fail",
            "the legacy ERP doesn't accept connections: is it running, and is facade.legacy its address?",
            time.time(),
        )

    async def _ask_service(self, function: str) -> int | Refusal:
        """The status that the function's service answers, or why it doesn't."""
        call = ServiceRequest("GET", self._services[function].health)
        try:
            pool = self._pools.new[function]
            return (await whole.ask(pool, call, timeout=self._timeout, most=BODY)).status
        except Refusal as error:
            return error

    def _control(self) -> Seen:
        standings, now = self._keeper.current(), time.time()
        match standings.trust:
            case Trust.SURE if not self._keeper.trouble and self._keeper.silence() < SILENT:
                return Seen("pass", f"generation {standings.generation} of the standings is applied", now)
            case Trust.SURE:
                silence = format_duration(self._keeper.silence())
                return Seen(
                    "warn",
                    f"out of reach for {silence}, the log says why once that is known; writes go on until the lease is over",
                    now,
                )
            case Trust.LOST:
                silence = format_duration(self._keeper.silence())
                return Seen(
                    "fail",
                    f"out of reach for {silence}, the log says why; so writes of functions on their way are refused",
                    now,
                )
            case _:
                return Seen(
                    "fail",
                    "not reached since the start, the log says why; so nobody knows who owns what",
                    now,
                )

    def healthz(self) -> tuple[int, bytes]:
        """Status and body of `/healthz`: always 200, since it could be asked."""
        checks = {"control": self._control(), **self._seen}
        troubled = [seen for seen in checks.values() if seen.status != "pass"]
        words = "; ".join(seen.words for seen in troubled) or "the facade runs and sees everything it needs"
        return 200, _document("warn" if troubled else "pass", words, checks)

    def readyz(self) -> tuple[int, bytes]:
        """Status and body of `/readyz`: 200 or 503."""
        control = self._control()
        checks = {"control": control, **self._seen}
        if self.draining:
            return 503, _document(
                "fail", "shutting down: what is under way is finished, nothing new is taken", checks
            )
        if self._keeper.current().trust is Trust.NEVER:
            return 503, _document("fail", f"the control store is {control.words}", checks)
        if control.status == "fail":
            return 200, _document("warn", f"the control store is {control.words}", checks)
        return 200, _document("pass", "ready: it is known who owns what", checks)


def _judged(function: str, page: str, status: int, at: float) -> Seen:
    """What is seen of a function's service by the status that its page has."""
    if status == 200:
        return Seen("pass", f"{service_of(function)} says that it is well", at)
    return Seen("warn", f"{service_of(function)} answered {status} to {page}", at)


def _document(status: Status, words: str, checks: Mapping[str, Seen]) -> bytes:
    """As draft-inadarei-api-health-check has it."""
    details: dict[str, Any] = {
        name: [
            {
                "status": seen.status,
                "output": seen.words,
                "time": datetime.fromtimestamp(seen.at, UTC).isoformat(),
            }
        ]
        for name, seen in checks.items()
    }
    return orjson.dumps(
        {
            "status": status,
            "serviceId": "strangler-facade",
            "compiled": is_compiled(),
            "output": words,
            "checks": details,
        }
    )


async def accepts(base: str, timeout: float) -> bool:
    """Whether somebody listens at the base URL."""
    parts = urlsplit(base)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
