"""Calls that are over, as the data path hands them to metrics, log and traces."""

from __future__ import annotations

from typing import Any, Literal

from strangler.cutover.stages import Side
from strangler.facade.call import Call
from strangler.routing import Decision
from strangler.routing.asked import Asked

TRACE = "0af7651916cd43dd8448eb211c80319c"


def call(
    function: str | None = "party",
    side: Side = Side.LEGACY,
    kind: Literal["read", "write"] | None = "read",
    *,
    target: str = "/parties/4711?password=secret",
    status: int = 200,
    ms: float = 8.0,
    decided: bool = True,
    **noted: Any,
) -> Call:
    """A call that took `ms`: 0.25 ms until a connection was at hand, 4 ms more until the head of the answer came."""
    made = Call(Asked("GET", target, {}), "192.0.2.77", "1.1", f"00-{TRACE}-b7ad6b7169203331-01", 1000.0)
    if decided:
        made.decision = Decision(
            function, kind, "look", side, False, None, f"in stage live {side} answers", "1000"
        )
        made.ask(str(side), 1000.0)
        made.connected, made.first_byte = 1000.00025, 1000.00425
    made.ended, made.status = 1000.0 + ms / 1000, status
    for name, value in noted.items():
        setattr(made, name, value)
    return made
