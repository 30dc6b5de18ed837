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
    def command(*words: str, algorithm: str = "EdDSA", token: str = "") -> Result:
        path = tmp_path / "strangler.yaml"
        path.write_text(CONFIGURATION.replace("ALGORITHM", algorithm))
        runner = CliRunner(env={"STRANGLER_TOKEN": token or None})
        return runner.invoke(root, ["-c", str(path), "access", *words])

    return command


@pytest.fixture
def ida(run: Run) -> str:
    """The token of the first admin."""
    return run("add", "ida", "--role", "admin").stdout.strip()


@pytest.fixture
def opened(tmp_path: Path, run: Run) -> Control:
    run("list")
    return Control.open(f"sqlite:///{tmp_path}/.strangler/control.db")


def test_a_token_is_shown_once_and_lets_its_owner_in(run: Run, opened: Control, ida: str) -> None:
    done = run("add", "ada", "--role", "operator", token=ida)
    token = done.stdout.strip()
    account = access_tokens.person(opened, token, time.time())
    assert account is not None
    assert (account.name, account.roles) == ("ada", (Role.OPERATOR,))
    assert "ada has access as operator, until " in done.stderr
    assert token not in done.stderr
    assert ledger.entries(opened)[-1].actor == f"ida (token {ida.split('_')[1]})"
    listed, _ = access_tokens.listed(opened)
    assert 89 < (listed.expires_at or 0.0) / 86400 - time.time() / 86400 < 91
    for shown in (run("list"), run("list", "--format", "json")):
        assert token.split("_")[1] in shown.stdout
        assert token.split("_", 2)[2] not in shown.stdout


def test_a_token_may_have_no_end(run: Run, opened: Control) -> None:
    assert "without end" in run("add", "ci", "--role", "admin", "--expires", "never").stderr
    assert access_tokens.listed(opened)[0].expires_at is None


def test_access_is_taken_by_name_and_whats_over_is_listed_when_asked_for(
    run: Run, opened: Control, ida: str
) -> None:
    token = run("add", "ada", "--role", "viewer", token=ida).stdout.strip()
    done = run("revoke", "ada", token=ida)
    assert done.stdout == f"token {token.split('_')[1]} of ada (viewer) is good no more\n"
    assert access_tokens.person(opened, token, time.time()) is None
    assert "ada" not in run("list").stdout
    each, _ = json.loads(run("list", "--all", "--format", "json").stdout)
    assert (each["name"], each["state"]) == ("ada", "revoked")
    again = run("revoke", "ada", token=ida)
    assert (again.exit_code, "it ended already" in again.stderr) == (1, True)


def test_the_first_who_gets_access_is_an_admin_whose_name_is_only_claimed(run: Run, opened: Control) -> None:
    assert "whoever reaches the control store may do everything" in run("list").stdout
    refused = run("add", "ada", "--role", "operator")
    assert (refused.exit_code, "nobody can be operator before there is an admin" in refused.stderr) == (
        1,
        True,
    )
    assert access_tokens.listed(opened) == []
    assert run("add", "ida", "--role", "admin", "--as", "eve").exit_code == 0
    assert ledger.entries(opened)[-1].actor == "eve (claimed)"
    assert run("add", "max", "--role", "admin", "--as", "eve").exit_code == 1, (
        "from then on an admin gives it"
    )


def test_the_last_admin_stays_until_there_is_another_one(run: Run, opened: Control, ida: str) -> None:
    refused = run("revoke", "ida", token=ida)
    assert (refused.exit_code, "ida is the last admin" in refused.stderr) == (1, True)
    run("add", "eva", "--role", "admin", token=ida)
    assert run("revoke", "ida", token=ida).exit_code == 0
    assert "unknown, or ended, or was taken away" in run("add", "max", "--role", "viewer", token=ida).stderr


def test_when_all_tokens_have_ended_only_an_admin_can_be_made_without_one(run: Run, opened: Control) -> None:
    past = time.time() - 10
    access_tokens.add(opened, name="ida", role=Role.ADMIN, expires_at=past, actor="x", at=past - 10)
    assert run("add", "max", "--role", "operator").exit_code == 1
    assert run("add", "max", "--role", "admin").exit_code == 0


def test_whoami_says_whose_token_is_brought_and_for_what(run: Run, ida: str) -> None:
    assert "the ledger names you eve" not in run("whoami").stdout
    assert "you bring no token" in run("whoami").stdout
    ada = run("add", "ada", "--role", "approver", token=ida).stdout.strip()
    said = run("whoami", token=ada).stdout
    assert (
        said
        == f"ada (token {ada.split('_')[1]}): approver; may look, hold or release a function, approve a move\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "ada"], "--role"),
        (["add", "ada", "--role", "boss"], "'boss' is not one of"),
        (["add", "ada", "--role", "viewer", "--expires", "soon"], "or never"),
        (["add", " ", "--role", "admin"], "in at most 64 characters"),
        (["add", "a" * 65, "--role", "admin"], "in at most 64 characters"),
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
