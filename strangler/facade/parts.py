"""Parts: everything that a facade is made of, put together in one place."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from time import monotonic
from typing import Final

from strangler.control import facades
from strangler.control.comparisons import Kind
from strangler.control.store import Control
from strangler.cutover.stages import SHADOWED, Side
from strangler.errors import ConfigurationError, Problem
from strangler.facade.aside import Aside
from strangler.facade.breaker import Breakers, Transition
from strangler.facade.budget import Budget, Timeouts
from strangler.facade.call import Call
from strangler.facade.comparer import Mirrored
from strangler.facade.credentials import Credentials
from strangler.facade.exchange import Exchange
from strangler.facade.failures import Failures
from strangler.facade.flight import Flight
from strangler.facade.front import Front
from strangler.facade.gauges import (
    watch_breakers,
    watch_drops,
    watch_holding,
    watch_loop,
    watch_pools,
    watch_shedding,
)
from strangler.facade.health import Health
from strangler.facade.holding import Holding
from strangler.facade.lane import Seen
from strangler.facade.logs import AccessLog
from strangler.facade.memory import Memory
from strangler.facade.metrics import Metrics
from strangler.facade.plain import Plain
from strangler.facade.pools import Pools
from strangler.facade.protocol import Request
from strangler.facade.proxy_status import passed
from strangler.facade.rooms import Space
from strangler.facade.server_timing import timing
from strangler.facade.service import Services
from strangler.facade.shadow import Shadow
from strangler.facade.shedding import Shedding
from strangler.facade.standing import LEASE, Keeper
from strangler.facade.traces import Reporter, Traces
from strangler.facade.track import Track
from strangler.facade.traffic import Tally
from strangler.facade.translations import translations
from strangler.facade.ways import Ways
from strangler.facade.wire.names import claim
from strangler.facade.wire.opening import Patience
from strangler.facade.wire.outgoing import Passing
from strangler.facade.wire.peers import Peers
from strangler.identity import Identity
from strangler.routing import Asked, Decision, RouteTable, Standings, Who, compile_routes
from strangler.sensitive import names
from strangler.settings import Facade as FacadeSettings
from strangler.settings import Settings
from strangler.settings.facade import Callers

_log: Final = logging.getLogger("strangler.facade")


class Parts:
    """The parts of one facade, or of a comparer. Made without touching anything; `server.Facade` opens and closes them.
    `apart`: comparing has a process of its own. Raises ConfigurationError."""

    def __init__(
        self,
        settings: Settings,
        open_control: Callable[[], Control],
        lease: float = LEASE,
        *,
        compares: bool = False,
        apart: bool = False,
    ) -> None:
        self.settings, self.compares = section(settings), compares
        facade = self.settings
        self.id = facades.new_id()
        self.passing = Passing(f"strangler-{settings.name}")
        self.peers = Peers(facade.trusted_proxies)
        self.retry_after = settings.cutover.retry_after.total_seconds()
        self.timeouts = Timeouts(
            facade.connect_timeout.total_seconds(),
            facade.read_timeout.total_seconds(),
            facade.total_timeout.total_seconds(),
        )
        self.idle_timeout = facade.idle_timeout.total_seconds()
        self.doubtful_write = facade.doubtful_write.total_seconds()
        budget_header = claim(facade.budget.header)
        self.budget_header = budget_header if facade.budget.from_callers else ""
        """The one in which callers say what time they have; empty where nobody listens."""
        self.left_header = facade.budget.header.encode()
        """The one in which upstreams are told what time is left."""
        self.breakers = Breakers(facade.breaker, self._broke)
        self.failures = Failures(facade.breaker.failures)
        self.shedding = Shedding(facade.limits)
        self.holding = Holding(settings.cutover.hold_writes.total_seconds(), self.shedding.all)
        self.metrics, self.flight = Metrics(settings.functions), Flight()
        self.log = AccessLog(facade.access_log)
        self.memory = Memory(settings.functions, facade)
        longest = (facade.total_timeout + facade.doubtful_write).total_seconds()
        self.keeper = Keeper(open_control, self.id, self.flight, self.memory, lease, longest)
        self.keeper.on_change = self.holding.look
        self.tally = Tally(self.id, self.metrics.note_shadow)
        self.sensitive = names(settings)
        self.functions = tuple(settings.functions)
        self.table = _table(settings, facade)
        if self.table.overriding is not None:
            for name in self.table.overriding.own_headers:
                claim(name)
        spoken = translations(settings)
        self.pools = Pools(facade, settings.functions)
        self.services = Services(spoken, self.pools, self.timeouts.total)
        self.ways = Ways(self.shedding, self.breakers, self.pools, spoken)
        self.credentials = Credentials(facade, f"strangler-{settings.name}", self.services.legacy)
        self.shadow: Shadow | Aside = (
            Aside(settings, self.tally, self.metrics.note_shadow)
            if apart
            else Shadow(settings, spoken, self.tally, self.metrics.note_shadow, self.sensitive)
        )
        self.health = Health(facade, settings.functions, self.keeper, self.pools)
        self.exchanges: set[Exchange | Plain] = set()
        self._says = facade.proxy_status == "all" or facade.server_timing
        self.plain = not (compares or self._says or self.credentials.look)
        """Whether calls may be plain ones (`strangler.facade.plain`): nothing is looked at or said of each."""
        self.front = Front(self, _patience(facade.callers), Mirrored if compares else Exchange)
        self.draw = random.random
        upstreams = {pool.key: pool.base for pool in self.pools}
        self.traces = Traces(facade.traces, Reporter(settings.name, self.id, upstreams))
        self._show()

    def _show(self) -> None:
        """Let metrics see what others count."""
        watch, keeper = self.metrics.watch, self.keeper
        watch("writes_in_flight", "Writes under way.", (), lambda: [((), len(self.flight))])
        words = "Generation of the standings in use."
        watch("generation", words, (), lambda: [((), keeper.current().generation)])
        words = "Time since the control store last knew of us."
        watch("control_silence_seconds", words, (), lambda: [((), keeper.silence())])
        watch_loop(self.metrics, self.exchanges, self.front.connections)
        watch_breakers(self.metrics, self.breakers)
        watch_shedding(self.metrics, self.shedding)
        watch_holding(self.metrics, self.holding)
        watch_pools(self.metrics, self.pools)
        watch_drops(self.metrics, lambda: self.log.dropped, lambda: self.traces.dropped)

    def who(self, asked: Asked, client: str, identity: Identity | None) -> Who:
        """Who asks, from the address `client`, as far as routing needs to know it."""
        caller = self.table.identify(asked, client)
        return Who(caller) if identity is None else Who(caller, identity.claims, identity.roles)

    def note(self, exchange: Exchange) -> None:
        """A call is over: what is to be counted, written and compared of it."""
        self.note_call(exchange.call)
        self.credentials.note(exchange.request, exchange.values, exchange.call.status)
        if exchange.kept is not None:
            self._mirror(exchange)

    def track(self, decision: Decision | None) -> Track:
        """What follows from a decision for the calls that go by it."""
        if decision is None:
            return Track(self)
        track = decision.track
        if isinstance(track, Track) and track.owner is self:
            return track
        decision.track = made = Track(self)
        return made

    def note_call(self, call: Call) -> None:
        """Count it, write its line, and have its spans made."""
        decision = call.decision
        track = self.track(decision)
        self.metrics.note(call, track)
        self.log.write(call, track)
        self.traces.note(call)
        if decision is None or decision.function is None or decision.kind is None:
            return
        counts, began = self.tally.calls, call.began
        if call.fell_back and call.attempts:
            # Invariant 7: that legacy answered in its place hides from no gate that new failed (what can't be put to it isn't that).
            began = call.called
            of_new = counts.of(decision.function, decision.standing, decision.kind, Side.NEW)
            of_new.note(True, False, began - call.began)
        figures = track.figures
        if figures is None or track.period != counts.period:
            figures = counts.of(decision.function, decision.standing, decision.kind, decision.side)
            track.figures, track.period = figures, counts.period
        fenced = decision.fenced
        figures.note(call.status >= 500 and not fenced, fenced, call.ended - began)

    def keeps(self, standings: Standings, decision: Decision) -> bool:
        """Whether a copy of the call and its answer is kept for shadow. Where one should be and there is no room, that is counted."""
        if not self._shadows(standings, decision):
            return False
        track = self.track(decision)
        space = self.space(decision, track)
        if space is None or space.free:
            return space is not None
        self.pass_over(decision, track)
        return False

    def space(self, decision: Decision, track: Track) -> Space | None:
        """Where there is room for a call that is to be shadowed; None where nobody compares it."""
        space = track.space
        if space is None:
            space = track.space = self.shadow.space((decision.function or "", _kind(decision)))
        return space

    def pass_over(self, decision: Decision, track: Track) -> None:
        """Count a call that should be shadowed and finds no room."""
        drop = track.drop
        if drop is None:
            lane = decision.function or "", _kind(decision)
            drop = track.drop = self.tally.drops.of(lane, decision.standing)
        drop.calls += 1

    def _shadows(self, standings: Standings, decision: Decision) -> bool:
        if decision.shadow or decision.kind != "write":
            return decision.shadow
        function = decision.function
        return (
            function in self.shadow.writes
            and decision.side is Side.LEGACY
            and standings.of(function, decision.cohort).stage in SHADOWED
        )

    def _mirror(self, exchange: Exchange) -> None:
        """A call that legacy answered is offered for comparison. What legacy itself refused says nothing about new."""
        call, kept = exchange.call, exchange.kept
        decision = call.decision
        assert decision is not None
        assert decision.function is not None
        assert kept is not None
        if kept.head is None or call.error or call.status >= 400:
            return
        both, asked = kept.both(), exchange.request
        seen = None
        if both is not None:
            told = self.passing.told(asked, exchange.origin, call.trace)
            onward = self.credentials.shadowed(
                decision.function, asked, exchange.origin, exchange.identity, call.trace
            )
            request = Request(asked.method, asked.target, told, both[0])
            seen = Seen(
                decision.function,
                decision.operation,
                request,
                both[1],
                call.ended - call.began,
                decision.standing,
                exchange.standings.counting_since(decision.function, decision.standing),
                time.time(),
                decision.key,
                onward,
            )
        self.shadow.offer(decision.function, decision.standing, seen, _kind(decision))

    def more(self, budget: Budget, now: float) -> str:
        """Header lines that an upstream gets beside the caller's."""
        return f"{self.settings.budget.header}: {int(budget.remaining(now) * 1000) or 1}\r\n"

    def back(self, standings: Standings, call: Call) -> bytes:
        """Header lines that the caller gets beside the upstream's."""
        cookie = self.memory.cookie(standings, call.decision)
        if cookie is None and not self._says:
            return b""
        lines = self.said(call, call.status)
        if cookie is not None:
            lines.append((b"Set-Cookie", cookie.encode()))
        return b"".join(b"%b: %b\r\n" % line for line in lines)

    def said(self, call: Call, status: int) -> list[tuple[bytes, bytes]]:
        """What the facade says of an answer that it passes on, where that is configured."""
        settings, lines = self.settings, []
        if settings.proxy_status == "all":
            lines.append((b"Proxy-Status", passed(call.upstream, status)))
        if settings.server_timing:
            lines.append((b"Server-Timing", timing(call, monotonic())))
        return lines

    def _broke(self, side: str, function: str, transition: Transition) -> None:
        told = {"side": side, "function": function, "was": transition.was, "reason": transition.why}
        _log.warning(f"the breaker is {transition.now}", extra=told)

    def defect(self, error: str) -> None:
        """A call failed in the facade itself: say it where somebody looks."""
        _log.exception("a call failed in the facade", extra={"reason": error})


def _kind(decision: Decision) -> Kind:
    """Of the lane in which a call is compared."""
    return "write" if decision.kind == "write" else "read"


def section(settings: Settings) -> FacadeSettings:
    """What the configuration says of the facade. Raises ConfigurationError when it says nothing."""
    if settings.facade is None:
        instead = "facade:\n      legacy: http://127.0.0.1:8000"
        raise ConfigurationError(
            [Problem("configuration", None, "facade", "there is no facade to run", instead)]
        )
    return settings.facade


def _table(settings: Settings, facade: FacadeSettings) -> RouteTable:
    try:
        return compile_routes(settings.functions, facade)
    except ValueError as error:
        raise ConfigurationError(
            [Problem("configuration", None, "functions.*.routes", str(error), "/parties/{id}")]
        ) from error


def _patience(callers: Callers) -> Patience:
    return Patience(
        callers.head_bytes,
        callers.body_bytes,
        callers.head_time.total_seconds(),
        callers.body_time.total_seconds(),
        callers.write_time.total_seconds(),
        callers.idle_time.total_seconds(),
    )
