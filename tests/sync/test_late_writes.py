"""Late writes: recorded one by one as the stream reads them, counted once, told so that their job is found, and accepted with a reason."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from click.testing import CliRunner

from strangler import assembly
from strangler.boundary import Boundary, Translation
from strangler.changes import Operation, Position, Transaction
from strangler.cli.main import root
from strangler.configuration import load
from strangler.control import astray, late_writes, ledger, standings
from strangler.control.late_writes import Hour, LateWrite
from strangler.control.store import Control
from strangler.cutover.lateness import habits
from strangler.cutover.stages import EVERYONE, Side, Stage
from strangler.mapping import compile_entity
from strangler.sync.witnessing import Witnessing
from tests.sync.landscape import until, working
from tests.sync.partners import ENTITY, TABLE, insert, position, row, transaction, update

MAPPING = compile_entity("partners", "partner", ENTITY, TABLE, cohort="note")


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control.open(f"sqlite:///{tmp_path}/control.db") as opened:
        yield opened


def put(control: Control, cohort: str, **fields: Any) -> None:
    before = standings.of(control, "partners", cohort)
    standings.change(control, before, replace(before, **fields), at=1.0)


def own(control: Control, cohort: str = "DE", until: int = 0) -> None:
    """New owns the cohort, as of this transaction."""
    put(control, cohort, stage=Stage.LIVE, owner=Side.NEW, sync_until=position(until, 0xFFFFFFFF))


class Reading:
    """What a stream does with what it reads, as far as late writes go."""

    def __init__(self, control: Control) -> None:
        self.boundary = Boundary([MAPPING])
        self.witnessing = Witnessing("erp", self.boundary, control)

    def read(self, *batch: Transaction) -> None:
        into = Translation([], [])
        for each in batch:
            self.boundary.translate(each, into)
        self.witnessing.see(batch, into.events)


def changed(
    number: int, key: int = 1, now: str | None = "DE", was: str | None = "DE", author: str = ""
) -> Transaction:
    change = update(position(number), row(key, note=now, name=f"n{number}"), row(key, note=was))
    return transaction(number, change)._replace(author=author)


def kept(control: Control) -> list[tuple[str, Position, bool]]:
    return [(each.key, each.position, each.pending) for each in late_writes.newest(control)]


def test_what_legacy_does_to_a_row_of_new_is_recorded_with_all_that_is_known(control: Control) -> None:
    own(control)
    Reading(control).read(changed(5, author="user etl"), changed(6, key=2, now="FR", was="FR"))
    assert late_writes.newest(control) == [
        LateWrite(
            "partners",
            "DE",
            "partner",
            "[1]",
            "DE",
            None,
            "partner",
            "update",
            position(5),
            "5",
            1005.0,
            "user etl",
            False,
        )
    ]
    assert late_writes.hours(control) == [Hour("partners", "DE", "partner", 0, 1, 0, 1005.0)]


def test_a_row_that_legacy_takes_to_another_cohort_tells_both_and_is_followed(control: Control) -> None:
    own(control)
    Reading(control).read(changed(5, now="FR", was="DE"))
    Reading(control).read(changed(6, now="FR", was="FR"))
    both = [(each.cohort_before, each.cohort, each.standing) for each in late_writes.newest(control)]
    assert both == [(None, "FR", "DE"), ("DE", "FR", "DE")]
    assert astray.of_function(control, "partners") == {astray.Key("partner", "[1]"): "DE"}


def test_what_is_read_again_counts_once(control: Control) -> None:
    own(control)
    batch = [changed(5), changed(6)]
    Reading(control).read(*batch)
    Reading(control).read(*batch, changed(7))
    assert late_writes.unexplained(control, "partners") == 3
    assert len(kept(control)) == 3


def test_while_a_switch_is_under_way_writes_are_pending_until_it_is_decided(control: Control) -> None:
    put(control, "DE", stage=Stage.CANARY, fenced=True)
    reading = Reading(control)
    reading.read(changed(5))
    put(control, "DE", sync_until=position(6, 0xFFFFFFFF))
    reading.read(changed(6), changed(7))
    assert [pending for *_, pending in kept(control)] == [True] * 3
    assert late_writes.unexplained(control, "partners") == 0
    own(control, until=6)
    reading.witnessing.look()
    assert kept(control) == [("[1]", position(7), False)]
    assert late_writes.unexplained(control, "partners") == 1


def test_a_switch_that_is_undone_leaves_nothing_pending(control: Control) -> None:
    put(control, "DE", stage=Stage.CANARY, fenced=True)
    reading = Reading(control)
    reading.read(changed(5, now="FR"))
    put(control, "DE", fenced=False)
    reading.witnessing.look()
    assert kept(control) == []
    assert astray.of_function(control, "partners") == {}


def test_what_was_late_is_explained_once_legacy_owns_it_again(control: Control) -> None:
    own(control)
    reading = Reading(control)
    reading.read(changed(5))
    put(control, "DE", stage=Stage.SYNCING, owner=Side.LEGACY, sync_until=None)
    reading.read(changed(6))
    assert late_writes.unexplained(control, "partners") == 0
    assert len(kept(control)) == 1


def test_only_the_newest_are_kept_and_all_are_counted(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_writes, "NEWEST", 10)
    own(control)
    reading = Reading(control)
    for number in range(1, 40, 3):
        reading.read(*(changed(number + each) for each in range(3)))
    assert [each.position for each in late_writes.newest(control)] == [position(n) for n in range(39, 29, -1)]
    assert late_writes.unexplained(control, "partners") == 39


def test_hours_are_counted_whole_and_only_those_that_are_asked_for(control: Control) -> None:
    own(control)
    Reading(control).read(
        transaction(1, insert(position(1), row(1, note="DE")))._replace(committed_at=3_600.0)
    )
    Reading(control).read(*(changed(n)._replace(committed_at=90_000.0 + n) for n in (2, 3)))
    assert late_writes.unexplained(control, "partners", since=90_003.0) == 2
    assert late_writes.unexplained(control, "partners", since=90_004.0) == 0
    assert late_writes.unexplained(control, "partners", standing="FR") == 0
    assert late_writes.all_unexplained(control) == {"partners": 3}


def test_a_job_is_known_by_table_and_hour_of_the_day() -> None:
    day, at_two = 86_400, 2 * 3_600 + 60.0
    hours = [Hour("sale", "DE", "vbap", n * 24 + 2, 400, 0, n * day + at_two) for n in range(3)]
    hours.append(Hour("sale", "DE", "vbak", 12, 1, 1, 12 * 3_600.0))
    one = LateWrite(
        "sale",
        "DE",
        "sale",
        "[1]",
        "DE",
        None,
        "vbap",
        "update",
        Position("1"),
        "7",
        at_two,
        "user etl",
        False,
    )
    first, second = habits(hours, [one], ZoneInfo("UTC"))
    assert first.words == "vbap at 02:00 on 3 days: 1,200 writes, by user etl"
    assert (second.words, second.open) == ("vbak at 12:00 on 1 day: 1 write", 0)
    assert habits(hours, [one], ZoneInfo("Europe/Warsaw"))[0].hour == 3


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "legacy.db")) as legacy:
        legacy.execute("CREATE TABLE sale (id INTEGER PRIMARY KEY, company TEXT, note TEXT)")
        legacy.executemany("INSERT INTO sale VALUES (?, ?, 'first')", [(1, "DE"), (2, "FR")])
        legacy.commit()
    sale = {"table": "sale", "key": "id", "fields": {"id": "id", "company": "company", "note": "note"}}
    cohorts = {"from": [{"header": "X-Company"}], "of": {"sale": "company"}}
    function = {"source": "erp", "store": "service", "entities": {"sale": sale}, "cohorts": cohorts}
    document = {
        "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///legacy.db"}},
        "stores": {"service": {"url": "sqlite:///service.db"}},
        "functions": {"sale": function},
    }
    (tmp_path / "strangler.yaml").write_text(yaml.safe_dump(document))
    return tmp_path


def command(home: Path, *arguments: str) -> Any:
    return CliRunner().invoke(root, ["-c", str(home / "strangler.yaml"), *arguments])


def test_a_job_that_goes_on_in_legacy_is_shown_and_explained(home: Path) -> None:
    settings = load(home / "strangler.yaml")

    def write(sql: str) -> None:
        with closing(sqlite3.connect(home / "legacy.db", timeout=30)) as legacy:
            legacy.execute(sql)
            legacy.commit()

    def stored() -> dict[int, str]:
        with closing(sqlite3.connect(home / "service.db", timeout=30)) as service:
            if not service.execute("SELECT 1 FROM sqlite_master WHERE name = 'sale'").fetchone():
                return {}
            return dict(service.execute("SELECT id, note FROM sale"))

    with assembly.control(settings) as control:
        before = standings.of(control, "sale")
        standings.change(control, before, replace(before, stage=Stage.SYNCING), at=1.0)
        with working(settings, control):
            until(lambda: stored() == {1: "first", 2: "first"}, "the store is filled")
            with closing(assembly.log(settings)) as log:
                reached = log.position("erp")
            mine = standings.of(control, "sale", "DE")
            live = replace(mine, stage=Stage.LIVE, owner=Side.NEW, sync_until=reached)
            standings.change(control, mine, live, at=1.0)
            write("UPDATE sale SET note = 'second'")
            until(lambda: stored() == {1: "first", 2: "second"}, "FR goes on")
            write("DELETE FROM sale")
            until(lambda: stored() == {1: "first"}, "FR's row is removed, DE's is not")
            until(lambda: late_writes.unexplained(control, "sale") == 2, "both are recorded")
        found = json.loads(command(home, "late-writes", "sale", "--json").stdout)
        assert (found["writes"], found["unexplained"]) == (2, 2)
        assert [each["operation"] for each in found["newest"]] == ["delete", "update"]
        assert {each["key"] for each in found["newest"]} == {"[1]"}
        words = command(home, "late-writes").output
        assert "sale: 2 late writes, 2 unexplained" in words
        assert "update of sale [1] in sale, cohort DE" in words
        assert command(home, "late-writes", "accept", "sale", "--reason", " ").exit_code != 0
        said = command(home, "late-writes", "accept", "sale", "--reason", "the price run, stopped")
        assert said.output == "2 late writes of sale are explained: the price run, stopped\n"
        entry = [each for each in ledger.entries(control) if each.kind == late_writes.ACCEPTED][-1]
        assert (entry.body["reason"], entry.body["writes"]) == ("the price run, stopped", 2)
        assert late_writes.unexplained(control, "sale") == 0
        assert "(explained)" in command(home, "late-writes", "sale").output
        assert command(home, "late-writes", "accept", "sale", "--reason", "again").exit_code != 0
        assert Operation.DELETE.value in {each.operation for each in late_writes.newest(control)}
        assert standings.of(control, "sale", EVERYONE).owner is Side.LEGACY
