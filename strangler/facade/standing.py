"""Standing: the facade's picture of who owns what, and its word that it acts by it.

Every 200 ms, more often once it has grown, the facade asks the control store for the generation; when it has grown, all standings are
read at once and replace the old ones in a single assignment. In table `facade` it acknowledges the generation under which nothing
older is still under way (invariant 5); that line is also what makes it exist for the conductor. A facade that
couldn't write it for long enough counts as gone; some seconds before that its lease is over and it lets no write through.

The order in a round matters: first put what other facades must know (documents that were begun), then say that we are here, then
read. A conductor that fences either sees us, and waits, or was done before we were here, and then we read its fence.

A visit that takes too long is left to itself (see `within`), and the next one goes by a new connection and under another name: should
the old one come through after all, it can't take back what was said since.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from strangler.control import facades, standings
from strangler.control.pins import Pin
from strangler.control.store import Control
from strangler.errors import StranglerError, Unavailable
from strangler.facade.flight import Flight
from strangler.facade.sight import Sight
from strangler.facade.within import within
from strangler.routing import Trust, picture

PERIOD: Final = standings.NOTICED_WITHIN
"""Seconds between two looks at the generation: the delay with which a fence is noticed."""

CLOSER: Final = standings.ANNOUNCED_WITHIN
"""The same for `FOLLOWED` seconds after the generation has grown: a change seldom comes alone,
and a switch is announced before its fence."""

FOLLOWED: Final = 10.0

BEAT: Final = 1.0
"""Seconds after which the facade says that it lives, even if nothing has changed."""

CLOCKS: Final = 5.0
"""Seconds by which the clocks of a facade's host and the conductor's may differ without any harm."""

LEASE: Final = facades.GONE_AFTER - CLOCKS
"""Seconds for which the facade lets writes through after it last announced itself."""

ANSWER: Final = 5.0
"""Seconds that the control store has for an answer: within the lease there is time for another try."""

OPENING: Final = 60.0
"""Seconds for the first one, before which its tables may have to be brought up to date."""

if TYPE_CHECKING:
    from strangler.facade.memory import Memory, News

_log: Final = logging.getLogger("strangler.facade")


class Keeper:
    """Keeps the standings up to date, and carries what `memory` has for other facades. `open_control` may raise Unavailable; it is asked
    again until it doesn't. `longest`: see `strangler.control.facades.FacadeRecord`."""

    def __init__(
        self,
        open_control: Callable[[], Control],
        id: str,
        flight: Flight,
        memory: Memory,
        lease: float = LEASE,
        longest: float = 0.0,
    ) -> None:
        self._memory, self._sight = memory, Sight(lease)
        self.current, self.silence = self._sight.current, self._sight.silence
        self._open, self.id, self._flight = open_control, id, flight
        self.address, self.lasts, self._longest = "", False, longest
        self.trouble = "the control store hasn't been asked yet"
        self._control: Control | None = None
        self._acknowledged = -1
        self._pulse: standings.Pulse | None = None
        self._changed_at = -float("inf")
        self._wake = asyncio.Event()
        self.on_change: Callable[[], None] = lambda: None
        """Called in the event loop's thread when other standings hold from now on."""
        self._names, self._former = map(f"{id}.{{}}".format, count(2)), list[str]()
        flight.on_landing = self._landed

    @property
    def control(self) -> Control | None:
        """The control store, once it was reached."""
        return self._control

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            try:
                await self.round()
            except StranglerError as error:
                self._note(str(error.what))
            except Exception as error:  # noqa: BLE001  # whatever it is: without the lease no write gets through
                self._note(f"{type(error).__name__}: {error}")
            if self.trouble or self._settled() == self._acknowledged:
                with suppress(TimeoutError):
                    # wait_for would take it for the wake, and go on for ever, when it is cancelled in the moment in which that comes.
                    async with asyncio.timeout(self.period()):
                        await self._wake.wait()
            self._wake.clear()

    def period(self) -> float:
        """Seconds until the next look."""
        return CLOSER if time.monotonic() - self._changed_at < FOLLOWED else PERIOD

    async def round(self) -> None:
        """One look at the control store. Raises StranglerError when it can't be reached."""
        began = time.monotonic()
        self._flight.pass_by(began)
        applied, sight = self._settled(), self._sight
        due = applied != self._acknowledged or began - sight.announced_at >= BEAT
        known = None if sight.blind else sight.sure.generation
        begun = self._memory.take()  # With the writes that have landed: none of what they began comes later.
        try:
            snapshot, news, pulse = await self._answered(self._visit, applied if due else None, known, begun)
        except BaseException:
            self._memory.give_back(begun)
            raise
        if due:
            self._acknowledged, sight.announced_at = applied, began
        self._learn(snapshot, news)
        if pulse != self._pulse:
            self._pulse, self._changed_at = pulse, began
        if self.trouble:
            _log.info("the control store is reached", extra={"generation": sight.sure.generation})
        self.trouble = ""

    def _settled(self) -> int:
        """The generation under which nothing older is under way any more."""
        return self._flight.settled(self._sight.sure.generation)

    def _learn(self, snapshot: standings.Snapshot | None, news: News) -> None:
        """Act by what was read, all of it from the same moment on."""
        sight = self._sight
        sure = sight.sure if snapshot is None else picture(snapshot.generation, snapshot.standings)
        self._memory.learn(news, sure)
        if snapshot is not None:
            sight.sure, sight.lost = sure, replace(sure, trust=Trust.LOST)
            self.on_change()

    async def _answered(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """What the control store answers. Raises Unavailable when it says nothing for too long, and StranglerError."""
        limit = OPENING if self._control is None else ANSWER
        try:
            return await within(limit, work, *arguments)
        except TimeoutError:
            self._give_up()
            raise Unavailable(f"the control store said nothing for {limit:g} s") from None

    def _give_up(self) -> None:
        """Leave the connections to themselves, and the name with them."""
        self._former.append(self.id)
        self.id, self._acknowledged = next(self._names), -1
        if self._control is not None:
            self._control.close()  # What it opens from now on is new.

    def _visit(
        self, applied: int | None, known: int | None, begun: list[Pin]
    ) -> tuple[standings.Snapshot | None, News, standings.Pulse]:
        """Put what others must know, announce, then read. Runs in a thread."""
        if self._control is None:
            self._control = self._open()
        self._memory.put(self._control, begun)
        if applied is not None:
            facades.seen(
                self._control,
                self.id,
                generation=applied,
                address=self.address,
                at=time.time(),
                lasts=self.lasts,
                longest=self._longest,
            )
            for name in self._former:
                facades.forget(self._control, name)
        snapshot = None
        pulse = standings.pulse(self._control)
        if pulse.generation != known:
            snapshot = standings.snapshot(self._control)
        # After them: what was begun before a switch was put there before its fence was acknowledged.
        return snapshot, self._memory.read(self._control), pulse

    async def leave(self) -> None:
        """Take the facade's line away, unless it lasts: it is over, with all its requests done. Waits for those of them that were given
        up and linger."""
        while self._flight.doubtful:
            with suppress(StranglerError):
                await self.round()
            await asyncio.sleep(PERIOD)
        if self._control is not None and not self.lasts:
            with suppress(StranglerError):
                await self._answered(facades.forget, self._control, self.id)

    def _landed(self) -> None:
        if self._settled() != self._acknowledged:
            self._wake.set()

    def _note(self, trouble: str) -> None:
        if trouble != self.trouble:
            _log.warning("the control store can't be reached", extra={"reason": trouble})
        self.trouble = trouble
