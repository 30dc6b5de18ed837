"""Credentials: who a caller is, and what a new service is told of it. The data path asks nothing else about either.

    identity = credentials.check(headers)                               every call; waits for nothing
    onward = credentials.onward(function, …)                            calls to a new service; waits for nothing
    onward = await credentials.find_onward(function, …)                 where that gave None: legacy is asked whose the session is
    credentials.note(asked, values, status)                             every call that was answered

Legacy gets what the caller sent, and never learns what new services are told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from strangler.cutover.stages import Side
from strangler.facade.identity.fetching import fetch
from strangler.facade.identity.issuer import Issuer
from strangler.facade.identity.signing import HEADER, Signer
from strangler.facade.identity.verifier import Verifier
from strangler.facade.protocol import Headers
from strangler.facade.session import Ask, Mapped
from strangler.facade.sessions import opened, without
from strangler.facade.wire.names import hyphened
from strangler.facade.wire.request import Origin
from strangler.identity import Identity
from strangler.routing import Asked, Values
from strangler.settings import Facade as FacadeSettings


class Onward(NamedTuple):
    """How the headers of a call to a new service differ from the caller's: those that it loses (`hyphened` names), then those
    that it gains."""

    drop: frozenset[str] = frozenset()
    add: Headers = ()

    @property
    def lines(self) -> str:
        """What it gains, as header lines."""
        return "".join(f"{name}: {value}\r\n" for name, value in self.add)

    def applied(self, headers: Headers) -> list[tuple[str, str]]:
        """The headers of a call, as the new service gets them."""
        return [*(each for each in headers if hyphened(each[0]) not in self.drop), *self.add]


AS_IT_IS: Final = Onward()
_NOTHING: Final = frozenset[str]()


class Credentials:
    """`issuer` is who signs for new services; `ask` puts calls to legacy, off the fast path. Belongs to the event loop's thread.

    `verifier` is there whenever tokens are configured, for the admin API too. Raises ConfigurationError.
    """

    def __init__(self, section: FacadeSettings, issuer: str, ask: Ask) -> None:
        self._section = section
        self.verifier = self._issuer = self._sessions = self._signer = None
        if section.identity is not None:
            self._issuer = Issuer(section.identity, fetch)
            self.verifier = Verifier(section.identity, self._issuer)
        if section.sessions is not None:
            self._sessions = opened(section.sessions, ask)
        if section.signing is not None:
            self._signer = Signer(section.signing, issuer)
        checks = section.identity is not None and section.identity.mode != "off"
        self._checked = self.verifier if checks else None
        self._task: asyncio.Task[None] | None = None

    @property
    def look(self) -> bool:
        """Whether each call is looked at for them."""
        return self._checked is not None or self._sessions is not None

    @property
    def trouble(self) -> str:
        """What keeps tokens from being checked; empty for nothing."""
        return self._issuer.trouble if self._issuer is not None else ""

    async def open(self) -> None:
        if self._issuer is not None:
            self._task = asyncio.create_task(self._issuer.run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def check(self, headers: Mapping[str, str]) -> Identity | None:
        """Who the caller is by its token; None where there is none. Raises Unauthenticated, and Refusal with 503."""
        return self._checked.check(headers) if self._checked is not None else None

    def onward(
        self,
        function: str,
        asked: Asked,
        origin: Origin,
        identity: Identity | None,
        trace: str,
        side: Side = Side.NEW,
    ) -> Onward | None:
        """What the new service of a function is told; None when legacy must be asked first. `identity` is what `check` gave, `side` who
        answers the caller: legacy for a shadow call."""
        if self._sessions is None:
            if self._signer is None or identity is None:
                return AS_IT_IS
            return Onward(_NOTHING, ((HEADER, self._signer.sign(identity, function, side, trace)),))
        mapped = self._sessions.known(asked, origin.address)
        return None if mapped is None else self._told(function, asked, _by(identity, mapped), trace, side)

    async def find_onward(
        self,
        function: str,
        asked: Asked,
        origin: Origin,
        identity: Identity | None,
        trace: str,
        side: Side = Side.NEW,
    ) -> Onward:
        """The same, asking legacy whose the session is where that isn't known. Raises Refusal."""
        mapped = Mapped()
        if self._sessions is not None:
            known = self._sessions.known(asked, origin.address)
            mapped = known if known is not None else await self._sessions.find(asked, origin)
        return self._told(function, asked, _by(identity, mapped), trace, side)

    def shadowed(
        self, function: str, asked: Asked, origin: Origin, identity: Identity | None, trace: str
    ) -> Onward:
        """The same for a shadow call, for which legacy isn't asked: a session that isn't known yet is nobody's."""
        told = self.onward(function, asked, origin, identity, trace, Side.LEGACY)
        return told if told is not None else self._told(function, asked, Mapped(identity), trace, Side.LEGACY)

    def note(self, asked: Asked, values: Values, status: int) -> None:
        """A call was answered, by either side. `values` are those of its body that routing looked at."""
        if self._sessions is not None:
            self._sessions.note(asked, values, status)

    def _told(self, function: str, asked: Asked, who: Mapped, trace: str, side: Side) -> Onward:
        add = list(who.headers)
        if self._signer is not None and who.identity is not None:
            add.append((HEADER, self._signer.sign(who.identity, function, side, trace)))
        drop, left = self._kept_back(asked)
        if self._sessions is not None:
            drop |= self._sessions.adds
        return Onward(drop, [*left, *add]) if drop or add else AS_IT_IS

    def _kept_back(self, asked: Asked) -> tuple[frozenset[str], Headers]:
        """The header with the legacy session, where new services aren't to have it, and what else was in it."""
        if self._sessions is None or self._section.sessions is None or self._section.sessions.credentials:
            return _NOTHING, ()
        found = self._sessions.carried(asked)
        if found is None:
            return _NOTHING, ()
        carrier, left = found[0], without(asked, found[0])
        return frozenset([hyphened(carrier.header)]), ([(carrier.header, left)] if left else [])


def _by(identity: Identity | None, mapped: Mapped) -> Mapped:
    """Whoever brings a good token is who it says; the session speaks where there is none."""
    return mapped if identity is None else mapped._replace(identity=identity)
