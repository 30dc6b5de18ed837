"""Traces: the W3C trace context under which a call goes on."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Final

_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
).fullmatch


class Traces:
    """Gives each call its trace."""

    def begin(self, headers: Mapping[str, str]) -> str:
        """The caller's `traceparent`, or a new one when there is none that is valid."""
        given = headers.get("traceparent")
        if given is not None and _TRACEPARENT(given):
            return given
        return f"00-{random.getrandbits(128) or 1:032x}-{random.getrandbits(64) or 1:016x}-01"
