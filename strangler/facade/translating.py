"""Translating: a call in the legacy contract, put to a new service that has a contract of its own."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from strangler.errors import UntranslatableRequest
from strangler.facade.answers import Refusal
from strangler.facade.errand import Errand
from strangler.facade.introducing import told as introduced
from strangler.facade.protocol import Answer, Request, ServiceRequest
from strangler.facade.service import BODY
from strangler.facade.ways import Way
from strangler.facade.wire.sayable import answer_lines
from strangler.facade.wire.upstream import UpstreamError

if TYPE_CHECKING:
    from strangler.facade.exchange import Exchange


class Translation(Errand):
    """Collects a call, asks for its exchange, and tells it the answer, or lets legacy answer where the call can't be put to new."""

    def __init__(self, exchange: Exchange, way: Way) -> None:
        super().__init__(exchange)
        self._way = way
        self._worst = 200
        """The highest status that the service answered: its breaker judges by what it said itself."""

    def begin(self) -> None:
        """Ask when the call is whole."""
        self._exchange.invite()
        self._exchange.caller.read()
        self._refuse_long()
        if self._exchange.body.whole:
            self.whole()

    def piece(self, piece: bytes) -> bool:
        self._exchange.body.hold(piece)
        self._refuse_long()
        return True

    def whole(self) -> None:
        tries = self._exchange.tries
        if (refusal := tries.begin(self._way, monotonic())) is not None:
            self._exchange.answering.failed(refusal)
            return
        tries.unsure = True
        self.start()

    def _refuse_long(self) -> None:
        decision = self._exchange.call.decision
        if self._exchange.body.size > BODY:
            function = decision.function if decision else ""
            what = f"a call to {function} is translated, so its body may have {BODY} bytes at most"
            raise Refusal(413, what)

    async def _ask(self, function: str, call: ServiceRequest, until: float) -> Answer:
        answer = await self._exchange.parts.services.call(function, call, until)
        self._worst = max(self._worst, answer.status)
        return answer

    async def work(self) -> None:
        try:
            await self._translate()
        except UpstreamError as error:
            self._exchange.answering.failed(error)

    async def _translate(self) -> None:
        exchange = self._exchange
        call, decision, parts = exchange.call, exchange.call.decision, exchange.parts
        assert decision is not None
        assert decision.function is not None
        function, asked = decision.function, exchange.request
        onward = await introduced(exchange, function)
        told = onward.applied(parts.passing.told(asked, exchange.origin, call.trace))
        request = Request(asked.method, asked.target, told, b"".join(exchange.body.so_far()))
        try:
            left = exchange.budget.remaining(monotonic())
            answer = await parts.services.ask(
                function, decision.operation, request, timeout=left, asks=self._ask
            )
        except UntranslatableRequest as error:
            parts.metrics.untranslatable.labels(function).inc()
            # The access log has no more of a call than its path, least of all where a value may be a person's.
            what = "it has sensitive fields" if parts.sensitive[function] else error.what
            exchange.tries.withdraw(monotonic())
            if exchange.answering.may_fall_back():
                exchange.answering.fall_back(f"the call can't be put to new: {what}")
                return
            protocol = parts.services.protocol(function)
            assert protocol is not None
            call.detail = what
            answer = protocol.refuse(request, str(error))
        exchange.tries.end("", self._worst, monotonic())
        if exchange.begun is not None:
            exchange.begun.head(answer.status, answer.header("location"), answer.header("content-encoding"))
            exchange.begun.piece(answer.body)
        self._tell(answer)

    def _tell(self, answer: Answer) -> None:
        exchange = self._exchange
        said = exchange.parts.said(exchange.call, answer.status)
        exchange.answer(answer.status, [*answer_lines(answer.headers), *said], answer.body)
