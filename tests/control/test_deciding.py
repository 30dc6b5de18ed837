"""Who may give which command: a role at a time, by token, by group, by a name alone; and how the ledger names who decided."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import jwt
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ed25519

from strangler.cli.lazy import LazyGroup
from strangler.cli.main import root
from strangler.control import access_tokens, ledger
from strangler.control.store import Control
from strangler.control.tables import metadata
from strangler.people import Person, claimed, is_claimed, same
from strangler.roles import ALLOWED, Action, Role

CONFIGURATION = """\
sources: {erp: {kind: sqlite, url: 'sqlite:///erp.db'}}
stores: {new: {url: 'sqlite:///new.db'}}
functions:
  party:
    source: erp
    store: new
    cohorts: {from: [{header: X-Company}], of: {party: {everyone: one list}}}
    entities: {party: {table: party, key: id, fields: {id: id}}}
"""

ISSUED = (
    CONFIGURATION
    + """\
facade:
  legacy: http://127.0.0.1:9
  identity:
    mode: "off"
    issuer: https://id.example.com
    audience: [strangler]
    jwks_file: keys.json
    roles: realm.groups
    grants: {operator: [erp-ops], approver: [erp-heads]}
"""
)

DECISIONS: dict[str, Action] = {
    "advance party": Action.MOVE,
    "advance party --dry-run": Action.MOVE,
    "advance party --to retired": Action.MOVE,
    "rollback party": Action.MOVE,
    "separate party --cohort 1000": Action.MOVE,
    "rejoin party --cohort 1000": Action.MOVE,
    "rehearse party": Action.MOVE,
    "hold party --reason why": Action.HOLD,
    "release party": Action.HOLD,
    "approve party": Action.APPROVE,
    "approve party --edited-plan": Action.APPROVE,
    "backfill party --again --no-watch": Action.MEND,
    "rebuild new": Action.MEND,
    "reconcile run party --repair --apply": Action.MEND,
    "reconcile repair party --apply": Action.MEND,
    "quarantine retry party --all": Action.MEND,
    "quarantine drop party --all --yes": Action.MEND,
    "quarantine resume party": Action.MEND,
    "conflicts resolve party party [1] --take new": Action.MEND,
    "late-writes accept party --reason why": Action.MEND,
    "source reset erp --yes": Action.MEND,
    "source accept erp --yes": Action.MEND,
    "connect apply erp": Action.MEND,
    "connect snapshot erp": Action.MEND,
    "connect remove erp --yes": Action.MEND,
    "facades forget nobody": Action.DRAIN,
    "ledger export ledger.zip": Action.LOOK,
    "access add bob --role viewer": Action.GRANT,
    "access revoke nobody": Action.GRANT,
}
"""Every command that decides something, and what that is."""

SHOWN = (
    "config check", "config schema", "doctor", "connect plan erp", "connect status erp", "db check", "db current",
    "access keys", "access list", "access roles", "access whoami", "stages", "status", "cohorts party", "plan party", "freezes",
    "backfill party --no-watch", "reconcile diff 1 2", "reconcile list", "reconcile schedule", "reconcile show 1",
    "reconcile repair party", "quality list", "quality show 1", "shadow party", "keys party party 1", "quarantine list",
    "quarantine show party party [1]", "conflicts list", "late-writes list", "log show", "log tail", "source list",
    "route explain /parties", "route replay access.log", "mapping diff strangler.yaml", "mapping sql party.party", "ledger show",
    "ledger verify",
)  # fmt: skip
"""Every command that only looks, and one that only looks without its option."""

UNDECIDED: dict[str, str] = {
    "init": "writes a configuration, which decides nothing until somebody runs by it",
    "db upgrade": "every start of anything does the same by itself",
    "run": "a process that carries decisions out",
    "worker": "a process that carries decisions out",
    "facade": "a process that carries decisions out",
    "comparer": "a process that carries decisions out",
    "reconcile run": "records what it finds; what --apply does is decided",
    "quality run": "records what it finds",
    "quality docs": "writes files",
    "snapshot": "writes files",
    "report": "writes files",
    "export asyncapi": "writes files",
    "export envoy": "writes files; with --follow it announces itself as a data plane, as a facade does",
    "export flags": "writes files",
    "export gateway-api": "writes files; as envoy",
    "export haproxy": "writes files; as envoy",
    "export jsonschema": "writes files",
    "export nginx": "writes files; as envoy",
}
"""Every other command that needs no proof, and why."""

Strangler = Callable[..., Result]


@pytest.fixture
def strangler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Strangler:
    monkeypatch.chdir(tmp_path)
    Path("strangler.yaml").write_text(CONFIGURATION)

    def run(words: str, *more: str, token: str = "", **variables: str) -> Result:
        environment = {"STRANGLER_TOKEN": token or None, "COLUMNS": "200", **variables}
        result = CliRunner(env=environment).invoke(root, [*words.split(), *more])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture
def control_url(unnamed_control_url: str) -> str:
    return unnamed_control_url


def given(control: Control, name: str, role: Role) -> str:
    return access_tokens.add(control, name=name, role=role, expires_at=None, actor="test", at=time.time())


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command below a group, by its words."""
    names = group.lazy if isinstance(group, LazyGroup) else group.commands
    for name in names:
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        elif command is not None:
            yield " ".join((*path, name)), command


def deciding(group: click.Group) -> set[str]:
    """Every command below a group that takes a proof to decide."""
    return {words for words, each in commands(group) if any(one.name == "token_file" for one in each.params)}


def test_every_command_either_decides_or_only_looks_or_says_why_it_needs_no_proof() -> None:
    """Whoever adds a command that changes something puts it behind `deciding`, or says here why not."""
    assert isinstance(root, click.Group)
    every = {words for words, _ in commands(root)}
    shown = {words for words in every if any(f"{each} ".startswith(f"{words} ") for each in SHOWN)}
    found = deciding(root) - {"access whoami"}
    assert every == found | shown | set(UNDECIDED), "neither deciding, nor shown, nor exempt with a reason"
    assert not set(UNDECIDED) & (shown | found) - {"reconcile run"}
    assert found & shown == {"backfill", "reconcile repair"}, "without their option these only look"


def test_what_only_looks_changes_nothing_in_the_control_store(strangler: Strangler, control: Control) -> None:
    def held() -> dict[str, list[object]]:
        with control.read() as connection:
            return {
                each.name: [tuple(row) for row in connection.execute(each.select())]
                for each in metadata.sorted_tables
            }

    strangler("advance party")
    before = held()
    assert before["standing"]
    for words in SHOWN:
        strangler(words)
        assert held() == before, words


def test_every_command_that_decides_is_among_those_that_are_tried() -> None:
    assert isinstance(root, click.Group)
    found = deciding(root) - {"access whoami"}
    tried = {command for command in found if any(f"{each} ".startswith(f"{command} ") for each in DECISIONS)}
    assert found == tried
    assert all(any(f"{each} ".startswith(f"{command} ") for command in found) for each in DECISIONS)


@pytest.mark.parametrize("role", Role)
def test_each_role_may_give_just_the_commands_that_it_is_for(
    strangler: Strangler, control: Control, role: Role
) -> None:
    given(control, "ida", Role.ADMIN)
    ada = given(control, "ada", role)
    for words, action in DECISIONS.items():
        done = strangler(words, token=ada)
        refused = f"ada may not {action}" in done.output
        assert refused == (role not in ALLOWED[action]), f"{words}: {done.output}"
        if refused:
            assert done.exit_code == 1
            assert "strangler access roles" in done.output
    mine = ledger.entries(control, by="ada")
    assert {each.actor for each in mine} <= {f"ada (token {ada[10:18]})"}
    assert bool(mine) == (role is not Role.VIEWER), "viewers leave no trace"
    others = {each.actor for each in ledger.entries(control)} - {each.actor for each in mine}
    assert others == {"test"}, "nobody else is named for what ada did"


def test_once_anybody_has_access_a_name_alone_decides_nothing(strangler: Strangler, control: Control) -> None:
    given(control, "ida", Role.ADMIN)
    before = ledger.entries(control)
    for words, action in DECISIONS.items():
        named = [] if words.startswith("approve") else ["--as", "ida"]
        done = strangler(words, *named)
        assert (done.exit_code, f"to {action} takes a token" in done.output) == (1, True), done.output
        assert "export STRANGLER_TOKEN=…, or --token-file FILE" in done.output
    assert ledger.entries(control) == before


def test_where_nobody_has_access_a_name_is_enough_and_the_ledger_calls_it_claimed(
    strangler: Strangler, control: Control
) -> None:
    assert strangler("advance party", "--as", "eva@office").exit_code == 0
    assert strangler("rollback party").exit_code == 0
    assert strangler("hold party --reason why", "--as", "worker").exit_code == 0
    forward, back, held = (each.actor for each in ledger.entries(control))
    assert (forward, is_claimed(back), held) == ("eva@office (claimed)", True, "worker (claimed)")
    assert "takes a token" in strangler("approve party").output, "a yes always needs a proof"


def test_access_that_ended_leaves_no_door_open(strangler: Strangler, control: Control) -> None:
    access_tokens.add(control, name="ida", role=Role.ADMIN, expires_at=2.0, actor="x", at=1.0)
    assert strangler("advance party").exit_code == 1
    given(control, "max", Role.OPERATOR)
    taken = strangler("access revoke max")
    assert (taken.exit_code, "before there is an admin" in taken.output) == (1, True)
    assert access_tokens.any_active(control, time.time())
    assert strangler("access add ida --role admin").exit_code == 0


def test_what_only_looks_needs_no_proof(strangler: Strangler, control: Control) -> None:
    given(control, "ida", Role.ADMIN)
    for words in ("status", "plan party", "ledger show", "backfill party --no-watch", "cohorts party"):
        assert "takes a token" not in strangler(words).output


def test_a_token_comes_from_a_file_and_never_from_an_argument(
    strangler: Strangler, control: Control, tmp_path: Path
) -> None:
    ada = given(control, "ada", Role.OPERATOR)
    path = tmp_path / "ada.token"
    path.write_text(f"{ada}\n")
    assert strangler("hold party --reason why", "--token-file", str(path)).exit_code == 0
    assert strangler("release party", STRANGLER_TOKEN_FILE=str(path)).exit_code == 0
    assert "No such option" in strangler("hold party --reason why", "--token", ada).output
    absent = strangler("release party", "--token-file", "nowhere")
    assert (absent.exit_code, "the token in nowhere can't be read" in absent.output) == (2, True)
    path.write_text("\n")
    assert "it is empty" in strangler("release party", "--token-file", str(path)).output


def test_the_name_is_the_tokens(strangler: Strangler, control: Control) -> None:
    ada = given(control, "ada", Role.OPERATOR)
    assert "the token is ada's, not eva's" in strangler("advance party", "--as", "eva", token=ada).output
    assert strangler("advance party", "--as", "ada", token=ada).exit_code == 0
    wrong = strangler("rollback party", token=ada[:-1] + ("A" if ada[-1] != "A" else "B"))
    assert (wrong.exit_code, "the token isn't good" in wrong.output) == (1, True)
    shown = strangler("ledger show --by ada").output
    assert f"ada (token {ada[10:18]})" in shown


@pytest.fixture
def issued(tmp_path: Path, strangler: Strangler) -> Callable[..., str]:
    """Makes tokens of the issuer, whose keys are in a file."""
    Path("strangler.yaml").write_text(ISSUED)
    key = ed25519.Ed25519PrivateKey.generate()
    x = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
    published = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "k1", "x": x}
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [published]}))

    def token(*groups: str, sub: str = "eva", aud: str = "strangler", expires: float = 300.0) -> str:
        now = time.time()
        said = {"iss": "https://id.example.com", "aud": aud, "sub": sub, "exp": int(now + expires)}
        return jwt.encode({**said, "realm": {"groups": list(groups)}}, key, "EdDSA", {"kid": "k1"})

    return token


def test_a_group_of_the_issuer_has_a_role(
    strangler: Strangler, control: Control, issued: Callable[..., str]
) -> None:
    assert "takes a token" in strangler("advance party").output, "groups have roles, so names need a proof"
    assert strangler("advance party", token=issued("erp-ops", "staff")).exit_code == 0
    assert ledger.entries(control)[-1].actor == "eva (OIDC)"
    assert "eva may not move a function" in strangler("rollback party", token=issued("erp-heads")).output
    assert "eva has no role here" in strangler("rollback party", token=issued("staff")).output
    assert "eva (OIDC): operator; may look" in strangler("access whoami", token=issued("erp-ops")).output


def test_a_bad_token_of_the_issuer_is_refused_in_words(
    strangler: Strangler, control: Control, issued: Callable[..., str], tmp_path: Path
) -> None:
    cases = {
        "the token is for somebody else": issued("erp-ops", aud="crm"),
        "the token has expired": issued("erp-ops", expires=-300.0),
        "can't be read as a signed JWT": "nonsense",
    }
    for words, token in cases.items():
        done = strangler("advance party", token=token)
        assert (done.exit_code, words in done.output) == (1, True), done.output
        assert "https://id.example.com" in done.output
    good = issued("erp-ops")
    (tmp_path / "keys.json").unlink()
    unknown = strangler("advance party", token=good)
    assert (unknown.exit_code, "nobody can tell whose the token is" in unknown.output) == (2, True)
    assert ledger.entries(control) == []


@pytest.mark.parametrize(
    "other",
    [
        "Eva", "EVA", " eva ", "e va", "eva\u00a0", "e\u200bva", "e\u00advа", "ｅｖａ", "еvа", "εvα", "eva\ufe0f", "\u2067eva\u2069",
        "e\u034fva",
        "eva@example.com", "Eva@Example.com (OIDC)", "еva (token 0123abcd)", "eva@vm (claimed)",
    ],
)  # fmt: skip
def test_no_spelling_makes_two_people_of_one(other: str) -> None:
    assert same("eva", other)
    assert same(other, "eva (token 1f2e3d4c)")
    assert not same("eve", other)
    assert not same(other, "max (OIDC)")


def test_names_with_domains_are_told_apart_unless_they_are_those_of_machines() -> None:
    assert same("eva@a.example", "EVA@A.EXAMPLE (OIDC)")
    assert not same("eva@a.example", "eva@b.example (OIDC)")
    assert same("eva@a.example", "eva@laptop (claimed)")
    assert same("Ångström ß", "A\u030angströmss (OIDC)")
    assert not same("josé", "jose")
    assert not same("", "eva")
    assert not same("eva", "")
    long = "ß" * 70 + " of a very long department"
    assert same(long, Person(long.replace("ß", "ss"), (), "OIDC").actor), (
        "the ledger cuts both off, elsewhere"
    )
    assert not same("x" * 90, "y" * 90 + " (OIDC)")


def test_nobody_has_two_names(strangler: Strangler, control: Control) -> None:
    ida = given(control, "ida", Role.ADMIN)
    assert strangler("access add eva --role approver", token=ida).exit_code == 0
    assert strangler("access add eva --role operator", token=ida).exit_code == 0
    for other in ("Eva", "eva@example.com", "еvа"):
        refused = strangler("access add", other, "--role", "operator", token=ida)
        assert (refused.exit_code, "can't be told from eva" in refused.output) == (1, True)
    strangler("access revoke eva", token=ida)
    assert strangler("access add Eva --role operator", token=ida).exit_code == 0


def test_whose_a_name_is() -> None:
    assert all(same("eva", each) for each in ("eva", "eva@vm", "eva (OIDC)", "eva@vm (claimed)"))
    assert not any(same("eva", each) for each in ("evan (OIDC)", "max (eva)"))
    assert not claimed("eva").proven
    assert claimed("x" * 200).actor == "x" * 80 + " (claimed)"
    long = Person("CN=Eva," + ",".join(f"OU=part {number}" for number in range(12)), (Role.ADMIN,), "OIDC")
    assert same(long.name, long.actor), "the ledger has only the beginning of it"
