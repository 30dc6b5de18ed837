"""Outlook: a facade's parts, as the admin API sees them."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from strangler.facade.admin.gate import Gate
from strangler.facade.admin.inside import (
    BreakerNow,
    CallsNow,
    Candidate,
    Explained,
    Forced,
    Inside,
    Picture,
    StandingNow,
    UpstreamNow,
)
from strangler.facade.admin.server import AdminServer
from strangler.facade.answers import BadRequest
from strangler.facade.identity.signing import public_keys
from strangler.facade.wire.pool import Pool
from strangler.routing import Asked, BadPath, Values, Who, decide
from strangler.routing.explanation import candidates

if TYPE_CHECKING:
    from strangler.facade.parts import Parts


def admin(parts: Parts, drain: Callable[[], None]) -> AdminServer:
    """The admin API of a facade that has one, its port taken. Raises Unavailable when it can't be."""
    section = parts.settings.admin
    assert section is not None
    gate = Gate(parts.credentials.verifier, lambda: parts.keeper.control)
    return AdminServer(section, inside(parts, drain), gate, f"Facade {parts.id}")


def inside(parts: Parts, drain: Callable[[], None]) -> Inside:
    """What the API asks. `drain` lets the facade take nothing new."""
    signing = parts.settings.signing
    return Inside(
        id=parts.id,
        picture=lambda: _picture(parts),
        upstreams=lambda: [_upstream(parts, pool) for pool in parts.pools],
        calls=lambda: _calls(parts),
        explain=lambda asked, values, who: _explained(parts, asked, values, who),
        drain=drain,
        metrics=lambda: (parts.metrics.content_type(), parts.metrics.page()),
        healthz=parts.health.healthz,
        readyz=parts.health.readyz,
        force=lambda upstream, function, forced, why: _force(parts, upstream, function, forced, why),
        control=lambda: parts.keeper.control,
        keys=public_keys(signing) if signing is not None else {"keys": []},
    )


def _picture(parts: Parts) -> Picture:
    now = parts.keeper.current()
    standings = [
        StandingNow(s.function, s.cohort, s.stage, s.owner, s.weight, s.fenced, s.hold, s.since)
        for name in parts.functions
        for s in now.all_of(name)
    ]
    return Picture(parts.id, now.generation, now.trust.value, parts.keeper.silence(), standings)


def _upstream(parts: Parts, pool: Pool) -> UpstreamNow:
    seen = parts.health.seen.get(pool.key)
    return UpstreamNow(
        pool.key,
        pool.base,
        seen.status if seen else "warn",
        seen.words if seen else "nobody has looked at it yet",
        pool.open - pool.idle,
        pool.idle,
        pool.waiting,
        pool.limit,
        _breakers(parts, pool),
    )


def _breakers(parts: Parts, pool: Pool) -> list[BreakerNow]:
    """Those of the functions that were asked there since the start, and of all that could be."""
    side, own = _side(pool.key)
    functions = {function for each, function in parts.breakers.all if each == side} | set(parts.functions)
    return [
        BreakerNow(pool.key, function, breaker.state, breaker.forced or "automatic", breaker.why)
        for function in sorted(functions if own is None else functions & {own})
        for breaker in [parts.breakers.of(side, function)]
    ]


def _force(parts: Parts, upstream: str, function: str, forced: Forced, why: str) -> None:
    breaker = parts.breakers.of(_side(upstream)[0], function)
    breaker.force(None if forced == "automatic" else forced, monotonic(), why)


def _side(key: str) -> tuple[str, str | None]:
    """The side of an upstream, and the function that it is for; None for all."""
    side, _, function = key.partition(":")
    return side, function or None


def _calls(parts: Parts) -> CallsNow:
    generation = parts.keeper.current().generation
    return CallsNow(len(parts.exchanges), len(parts.flight), parts.flight.settled(generation))


def _explained(parts: Parts, asked: Asked, given: Values, who: Who) -> Explained:
    """What routing says, as it is asked by a call; what isn't given of a body isn't there."""
    try:
        found = parts.table.find(asked)
        wanted = {(kind, name): None for kind, names in found.wanted.items() for name in names}
        values = {**wanted, **given}
        known = who if who.caller else who._replace(caller=parts.table.identify(asked, ""))
        told = decide(parts.table, parts.keeper.current(), asked, found, values, known, 0.0, parts.memory)
        listed = candidates(parts.table, asked, found, values)
    except BadPath as error:
        raise BadRequest(str(error)) from error
    others = [Candidate(each.route.function, each.route.place, each.why) for each in listed]
    return Explained(
        told.function, told.kind, told.operation, told.side, told.shadow, told.status, told.why, others
    )
