"""Properties of a connector as they may be shown, and what tells two configurations apart. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_SECRET: Final = re.compile(r"password|secret|jaas\.config|token|credential|\.key$", re.IGNORECASE)
_PROVIDED: Final = re.compile(r"^\$\{[^}]+\}$")

HIDDEN: Final = "****"


def shown(name: str, value: str) -> str:
    """The property's value as it may be printed: a secret is hidden, what names a place of Connect's config providers isn't."""
    return HIDDEN if _SECRET.search(name) and value and not _PROVIDED.match(value) else value


def difference(
    rendered: Mapping[str, str], registered: Mapping[str, str]
) -> dict[str, tuple[str | None, str | None]]:
    """What registering `rendered` would change: property → (as it is now, as it will be); None where it isn't."""
    return {
        name: (registered.get(name), rendered.get(name))
        for name in {**rendered, **registered}
        if registered.get(name) != rendered.get(name)
    }
