"""The follower: carries each generation of the standings into a running proxy, and says what that proxy acts by."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from strangler.errors import StranglerError
from strangler.facade.flight import Flight
from strangler.following.folder import Folder
from strangler.following.processes import Process, runs
from strangler.following.proxy import Proxy
from strangler.planes.export import Export
from strangler.routing import Standings, Trust

LOOK: Final = 0.05
"""Seconds between two looks at what there is to do: during a switch writers wait for it."""

AGAIN: Final = 2.0
"""Seconds after which what failed is tried again."""

LONG: Final = 10.0
"""Seconds after which a process that still serves by an older generation is spoken of, and again after as many."""

UNKNOWN: Final = -1
"""The generation by which a proxy acts that was there before us: older than any."""

_log: Final = logging.getLogger("strangler.following")


class Effect(Flight):
    """What the proxy acts by, to be acknowledged: for those who wait, its requests are the writes in flight."""

    def __init__(self) -> None:
        super().__init__()
        self._generation = UNKNOWN

    def reach(self, generation: int) -> None:
        """From now on nothing at the proxy is older than this."""
        if generation != self._generation:
            self._generation = generation
            self.on_landing()

    def settled(self, generation: int) -> int:
        return min(generation, self._generation)


class Follower:
    """Follows one proxy. `make` makes the files for standings; it may raise StranglerError."""

    def __init__(
        self,
        make: Callable[[Standings], Export],
        folder: Folder,
        proxy: Proxy,
        effect: Effect,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make, self._folder, self._proxy, self._effect, self._clock = make, folder, proxy, effect, clock
        self._ages: dict[Process, int] = {}
        self._wanted = self._told = self._loaded = UNKNOWN
        self._due = self._begun = self._spoken = 0.0
        self._failure = ""

    def run(self, current: Callable[[], Standings], stop: threading.Event) -> None:
        """Follow the standings until `stop` is set. The proxy goes on by what it has then."""
        while not stop.wait(LOOK):
            standings = current()
            if standings.trust is not Trust.NEVER:
                self.look(standings)

    def look(self, standings: Standings) -> None:
        """Do what there is to do at this moment."""
        try:
            if standings.generation != self._wanted:
                self._wanted = standings.generation
                self._carry(standings)
            elif self._loaded != self._wanted and self._clock() >= self._due:
                self._complain(self._unheeded())
                self._carry(standings)
            if self._told == self._wanted and self._effect.settled(self._wanted) != self._wanted:
                self._see()
        except StranglerError as error:
            self._complain(error)

    def _carry(self, standings: Standings) -> None:
        """Write the files and let the proxy load them; when it finds fault with them, it keeps those that it has."""
        generation, self._due = standings.generation, self._clock() + AGAIN
        before = self._folder.put(self._make(standings).files, str(generation))
        try:
            self._proxy.check()
        except StranglerError:
            refused = self._folder.version
            self._folder.use(before)
            self._folder.drop(refused)
            raise
        # Also those that are being begun at this moment by what was there before: they will end, too.
        for each in self._proxy.serving().those:
            self._ages.setdefault(each, self._loaded)
        self._proxy.load()
        self._folder.drop(before)
        self._told = generation
        self._begun = self._spoken = self._clock()
        _log.info("the proxy is told to load a generation", extra={"generation": generation})

    def _see(self) -> None:
        """Find out what the proxy acts by."""
        if self._loaded != self._wanted and self._proxy.answers_by() == self._wanted:
            self._loaded = self._wanted
        if self._loaded != self._wanted:
            return
        serving = self._proxy.serving()
        self._ages = {
            each: age for each, age in self._ages.items() if runs(each) and not serving.by_others(each)
        }
        old = {each: age for each, age in self._ages.items() if age < self._loaded}
        # Invariant 5: what an older process has under way it does by the older generation.
        self._effect.reach(min(old.values(), default=self._loaded))
        if old:
            self._speak_of(old)
            return
        self._ages, self._failure = dict.fromkeys(serving.those, self._loaded), ""
        _log.info("the proxy acts by a generation", extra={"generation": self._loaded})

    def _speak_of(self, old: dict[Process, int]) -> None:
        if self._clock() - self._spoken >= LONG:
            self._spoken = self._clock()
            _log.warning(
                "processes of the proxy still serve by an older generation, so a switch waits for them",
                extra={
                    "processes": sorted(each.number for each in old),
                    "seconds": round(self._clock() - self._begun),
                    "do": "bound it: worker_shutdown_timeout of nginx, hard-stop-after of HAProxy",
                },
            )

    def _unheeded(self) -> StranglerError:
        """What is to be said when the proxy hasn't loaded what it should have."""
        answers = self._proxy.answers_by()
        return StranglerError(
            f"the proxy hasn't loaded generation {self._wanted}",
            why=f"{self._proxy.probe} is answered "
            + ("without a generation" if answers is None else f"by generation {answers}"),
            do="look at the proxy's own log; see that it includes the folder, and that --reload and --probe are this proxy's",
        )

    def _complain(self, error: StranglerError) -> None:
        if str(error) != self._failure:
            self._failure = str(error)
            _log.error(error.what, extra={"why": error.why, "do": error.do, "generation": self._wanted})
