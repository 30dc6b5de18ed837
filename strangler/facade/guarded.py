"""Guarded: what belongs to the event loop's thread in a facade, for those whose writes begin and end in any thread."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from strangler.control.pins import Pin
from strangler.facade.begun import Begun
from strangler.facade.flight import Flight
from strangler.facade.memory import Memory, News
from strangler.routing import Asked, Decision, Standings
from strangler.settings import Facade as FacadeSettings
from strangler.settings import Function


class GuardedFlight(Flight):
    """Writes in flight that begin and end in any thread. Who decides by standings and begins does both under the `lock`: then no
    generation is acknowledged in between."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.RLock()

    def begin(self, generation: int) -> None:
        with self.lock:
            super().begin(generation)

    def end(self, generation: int, lingering: float = 0.0) -> None:
        with self.lock:
            super().end(generation, lingering)

    def pass_by(self, now: float) -> None:
        with self.lock:
            super().pass_by(now)

    def settled(self, generation: int) -> int:
        with self.lock:
            return super().settled(generation)


class GuardedMemory(Memory):
    """A memory that is asked and told in any thread."""

    def __init__(self, functions: Mapping[str, Function], facade: FacadeSettings) -> None:
        super().__init__(functions, facade)
        self._lock = threading.RLock()

    def wrote(self, function: str, key: str | None, caller: str, asked: Asked) -> bool:
        with self._lock:
            return super().wrote(function, key, caller, asked)

    def note(self, standings: Standings, decision: Decision, caller: str, begun: Begun | None = None) -> None:
        with self._lock:
            super().note(standings, decision, caller, begun)

    def take(self) -> list[Pin]:
        with self._lock:
            return super().take()

    def give_back(self, begun: list[Pin]) -> None:
        with self._lock:
            super().give_back(begun)

    def learn(self, news: News, standings: Standings) -> None:
        with self._lock:
            super().learn(news, standings)
