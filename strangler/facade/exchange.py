"""Exchange: one call from its head to its line in the log.

It stands between a caller's connection and an upstream's, and is called back by both. Nothing is held that can be passed on,
and nothing is awaited on the way of a plain call; a call that has to be translated is handed to a task.

Invariant 5: a write that is on its way is awaited even if its caller leaves; an ERP goes on with it too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps
from time import monotonic
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, cast

from strangler.cutover.stages import Side
from strangler.facade.answers import BadRequest, Defective, Refusal
from strangler.facade.begun import Begun
from strangler.facade.body import Body
from strangler.facade.budget import Budget, wished
from strangler.facade.call import GONE, NO_FUNCTION, Call
from strangler.facade.credentials import AS_IT_IS, Onward
from strangler.facade.holding import Outcome, Wait
from strangler.facade.introducing import Introduction
from strangler.facade.look import Look
from strangler.facade.passing import Kept
from strangler.facade.reply import Reply
from strangler.facade.service import BODY
from strangler.facade.shadow import BODY as SHADOW_BODY
from strangler.facade.shedding import Lane, Waiting
from strangler.facade.translating import Translation
from strangler.facade.tries import Tries
from strangler.facade.ways import Way
from strangler.facade.whole import SAFE
from strangler.facade.wire.answer import AnswerHead
from strangler.facade.wire.caller import CallerConnection
from strangler.facade.wire.pool import Pool
from strangler.facade.wire.request import Request
from strangler.facade.wire.upstream import UpstreamConnection, UpstreamError
from strangler.identity import Identity
from strangler.routing import BadPath, Decision, Found, Standings, Values, decide, still_answers

if TYPE_CHECKING:
    from strangler.facade.parts import Parts

_NOTHING: Final[Values] = {}

P = ParamSpec("P")


def _guarded(method: Callable[Concatenate[Exchange, P], None]) -> Callable[Concatenate[Exchange, P], None]:
    """A way in from a connection or from the clock: what goes wrong within is told to the caller, and leaves nothing half done."""

    @wraps(method)
    def guarded(self: Exchange, *args: P.args, **named: P.kwargs) -> None:
        try:
            method(self, *args, **named)
        except Refusal as refusal:
            self.refuse(refusal)
        except Exception as error:  # noqa: BLE001  # the last line: a defect here must not look like the ERP's
            self.defect(error)

    return cast("Callable[Concatenate[Exchange, P], None]", guarded)


class Exchange:
    """See above. `begin` it once; then it is called back until it has told its caller's connection that it is `finished`."""

    standings = Standings()
    identity: Identity | None = None
    told: Onward = AS_IT_IS
    """What a new service is told of the caller."""
    task: Translation | None = None
    kept: Kept | None = None
    values: Values = _NOTHING
    """What routing saw of the body."""
    _look: Look | None = None
    _found: Found | None = None
    _lane: Lane | None = None
    _introduction: Introduction | None = None
    _queued: Waiting | None = None
    """For room."""
    _at_fence: Wait | None = None
    _upstream: UpstreamConnection | None = None
    _collects = False
    """The body is wanted whole."""
    _waits = False
    """For a connection."""
    _repeatable = False
    _invited = _asked_again = False
    _left = False
    """Nobody waits for the answer."""
    _flown: int | None = None
    """The generation under which it is a write."""
    _spoken = _answered = False
    """Whether an upstream can have heard of the call, and whether it has said all of its answer."""
    _over = False
    begun: Begun | None = None
    """Who reads from the answer whether a document was begun."""
    _writer = ""
    """Who writes."""

    def __init__(
        self, parts: Parts, request: Request, caller: CallerConnection, call: Call | None = None
    ) -> None:
        """`call` is what was noted of it so far."""
        self.parts, self.request, self.caller = parts, request, caller
        self.origin = parts.peers.origin(request, caller.address, caller.scheme)
        began = caller.moment if call is None else call.began
        self.call = call or Call(
            request, self.origin.address, request.version, parts.traces.begin(request.headers), began
        )
        wish = request.headers.get(parts.budget_header)
        self.budget = Budget(parts.timeouts, began, wished(wish) if wish is not None else None)
        self.tries = Tries(self.call, parts.breakers, parts.failures)
        self._heard = began
        self._body, self._reply = Body(request), Reply(caller)

    def go_on_with(
        self,
        standings: Standings,
        way: Way,
        upstream: UpstreamConnection,
        opened: int,
        values: Values,
    ) -> None:
        """Take over a call, whole and no write, for which an upstream was asked already; its breaker had opened so often then."""
        self.parts.exchanges.add(self)
        self.standings, self._lane, self._upstream = standings, way.lane, upstream
        self._heard, self._spoken, self.values = self.call.connected, True, values
        decision, body = self.call.decision, self._body
        assert decision is not None
        self._repeatable = repeatable(decision, self.request.method)
        body.whole = True
        if self.request.body:
            body.passed(self.request.body, again=self._repeatable)
        assert way.pool is not None
        self.tries.go_on_with(way.pool, way.breaker, opened)

    # From head to decision

    @_guarded
    def begin(self) -> None:
        """Look at the head, and decide as soon as that is possible."""
        parts, request, call = self.parts, self.request, self.call
        parts.exchanges.add(self)
        parts.passing.refuse_loops(request)
        self.identity = parts.credentials.check(request.headers)
        assert call.asked is not None
        try:
            self._found = found = parts.table.find(call.asked)
        except BadPath as error:
            raise BadRequest(str(error)) from error
        if found.wanted and request.has_body:
            self._look = Look(call.asked, found.wanted, parts.settings.body_prefix)
        if self._look is not None and not self._look.settled:
            self._invite()
            return
        self._decide(self._look.values if self._look else _NOTHING)

    def _invite(self) -> None:
        """A caller that waits until its body is wanted is told so, once."""
        if self.request.heading.expects and not self._body.whole and not self._invited:
            self._invited = True
            self.caller.invite()

    def _decide(self, values: Values | None) -> None:
        """Who answers. From here to the count of writes nothing is awaited: a write counts under the standings that let it through."""
        parts, call = self.parts, self.call
        self.values = values or _NOTHING
        assert call.asked is not None
        assert self._found is not None
        standings = self.standings = parts.keeper.current()
        who = parts.who(self)
        decision = decide(
            parts.table, standings, call.asked, self._found, values, who, parts.draw(), parts.memory
        )
        call.decision = decision
        if decision.status is not None:
            if decision.at_fence and self._may_wait():
                return
            wait = parts.retry_after if decision.fenced else None
            raise Refusal(
                decision.status, decision.why, "destination_unavailable" if decision.fenced else "", wait
            )
        if self._at_fence is not None:
            self._leave_fence("passed")
        if decision.kind == "write":
            self._flown = standings.generation
            parts.flight.begin(standings.generation)
            self._writer, self.begun = who.caller, parts.memory.attend(decision)
        self._repeatable = repeatable(decision, self.request.method)
        if parts.keeps(standings, decision):
            self.kept = Kept(SHADOW_BODY)
            for piece in self._body.so_far():
                self.kept.asked(piece)
        self._enter(decision.function or NO_FUNCTION, decision.side)

    # At a fence

    def _may_wait(self) -> bool:
        """Whether it waits for the fence to be lifted. It counts as no write until then."""
        now = monotonic()
        if self._at_fence is None:
            assert self.call.decision is not None
            function = self.call.decision.function or NO_FUNCTION
            self._at_fence = self.parts.holding.hold(self, function, now, self.budget.remaining(now))
        return self._at_fence is not None and now < self._at_fence.until

    @_guarded
    def decide_again(self) -> None:
        if self._at_fence is not None and not self._over:
            self._decide(self._look.values if self._look else _NOTHING)

    def _leave_fence(self, outcome: Outcome) -> None:
        wait, self._at_fence = self._at_fence, None
        if wait is not None:
            now = monotonic()
            self.call.held = now - wait.since
            self.parts.holding.let_go(wait, outcome, now)

    # From decision to upstream

    def _enter(self, function: str, side: Side) -> None:
        """Take room among the calls under way, or wait for it."""
        shedding, write = self.parts.shedding, not self._repeatable
        lane = shedding.lane(function, side.value)
        if lane.enter(write):
            self.admitted(lane)
            return
        now = monotonic()
        self._queued = shedding.wait(lane, write, now, self, self.budget.remaining(now))
        if self._queued is None:
            self.crowded(lane)

    def crowded(self, lane: Lane) -> None:
        """There is no room for it."""
        shedding, parts = self.parts.shedding, self.parts
        self._queued = None
        why, wait = shedding.why(lane, not self._repeatable), shedding.retry_after(parts.draw())
        self.refuse(Refusal(503, why, "connection_limit_reached", wait))

    @_guarded
    def admitted(self, lane: Lane) -> None:
        """There is room: ask who is to answer."""
        self._lane = lane
        if self._over:
            self._leave()
            return
        decision = self.call.decision
        if decision is not None and decision.side is Side.NEW and decision.function is not None:
            self._to_new(decision.function)
        else:
            self.to_legacy()

    def _leave(self) -> None:
        """Give the room back."""
        lane, self._lane = self._lane, None
        if lane is not None:
            leave(lane)

    def _to_new(self, function: str) -> None:
        services = self.parts.services
        pool = services.pool(function)
        if services.protocol(function) is None:
            self._introduce(function, pool)
            return
        self._collects = True
        self._invite()
        self.caller.read()
        self._collect()

    def _introduce(self, function: str, pool: Pool) -> None:
        """Let the new service know who the caller is."""
        call = self.call
        assert call.asked is not None
        told = self.parts.credentials.onward(function, call.asked, self.origin, self.identity, call.trace)
        if told is None:
            self._introduction = Introduction(self, function)
            return
        self.told = told
        self._acquire(pool)

    def introduced(self, told: Onward) -> None:
        """It is known what the new service is told."""
        self._introduction = None
        if not self._over:
            assert self.call.decision is not None
            assert self.call.decision.function is not None
            self.told = told
            self._acquire(self.parts.services.pool(self.call.decision.function))

    def to_legacy(self) -> None:
        """Ask legacy."""
        self._collects = False
        self._acquire(self.parts.pools.legacy)

    def fall_back(self, why: str) -> None:
        """Let legacy answer what new should have: it still has the data, and its own room."""
        call = self.call
        assert call.decision is not None
        call.fell_back = why
        call.decision = call.decision._replace(
            side=Side.LEGACY, why=f"legacy answers, since it still has the data and {why}"
        )
        self.task, self._asked_again = None, False
        self._leave()
        self._enter(call.decision.function or NO_FUNCTION, Side.LEGACY)

    def _acquire(self, pool: Pool, fresh: bool = False) -> None:
        refusal = self.tries.begin(pool, monotonic())
        if refusal is not None:
            self.failed(refusal)
            return
        self._waits = True
        pool.acquire(self, fresh)

    # What the caller's connection says

    @_guarded
    def piece(self, piece: bytes) -> None:
        self.call.received += len(piece)
        if self._over:
            return
        look = self._look
        if look is not None:
            was_settled = look.settled
            look.feed(piece, only=len(piece) == self.request.heading.length)
            if not was_settled:
                self._hold(piece)
                if look.settled:
                    self._decide(look.values)
                return
        if self.kept is not None:
            self.kept.asked(piece)
        if self._upstream is not None:
            self._upstream.write(self._body.passed(piece, again=self._repeatable))
        else:
            self._hold(piece)
            if self._collects:
                self._collect()

    def _hold(self, piece: bytes) -> None:
        self._body.hold(piece)
        looked_at = self._look is not None and not self._look.settled
        if self._body.long and not self._collects and not looked_at:
            self.caller.hold_back()

    @_guarded
    def whole(self) -> None:
        self._body.whole = True
        if self._over:
            return
        look = self._look
        if look is not None:
            was_settled = look.settled
            look.end()
            if not was_settled:
                self._decide(look.values)
                return
        if self._upstream is not None:
            self._end_question(self._upstream)
        elif self._collects:
            self._collect()

    def _collect(self) -> None:
        """A call that is translated is needed whole."""
        if self._body.size > BODY:
            function = self.call.decision.function if self.call.decision else ""
            raise Refusal(
                413, f"a call to {function} is translated, so its body may have {BODY} bytes at most"
            )
        if self._body.whole and self.task is None and not self._over:
            assert self.call.decision is not None
            assert self.call.decision.function is not None
            pool = self.parts.services.pool(self.call.decision.function)
            if (refusal := self.tries.begin(pool, monotonic())) is not None:
                self.failed(refusal)
            else:
                self._spoken = True
                self.task = Translation(self, b"".join(self._body.so_far()))

    def gone(self, why: Refusal | None) -> None:
        self._left = why is None
        if self._over:
            return
        if self._body.whole and self._flown is not None and not self._reply.streams:
            self.go_on()  # Invariant 5: it is awaited
            return
        if why is not None:
            self.refuse(why)
            return
        self.call.status, self.call.detail = (
            GONE,
            "the caller left before the answer" if self._body.whole else ("the caller broke off its request"),
        )
        self._end(keep=False)

    def hold(self) -> None:
        if self._upstream is not None:
            self._upstream.pause()

    def go_on(self) -> None:
        if self._upstream is not None:
            self._heard = monotonic()
            self._upstream.resume()

    # What the upstream's connection says

    @_guarded
    def connected(self, connection: UpstreamConnection) -> None:
        if self._over or not self._waits:
            connection.pool.release(connection)
            return
        call, request, pool = self.call, self.request, connection.pool
        self._upstream, self._waits, self._spoken = connection, False, True
        call.connected = self._heard = now = monotonic()
        passing = self.parts.passing
        more, drop = self.parts.more(self, now), frozenset[str]()
        if pool is not self.parts.pools.legacy and self.told is not AS_IT_IS:
            more, drop = more + self.told.lines, self.told.drop
        head = passing.onward(request, pool, self.origin, call.trace, more, drop)
        connection.ask(self, request.method, head + self._body.said())
        if not self._repeatable:
            self._body.let_go()
        connection.said = self._body.whole
        if not self._body.whole:
            self._invite()
            if not connection.full:
                self.caller.read()

    def _end_question(self, upstream: UpstreamConnection) -> None:
        if end := self._body.end:
            upstream.write(end)
        upstream.said = True

    @_guarded
    def unreachable(self, error: UpstreamError) -> None:
        self._waits = False
        if not self._over:
            self.failed(error)

    @_guarded
    def head(self, head: AnswerHead) -> None:
        call, request = self.call, self.request
        self._heard = call.first_byte = monotonic()
        if head.status == 101 and (head.upgrade != request.heading.upgrade or not head.upgrade):
            self._let_go()
            detail = f"{self._asked} changes to another protocol unasked"
            self.failed(UpstreamError(502, detail, "http_protocol_error"))
            return
        reply = self._reply
        reply.begun = True
        call.status = head.status
        if head.status == 101 or head.streams:
            self.tries.end("", head.status, call.first_byte)  # it may have no end
        if head.status == 101:
            self._change(head)
            return
        reply.streams = head.streams
        if self.begun is not None:
            told = dict(head.pairs())
            self.begun.head(head.status, told.get("location"), told.get("content-encoding"))
        endless = request.version == "1.0" and head.length is None and head.status not in (204, 304)
        reply.framed = not endless
        reply.keep = request.heading.keep_alive and not endless and not self.parts.front.draining
        if self.kept is not None:
            self.kept.head = head
        reply.head(*self.parts.passing.back(head, request, reply.keep, self.parts.back(self)))

    def answered(self, head: AnswerHead, body: bytes) -> None:
        self._upstream = None  # It may have its next question already.
        self.head(head)
        if not self._over:
            self.part(body)
            self.done()

    @_guarded
    def part(self, piece: bytes) -> None:
        self._heard = monotonic()
        self.call.sent += len(piece)
        if self.kept is not None:
            self.kept.answered(piece)
        if self.begun is not None:
            self.begun.piece(piece)
        self._reply.part(piece)

    def flush(self) -> None:
        told = self._reply.flush(heard=not self._left)
        if told and self.caller.full and self._upstream is not None:
            self._upstream.pause()

    @_guarded
    def done(self) -> None:
        self._upstream, self._answered = None, True
        self.tries.end("", self.call.status, monotonic())
        self._reply.end()
        self.flush()
        self._end(self._reply.keep)

    @_guarded
    def broke(self, error: UpstreamError) -> None:
        self._upstream = None
        if not self._over:
            self.failed(error)

    def hold_up(self) -> None:
        self.caller.hold_back()

    def go_ahead(self) -> None:
        self.caller.read()

    # Another protocol

    def _change(self, head: AnswerHead) -> None:
        """Both sides speak another protocol from now on; what comes is passed on as it is."""
        self._reply.streams = True
        self._reply.head(self.parts.passing.changed(head, self.request))
        if rest := self.caller.change(self.tunnelled):
            self.tunnelled(rest)

    def tunnelled(self, piece: bytes) -> None:
        """From the caller, in the other protocol."""
        self.call.received += len(piece)
        self._heard = monotonic()
        if self._upstream is not None:
            self._upstream.write(piece)

    # When it doesn't go well

    def failed(self, error: UpstreamError) -> None:
        call, now = self.call, monotonic()
        if error.error == "http_response_timeout" and self.budget.hurried:
            self.tries.withdraw(now)
        self.tries.end(error.error, 0, now)
        if self._reply.begun:
            call.status, call.error, call.detail = error.status, error.error, error.detail
            self._break_off()
        elif self._may_repeat(error) and self.tries.pool is not None:
            self._asked_again = True
            call.missed(error.error, now)
            self._acquire(self.tries.pool, fresh=True)
        elif self.may_fall_back():
            call.missed(error.error, now)
            self.fall_back(error.detail)
        else:
            self.refuse(error)

    def _break_off(self) -> None:
        """The answer has begun and won't be whole, and the caller sees that."""
        self.flush()
        self.caller.break_off(self._reply.framed)
        self._end(keep=False)

    def _may_repeat(self, error: UpstreamError) -> bool:
        """A read whose connection was closed before an answer, as kept ones are now and then, is asked once more."""
        closed = error.error == "connection_terminated"
        return closed and self._repeatable and self._body.entire and not self._asked_again and self._in_time()

    def may_fall_back(self) -> bool:
        """A read that new should have answered, as long as legacy has the data too."""
        decision = self.call.decision
        return (
            decision is not None
            and decision.side is Side.NEW
            and decision.kind == "read"
            and decision.fallback
            and self._body.entire
            and self._in_time()
        )

    def _in_time(self) -> bool:
        return monotonic() < self.budget.ends

    def refuse(self, refusal: Refusal) -> None:
        """The facade answers by itself, or breaks the answer off when it has begun: then the caller sees that it isn't whole."""
        call = self.call
        if self._over:
            return
        call.status, call.error, call.detail = refusal.status, refusal.error, call.detail or refusal.detail
        if self._reply.begun:
            self._break_off()
            return
        self.tell(
            refusal.status,
            [*refusal.headers(call.upstream), (b"traceparent", call.trace.encode())],
            refusal.body(),
        )

    def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """What a new service has answered, in the caller's terms."""
        self._answered = True
        self.tell(status, headers, body)

    def tell(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """A whole answer at once."""
        if self._over:
            return
        call, request = self.call, self.request
        call.status, self._reply.begun = status, True
        call.sent += len(body)
        keep = request.heading.keep_alive and self._body.whole and not self.parts.front.draining
        if not self._left:
            self.caller.write(self.parts.passing.whole(status, headers, body, request, keep))
        self._end(keep)

    @_guarded
    def sweep(self, now: float) -> None:
        """Look whether it takes too long."""
        if self._over:
            return
        if self._reply.streams:
            self._look_around()
        if self._over:
            return
        if self._at_fence is not None:
            if now >= self._at_fence.until:
                self.decide_again()  # There is nothing left to wait.
        elif now > self.budget.ends and not self._reply.streams:
            self._overdue(now)
        elif self._waits and now > self.call.called + self.parts.timeouts.connect:
            self._let_go()
            detail = (
                f"no connection to {self._asked} was free or made within {self.parts.timeouts.connect:g} s"
            )
            self.failed(UpstreamError(504, detail, "connection_timeout"))
        elif self._upstream is not None and self._body.whole and (self._left or not self.caller.full):
            limit = self.parts.idle_timeout if self._reply.streams else self.parts.timeouts.read
            if now - self._heard > limit:
                self._late(f"said nothing for {limit:g} s")

    def _look_around(self) -> None:
        """A stream may outlast the picture under which it began: it ends when its side isn't the right one any more."""
        parts, decision = self.parts, self.call.decision
        current = parts.keeper.current()
        if current is self.standings or decision is None:
            return
        self.standings = current
        if not still_answers(current, decision, parts.memory):
            # Invariant 4
            self.call.detail = "another side answers by now, or nobody may write at the moment"
            self._break_off()

    def _overdue(self, now: float) -> None:
        """Its time is used up. Where a caller took it, in sending or in taking, that says nothing against the upstream."""
        took = now - self.call.began
        if not self._body.whole:
            self.tries.withdraw(now)
            raise Refusal(408, f"the call didn't come whole within {took:.1f} s", "http_request_error")
        if self._reply.begun:
            self.tries.end("", self.call.status, now)
        self._late(f"didn't answer within {took:.1f} s")

    @property
    def _asked(self) -> str:
        return self.tries.pool.name if self.tries.pool else "the facade"

    def defect(self, error: Exception) -> None:
        """The facade itself failed: it says so, and the call ends whatever state it is in."""
        words = f"{type(error).__name__}: {error}"
        self.parts.defect(words)
        if not self._over:
            self.call.detail = words
            self.refuse(Defective())

    def abandon(self) -> None:
        """The facade ends before the call does."""
        self._left = True
        self.call.status, self.call.detail = GONE, "the facade ended before the answer"
        self._end(keep=False)

    def _late(self, what: str) -> None:
        self._let_go()
        self.failed(UpstreamError(504, f"{self._asked} {what}", "http_response_timeout"))

    def _let_go(self) -> None:
        upstream, self._upstream = self._upstream, None
        if self._waits and self.tries.pool is not None:
            self._waits = False
            self.tries.pool.give_up(self)
        if upstream is not None:
            upstream.drop()

    def _end(self, keep: bool) -> None:
        if self._over:
            return
        self._over = True
        self._let_go()
        for task in (self.task, self._introduction):
            if task is not None:
                task.give_up()
        call, parts = self.call, self.parts
        call.ended = now = monotonic()
        self.tries.withdraw(now)
        parts.exchanges.discard(self)
        if self._queued is not None:
            parts.shedding.withdraw(self._queued)
        self._leave_fence("left" if call.status == GONE else "refused")
        try:
            self._remember()
            parts.note(self)
        except Exception as error:  # noqa: BLE001  # counting fails, but room, writes and the connection are given back
            parts.defect(f"{type(error).__name__}: {error}")
        if self._flown is not None:
            # Invariant 5: what was given up may still be done by whoever was asked.
            doubtful = self._spoken and not self._answered
            parts.flight.end(self._flown, parts.doubtful_write if doubtful else 0.0)
        self._leave()
        self.caller.finished(keep)

    def _remember(self) -> None:
        """What was written, and what was begun by it, before the write counts as landed."""
        if self._flown is not None:
            assert self.call.decision is not None
            self.parts.memory.note(self.standings, self.call.decision, self._writer, self.begun)


def repeatable(decision: Decision, method: str) -> bool:
    """Whether a call may be put twice. What a route calls a write is one, even if its method is GET."""
    return decision.kind == "read" or (decision.kind is None and method in SAFE)


def leave(lane: Lane) -> None:
    """Give back the room of a call. Who waited for it has it now, and goes on in a turn of its own: never within another's end."""
    if (waiting := lane.leave()) is not None:
        exchange = waiting.ticket
        assert isinstance(exchange, Exchange)
        exchange._queued = None
        asyncio.get_running_loop().call_soon(exchange.admitted, waiting.lane)
