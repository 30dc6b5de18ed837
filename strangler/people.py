"""People: who decides, by which proof, and how the ledger names them. Pure.

A name on the ledger tells by its end what vouches for it: `ada (token 1f2e3d4c)`, `ada (OIDC)`, or `ada@office (claimed)`, for which nobody
does. Processes of our own have no such end: `worker`, `guard`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strangler.roles import Action, Role, allows

CLAIMED: Final = "claimed"
"""What stands for the proof of a name that anybody may have written."""

_LONGEST: Final = 80
"""Characters of a name on the ledger, so that there is room for its proof."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is let in. `by` says how: `token 1f2e3d4c`, `OIDC`, or `claimed`."""

    name: str
    roles: tuple[Role, ...]
    by: str

    @property
    def actor(self) -> str:
        """How the ledger names who decided."""
        return f"{self.name[:_LONGEST]} ({self.by})"

    @property
    def proven(self) -> bool:
        """Whether anybody vouches for the name."""
        return self.by != CLAIMED

    def may(self, action: Action) -> bool:
        """Whether one of the roles is enough for it."""
        return any(allows(role, action) for role in self.roles)


def claimed(name: str) -> Person:
    """Somebody for whom nobody vouches, where nobody has access yet: whoever can write to the control store may do everything."""
    return Person(name, tuple(Role), CLAIMED)


def is_claimed(actor: str) -> bool:
    """Whether the ledger's name of an actor is only a claim."""
    return actor.endswith(f" ({CLAIMED})")


def same(name: str, actor: str) -> bool:
    """Whether the ledger's name of an actor (`eva`, `eva@host (claimed)`, `eva (token 1f2e3d4c)`) is that of a person, as far as the ledger
    has it: the name that an issuer gives may be longer."""
    name = name[:_LONGEST]
    return actor == name or actor.startswith((f"{name}@", f"{name} ("))
