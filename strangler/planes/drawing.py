"""Drawing: from settings and standings to the picture of them. Pure; it asks routing what follows for each route, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from strangler.cutover.stages import Side
from strangler.errors import StranglerError
from strangler.planes.cohorts import slices
from strangler.planes.plane import (
    COMPARER,
    FACADE,
    LEGACY,
    Action,
    Limits,
    Plane,
    Refuse,
    Rule,
    Split,
    Sticky,
    To,
    upstream,
)
from strangler.planes.stamp import Stamp, fingerprint
from strangler.routing import BUCKETS, Decision, Standings
from strangler.routing.decision import undecided
from strangler.routing.paths import Rank, Template
from strangler.routing.route import CompiledRoute, compiled
from strangler.routing.ruling import UNAVAILABLE, Ruling, follows
from strangler.routing.standings import moved
from strangler.routing.table import Unclear
from strangler.settings import Facade, Function, Settings


class Wishes(NamedTuple):
    """What the user wants of an export. URLs; `listen` is host:port."""

    listen: str
    facade: str | None = None
    comparer: str | None = None
    without_body_routes: bool = False


def draw(settings: Settings, standings: Standings, wishes: Wishes) -> Plane:
    """The picture of the configuration at these standings. Raises StranglerError for what can't be exported as wished."""
    if settings.facade is None:
        raise StranglerError(
            "there is no facade to export",
            why="the configuration has no section facade, so nothing says where legacy is",
            do="add facade: with at least legacy: URL",
        )
    return _Drawing(settings, settings.facade, standings, wishes).plane()


class _Drawing:
    """A picture in the making: it collects upstreams and notes on its way."""

    def __init__(self, settings: Settings, facade: Facade, standings: Standings, wishes: Wishes) -> None:
        self._settings, self._facade, self._standings, self._wishes = settings, facade, standings, wishes
        self._upstreams = {LEGACY: upstream(LEGACY, facade.legacy)}
        if wishes.facade:
            self._upstreams[FACADE] = upstream(FACADE, wishes.facade)
        if mirror := wishes.comparer or wishes.facade:
            self._upstreams[COMPARER] = upstream(COMPARER, mirror)
        self._notes: dict[str, None] = {}
        self._routes = sorted(
            compiled(settings.functions, ignore_case=facade.ignore_case),
            key=lambda route: (route.order, route.kind == "read"),
        )
        self._by_body = {route.function for route in self._routes if _hidden(route)}

    def plane(self) -> Plane:
        settings, facade = self._settings, self._facade
        self._refuse_body_routes()
        if facade.overrides is not None:
            self._note("facade.overrides: testers can't say here which side answers; they do at the facade")
        rules = tuple(self._settled([rule for route in self._routes for rule in self._rules(route)]))
        return Plane(
            name=settings.name,
            stamp=Stamp(self._standings.generation, fingerprint(settings)),
            listen=self._wishes.listen,
            rules=rules,
            unclear=self._unclear(self._routes, "the request can be read in several ways"),
            upstreams=self._upstreams,
            ignore_case=facade.ignore_case,
            sticky=_sticky(facade),
            limits=Limits(
                facade.connect_timeout.total_seconds(),
                facade.total_timeout.total_seconds(),
                facade.limits.legacy,
                facade.limits.new,
            ),
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

    def _rules(self, route: CompiledRoute) -> Iterator[Rule]:
        """One for a route, or one for each cohort and one for the others."""
        own = self._standings.cohorts.get(route.function, {})
        if _hidden(route):
            yield Rule(route, self._hidden(route))
        elif route.scope is None or (route.scope.key is None and not own):
            yield Rule(route, self._action(route, follows(self._standings, route)))
        elif self._facade.ignore_case or (found := slices(route, route.scope, own)) is None:
            yield Rule(route, self._scoped(route.function))
        else:
            for slice_, cohort in found:
                yield Rule(slice_, self._action(slice_, follows(self._standings, route, cohort)))

    def _settled(self, rules: list[Rule]) -> Iterator[Rule]:
        """The rules, without more than one split of the callers of a function."""
        splits: dict[str, set[Split]] = {}
        for rule in rules:
            if isinstance(rule.action, Split):
                splits.setdefault(rule.route.function, set()).add(rule.action)
        for rule in rules:
            several = isinstance(rule.action, Split) and len(splits[rule.route.function]) > 1
            yield Rule(rule.route, self._scoped(rule.route.function)) if several else rule

    def _action(self, route: CompiledRoute, ruling: Ruling) -> Action:
        if ruling.decision.status is not None:
            return self._refusal(ruling.decision)
        if route.kind == "write":
            # Invariant 4: only the owner is written to.
            return To(self._side(route.function, ruling.decision.side))
        return self._read(route.function, ruling)

    def _hidden(self, route: CompiledRoute) -> To | Refuse:
        """What becomes of a call whose body would have to be read."""
        if FACADE in self._upstreams:
            self._note(
                f"{route.function}: calls that are told apart by their body go to the facade, which reads it"
            )
        touched = [other for other in self._routes if _meet(route, other)]
        action = self._unclear(touched, "this proxy doesn't look into the body")
        if isinstance(action, Refuse):
            self._note(f"{route.function}: calls that are told apart by their body are refused: {action.why}")
        elif action.upstream == LEGACY:
            self._note(
                f"{route.function}: calls that are told apart by their body go to legacy, whatever the weight is"
            )
        return action

    def _scoped(self, function: str) -> To:
        """Where calls go of which only the facade knows the cohort, or where their document was begun."""
        if FACADE not in self._upstreams:
            raise StranglerError(
                f"{function}: its calls are told apart by cohort or document as only the facade can",
                why="where a document was begun is in the control store, a cohort may be in a body or a verified identity, and callers are "
                "divided by one weight alone",
                do="name a running facade with --facade URL, which such calls are then sent to",
            )
        self._note(f"{function}: calls that are told apart by cohort or document go to the facade")
        return To(FACADE)

    def _unclear(self, routes: Sequence[CompiledRoute], why: str) -> To | Refuse:
        """What becomes of a request that could mean any of the routes."""
        if FACADE in self._upstreams:
            return To(FACADE)
        decision = undecided(self._standings, Unclear(tuple(routes), why))
        return To(LEGACY) if decision.status is None else self._refusal(decision)

    def _read(self, function: str, ruling: Ruling) -> Action:
        if ruling.decision.side is Side.NEW or ruling.weight >= BUCKETS:
            return self._new(function)
        if not ruling.weight:
            return self._legacy(function, ruling)
        if function in self._by_body and FACADE in self._upstreams:
            self._note(
                f"{function}: its reads go to the facade while its weight is between none and all, since some of them are told apart by "
                "their body and a caller must be on one side with all of them"
            )
            return To(FACADE)
        if self._facade.read_your_writes.enabled:
            self._note(
                f"{function}: who has just written may read from new what its store doesn't have yet; only the facade prevents that"
            )
        return Split(function, ruling.weight, self._new(function), self._legacy(function, ruling))

    def _new(self, function: str) -> To:
        name = self._side(function, Side.NEW)
        stays = name != FACADE and not any(moved(each) for each in self._standings.all_of(function))
        return To(name, fallback=LEGACY if stays else None)

    def _legacy(self, function: str, ruling: Ruling) -> To:
        if ruling.mirrored is None:
            return To(LEGACY)
        if COMPARER not in self._upstreams:
            self._note(
                f"{function}: its reads aren't mirrored: --comparer URL says where to (or --facade URL)"
            )
            return To(LEGACY)
        return To(LEGACY, mirrored=self._facade.shadow.share)

    def _side(self, function: str, side: Side) -> str:
        """The upstream that is this side of the function."""
        return LEGACY if side is Side.LEGACY else self._service(function, self._settings.functions[function])

    def _service(self, function: str, section: Function) -> str:
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

    def _refusal(self, decision: Decision) -> Refuse:
        seconds = max(1, round(self._settings.cutover.retry_after.total_seconds()))
        assert decision.status is not None
        return Refuse(decision.status, decision.why, seconds if decision.status == UNAVAILABLE else None)

    def _note(self, text: str) -> None:
        self._notes[text] = None


def _sticky(facade: Facade) -> Sticky:
    section = facade.sticky
    names = tuple(name.lower() for name in section.headers)
    return Sticky(names, tuple(section.cookies), section.salt.get_secret_value())


def _hidden(route: CompiledRoute) -> bool:
    """Whether the head doesn't show if the route takes a request, or what it asks for."""
    return route.looks_inside or route.opaque


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
    longer = one[len(other) :] or other[len(one) :]
    return not longer or longer[0][0] is Rank.REST
