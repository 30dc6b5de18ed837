"""`strangler access`: giving and taking access from the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from click.testing import CliRunner, Result

from strangler.cli.main import root
from strangler.control import access_tokens, ledger
from strangler.control.store import Control
from strangler.roles import Role

CONFIGURATION = """\
name: demo
sources: {erp: {kind: sqlite, url: 'sqlite:///legacy.db'}}
stores: {new: {url: 'sqlite:///new.db'}}
facade:
  legacy: http://127.0.0.1:8000
  signing: {algorithm: ALGORITHM, key: k1, keys: {k1: c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M=}}
functions: {party: {source: erp, store: new, entities: {party: {table: t, key: id, fields: {id: id}}}}}
"""

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def command(*words: str, algorithm: str = "EdDSA") -> Result:
        path = tmp_path / "strangler.yaml"
        path.write_text(CONFIGURATION.replace("ALGORITHM", algorithm))
        return CliRunner().invoke(root, ["-c", str(path), "access", *words])

    return command


@pytest.fixture
def opened(tmp_path: Path, run: Run) -> Control:
    run("list")
    return Control.open(f"sqlite:///{tmp_path}/.strangler/control.db")


def test_a_token_is_shown_once_and_lets_its_owner_in(run: Run, opened: Control) -> None:
    done = run("add", "ada", "--role", "operator", "--as", "eve")
    token = done.stdout.strip()
    account = access_tokens.account(opened, token, time.time())
    assert account is not None
    assert (account.name, account.roles) == ("ada", (Role.OPERATOR,))
    assert "ada has access as operator, until " in done.stderr
    assert token not in done.stderr
    assert ledger.entries(opened)[-1].actor == "eve"
    (listed,) = access_tokens.listed(opened)
    assert 89 < (listed.expires_at or 0.0) / 86400 - time.time() / 86400 < 91
    for shown in (run("list"), run("list", "--format", "json")):
        assert token.split("_")[1] in shown.stdout
        assert token.split("_", 2)[2] not in shown.stdout


def test_a_token_may_have_no_end(run: Run, opened: Control) -> None:
    assert "without end" in run("add", "ci", "--role", "viewer", "--expires", "never").stderr
    assert access_tokens.listed(opened)[0].expires_at is None


def test_access_is_taken_by_name_and_whats_over_is_listed_when_asked_for(run: Run, opened: Control) -> None:
    token = run("add", "ada", "--role", "viewer").stdout.strip()
    done = run("revoke", "ada")
    assert done.stdout == f"token {token.split('_')[1]} of ada (viewer) is good no more\n"
    assert access_tokens.account(opened, token, time.time()) is None
    assert "nobody has access" in run("list").stdout
    (each,) = json.loads(run("list", "--all", "--format", "json").stdout)
    assert (each["name"], each["state"]) == ("ada", "revoked")
    again = run("revoke", "ada")
    assert (again.exit_code, "it ended already" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "ada"], "--role"),
        (["add", "ada", "--role", "boss"], "'boss' is not one of"),
        (["add", "ada", "--role", "viewer", "--expires", "soon"], "or never"),
        (["add", " ", "--role", "viewer"], "in at most 64 characters"),
        (["add", "a" * 65, "--role", "viewer"], "in at most 64 characters"),
    ],
)
def test_a_slip_is_told_and_gives_nobody_access(
    run: Run, opened: Control, words: list[str], said: str
) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert said in done.output
    assert access_tokens.listed(opened) == []


def test_roles_are_explained_and_keys_are_printed_for_services(run: Run) -> None:
    assert "approver  look, hold or release a function, approve a move" in run("roles").stdout
    (key,) = json.loads(run("keys").stdout)["keys"]
    assert jwt.PyJWK(key).algorithm_name == "EdDSA"
    refused = run("keys", algorithm="HS256")
    assert (refused.exit_code, "there is no public key for HS256" in refused.stderr) == (1, True)
