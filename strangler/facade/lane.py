"""Lane: what waits of one function to be compared, reads or writes, and how it is compared.

Each has a lane of its own, so that a hung service holds up no other, and reads no writes.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from strangler.control.comparisons import Kind
from strangler.cutover.stages import EVERYONE
from strangler.facade.credentials import AS_IT_IS, Onward
from strangler.facade.protocol import Answer, Request
from strangler.settings import Shadow as ShadowSettings
from strangler.settings import ShadowRule
from strangler.shadow.rules import Maps, Rules, compiled

WORKERS: Final = 8
"""Comparisons of one lane under way at once; those that wait for the store to catch up are among them."""

CREDENTIALS: Final = frozenset(("authorization", "cookie"))
MARK: Final = ("x-strangler-shadow", "1")


class Seen(NamedTuple):
    """What a caller asked, and what legacy answered, after so many `seconds`, at the moment `at` (since the epoch).

    `legacy` is None for a call that was mirrored to us: then nobody knows yet. `seconds` is 0 where nobody took the time. `cohort` is
    the one by whose standing it is shadowed, `since` when that came to its stage, `key` what the call names, where that is known.
    `request` is what legacy gets, `onward` how it differs for new.
    """

    function: str
    operation: str | None
    request: Request
    legacy: Answer | None
    seconds: float = 0.0
    cohort: str = EVERYONE
    since: float = 0.0
    at: float = 0.0
    key: str | None = None
    onward: Onward = AS_IT_IS

    @property
    def size(self) -> int:
        """Bytes that are held for it."""
        return len(self.request.body) + (len(self.legacy.body) if self.legacy else 0)

    def for_new(self, credentials: bool) -> Request:
        """The call as it is put to the new service. Nothing may be taken for a repetition of what only legacy did."""
        dropped = {"idempotency-key"} if credentials else {"idempotency-key", *CREDENTIALS}
        headers = [each for each in self.onward.applied(self.request.headers) if each[0] not in dropped]
        return self.request._replace(headers=[*headers, MARK])


class Rulebook:
    """The rules of a function as they are today: their time may be over while the facade runs."""

    def __init__(self, rules: list[ShadowRule], maps: Maps) -> None:
        self._rules, self._maps = rules, maps
        self._day: date | None = None
        self._compiled = compiled([], {}, date.min)

    def today(self) -> Rules:
        today = datetime.now(UTC).date()
        if today != self._day:
            self._day, self._compiled = today, compiled(self._rules, self._maps, today)
        return self._compiled


class Lane:
    """What waits of one function and kind, and how it is compared. `hidden`: what its sensitive values are called, in lower case."""

    def __init__(
        self, function: str, kind: Kind, settings: ShadowSettings, maps: Maps, hidden: frozenset[str]
    ) -> None:
        self.function, self.kind, self.settings, self.hidden = function, kind, settings, hidden
        self.book = Rulebook(settings.rules, maps)
        self.queue: asyncio.Queue[Seen] = asyncio.Queue()
        self.workers: list[asyncio.Task[None]] = []
        self.timeout, self.settle = settings.timeout.total_seconds(), settings.settle.total_seconds()
