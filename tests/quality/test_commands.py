"""`strangler quality`: what it prints, its exit codes, and what it says where it couldn't check."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from strangler.cli.main import root
from strangler.configuration import load
from strangler.control import quality_runs
from strangler.errors import StranglerError
from strangler.quality import apart, runs
from strangler.quality.checker import Answer, Checker, Order
from strangler.testing.postgres import Server
from tests.quality.conftest import Make, entity, rewrite
from tests.reconcile.landscape import Landscape

TABLE = "CREATE TABLE partner (id INTEGER PRIMARY KEY, name varchar(40))"
FIELDS = {"id": "id", "name": "name"}


def strangler(landscape: Landscape, *arguments: str) -> Result:
    return CliRunner().invoke(root, ["-c", str(landscape.path), "quality", *arguments])


@pytest.fixture
def landscape(make: Make) -> Landscape:
    checks = [
        {"field": "name", "check": "not null"},
        {"field": "name", "check": "matches", "pattern": "^A", "severity": "warning"},
    ]
    found = make("sqlite", "sqlite", TABLE, entity=entity(FIELDS, checks))
    found.legacy.insert("partner", [(1, "Ann"), (2, "Bob")])
    return found


@pytest.mark.slow
def test_a_process_of_its_own_checks(landscape: Landscape) -> None:
    passed = strangler(landscape, "run", "partners")
    assert passed.exit_code == 0, passed.output
    assert "partners on legacy: passed" in passed.output
    assert "1 warning failed" in passed.output


@pytest.mark.usefixtures("in_process")
def test_the_exit_code_says_whether_a_critical_check_fails(landscape: Landscape) -> None:
    assert strangler(landscape, "run", "partners").exit_code == 0
    landscape.legacy.run("UPDATE partner SET name = NULL WHERE id = 2")
    failed = strangler(landscape, "run", "partners", "--json")
    assert failed.exit_code == 1
    said = json.loads(failed.output)
    assert (said["status"], said["failed"]["critical"]) == ("failed", 1)
    (result,) = [each for each in said["results"] if each["verdict"] == "failed"]
    assert result["samples"] == [{"id": 2, "name": None}]
    table = strangler(landscape, "show", str(said["run"])).output
    assert "partner: name is not null" in table
    listed = json.loads(strangler(landscape, "list", "--json").output)
    assert [each["status"] for each in listed] == ["failed", "passed"]
    listed = " ".join(strangler(landscape, "list", "partners").output.split())
    assert "failed, 5 checks, 1 critical failed" in listed


@pytest.mark.usefixtures("in_process")
def test_the_pages_of_the_site_need_nobody(landscape: Landscape) -> None:
    strangler(landscape, "run", "partners")
    index = Path(strangler(landscape, "docs").output.strip())
    assert index == landscape.path.parent / "build" / "quality" / "index.html"
    assert "partners, on legacy" in index.read_text()
    pages = list(index.parent.rglob("*.html"))
    assert len(pages) == 3
    for page in pages:
        assert "http://" not in page.read_text()
        assert "https://" not in page.read_text()
        assert "<script" not in page.read_text()
    (checked,) = [page for page in pages if page.name == "partner.html"]
    assert "name matches ^A (warning)" in checked.read_text()
    assert f'href="{checked.relative_to(index.parent)}"' in index.read_text()


@pytest.mark.usefixtures("in_process")
def test_a_folder_with_something_else_in_it_is_left_alone(landscape: Landscape) -> None:
    strangler(landscape, "run", "partners")
    folder = landscape.path.parent / "build" / "quality"
    folder.mkdir(parents=True)
    (folder / "thesis.txt").write_text("mine")
    refused = strangler(landscape, "docs")
    assert refused.exit_code == 2
    assert "the folder holds something else" in refused.output
    assert (folder / "thesis.txt").exists()


def test_what_was_never_run_is_said_so(landscape: Landscape) -> None:
    assert "nothing was checked yet" in strangler(landscape, "docs").output
    assert "nothing was checked yet" in strangler(landscape, "list").output
    assert strangler(landscape, "show", "7").exit_code == 2


def unchecked(landscape: Landscape, on: str = "legacy") -> str:
    """Run the command, which can't check; what it says."""
    result = strangler(landscape, "run", "partners", "--on", on)
    assert result.exit_code == 2, result.output
    assert "could not check" in result.output
    (last,) = quality_runs.listed(landscape.control, limit=1)
    assert last.status == "unchecked"
    assert last.reason
    return last.reason


def test_a_vanished_table_could_not_be_checked(landscape: Landscape) -> None:
    landscape.legacy.run("DROP TABLE partner")
    assert "has no table 'partner'" in unchecked(landscape)


def test_a_store_that_is_not_there_could_not_be_checked(landscape: Landscape) -> None:
    landscape.new.run("DROP TABLE partner")
    assert "no such table: partner" in unchecked(landscape, "store")


@pytest.mark.parametrize("on", ["legacy", "store"])
def test_a_missing_privilege_could_not_be_checked(make: Make, postgres: Server, on: str) -> None:
    landscape = make("postgresql", "postgresql", TABLE, entity=entity(FIELDS, ()))
    database = landscape.legacy if on == "legacy" else landscape.new
    role = f"poor_{on}_{os.getpid()}"
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {role}".encode())
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'poor'".encode())
    poor = re.sub(r"://[^@]+@", f"://{role}:poor@", database.url)

    def impoverish(document: dict[str, Any]) -> None:
        section = document["sources"]["erp"] if on == "legacy" else document["stores"]["service"]
        section["url"] = poor

    rewrite(landscape, impoverish)
    assert "permission denied" in unchecked(landscape, on)


def test_what_vanishes_in_the_middle_could_not_be_checked(make: Make, checker: Checker) -> None:
    """What was checked until then stays known."""
    fields = {"id": "id", "boss": "boss"}
    checks = [{"field": "boss", "check": "present in", "entity": "boss"}]
    table = "CREATE TABLE partner (id INTEGER PRIMARY KEY, boss INTEGER)"
    landscape = make("postgresql", "sqlite", table, entity=entity(fields, ()))
    landscape.legacy.run("CREATE TABLE boss (id INTEGER PRIMARY KEY)", "INSERT INTO partner VALUES (1, 1)")

    def referring(document: dict[str, Any]) -> None:
        entities = document["functions"]["partners"]["entities"]
        entities["partner"]["quality"] = checks
        entities["boss"] = {"table": "boss", "key": "id", "fields": {"id": "id"}}

    def testing(orders: Sequence[Order]) -> list[Answer]:
        landscape.legacy.run("DROP TABLE boss")
        return [checker.test(order) for order in orders]

    rewrite(landscape, referring)
    run = runs.run(load(landscape.path), landscape.control, "partners", "legacy", testing=testing)
    results = {(each.entity, each.words): each for each in quality_runs.results(landscape.control, run.id)}
    told = results["partner", "boss is present in boss"]
    assert told.verdict == "unmade"
    assert 'relation "boss" does not exist' in told.reason
    assert results["boss", "id is unique"].verdict == "unmade"
    assert results["partner", "id is unique"].verdict == "passed"
    assert run.status == "unchecked"
    assert run.unmade == 3
    assert 'relation "boss" does not exist' in (run.reason or "")


def test_a_check_that_never_holds_for_its_types_is_no_check(landscape: Landscape) -> None:
    checks = [
        {"field": "name", "check": "present in", "entity": "partner"},
        {"field": "name", "check": "between", "min": 1},
        {"field": "id", "check": "in set", "values": [1, "two"]},
        {"field": "id", "check": "unique", "where": "name > 5"},
    ]

    def unfit(document: dict[str, Any]) -> None:
        document["functions"]["partners"]["entities"]["partner"]["quality"] = checks

    rewrite(landscape, unfit)
    told = unchecked(landscape)
    assert "partner.quality.0.field: name is text, and the key of partner is integer" in told
    assert "partner.quality.1.field: name is text, which `between` doesn't take" in told
    assert "partner.quality.2.values: id is integer, and 'two' is not a whole number" in told
    assert "partner.quality.3.where" in told
    config = CliRunner().invoke(root, ["-c", str(landscape.path), "config", "check"])
    assert config.exit_code == 2
    assert "partners.entities.partner.quality[2].values: id is integer" in config.output


def test_what_ends_the_process_is_told() -> None:
    with pytest.raises(StranglerError, match="ended by itself"):
        apart._apart(partial(os._exit, 9))
    with pytest.raises(StranglerError, match="data could not be checked") as raised:
        apart._apart(partial(int, "a stone"))
    assert raised.value.why.startswith("ValueError: invalid literal")


def test_a_process_that_is_apart_already_needs_no_other() -> None:
    """That of a schedule may have no children."""
    assert apart._apart(partial(apart._apart, partial(int, "7"))) == 7
