"""Tries: the upstreams that one call asks, one after the other; whether each may be asked, and what its breaker learns of it."""

from __future__ import annotations

from strangler.facade.breaker import Breaker
from strangler.facade.call import Call
from strangler.facade.failures import KINDS, Failures
from strangler.facade.ways import Way
from strangler.facade.whole import SAFE
from strangler.facade.wire.pool import Pool
from strangler.facade.wire.upstream import UpstreamError
from strangler.routing import Decision


class Tries:
    """Those of one call. Every try that a breaker allowed is told to it once, or withdrawn."""

    __slots__ = ("_breaker", "_call", "_failures", "_opened", "pool", "unsure")

    def __init__(self, call: Call, failures: Failures) -> None:
        self._call, self._failures = call, failures
        self._breaker: Breaker | None = None
        self._opened = 0
        """How often the breaker had opened when this try began: one from before says nothing of the upstream of now."""
        self.pool: Pool | None = None
        """Of the upstream that is asked."""
        self.unsure = False
        """Whether an upstream can have heard of the call and hasn't said all of its answer; to be set by who asks."""

    @property
    def asked(self) -> str:
        """Who is asked, in words."""
        return self.pool.name if self.pool is not None else "the facade"

    def begin(self, way: Way, now: float) -> UpstreamError | None:
        """Ask an upstream from now on; the error when its breaker is open."""
        pool, breaker = way.pool, way.breaker
        assert pool is not None
        self.pool = pool
        if breaker.allows(now):
            self._call.ask(pool.key, now)
            self._breaker, self._opened = breaker, breaker.opened
            return None
        detail = f"{pool.name} isn't asked at the moment: {breaker.why}"
        wait = breaker.retry_after(now) or 1.0
        return UpstreamError(503, detail, "destination_unavailable", retry_after=wait)

    def go_on_with(self, way: Way, opened: int) -> None:
        """An upstream has been asked already, when the breaker had opened so often."""
        self.pool, self._breaker, self._opened, self.unsure = way.pool, way.breaker, opened, True

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


def repeatable(decision: Decision, method: str) -> bool:
    """Whether a call may be put twice. What a route calls a write is one, even if its method is GET."""
    return decision.kind == "read" or (decision.kind is None and method in SAFE)
