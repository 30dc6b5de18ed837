"""Who carries something out that may be killed half way: a process, known by its host and number, that gives signs of life."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from strangler.errors import StranglerError

SILENT_AFTER: Final = 15.0
"""Seconds without a sign of life after which a holder counts as gone: several times the pause between two."""

SIGN_OF_LIFE: Final = 3.0
"""Seconds between two signs of life of one that is busy with something else."""


def myself() -> str:
    """This process as a holder: where it runs, and its number there."""
    return f"{_here()}:{os.getpid()}"


def is_gone(holder: str, seen_at: float, now: float) -> bool:
    """Whether the holder is a process from here that is gone, or has been silent."""
    where, _, process = holder.rpartition(":")
    if where == _here() and not _runs(int(process)):
        return True
    return now - seen_at > SILENT_AFTER


@contextmanager
def signs_of_life(give: Callable[[], None]) -> Iterator[None]:
    """Call `give` now, and again and again in a thread of its own as long as the work in here goes on.

    Raises what the first call raises. Later ones may fail: the control store comes back, or the work itself will say that it is away.
    """
    give()
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(SIGN_OF_LIFE):
            with suppress(StranglerError):
                give()

    giving = threading.Thread(target=go_on, name="signs of life", daemon=True)
    giving.start()
    try:
        yield
    finally:
        over.set()
        giving.join()


@cache
def _here() -> str:
    """Where processes are told apart by their numbers: the host, and of a container which it is, since containers of one image may have one
    name and each a process 1."""
    host, told = socket.gethostname(), ""
    with suppress(OSError):
        told = Path("/proc/sys/kernel/random/boot_id").read_text() + os.readlink("/proc/self/ns/pid")
    return f"{host}.{sha256(told.encode()).hexdigest()[:6]}" if told else host


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
