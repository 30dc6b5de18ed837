"""Work apart: in a process of its own, which lives no longer than its parent.

They are tied by a pipe. When the parent lets go of the child, or is gone for whatever reason, the child reads the end of the pipe and
stops. So are the stores of one source filled: the parent says on the pipe that it captures the source by now, and each time that the
log has grown; when the child is gone, the parent raises, and its keeper starts another.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from multiprocessing import util
from multiprocessing.connection import Connection
from typing import Any, Final

from strangler.errors import StranglerError
from strangler.keeper import Bell
from strangler.settings import Settings

LOOK_AROUND: Final = 0.2
"""Seconds between two looks whether the parent is to stop, or captures by now, or the child is gone."""

STOP_WITHIN: Final = 20.0
"""Seconds that the child has to finish what it has in hand."""

CAPTURED: Final = b"captured"
GROWN: Final = b"grown"
"""The two words."""

CONTROL_WAIT: Final = 60.0
"""Seconds that the child tries to reach the control store before it gives up and is started again."""


class Child:
    """A process that is tied to this one. Its work gets these arguments, and then its end of the pipe.

    `duplex`: it says something on the pipe too. `parent`: it may have children of its own.
    """

    def __init__(
        self,
        name: str,
        work: Callable[..., None],
        *arguments: Any,
        duplex: bool = False,
        parent: bool = False,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        theirs, self.pipe = context.Pipe(duplex=duplex)
        os.set_blocking(self.pipe.fileno(), False)
        self.name = name
        self._process = context.Process(target=work, args=(*arguments, theirs), name=name, daemon=not parent)
        # At its end a process waits for children that aren't daemons, so it has to let go of them before that.
        self._letting_go = util.Finalize(self, self.pipe.close, exitpriority=10)
        self._process.start()
        theirs.close()

    @property
    def ended(self) -> int | None:
        """The code with which it ended; None as long as it lives."""
        return self._process.exitcode

    def close(self, within: float = STOP_WITHIN) -> None:
        """Let go of it, and wait until it has finished what it has in hand, at most so many seconds."""
        self._letting_go()
        self._process.join(within)
        if self._process.is_alive():
            self._process.kill()


def as_child() -> None:
    """What a child does first: it logs as its parent does, and leaves the signals to it."""
    from strangler import logs
    from strangler.collector import collect_seldom

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # A terminal's Ctrl-C reaches both; the parent decides.
    logs.configure()
    collect_seldom()


def fill_apart(
    settings: Settings, source: str, stop: threading.Event, captured: threading.Event, grown: Bell
) -> None:
    """Run the child until `stop` is set; tell it when `captured` is, and when `grown` rings. Raises StranglerError when it ends
    by itself."""
    told = False
    with closing(Child(f"filling from {source}", _fill, settings, source)) as child:
        while not stop.is_set():
            rung = grown.wait(LOOK_AROUND)
            if captured.is_set() and not told:
                told = _say(child.pipe, CAPTURED)
            if rung:
                _say(child.pipe, GROWN)
            if child.ended is not None:
                raise StranglerError(f"the process of {child.name} ended with code {child.ended}")


def _say(pipe: Connection, word: bytes) -> bool:
    """Say it unless the pipe is full of what the child hasn't heard yet, or has lost its other end; whether it was said.

    So short a word is written whole or not at all.
    """
    try:
        pipe.send_bytes(word)
    except (BlockingIOError, BrokenPipeError):
        return False
    return True


def _fill(settings: Settings, source: str, lifeline: Connection) -> None:
    """The child: fill until the pipe ends."""
    from strangler import assembly
    from strangler.filling import Filling
    from strangler.keeper import Keeper

    as_child()
    with closing(assembly.control(settings, wait=CONTROL_WAIT)) as control:
        keeper, captured, grown = Keeper(), threading.Event(), Bell()
        Filling(settings, control, source, keeper, grown, partial(keeper.waits_for, captured)).start()
        with suppress(EOFError, OSError):
            while True:
                if lifeline.recv_bytes() == CAPTURED:
                    captured.set()
                else:
                    grown.ring()
        keeper.stop.set()
        keeper.join(STOP_WITHIN)
