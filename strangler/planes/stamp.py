"""Stamp: of which generation and which configuration an exported file is. Pure.

It stands in one line of every file, so that a file can be asked whether it is still right.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final, NamedTuple

from strangler.settings import Settings

_LINE: Final = re.compile(r"strangler generation (\d+), configuration ([0-9a-f]{16})")


class Stamp(NamedTuple):
    """The generation of the standings, and the fingerprint of what the configuration says of routing."""

    generation: int
    configuration: str

    def __str__(self) -> str:
        return f"strangler generation {self.generation}, configuration {self.configuration}"


def fingerprint(settings: Settings) -> str:
    """Sixteen hexadecimal digits that differ when anything differs that an export is made of."""
    said: dict[str, Any] = {
        "name": settings.name,
        "facade": settings.facade.model_dump(mode="json") if settings.facade else None,
        "retry_after": settings.cutover.retry_after.total_seconds(),
        "salt": settings.facade.sticky.salt.get_secret_value() if settings.facade else None,
        "functions": {
            name: function.model_dump(mode="json", include={"routes", "service", "protocol"})
            for name, function in settings.functions.items()
        },
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def read(text: str) -> Stamp | None:
    """The stamp in a file's text; None when there is none."""
    found = _LINE.search(text)
    return Stamp(int(found[1]), found[2]) if found else None


def outdated(found: Stamp, present: Stamp) -> str | None:
    """Why a file isn't right any more, in words; None when it is."""
    if found.configuration != present.configuration:
        return f"it was made from another configuration ({found.configuration}; now it is {present.configuration})"
    if found.generation != present.generation:
        return f"it is of generation {found.generation}; now it is {present.generation}"
    return None
