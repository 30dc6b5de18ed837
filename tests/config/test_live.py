"""`strangler init` and `strangler config check` against a live legacy database."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from strangler.cli.main import root
from strangler.configuration import load
from strangler.starter import PASSWORD

TABLES = """
CREATE TABLE party_party (id serial PRIMARY KEY, name varchar, "Code" text NOT NULL, active boolean, "order" int);
CREATE TABLE party_address (party int, line smallint, street text, PRIMARY KEY (party, line));
CREATE TABLE journal (x int);
CREATE SCHEMA crm;
CREATE TABLE crm.lead (id int PRIMARY KEY, amount numeric(16, 2));
"""


@pytest.fixture
def legacy(postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A legacy database, its password in the environment, and the working directory of the commands."""
    connection = psycopg.connect(postgres_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(TABLES)
    connection.close()
    monkeypatch.setenv(PASSWORD, password(postgres_url))
    monkeypatch.chdir(tmp_path)
    return postgres_url


def password(url: str) -> str:
    return url.split("://", 1)[1].split("@", 1)[0].partition(":")[2]


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(root, arguments)
    assert "Traceback" not in result.output
    return result


def written(legacy: str, tables: Sequence[str]) -> Path:
    result = run("init", "--source", legacy, "--tables", ",".join(tables))
    assert result.exit_code == 0, result.output
    return Path("strangler.yaml")


def test_the_starter_passes_the_check(legacy: str) -> None:
    path = written(legacy, ["party_party", "party_address", "crm.lead"])
    result = run("config", "check")
    assert result.exit_code == 0, result.output
    assert "strangler.yaml is fine" in result.stdout
    settings = load(path)
    assert settings.functions["party_address"].entities["party_address"].key == ["party", "line"]
    assert settings.functions["party_party"].entities["party_party"].fields["code"].value == '"Code"'
    assert settings.functions["lead"].entities["lead"].table == "crm.lead"


def test_no_command_shows_the_password(legacy: str) -> None:
    path = written(legacy, ["party_party"])
    assert password(legacy) not in path.read_text()
    shown = [run("config", "check"), run("init", "--source", legacy), run("config", "check", "--offline")]
    assert all(password(legacy) not in each.output for each in shown)


def test_what_is_wrong_with_balances_is_told_with_its_line(legacy: str) -> None:
    path = written(legacy, ["party_party"])
    balances = [
        "    balances:",
        "      names: {of: party_party, by: {first: 'SUBSTR(nme, 1, 1)'}, sums: code}",
        "      wrong: {of: party_party, by: active, legacy: 'SELECT active, count(*) FROM party_prty', count: true}",
        "      lacks: {of: party_party, by: active, legacy: 'SELECT active FROM party_party', count: true}",
        "      writes: {of: party_party, by: active, legacy: 'DELETE FROM party_party RETURNING active, 1 AS count', count: true}",
        "      holds: {of: party_party, by: active, legacy: 'SELECT active, count(*) FROM party_party GROUP BY 1', count: true}",
    ]
    lines = path.read_text().splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("    entities:"))
    path.write_text("\n".join([*lines[:place], *balances, *lines[place:]]))
    result = run("config", "check")
    assert result.exit_code == 2
    at = [f"strangler.yaml:{place + number}: functions.party_party.balances" for number in range(2, 6)]
    assert f"{at[0]}.names.by.first: there is no column 'nme' in party_party" in result.output
    assert f"{at[0]}.names.sums.code: this is text, not a number" in result.output
    assert f'{at[1]}.wrong.legacy: relation "party_prty" does not exist' in result.output
    assert f'{at[2]}.lacks.legacy: column "count" does not exist' in result.output
    assert "fix: one SELECT that gives the columns active, count" in result.output
    assert f"{at[3]}.writes.legacy: syntax error" in result.output
    assert "holds" not in result.output


def test_a_missing_table_and_a_missing_column_are_told_at_once(legacy: str) -> None:
    path = written(legacy, ["party_party", "party_address"])
    text = (
        path.read_text()
        .replace("table: party_party", "table: party_prty")
        .replace("street: street", "street: stret")
    )
    path.write_text(text)
    lines = text.splitlines()
    result = run("config", "check")
    assert result.exit_code == 2
    table, column = (
        next(i for i, line in enumerate(lines, 1) if sign in line) for sign in ("party_prty", "stret")
    )
    assert f"strangler.yaml:{table}: functions.party_party.entities.party_party.table:" in result.stderr
    assert "party_party (did you mean this?)" in result.stderr
    assert (
        f"strangler.yaml:{column}: functions.party_address.entities.party_address.fields.street:"
        in result.stderr
    )
    assert "there is no column 'stret' in party_address" in result.stderr
    assert "2 problems" in result.stderr
    assert run("config", "check", "--offline").exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("/test_", "/nowhere_", "does not exist"),
        ("postgres:${LEGACY_PASSWORD}", "postgres:wrong", "password authentication failed"),
        ("@127.0.0.1:", "@127.0.0.1:1", "can't connect"),
        ("kind: postgres", "kind: sqlite", "the URL is for postgres, the kind is sqlite"),
    ],
)
def test_invariant_7_a_source_that_cannot_be_reached_is_not_fine(
    legacy: str, old: str, new: str, said: str
) -> None:
    path = written(legacy, ["party_party"])
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    result = run("config", "check")
    assert result.exit_code == 2
    assert said in result.stderr
    assert "is fine" not in result.output


def test_init_does_not_overwrite_unless_told_to(legacy: str) -> None:
    path = written(legacy, ["party_party"])
    path.write_text("mine\n")
    refused = run("init", "--source", legacy, "--tables", "crm.lead")
    assert refused.exit_code == 1
    assert "already there" in refused.stderr
    assert path.read_text() == "mine\n"
    assert run("init", "--source", legacy, "--tables", "crm.lead", "--output", "other.yaml").exit_code == 0
    assert run("init", "--source", legacy, "--tables", "crm.lead", "--force").exit_code == 0
    assert "crm.lead" in path.read_text()


@pytest.mark.parametrize(
    ("tables", "said"),
    [("party_prty", "did you mean 'party_party'"), ("party_party,journal", "no primary key: journal")],
)
def test_init_tells_what_it_cannot_take(legacy: str, tables: str, said: str) -> None:
    result = run("init", "--source", legacy, "--tables", tables)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not Path("strangler.yaml").exists()


def test_without_tables_the_candidates_are_listed(legacy: str) -> None:
    result = run("init", "--source", legacy)
    assert result.exit_code == 0
    assert not Path("strangler.yaml").exists()
    for name in ("party_party", "party_address", "crm.lead", "journal"):
        assert name in result.stdout
    assert "can't be captured" in result.stdout


@pytest.mark.parametrize("url", ["mysql://h/x", "nonsense", "postgresql://u:s3cret@127.0.0.1:1/x"])
def test_init_with_a_wrong_url(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("init", "--source", url, "--tables", "a")
    assert result.exit_code == 2
    assert "s3cret" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_sqlite_database_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with sqlite3.connect("legacy.db") as legacy:
        legacy.execute("CREATE TABLE party (id INTEGER PRIMARY KEY, name TEXT)")
    legacy.close()
    assert run("init", "--source", "sqlite:///legacy.db", "--tables", "party").exit_code == 0
    assert run("config", "check").exit_code == 0
    Path("legacy.db").unlink()
    gone = run("config", "check")
    assert gone.exit_code == 2
    assert "there is no file" in gone.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["strangler.yaml"]
