"""Access tokens in the control store, on both databases that it can be kept in."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import select

from strangler.control import access_tokens, ledger, tables
from strangler.control.access_tokens import SELDOM
from strangler.control.store import Control
from strangler.errors import Refused
from strangler.people import Person
from strangler.roles import Role


def give(
    control: Control, name: str = "ada", role: Role = Role.OPERATOR, expires_at: float | None = None
) -> str:
    return access_tokens.add(control, name=name, role=role, expires_at=expires_at, actor="root@vm", at=100.0)


def test_a_token_is_its_owners_in_its_role_until_it_ends(control: Control) -> None:
    token = give(control, expires_at=200.0)
    person = access_tokens.person(control, token, 199.0)
    assert person == Person("ada", (Role.OPERATOR,), f"token {token.split('_')[1]}")
    assert person.actor == f"ada (token {token.split('_')[1]})"
    assert access_tokens.person(control, token, 200.0) is None


def test_no_other_text_is_good_however_like_it_is(control: Control) -> None:
    token, other = give(control), give(control, "bob")
    _, id, secret = token.split("_", 2)
    wrong = [
        "", "strangler", token[:-1], token + "A", token.upper(), f" {token}", f"{token}\n", f"strangler_{id}_",
        f"strangler_{id}_{other.split('_', 2)[2]}", f"strangler_00000000_{secret}", f"strangler_{id}_{'A' * 43}",
    ]  # fmt: skip
    assert [access_tokens.person(control, text, 101.0) for text in wrong] == [None] * len(wrong)


def test_of_the_secret_only_a_hash_is_kept(control: Control) -> None:
    token = give(control)
    secret = token.split("_", 2)[2]
    assert len(secret) == 43, "32 bytes in base64"
    with control.read() as connection:
        rows = connection.execute(select(tables.access_token)).all()
        written = str(rows) + str(connection.execute(select(tables.ledger)).all())
    assert secret not in written
    assert hashlib.sha256(secret.encode()).hexdigest() in written


def test_giving_and_taking_access_stands_on_the_ledger(control: Control) -> None:
    token = give(control, expires_at=200.0)
    access_tokens.revoke(control, "ada", actor="eve@vm", at=110.0)
    id = token.split("_")[1]
    assert [(e.actor, e.kind, e.body) for e in ledger.entries(control)] == [
        ("root@vm", "access given", {"name": "ada", "role": "operator", "token": id, "expires_at": 200.0}),
        ("eve@vm", "access taken", {"name": "ada", "role": "operator", "token": id}),
    ]
    assert ledger.verify(control).problem is None


def test_a_name_loses_all_its_tokens_an_id_only_one(control: Control) -> None:
    first, second, other = give(control), give(control, role=Role.VIEWER), give(control, "bob")
    access_tokens.revoke(control, first.split("_")[1], actor="x", at=110.0)
    good = [access_tokens.person(control, each, 111.0) is not None for each in (first, second, other)]
    assert good == [False, True, True]
    third = give(control)
    taken = access_tokens.revoke(control, "ada", actor="x", at=112.0)
    assert {each.id for each in taken} == {second.split("_")[1], third.split("_")[1]}
    assert [access_tokens.person(control, each, 113.0) for each in (second, third)] == [None, None]
    assert access_tokens.person(control, other, 113.0) is not None


@pytest.mark.parametrize(
    ("which", "why"), [("nobody", "no token has this name"), ("ada", "it ended already")]
)
def test_what_cant_be_taken_is_told_in_words(control: Control, which: str, why: str) -> None:
    give(control, expires_at=105.0)
    with pytest.raises(Refused) as refused:
        access_tokens.revoke(control, which, actor="x", at=110.0)
    assert why in refused.value.why


def test_states_and_last_use_are_listed(control: Control) -> None:
    used, expired, revoked = give(control), give(control, "bob", expires_at=105.0), give(control, "eve")
    access_tokens.revoke(control, revoked.split("_")[1], actor="x", at=110.0)
    for at in (120.0, 120.0 + SELDOM / 2):
        assert access_tokens.person(control, used, at) is not None
    assert [(each.name, each.state(130.0), each.used_at) for each in access_tokens.listed(control)] == [
        ("ada", "active", 120.0),
        ("bob", "expired", None),
        ("eve", "revoked", None),
    ]
    assert access_tokens.person(control, used, 120.0 + SELDOM + 1) is not None
    assert access_tokens.listed(control)[0].used_at == 120.0 + SELDOM + 1
    assert access_tokens.any_active(control, 130.0)
    access_tokens.revoke(control, "ada", actor="x", at=131.0)
    assert not access_tokens.any_active(control, 132.0)
    assert expired.split("_")[1] in {each.id for each in access_tokens.listed(control)}
