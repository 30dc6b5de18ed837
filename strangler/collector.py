"""The garbage collector in processes that move data.

Events come and go by the thousand and never refer to each other in circles, so reference counts free them; yet every few
hundred new objects the collector would look through all that are alive. It still looks, but seldom.
"""

from __future__ import annotations

import gc
from typing import Final

SELDOM: Final = 100_000
"""New objects between two looks of the collector at the youngest: some batches' worth."""


def collect_seldom() -> None:
    """Set aside what is loaded by now, and look at what comes after it seldom. Called once, when a process begins its work."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(SELDOM)
