"""Checkers apart: each run has a process of its own, which is gone when the run is.

A checker may take seconds to load and much memory, and what it shares within a process need not be safe across threads. The two are
tied by a pipe, on which the child says what came of it; when the parent is gone, for whatever reason, the child reads its end and ends.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, TypeVar

from strangler.errors import StranglerError, Unavailable
from strangler.quality.checker import Answer, Checker, Order, Shown

KIND: Final = "great_expectations"
"""The checker: an entry point of `strangler.checkers`."""

LOOK_AROUND: Final = 0.2
"""Seconds between two looks whether the child is still there."""

Said = TypeVar("Said")


def test(orders: Sequence[Order]) -> list[Answer]:
    """Have everything tested that is ordered. Raises StranglerError when that can't be done."""
    return _apart(partial(_test, tuple(orders)))


def site(shown: Sequence[Shown], folder: Path) -> Path:
    """Have the site of these documents made; the page to begin with."""
    return _apart(partial(_site, tuple(shown), folder))


def checker() -> Checker:
    """The checker, loaded into this process."""
    from strangler import plugins

    opened: Checker = plugins.load("checkers", KIND)()
    return opened


def _test(orders: tuple[Order, ...]) -> list[Answer]:
    loaded = checker()
    return [loaded.test(order) for order in orders]


def _site(shown: tuple[Shown, ...], folder: Path) -> Path:
    return checker().site(shown, folder)


def _apart(work: Callable[[], Said]) -> Said:
    if multiprocessing.current_process().daemon:
        return work()  # A schedule's process is apart already, and may have no children.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory(prefix="strangler-quality-") as folder:
        child = context.Process(target=_child, args=(work, theirs, folder), name="checking data", daemon=True)
        child.start()
        theirs.close()
        try:
            with closing(ours):
                said = _heard(ours, child.is_alive)
        finally:
            child.kill()
            child.join()
    if isinstance(said, BaseException):
        raise said
    result: Said = said
    return result


def _heard(pipe: Connection, alive: Callable[[], bool]) -> Any:
    while not pipe.poll(LOOK_AROUND):
        if not alive() and not pipe.poll():
            break
    try:
        return pipe.recv()
    except EOFError:
        raise Unavailable(
            "the process that checks data ended by itself",
            why="it was killed, perhaps for want of memory",
            do="look at the system's log; run it again",
        ) from None


def _child(work: Callable[[], Any], pipe: Connection, folder: str) -> None:
    """The child: do the work and say what came of it. What libraries print goes nowhere; what they write goes into the folder.

    It ends without tidying up: that takes seconds, and there is nothing that would stay.
    """
    tempfile.tempdir = folder
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # as long as the process lives
    try:
        said: Any = work()
    except StranglerError as error:
        said = _plain(error)
    except Exception as error:  # noqa: BLE001  # whatever a library raises; a traceback is of no use to the parent
        said = StranglerError("data could not be checked", why=f"{type(error).__name__}: {error}")
    pipe.send(said)
    os._exit(0)


def _end_with_parent(pipe: Connection) -> None:
    with suppress(EOFError, OSError):
        pipe.recv()
    os._exit(1)


def _plain(error: StranglerError) -> StranglerError:
    """One that can be sent: classes with other arguments can't be made anew on the other side."""
    return StranglerError(error.what, why=error.why, do=error.do)
