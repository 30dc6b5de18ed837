"""Workers: several processes that answer on one address, each a facade of its own with a line of its own in the control store.

One process has one core. A switch waits until all of them have acknowledged its fence, so the applied generation is the least of theirs.
A worker that ends by itself is started again; the others go on meanwhile, since all listen on the same socket.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from multiprocessing.connection import Connection
from typing import Final

from strangler.apart import Child, as_child
from strangler.facade.server import serve
from strangler.settings import Settings

LOOK_AROUND: Final = 0.2
"""Seconds between two looks at the workers."""

PAUSES: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before a worker that ended is started again; the last one goes on as long as it ends soon."""

STEADY: Final = 60.0
"""Seconds after which a worker isn't one that ends soon."""

_log: Final = logging.getLogger("strangler.facade")


class Worker:
    """One of them, kept alive."""

    def __init__(self, settings: Settings, listener: socket.socket, number: int) -> None:
        self._settings, self._listener, self._name = of_worker(settings, number), listener, f"facade {number}"
        self._falls = 0
        self._child: Child | None = None
        self._due = self._begun = 0.0
        self._start()

    def _start(self) -> None:
        self._begun = time.monotonic()
        self._child = Child(self._name, _work, self._settings, self._listener, parent=True)

    def look(self) -> None:
        """Start it again, after a pause, when it has ended."""
        now = time.monotonic()
        if self._child is not None:
            if self._child.ended is None:
                return
            self._falls = 0 if now - self._begun > STEADY else self._falls + 1
            pause = PAUSES[min(self._falls, len(PAUSES) - 1)]
            _log.error(
                "a worker of the facade ended; it is started again",
                extra={"worker": self._name, "code": self._child.ended, "pause": pause},
            )
            self._child.pipe.close()
            self._child, self._due = None, now + pause
        elif now >= self._due:
            self._start()

    def let_go(self) -> None:
        """Tell it to finish."""
        if self._child is not None:
            self._child.pipe.close()

    def close(self, within: float) -> None:
        """Wait until it has finished, at most so many seconds."""
        if self._child is not None:
            self._child.close(within)


def serve_many(
    settings: Settings, listener: socket.socket, count: int, stop: threading.Event, drain: float
) -> None:
    """Run `count` workers on a listening socket until `stop` is set; each has `drain` seconds to finish its calls."""
    workers = [Worker(settings, listener, number + 1) for number in range(count)]
    while not stop.wait(LOOK_AROUND):
        for worker in workers:
            worker.look()
    for worker in workers:
        worker.let_go()
    for worker in workers:
        worker.close(drain + 5.0)


def of_worker(settings: Settings, number: int) -> Settings:
    """The settings of one of them, counted from 1: what the admin API tells is of one process, so each has a port of its own."""
    facade = settings.facade
    if facade is None or facade.admin is None or facade.admin.port == 0:
        return settings
    admin = facade.admin.model_copy(update={"port": facade.admin.port + number - 1})
    return settings.model_copy(update={"facade": facade.model_copy(update={"admin": admin})})


def _work(settings: Settings, listener: socket.socket, lifeline: Connection) -> None:
    """The child: answer until the pipe ends."""
    from strangler import assembly

    as_child()
    serve(settings, lambda: assembly.control(settings), bound=listener, lifeline=lifeline)
