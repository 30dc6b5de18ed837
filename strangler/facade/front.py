"""Front: where calls begin. It hands each to who serves it, and looks that none takes for ever; its `Door` lets callers in."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from strangler.facade.answers import Defective, Refusal
from strangler.facade.call import Call
from strangler.facade.comparer import Mirrored
from strangler.facade.exchange import Exchange
from strangler.facade.health import MEDIA_TYPE, bare
from strangler.facade.plain import Plain, plainly
from strangler.facade.traces import NO_TRACE
from strangler.facade.wire.caller import CallerConnection
from strangler.facade.wire.known import Known, Lines
from strangler.facade.wire.opening import Patience, Taker
from strangler.facade.wire.request import Heading, RawHeaders, Request

if TYPE_CHECKING:
    from strangler.facade.parts import Parts

OWN_PATHS: Final = frozenset(("/healthz", "/readyz", "/metrics"))
"""Answered before routing; an ERP that has such paths is reached on them directly, not through the facade."""


class Front:
    """Opens a facade's calls. Belongs to the event loop's thread."""

    def __init__(
        self, parts: Parts, patience: Patience, opens: type[Exchange] | type[Mirrored] = Exchange
    ) -> None:
        """`opens` is what becomes of a call."""
        self._parts, self.patience, self._opens = parts, patience, opens
        self.connections: set[CallerConnection] = set()
        self.known: Known[Heading] = Known()
        self.lines = Lines()
        self.draining, self._public = False, parts.settings.public_health

    def drain(self) -> None:
        """Take no new calls; connections end with the call that is under way on them."""
        self.draining = True
        self.close_idle()

    def close_idle(self) -> None:
        """Let go of callers that ask for nothing."""
        for connection in [c for c in self.connections if c.idle]:
            connection.close()

    def abandon(self) -> None:
        """End what is left."""
        for connection in list(self.connections):
            connection.abort()
        for exchange in list(self._parts.exchanges):
            exchange.abandon()

    def sweep_exchanges(self, now: float) -> None:
        """Look which calls have taken too long, or waited too long for room."""
        shedding = self._parts.shedding
        for exchange in list(self._parts.exchanges):
            self._sweep_exchange(exchange, now)
        if shedding.waiting:
            for waiting in shedding.overdue(now):
                waiting.ticket.crowded(waiting.lane)

    def sweep_connections(self, now: float) -> None:
        """The same of callers."""
        for connection in list(self.connections):
            self._sweep_connection(connection, now)

    def _sweep_exchange(self, exchange: Exchange | Plain, now: float) -> None:
        try:
            exchange.sweep(now)
        except Exception as error:  # noqa: BLE001  # as of connections
            self.defect(error)
            self._parts.exchanges.discard(exchange)
            exchange.caller.abort()

    def _sweep_connection(self, connection: CallerConnection, now: float) -> None:
        try:
            connection.sweep(now)
        except Exception as error:  # noqa: BLE001  # one connection's trouble must not end all timeouts
            self.defect(error)
            connection.abort()

    def defect(self, error: Exception) -> None:
        self._parts.defect(f"{type(error).__name__}: {error}")

    def take(self, request: Request, connection: CallerConnection) -> Taker:
        path = request.path
        if path in OWN_PATHS and (self._public or path != "/metrics"):
            return self._own(request, connection)
        if request.heading.known:  # which tells of no Max-Forwards
            if (plain := self._plainly(request, connection)) is not None:
                return plain
        elif request.headers.get("max-forwards") == "0" and request.method in ("OPTIONS", "TRACE"):
            return self._last(request, connection)
        try:
            taker = self._opens(self._parts, request, connection)
        except Exception as error:  # noqa: BLE001  # without one there is nobody else to tell the caller
            return self._failed(request, connection, error)
        taker.begin()
        return taker

    def _plainly(self, request: Request, connection: CallerConnection) -> Plain | None:
        try:
            return plainly(self._parts, request, connection)
        except Exception as error:  # noqa: BLE001  # a defect here leaves it to who is careful
            self.defect(error)
            return None

    def _own(self, request: Request, connection: CallerConnection) -> Taker:
        parts, path = self._parts, request.path
        status, kind = 200, MEDIA_TYPE
        if path == "/metrics":
            accept = request.headers.get("accept", "")
            kind, body = parts.metrics.content_type(accept), parts.metrics.page(accept)
        else:
            status, body = parts.health.healthz() if path == "/healthz" else parts.health.readyz()
            body = body if self._public else bare(status)
        headers = [(b"Content-Type", kind.encode()), (b"Cache-Control", b"no-store")]
        return self._tell(request, connection, status, headers, body)

    def _last(self, request: Request, connection: CallerConnection) -> Taker:
        """A call that may not go further. TRACE isn't answered: it would show what was added on the way."""
        status = 204 if request.method == "OPTIONS" else 405
        return self._tell(request, connection, status, [(b"Allow", b"OPTIONS")], b"")

    def _tell(
        self, request: Request, connection: CallerConnection, status: int, headers: RawHeaders, body: bytes
    ) -> Taker:
        keep = request.heading.keep_alive and not request.has_body and not self.draining
        connection.write(self._parts.passing.whole(status, headers, body, request, keep))
        connection.finished(keep)
        return _DONE

    def _failed(self, request: Request, connection: CallerConnection, error: Exception) -> Taker:
        """A call that couldn't be begun, its trace perhaps neither."""
        self.defect(error)
        call = Call(request, connection.address, request.version, NO_TRACE, connection.moment)
        refusal = Defective()
        self._note(call, refusal, f"{type(error).__name__}: {error}")
        return self._tell(request, connection, refusal.status, refusal.headers(), refusal.body())

    def _note(self, call: Call, refusal: Refusal, detail: str) -> None:
        call.status, call.error, call.detail = refusal.status, refusal.error, detail
        call.ended = monotonic()
        self._parts.note_call(call)

    def unreadable(self, connection: CallerConnection, refusal: Refusal) -> bytes:
        parts = self._parts
        call = Call(None, connection.address, "", parts.traces.begin({}), connection.moment)
        self._note(call, refusal, refusal.detail)
        return parts.passing.whole(refusal.status, refusal.headers(), refusal.body(), None, keep=False)


class _Done:
    """A call that is answered already."""

    def piece(self, piece: bytes) -> None:
        """Nobody wants it."""

    def whole(self) -> None:
        """Nobody waits for it."""

    def gone(self, why: Refusal | None) -> None:
        """It has its answer."""

    def hold(self) -> None:
        """All is written."""

    def go_on(self) -> None:
        """All is written."""


_DONE: Final = _Done()
