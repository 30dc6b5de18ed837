"""Calling legacy's own API: one request at a time, each on a connection of its own, so that it is known whether anything was sent.

What nobody answered may be done, or be done later: that is told apart from what was refused, and from what never left.
"""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from strangler.errors import SourceError, StranglerError, Unavailable
from strangler.facade.breaker import Breaker, rules
from strangler.ports import Finding
from strangler.returning.requests import Asked
from strangler.settings import Api

MOST: Final = 64 * 1024
"""Bytes of an answer that are read; of what it says only the beginning is shown."""

BUSY: Final = (429, 503)
"""Statuses of a server that does nothing now."""

UNSURE: Final = (408, 500, 502, 504)
"""Statuses behind which it may be done all the same."""


class Answer(NamedTuple):
    """What a server answered; `said` is the beginning of it, on one line."""

    status: int
    said: str


class Unanswered(Exception):
    """It was sent, and nobody knows what came of it; says why."""


class Calling:
    """The API at a base URL. Belongs to one thread."""

    def __init__(self, api: Api, base: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._api, self._clock = api, clock
        self._base = urlsplit(base)
        self._trusting: ssl.SSLContext | None = None
        self._breaker = Breaker(rules(api.breaker)) if api.breaker.enabled else None

    def ask(self, asked: Asked) -> Answer:
        """The answer to a request. Raises Unavailable where nothing was done, Unanswered where it isn't known, SourceError where the
        credentials or its certificate aren't good."""
        began = self._clock()
        if self._breaker and not self._breaker.allows(began):
            raise self._away(f"it failed too often: {self._breaker.why}")
        try:
            answer = self._judged(self._sent(asked))
        except (StranglerError, Unanswered) as error:
            self._note(not isinstance(error, SourceError), began)
            raise
        self._note(False, began)
        return answer

    def examine(self) -> list[Finding]:
        """What is missing to use it. Changes nothing."""
        try:
            answer = self._sent(Asked("GET", self._api.check, {}, None, (), True))
        except SourceError as error:
            return [Finding(f"{error.what}: {error.why}", error.do or "")]
        except (Unavailable, Unanswered) as error:
            why = error.why if isinstance(error, Unavailable) else str(error)
            return [
                Finding(
                    f"legacy's API at {self._place} doesn't answer: {why}",
                    "see that it runs, or correct return.api.url",
                )
            ]
        if answer.status in (401, 403):
            return [
                Finding(
                    f"legacy's API at {self._place} refuses the credentials ({answer.status})",
                    "correct return.api.headers",
                )
            ]
        if answer.status >= 500:
            what = f"legacy's API at {self._place} isn't well: GET {self._api.check} says {answer.status}"
            return [Finding(what, "look into its log, or name another path in return.api.check")]
        return []

    def _judged(self, answer: Answer) -> Answer:
        if answer.status in BUSY:
            raise self._away(f"it says {answer.status}")
        if answer.status in UNSURE:
            raise Unanswered(f"it says {answer.status}: {answer.said}")
        if answer.status in (401, 403):
            raise SourceError(
                f"legacy's API at {self._place} refuses what returns",
                why=f"it says {answer.status}",
                do="correct return.api.headers, or grant its user what the requests do",
            )
        return answer

    def _sent(self, asked: Asked) -> Answer:
        headers = {name: value.get_secret_value() for name, value in self._api.headers.items()}
        with self._connected() as connection:
            try:
                target = self._base.path.rstrip("/") + asked.target
                connection.request(
                    asked.method, target, asked.body, {"Connection": "close", **headers, **asked.headers}
                )
                answer = connection.getresponse()
                said = answer.read(MOST).decode(errors="replace")
            except (OSError, http.client.HTTPException) as error:
                raise Unanswered(str(error) or type(error).__name__) from error
        return Answer(answer.status, " ".join(said.split())[:200])

    @contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        host, port = self._base.hostname or "", self._base.port
        wait = self._api.connect_timeout.total_seconds()
        connection = (
            http.client.HTTPSConnection(host, port, timeout=wait, context=self._trusted())
            if self._base.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=wait)
        )
        with closing(connection):
            try:
                connection.connect()
            except ssl.SSLCertVerificationError as error:
                raise self._unknown(error.verify_message) from error
            except OSError as error:
                raise self._away(str(error) or type(error).__name__) from error
            connection.sock.settimeout(self._api.timeout.total_seconds())
            yield connection

    def _trusted(self) -> ssl.SSLContext:
        """What says whose certificates are good, read once."""
        if self._trusting is None:
            try:
                self._trusting = ssl.create_default_context(cafile=self._api.ca)
            except OSError as error:
                raise SourceError(
                    f"the certificates of return.api.ca can't be read: {self._api.ca}",
                    why=error.strerror or str(error),
                    do="name a readable file of certificates, PEM",
                ) from error
        return self._trusting

    def _unknown(self, why: str) -> SourceError:
        return SourceError(
            f"legacy's API at {self._place} isn't known for what it says that it is",
            why=f"its certificate: {why}",
            do="return.api.ca: the file with the certificate of the authority that it is by; or correct return.api.url",
        )

    def _note(self, failed: bool, began: float) -> None:
        if self._breaker:
            now = self._clock()
            self._breaker.note(failed, now - began, now)

    def _away(self, why: str) -> Unavailable:
        return Unavailable(
            f"legacy's API at {self._place} takes nothing now",
            why=why,
            do="nothing, if that passes: what returns waits, and is tried again",
        )

    @property
    def _place(self) -> str:
        return f"{self._base.scheme}://{self._base.netloc.rpartition('@')[2]}{self._base.path}"
