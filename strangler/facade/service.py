"""Service: asking a new service a whole question and getting a whole answer, translated where a protocol says how."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Final

from strangler.facade import whole
from strangler.facade.answers import Refusal
from strangler.facade.identity.signing import HEADER
from strangler.facade.pools import Pools
from strangler.facade.protocol import Answer, Exchange, Request, ServiceProtocol, ServiceRequest
from strangler.facade.wire.pool import Pool

BODY: Final = 8 * 1024 * 1024
"""Longest body of a call that is translated, and of an answer to it: both are held whole."""

CARRIED: Final = (
    frozenset(
        [
            "authorization",
            "cookie",
            "accept-language",
            "idempotency-key",
            "x-request-id",
            "traceparent",
            "tracestate",
        ]
    )
    | {"via", "x-strangler-shadow", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}
    | {HEADER}
)
"""The caller's headers that a translated call has too."""


Asks = Callable[[str, ServiceRequest, float], Awaitable[Answer]]
"""Puts a call to the service of a function, until a moment of `time.monotonic()`. Raises Refusal when it doesn't answer."""


class Services:
    """The new services by function. `timeout` is the longest time for one question, in seconds."""

    def __init__(self, translations: Mapping[str, ServiceProtocol], pools: Pools, timeout: float) -> None:
        self._translations, self._pools, self._timeout = translations, pools, timeout

    def pool(self, function: str) -> Pool:
        """The way to the function's service. Raises Refusal when there is none."""
        pool = self._pools.new.get(function)
        if pool is None:
            what = (
                f"{function} is answered by the new side, but functions.{function}.service isn't configured"
            )
            raise Refusal(503, what, "destination_unavailable")
        return pool

    def protocol(self, function: str) -> ServiceProtocol | None:
        return self._translations.get(function)

    async def ask(
        self,
        function: str,
        operation: str | None,
        request: Request,
        timeout: float | None = None,
        asks: Asks | None = None,
    ) -> Answer:
        """The new side's answer in the caller's terms, within `timeout` seconds in all. `asks` puts each call to it, by default as it is.
        Raises UntranslatableRequest, and Refusal when it doesn't answer."""
        until = monotonic() + (self._timeout if timeout is None else timeout)
        protocol, asks = self.protocol(function), asks or self.call
        if protocol is None:
            as_it_is = ServiceRequest(request.method, request.target, request.headers, request.body)
            return await asks(function, as_it_is, until)
        carried = [header for header in request.headers if header[0] in CARRIED]
        return await self._follow(function, protocol.translate(operation, request), carried, until, asks)

    async def _follow(
        self, function: str, exchange: Exchange, carried: list[tuple[str, str]], until: float, asks: Asks
    ) -> Answer:
        answer: Answer | None = None
        while True:
            try:
                step = next(exchange) if answer is None else exchange.send(answer)
            except StopIteration as done:
                told: Answer = done.value
                return told
            own = {name for name, _ in step.headers}
            headers = [*(header for header in carried if header[0] not in own), *step.headers]
            answer = await asks(function, step._replace(headers=headers), until)

    async def call(self, function: str, call: ServiceRequest, until: float) -> Answer:
        """The service's own answer to one call."""
        return await whole.ask(self.pool(function), call, timeout=max(0.0, until - monotonic()), most=BODY)

    async def legacy(self, call: ServiceRequest, timeout: float | None = None) -> Answer:
        """The legacy ERP's whole answer, within `timeout` seconds. Raises Refusal when it doesn't answer."""
        return await whole.ask(
            self._pools.legacy, call, timeout=self._timeout if timeout is None else timeout, most=BODY
        )
