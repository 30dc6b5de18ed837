"""Findings: what is wrong at a path of the document, before a file and a line are known."""

from __future__ import annotations

from typing import NamedTuple

Path = tuple[str | int, ...]
"""Where something stands in the document: keys and list indexes from the root down."""


class Finding(NamedTuple):
    """One thing that is wrong. `line` is given where the path alone can't tell it (a duplicate key, broken syntax)."""

    path: Path
    what: str
    instead: str = ""
    line: int | None = None


def undotted(text: str) -> Path:
    """The path that a dotted text means; a step of digits is an index of a list."""
    return tuple(int(step) if step.isdigit() else step for step in text.split("."))


def dotted(path: Path) -> str:
    """`("functions", "party", "routes", 0)` as `functions.party.routes[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
