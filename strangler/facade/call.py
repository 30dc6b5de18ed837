"""Call: what is noted of one request on its way, for its line in the log, for metrics and for traces."""

from __future__ import annotations

from typing import Final, NamedTuple

from strangler.routing import Decision
from strangler.routing.asked import Asked

NO_FUNCTION: Final = "-"
"""The function in logs and labels where no route names the request."""

GONE: Final = 499
"""The status under which a call is counted whose caller left before the answer."""


class Attempt(NamedTuple):
    """One time that an upstream was asked in vain. Times as in `Call`; `error` is a token of RFC 9209."""

    upstream: str
    called: float
    connected: float
    ended: float
    error: str


class Call:
    """One request from its head to the end of its answer. Times are of `time.monotonic()`, in seconds; 0.0: didn't happen."""

    # Most of a call is as it is of most calls, so it is said here, not with each.
    called: float = 0.0
    connected: float = 0.0
    first_byte: float = 0.0
    ended: float = 0.0
    """When the upstream was last asked for, before there was a connection; when a connection to it was at hand; when the
    head of its answer came; when the answer was out."""
    decision: Decision | None = None
    status = 0
    error: str = ""
    detail: str = ""
    """The token of RFC 9209, and the words, when the facade itself answered or broke off."""
    upstream = ""
    """Who was asked last: `legacy`, or `new:function`; empty for none."""
    tries = 0
    """How often an upstream was asked."""
    attempts: list[Attempt] | None = None
    """The tries before the last one, if there were any."""
    fell_back = ""
    """Why legacy answered in place of new, in words; empty where it didn't."""
    received: int = 0
    sent: int = 0
    """Bytes of the caller's body, and of the answer's."""
    held = 0.0
    """Seconds for which it waited at a fence."""

    def __init__(self, asked: Asked | None, client: str, version: str, trace: str, began: float) -> None:
        self.asked = asked
        """None where the head couldn't be read."""
        self.client, self.version = client, version
        self.trace = trace
        """The W3C `traceparent` under which upstreams are called."""
        self.began = began

    def ask(self, upstream: str, now: float) -> None:
        """An upstream is asked from now on."""
        self.upstream, self.called, self.tries = upstream, now, self.tries + 1
        self.connected = self.first_byte = 0.0

    def missed(self, error: str, now: float) -> None:
        """What was asked last didn't answer, and another try follows."""
        attempt = Attempt(self.upstream, self.called, self.connected, now, error)
        self.attempts = [*(self.attempts or ()), attempt]
