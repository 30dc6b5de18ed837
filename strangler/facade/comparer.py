"""Comparer: takes the calls that another proxy mirrors, answers each with 204 at once, and asks both sides for itself.

So shadow comparison works also where nginx, HAProxy or Envoy is the data plane. Nothing that comes here is passed on: of a write nothing
follows, and of a read only that it is asked again, as far as the function's stage has its reads shadowed. It comes from a proxy that is
believed (`facade.trusted_proxies`) or from this machine: who else could reach the comparer would have both sides asked by it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from strangler.cutover.stages import Side
from strangler.facade.answers import Refusal
from strangler.facade.deciding import Deciding
from strangler.facade.lane import Seen
from strangler.facade.protocol import Request as Asking
from strangler.facade.shadow import BODY
from strangler.facade.wire.caller import CallerConnection
from strangler.facade.wire.request import Request
from strangler.routing import Asked

if TYPE_CHECKING:
    from strangler.facade.parts import Parts

_SHADOW: Final = re.compile(r"-shadow(:\d+)?$")
"""What Envoy puts behind the host of what it mirrors, before the port."""


class Mirrored:
    """One call of a proxy's mirror."""

    def __init__(self, parts: Parts, request: Request, caller: CallerConnection) -> None:
        self._parts, self._request, self._caller = parts, request, caller
        self._body = bytearray()
        self._long = False
        self._copies = parts.peers.mirrors(caller.address)

    def begin(self) -> None:
        """A call without a body is whole already."""
        if self._request.heading.expects:
            self._caller.invite()
        if not self._request.has_body:
            self.whole()

    def piece(self, piece: bytes) -> None:
        self._long = self._long or not self._copies or len(self._body) + len(piece) > BODY
        if not self._long:
            self._body += piece

    def whole(self) -> None:
        parts, keep = self._parts, self._request.heading.keep_alive and not self._parts.front.draining
        if not self._copies:
            self._caller.write(parts.front.unreadable(self._caller, _stranger(self._caller.address)))
            self._caller.finished(False)
            return
        self._caller.write(parts.passing.whole(204, [], b"", self._request, keep))
        self._caller.finished(keep)
        try:
            self._offer()
        except Refusal:
            return  # The proxy's own side answers such a call, or refuses it; there is nothing to compare.

    def _offer(self) -> None:
        parts, request = self._parts, self._request
        host = _SHADOW.sub(r"\1", request.headers.get("host", ""))
        asked = Asked(request.method, request.target, {**request.headers, "host": host})
        deciding = Deciding(parts, asked, bool(self._body))
        origin = parts.peers.origin(request, self._caller.address, self._caller.scheme)
        identity = parts.credentials.check(request.headers)
        who = parts.who(asked, origin.address, identity)
        standings = parts.keeper.current()
        deciding.feed(bytes(self._body), only=not self._long)
        decision = deciding.decide(standings, who)
        if not decision.shadow or decision.side is not Side.LEGACY or decision.function is None:
            return
        if self._long:
            parts.shadow.offer(decision.function, decision.standing, None)
            return
        trace = parts.traces.begin(request.headers)
        told = parts.passing.told(request, origin, trace)
        told = [(name, host if name == "host" else value) for name, value in told]
        call = Asking(request.method, request.target, told, bytes(self._body))
        since = standings.counting_since(decision.function, decision.standing)
        onward = parts.credentials.shadowed(decision.function, asked, origin, identity, trace)
        seen = Seen(
            decision.function,
            decision.operation,
            call,
            None,
            cohort=decision.standing,
            since=since,
            onward=onward,
        )
        parts.shadow.offer(decision.function, decision.standing, seen)

    def gone(self, why: Refusal | None) -> None:
        """What came is forgotten."""

    def hold(self) -> None:
        """Nothing is long enough."""

    def go_on(self) -> None:
        """Nothing is long enough."""


def _stranger(address: str) -> Refusal:
    """The refusal of what comes from an address that isn't a proxy's."""
    what = f"copies of calls are taken from facade.trusted_proxies and from this machine, and {address} is neither"
    return Refusal(403, what, "http_request_denied")
