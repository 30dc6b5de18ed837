"""Who carries something out that may be killed half way: a process, known by its host and number, that gives signs of life."""

from __future__ import annotations

import os
import socket
from typing import Final

SILENT_AFTER: Final = 15.0
"""Seconds without a sign of life after which a holder counts as gone: several times the pause between two."""


def myself() -> str:
    """This process as a holder."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_gone(holder: str, seen_at: float, now: float) -> bool:
    """Whether the holder is a process of this machine that is gone, or has been silent."""
    host, _, process = holder.rpartition(":")
    if host == socket.gethostname() and not _runs(int(process)):
        return True
    return now - seen_at > SILENT_AFTER


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
