"""Releasing: carry out what users asked of the quarantine (`retry`, `drop`). Done by the stream's thread, between batches.

So there is one writer of the log, and a released key's later changes can't overtake what was held.
"""

from __future__ import annotations

import logging
from itertools import groupby

from strangler.boundary import Boundary, HeldKey
from strangler.control import quarantine as holding
from strangler.control.store import Control
from strangler.ports import EventLog
from strangler.quarantine import decode_change, release

logger = logging.getLogger("strangler.quarantine")
