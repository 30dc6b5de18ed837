"""Paths: templates of routes, and the readings that a path may have. Pure.

A path is matched in every reading that a server behind the facade might give it: segments decoded one by one, the
whole decoded first (`%2F` is then a slash), and without `;parameters`. A route that any of them meets is met, so no
spelling of a path escapes its route. Dot segments are refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from urllib.parse import unquote

Segments = tuple[str, ...]


class Rank(Enum):
    """How specific a segment of a template is; lower comes first."""

    END = 0
    LITERAL = 1
    NAMED = 2
    REST = 3


Template = tuple[tuple[Rank, str], ...]


class BadPath(ValueError):
    """The path can't be matched safely; the text says why."""


def readings_of(path: str) -> tuple[Segments, ...]:
    """The readings that servers give a path, as segments. Raises BadPath for dot segments and control characters."""
    readings = {_segments([unquote(part, errors="surrogateescape") for part in path.split("/")])}
    whole = unquote(path, errors="surrogateescape").replace("\\", "/")
    readings.add(_segments(whole.split("/")))
    if ";" in whole:
        readings.add(_segments([part.split(";", 1)[0] for part in whole.split("/")]))
    for reading in readings:
        if any(part in (".", "..") for part in reading):
            raise BadPath("the path has dot segments, which different servers read differently")
    if any(ord(character) < 32 for character in whole):
        raise BadPath("the path has control characters")
    return tuple(readings)


def _segments(parts: Iterable[str]) -> Segments:
    return tuple(part for part in parts if part)


def compile_template(template: str) -> Template:
    """`/parties/{id}` as ranked segments. Raises ValueError saying what is wrong with the template."""
    if not template.startswith("/"):
        raise ValueError(f"the path {template!r} must begin with a slash")
    parts = _segments(template.split("/"))
    ranked = tuple(_rank(part, template) for part in parts)
    if any(rank is Rank.REST for rank, _ in ranked[:-1]):
        raise ValueError(f"{{…:path}} takes the remainder, so it must be the last segment of {template!r}")
    return ranked


def _rank(part: str, template: str) -> tuple[Rank, str]:
    if part.startswith("{") and part.endswith("}"):
        name, _, suffix = part[1:-1].partition(":")
        if not name.isidentifier() or suffix not in ("", "path"):
            raise ValueError(f"{part} in {template!r} must be {{name}} or {{name:path}}")
        return (Rank.REST if suffix else Rank.NAMED), name
    if "{" in part or "}" in part:
        raise ValueError(f"{part} in {template!r}: a parameter must be a whole segment, like {{id}}")
    return Rank.LITERAL, unquote(part)


def takes(template: Template, reading: Segments) -> bool:
    """Whether a reading of a path fits the template."""
    for index, (rank, text) in enumerate(template):
        if rank is Rank.REST:
            return True
        if index >= len(reading) or (rank is Rank.LITERAL and reading[index] != text):
            return False
    return len(reading) == len(template)


def specificity(template: Template) -> list[int]:
    """Sort key: literal segments come before `{named}` ones, and those before `{rest:path}`."""
    return [rank.value for rank, _ in template] + [Rank.END.value]
