"""`strangler mapping diff`: the blast radius of another configuration, over real legacy databases."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from click.testing import CliRunner, Result

from strangler import urls
from strangler.cli.main import root

FIELDS = {"id": "id", "name": "TRIM(name)", "amount": "amount"}

ROWS = [(1, " a ", "1.50"), (2, "b", None), (3, None, "7")]


def sqlite(home: Path) -> str:
    with closing(sqlite3.connect(home / "legacy.db")) as connection:
        connection.execute("CREATE TABLE partner (id INTEGER PRIMARY KEY, name TEXT, amount NUMERIC(10, 2))")
        connection.executemany("INSERT INTO partner VALUES (?, ?, ?)", ROWS)
        connection.commit()
    return f"sqlite:///{home}/legacy.db"


def _kind(url: str) -> str:
    return {"sqlite": "sqlite", "postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql"}[
        urls.kind(url)
    ]


def document(url: str, fields: dict[str, str] = FIELDS, **changes: Any) -> dict[str, Any]:
    entity = {"table": "partner", "key": "id", "fields": fields}
    return {
        "sources": {"erp": {"kind": _kind(url), "url": url}},
        "stores": {"service": {"url": "sqlite:///service.db"}},
        "functions": {"partners": {"source": "erp", "store": "service", "entities": {"partner": entity}}},
    } | changes


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def diff(current: dict[str, Any], other: dict[str, Any], *arguments: str) -> Result:
    Path("strangler.yaml").write_text(yaml.safe_dump(current, sort_keys=False))
    Path("other.yaml").write_text(yaml.safe_dump(other, sort_keys=False))
    return CliRunner().invoke(root, ["mapping", "diff", "other.yaml", *arguments])


def test_nothing_differs_where_no_mapping_does(home: Path) -> None:
    url = sqlite(home)
    result = diff(document(url), document(url, {**FIELDS, "name": "trim( name )"}))
    assert (result.exit_code, result.stdout) == (0, "no mapping differs\n")


@pytest.mark.parametrize("where", ["sqlite", "postgres", "mariadb"])
def test_what_would_read_differently_is_counted_over_the_legacy_rows(
    home: Path, where: str, request: pytest.FixtureRequest
) -> None:
    url = LEGACY[where](home, request)
    result = diff(document(url), document(url, {**FIELDS, "name": "name", "amount": "amount * 2"}), "--json")
    assert result.exit_code == 1, result.output
    (change,) = json.loads(result.stdout)["entities"]
    assert [each["path"] for each in change["differences"]] == ["fields.name", "fields.amount"]
    rows = change["rows"]
    assert (rows["read"], rows["differ"], rows["fields"]) == (3, 2, {"name": 1, "amount": 2})
    assert rows["samples"] == [
        {"key": "[1]", "field": "name", "before": "a", "after": " a "},
        {"key": "[1]", "field": "amount", "before": "1.5", "after": "3"},
        {"key": "[3]", "field": "amount", "before": "7", "after": "14"},
    ]


def _of_sqlite(home: Path, request: pytest.FixtureRequest) -> str:
    return sqlite(home)


def _of_postgres(home: Path, request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("postgres_url")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE partner (id int PRIMARY KEY, name text, amount numeric(10, 2))")
        connection.cursor().executemany("INSERT INTO partner VALUES (%s, %s, %s)", ROWS)
    return url


def _of_mariadb(home: Path, request: pytest.FixtureRequest) -> str:
    from strangler_connectors.mysql.connection import open_connection, parse_url

    url: str = request.getfixturevalue("mariadb_url")
    with closing(open_connection(parse_url(url, "erp"), "erp")) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE partner (id int PRIMARY KEY, name text, amount decimal(10, 2))")
        cursor.executemany("INSERT INTO partner VALUES (%s, %s, %s)", ROWS)
        connection.commit()
    return url


LEGACY: dict[str, Callable[[Path, pytest.FixtureRequest], str]] = {
    "sqlite": _of_sqlite,
    "postgres": _of_postgres,
    "mariadb": _of_mariadb,
}


def test_people_see_what_is_written_what_differs_and_samples(home: Path) -> None:
    url = sqlite(home)
    result = diff(document(url), document(url, {**FIELDS, "name": "CAST(name AS INTEGER)"}), "--limit", "2")
    assert result.exit_code == 1
    said = " ".join(result.stdout.split())
    for words in (
        "fields.name type: text → integer",
        "fields.name expression: TRIM(name) → CAST(name AS INTEGER)",
        "partner 2 2 0 0 0 2 0",
        "no more than 2 rows of each entity were looked at",
        "partner [1] the whole row translatable partner.name can't be translated: ' a ' is not an integer",
    ):
        assert words in said


def test_an_entity_that_comes_or_goes_is_named_and_only_of_the_asked_function(home: Path) -> None:
    url = sqlite(home)
    current, other = document(url), document(url)
    entities = other["functions"]["partners"]["entities"]
    entities["associate"] = entities.pop("partner")
    result = diff(current, other, "--json", "--function", "partners")
    assert [(each["entity"], each["differences"][0]["words"], each["rows"]) for each in json.loads(result.stdout)["entities"]] == [
        ("partner", "the entity is dropped", None),
        ("associate", "the entity is new", None),
    ]  # fmt: skip
    assert diff(current, other, "--function", "partnrs").exit_code == 2


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({**FIELDS, "name": "nmae"}, "other.yaml:"),
        (None, "which the current configuration doesn't have"),
    ],
)
def test_what_could_not_be_compared_never_reads_as_no_difference(
    home: Path, other: dict[str, str] | None, says: str
) -> None:
    url = sqlite(home)
    changed = document(url, other or FIELDS)
    if other is None:
        changed["sources"]["crm"] = changed["sources"]["erp"]
    result = diff(document(url), changed)
    assert result.exit_code == 2
    assert says in result.output


def test_a_legacy_database_that_does_not_answer_could_not_be_compared(home: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/none"
    result = diff(document(url, sources={"erp": {"kind": "postgres", "url": url}}), document(url))
    assert result.exit_code == 2


def _where(written: dict[str, Any], where: str) -> dict[str, Any]:
    written["functions"]["partners"]["entities"]["partner"]["where"] = where
    return written


def test_rows_that_another_filter_lets_in_or_out_are_counted(home: Path) -> None:
    url = sqlite(home)
    result = diff(_where(document(url), "id < 3"), _where(document(url), "id > 1"), "--json")
    (change,) = json.loads(result.stdout)["entities"]
    assert [(each["path"], each["words"]) for each in change["differences"]] == [("where", "id < 3 → id > 1")]
    assert {name: change["rows"][name] for name in ("differ", "come", "go")} == {
        "differ": 2,
        "come": 1,
        "go": 1,
    }


def test_samples_of_sensitive_fields_are_masked(home: Path) -> None:
    url = sqlite(home)
    hidden: Any = {**FIELDS, "name": {"value": "TRIM(name)", "sensitive": True}}
    result = diff(
        document(url, hidden),
        document(url, {**hidden, "name": {"value": "name", "sensitive": True}}),
        "--json",
    )
    (change,) = json.loads(result.stdout)["entities"]
    assert change["rows"]["samples"] == [{"key": "[1]", "field": "name", "before": "***", "after": "***"}]
