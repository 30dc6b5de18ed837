"""`strangler keys`: both directions from the store, and a new key before its row is there."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from strangler import assembly
from strangler.cli.main import root
from strangler.configuration import load

CONFIGURATION = """
sources:
  erp: {{kind: sqlite, url: "sqlite:///erp.db"}}
stores:
  new: {{url: "{store}"}}
functions:
  party:
    source: erp
    store: new
    entities:
      party:
        table: party_party
        key: id
        fields: {{id: "SURROGATE('party', company, code)", company: company, code: code, name: name}}
      country: {{table: country, key: code, fields: {{code: code}}}}
"""
ROW = ("480dfc55-d3d9-8abf-8606-131e446ca850", 7, "O'N", "Anna")

Strangler = Callable[..., Result]


@pytest.fixture(params=["sqlite", "postgres"])
def strangler(request: pytest.FixtureRequest, tmp_path: Path) -> Strangler:
    """Runs a command over a store, of SQLite or PostgreSQL, that has one row."""
    sqlite = request.param == "sqlite"
    store = "sqlite:///new.db" if sqlite else request.getfixturevalue("postgres_url")
    path = tmp_path / "strangler.yaml"
    path.write_text(CONFIGURATION.format(store=store))
    with closing(sqlite3.connect(tmp_path / "erp.db")) as legacy:
        legacy.execute(
            "CREATE TABLE party_party (company INTEGER, code TEXT PRIMARY KEY NOT NULL, name TEXT)"
        )
        legacy.execute("CREATE TABLE country (code TEXT PRIMARY KEY NOT NULL)")
    settings = load(path)
    with (
        closing(assembly.source(settings, "erp")) as source,
        closing(assembly.store(settings, "new")) as opened,
    ):
        opened.prepare([each.shape for each in assembly.mappings(settings, "party", source)])
    if sqlite:
        with closing(sqlite3.connect(tmp_path / "new.db")) as connection, connection:
            connection.execute("INSERT INTO party (id, company, code, name) VALUES (?, ?, ?, ?)", ROW)
    else:
        with psycopg.connect(store) as connected:
            connected.execute("INSERT INTO party (id, company, code, name) VALUES (%s, %s, %s, %s)", ROW)

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(root, ["--config", str(path), "keys", *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


def test_a_pair_is_found_in_both_directions(strangler: Strangler) -> None:
    pair = {"legacy": {"company": 7, "code": "O'N"}, "new": ROW[0], "stored": True}
    for asked in (["--legacy", "7", "O'N"], ["--new", ROW[0]], ["--new", ROW[0].upper()]):
        found = strangler("party.party", *asked, "--json")
        assert (found.exit_code, json.loads(found.output)) == (0, pair)
    assert strangler("party.party", "--new", ROW[0]).output == (
        f"legacy  company = 7, code = O'N\nnew     {ROW[0]}\n"
    )


def test_a_new_key_is_computed_before_its_row_is_there(strangler: Strangler) -> None:
    found = strangler("party.party", "--legacy", "--", "-1", "B")
    assert found.exit_code == 1
    assert "legacy  company = -1, code = B\n" in found.output
    assert "computed; the store has no row with this key" in found.output
    asked = strangler("party.party", "--legacy", "--json", "--", "-1", "B")
    assert json.loads(asked.output)["stored"] is False


def test_a_new_key_that_the_store_does_not_have_is_not_known(strangler: Strangler) -> None:
    found = strangler("party.party", "--new", ROW[0].replace("6", "7"))
    assert (found.exit_code, "legacy  not known" in found.output) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["party.party", "--legacy", "7"], "has 2 values: company, code"),
        (["party.party", "--legacy", "seven", "A"], "company is integer: 'seven' is not an integer"),
        (["party.party", "--new", "4711"], "'4711' is no surrogate"),
        (["party.party", "7"], "--legacy or --new"),
        (["party.country", "--legacy", "DE"], "its key has no surrogate"),
        (["party.prty", "--legacy", "7"], "did you mean 'party'?"),
    ],
)
def test_a_mistake_is_said_in_words(strangler: Strangler, arguments: list[str], says: str) -> None:
    found = strangler(*arguments)
    assert found.exit_code in (1, 2)
    assert says in found.output
