"""Code maps that are tables of the legacy database: what they hold, when that counts, and what is said of a table that doesn't do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from strangler import assembly, code_tables
from strangler.cli.main import root
from strangler.configuration import load
from strangler.errors import MappingError
from strangler.mapping import EntityMapping
from strangler.settings import Entity
from tests.mapping.peers import connect

CONFIGURATION = """
code_maps:
  unit: {values: {ST: piece}}
  country: {table: t005t, from: land1, to: landx, where: "spras = 'E'"}
sources:
  erp: {kind: KIND, url: "URL"}
stores:
  new: {url: "sqlite:///new.db"}
functions:
  party:
    source: erp
    store: new
    entities:
      party: {table: party, key: id, fields: {id: id, country: "LOOKUP(country, land)", unit: "LOOKUP(unit, unit, NULL)"}}
      plain: {table: party, key: id, fields: {id: id, nothing: nmae}}
"""
TABLES = """
CREATE TABLE t005t (spras CHAR(1), land1 CHAR(3), landx CHAR(15), number INTEGER, amount NUMERIC(9, 2));
INSERT INTO t005t VALUES ('E', 'DE', 'Germany', 49, 1), ('D', 'DE', 'Deutschland', 49, 1), ('E', 'PL', 'Poland', 48, 1);
CREATE TABLE party (id INTEGER PRIMARY KEY NOT NULL, land CHAR(3), unit VARCHAR(3), nmae VARCHAR(3));
"""
ROW = {"id": 1, "land": "PL", "unit": None}

Legacy = tuple[Path, Callable[[str], None]]


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def legacy(request: pytest.FixtureRequest, tmp_path: Path) -> Legacy:
    """A configuration over a database with the tables, and what runs SQL there."""
    found = {"postgres": "postgres_url", "mysql": "mariadb_url"}.get(request.param)
    url = request.getfixturevalue(found) if found else f"sqlite:///{tmp_path}/erp.db"
    path = tmp_path / "strangler.yaml"
    path.write_text(CONFIGURATION.replace("KIND", request.param).replace("URL", url))

    def run(sql: str) -> None:
        with closing(opened(request.param, url)) as connection:
            for statement in filter(str.strip, sql.split(";")):
                connection.cursor().execute(statement)
            connection.commit()

    run(TABLES)
    return path, run


def opened(kind: str, url: str) -> Any:
    """A connection to a database of the kind."""
    if kind == "sqlite":
        return sqlite3.connect(url.removeprefix("sqlite:///"))
    return psycopg.connect(url) if kind == "postgres" else connect(url)


@pytest.fixture
def in_postgres(postgres_url: str, tmp_path: Path) -> Path:
    """The configuration over PostgreSQL alone."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for statement in filter(str.strip, TABLES.split(";")):
            connection.execute(statement.encode())
    path = tmp_path / "strangler.yaml"
    path.write_text(CONFIGURATION.replace("KIND", "postgres").replace("URL", postgres_url))
    return path


def compiled(path: Path) -> EntityMapping:
    settings = load(path)
    with closing(assembly.source(settings, "erp")) as source:
        return assembly.mappings(settings, "party", source)[0]


def check(path: Path, *options: str) -> Result:
    return CliRunner().invoke(root, ["--config", str(path), "config", "check", *options])


def test_the_table_says_what_a_code_means_and_a_change_of_it_is_another_version(legacy: Legacy) -> None:
    path, run = legacy
    before = compiled(path)
    assert before.translate(ROW) == {"id": 1, "country": "Poland", "unit": None}
    run("UPDATE t005t SET landx = 'Germania' WHERE spras = 'D'")
    assert compiled(path).version == before.version
    run("UPDATE t005t SET landx = 'Polska' WHERE land1 = 'PL'")
    after = compiled(path)
    assert after.version != before.version
    assert after.translate(ROW)["country"] == "Polska"


def test_codes_and_meanings_may_be_numbers_and_expressions(in_postgres: Path) -> None:
    text = in_postgres.read_text()
    in_postgres.write_text(text.replace("to: landx", "to: number"))
    assert compiled(in_postgres).translate(ROW)["country"] == 48
    in_postgres.write_text(
        text.replace("from: land1, to: landx", 'from: number, to: "UPPER(landx)"').replace(
            "LOOKUP(country, land)", "LOOKUP(country, CAST(land AS INTEGER))"
        )
    )
    assert compiled(in_postgres).translate(ROW | {"land": "49"})["country"] == "GERMANY"


@pytest.mark.parametrize(
    ("old", "new", "key", "says", "instead"),
    [
        ("table: t005t", "table: t005", "table", "has no table 't005'", "table: t005t (did you mean this?)"),
        ("to: landx", "to: lanx", "to", "there is no column 'lanx' in t005t", "landx"),
        ("from: land1", "from: LOOKUP(unit, land1)", "from", "there is no code map 'unit'", ""),
        ("spras = 'E'", "spras", "where", "not a condition", "a comparison"),
        ("to: landx", "to: amount", "to", "is decimal, and a code map is made of texts and integers", "CAST"),
        (""", where: "spras = 'E'\"""", "", "from", "t005t has the code 'DE' twice", "a `where`"),
        ("spras = 'E'", "spras = 'X'", "where", "t005t holds no codes", "a table that does"),
        ("from: land1", "from: NULLIF(land1, 'PL')", "from", "country.from is NULL", "a `where`"),
        ("to: landx", "to: NULLIF(landx, 'Poland')", "to", "in t005t the code 'PL' means NULL", "a `where`"),
    ],
)
def test_a_table_that_does_not_do_is_a_problem_of_the_code_map(
    in_postgres: Path, old: str, new: str, key: str, says: str, instead: str
) -> None:
    written = in_postgres.read_text()
    assert old in written
    key_there, _, expression = new.partition(": ")
    in_postgres.write_text(written.replace(old, f'{key_there}: "{expression}"' if "(" in new else new))
    found = check(in_postgres)
    assert found.exit_code == 2
    assert "Traceback" not in found.output
    assert f"{in_postgres}:4: code_maps.country.{key}: " in found.stderr
    assert says in found.stderr
    assert instead in found.stderr
    assert "1 problem\n" in found.stderr
    with pytest.raises(MappingError, match=rf"code_maps\.country\.{key}"):
        compiled(in_postgres)


def test_a_table_of_too_many_rows_is_refused(in_postgres: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_tables, "MOST", 2)
    assert compiled(in_postgres).translate(ROW)["country"] == "Poland"
    monkeypatch.setattr(code_tables, "MOST", 1)
    found = check(in_postgres)
    assert "code_maps.country.table: t005t has more than 1 codes" in found.stderr
    assert "`join`" in found.stderr


def test_a_table_that_nobody_looks_anything_up_in_is_not_read(in_postgres: Path) -> None:
    written = in_postgres.read_text().replace("table: t005t", "table: nowhere")
    in_postgres.write_text(written.replace("LOOKUP(country, land)", "land"))
    assert compiled(in_postgres).translate(ROW)["country"] == "PL"


def test_without_the_database_nothing_is_said_of_the_table(in_postgres: Path) -> None:
    in_postgres.write_text(in_postgres.read_text().replace("table: t005t", "table: nowhere"))
    found = check(in_postgres, "--offline")
    assert (found.exit_code, "nowhere" in found.output) == (0, False)


def test_each_source_has_a_table_of_its_own(in_postgres: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection, connection:
        connection.execute("CREATE TABLE t005t (spras TEXT, land1 TEXT, landx TEXT)")
        connection.execute("INSERT INTO t005t VALUES ('E', 'PL', 'Polonia')")
        connection.execute("CREATE TABLE party (id INTEGER PRIMARY KEY NOT NULL, land TEXT)")
    in_postgres.write_text(
        in_postgres.read_text().replace(
            "stores:", f'  other: {{kind: sqlite, url: "sqlite:///{tmp_path}/other.db"}}\nstores:'
        )
        + "  friend: {source: other, store: new, entities: {friend: {table: party, key: id, into: friend,"
        ' fields: {id: id, country: "LOOKUP(country, land)"}}}}\n'
    )
    settings = load(in_postgres)
    with closing(assembly.source(settings, "other")) as source:
        (friend,) = assembly.mappings(settings, "friend", source)
    assert friend.translate(ROW)["country"] == "Polonia"
    assert compiled(in_postgres).translate(ROW)["country"] == "Poland"
    assert check(in_postgres).exit_code == 0


def test_every_expression_of_an_entity_may_look_up() -> None:
    entity = Entity.model_validate({
        "table": "sale", "key": "id", "where": "lookup(a, x) = 1",
        "fields": {"id": "id", "x": {"value": "COALESCE(LOOKUP(b, x), '')", "reverse": {"x": "LOOKUP(c, x)"}}},
        "events": {"changed": [{"name": "SaleSent", "when": "LOOKUP(d, x) IS NULL"}]},
        "children": {"lines": {
            "table": "line", "on": {"sale": "id"}, "key": "line", "where": "LOOKUP(e, x) = 1", "fields": {"line": "LOOKUP(f, id, g)"},
        }},
    })  # fmt: skip
    assert code_tables.of_entity(entity) == frozenset("abcdef")
