"""Issuer: whose tokens are believed, and its keys, kept fresh beside the calls.

Keys are fetched now and then, and at once when a token names one that isn't known, but not oftener than every ten seconds: or
whoever makes up key ids would have the facade ask without end. While the issuer doesn't answer, the last keys are good for a while.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from strangler.facade.answers import Refusal
from strangler.facade.identity.keys import Keys, read_keys
from strangler.facade.identity.refusal import Unauthenticated
from strangler.facade.protocol import Answer
from strangler.settings import EdgeIdentity
from strangler.urls import is_trusted_way

REFETCH: Final = 10.0
"""Fewest seconds between two fetches that unknown keys cause."""

AGAIN: Final = 5.0
"""Seconds to the next try while the issuer doesn't answer."""

WELL_KNOWN: Final = "/.well-known/openid-configuration"

Fetch = Callable[[str, str], Awaitable[Answer]]
"""Asks what is at a URL: the name of whose it is, for errors, and the URL. Raises Refusal."""

_log: Final = logging.getLogger("strangler.facade")


class Unfit(Exception):
    """What the issuer said can't be used; in words."""


class Issuer:
    """`on_change` is called when the keys are others than before. Belongs to the event loop's thread."""

    def __init__(
        self, section: EdgeIdentity, fetch: Fetch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._section, self._fetch, self._clock = section, fetch, clock
        self._refresh, self._stale = section.refresh.total_seconds(), section.stale.total_seconds()
        self._keys = Keys()
        self._fetched_at = self._tried_at = -float("inf")
        self._fetching = False
        self._wake = asyncio.Event()
        self.trouble = "the issuer hasn't been asked yet"
        self.on_change: Callable[[], None] = lambda: None

    def find(self, kid: str | None, algorithm: str) -> Any:
        """The key that a token names. Raises Unauthenticated when the issuer has none such, and Refusal with 503 while nobody can tell."""
        key, now = self._keys.find(kid, algorithm), self._clock()
        if key is not None and now - self._fetched_at <= self._stale:
            return key
        if not self._fetching and not self.trouble and now - self._tried_at < REFETCH:
            raise Unauthenticated("the token's key isn't one of the issuer's")
        if now - self._tried_at >= REFETCH:
            self._wake.set()
        why = f": {self.trouble}" if self.trouble else ""
        raise Refusal(
            503,
            f"the token can't be checked now, since its key isn't known here{why}",
            "destination_unavailable",
            1,
        )

    async def run(self) -> None:
        """Keep the keys fresh until cancelled."""
        while True:
            await self.fetch()
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN if self.trouble else self._refresh):
                    await self._wake.wait()
            self._wake.clear()

    async def fetch(self) -> None:
        """One look at the keys; what goes wrong is in `trouble` afterwards."""
        self._fetching, self._tried_at = True, self._clock()
        try:
            self._take(read_keys(await self._document(), self._section.algorithms))
        except Refusal as refusal:
            self._note(refusal.detail)
        except Unfit as error:
            self._note(str(error))
        except ValueError as error:
            self._note(f"what the issuer says of its keys {error}")
        except Exception as error:  # noqa: BLE001  # whatever it is: the last keys stay, and it is tried again
            self._note(f"{type(error).__name__}: {error}")
        finally:
            self._fetching = False

    def _take(self, keys: Keys) -> None:
        if self.trouble:
            _log.info("the issuer's keys are known", extra={"issuer": self._section.issuer})
        if keys.passed_over and keys.passed_over != self._keys.passed_over:
            _log.warning("keys of the issuer are passed over", extra={"reason": "; ".join(keys.passed_over)})
        changed = keys.held.keys() != self._keys.held.keys() or any(
            keys.held[name] != self._keys.held[name] for name in keys.held
        )
        self._keys, self._fetched_at, self.trouble = keys, self._clock(), ""
        if changed:
            self.on_change()

    def _note(self, trouble: str) -> None:
        if trouble != self.trouble:
            _log.warning("the issuer's keys can't be fetched", extra={"reason": trouble})
        self.trouble = trouble

    async def _document(self) -> bytes:
        if self._section.jwks_file is not None:
            return await asyncio.to_thread(_read, self._section.jwks_file)
        url = self._section.jwks_url
        return await self._get(url if url is not None else await self._discovered())

    async def _discovered(self) -> str:
        """Where the issuer says that its keys are (OpenID Connect Discovery)."""
        place = self._section.issuer.rstrip("/") + WELL_KNOWN
        try:
            said = json.loads(await self._get(place))
        except (ValueError, RecursionError) as error:
            raise Unfit(f"what is at {place} isn't JSON") from error
        if not isinstance(said, dict) or said.get("issuer") != self._section.issuer:
            raise Unfit(f"what is at {place} is of another issuer")
        url = said.get("jwks_uri")
        if not isinstance(url, str) or not is_trusted_way(url):
            raise Unfit("the issuer names no place for its keys that is safe: an https URL")
        return url

    async def _get(self, url: str) -> bytes:
        answer = await self._fetch("the issuer", url)
        if answer.status != 200:
            raise Unfit(f"the issuer answered {answer.status} to {url}")
        return answer.body


def _read(path: Any) -> bytes:
    try:
        return bytes(path.read_bytes())
    except OSError as error:
        raise Unfit(f"{path} can't be read: {error.strerror}") from error
