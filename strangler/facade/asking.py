"""Asking: one side is asked for a call on a connection of its pool, and what it says is passed on as it comes.

Nothing is held that can be passed on, and nothing is awaited.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from strangler.facade.credentials import AS_IT_IS, Onward
from strangler.facade.guarding import guarded
from strangler.facade.ways import Way
from strangler.facade.wire.answer import AnswerHead
from strangler.facade.wire.upstream import UpstreamConnection, UpstreamError
from strangler.routing import still_answers

if TYPE_CHECKING:
    from strangler.facade.exchange import Exchange

BODILESS: Final = (204, 304)
"""Statuses of answers that have no body."""


def _of(asking: Asking) -> Exchange:
    return asking._exchange


_guarded = guarded(_of)


class Asking:
    """One side, asked once, or once more on another connection. Called back by the pool and the connection, until it is given up."""

    __slots__ = ("_again", "_exchange", "_heard", "_told", "_upstream", "_waits", "_way")

    def __init__(self, exchange: Exchange, way: Way, told: Onward = AS_IT_IS) -> None:
        """`told` is what a new service is told of the caller."""
        self._exchange, self._way, self._told = exchange, way, told
        self._upstream: UpstreamConnection | None = None
        self._waits = self._again = False
        """For a connection; and whether it was asked once more."""
        self._heard = 0.0
        """When the upstream last said something, or could have begun to."""

    def begin(self, fresh: bool = False) -> None:
        """Get a connection; `fresh`: none that has served before."""
        exchange, pool = self._exchange, self._way.pool
        assert pool is not None
        refusal = exchange.tries.begin(self._way, monotonic())
        if refusal is not None:
            exchange.answering.failed(refusal)
            return
        self._waits = True
        pool.acquire(self, fresh)

    def go_on_with(self, upstream: UpstreamConnection) -> None:
        """It was asked already, on this connection."""
        self._upstream, self._heard = upstream, self._exchange.call.connected

    def ask_again(self, error: UpstreamError) -> bool:
        """A read whose connection was closed before an answer, as kept ones are now and then, is asked once more. Whether it is."""
        exchange, now = self._exchange, monotonic()
        closed = error.error == "connection_terminated"
        if self._again or not (closed and exchange.repeatable and exchange.may_go_on(now)):
            return False
        self._again = True
        exchange.call.missed(error.error, now)
        self.begin(fresh=True)
        return True

    # What the exchange says

    def piece(self, piece: bytes) -> bool:
        """More of the caller's body; False when nobody takes it yet."""
        if self._upstream is None:
            return False
        self._upstream.write(self._exchange.body.passed(piece, again=self._exchange.repeatable))
        return True

    def whole(self) -> None:
        """The caller's body is over."""
        if self._upstream is not None:
            if end := self._exchange.body.end:
                self._upstream.write(end)
            self._upstream.said = True

    def hold(self) -> None:
        """The caller takes no more at the moment."""
        if self._upstream is not None:
            self._upstream.pause()

    def go_on(self) -> None:
        """It does again."""
        if self._upstream is not None:
            self._heard = monotonic()
            self._upstream.resume()

    def give_up(self) -> None:
        """Its answer isn't wanted any more."""
        upstream, self._upstream = self._upstream, None
        if self._waits and self._way.pool is not None:
            self._waits = False
            self._way.pool.give_up(self)
        if upstream is not None:
            upstream.drop()

    def sweep(self, now: float) -> None:
        """Look whether it takes too long, or shouldn't go on."""
        parts, reply = self._exchange.parts, self._exchange.reply
        if reply.streams and not self._still_answers():
            # Invariant 4
            self._exchange.break_off("another side answers by now, or nobody may write at the moment")
        elif self._waits and now > self._exchange.call.called + parts.timeouts.connect:
            detail = f"no connection to {self._exchange.tries.asked} was free or made within {parts.timeouts.connect:g} s"
            self._fail(UpstreamError(504, detail, "connection_timeout"))
        elif self._upstream is not None and self._has_to_speak():
            limit = parts.idle_timeout if reply.streams else parts.timeouts.read
            if now - self._heard > limit:
                self._exchange.answering.late(f"said nothing for {limit:g} s")

    def _has_to_speak(self) -> bool:
        exchange = self._exchange
        return exchange.body.whole and not (exchange.reply.heard and exchange.caller.full)

    def _still_answers(self) -> bool:
        """A stream may outlast the picture under which it began: it ends when its side isn't the right one any more."""
        exchange = self._exchange
        current, decision = exchange.parts.keeper.current(), exchange.call.decision
        if current is exchange.standings or decision is None:
            return True
        exchange.standings = current
        return still_answers(current, decision, exchange.parts.memory)

    # What the pool and the connection say

    @_guarded
    def connected(self, connection: UpstreamConnection) -> None:
        if not self._waits:
            connection.pool.release(connection)
            return
        exchange = self._exchange
        body, caller = exchange.body, exchange.caller
        self._upstream, self._waits, exchange.tries.unsure = connection, False, True
        exchange.call.connected = self._heard = now = monotonic()
        connection.ask(self, exchange.request.method, self._head(connection, now) + body.said())
        if not exchange.repeatable:
            body.let_go()
        connection.said = body.whole
        if not body.whole:
            exchange.invite()
            if not connection.full:
                caller.read()

    def _head(self, connection: UpstreamConnection, now: float) -> bytes:
        exchange, told = self._exchange, self._told
        more, drop = exchange.parts.more(exchange.budget, now), frozenset[str]()
        if told is not AS_IT_IS:
            more, drop = more + told.lines, told.drop
        passing, call = exchange.parts.passing, exchange.call
        return passing.onward(exchange.request, connection.pool, exchange.origin, call.trace, more, drop)

    @_guarded
    def unreachable(self, error: UpstreamError) -> None:
        self._waits = False
        self._exchange.answering.failed(error)

    @_guarded
    def head(self, head: AnswerHead) -> None:
        exchange, changes = self._exchange, head.status == 101
        call = exchange.call
        self._heard = call.first_byte = monotonic()
        if changes and (head.upgrade != exchange.request.heading.upgrade or not head.upgrade):
            detail = f"{exchange.tries.asked} changes to another protocol unasked"
            self._fail(UpstreamError(502, detail, "http_protocol_error"))
            return
        exchange.reply.begun = True
        call.status = head.status
        if changes or head.streams:
            exchange.tries.end("", head.status, call.first_byte)  # it may have no end
        if changes:
            self._change(head)
        else:
            self._pass_back(head)

    def _pass_back(self, head: AnswerHead) -> None:
        exchange, request, reply = self._exchange, self._exchange.request, self._exchange.reply
        parts = exchange.parts
        if exchange.begun is not None:
            told = dict(head.pairs())
            exchange.begun.head(head.status, told.get("location"), told.get("content-encoding"))
        if exchange.kept is not None:
            exchange.kept.head = head
        endless = request.version == "1.0" and head.length is None and head.status not in BODILESS
        reply.streams, reply.framed = head.streams, not endless
        # Behind a body that isn't read to its end no other call is found: the connection ends, and the caller is told so.
        whole = exchange.body.whole and not endless
        reply.keep = request.heading.keep_alive and whole and not parts.front.draining
        more = parts.back(exchange.standings, exchange.call)
        reply.head(*parts.passing.back(head, request, reply.keep, more))

    def answered(self, head: AnswerHead, body: bytes) -> None:
        self._upstream = None  # It may have its next question already.
        self.head(head)
        if not self._exchange.over:
            self.part(body)
            self.done()

    @_guarded
    def part(self, piece: bytes) -> None:
        exchange = self._exchange
        self._heard = monotonic()
        exchange.call.sent += len(piece)
        if exchange.kept is not None:
            exchange.kept.answered(piece)
        if exchange.begun is not None:
            exchange.begun.piece(piece)
        exchange.reply.part(piece)

    def flush(self) -> None:
        exchange = self._exchange
        if exchange.reply.flush() and exchange.caller.full and self._upstream is not None:
            self._upstream.pause()

    @_guarded
    def done(self) -> None:
        exchange, self._upstream = self._exchange, None
        exchange.tries.unsure = False
        exchange.tries.end("", exchange.call.status, monotonic())
        exchange.reply.end()
        exchange.reply.flush()
        exchange.end(exchange.reply.keep)

    @_guarded
    def broke(self, error: UpstreamError) -> None:
        self._upstream = None
        self._exchange.answering.failed(error)

    def hold_up(self) -> None:
        self._exchange.caller.hold_back()

    def go_ahead(self) -> None:
        self._exchange.caller.read()

    def _fail(self, error: UpstreamError) -> None:
        self.give_up()
        self._exchange.answering.failed(error)

    # Another protocol

    def _change(self, head: AnswerHead) -> None:
        """Both sides speak another protocol from now on; what comes is passed on as it is."""
        exchange = self._exchange
        exchange.reply.streams = True
        exchange.reply.head(exchange.parts.passing.changed(head, exchange.request))
        if rest := exchange.caller.change(self.tunnelled):
            self.tunnelled(rest)

    def tunnelled(self, piece: bytes) -> None:
        """From the caller, in the other protocol."""
        self._exchange.call.received += len(piece)
        self._heard = monotonic()
        if self._upstream is not None:
            self._upstream.write(piece)
