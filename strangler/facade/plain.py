"""Plain: a call that goes as nearly all do, with as little done for it as that needs.

Its head is known, its body came with it, it is no write that a route names, one side may answer it and nobody looks on, or those who would
have no room; there is room here, the
breaker is closed, a connection is at hand, and the answer comes whole, in one piece, with a head that is known too. What has to be checked
of all that was checked by an `Exchange` when it was first seen, and is found again here; what can't be found again isn't plain.

As soon as anything is otherwise the call is an exchange's, which goes on from where it stands: before anybody was asked (`plainly` gives
None), or later (`careful`), as when the caller leaves, the upstream breaks off, or the answer takes longer than a sweep. So there is one
place that knows what to do when it doesn't go well.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from strangler.facade.answers import BadRequest, Refusal
from strangler.facade.asking import Asking
from strangler.facade.body import HELD
from strangler.facade.call import Call
from strangler.facade.deciding import NOTHING
from strangler.facade.exchange import Exchange
from strangler.facade.look import Look, glance
from strangler.facade.shedding import leave
from strangler.facade.tries import repeatable
from strangler.facade.wire.answer import AnswerHead
from strangler.facade.wire.caller import CallerConnection
from strangler.facade.wire.request import Origin, Request
from strangler.facade.wire.upstream import UpstreamConnection, UpstreamError
from strangler.routing import UNROUTED, BadPath, Decision, Standings, Values, Who, decide, decide_settled

if TYPE_CHECKING:
    from strangler.facade.parts import Parts
    from strangler.facade.ways import Way


class Plain:
    """See above."""

    __slots__ = (
        "_asking",
        "_exchange",
        "_opened",
        "_parts",
        "_standings",
        "_upstream",
        "_values",
        "_way",
        "call",
        "caller",
        "request",
    )

    def __init__(
        self, parts: Parts, request: Request, caller: CallerConnection, origin: Origin, values: Values
    ) -> None:
        """`values` is what was seen of its body."""
        self._parts, self.request, self.caller, self._values = parts, request, caller, values
        trace = parts.traces.begin(request.headers)
        self.call = call = Call(request, origin.address, "1.1", trace, caller.moment)
        if request.body:
            call.received = len(request.body)
        self._exchange: Exchange | None = None

    def ask(
        self, standings: Standings, decision: Decision, way: Way, upstream: UpstreamConnection, fixed: bytes
    ) -> None:
        """Ask the upstream, on a connection to it. `fixed` is what is the same in all heads for it."""
        parts, request, call, now = self._parts, self.request, self.call, monotonic()
        self._standings, self._way, self._upstream = standings, way, upstream
        self._opened = way.breaker.opened
        call.decision = decision
        call.upstream, call.tries, call.called, call.connected = upstream.pool.key, 1, now, now
        left = int((call.began + parts.timeouts.total - now) * 1000)
        question = b"%b %b%b HTTP/1.1\r\n%btraceparent: %b\r\n%b: %d\r\n%b\r\n%b" % (
            request.method.encode(),
            upstream.pool.path,
            request.target.encode(),
            fixed,
            call.trace.encode(),
            parts.left_header,
            left if left > 0 else 1,
            request.heading.framing,
            request.body,
        )
        upstream.ask(self, request.method, question)
        upstream.said = True
        parts.exchanges.add(self)

    def answered(self, head: AnswerHead, body: bytes) -> None:
        """The answer came whole, and its connection is free again."""
        parts, caller, call = self._parts, self.caller, self.call
        if self._exchange is not None or head.told is None or parts.front.draining:
            self.asking.answered(head, body)
            return
        parts.exchanges.discard(self)
        try:
            call.first_byte = monotonic()
            call.status, call.sent = head.status, len(body)
            caller.write(head.told + body)
            call.ended = now = monotonic()
            breaker = self._way.breaker
            if breaker.opened == self._opened:
                breaker.note(parts.failures.has("", head.status), call.first_byte - call.called, now)
            parts.note_call(call)
        except Exception as error:  # noqa: BLE001  # counting fails, but room and the connection are given back
            parts.defect(f"{type(error).__name__}: {error}")
        leave(self._way.lane)
        caller.finished(True)

    def careful(self) -> Exchange:
        """The exchange that goes on with it."""
        if self._exchange is None:
            parts = self._parts
            parts.exchanges.discard(self)
            self._exchange = Exchange(parts, self.request, self.caller, self.call)
            self._asking = self._exchange.go_on_with(
                self._standings, self._way, self._upstream, self._opened, self._values
            )
        return self._exchange

    @property
    def asking(self) -> Asking:
        """Who asks the upstream for that exchange."""
        self.careful()
        return self._asking

    # What is said to it otherwise

    def piece(self, piece: bytes) -> None:
        """Its body is known."""

    def whole(self) -> None:
        """It is whole."""

    def gone(self, why: Refusal | None) -> None:
        self.careful().gone(why)

    def hold(self) -> None:
        self.careful().hold()

    def go_on(self) -> None:
        self.careful().go_on()

    def connected(self, connection: UpstreamConnection) -> None:
        """It has its connection from the beginning."""

    def unreachable(self, error: UpstreamError) -> None:
        """It has its connection from the beginning."""

    def head(self, head: AnswerHead) -> None:
        self.asking.head(head)

    def part(self, piece: bytes) -> None:
        self.asking.part(piece)

    def flush(self) -> None:
        self.asking.flush()

    def done(self) -> None:
        self.asking.done()

    def broke(self, error: UpstreamError) -> None:
        self.asking.broke(error)

    def hold_up(self) -> None:
        self.asking.hold_up()

    def go_ahead(self) -> None:
        self.asking.go_ahead()

    def sweep(self, now: float) -> None:
        self.careful().sweep(now)

    def abandon(self) -> None:
        self.careful().abandon()


def plainly(parts: Parts, request: Request, caller: CallerConnection) -> Plain | None:
    """Have a call answered, if it is plain; None, with nothing done, where it isn't. Its heading is `known`."""
    heading = request.heading
    origin = heading.origin
    if origin is None or not parts.plain or request.method == "HEAD":
        return None
    alone = heading.alone
    if alone is None:
        alone = heading.alone = _is_alone(parts, request)
    if not alone:
        return None
    if heading.length != (size := len(request.body)) or size > HELD:
        return None  # the body is still to come
    standings = parts.keeper.current()
    decision, values = _decided(parts, request, origin, standings)
    if decision is None or decision.status is not None or decision.kind == "write":
        return None
    track = parts.track(decision)
    space = parts.space(decision, track) if decision.shadow else None
    if space is not None and space.free:
        return None
    way = track.way
    if way is None:
        way = track.way = parts.ways.of(decision.function, decision.side)
    pool, lane = way.pool, way.lane
    if pool is None or way.translated or not way.breaker.closed or pool.used >= pool.limit:
        return None
    fixed = heading.fixed.get(pool.base)
    if fixed is None or parts.shedding.waiting or not lane.enter(not repeatable(decision, request.method)):
        return None
    connection = pool.take()
    if connection is None:
        lane.leave()
        return None
    try:
        plain = Plain(parts, request, caller, origin, values)
        plain.ask(standings, decision, way, connection, fixed)
        if space is not None:
            parts.pass_over(decision, track)
    except Exception:
        connection.drop()
        leave(lane)
        raise
    return plain


def _is_alone(parts: Parts, request: Request) -> bool:
    """Whether its heading asks for nothing else: no state of a trace that goes on, no time of its own."""
    return "tracestate" not in request.headers and parts.budget_header not in request.headers


def _decided(
    parts: Parts, request: Request, origin: Origin, standings: Standings
) -> tuple[Decision | None, Values]:
    """Who answers, None for what an exchange has to refuse; and what was seen of its body."""
    table = parts.table
    try:
        route = table.settle(request)
        if route is None:
            return _looked(parts, request, origin, standings)
    except (BadPath, BadRequest):
        return None, NOTHING
    if route is False:
        return UNROUTED, NOTHING
    if route.kind == "write":
        return None, NOTHING

    def who() -> Who:
        return _who(parts, request, origin)

    return decide_settled(table, standings, request, route, who, parts.draw(), parts.memory), NOTHING


def _looked(
    parts: Parts, request: Request, origin: Origin, standings: Standings
) -> tuple[Decision | None, Values]:
    """The same where more than path and method has to be looked at. Raises BadPath, BadRequest."""
    found, values = parts.table.find(request), NOTHING
    if found.wanted and request.has_body:
        seen = glance(request, found.wanted, request.body)
        if seen is None:
            look = Look(request, found.wanted, parts.settings.body_prefix)
            look.feed(request.body, only=True)
            seen = look.values
        if seen is None:
            return None, NOTHING
        values = seen
    who, draw = _who(parts, request, origin), parts.draw()
    return decide(parts.table, standings, request, found, values, who, draw, parts.memory), values


def _who(parts: Parts, request: Request, origin: Origin) -> Who:
    who = request.heading.who
    if who is None:
        who = request.heading.who = Who(parts.table.identify(request, origin.address))
    return who
