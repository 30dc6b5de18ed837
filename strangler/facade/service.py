"""Service: asking a new service a whole question and getting a whole answer, translated where a protocol says how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from multidict import CIMultiDict

from strangler import plugins
from strangler.errors import ConfigurationError, Problem, StranglerError
from strangler.facade.answers import Refusal
from strangler.facade.protocol import Answer, Exchange, Request, ServiceProtocol, ServiceRequest
from strangler.facade.upstream import Pool
from strangler.settings import Function

BODY: Final = 8 * 1024 * 1024
"""Longest body of a call that is translated, and of an answer to it: both are held whole."""

CARRIED: Final = frozenset(
    [
        "authorization",
        "cookie",
        "accept-language",
        "idempotency-key",
        "x-request-id",
        "traceparent",
        "tracestate",
    ]
) | {"via", "x-strangler-shadow", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}
"""The caller's headers that a translated call has too."""

SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))


def protocols(functions: Mapping[str, Function]) -> dict[str, ServiceProtocol]:
    """The protocol of each function that has one. Raises ConfigurationError with all options that don't fit."""
    found: dict[str, ServiceProtocol] = {}
    problems: list[Problem] = []
    for name, function in functions.items():
        if function.protocol is not None:
            try:
                found[name] = plugins.load("protocols", function.protocol.kind)(function.protocol.options)
            except StranglerError as error:
                path = f"functions.{name}.protocol"
                problems.append(
                    Problem("configuration", None, path, f"{error.what}: {error.why}".rstrip(": "), error.do)
                )
    if problems:
        raise ConfigurationError(problems)
    return found


class Services:
    """The new services by function, reached through one pool."""

    def __init__(
        self, functions: Mapping[str, Function], translations: Mapping[str, ServiceProtocol], pool: Pool
    ) -> None:
        self._bases = {name: f.service.url for name, f in functions.items() if f.service is not None}
        self._translations, self.pool = translations, pool

    def base(self, function: str) -> str:
        """The base URL of the function's service. Raises Refusal when there is none."""
        base = self._bases.get(function)
        if base is None:
            what = (
                f"{function} is answered by the new side, but functions.{function}.service isn't configured"
            )
            raise Refusal(503, what, "destination_unavailable")
        return base

    def protocol(self, function: str) -> ServiceProtocol | None:
        return self._translations.get(function)

    async def ask(self, function: str, operation: str | None, request: Request) -> Answer:
        """The new side's answer in the caller's terms. Raises UntranslatableRequest, and Refusal when it doesn't answer."""
        protocol = self.protocol(function)
        if protocol is None:
            as_it_is = ServiceRequest(request.method, request.target, request.headers, request.body)
            return await self._call(function, as_it_is)
        carried = [header for header in request.headers if header[0] in CARRIED]
        return await self._follow(function, protocol.translate(operation, request), carried)

    async def _follow(self, function: str, exchange: Exchange, carried: list[tuple[str, str]]) -> Answer:
        answer: Answer | None = None
        while True:
            try:
                step = next(exchange) if answer is None else exchange.send(answer)
            except StopIteration as done:
                told: Answer = done.value
                return told
            answer = await self._call(function, step._replace(headers=[*carried, *step.headers]))

    async def _call(self, function: str, call: ServiceRequest) -> Answer:
        return await self.fetch(f"the new service of {function}", self.base(function), call)

    async def fetch(self, name: str, base: str, call: ServiceRequest) -> Answer:
        """The whole answer of the upstream at `base`; `name` says in errors whose it is. Raises Refusal."""
        body = call.body or None
        response = await self.pool.send(
            name,
            call.method,
            base,
            call.target,
            CIMultiDict(call.headers),
            body,
            repeatable=call.method in SAFE,
        )
        try:
            pieces, size = [], 0
            async for piece, _ in self.pool.pieces(name, response):
                pieces.append(piece)
                size += len(piece)
                if size > BODY:
                    raise Refusal(
                        502, f"{name} answered with more than {BODY} bytes", "http_response_body_size"
                    )
            headers = [(n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in response.raw_headers]
            return Answer(response.status, headers, b"".join(pieces))
        finally:
            response.close() if not response.content.at_eof() else response.release()
