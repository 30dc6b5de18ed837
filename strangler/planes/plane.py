"""Plane: one neutral picture of the routing table for proxies that aren't ours. Pure.

What the facade decides anew for each request is decided here once, as far as a proxy can: who owns the writes of a function, and
who answers its reads, at one generation. What only the facade can tell (what stands in a body) is sent to it, or is left out
where the user says so; then the request is treated as the facade treats a body that shows nothing, so that a write never reaches a side
that doesn't own it (invariant 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from strangler.cutover.stages import RULES, Reads, Side, Standing
from strangler.errors import StranglerError
from strangler.paths import Rank, Template
from strangler.planes.stamp import Stamp, fingerprint
from strangler.routing import BUCKETS, UNAVAILABLE, CompiledRoute, Kind, Standings, compile_routes, undecided
from strangler.settings import Settings

LEGACY: Final = "legacy"
FACADE: Final = "facade"
COMPARER: Final = "comparer"
"""Names of upstreams; that of a new service is `new_` and its function."""


class Upstream(NamedTuple):
    """A server that calls are passed on to. `base`: the path that is put in front of each target, without a slash at its end."""

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
class Condition:
    """What a part of the request's head must be: one of `values`, exactly. `part` is `header`, `query`, `cookie` or `host`."""

    part: str
    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A request that fits template, methods and conditions, and no rule before this one, is met with the action."""

    function: str
    kind: Kind
    template: Template
    methods: tuple[str, ...] | None
    conditions: tuple[Condition, ...]
    action: Action

    @property
    def path(self) -> str:
        """The template as people write it."""
        shown = {Rank.LITERAL: "{}", Rank.NAMED: "{{{}}}", Rank.REST: "{{{}:path}}"}
        return "/" + "/".join(shown[rank].format(text) for rank, text in self.template)


class Sticky(NamedTuple):
    """What a caller is told by: the first of these headers (lower case), then cookies, that the request has; else its address."""

    headers: tuple[str, ...]
    cookies: tuple[str, ...]
    salt: str


class Limits(NamedTuple):
    """Seconds and bytes. `body` is None where any length is allowed."""

    connect: float
    total: float
    body: int | None


class Wishes(NamedTuple):
    """What the user wants of an export. URLs; `listen` is host:port."""

    listen: str
    facade: str | None = None
    comparer: str | None = None
    without_body_routes: bool = False


@dataclass(frozen=True, slots=True)
class Plane:
    """The picture. `rules` most specific first; what none of them takes goes to `legacy`. `notes`: what can't be said to any proxy."""

    name: str
    stamp: Stamp
    listen: str
    upstreams: Mapping[str, Upstream]
    rules: tuple[Rule, ...]
    sticky: Sticky
    limits: Limits
    notes: tuple[str, ...]

    @property
    def pseudonym(self) -> str:
        """How the front calls itself in Via, by which it also notices that a call comes round again."""
        return f"strangler-{self.name}"

    def actions(self) -> list[Action]:
        """The actions of all rules, each once."""
        return list(dict.fromkeys(rule.action for rule in self.rules))

    def splits(self) -> list[Split]:
        return [action for action in self.actions() if isinstance(action, Split)]


def draw(settings: Settings, standings: Standings, wishes: Wishes) -> Plane:
    """The picture of the configuration at these standings. Raises StranglerError for what can't be exported as wished."""
    return _Drawing(settings, standings, wishes).plane()


class _Drawing:
    """A picture in the making: it collects upstreams and notes on its way."""

    def __init__(self, settings: Settings, standings: Standings, wishes: Wishes) -> None:
        if settings.facade is None:
            raise StranglerError(
                "there is no facade to export",
                why="the configuration has no section facade, so nothing says where legacy is",
                do="add facade: with at least legacy: URL",
            )
        self._settings, self._facade, self._standings, self._wishes = (
            settings,
            settings.facade,
            standings,
            wishes,
        )
        self._upstreams = {LEGACY: upstream(LEGACY, settings.facade.legacy)}
        if wishes.facade:
            self._upstreams[FACADE] = upstream(FACADE, wishes.facade)
        if mirror := wishes.comparer or wishes.facade:
            self._upstreams[COMPARER] = upstream(COMPARER, mirror)
        self._notes: dict[str, None] = {}
        sticky = settings.facade.sticky
        self._routes = compile_routes(settings.functions, sticky.salt.get_secret_value()).routes
        self._by_body = {route.function for route in self._routes if route.values}

    def plane(self) -> Plane:
        settings, sticky = self._settings, self._facade.sticky
        self._refuse_body_routes()
        rules = tuple(self._rule(route) for route in self._routes)
        total = self._facade.total_timeout.total_seconds()
        return Plane(
            name=settings.name,
            stamp=Stamp(self._standings.generation, fingerprint(settings)),
            listen=self._wishes.listen,
            upstreams=self._upstreams,
            rules=rules,
            sticky=Sticky(
                tuple(name.lower() for name in sticky.headers),
                tuple(sticky.cookies),
                sticky.salt.get_secret_value(),
            ),
            limits=Limits(self._facade.connect_timeout.total_seconds(), total, None),
            notes=tuple(self._notes),
        )

    def _refuse_body_routes(self) -> None:
        if self._by_body and not self._wishes.facade and not self._wishes.without_body_routes:
            raise StranglerError(
                f"{', '.join(sorted(self._by_body))}: routes that look into the body can't be exported",
                why="no proxy but the facade reads a body to find out whose a call is",
                do="name a running facade with --facade URL, which such calls are then sent to; or leave these routes out with "
                "--without-body-routes",
            )

    def _rule(self, route: CompiledRoute) -> Rule:
        conditions = tuple(Condition("header", name, (value,)) for name, value in route.headers)
        methods = tuple(sorted(route.methods)) if route.methods is not None else None
        action = self._by_facade(route) if route.values else self._action(route)
        return Rule(route.function, route.kind, route.template, methods, conditions, action)

    def _by_facade(self, route: CompiledRoute) -> Action:
        """What becomes of a call whose body would have to be read."""
        if FACADE in self._upstreams:
            self._note(
                f"{route.function}: calls that are told apart by their body go to the facade, which reads it"
            )
            return To(FACADE)
        touched = [other for other in self._routes if other.values and _meet(route, other)]
        decision = undecided(self._standings, touched)
        self._note(f"{route.function}: routes that look into the body are left out; {decision.why}")
        if decision.status is None:
            return To(LEGACY)
        return self._refusal(decision.status, decision.why)

    def _action(self, route: CompiledRoute) -> Action:
        standing = self._standings.of(route.function)
        return self._write(standing) if route.kind == "write" else self._read(standing)

    def _write(self, standing: Standing) -> Action:
        # Invariant 4: only the owner is written to, and nobody while the owner changes.
        if standing.fenced:
            return self._refusal(UNAVAILABLE, "writes are fenced for the moment of a switch; repeat it")
        return To(self._side(standing.function, standing.owner))

    def _read(self, standing: Standing) -> Action:
        reads = RULES[standing.stage].reads
        if reads is Reads.NEW or (reads is Reads.WEIGHTED and standing.weight >= BUCKETS):
            return self._new(standing)
        if reads is Reads.LEGACY:
            return To(LEGACY)
        if reads is Reads.MIRRORED or standing.weight <= 0:
            return self._legacy(standing)
        if standing.function in self._by_body and FACADE in self._upstreams:
            self._note(
                f"{standing.function}: its reads go to the facade while its weight is between none and all, since some of them are "
                "told apart by their body and a caller must be on one side with all of them"
            )
            return To(FACADE)
        return Split(standing.function, standing.weight, self._new(standing), self._legacy(standing))

    def _new(self, standing: Standing) -> To:
        name = self._side(standing.function, Side.NEW)
        may_fall_back = name not in (FACADE, LEGACY) and not self._standings.moved(standing.function)
        return To(name, fallback=LEGACY if may_fall_back else None)

    def _legacy(self, standing: Standing) -> To:
        share = self._facade.shadow.share
        if COMPARER not in self._upstreams:
            self._note(
                f"{standing.function}: its reads aren't mirrored: --comparer URL says where to (or --facade URL)"
            )
            share = 0.0
        return To(LEGACY, mirrored=share)

    def _side(self, function: str, side: Side) -> str:
        """The upstream that is this side of the function."""
        if side is Side.LEGACY:
            return LEGACY
        section = self._settings.functions[function]
        if section.service is None:
            raise StranglerError(
                f"{function} is answered by the new side, but nothing says where that is",
                do=f"add functions.{function}.service.url",
            )
        if section.protocol is not None:
            return self._translated(function, section.protocol.kind)
        name = f"new_{function}"
        self._upstreams.setdefault(name, upstream(name, section.service.url, section.service.health))
        return name

    def _translated(self, function: str, protocol: str) -> str:
        if FACADE not in self._upstreams:
            raise StranglerError(
                f"{function}: its calls are translated ({protocol}) for the new service, which only the facade does",
                do="name a running facade with --facade URL, which such calls are then sent to",
            )
        self._note(
            f"{function}: what its new side answers is translated ({protocol}), so it goes to the facade"
        )
        return FACADE

    def _refusal(self, status: int, why: str) -> Refuse:
        seconds = max(1, round(self._settings.cutover.retry_after.total_seconds()))
        return Refuse(status, why, seconds if status == UNAVAILABLE else None)

    def _note(self, text: str) -> None:
        self._notes[text] = None


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


def _meet(one: CompiledRoute, other: CompiledRoute) -> bool:
    """Whether some request may be a candidate of both."""
    if one.methods is not None and other.methods is not None and not one.methods & other.methods:
        return False
    return _overlap(one.template, other.template)


def _overlap(one: Template, other: Template) -> bool:
    for (rank, text), (other_rank, other_text) in zip(one, other, strict=False):
        if Rank.REST in (rank, other_rank):
            return True
        if rank is other_rank is Rank.LITERAL and text != other_text:
            return False
    longer: Sequence[tuple[Rank, str]] = one[len(other) :] or other[len(one) :]
    return not longer or longer[0][0] is Rank.REST
