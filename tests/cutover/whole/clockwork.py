"""Time and processes that a test turns by hand.

A process is a thread that stands still before each of its transactions and wherever it would sleep, until it is resumed; so every order in
which processes can meet in the control store can be played, and each can be killed between any two transactions. Its time is the
world's, off by what its host's clock is off.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Engine

from strangler.control.store import Control
from strangler.errors import Unavailable

EPOCH = 1_764_500_000.0
LONG = 60.0
"""Real seconds after which a process that doesn't come back is a defect of the test."""

_here = threading.local()


class Killed(BaseException):
    """The process was killed: nothing that it does from here on has any effect."""


class Process:
    """One that works until it is done, resumed bit by bit. `offset`: seconds by which its host's clock is wrong."""

    def __init__(self, name: str, work: Callable[[], object], offset: Callable[[], float]) -> None:
        self.name, self._work, self.offset = name, work, offset
        self.over = self.dead = False
        self.where = ""
        self.error: BaseException | None = None
        self._mine, self._theirs = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def resume(self) -> None:
        """Go on to the next stop."""
        self._mine.release()
        assert self._theirs.acquire(timeout=LONG), f"{self.name} hangs at {self.where}"

    def kill(self) -> None:
        self.dead = True
        while not self.over:
            self.resume()

    def stop(self, where: str) -> None:
        """Stand still, in its own thread, until it is resumed. Raises Killed."""
        if not self.dead:
            self.where = where
            self._theirs.release()
            self._mine.acquire()
        if self.dead:
            raise Killed

    def _run(self) -> None:
        _here.process = self
        self._mine.acquire()
        try:
            if not self.dead:
                self._work()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001  # told by whoever resumes it
            self.error = error
        self.over = True
        self._theirs.release()


def stop(where: str) -> None:
    """Stand still, if this is a process."""
    process = getattr(_here, "process", None)
    if process is not None:
        process.stop(where)


class Reaching(Control):
    """The control store as one process reaches it: it stands still before each transaction. `away`: it doesn't answer."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.away = False

    @contextmanager
    def _transaction(self, sqlite_begin: str, isolation: str) -> Iterator[Connection]:
        if getattr(self._local, "connection", None) is None:
            stop(sqlite_begin)
            if self.away:
                raise Unavailable("the control store doesn't answer")
        with super()._transaction(sqlite_begin, isolation) as connection:
            yield connection

    def close(self) -> None:
        """The engine is everybody's."""


class Time:
    """The world's time, in the place of the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def module(self) -> Any:
        return SimpleNamespace(monotonic=lambda: self.now, time=self.wall, sleep=self.sleep)

    def wall(self) -> float:
        """What the clock of this process's host shows."""
        process = getattr(_here, "process", None)
        return EPOCH + self.now + (process.offset() if process else 0.0)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        stop("sleeps")


def me() -> str:
    """This process, as the journal has its holder: of another host, so that only its silence tells that it is gone."""
    process = getattr(_here, "process", None)
    return f"elsewhere-{process.name if process else 'nobody'}:1"
