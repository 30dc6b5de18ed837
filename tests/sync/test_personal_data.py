"""What is marked sensitive isn't shown to anybody: a value that occurs nowhere else is looked for in everything that Strangler says."""

from __future__ import annotations

import base64
import logging
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from click.testing import CliRunner, Result
from sqlalchemy import select

from strangler import assembly
from strangler.cli.main import root
from strangler.configuration import load
from strangler.console.server import serving
from strangler.control import quarantine, reconciliations, tables
from strangler.control.quarantine import State
from strangler.cutover.stages import Stage
from strangler.logs import JsonLines
from strangler.quarantine import shown_change
from strangler.sensitive import MASK, of_entity
from strangler.settings import Console
from tests.sync.landscape import Landscape, until

CANARY = "kanarienvogel"

FIELDS: dict[str, Any] = {
    "id": "id",
    "name": "TRIM(name)",
    "email": {"value": "LOWER(email)", "sensitive": True},
    "number": {"value": "CAST(number AS INTEGER)", "sensitive": True},
    "contact": "CONCAT(TRIM(name), ' ', email)",
}


class Personal(Landscape):
    """A function `partners` between two PostgreSQL databases, with personal data."""

    def __init__(self, home: Path, legacy: str, store: str, encrypted: bool) -> None:
        self.home, self._legacy, self._store, self.encrypted = home, legacy, store, encrypted
        self.write("CREATE TABLE partner (id int PRIMARY KEY, name text, email text, number text)")
        self.map()
        self.control = assembly.control(self.settings)

    def map(self, **fields: Any) -> None:
        """(Re)write the configuration."""
        entity = {"table": "partner", "key": "id", "fields": FIELDS | fields}
        # It sees the same rows, and has nothing of the sensitive columns: their raw values come all the same.
        plain = {
            "table": "partner",
            "key": "id",
            "into": "named",
            "fields": {"id": "id", "name": "CAST(name AS INTEGER)"},
        }
        document = {
            "sources": {"erp": {"kind": "postgres", "url": self._legacy, "heartbeat": "200ms"}},
            "stores": {"service": {"url": self._store}},
            "console": {"port": 0},
            "functions": {
                "partners": {"source": "erp", "store": "service", "entities": {"partner": entity, "named": plain}}
            },
        }  # fmt: skip
        if self.encrypted:
            document["encryption"] = {"key": "k1", "keys": {"k1": base64.b64encode(bytes(32)).decode()}}
        path = self.home / "strangler.yaml"
        path.write_text(yaml.safe_dump(document))
        self.settings = load(path)

    def write(self, *statements: str) -> None:
        _run(self._legacy, *statements)

    def stored(self) -> dict[int, tuple[Any, ...]]:
        rows = _run(self._store, "SELECT id, name, email, number, contact FROM partner")
        return {row[0]: row[1:] for row in rows}

    def spoil(self, *statements: str) -> None:
        """Write to the store."""
        _run(self._store, *statements)

    def strangler(self, *arguments: str) -> Result:
        return CliRunner(env={"COLUMNS": "300"}).invoke(
            root, ["-c", str(self.home / "strangler.yaml"), *arguments]
        )

    def kept(self) -> str:
        """All texts in the control store but the changes that are held."""
        cells = []
        with self.control.read() as connection:
            for table in tables.metadata.sorted_tables:
                for row in connection.execute(select(table)).mappings():
                    cells += [f"{table.name}: {row[name]}" for name in row if name != "change"]
        return "\n".join(cells)


def _run(url: str, *statements: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(params=[False, True], ids=["plain", "encrypted"])
def personal(
    request: pytest.FixtureRequest, postgres: Any, postgres_url: str, tmp_path: Path
) -> Iterator[Personal]:
    name = f"store_{secrets.token_hex(4)}"
    store = postgres.create_database(name)
    made = Personal(tmp_path, postgres_url, store, request.param)
    with closing(made.control):
        made.put(Stage.SYNCING)
        yield made
    postgres.drop_database(name)


def waiting(personal: Personal, entity: str = "partner") -> int:
    return sum(held.entity == entity for held in quarantine.listed(personal.control))


def test_a_sensitive_value_is_shown_nowhere(personal: Personal, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = ""
    personal.write(
        f"INSERT INTO partner VALUES (1, 'a', 'One@{CANARY}', '1'), (2, 'b', 'two@{CANARY}', '{CANARY}2')"
    )
    with personal.worker():
        until(lambda: waiting(personal) == 1, "the backfill holds what it can't translate")
        until(lambda: personal.stored().get(1), "the other row is in the store")
        assert personal.stored()[1] == ("a", f"one@{CANARY}", 1, f"a One@{CANARY}")
        personal.write(f"INSERT INTO partner VALUES (3, 'c', 'three@{CANARY}', '{CANARY}3')")
        personal.write(f"UPDATE partner SET email = 'third@{CANARY}' WHERE id = 3")
        until(lambda: waiting(personal) == 3, "the stream holds them, too")
        personal.spoil(f"UPDATE partner SET email = NULL, contact = 'other {CANARY}' WHERE id = 1")
        said += personal.strangler("reconcile", "run", "partners", "--no-confirm").output
        personal.spoil("ALTER TABLE partner ADD CONSTRAINT short CHECK (length(email) < 5)  NOT VALID")
        personal.write(f"INSERT INTO partner VALUES (4, 'd', 'four@{CANARY}', '4')")
        until(lambda: (personal.delivered() or 0) and personal.delivered().error, "the store refuses it")  # type: ignore[union-attr]
        said += everything_said(personal)
    run = reconciliations.latest(personal.control, "partners")
    assert run is not None
    found = [f for f in reconciliations.findings(personal.control, run.id) if f.entity == "partner"]
    assert {"email": [MASK, None], "contact": [MASK, MASK]} in [each.fields for each in found]
    assert [(each.explanation or {})["cause"] for each in found if each.key == "[1]"] == [
        "write in the store"
    ]
    formatter = JsonLines()
    said += "\n".join(map(formatter.format, caplog.records)) + personal.kept()
    for expected in ("violates check constraint", "number isn't shown (number = ***)", "email"):
        assert expected in said
    assert CANARY not in said.lower()
    held = quarantine.listed(personal.control)
    whole = [each.change for each in held if each.entity == "partner"]
    assert all(CANARY in change for change in whole), "a retry needs the row as it was"
    at_rest = b"".join(path.read_bytes() for path in (personal.home / ".strangler").iterdir()).lower()
    assert (CANARY.encode() in at_rest) != personal.encrypted


def everything_said(personal: Personal) -> str:
    """The output of every command that tells something, and all pages of the console."""
    commands = [
        ["status"], ["status", "--json"], ["plan", "partners"], ["plan", "partners", "--json"], ["doctor"],
        ["quarantine", "list"], ["quarantine", "list", "--json"], ["quarantine", "show", "partners", "partner", "[2]"],
        ["quarantine", "show", "partners", "partner", "[3]"], ["quarantine", "show", "partners", "named", "[1]"],
        ["reconcile", "run", "partners", "--no-confirm", "--format", "json"], ["reconcile", "list", "partners"],
        ["reconcile", "show", "latest"], ["reconcile", "show", "latest", "--format", "csv"],
        ["reconcile", "show", "latest", "--format", "html", "--output", str(personal.home / "reconciliation.html")],
        ["reconcile", "diff"], ["reconcile", "schedule"],
        ["report", "--format", "json"], ["report", "--format", "md"],
        ["report", "--output", str(personal.home / "report.html")], ["source", "list"], ["config", "check"],
        ["backfill", "partners", "--no-watch"],
    ]  # fmt: skip
    said = [personal.strangler(*command) for command in commands]
    for command, result in zip(commands, said, strict=True):
        assert result.exception is None or isinstance(result.exception, SystemExit), command
    settings = personal.settings.model_copy(update={"console": Console(port=0)})
    with serving(settings, personal.control) as url:
        pages = [
            page(url + path) for path in ("/", "/api/progress", "/api/functions/partners", "/metrics", "/healthz", "/readyz")
        ]  # fmt: skip
    files = [(personal.home / name).read_text() for name in ("report.html", "reconciliation.html")]
    return "\n".join([*(r.output for r in said), *pages, *files])


def page(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()


def test_what_waits_is_released_in_order_once_the_mapping_is_mended_and_the_worker_started_again(
    personal: Personal,
) -> None:
    with personal.worker():
        until(personal.captured, "it is captured")
        personal.write("INSERT INTO partner VALUES (1, '1', 'a', 'one')")
        personal.write("UPDATE partner SET number = 'two', email = 'b' WHERE id = 1")
        personal.write("INSERT INTO partner VALUES (2, '2', 'gone', 'three')")
        personal.write("DELETE FROM partner WHERE id = 2")
        personal.write("INSERT INTO partner VALUES (3, '3', 'c', '3')")
        until(lambda: personal.stored().get(3), "another key goes on")
        until(lambda: waiting(personal) == 4, "four changes wait")
    assert set(personal.stored()) == {3}
    listed = personal.strangler("quarantine", "list", "partners").output
    assert "2 keys wait in all" in listed
    shown = personal.strangler("quarantine", "show", "partners", "partner", "[1]").output
    assert "2 changes of partners.partner [1] in quarantine, 1 change behind the first" in shown
    assert "waits behind an earlier change of the same key" in shown
    personal.map(
        number={
            "value": "CASE number WHEN 'one' THEN 1 WHEN 'two' THEN 2 WHEN 'three' THEN 3 ELSE 0 END",
            "sensitive": True,
        }
    )
    assert personal.strangler("quarantine", "retry", "partners", "--all").exit_code == 0
    with personal.worker():
        until(lambda: not quarantine.listed(personal.control), "nothing waits any more")
        until(lambda: (personal.stored().get(1) or ())[1:3] == ("b", 2), "the last state is in the store")
        personal.write("UPDATE partner SET email = 'd' WHERE id = 1")
        until(lambda: (personal.stored().get(1) or ())[1:2] == ("d",), "the key goes on")
    assert 2 not in personal.stored()
    released = [
        (record.event.key, record.event.effect.value)
        for record in personal.logged()
        if record.event.entity == "partner"
    ]
    assert [effect for key, effect in released if key == "[2]"] == ["upsert", "remove"]
    assert all(held.state is State.HELD for held in quarantine.listed(personal.control))


def test_what_is_sensitive_follows_from_the_marked_fields(personal: Personal) -> None:
    found = of_entity(personal.settings, "partners", "partner")
    assert found.columns == {"email", "number"}
    assert found.fields == {"email", "number", "contact"}, (
        "a field that reads a sensitive column is sensitive"
    )
    assert of_entity(personal.settings, "partners", "named").columns == {"email", "number"}


def test_of_an_entity_that_is_gone_from_the_configuration_no_value_is_shown() -> None:
    text = '{"before": null, "after": {"id": {"$": "int", "value": "1"}, "name": null, "big": {"$": "unchanged", "value": ""}}}'
    assert shown_change(text, None)["after"] == {
        "id": MASK,
        "name": None,
        "big": "(not sent, for it didn't change)",
    }
    assert shown_change(text, frozenset())["after"]["id"] == "1"
