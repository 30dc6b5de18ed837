"""The garbage collector in processes that move data, and in commands.

Events come and go by the thousand and never refer to each other in circles, so reference counts free them; yet every few
hundred new objects the collector would look through all that are alive. It still looks, but seldom. A command mostly loads
modules, which stay: what looks through them while they are loaded, and once more at the end, finds nothing and takes a sixth of its time.
"""

from __future__ import annotations

import atexit
import gc
from typing import Final

SELDOM: Final = 100_000
"""New objects between two looks of the collector at the youngest: some batches' worth."""


def collect_late() -> None:
    """Look seldom, and at the end of the process not at all. Called once, before a command is loaded."""
    gc.set_threshold(SELDOM)
    atexit.register(gc.freeze)


def collect_seldom() -> None:
    """Set aside what is loaded by now, and look at what comes after it seldom. Called once, when a process begins its work."""
    set_aside()
    gc.set_threshold(SELDOM)


def set_aside() -> None:
    """Never again look at what is loaded by now."""
    gc.collect()
    gc.freeze()
