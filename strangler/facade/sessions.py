"""Sessions: what legacy sessions mean, remembered for a while, so that legacy is asked seldom and never twice at once.

A session is remembered for the address that it came from: some ERPs bind it to that. It is forgotten when its time is over, when a
request ends it, and when an upstream says that it isn't good. While legacy doesn't answer, the last answer is good a little longer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from strangler import plugins
from strangler.errors import ConfigurationError, Problem, StranglerError
from strangler.facade.answers import Refusal
from strangler.facade.session import Ask, Carrier, Mapped, Session, SessionMapping, SessionOver
from strangler.facade.wire.names import hyphened
from strangler.facade.wire.request import Origin
from strangler.facade.wire.sayable import Unsayable, sayable
from strangler.routing import Asked, Values
from strangler.settings import Sessions as SessionsSettings

NO_SESSION: Final = Mapped()
"""What a request without a session means."""

_PASSED: Final = ("host", "user-agent", "accept-language", "traceparent")


class _Known(NamedTuple):
    """For whose address, what it means, until when (monotonic), and until when while legacy is silent."""

    client: str
    mapped: Mapped
    until: float
    stale: float


class Sessions:
    """Belongs to the event loop's thread. `ask` puts calls to legacy."""

    def __init__(
        self,
        section: SessionsSettings,
        mapping: SessionMapping,
        ask: Ask,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._section, self._mapping, self._ask, self._clock = section, mapping, ask, clock
        self._ttl, self._stale = section.ttl.total_seconds(), section.stale.total_seconds()
        self.adds = frozenset(map(hyphened, mapping.adds))
        """The headers that new services get from here alone, `hyphened`."""
        self._known: dict[str, _Known] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[Mapped]] = {}

    def known(self, asked: Asked, client: str) -> Mapped | None:
        """What the request's session means; None when that has to be found out."""
        found = self.carried(asked)
        if found is None:
            return NO_SESSION
        known = self._known.get(found[1])
        return known.mapped if known and known.client == client and self._clock() < known.until else None

    async def find(self, asked: Asked, origin: Origin) -> Mapped:
        """The same, by asking legacy. Raises Refusal, SessionOver among them."""
        session = session_of(self._mapping, asked, origin)
        if session is None:
            return NO_SESSION
        client = origin.address
        place = session.value, client
        asking = self._asking.get(place)
        if asking is None:
            asking = self._asking[place] = asyncio.create_task(self._find(session, client))
            asking.add_done_callback(_heard)
        # Whoever asked first may leave; the others still wait for the answer.
        return await asyncio.shield(asking)

    def carried(self, asked: Asked) -> tuple[Carrier, str] | None:
        """Where the request carries a session, and the session; None where it carries none."""
        return carried(self._mapping, asked)

    def note(self, asked: Asked, values: Values, status: int) -> None:
        """A request was answered, by whichever side: it may have ended its session, or shown that it is over."""
        if status == 401 or self._mapping.ends(asked, values):
            self.forget(asked)

    def forget(self, asked: Asked) -> None:
        """What the request's session means is to be found out anew. An answer that is under way isn't remembered."""
        found = self.carried(asked)
        if found is not None:
            self._known.pop(found[1], None)
            for place in [each for each in self._asking if each[0] == found[1]]:
                del self._asking[place]

    async def _find(self, session: Session, client: str) -> Mapped:
        value, place = session.value, (session.value, client)
        try:
            mapped = self._checked(await self._mapping.mapped(session, self._ask))
        except SessionOver:
            self._known.pop(value, None)
            raise
        except Unsayable:
            raise
        except Refusal:
            known = self._known.get(value)
            if known is None or known.client != client or self._clock() >= known.stale:
                raise
            return known.mapped
        else:
            if self._asking.get(place) is asyncio.current_task():
                self._remember(value, client, mapped)
            return mapped
        finally:
            if self._asking.get(place) is asyncio.current_task():
                del self._asking[place]

    def _checked(self, mapped: Mapped) -> Mapped:
        """What the mapping made, fit to be sent. Raises Unsayable."""
        headers = sayable(mapped.headers)
        for name, _ in headers:
            if hyphened(name) not in self.adds:
                raise Unsayable(
                    f"the mapping of sessions gives the header {name} and doesn't say that it `adds` it"
                )
        return mapped._replace(headers=headers)

    def _remember(self, value: str, client: str, mapped: Mapped) -> None:
        self._known.pop(value, None)
        if len(self._known) >= self._section.size:
            del self._known[next(iter(self._known))]
        until = self._clock() + self._ttl
        self._known[value] = _Known(client, mapped, until, until + self._stale)


def opened(section: SessionsSettings, ask: Ask) -> Sessions:
    """Sessions as the configuration wants them. Raises ConfigurationError for options that don't fit."""
    try:
        mapping: SessionMapping = plugins.load("sessions", section.kind)(section.options)
    except StranglerError as error:
        what = f"{error.what}: {error.why}".rstrip(": ")
        raise ConfigurationError(
            [Problem("configuration", None, "facade.sessions", what, error.do)]
        ) from error
    return Sessions(section, mapping, ask)


def carried(mapping: SessionMapping, asked: Asked) -> tuple[Carrier, str] | None:
    """Where the request carries a session, and the session; None where it carries none."""
    for carrier in mapping.carriers:
        if value := _value(carrier, asked):
            return carrier, value
    return None


def session_of(mapping: SessionMapping, asked: Asked, origin: Origin) -> Session | None:
    """The session of a request; None where it carries none."""
    found = carried(mapping, asked)
    return found and Session(*found, _headers(*found, asked, origin))


def without(asked: Asked, carrier: Carrier) -> str | None:
    """The header in which the session stands, without it; None when nothing is left."""
    if not carrier.cookie:
        return None
    pairs = [pair.strip() for pair in asked.headers.get(carrier.header, "").split(";")]
    return "; ".join(pair for pair in pairs if pair.partition("=")[0].strip() != carrier.cookie) or None


def _heard(asking: asyncio.Task[Mapped]) -> None:
    """Take note of how it ended, even if nobody waits any more."""
    if not asking.cancelled():
        asking.exception()


def _value(carrier: Carrier, asked: Asked) -> str:
    if carrier.cookie:
        # Of several the first: whatever legacy says is about the one that it is asked with.
        return next(iter(asked.cookies.get(carrier.cookie, ())), "").strip('"')
    given = asked.headers.get(carrier.header, "")
    if not carrier.scheme:
        return given
    scheme, _, value = given.partition(" ")
    return value.strip() if scheme.lower() == carrier.scheme.lower() else ""


def _headers(carrier: Carrier, value: str, asked: Asked, origin: Origin) -> list[tuple[str, str]]:
    """What a call on behalf of the caller carries: its session, and what lets the ERP see who is behind it."""
    text = f"{carrier.cookie}={value}" if carrier.cookie else f"{carrier.scheme} {value}".strip()
    passed = [(name, asked.headers[name]) for name in _PASSED if name in asked.headers]
    host = [("x-forwarded-host", origin.host)] if origin.host is not None else []
    forwarded = [("x-forwarded-for", origin.forwarded), ("x-forwarded-proto", origin.scheme)]
    return [(carrier.header, text), *passed, *host, *forwarded]
