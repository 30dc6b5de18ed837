"""Answering: having a call answered that is decided: room on the way to the side that is to answer, then that side; legacy in its place
where new can't and legacy may.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from strangler.cutover.stages import Side
from strangler.facade.answers import Refusal
from strangler.facade.asking import Asking
from strangler.facade.credentials import AS_IT_IS, Onward
from strangler.facade.guarding import guarded
from strangler.facade.introducing import Introduction
from strangler.facade.shedding import Lane, Waiting, leave
from strangler.facade.translating import Translation
from strangler.facade.ways import Way
from strangler.facade.wire.upstream import UpstreamConnection, UpstreamError
from strangler.routing import Decision

if TYPE_CHECKING:
    from strangler.facade.exchange import Exchange


def _of(answering: Answering) -> Exchange:
    return answering._exchange


_guarded = guarded(_of)


class Answering:
    """Of one call. `doing` is what is under way to have it answered; None while it isn't decided and while it waits for room."""

    __slots__ = ("_exchange", "_lane", "_queued", "_way", "doing")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._way: Way | None = None
        self._lane: Lane | None = None
        """In which it has room."""
        self._queued: Waiting | None = None
        """For room."""
        self.doing: Asking | Introduction | Translation | None = None

    # Room

    def begin(self, decision: Decision) -> None:
        """Take room among the calls under way, or wait for it."""
        exchange = self._exchange
        shedding, write = exchange.parts.shedding, not exchange.repeatable
        self._way = way = exchange.parts.ways.of(decision.function, decision.side)
        if way.lane.enter(write):
            self.admitted(way.lane)
            return
        now = monotonic()
        self._queued = shedding.wait(way.lane, write, now, self, exchange.budget.remaining(now))
        if self._queued is None:
            self.crowded(way.lane)

    def go_on_with(self, way: Way, upstream: UpstreamConnection) -> Asking:
        """A call that has room and was put to an upstream already."""
        self._way, self._lane = way, way.lane
        self.doing = asking = Asking(self._exchange, way)
        asking.go_on_with(upstream)
        return asking

    def let_in(self, lane: Lane) -> None:
        """It waited for room and has it now. It goes on in a turn of its own, never within another's end."""
        self._queued = None
        asyncio.get_running_loop().call_soon(self.admitted, lane)

    def crowded(self, lane: Lane) -> None:
        """There is no room for it."""
        exchange, shedding = self._exchange, self._exchange.parts.shedding
        self._queued = None
        why, wait = (
            shedding.why(lane, not exchange.repeatable),
            shedding.retry_after(exchange.parts.draw()),
        )
        exchange.refuse(Refusal(503, why, "connection_limit_reached", wait))

    @_guarded
    def admitted(self, lane: Lane) -> None:
        """There is room: ask who is to answer."""
        self._lane = lane
        decision = self._exchange.call.decision
        if self._exchange.over:
            self.leave()
        elif decision is not None and decision.side is Side.NEW and decision.function is not None:
            self._to_new(decision.function)
        else:
            self._ask(AS_IT_IS)

    def leave(self) -> None:
        """Give the room back."""
        lane, self._lane = self._lane, None
        if lane is not None:
            leave(lane)

    # The side that is to answer

    def _to_new(self, function: str) -> None:
        exchange, way = self._exchange, self._way
        assert way is not None
        exchange.parts.services.pool(function)  # or a refusal, where it has none
        if way.translated:
            self.doing = translation = Translation(exchange, way)
            translation.begin()
        else:
            self._introduce(function)

    def _introduce(self, function: str) -> None:
        """Let the new service know who the caller is."""
        exchange = self._exchange
        told = exchange.parts.credentials.onward(
            function, exchange.request, exchange.origin, exchange.identity, exchange.call.trace
        )
        if told is not None:
            self._ask(told)
            return
        self.doing = introduction = Introduction(exchange, function)
        introduction.start()

    def introduced(self, told: Onward) -> None:
        """It is known what the new service is told."""
        if not self._exchange.over:
            self._ask(told)

    def _ask(self, told: Onward) -> None:
        assert self._way is not None
        self.doing = asking = Asking(self._exchange, self._way, told)
        asking.begin()

    # When it doesn't go well

    def failed(self, error: UpstreamError) -> None:
        """What was asked gives no answer, or no whole one."""
        exchange, now = self._exchange, monotonic()
        if exchange.over:
            return
        if error.error == "http_response_timeout" and exchange.budget.hurried:
            exchange.tries.withdraw(now)
        exchange.tries.end(error.error, 0, now)
        if exchange.reply.begun:
            exchange.refuse(error)
        elif isinstance(self.doing, Asking) and self.doing.ask_again(error):
            return
        elif self.may_fall_back():
            exchange.call.missed(error.error, now)
            self.fall_back(error.detail)
        else:
            exchange.refuse(error)

    def late(self, what: str) -> None:
        """It takes too long, says `what`."""
        if self.doing is not None:
            self.doing.give_up()
        detail = f"{self._exchange.tries.asked} {what}"
        self.failed(UpstreamError(504, detail, "http_response_timeout"))

    def may_fall_back(self) -> bool:
        """A read that new should have answered, as long as legacy has the data too."""
        if self._exchange.over:
            return False
        decision = self._exchange.call.decision
        return (
            decision is not None
            and decision.side is Side.NEW
            and decision.kind == "read"
            and decision.fallback
            and self._exchange.may_go_on(monotonic())
        )

    def fall_back(self, why: str) -> None:
        """Let legacy answer what new should have: it still has the data, and its own room."""
        call = self._exchange.call
        assert call.decision is not None
        call.fell_back = why
        call.decision = call.decision.but(
            f"legacy answers, since it still has the data and {why}", side=Side.LEGACY
        )
        self.doing = None
        self.leave()
        self.begin(call.decision)

    def give_up(self) -> None:
        """The call is over: nobody waits for what is under way. The room stays until `leave`."""
        if self.doing is not None:
            self.doing.give_up()
        if self._queued is not None:
            self._exchange.parts.shedding.withdraw(self._queued)


class _Over:
    """A call that is over."""

    over = True


OVER: Final = Answering(cast("Exchange", _Over()))
"""Of all calls that are over: nothing is under way, and what comes late is heard by nobody."""
