"""Alike: texts, of which something doesn't count. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


def without(ignored: Collection[str], value: Any) -> Any:
    """A text without what doesn't count of it: `blanks`, `trailing blanks`, `case`; what is no text as it is."""
    if not isinstance(value, str):
        return value
    if "blanks" in ignored:
        value = " ".join(value.split())
    if "trailing blanks" in ignored:
        value = value.rstrip()
    return value.casefold() if "case" in ignored else value
