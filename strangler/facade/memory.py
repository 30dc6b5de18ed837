"""Memory: what a facade remembers of calls, so that later ones are decided by it: documents that stay where they were begun, and
writes that the store may not have yet.

The data path asks and tells it at once, in the event loop's thread. The keeper of standings carries what has to be known to all facades to
the control store, before it acknowledges a generation, and learns from there what the others put, before it applies one: so no
facade forgets a document over a switch of owners.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import time
from typing import Final

from strangler.control import deliveries, pins, quarantine, sources
from strangler.control.deliveries import DeliveryRecord
from strangler.control.pins import Pin
from strangler.control.sources import SourceRecord
from strangler.control.store import Control
from strangler.cutover.stages import Side, Stage
from strangler.facade.begun import Begun
from strangler.facade.pins import FunctionPins, PinBoard
from strangler.facade.recent import Recent
from strangler.facade.standing import CLOCKS
from strangler.routing import Asked, Decision, Standings
from strangler.settings import Facade as FacadeSettings
from strangler.settings import Function, ReadYourWrites

READ_BEHIND: Final = frozenset((Stage.SHADOW, Stage.CANARY))
"""The stages in which writes go to legacy and somebody reads from the store, or may in a moment."""

LOOK_AFTER: Final = 1.0
"""Seconds between two looks at how far sync is."""

_log: Final = logging.getLogger("strangler.facade")


@dataclass(frozen=True, slots=True)
class Sync:
    """How far sync is, as the control store has it; `held`: function → keys in quarantine."""

    sources: Mapping[str, SourceRecord]
    deliveries: Mapping[str, DeliveryRecord]
    held: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class News:
    """What was learnt from the control store: the documents up to number `seq`, and how far sync is where that was asked."""

    seq: int
    pins: list[Pin]
    sync: Sync | None


class Memory:
    """What one facade remembers: see the module. Belongs to the event loop's thread but for `visit`."""

    def __init__(
        self, functions: Mapping[str, Function], facade: FacadeSettings, clock: Callable[[], float] = time
    ) -> None:
        self._functions, self._clock = functions, clock
        self._documents = {name: each.documents for name, each in functions.items() if each.documents}
        self._keeps = {name: each.for_.total_seconds() for name, each in self._documents.items()}
        self._board = PinBoard(facade.pins, clock)
        self._settings: ReadYourWrites = facade.read_your_writes
        self._recent: dict[str, Recent] = {}
        self._told: list[str] = []
        self._looked = 0.0

    # What decisions ask

    def pins(self, function: str) -> FunctionPins | None:
        """The documents of a function that stay where they were begun; None when there are none."""
        return self._board.of(function)

    def wrote(self, function: str, key: str | None, caller: str, asked: Asked) -> bool:
        """Whether the caller, or somebody else to this document, wrote to legacy what the store may not have yet."""
        if not self._settings.enabled:
            return False
        told = self._told_by(asked) if self._settings.cookie else 0.0
        if not told and function not in self._recent:
            return False
        return self._recent_of(function).waits(_signs(key, caller), told)

    def _told_by(self, asked: Asked) -> float:
        """When the caller last wrote, by its cookie. One that says a moment to come says nothing."""
        latest = self._clock() + CLOCKS
        moments = [
            float(each) / 1000 for each in asked.cookies.get(self._settings.name, ()) if each.isdecimal()
        ]
        return max((each for each in moments if each <= latest), default=0.0)

    # What the data path tells

    def attend(self, decision: Decision) -> Begun | None:
        """Who reads from the answer to a write whether it began a document; None where nobody has to."""
        function = decision.function
        if decision.kind != "write" or function is None or (section := self._documents.get(function)) is None:
            return None
        return Begun(section.created, decision.key)

    def note(self, standings: Standings, decision: Decision, caller: str, begun: Begun | None = None) -> None:
        """A write that was let through is over, whatever came of it: an upstream that didn't answer may have done it. To be called before
        it counts as landed. `standings` are those that it was decided by, `begun` is who attended its answer."""
        if decision.kind != "write" or decision.status is not None:
            return
        key = begun.key() if begun is not None else None
        if key is not None and decision.function is not None:
            # Invariant 4: whose a document is doesn't change with the owner of what is begun after it.
            self._board.begin(decision.function, key, decision.side, self._keeps[decision.function])
        signs = {*_signs(decision.key, caller), *_signs(key, caller)}
        for function in self._behind(standings, decision):
            self._recent_of(function).note(signs, self._clock())

    def cookie(self, standings: Standings, decision: Decision | None) -> str | None:
        """The Set-Cookie that the answer to a write has beside its own, so that other facades know of it, too; None where there is no
        need."""
        if decision is None or not self._settings.cookie or not any(self._behind(standings, decision)):
            return None
        return f"{self._settings.name}={int(self._clock() * 1000)}; Path=/; HttpOnly; SameSite=Lax"

    def _behind(self, standings: Standings, decision: Decision) -> Iterator[str]:
        """The functions whose stores may lack a write for a while, and from which somebody may read."""
        if decision.kind == "write" and decision.side is Side.LEGACY and self._settings.enabled:
            # A write that doesn't show what it is about may be about any.
            for function in (decision.function,) if decision.function else self._functions:
                if any(each.stage in READ_BEHIND for each in standings.all_of(function)):
                    yield function

    def _recent_of(self, function: str) -> Recent:
        recent = self._recent.get(function)
        if recent is None:
            recent = self._recent[function] = Recent(self._settings.most)
        return recent

    # What the keeper carries

    def take(self) -> list[Pin]:
        """What has to be in the control store before a generation is acknowledged."""
        return self._board.take()

    def give_back(self, begun: list[Pin]) -> None:
        """The control store couldn't be reached."""
        self._board.give_back(begun)

    def put(self, control: Control, begun: list[Pin]) -> None:
        """Put it there. Runs in the keeper's thread."""
        if begun:
            pins.add(control, begun, now=self._clock())

    def read(self, control: Control) -> News:
        """What is there, to be read after the standings that it is to be applied with. Runs in the keeper's thread."""
        now, seq, found = self._clock(), self._board.seq, list[Pin]()
        if self._documents:
            seq, found = pins.since(control, seq, now=now)
        sync = None
        if self._recent and now - self._looked >= LOOK_AFTER:
            self._looked = now
            sync = Sync(
                sources.all_sources(control), deliveries.all_deliveries(control), quarantine.counts(control)
            )
        return News(seq, found, sync)

    def learn(self, news: News, standings: Standings) -> None:
        """Know what was read, before the standings are applied that were read with it."""
        self._board.learn(news.seq, news.pins)
        for name in list(self._recent):
            if not any(each.stage in READ_BEHIND for each in standings.all_of(name)):
                del self._recent[name]
        if news.sync is not None:
            self._follow(news.sync)
        self._tell()

    def _follow(self, sync: Sync) -> None:
        for name, recent in self._recent.items():
            source = sync.sources.get(self._functions[name].source)
            recent.progress.look(source, sync.deliveries.get(name), sync.held.get(name, 0))
            recent.forget()

    def _tell(self) -> None:
        """Say it where more documents stay than are held."""
        overflowing = self._board.overflowing
        if overflowing != self._told:
            self._told = overflowing
            _log.warning(
                "more documents stay where they were begun than are held; see facade.pins",
                extra={"functions": overflowing, "held": len(self._board)},
            )


def _signs(key: str | None, caller: str) -> tuple[int, ...]:
    """Numbers that stand for a caller and a document: they are compared, and say nothing of either."""
    by_caller = hash(("caller", caller))
    return (by_caller,) if key is None else (by_caller, hash(("key", key)))
