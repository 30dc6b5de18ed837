"""Gate: who comes to the admin API, by an access token or by a token of the issuer that the facade believes.

Who was let in is remembered for some seconds, and where the control store doesn't answer for an hour: when it is gone, operators must
still see how the facade stands. No token is kept, written or logged; it is remembered by its hash.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from typing import Final

from strangler.control import access_tokens
from strangler.control.store import Control
from strangler.errors import StranglerError
from strangler.facade.admin.attempts import Attempts
from strangler.facade.answers import Refusal
from strangler.facade.identity.refusal import Unauthenticated
from strangler.facade.identity.verifier import Verifier
from strangler.people import Person
from strangler.roles import Action, needed

FRESH: Final = 15.0
"""Seconds for which an access token that was good is taken for good: how long a revoked one may go on."""

SILENT: Final = 3600.0
"""The same while the control store doesn't answer."""

KNOWN: Final = 1000
"""Most tokens that are remembered."""

_log: Final = logging.getLogger("strangler.facade")


class Gate:
    """`control` is None while the control store wasn't reached. Belongs to the event loop's thread."""

    def __init__(
        self,
        verifier: Verifier | None,
        control: Callable[[], Control | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._verifier, self._control, self._clock = verifier, control, clock
        self._attempts = Attempts()
        self._known: dict[bytes, tuple[Person, float]] = {}

    async def person(self, token: str, address: str) -> Person:
        """Who brings the token. Raises Unauthenticated; Refusal with 429 for an address that is held off, and with 503
        while nobody can tell."""
        if not token:
            raise Unauthenticated(
                "the admin API needs a bearer token: strangler access add NAME --role viewer", ""
            )
        now, digest = self._clock(), hashlib.sha256(token.encode(errors="replace")).digest()
        known = self._known.get(digest)
        if known is not None and now < known[1] + FRESH:
            return known[0]
        wait = self._attempts.wait(address, now)
        if wait > 0:
            raise Refusal(429, "too many wrong tokens came from this address; wait", retry_after=wait)
        try:
            found = await self._found(token, now)
        except StranglerError as error:
            if known is not None and now < known[1] + SILENT:
                return known[0]
            raise Refusal(503, f"nobody can tell whose the token is: {error.what}", retry_after=1) from error
        except Unauthenticated:
            self._refuse(digest, address, now)
            raise
        if found is None:
            self._refuse(digest, address, now)
            raise Unauthenticated("the token isn't good: it is unknown, or ended, or was taken away")
        if len(self._known) >= KNOWN:
            del self._known[next(iter(self._known))]
        self._known[digest] = found, now
        return found

    async def open_to_somebody(self) -> bool:
        """Whether anybody could come in. Raises StranglerError while that can't be told."""
        if self._verifier is not None and self._verifier.grants.any:
            return True
        return await asyncio.to_thread(access_tokens.any_active, self._reached(), self._clock())

    async def _found(self, token: str, now: float) -> Person | None:
        if access_tokens.is_one(token):
            return await asyncio.to_thread(access_tokens.person, self._reached(), token, now)
        if self._verifier is None or not self._verifier.grants.any:
            return None
        return self._verifier.grants.person(self._verifier.read(token))

    def _reached(self) -> Control:
        control = self._control()
        if control is None:
            raise StranglerError("the control store wasn't reached yet")
        return control

    def _refuse(self, digest: bytes, address: str, now: float) -> None:
        self._known.pop(digest, None)
        self._attempts.note(address, now)
        _log.warning("a wrong token came to the admin API", extra={"client": address})


def require(person: Person, action: Action) -> None:
    """Raises Refusal with 403, in words, for somebody who may not do it."""
    if not person.may(action):
        has = f"has the role {' and '.join(person.roles)}" if person.roles else "has no role here"
        raise Refusal(403, f"{person.name} {has}; to {action} needs {needed(action)}")
