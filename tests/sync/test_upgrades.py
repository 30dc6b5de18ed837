"""An ERP that is upgraded while a worker runs: it stops, says so, and goes on by itself once that was accepted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import yaml
from click.testing import CliRunner, Result

from strangler import assembly
from strangler.cli.main import root
from strangler.configuration import load
from strangler.control import ledger, sources
from strangler.cutover.stages import Stage
from strangler.sync.schema import ACCEPTED
from tests.sync.landscape import Landscape, until


class Upgraded(Landscape):
    """The landscape with commands, and a configuration that may be changed."""

    def strangler(self, *arguments: str, input: str | None = None) -> Result:
        return CliRunner(env={"COLUMNS": "200"}).invoke(
            root, ["-c", str(self.home / "strangler.yaml"), *arguments], input=input
        )

    def map(self, **fields: str) -> None:
        """Change fields of the entity."""
        path = self.home / "strangler.yaml"
        document = yaml.safe_load(path.read_text())
        document["functions"]["partners"]["entities"]["partner"]["fields"] |= fields
        path.write_text(yaml.safe_dump(document))
        self.settings = load(path)

    def error(self) -> str:
        record = sources.get(self.control, "erp")
        return (record.error or "") if record else ""


@pytest.fixture
def upgraded(tmp_path: Path) -> Iterator[Upgraded]:
    landscape = Upgraded(tmp_path)
    with closing(landscape.control):
        landscape.put(Stage.SYNCING)
        yield landscape


def test_an_upgrade_in_mid_stream_stops_is_shown_is_accepted_and_goes_on_by_itself(
    upgraded: Upgraded,
) -> None:
    upgraded.write("INSERT INTO partner VALUES (1, 'a', '1')")
    with upgraded.worker():
        until(lambda: 1 in upgraded.stored(), "the first row is there")
        upgraded.write(
            "ALTER TABLE partner ADD COLUMN email TEXT", "INSERT INTO partner VALUES (2, 'b', '2', 'e')"
        )
        until(upgraded.error, "the source has stopped")
        assert "partner: column email (TEXT) added" in upgraded.error()
        assert "strangler source accept erp" in upgraded.error()
        for command in (["status"], ["source", "list"]):
            shown = " ".join(upgraded.strangler(*command).output.split())
            assert "column email (TEXT) added" in shown
        assert 2 not in upgraded.stored()
        answer = upgraded.strangler("source", "accept", "erp", "--as", "eva@office", input="y\n")
        assert answer.exit_code == 0, answer.output
        assert "partner: column email (TEXT) added" in answer.output
        assert "touched: no mapping" in answer.output
        until(lambda: 2 in upgraded.stored(), "the second row is there")
        until(lambda: not upgraded.error(), "all is well again")
    assert "nothing to accept" in upgraded.strangler("source", "accept", "erp").output
    [entry] = [entry for entry in ledger.entries(upgraded.control) if entry.kind == ACCEPTED]
    assert entry.actor == "eva@office (claimed)"


def test_a_mapping_that_names_the_new_column_is_filled_after_accept_and_restart(upgraded: Upgraded) -> None:
    upgraded.write("INSERT INTO partner VALUES (1, 'a', '1')")
    with upgraded.worker():
        until(lambda: 1 in upgraded.stored(), "the first row is there")
    upgraded.write("INSERT INTO partner VALUES (2, 'b', '2')")
    upgraded.write("ALTER TABLE partner ADD COLUMN email TEXT DEFAULT 'none'")
    upgraded.write("INSERT INTO partner VALUES (3, 'c', '3', 'e@x')")
    upgraded.map(name="email")
    with upgraded.worker():
        until(upgraded.error, "the source has stopped")
        assert upgraded.strangler("source", "accept", "erp", "--yes").exit_code == 0
        expected = {1: ("none", 1), 2: ("none", 2), 3: ("e@x", 3)}
        until(lambda: upgraded.stored() == expected, f"the store has the new column, not {upgraded.stored()}")


def test_what_a_mapping_no_longer_fits_is_not_accepted(upgraded: Upgraded) -> None:
    upgraded.write("ALTER TABLE partner ADD COLUMN email TEXT")
    upgraded.map(name="email")
    with upgraded.worker():
        until(upgraded.captured, "the source is captured")
    with closing(assembly.source(upgraded.settings, "erp", {"partner": ["email"]})) as source:
        source.drop()
    upgraded.write("ALTER TABLE partner RENAME COLUMN email TO mail")
    refused = upgraded.strangler("source", "accept", "erp", "--yes")
    assert refused.exit_code == 1
    assert "email (TEXT) dropped and mail added, probably renamed" in refused.output
    assert "partners.partner.name" in refused.output
    upgraded.map(name="mail")
    assert upgraded.strangler("source", "accept", "erp", "--yes").exit_code == 0


def test_postgresql_retyped_in_mid_stream_stops_and_is_filled_anew_once_accepted(
    postgres_url: str, tmp_path: Path
) -> None:
    upgraded = Upgraded(tmp_path)
    path = tmp_path / "strangler.yaml"
    document = yaml.safe_load(path.read_text())
    slot = "strangler_" + postgres_url.rsplit("/", 1)[1]
    document["sources"]["erp"] = {"kind": "postgres", "url": postgres_url, "options": {"slot": slot}}
    document["functions"]["partners"]["entities"]["partner"]["fields"] = {
        "id": "id",
        "name": "name",
        "number": "number",
    }
    path.write_text(yaml.safe_dump(document))
    upgraded.settings = load(path)
    with closing(upgraded.control), psycopg.connect(postgres_url, autocommit=True) as erp:
        erp.execute("CREATE TABLE partner (id bigint PRIMARY KEY, name text, number text)")
        upgraded.put(Stage.SYNCING)
        erp.execute("INSERT INTO partner VALUES (1, 'a', '1')")
        with upgraded.worker():
            until(lambda: upgraded.stored() == {1: ("a", "1")}, "the first row is there")
            erp.execute("INSERT INTO partner VALUES (2, 'b', '2')")
            erp.execute("ALTER TABLE partner ALTER COLUMN name TYPE varchar(40) USING upper(name)")
            erp.execute("INSERT INTO partner VALUES (3, 'c', '3')")
            until(upgraded.error, "the source has stopped")
            assert "column name retyped from text to character varying(40)" in upgraded.error()
            assert "partners.partner.name" in upgraded.error()
            assert 3 not in upgraded.stored()
            assert upgraded.strangler("source", "accept", "erp", "--yes").exit_code == 0
            expected = {1: ("A", "1"), 2: ("B", "2"), 3: ("c", "3")}
            until(lambda: upgraded.stored() == expected, "what no row change told is filled anew, too")
        with closing(assembly.source(upgraded.settings, "erp", {"partner": ["name"]})) as source:
            source.drop()
