"""Paths: templates of routes, and the readings that a path may have. Pure.

A path is matched in every reading that a server behind the facade might give it: segments decoded one by one, the
whole decoded first (`%2F` is then a slash), decoded twice, and without `;parameters`. A route that any of them meets is
met, so no spelling of a path escapes its route. What servers read in opposite ways is refused: dot segments, control
characters, a percent sign that encodes nothing, characters beyond ASCII. A path with nothing of all that in it, as nearly all are, has
one reading and is only cut at its slashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Final
from urllib.parse import unquote

Segments = Sequence[str]


class Rank(IntEnum):
    """How specific a segment of a template is; lower comes first."""

    END = 0
    LITERAL = 1
    SET = 2
    """An OData entity set, with or without a key: `Orders`, `Orders('1')`."""
    NAMED = 3
    REST = 4


Template = tuple[tuple[Rank, str], ...]

_BROKEN: Final = re.compile("%(?![0-9a-fA-F]{2})")
_ENCODED: Final = re.compile("%[0-9a-fA-F]{2}")


class BadPath(ValueError):
    """The head of a request can't be matched safely; the text says why."""


def readings_of(path: str) -> Sequence[Segments]:
    """The readings that servers give a path, as segments. Raises BadPath for what they read in opposite ways."""
    if not path.startswith("/"):
        if path == "*":
            return ()
        raise BadPath("the target isn't a path")
    if (
        "%" in path
        or ";" in path
        or "\\" in path
        or "//" in path
        or "/." in path
        or not (path.isascii() and path.isprintable())
    ):
        return _careful(path)
    parts = path.split("/")
    del parts[0]
    if not parts[-1]:
        del parts[-1]
    return (parts,)


def _careful(path: str) -> Sequence[Segments]:
    if _BROKEN.search(path):
        raise BadPath("the path has a percent sign that encodes nothing")
    if not path.isascii():
        raise BadPath("the path has characters beyond ASCII, which must be percent-encoded")
    readings = {_segments(_decoded(part) for part in path.split("/"))}
    spelled = [_decoded(path).replace("\\", "/")]
    if _ENCODED.search(spelled[0]):
        spelled.append(_decoded(spelled[0]).replace("\\", "/"))
    for whole in spelled:
        readings.add(_segments(whole.split("/")))
        if ";" in whole:
            readings.add(_segments(part.split(";", 1)[0] for part in whole.split("/")))
        if any(ord(character) < 32 or ord(character) == 127 for character in whole):
            raise BadPath("the path has control characters")
    if any(part in (".", "..") for reading in readings for part in reading):
        raise BadPath("the path has dot segments, which different servers read differently")
    return tuple(readings)


def _decoded(text: str) -> str:
    return unquote(text, errors="surrogateescape")


def _segments(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(part for part in parts if part)


def compile_template(template: str) -> Template:
    """`/parties/{id}` as ranked segments. Raises ValueError saying what is wrong with the template."""
    if not template.startswith("/"):
        raise ValueError(f"the path {template!r} must begin with a slash")
    if "?" in template or "#" in template:
        raise ValueError(f"the path {template!r} must be a path alone; what is behind `?` belongs to `query`")
    ranked = tuple(_rank(part, template) for part in _segments(template.split("/")))
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
    if (literal := _decoded(part)) in (".", ".."):
        raise ValueError(f"{part} in {template!r}: no path with dot segments is answered, so it must go")
    return Rank.LITERAL, literal


def below(template: Template, entity_set: str) -> Template:
    """The template of an OData entity set and all under it, below its service root."""
    if any(rank is Rank.REST for rank, _ in template):
        raise ValueError("beside `odata` the path must be that of the service root, without {…:path}")
    return (*template, (Rank.SET, entity_set), (Rank.REST, ""))


def lowered(template: Template) -> Template:
    """The same for servers to which case is nothing; readings have to be lowered too."""
    return tuple((rank, text.lower() if rank <= Rank.SET else text) for rank, text in template)


def specificity(template: Template) -> tuple[int, ...]:
    """Sort key: literal segments come before `{named}` ones, and those before `{rest:path}`."""
    return (*(rank for rank, _ in template), Rank.END)


def written(template: Template) -> str:
    """A template as people write it."""
    texts = {Rank.LITERAL: "{}", Rank.SET: "{}(…)", Rank.NAMED: "{{{}}}", Rank.REST: "{{{}:path}}"}
    return "/" + "/".join(texts[rank].format(text or "rest") for rank, text in template)
