"""`strangler doctor`: it names what is missing, what it says mends it, and nothing hides anything else."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from click.testing import CliRunner, Result

from strangler import assembly
from strangler.cli.main import root
from strangler.configuration import load
from strangler.errors import ExitCode

Connection = psycopg.Connection[Any]


class Estate:
    """A configuration in a folder of its own: function `party` from source `erp` into store `new`."""

    def __init__(self, home: Path) -> None:
        self.home, self.path = home, home / "strangler.yaml"
        with closing(sqlite3.connect(home / "erp.db")) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE party (id INTEGER PRIMARY KEY, name TEXT)")
        self.document: dict[str, Any] = {
            "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}},
            "stores": {"new": {"url": "sqlite:///new.db"}},
            "functions": {"party": self.function("erp", "new")},
        }

    def function(self, source: str, store: str) -> dict[str, Any]:
        entity = {"table": "party", "key": "id", "fields": {"id": "id", "name": "name"}}
        return {"source": source, "store": store, "entities": {"party": entity}}

    def run(self, *arguments: str) -> Result:
        self.path.write_text(yaml.safe_dump(self.document))
        return CliRunner(env={"COLUMNS": "300"}).invoke(root, ["-c", str(self.path), *arguments])

    def examined(self) -> tuple[dict[str, Any], int]:
        """Part → what is said about it, and the exit code."""
        result = self.run("doctor", "--json")
        return {each["part"]: each for each in json.loads(result.output)}, result.exit_code


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return Estate(tmp_path)


def blocking(part: dict[str, Any]) -> list[dict[str, Any]]:
    return [finding for finding in part["findings"] if finding["blocks"]]


def test_where_nothing_is_missing_it_says_so_and_makes_nothing(estate: Estate) -> None:
    before = sorted(estate.home.iterdir())
    result = estate.run("doctor")
    assert result.exit_code == ExitCode.OK, result.output
    assert "nothing is missing to run" in result.output
    for part in ("control store", "source erp", "log", "store new"):
        assert f"✓ {part}" in result.output
    made = {path.name for path in set(estate.home.iterdir()) - set(before)} - {"strangler.yaml"}
    assert made <= {"erp.db-shm", "erp.db-wal"}


def test_how_the_facade_would_run_is_a_hint_and_no_warning(estate: Estate) -> None:
    assert "facade" not in estate.examined()[0]
    estate.document["facade"] = {"legacy": "http://127.0.0.1:9"}
    parts, code = estate.examined()
    assert code == ExitCode.OK
    told = parts["facade"]
    assert (told["kind"], told["state"], told["findings"]) == ("plain Python", "well", [])
    assert "docs/facade.md" in told["where"]


def test_what_cannot_be_reached_hides_nothing_and_shows_no_password(estate: Estate) -> None:
    estate.document["sources"]["far"] = {"kind": "postgres", "url": "postgresql://erp:hush@127.0.0.1:1/x"}
    estate.document["stores"]["away"] = {"url": "postgresql://erp:hush@127.0.0.1:1/y"}
    estate.document["functions"]["other"] = self_fed = estate.function("far", "away")
    self_fed["depends_on"] = ["party"]
    parts, code = estate.examined()
    assert code == ExitCode.UNUSABLE
    states = {name: part["state"] for name, part in parts.items()}
    assert states == {
        "control store": "well",
        "source erp": "well",
        "source far": "unseen",
        "log": "well",
        "store new": "well",
        "store away": "unseen",
    }
    assert parts["source far"]["error"]["do"]
    shown = estate.run("doctor")
    assert "2 couldn't be looked at" in shown.output
    assert "hush" not in shown.output


def test_a_store_whose_source_was_not_seen_is_not_called_well(estate: Estate) -> None:
    estate.document["sources"]["erp"] = {"kind": "sqlite", "url": "sqlite:///nowhere.db"}
    parts, code = estate.examined()
    assert code == ExitCode.UNUSABLE
    assert parts["source erp"]["state"] == "unseen"
    assert parts["store new"]["state"] == "warned"
    assert "since erp couldn't" in parts["store new"]["findings"][0]["what"]


def test_a_mapping_that_does_not_fit_and_a_store_that_does_not_block(estate: Estate) -> None:
    estate.document["functions"]["party"]["entities"]["party"]["fields"]["email"] = "email"
    parts, code = estate.examined()
    assert code == ExitCode.FAILED
    [finding] = blocking(parts["source erp"])
    assert "functions.party.entities.party.fields.email" in finding["what"]
    del estate.document["functions"]["party"]["entities"]["party"]["fields"]["email"]
    with closing(sqlite3.connect(estate.home / "new.db")) as connection:
        connection.execute("CREATE TABLE party (id INTEGER PRIMARY KEY)")
    parts, code = estate.examined()
    assert code == ExitCode.FAILED
    [finding] = blocking(parts["store new"])
    assert "no column name" in finding["what"]
    with closing(sqlite3.connect(estate.home / "new.db")) as connection:
        connection.execute(finding["do"])
        connection.execute("ALTER TABLE party ADD COLUMN _position TEXT")
    assert not blocking(estate.examined()[0]["store new"])


def test_a_journal_mode_that_makes_the_erp_wait_is_a_warning_that_blocks_nothing(estate: Estate) -> None:
    with closing(sqlite3.connect(estate.home / "erp.db")) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    parts, code = estate.examined()
    assert code == ExitCode.OK
    assert parts["source erp"]["state"] == "warned"
    assert "journal mode is delete" in parts["source erp"]["findings"][0]["what"]
    assert "1 to beware of" in estate.run("doctor").output


def test_lost_triggers_and_an_altered_table_are_said(estate: Estate) -> None:
    estate.run("doctor")
    settings = load(estate.path)
    with closing(assembly.source(settings, "erp", {"party": ["name"]})) as source:
        source.prepare()
    with closing(sqlite3.connect(estate.home / "erp.db")) as connection:
        connection.execute("DROP TRIGGER strangler_strangler_erp_on_insert_party")
    parts, code = estate.examined()
    assert code == ExitCode.FAILED
    assert "the triggers of party are gone" in blocking(parts["source erp"])[0]["what"]


@pytest.fixture
def legacy(postgres_url: str) -> Iterator[Connection]:
    """The ERP's database, as its administrator sees it, and a role that may do nothing yet."""
    name = postgres_url.rsplit("/", 1)[1]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE party (id int PRIMARY KEY, name text)")
        connection.execute(f"CREATE ROLE doctor_{name} LOGIN PASSWORD 'x'".encode())
        try:
            yield connection
        finally:
            with suppress(psycopg.Error):
                connection.execute(f"SELECT pg_drop_replication_slot('s_{name}')".encode())
            connection.execute("DROP PUBLICATION IF EXISTS strangler_x")
            connection.execute(f"REASSIGN OWNED BY doctor_{name} TO CURRENT_USER".encode())
            connection.execute(f"DROP OWNED BY doctor_{name}; DROP ROLE doctor_{name}".encode())


def on_postgres(estate: Estate, url: str) -> None:
    """Source and store in the database, as a role that may do nothing yet."""
    name = url.rsplit("/", 1)[1]
    mine = re.sub(r"//[^@]*@", f"//doctor_{name}:x@", url)
    options = {"slot": f"s_{name}"}
    estate.document["sources"]["erp"] = {"kind": "postgres", "url": mine, "options": options}
    estate.document["stores"]["new"] = {"url": mine}
    estate.document["functions"]["party"]["entities"]["party"]["into"] = "party_new"


def test_every_statement_that_it_gives_for_postgresql_mends_what_it_says(
    estate: Estate, legacy: Connection, postgres_url: str
) -> None:
    on_postgres(estate, postgres_url)
    legacy.execute("CREATE TABLE party_new (id bigint PRIMARY KEY, name text)")
    rounds = 0
    parts, code = estate.examined()
    assert {"source erp", "store new"} <= {name for name, part in parts.items() if blocking(part)}
    while code == ExitCode.FAILED:
        rounds += 1
        assert rounds < 6, parts
        for part in parts.values():
            for finding in blocking(part):
                legacy.execute(finding["do"].encode())
        parts, code = estate.examined()
    assert code == ExitCode.OK
    settings = load(estate.path)
    with closing(assembly.source(settings, "erp", {"party": ["name"]})) as source:
        assert source.prepare()
        source.drop()


def test_a_captured_table_that_was_made_anew_is_said_before_a_worker_meets_it(
    estate: Estate, legacy: Connection, postgres_url: str
) -> None:
    on_postgres(estate, postgres_url)
    options = {"slot": f"s_{postgres_url.rsplit('/', 1)[1]}"}
    estate.document["sources"]["erp"] = {"kind": "postgres", "url": postgres_url, "options": options}
    assert not blocking(estate.examined()[0]["source erp"])
    settings = load(estate.path)
    with closing(assembly.source(settings, "erp", {"party": ["name"]})) as source:
        source.prepare()
        assert not blocking(estate.examined()[0]["source erp"])
        legacy.execute("DROP TABLE party; CREATE TABLE party (id int PRIMARY KEY, name text)")
        [finding] = blocking(estate.examined()[0]["source erp"])
        assert "party is another one than was captured" in finding["what"]
        source.drop()


def test_a_slot_that_nobody_reads_is_named(
    estate: Estate, legacy: Connection, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strangler_connectors.postgres.examination.HELD", 100)
    on_postgres(estate, postgres_url)
    estate.document["sources"]["erp"]["url"] = postgres_url
    slot = f"idle_{postgres_url.rsplit('/', 1)[1]}"
    legacy.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [slot])
    legacy.execute("INSERT INTO party SELECT i FROM generate_series(1, 1000) AS i")
    found = [f for f in estate.examined()[0]["source erp"]["findings"] if slot in f["what"]]
    [finding] = found
    assert not finding["blocks"]
    legacy.execute(finding["do"].split(": ", 1)[1].encode())
    assert not [f for f in estate.examined()[0]["source erp"]["findings"] if slot in f["what"]]
