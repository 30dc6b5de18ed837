"""Export: what a target makes of a plane, and the words at its beginning. Pure.

A target is a function of the group `strangler.dataplanes`; it takes a `Plane` and gives an `Export`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from strangler.planes.plane import Plane


class Export(NamedTuple):
    """Files by name, the main one first. `notes`: what this target does otherwise than the facade, or can't do at all; they stand in the
    main file too."""

    files: Mapping[str, str]
    notes: tuple[str, ...]


_FOLLOWED = "A switch of owners waits for this proxy only while it is followed (--follow). Otherwise"
_ALONE = "A switch of owners doesn't wait for this proxy:"


def heading(
    plane: Plane, target: str, notes: Iterable[str], mark: str = "#", *, followed: bool = True
) -> str:
    """What stands at the beginning of a file: of what it is made, its stamp, and what it doesn't do. `mark` begins a comment;
    `followed`: whether a process may keep the proxy to the standings."""
    lines = [
        f"The routes of {plane.name} for {target}. Made by `strangler export`; don't edit it, export it anew.",
        str(plane.stamp),
        "",
        f"It says how the functions stood at that generation. {_FOLLOWED if followed else _ALONE} export anew and reload when writes are "
        "fenced, and again when the owner has changed; or let writes go through the facade.",
        *(f"- {note}" for note in notes),
    ]
    wrapped = [piece for line in lines for piece in textwrap.wrap(line, 118, subsequent_indent="  ") or [""]]
    return "".join(f"{mark} {line}".rstrip() + "\n" for line in wrapped)
