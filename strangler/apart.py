"""Filling apart: the stores of one source are filled by a process of their own, which lives and dies with its parent.

They are tied by a pipe on which the parent says that it captures the source by now, and each time that the log has grown. When the
parent stops the child, or is gone for whatever reason, the child reads the end of the pipe and stops; when the child is gone, the
parent raises, and its keeper starts another.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import closing, suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Final

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


def fill_apart(
    settings: Settings, source: str, stop: threading.Event, captured: threading.Event, grown: Bell
) -> None:
    """Run the child until `stop` is set; tell it when `captured` is, and when `grown` rings. Raises StranglerError when it ends
    by itself."""
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    os.set_blocking(ours.fileno(), False)
    name = f"filling from {source}"
    child = context.Process(target=_fill, args=(settings, source, theirs), name=name, daemon=True)
    child.start()
    theirs.close()
    told = False
    with closing(ours):
        while not stop.is_set():
            rung = grown.wait(LOOK_AROUND)
            if captured.is_set() and not told:
                told = _say(ours, CAPTURED)
            if rung:
                _say(ours, GROWN)
            if not child.is_alive():
                raise StranglerError(f"the process of {name} ended with code {child.exitcode}")
    child.join(STOP_WITHIN)
    if child.is_alive():
        child.kill()


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
    from strangler import assembly, logs
    from strangler.collector import collect_seldom
    from strangler.filling import Filling
    from strangler.keeper import Keeper

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # A terminal's Ctrl-C reaches both; the parent decides.
    logs.configure()
    collect_seldom()
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
