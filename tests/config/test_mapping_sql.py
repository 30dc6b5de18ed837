"""`strangler mapping sql`: an entity written out as SQL, from the live legacy tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlglot
import yaml
from click.testing import CliRunner, Result

from strangler.cli.main import root

FIELDS = {"id": "id", "name": "TRIM(name)", "known": "REGEXP_LIKE(name, '^A')"}
COLUMNS = "id integer PRIMARY KEY, name varchar(40), amount decimal(10, 2)"
ROWS = [(1, " Anna ", "1.50"), (2, "Bo", None)]


def _sqlite(home: Path, request: pytest.FixtureRequest) -> str:
    with closing(sqlite3.connect(home / "legacy.db")) as connection:
        connection.execute(f"CREATE TABLE partner ({COLUMNS})")
        connection.executemany("INSERT INTO partner VALUES (?, ?, ?)", ROWS)
        connection.commit()
    return f"sqlite:///{home}/legacy.db"


def _postgres(home: Path, request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("postgres_url")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE partner ({COLUMNS})")
        connection.execute("ALTER TABLE partner REPLICA IDENTITY FULL")
        connection.cursor().executemany("INSERT INTO partner VALUES (%s, %s, %s)", ROWS)
    return url


LEGACY: dict[str, Callable[[Path, pytest.FixtureRequest], str]] = {"sqlite": _sqlite, "postgres": _postgres}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=LEGACY)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(home: Path, kind: str, request: pytest.FixtureRequest) -> str:
    return LEGACY[kind](home, request)


def write(kind: str, url: str, *arguments: str, fields: dict[str, str] = FIELDS, **more: Any) -> Result:
    entity = {"table": "partner", "key": "id", "fields": fields} | more
    document = {
        "sources": {"erp": {"kind": kind, "url": url}},
        "stores": {"service": {"url": "sqlite:///service.db"}},
        "functions": {"partners": {"source": "erp", "store": "service", "entities": {"partner": entity}}},
    }
    Path("strangler.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return CliRunner().invoke(root, ["mapping", "sql", *arguments])


def comments(result: Result) -> str:
    return " ".join(line.removeprefix("-- ") for line in result.stdout.splitlines() if line.startswith("--"))


@pytest.mark.parametrize("dialect", ["tsql", "oracle"])
def test_the_select_and_below_it_what_cannot_be_said_and_the_limits(
    kind: str, url: str, dialect: str
) -> None:
    result = write(kind, url, "partners.partner", "--dialect", dialect)
    assert result.exit_code == 1, result.output
    found = sqlglot.parse(result.stdout, dialect=dialect)
    (select,) = (each for each in found if isinstance(each, sqlglot.exp.Select))
    assert [each.alias for each in select.expressions] == ["id", "name"]
    assert result.stdout.count("\nALTER SESSION SET ") == (dialect == "oracle")
    said = comments(result)
    assert "It can't be said: - known: " in said
    assert "Rows that quarantine would hold because of these are among what is selected." in said
    assert "What holds of all that is said: - " in said
    assert "Strangler asks none." in said


def test_all_that_can_be_said_is_no_failure(kind: str, url: str) -> None:
    result = write(
        kind, url, "partners.partner", "--dialect", "tsql", fields={"id": "id", "twice": "amount * 2"}
    )
    assert result.exit_code == 0, result.output
    assert "CAST(([amount] * CAST(2 AS DECIMAL(1, 0))) AS DECIMAL(11, 2)) AS [twice]" in result.stdout
    assert "It can't be said" not in result.stdout


def test_without_a_dialect_it_is_that_of_the_source_and_gives_the_rows_of_a_backfill(
    kind: str, url: str
) -> None:
    fields = {"id": "id", "name": "name", "amount": "amount + 1"}
    result = write(kind, url, "partners.partner", fields=fields, where="id = 1")
    assert result.exit_code == 0, result.output
    assert f"partners.partner in {'SQLite' if kind == 'sqlite' else 'PostgreSQL'}" in comments(result)
    if kind == "postgres":
        with psycopg.connect(url) as connection:
            assert connection.execute(result.stdout.encode()).fetchall() == [(1, " Anna ", "2.5")]


def test_a_condition_that_cannot_be_said_is_missed_aloud(kind: str, url: str) -> None:
    fields = {"id": "id"}
    result = write(kind, url, "partners.partner", "--dialect", "oracle", fields=fields, where="name < 'B'")
    assert result.exit_code == 1
    assert "WHERE" not in result.stdout
    assert "- where: Oracle orders texts by the bytes" in comments(result)
    assert "So are rows that aren't the entity's: the condition is missing." in comments(result)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("partnrs.partner", "partners"),
        ("partners.partnr", "did you mean 'partner'"),
        ("partners", "entity"),
    ],
)
def test_a_name_that_is_not_known_is_told_with_the_nearest(home: Path, name: str, says: str) -> None:
    legacy = sqlite3.connect(home / "legacy.db")
    legacy.close()
    result = write("sqlite", f"sqlite:///{home}/legacy.db", name)
    assert result.exit_code == 2
    assert says in result.stderr
    assert "Traceback" not in result.output


def test_a_mapping_that_is_wrong_is_told_as_by_config_check(kind: str, url: str) -> None:
    result = write(kind, url, "partners.partner", fields={"id": "id", "name": "nmae"})
    assert result.exit_code == 2
    assert "there is no column 'nmae'" in result.stderr
