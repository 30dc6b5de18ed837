"""Roles: who may do what. Pure: a table, and the question to it.

Roles are no ladder. Who approves a cutover isn't for that who operates it, so that the two can be different people.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What an account is for."""

    VIEWER = "viewer"
    """Looks."""
    OPERATOR = "operator"
    """Keeps it running and moves functions, within what is approved."""
    APPROVER = "approver"
    """Says yes or no to what an operator wants to move."""
    ADMIN = "admin"
    """Everything, and who may do what."""


class Action(StrEnum):
    """What can be done, as words that complete "may …"."""

    LOOK = "look"
    FORCE = "force a breaker"
    DRAIN = "drain a facade"
    MOVE = "move a function"
    HOLD = "hold or release a function"
    MEND = "repair, retry or drop what went wrong"
    APPROVE = "approve a move"
    GRANT = "give or take access"


ALLOWED: Final[dict[Action, frozenset[Role]]] = {
    Action.LOOK: frozenset(Role),
    Action.FORCE: frozenset({Role.OPERATOR, Role.ADMIN}),
    Action.DRAIN: frozenset({Role.OPERATOR, Role.ADMIN}),
    Action.MOVE: frozenset({Role.OPERATOR, Role.ADMIN}),
    Action.HOLD: frozenset({Role.OPERATOR, Role.APPROVER, Role.ADMIN}),
    Action.MEND: frozenset({Role.OPERATOR, Role.ADMIN}),
    Action.APPROVE: frozenset({Role.APPROVER, Role.ADMIN}),
    Action.GRANT: frozenset({Role.ADMIN}),
}
"""Action → the roles that may do it."""


def allows(role: Role, action: Action) -> bool:
    """Whether an account of this role may do it."""
    return role in ALLOWED[action]


def needed(action: Action) -> str:
    """The roles that may do it, in words: `operator or admin`."""
    return " or ".join(role for role in Role if role in ALLOWED[action])
