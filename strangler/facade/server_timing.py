"""Server-Timing: how long the facade and the upstream took, for the developer tools of a browser. Only where it is configured."""

from __future__ import annotations

from strangler.facade.call import Call


def timing(call: Call, now: float) -> bytes:
    """The value for an answer whose head goes out now, in milliseconds. Of a call that asked nobody it says the facade's share only."""
    if not call.first_byte:
        return b"facade;dur=%.2f" % ((now - call.began) * 1e3)
    asked, connected = call.first_byte - call.called, call.connected - call.called
    own = now - call.began - asked
    return b"facade;dur=%.2f, upstream;dur=%.2f, connect;dur=%.2f" % (own * 1e3, asked * 1e3, connected * 1e3)
