"""Call: what is noted of one request on its way, for its line in the log, for metrics and for traces."""

from __future__ import annotations

from strangler.routing import Decision
from strangler.routing.asked import Asked


class Call:
    """One request from its head to the end of its answer. Times are of `time.monotonic()`, in seconds; 0.0: didn't happen."""

    __slots__ = (
        "asked",
        "began",
        "client",
        "connected",
        "decision",
        "detail",
        "ended",
        "error",
        "first_byte",
        "received",
        "sent",
        "status",
        "trace",
        "tries",
        "upstream",
        "version",
    )

    def __init__(self, asked: Asked | None, client: str, version: str, trace: str, began: float) -> None:
        self.asked = asked
        """None where the head couldn't be read."""
        self.client, self.version = client, version
        self.trace = trace
        """The W3C `traceparent` under which upstreams are called."""
        self.began = began
        self.connected = self.first_byte = self.ended = 0.0
        """When a connection to the upstream was at hand; when the head of its answer came; when the answer was out."""
        self.decision: Decision | None = None
        self.status = 0
        self.error = self.detail = ""
        """The token of RFC 9209, and the words, when the facade itself answered or broke off."""
        self.upstream = ""
        """Who was asked last: `legacy`, or `new:function`; empty for none."""
        self.tries = 0
        """How often an upstream was asked."""
        self.received = self.sent = 0
        """Bytes of the caller's body, and of the answer's."""
