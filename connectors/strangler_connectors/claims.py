"""Claims: to be the only one that reads a source, until released or until the process ends, however it ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from strangler.errors import Unavailable


def claim(path: Path, name: str, what: str) -> Callable[[], None]:
    """Claim the file `path` for the source `name`, which reads `what`; calling the answer releases it.

    Raises Unavailable while somebody else has it.
    """
    # An exclusive transaction of SQLite on a file of its own is a lock on every system.
    held = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        held.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        held.close()
        raise Unavailable(
            f"source {name}: another stream reads {what}",
            why=str(error),
            do="only one stream may read a source: end the other one",
        ) from error
    return held.close
