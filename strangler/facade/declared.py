"""Declared: which paths of new services know the header of a dry run. A write goes to no service that hasn't said so just now.

A service that doesn't know the header would carry the write out. So it is asked first, by OPTIONS on the very path, and answers with
another word than it was asked by: what only gives headers back, as some proxies do, says nothing. One that then answers a dry run
without the word has lost its credit.
"""

from __future__ import annotations

from time import monotonic
from typing import Final

from strangler.facade.protocol import Headers, ServiceRequest
from strangler.facade.service import Services

HEADER: Final = "x-strangler-dry-run"
ASKED: Final = (HEADER, "1")
UNDERSTOOD: Final = "understood"
"""What a service answers to OPTIONS when it knows the header."""

DONE: Final = "done"
"""What it answers to a dry run."""

VALID: Final = 60.0
"""Seconds for which what a service said of a path holds."""

DISTRUSTED: Final = 600.0
"""Seconds for which a service isn't asked at all once it has answered a dry run as if it had done it."""

PATHS: Final = 10_000
"""Paths that are remembered, the newest."""


class Declared:
    """What new services have said. Belongs to the event loop's thread."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: dict[tuple[str, str], tuple[bool, float]] = {}
        self._distrusted: dict[str, float] = {}

    async def knows(self, function: str, call: ServiceRequest, until: float) -> bool:
        """Whether the function's service knows dry runs of such a call. Raises Refusal when it doesn't answer."""
        now, path = monotonic(), _path(call)
        if self._distrusted.get(function, 0.0) > now:
            return False
        known, valid = self._known.get((function, path), (False, 0.0))
        if valid > now:
            return known
        headers = [*_credentials(call.headers), ASKED]
        answer = await self._services.call(function, ServiceRequest("OPTIONS", path, headers), until)
        known = 200 <= answer.status < 300 and answer.header(HEADER).strip().lower() == UNDERSTOOD
        self._remember(function, path, known)
        return known

    def revoke(self, function: str, call: ServiceRequest) -> None:
        """It doesn't hold for this path any more; it is asked again before the next write."""
        self._known.pop((function, _path(call)), None)

    def distrust(self, function: str) -> None:
        """The service may have carried a write out: it isn't given any for some time."""
        self._distrusted[function] = monotonic() + DISTRUSTED

    def _remember(self, function: str, path: str, known: bool) -> None:
        self._known.pop((function, path), None)
        if len(self._known) >= PATHS:
            del self._known[next(iter(self._known))]
        self._known[function, path] = (known, monotonic() + VALID)


def _path(call: ServiceRequest) -> str:
    return call.target.partition("?")[0]


def _credentials(headers: Headers) -> list[tuple[str, str]]:
    """Of a write's headers those that don't speak of its body."""
    return [header for header in headers if not header[0].startswith("content-")]
