"""Tries: the upstreams that one call asks, one after the other; whether each may be asked, and what its breaker learns of it."""

from __future__ import annotations

from strangler.facade.breaker import Breaker, Breakers
from strangler.facade.call import NO_FUNCTION, Call
from strangler.facade.failures import KINDS, Failures
from strangler.facade.wire.pool import Pool
from strangler.facade.wire.upstream import UpstreamError


class Tries:
    """Those of one call. Every try that a breaker allowed is told to it once, or withdrawn."""

    __slots__ = ("_breaker", "_breakers", "_call", "_failures", "_opened", "pool")

    def __init__(self, call: Call, breakers: Breakers, failures: Failures) -> None:
        self._call, self._breakers, self._failures = call, breakers, failures
        self._breaker: Breaker | None = None
        self._opened = 0
        """How often the breaker had opened when this try began: one from before says nothing of the upstream of now."""
        self.pool: Pool | None = None
        """Of the upstream that is asked."""

    def begin(self, pool: Pool, now: float) -> UpstreamError | None:
        """Ask an upstream from now on; the error when its breaker is open."""
        call, self.pool = self._call, pool
        decision = call.decision
        side = "new" if pool.key != "legacy" else "legacy"
        breaker = self._breakers.of(side, (decision and decision.function) or NO_FUNCTION)
        if breaker.allows(now):
            call.ask(pool.key, now)
            self._breaker, self._opened = breaker, breaker.opened
            return None
        detail = f"{pool.name} isn't asked at the moment: {breaker.why}"
        wait = breaker.retry_after(now) or 1.0
        return UpstreamError(503, detail, "destination_unavailable", retry_after=wait)

    def go_on_with(self, pool: Pool, breaker: Breaker, opened: int) -> None:
        """An upstream has been asked already, when the breaker had opened so often."""
        self.pool, self._breaker, self._opened = pool, breaker, opened

    def end(self, error: str, status: int, now: float) -> None:
        """The upstream answered to the end with a status, or there was an error of RFC 9209. Slow is what was slow to begin."""
        breaker, self._breaker = self._breaker, None
        if breaker is None or breaker.opened != self._opened:
            return
        call = self._call
        seconds = (call.first_byte or now) - call.called
        if error and error not in KINDS:
            breaker.forget(seconds, now)
        else:
            breaker.note(self._failures.has(error, status), seconds, now)

    def withdraw(self, now: float) -> None:
        """What is asked says nothing about the upstream, however it ends: nobody waits for it, or too little time was given."""
        breaker, self._breaker = self._breaker, None
        if breaker is not None:
            breaker.forget(now - self._call.called, now)
