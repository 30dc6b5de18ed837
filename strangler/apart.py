"""Filling apart: the stores of one source are filled by a process of their own, which lives and dies with its parent.

They are tied by a pipe on which one word is ever written: that the source is captured by the parent. When the parent stops the
child, or is gone for whatever reason, the child reads the end of the pipe and stops; when the child is gone, the parent
raises, and its keeper starts another.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from contextlib import closing, suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Final

from strangler.errors import StranglerError
from strangler.settings import Settings

LOOK_AROUND: Final = 0.2
"""Seconds between two looks whether the parent is to stop, or captures by now."""

STOP_WITHIN: Final = 20.0
"""Seconds that the child has to finish what it has in hand."""

CAPTURED: Final = b"captured"
"""The one word."""

CONTROL_WAIT: Final = 60.0
"""Seconds that the child tries to reach the control store before it gives up and is started again."""


def fill_apart(settings: Settings, source: str, stop: threading.Event, captured: threading.Event) -> None:
    """Run the child until `stop` is set, and tell it when `captured` is. Raises StranglerError when it ends by itself."""
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    name = f"filling from {source}"
    child = context.Process(target=_fill, args=(settings, source, theirs), name=name, daemon=True)
    child.start()
    theirs.close()
    told = False
    with closing(ours):
        while not stop.is_set():
            if captured.is_set() and not told:
                ours.send_bytes(CAPTURED)
                told = True
            if wait([child.sentinel], LOOK_AROUND):
                raise StranglerError(f"the process of {name} ended with code {child.exitcode}")
    child.join(STOP_WITHIN)
    if child.is_alive():
        child.kill()


def _fill(settings: Settings, source: str, lifeline: Connection) -> None:
    """The child: fill until the pipe ends."""
    from strangler import assembly, logs
    from strangler.collector import collect_seldom
    from strangler.filling import Filling
    from strangler.keeper import Bell, Keeper

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # A terminal's Ctrl-C reaches both; the parent decides.
    logs.configure()
    collect_seldom()
    with closing(assembly.control(settings, wait=CONTROL_WAIT)) as control:
        keeper, captured = Keeper(), threading.Event()
        Filling(settings, control, source, keeper, Bell(), partial(keeper.waits_for, captured)).start()
        with suppress(EOFError, OSError):
            while lifeline.recv_bytes() == CAPTURED:
                captured.set()
        keeper.stop.set()
        keeper.join(STOP_WITHIN)
