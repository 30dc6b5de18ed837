"""Plane: one neutral picture of the routing table for proxies that aren't ours. Pure.

What the facade decides anew for each request is decided here once, as far as a proxy can: who owns the writes of a function, and
who answers its reads, at one generation. What only the facade can tell (what stands in a body) is sent to it, or is left out
where the user says so; then the request is treated as the facade treats one that doesn't show what it asks for, so that a write never
reaches a side that doesn't own it (invariant 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from strangler.errors import StranglerError
from strangler.planes.stamp import Stamp
from strangler.routing.paths import written
from strangler.routing.route import CompiledRoute

LEGACY: Final = "legacy"
FACADE: Final = "facade"
COMPARER: Final = "comparer"
"""Names of upstreams; that of a new service is `new_` and its function."""


class Upstream(NamedTuple):
    """A server that calls are passed on to. `base`: the path that is put in front of each target, without a slash at its end. `health`: the
    path that answers 200 when the server is well, None where none is known."""

    name: str
    tls: bool
    host: str
    port: int
    base: str
    health: str | None

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


class To(NamedTuple):
    """Pass the call on to an upstream. `mirrored`: the share of such calls of which the comparer gets a copy. `fallback`: the upstream
    that may answer instead when this one doesn't; only for reads, while legacy still has the data."""

    upstream: str
    mirrored: float = 0.0
    fallback: str | None = None


class Refuse(NamedTuple):
    """Answer with this status. `retry_after` in seconds."""

    status: int
    why: str
    retry_after: int | None = None


class Split(NamedTuple):
    """By the caller's bucket for the function: `inside` below the weight (basis points), `outside` from there on."""

    function: str
    weight: int
    inside: To
    outside: To


Action = To | Refuse | Split


@dataclass(frozen=True, slots=True)
class Rule:
    """A request that the route takes by its head, and no rule before this one, is met with the action."""

    route: CompiledRoute
    action: Action

    @property
    def path(self) -> str:
        """The template as people write it."""
        return written(self.route.template)


class Sticky(NamedTuple):
    """What a caller is told by: the first of these headers (lower case), then cookies, that the request has; else its address."""

    headers: tuple[str, ...]
    cookies: tuple[str, ...]
    salt: str


class Limits(NamedTuple):
    """`connect` and `total` in seconds; `legacy` and `new`: most calls under way to an upstream of that side."""

    connect: float
    total: float
    legacy: int
    new: int


@dataclass(frozen=True, slots=True)
class Plane:
    """The picture. `rules` most specific first; what none of them takes goes to `legacy`. `unclear` is what becomes of a request that
    can be read in several ways. `notes`: what can't be said to any proxy."""

    name: str
    stamp: Stamp
    listen: str
    upstreams: Mapping[str, Upstream]
    rules: tuple[Rule, ...]
    unclear: To | Refuse
    ignore_case: bool
    sticky: Sticky
    limits: Limits
    notes: tuple[str, ...]

    @property
    def pseudonym(self) -> str:
        """How the front calls itself in Via, by which it also notices that a call comes round again."""
        return f"strangler-{self.name}"

    def splits(self) -> list[Split]:
        """Each once."""
        return list(dict.fromkeys(rule.action for rule in self.rules if isinstance(rule.action, Split)))


def upstream(name: str, url: str, health: str | None = None) -> Upstream:
    """The upstream that a URL names. Raises StranglerError."""
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https") or not parts.hostname or not port:
        raise StranglerError(
            f"{url!r} can't be an upstream", do="write it as http://host:port or https://host"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Upstream(name, parts.scheme == "https", host, port, parts.path.rstrip("/"), health)
