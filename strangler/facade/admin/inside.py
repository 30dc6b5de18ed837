"""Inside: what the admin API knows of the facade that it is in, and what it may do to it.

Everything is asked in the event loop's thread, costs little and waits for nothing. The dataclasses are what the API answers; its OpenAPI
document is made from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from strangler.control.store import Control
from strangler.routing import Asked, Values, Who

Forced = Literal["open", "closed", "automatic"]


@dataclass(frozen=True, slots=True)
class StandingNow:
    """Where a function, or a cohort of it, stands. `weight` in basis points, `since` in seconds since the epoch."""

    function: str
    cohort: str
    stage: str
    owner: str
    weight: int
    fenced: bool
    hold: str | None
    since: float


@dataclass(frozen=True, slots=True)
class Picture:
    """All standings that this facade acts by. `trust`: sure, lost or never; `silence`: seconds since the control store knew of it."""

    facade: str
    generation: int
    trust: str
    silence: float
    standings: list[StandingNow]


@dataclass(frozen=True, slots=True)
class BreakerNow:
    """The breaker of one function on one upstream, and why it is as it is."""

    upstream: str
    function: str
    state: str
    forced: Forced
    why: str


@dataclass(frozen=True, slots=True)
class UpstreamNow:
    """An upstream: `legacy`, or `new:function`. `status`: pass, warn or fail, with the reason in `words`. None is what nobody counts."""

    name: str
    url: str
    status: str
    words: str
    in_use: int | None
    idle: int | None
    waiting: int | None
    limit: int | None
    breakers: list[BreakerNow]


@dataclass(frozen=True, slots=True)
class CallsNow:
    """How many calls are under way; how many of them are writes, and under which generation the oldest of those was let through."""

    under_way: int | None
    writes: int
    oldest_generation: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A route of the request's path, as it is written, and what stands in its way; nothing for the one that takes the request."""

    function: str
    route: str
    why: str


@dataclass(frozen=True, slots=True)
class Explained:
    """Which function a request belongs to, who answers it, and why. `status` is that of a refusal."""

    function: str | None
    kind: str | None
    operation: str | None
    side: str
    shadow: bool
    status: int | None
    why: str
    candidates: list[Candidate]


@dataclass(frozen=True)
class Inside:
    """The facade, as its parts have it. `explain` takes the values of a body that a route may ask for, and raises Refusal for a path that
    can't be matched safely. `force` is called for breakers that `upstreams` told of, with the reason in words."""

    id: str
    picture: Callable[[], Picture]
    upstreams: Callable[[], Sequence[UpstreamNow]]
    calls: Callable[[], CallsNow]
    explain: Callable[[Asked, Values, Who], Explained]
    drain: Callable[[], None]
    metrics: Callable[[], tuple[str, bytes]]
    healthz: Callable[[], tuple[int, bytes]]
    readyz: Callable[[], tuple[int, bytes]]
    force: Callable[[str, str, Forced, str], None]
    control: Callable[[], Control | None]
    keys: Mapping[str, object]
