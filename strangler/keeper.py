"""Keeping threads going: start, then converge. A part that fails is tried again, with pauses that grow.

`Keeper` holds the threads of a process and their common stop; `Bell` wakes a waiting thread when there is something to do.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from strangler.errors import StranglerError, Unavailable

logger = logging.getLogger("strangler.keeper")

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 15.0
"""Seconds between two tries: doubled from the first to the longest, so that a dead peer isn't hammered and a live one is met soon."""

CALM: Final = 30.0
"""Seconds of work after which a failure counts as the first again."""


LOOK_AROUND: Final = 0.2
"""Seconds between two looks whether to stop, while something else is waited for."""


class Bell:
    """Wakes those who wait. A ring while nobody waits isn't lost: the next wait returns at once."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rings = 0
        self._heard = threading.local()

    def ring(self) -> None:
        with self._condition:
            self._rings += 1
            self._condition.notify_all()

    def wait(self, timeout: float) -> bool:
        """Until the bell rang since this thread's last wait, or `timeout` seconds are over; whether it rang."""
        heard = getattr(self._heard, "rings", 0)
        with self._condition:
            rang = self._condition.wait_for(lambda: self._rings != heard, timeout)
            self._heard.rings = self._rings
            return rang


class Keeper:
    """Runs each piece of work in a thread of its own until `stop` is set; what raises is run again after a pause."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def keep(self, name: str, work: Callable[[], None], failed: Callable[[StranglerError], None]) -> None:
        """Start `work`. `failed` is told each failure."""
        thread = threading.Thread(target=self._run, args=(name, work, failed), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def waits_for(self, event: threading.Event) -> bool:
        """Wait until `event` is set; False when the stop came first."""
        while not event.wait(LOOK_AROUND):
            if self.stop.is_set():
                return False
        return True

    def join(self, timeout: float) -> None:
        """Wait for all threads to end, at most `timeout` seconds together."""
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, name: str, work: Callable[[], None], failed: Callable[[StranglerError], None]) -> None:
        pause = FIRST_PAUSE
        while not self.stop.is_set():
            began = time.monotonic()
            try:
                work()
            except StranglerError as error:
                _tell(name, error)
                _report(failed, error)
            except Exception as error:
                logger.exception("failed unexpectedly", extra={"part": name})
                _report(
                    failed, StranglerError(f"{name} failed unexpectedly: {type(error).__name__}: {error}")
                )
            if time.monotonic() - began > CALM:
                pause = FIRST_PAUSE
            self.stop.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


def _tell(name: str, error: StranglerError) -> None:
    level = logging.WARNING if isinstance(error, Unavailable) else logging.ERROR
    logger.log(level, error.what, extra={"part": name, "why": error.why, "do": error.do})


def _report(failed: Callable[[StranglerError], None], error: StranglerError) -> None:
    """Tell the control store; when that is what doesn't answer, the log line has to do."""
    try:
        failed(error)
    except StranglerError as unheard:
        logger.warning("the failure can't be recorded", extra={"why": unheard.what})
    except Exception:  # Whatever it is: the thread must live to try its work again.
        logger.exception("the failure can't be recorded")
