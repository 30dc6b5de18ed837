"""Properties of a connector as they may be shown, and what tells two configurations apart. Pure.

What a property holds is shown only where it is known to be no secret: by its name, or because it is a number or a switch. There
are more properties than anybody lists, of Debezium, of converters, transforms and drivers, and a new one may hold a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from strangler import urls

_SECRET: Final = re.compile(
    r"pass|pwd|secret|jaas|token|credential|user\.?info|auth|pin\b|\.key$", re.IGNORECASE
)
_HARMLESS: Final = re.compile(
    r"""
    name | connector\.class | tasks\.max | topic\.prefix | plugin\.name | (slot|publication)\.name | skipped\.operations
    | database\.(hostname|port|user|dbname|names|server\.id|include\.list)
    | (schema|table|column|message\.prefix)\.(include|exclude)\.list | message\.key\.columns
    | (heartbeat\.action\.query | signal\.(data\.collection|enabled\.channels))
    | (key|value|header)\.converter | .+\.converter\.decimal\.format
    | (transforms|predicates) | transforms\.\w+\.(type|regex|replacement|predicate|negate)
    | (.+\.)?(mode|strategy) | topic\.creation\.[\w-]+\.cleanup\.policy | errors\.tolerance
    | schema\.history\.internal\.kafka\.(topic|bootstrap\.servers)
    | producer\.override\.acks | .+\.(security\.protocol|sasl\.mechanism)
    """,
    re.VERBOSE,
)
_PLAIN: Final = re.compile(r"-?\d+(\.\d+)?|true|false", re.IGNORECASE)
_PROVIDED: Final = re.compile(r"\$\{[^}]+\}")

HIDDEN: Final = "****"


def shown(name: str, value: str) -> str:
    """The property's value as it may be printed. What names a place of Connect's config providers isn't hidden."""
    if not value or _PROVIDED.fullmatch(value):
        return value
    if _HARMLESS.fullmatch(name):
        return urls.display(value)
    return value if _PLAIN.fullmatch(value) and not _SECRET.search(name) else HIDDEN


def difference(
    rendered: Mapping[str, str], registered: Mapping[str, str]
) -> dict[str, tuple[str | None, str | None]]:
    """What registering `rendered` would change: property → (as it is now, as it will be); None where it isn't."""
    return {
        name: (registered.get(name), rendered.get(name))
        for name in {**rendered, **registered}
        if registered.get(name) != rendered.get(name)
    }
