"""Translating: a call in the legacy contract, put to a new service that has a contract of its own."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from strangler.errors import UntranslatableRequest
from strangler.facade.answers import Refusal
from strangler.facade.introducing import told as introduced
from strangler.facade.protocol import Answer, Request
from strangler.facade.wire.upstream import UpstreamError

if TYPE_CHECKING:
    from strangler.facade.exchange import Exchange


class Translation:
    """The task that asks for an exchange and tells it the answer, or lets legacy answer where the call can't be put to new."""

    def __init__(self, exchange: Exchange, body: bytes) -> None:
        self._exchange, self._body = exchange, body
        self._task = asyncio.get_running_loop().create_task(self._run())

    def give_up(self) -> None:
        """Nobody waits for the answer any more."""
        if self._task is not asyncio.current_task():
            self._task.cancel()

    async def _run(self) -> None:
        exchange = self._exchange
        try:
            await self._translate()
        except UpstreamError as error:
            exchange.task = None
            exchange.failed(error)
        except Refusal as refusal:
            exchange.refuse(refusal)
        except Exception as error:  # noqa: BLE001  # the last line: a defect here must not look like the ERP's
            exchange.call.detail = f"{type(error).__name__}: {error}"
            exchange.parts.defect(exchange.call.detail)
            exchange.refuse(Refusal(500, "the facade failed; its log says how", "proxy_internal_error"))

    async def _translate(self) -> None:
        exchange = self._exchange
        call, decision, parts = exchange.call, exchange.call.decision, exchange.parts
        assert decision is not None
        assert decision.function is not None
        function, asked = decision.function, exchange.request
        onward = await introduced(exchange, function)
        told = onward.applied(parts.passing.told(asked, exchange.origin, call.trace))
        request = Request(asked.method, asked.target, told, self._body)
        try:
            answer = await parts.services.ask(
                function, decision.operation, request, timeout=exchange.budget.remaining(monotonic())
            )
        except UntranslatableRequest as error:
            parts.metrics.untranslatable.labels(function).inc()
            # The access log has no more of a call than its path, least of all where a value may be a person's.
            what = "it has sensitive fields" if parts.sensitive[function] else error.what
            exchange.tries.withdraw(monotonic())
            if exchange.may_fall_back():
                exchange.fall_back(f"the call can't be put to new: {what}")
                return
            protocol = parts.services.protocol(function)
            assert protocol is not None
            call.detail = what
            answer = protocol.refuse(request, str(error))
        exchange.tries.end("", 200, monotonic())
        if exchange.begun is not None:
            exchange.begun.head(answer.status, answer.header("location"), answer.header("content-encoding"))
            exchange.begun.piece(answer.body)
        self._tell(answer)

    def _tell(self, answer: Answer) -> None:
        lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        exchange = self._exchange
        said = exchange.parts.said(exchange.call, answer.status)
        exchange.tell(
            answer.status, [*(line for line in lines if line[0] != b"content-length"), *said], answer.body
        )
