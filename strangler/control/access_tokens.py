"""Access tokens: who may decide by commands and use the admin API, and as what.

A token is `strangler_<id>_<secret>`. The id finds its line; of the secret only the SHA-256 is kept. The secret is 32 random bytes, so
nobody finds it by trying, and what makes the hash of a password slow (scrypt) would only give whoever sends wrong tokens a
way to keep the facade busy.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import RowMapping, insert, select, update

from strangler.control import ledger, tables
from strangler.control.store import Control
from strangler.errors import Refused
from strangler.people import Person, same
from strangler.roles import Role

SECRET: Final = 32
"""Random bytes of a secret."""

SELDOM: Final = 60.0
"""Seconds within which a token's use is noted once."""

GIVEN: Final = "access given"
TAKEN: Final = "access taken"
"""The kinds of decision on the ledger."""

_FORM: Final = re.compile(r"strangler_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")
_NOBODYS: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token as the control store knows it. Times in seconds since the epoch; `used_at` is exact to a minute."""

    id: str
    name: str
    role: Role
    created_at: float
    created_by: str
    expires_at: float | None
    revoked_at: float | None
    used_at: float | None

    def state(self, now: float) -> str:
        """active, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


def add(control: Control, *, name: str, role: Role, expires_at: float | None, actor: str, at: float) -> str:
    """Give access; returns the token, which nobody can tell again. Raises Refused where a person would have two names."""
    _refuse_another_name(control, name, at)
    id, secret = secrets.token_hex(4), secrets.token_urlsafe(SECRET)
    values = {"id": id, "name": name, "role": role.value, "digest": _digest(secret), "created_at": at}
    with control.begin() as connection:
        connection.execute(
            insert(tables.access_token).values(**values, created_by=actor, expires_at=expires_at)
        )
        body = {"name": name, "role": role.value, "token": id, "expires_at": expires_at}
        ledger.append(control, actor=actor, kind=GIVEN, function="", body=body, at=at)
    return f"strangler_{id}_{secret}"


def _refuse_another_name(control: Control, name: str, at: float) -> None:
    active = {each.name for each in listed(control) if each.state(at) == "active"}
    if name not in active and (there := sorted(each for each in active if same(each, name))):
        raise Refused(
            f"{name} can't be told from {there[0]}",
            why=f"{there[0]} has access, and whoever had both names would be taken for one person when a move is approved",
            do=f"strangler access add {shlex.quote(there[0])} …, if it is the same person; else another name",
        )


def listed(control: Control) -> list[AccessToken]:
    """All tokens that ever were, by name and age."""
    query = select(tables.access_token).order_by("name", "created_at", "id")
    with control.read() as connection:
        return [_token(row) for row in connection.execute(query).mappings()]


def revoke(control: Control, which: str, *, actor: str, at: float, others: bool = False) -> list[AccessToken]:
    """Take access away from a name or a single token (by its id); returns the tokens that were good until now. Raises Refused, also for the
    last admin, unless there are `others` without a token of ours."""
    table = tables.access_token
    with control.begin() as connection:
        found = [each for each in listed(control) if which in (each.id, each.name)]
        active = [each for each in found if each.state(at) == "active"]
        if not active:
            why = "it ended already" if found else "no token has this name or id"
            raise Refused(f"{which!r} has no access to take", why=why, do="strangler access list")
        ids = [each.id for each in active]
        if not others and any(each.role is Role.ADMIN for each in active):
            _refuse_without_admin(control, ids, at)
        connection.execute(update(table).where(table.c.id.in_(ids)).values(revoked_at=at))
        for each in active:
            body = {"name": each.name, "role": each.role.value, "token": each.id}
            ledger.append(control, actor=actor, kind=TAKEN, function="", body=body, at=at)
    return active


def any_active(control: Control, now: float) -> bool:
    """Whether anybody has access."""
    return any(each.state(now) == "active" for each in listed(control))


def has_admin(control: Control, now: float) -> bool:
    """Whether a token of an admin is good."""
    return any(each.role is Role.ADMIN and each.state(now) == "active" for each in listed(control))


def ever_given(control: Control) -> bool:
    """Whether anybody ever had access."""
    with control.read() as connection:
        return connection.execute(select(tables.access_token.c.id).limit(1)).first() is not None


def person(control: Control, text: str, now: float) -> Person | None:
    """Whose token this is; None for one that isn't good, whatever is wrong with it."""
    match = _FORM.fullmatch(text)
    table = tables.access_token
    with control.read() as connection:
        row = (
            connection.execute(select(table).where(table.c.id == (match[1] if match else "")))
            .mappings()
            .first()
        )
    # Compared in every case, and in a time that doesn't depend on where the texts part.
    same = hmac.compare_digest(_digest(match[2] if match else ""), row["digest"] if row else _NOBODYS)
    if row is None or not same or _token(row).state(now) != "active":
        return None
    if row["used_at"] is None or row["used_at"] < now - SELDOM:
        _note_use(control, row["id"], now)
    return Person(row["name"], (Role(row["role"]),), f"token {row['id']}")


def is_one(text: str) -> bool:
    """Whether a text has the form of an access token."""
    return _FORM.fullmatch(text) is not None


def _refuse_without_admin(control: Control, ids: Collection[str], at: float) -> None:
    admins = [each for each in listed(control) if each.role is Role.ADMIN and each.state(at) == "active"]
    if all(each.id in ids for each in admins):
        raise Refused(
            f"{admins[0].name} is the last admin",
            why="without one nobody could give access any more",
            do="strangler access add NAME --role admin first",
        )


def _note_use(control: Control, id: str, now: float) -> None:
    table = tables.access_token
    with control.begin() as connection:
        connection.execute(update(table).where(table.c.id == id).values(used_at=now))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _token(row: RowMapping) -> AccessToken:
    values = {name: row[name] for name in AccessToken.__slots__}
    return AccessToken(**{**values, "role": Role(row["role"])})
