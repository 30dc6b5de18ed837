"""Exchange: one call from its head to its line in the log.

It is decided (`Deciding`), perhaps waits at a fence, is answered by one side or the other (`Answering`), and ends. A caller's connection
calls it back; an upstream's calls back who asks (`Asking`). Nothing is awaited on the way of a call that is passed on as it is.

Invariant 5: a write that is on its way is awaited even if its caller leaves; an ERP goes on with it too.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from strangler.facade.answering import OVER, Answering
from strangler.facade.answers import Defective, Refusal
from strangler.facade.asking import Asking
from strangler.facade.begun import Begun
from strangler.facade.body import Body
from strangler.facade.budget import Budget, wished
from strangler.facade.call import GONE, NO_FUNCTION, Call
from strangler.facade.deciding import NOTHING, Deciding
from strangler.facade.guarding import guarded
from strangler.facade.holding import Outcome, Wait
from strangler.facade.passing import Kept
from strangler.facade.reply import Reply
from strangler.facade.shadow import BODY
from strangler.facade.tries import Tries, repeatable
from strangler.facade.ways import Way
from strangler.facade.wire.caller import CallerConnection
from strangler.facade.wire.request import Request
from strangler.facade.wire.upstream import UpstreamConnection
from strangler.facade.writing import Writing
from strangler.identity import Identity
from strangler.routing import Decision, Standings, Values

if TYPE_CHECKING:
    from strangler.facade.parts import Parts


def _itself(exchange: Exchange) -> Exchange:
    return exchange


_guarded = guarded(_itself)


class Exchange:
    """See above. `begin` it once; then it is called back until it has told its caller's connection that it is `finished`."""

    standings = Standings()
    """By which it was decided."""
    identity: Identity | None = None
    values: Values = NOTHING
    """What routing saw of the body."""
    repeatable = False
    """Whether it may be put twice."""
    kept: Kept | None = None
    """The copy for shadow."""
    begun: Begun | None = None
    """Who reads from the answer whether a document was begun."""
    over = False
    _deciding: Deciding | None = None
    _at_fence: Wait | None = None
    _writing: Writing | None = None
    _invited = False

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
        self.tries = Tries(self.call, parts.failures)
        self.body, self.reply = Body(request), Reply(caller)
        self.answering = Answering(self)

    def go_on_with(
        self, standings: Standings, way: Way, upstream: UpstreamConnection, opened: int, values: Values
    ) -> Asking:
        """Take over a call, whole and no write, for which an upstream was asked already; its breaker had opened so often then."""
        self.parts.exchanges.add(self)
        self.standings, self.values = standings, values
        decision, body = self.call.decision, self.body
        assert decision is not None
        self.repeatable = repeatable(decision, self.request.method)
        body.whole = True
        if self.request.body:
            body.passed(self.request.body, again=self.repeatable)
        self.tries.go_on_with(way, opened)
        return self.answering.go_on_with(way, upstream)

    # From head to decision

    @_guarded
    def begin(self) -> None:
        """Look at the head, and decide as soon as that is possible."""
        parts, request = self.parts, self.request
        parts.exchanges.add(self)
        parts.passing.refuse_loops(request)
        self.identity = parts.credentials.check(request.headers)
        self._deciding = deciding = Deciding(parts, request, request.has_body)
        if deciding.settled:
            self._decide(deciding)
        else:
            self.invite()

    def invite(self) -> None:
        """A caller that waits until its body is wanted is told so, once."""
        if self.request.heading.expects and not self.body.whole and not self._invited:
            self._invited = True
            self.caller.invite()

    def _decide(self, deciding: Deciding) -> None:
        """Who answers. From here to the count of writes nothing is awaited: a write counts under the standings that let it through."""
        parts = self.parts
        standings = self.standings = parts.keeper.current()
        who = parts.who(self.request, self.call.client, self.identity)
        decision = self.call.decision = deciding.decide(standings, who)
        self.values = deciding.values
        if decision.status is not None:
            if not (decision.at_fence and self._may_wait(decision)):
                self._deny(decision, decision.status)
            return
        self._leave_fence("passed")
        if decision.kind == "write":
            self._writing = Writing(parts.flight, parts.memory, standings, decision, who.caller)
            self.begun = self._writing.begun
        self.repeatable = repeatable(decision, self.request.method)
        if parts.keeps(standings, decision):
            self.kept = Kept(BODY)
            for piece in self.body.so_far():
                self.kept.asked(piece)
        self.answering.begin(decision)

    def _deny(self, decision: Decision, status: int) -> None:
        if decision.fenced:
            raise Refusal(status, decision.why, "destination_unavailable", self.parts.retry_after)
        raise Refusal(status, decision.why)

    # At a fence

    def _may_wait(self, decision: Decision) -> bool:
        """Whether it waits for the fence to be lifted. It counts as no write until then."""
        now = monotonic()
        if self._at_fence is None:
            function, patience = decision.function or NO_FUNCTION, self.budget.remaining(now)
            self._at_fence = self.parts.holding.hold(self, function, now, patience)
        return self._at_fence is not None and now < self._at_fence.until

    @_guarded
    def decide_again(self) -> None:
        if self._at_fence is not None and self._deciding is not None and not self.over:
            self._decide(self._deciding)

    def _leave_fence(self, outcome: Outcome) -> None:
        wait, self._at_fence = self._at_fence, None
        if wait is not None:
            now = monotonic()
            self.call.held = now - wait.since
            self.parts.holding.let_go(wait, outcome, now)

    # What the caller's connection says

    @_guarded
    def piece(self, piece: bytes) -> None:
        self.call.received += len(piece)
        if self.over:
            return
        deciding, doing = self._deciding, self.answering.doing
        if deciding is not None:
            was_settled = deciding.settled
            deciding.feed(piece, only=len(piece) == self.request.heading.length)
            if not was_settled:
                self._keep(piece, deciding.settled)
                if deciding.settled:
                    self._decide(deciding)
                return
        if self.kept is not None:
            self.kept.asked(piece)
        if doing is None or not doing.piece(piece):
            self._keep(piece, decided=True)

    def _keep(self, piece: bytes, decided: bool) -> None:
        """Nobody takes it yet. What has to be seen to decide comes whatever its length."""
        self.body.hold(piece)
        if decided and self.body.long:
            self.caller.hold_back()

    @_guarded
    def whole(self) -> None:
        self.body.whole = True
        if self.over:
            return
        deciding = self._deciding
        if deciding is not None:
            was_settled = deciding.settled
            deciding.end()
            if not was_settled:
                self._decide(deciding)
                return
        if self.answering.doing is not None:
            self.answering.doing.whole()

    def gone(self, why: Refusal | None) -> None:
        self.reply.heard = why is not None
        if self.over:
            return
        if self.body.whole and self._writing is not None and not self.reply.streams:
            self.go_on()  # Invariant 5: it is awaited
        elif why is not None:
            self.refuse(why)
        elif self.body.whole:
            self._give_up("the caller left before the answer")
        else:
            self._give_up("the caller broke off its request")

    def hold(self) -> None:
        if self.answering.doing is not None:
            self.answering.doing.hold()

    def go_on(self) -> None:
        if self.answering.doing is not None:
            self.answering.doing.go_on()

    # What the clock says

    @_guarded
    def sweep(self, now: float) -> None:
        """Look whether it takes too long."""
        if self.over:
            return
        if self._at_fence is not None:
            if now >= self._at_fence.until:
                self.decide_again()  # There is nothing left to wait.
        elif now > self.budget.ends and not self.reply.streams:
            self._overdue(now)
        elif self.answering.doing is not None:
            self.answering.doing.sweep(now)

    def _overdue(self, now: float) -> None:
        """Its time is used up. Where a caller took it, in sending or in taking, that says nothing against the upstream."""
        took = now - self.call.began
        if not self.body.whole:
            self.tries.withdraw(now)
            raise Refusal(408, f"the call didn't come whole within {took:.1f} s", "http_request_error")
        if self.reply.begun:
            self.tries.end("", self.call.status, now)
        self.answering.late(f"didn't answer within {took:.1f} s")

    def may_go_on(self, now: float) -> bool:
        """Whether somebody else can be asked: all of the body is here, and time is left."""
        return self.body.entire and now < self.budget.ends

    # The end

    def refuse(self, refusal: Refusal) -> None:
        """The facade answers by itself, or breaks the answer off when it has begun: then the caller sees that it isn't whole."""
        call = self.call
        if self.over:
            return
        call.status, call.error, call.detail = refusal.status, refusal.error, call.detail or refusal.detail
        if self.reply.begun:
            self.break_off(call.detail)
            return
        headers = [*refusal.headers(call.upstream), (b"traceparent", call.trace.encode())]
        self._tell(refusal.status, headers, refusal.body())

    def break_off(self, why: str) -> None:
        """The answer has begun and won't be whole, and the caller sees that."""
        self.call.detail = why
        self.reply.break_off()
        self.end(keep=False)

    def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """What a new service has answered, in the caller's terms."""
        self.tries.unsure = False
        self._tell(status, headers, body)

    def _tell(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """A whole answer at once."""
        if self.over:
            return
        call, request, parts = self.call, self.request, self.parts
        call.status = status
        call.sent += len(body)
        keep = request.heading.keep_alive and self.body.whole and not parts.front.draining
        self.reply.tell(parts.passing.whole(status, headers, body, request, keep))
        self.end(keep)

    def defect(self, error: Exception) -> None:
        """The facade itself failed: it says so, and the call ends whatever state it is in."""
        words = f"{type(error).__name__}: {error}"
        self.parts.defect(words)
        if not self.over:
            self.call.detail = words
            self.refuse(Defective())

    def abandon(self) -> None:
        """The facade ends before the call does."""
        self.reply.heard = False
        self._give_up("the facade ended before the answer")

    def _give_up(self, why: str) -> None:
        self.call.status, self.call.detail = GONE, why
        self.end(keep=False)

    def end(self, keep: bool) -> None:
        """It is over. `keep`: whether the caller's connection may be used again."""
        if self.over:
            return
        self.over = True
        call, parts, writing = self.call, self.parts, self._writing
        self.answering.give_up()
        call.ended = now = monotonic()
        self.tries.withdraw(now)
        parts.exchanges.discard(self)
        self._leave_fence("left" if call.status == GONE else "refused")
        try:
            if writing is not None:
                writing.remember(self.standings)
            parts.note(self)
        except Exception as error:  # noqa: BLE001  # counting fails, but room, writes and the connection are given back
            parts.defect(f"{type(error).__name__}: {error}")
        if writing is not None:
            # Invariant 5: what was given up may still be done by whoever was asked.
            writing.land(parts.doubtful_write if self.tries.unsure else 0.0)
        self.answering.leave()
        self.answering.doing, self.answering = (
            None,
            OVER,
        )  # They know the exchange: no circle is left for the collector.
        self.caller.finished(keep)
