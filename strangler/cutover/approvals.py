"""Approvals: who said yes to one step of one plan, and whether that still holds. Pure.

A yes is for one step under one plan's hash. It lapses when the function moves, when the plan is edited, and after a while: it was given
on the figures of that day. Each person counts once, and whoever moves the function doesn't count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from strangler.control.ledger import Entry
from strangler.cutover.stages import EVERYONE
from strangler.cutover.steps import Leg
from strangler.people import by_issuer, same
from strangler.roles import Role
from strangler.settings import Approve

APPROVED: Final = "approved"
REVOKED: Final = "approval taken back"
"""The kinds of decision on the ledger."""


@dataclass(frozen=True, slots=True)
class Approval:
    """A yes of `name`, as `role`, to the step that leads to `to` under the plan `plan`. `at` in seconds since the epoch, `issued`: an
    issuer vouched for the name."""

    at: float
    name: str
    role: Role
    to: str
    plan: str
    issued: bool = False


def given(entries: Iterable[Entry], cohort: str) -> tuple[Approval, ...]:
    """The approvals among a function's entries that weren't taken back; of each person the last for each step."""
    found: list[Approval] = []
    for entry in entries:
        body = entry.body
        if entry.kind not in (APPROVED, REVOKED) or body.get("cohort", EVERYONE) != cohort:
            continue
        found = [each for each in found if each.to != body["to"] or not same(each.name, body["name"])]
        if entry.kind == APPROVED:
            role, issued = Role(body["role"]), by_issuer(entry.actor)
            found.append(Approval(entry.at, body["name"], role, body["to"], body["plan"], issued))
    return tuple(found)


def holding(
    those: Sequence[Approval], leg: Leg, plan: str, *, reached: float, now: float, mover: str = ""
) -> list[Approval]:
    """Those that count for a step at `now`, under the plan's hash, of a function that stands where it does since `reached`."""
    asked = leg.approve
    if asked is None:
        return []
    return [
        each
        for each in those
        if (each.to, each.plan) == (str(leg.target), plan)
        and each.at >= reached
        and now - each.at <= asked.valid.total_seconds()
        and counts(each.role, asked)
        and not same(each.name, mover)
    ]


def counts(role: Role, asked: Approve) -> bool:
    """Whether the yes of a role is one that is asked for: an admin's is that of an approver, too."""
    return role in (asked.role, Role.ADMIN)
