"""Names: the one that was probably meant where a user mistyped it, and one that is allowed where a text isn't."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from strangler.errors import StranglerError


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`; None when none is alike."""
    by_lower = {each.lower(): each for each in known}
    found = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def unknown(thing: str, name: str, known: Iterable[str], where: str = "") -> StranglerError:
    """The error for a name that isn't known: for function `pary` it asks whether `party` was meant."""
    names = sorted(known)
    meant = nearest(name, names)
    return StranglerError(
        f"there is no {thing} {name!r}" + (f" {where}" if where else ""),
        why=f"there {'is' if len(names) == 1 else 'are'}: {', '.join(names)}"
        if names
        else f"there is no {thing} at all",
        do=f"did you mean {meant!r}?" if meant else "",
    )


def as_name(text: str) -> str:
    """The text as a name of the configuration: lower-case letters, digits and underscores, beginning with a letter."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:41]
    return name if name[:1].isalpha() else f"n_{name}".rstrip("_")
