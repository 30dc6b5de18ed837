"""A mapping that breaks stops its function after so many keys: loudly, losing nothing, and without a halt for the others."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from strangler.boundary import Boundary, Translation
from strangler.cli.main import root
from strangler.configuration import load
from strangler.console.metrics import expose
from strangler.console.wellness import look
from strangler.control import backfills, ledger, quarantine, standings, stops
from strangler.cutover.stages import Stage
from strangler.events import Effect
from strangler.sync import limits
from tests.sync.landscape import NUMBER, Landscape, until
from tests.sync.partners import delete, insert, mapping, position, row, transaction, update


class Limited(Landscape):
    """The function `partners` may have two keys in quarantine; beside it, from the same source, `names`, which never fails."""

    def configure(self, number: str, name: str = "partner", key: str = "id") -> Any:
        super().configure(number, name, key)
        path = self.home / "strangler.yaml"
        document = yaml.safe_load(path.read_text())
        functions = document["functions"]
        functions["partners"]["quarantine"] = {"max_keys": 2}
        entity = {"table": "partner", "key": "id", "into": "name", "fields": {"id": "id", "name": "name"}}
        functions["names"] = {"source": "erp", "store": "service", "entities": {"name": entity}}
        path.write_text(yaml.safe_dump(document))
        self.settings = load(path)
        return self.settings

    def strangler(self, *arguments: str) -> Result:
        return CliRunner(env={"COLUMNS": "300"}).invoke(
            root, ["-c", str(self.home / "strangler.yaml"), *arguments]
        )

    def stopped(self) -> stops.Stop | None:
        return stops.get(self.control, "partners")

    def names(self) -> set[int]:
        """The keys that the other function has."""
        with closing(sqlite3.connect(self.home / "service.db", timeout=30)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'name'").fetchone():
                return set()
            return {found[0] for found in connection.execute("SELECT id FROM name")}


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Limited]:
    made = Limited(tmp_path)
    with closing(made.control):
        made.put(Stage.SYNCING)
        now = standings.of(made.control, "names")
        standings.change(made.control, now, replace(now, stage=Stage.SYNCING), at=1.0)
        yield made


def insert_rows(*rows: tuple[int, str]) -> list[str]:
    return [f"INSERT INTO partner VALUES ({key}, 'n{key}', '{number}')" for key, number in rows]


def test_invariant_7_a_function_that_is_stopped_says_so_passes_nothing_in_silence_and_is_whole_when_it_is_resumed(
    limited: Limited,
) -> None:
    limited.write(*insert_rows((1, "1"), (2, "2"), (3, "3"), (4, "4")))
    with limited.worker():
        until(lambda: set(limited.stored()) == {1, 2, 3, 4}, "what was there is there")
        until(limited.filled, "the backfill is finished")
        limited.write(*insert_rows((11, "x")))
        limited.write(*insert_rows((12, "x")))
        limited.write("UPDATE partner SET number = 'x' WHERE id = 4")
        until(limited.stopped, "the function is stopped")
        until(lambda: (d := limited.delivered()) and d.error, "delivery says so")
        # What happens while it is stopped: of all kinds, of good keys and of held ones.
        limited.write(*insert_rows((20, "20")), "UPDATE partner SET number = '22' WHERE id = 2")
        limited.write("DELETE FROM partner WHERE id = 1", "DELETE FROM partner WHERE id = 12")
        limited.write("UPDATE partner SET id = 33 WHERE id = 3")
        until(lambda: {20, 33} <= limited.names() and 1 not in limited.names(), "the other function goes on")
        assert limited.stored()[2] == ("n2", 2), "nothing is delivered"

        status = limited.strangler("status").output
        assert "partners is stopped: 3 of its keys wait in quarantine, more than 2" in status
        assert "strangler quarantine resume partners" in status
        listed = limited.strangler("quarantine", "list").output
        assert "partners is stopped" in listed
        report = json.loads(limited.strangler("report", "--format", "json").output)
        assert any("partners is stopped" in each["words"] for each in report["attention"])
        assert "partners is stopped" in look(limited.settings, limited.control).words
        figures = expose(limited.settings, limited.control).decode()
        assert 'strangler_function_stopped{function="partners"} 1.0' in figures
        assert 'strangler_function_stopped{function="names"} 0.0' in figures
        assert "more than 2" in limited.strangler("plan", "partners").output

    limited.configure(f"CASE number WHEN 'x' THEN 0 ELSE {NUMBER} END")
    with limited.worker():
        until(lambda: limited.names() >= {20}, "the worker runs again")
        assert limited.stopped(), "a restart doesn't resume it"
        answer = limited.strangler("quarantine", "resume", "partners", "--as", "eva@office")
        assert answer.exit_code == 0, answer.output
        until(lambda: not limited.stopped(), "it is resumed")
        whole = {2: ("n2", 22), 4: ("n4", 0), 11: ("n11", 0), 20: ("n20", 20), 33: ("n3", 3)}
        until(lambda: limited.stored() == whole, "the store is whole", patience=40)
        until(lambda: not quarantine.listed(limited.control), "nothing waits any more")
        limited.write(*insert_rows((40, "40")))
        until(lambda: 40 in limited.stored(), "it goes on")
    kinds = [(entry.kind, entry.actor) for entry in ledger.entries(limited.control, function="partners")]
    assert kinds[-2:] == [(limits.STOPPED, "worker"), (limits.RESUMED, "eva@office (claimed)")]
    assert limited.strangler("reconcile", "run", "partners", "--no-confirm").exit_code == 0


def test_a_backfill_of_a_broken_mapping_stops_its_function_before_all_is_held(limited: Limited) -> None:
    limited.write(*insert_rows(*((key, "x") for key in range(1, 60))))
    with limited.worker():
        until(limited.stopped, "the function is stopped")
        until(lambda: (b := backfills.get(limited.control, "partners", "partner")) and b.error, "it is told")
        until(lambda: len(limited.names()) == 59, "the other function is filled")
    assert quarantine.counts(limited.control)["partners"] <= 14, "no more than a chunk or two"
    assert "backfill of partners, partner: partners is stopped" in limited.strangler("status").output
    limited.configure("0")
    with limited.worker():
        assert limited.strangler("quarantine", "resume", "partners").exit_code == 0
        until(lambda: len(limited.stored()) == 59, "all is filled", patience=40)


def test_resumed_with_its_mapping_as_it_was_it_is_stopped_again(limited: Limited) -> None:
    limited.write(*insert_rows(*((key, "x") for key in range(1, 4))))
    with limited.worker():
        until(limited.stopped, "the function is stopped")
        limited.strangler("quarantine", "resume", "partners")
        kinds = [limits.STOPPED, limits.RESUMED, limits.STOPPED]
        until(
            lambda: [e.kind for e in ledger.entries(limited.control, function="partners")] == kinds,
            "it is stopped again",
            patience=40,
        )
    assert quarantine.counts(limited.control) == {"partners": 3}


def test_what_is_not_stopped_is_not_resumed(limited: Limited) -> None:
    answer = limited.strangler("quarantine", "resume", "partners")
    assert (answer.exit_code, "partners isn't stopped" in answer.output) == (1, True)


def test_of_a_stopped_function_only_removals_are_translated() -> None:
    boundary, result = Boundary([mapping()]), Translation([], [])
    boundary.stopped = {"partners"}
    changes = [
        insert(position(1), row(1)),
        update(position(1, 1), row(2, number="seven")),
        delete(position(1, 2), 3),
        update(position(1, 3), row(5), old=row(4)),
    ]
    boundary.translate(transaction(1, *changes), result)
    assert [(event.effect, event.key) for event in result.events] == [
        (Effect.REMOVE, "[3]"),
        (Effect.REMOVE, "[4]"),
    ]
    assert result.held == []
