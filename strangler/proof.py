"""Proof: whose a token is, for commands. The admin API asks the same of the same tokens, but must not wait (`strangler.facade.admin.gate`).

As soon as anybody was ever given access, or groups of an issuer have roles, a name needs a proof. That never ends by itself: when all
tokens have ended, nobody is let in by a mere name. Only an admin can be made so, while there is none.
"""

from __future__ import annotations

from typing import Final

from strangler.control import access_tokens
from strangler.control.store import Control
from strangler.errors import Refused
from strangler.people import Person
from strangler.roles import Action, Role
from strangler.settings import EdgeIdentity, Settings

_FIRST: Final = "strangler access add YOUR-NAME --role admin, then bring that token: export STRANGLER_TOKEN=…"


def is_needed(settings: Settings, control: Control, action: Action, now: float) -> bool:
    """Whether a name alone isn't enough for an action."""
    issuer = _issuer(settings)
    if action is Action.GRANT:
        return has_admin_groups(settings) or access_tokens.has_admin(control, now)
    return bool(issuer and issuer.grants.any) or access_tokens.ever_given(control)


def prove(settings: Settings, control: Control, token: str, now: float) -> Person:
    """Whose token it is. Raises Refused for one that isn't good, Unavailable while that can't be told."""
    issuer = _issuer(settings)
    if access_tokens.is_one(token) or issuer is None:
        found = access_tokens.person(control, token, now)
        if found is None:
            raise Refused(
                "the token isn't good",
                why="it is unknown, or ended, or was taken away",
                do="strangler access list --all",
            )
        return found
    from strangler.facade.identity.once import read

    return issuer.grants.person(read(issuer, token))


def has_admin_groups(settings: Settings) -> bool:
    """Whether people are admins by their groups."""
    issuer = _issuer(settings)
    return bool(issuer and issuer.grants.admin)


def require_admin(role: Role, person: Person) -> None:
    """Raises Refused when somebody unproven would give another role than admin: nobody could then give access any more."""
    if not person.proven and role is not Role.ADMIN:
        raise Refused(
            f"nobody can be {role} before there is an admin",
            why="only admins give and take access, and nobody is one",
            do=_FIRST,
        )


def require_proven(person: Person) -> None:
    """Raises Refused when somebody unproven would take access away: while there is no admin, one can be made so, and nothing else."""
    if not person.proven:
        raise Refused(
            "nobody can take access away before there is an admin",
            why="only admins give and take access, and nobody is one",
            do=_FIRST,
        )


def _issuer(settings: Settings) -> EdgeIdentity | None:
    return settings.facade.identity if settings.facade else None
