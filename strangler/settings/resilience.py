"""How the facade holds up when an upstream is slow, broken or gone, and when there is more to do than can be done."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from strangler.settings.section import Duration, Section, Share

_KINDS: Final = ("connect", "timeout", "reset", "protocol")


def _as_failure(value: Any) -> Any:
    """A kind of failure, or a status from 400 to 599, as text."""
    status = value if isinstance(value, int) else int(value) if str(value).isdecimal() else 0
    if isinstance(value, bool) or not (value in _KINDS or 400 <= status <= 599):
        raise ValueError(
            "not a failure: write connect, timeout, reset, protocol, or a status from 400 to 599"
        )
    return str(value)


Failure = Annotated[
    str,
    BeforeValidator(_as_failure),
    WithJsonSchema({"anyOf": [{"enum": list(_KINDS)}, {"type": "integer", "minimum": 400, "maximum": 599}]}),
]
"""What counts as a failed call: no connection, no answer in time, an answer that broke off, one that isn't HTTP; or a status."""


def _as_header(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", value):
        raise ValueError(
            "not a name of a header: write letters, digits and hyphens, like X-Strangler-Timeout-Ms"
        )
    return value


HeaderName = Annotated[str, AfterValidator(_as_header)]


class Breaker(Section):
    """Stops asking an upstream that fails, for each function by itself, and asks again bit by bit."""

    enabled: bool = Field(True, description="Without it every call is tried.")
    window: Duration = Field(timedelta(seconds=30), description="How far back calls are judged.")
    window_calls: int | None = Field(
        None, ge=1, description="Judge this many last calls instead, however long ago they were."
    )
    minimum: int = Field(
        20,
        ge=1,
        description="Fewer calls than this in the window (or as many as it has, where that is less) are no evidence, so it stays closed.",
    )
    failure_rate: Share = Field(
        0.5, gt=0, description="Share of failed calls in the window from which on it opens."
    )
    failures: list[Failure] = Field(
        default_factory=lambda: [*_KINDS, "502", "503", "504"],
        description="What counts as failed: connect, timeout, reset, protocol, and statuses; by default these four, 502, 503 "
        "and 504. A 500 isn't among them: many an ERP says so that a document is wrong, SOAP always.",
    )
    slow: Duration | None = Field(
        None,
        description="A call whose answer takes longer to begin than this is slow; by default none is, since ERPs are slow.",
    )
    slow_rate: Share = Field(
        1.0, gt=0, description="Share of slow calls in the window from which on it opens."
    )
    wait: Duration = Field(
        timedelta(seconds=5), description="How long it stays open before it lets calls try again."
    )
    longest_wait: Duration = Field(
        timedelta(minutes=1), description="The wait doubles each time that trying was in vain, up to this."
    )
    probes: int = Field(
        5,
        ge=1,
        description="Calls that may try when the wait is over; their failures decide whether it closes.",
    )
    probe_time: Duration = Field(
        timedelta(seconds=30), description="Probes that aren't back by then count as failed."
    )


class Limits(Section):
    """How many calls may be under way at once; what is beyond is refused with 503 and Retry-After, or waits a moment."""

    calls: int = Field(
        1000,
        ge=1,
        description="Calls under way in all. Each holds a connection of the caller and one of the upstream.",
    )
    legacy: int = Field(
        750,
        ge=1,
        description="Of these, calls to legacy: fewer, so that a legacy that hangs leaves room for new.",
    )
    new: int = Field(750, ge=1, description="Of these, calls to all new services, for the same reason.")
    function: int | None = Field(
        None, ge=1, description="Calls of one function on one side; by default what its side may have."
    )
    for_writes: Share = Field(
        0.1,
        description="Share of every limit that reads can't have: a read that is refused is asked again, an order that is refused was typed "
        "by somebody.",
    )
    queue: int = Field(
        0, ge=0, description="Calls that may wait for room, writes before reads; by default none."
    )
    queue_time: Duration = Field(timedelta(seconds=1), description="Longest wait for room.")
    retry_after: Duration = Field(
        timedelta(seconds=1),
        description="Shortest time that a refused caller is told to wait; up to twice as much is added by chance, so that "
        "they don't all come back at once.",
    )
    lag: Duration | None = Field(
        timedelta(milliseconds=250),
        description="When the facade itself is behind by more than this for a second, it takes fewer calls, until it isn't.",
    )


class Budget(Section):
    """The time that a call may take, which is told to upstreams and may be told by callers."""

    header: HeaderName = Field(
        "X-Strangler-Timeout-Ms",
        description="Header with the milliseconds that are left; a caller that sends a smaller number is given no more.",
    )
    from_callers: bool = Field(True, description="Whether a caller may shorten its own budget.")
