"""Faults seeded between a real log and a real store come out with their causes, each by what the log tells."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest

from strangler.changes import Position
from strangler.control import backfills, quarantine, reconciliations
from strangler.control.quarantine import Held
from strangler.cutover.stages import Side, Stage
from strangler.errors import Unavailable
from strangler.ports import EventLog
from strangler.reconcile import explain as explaining
from strangler.reconcile import history
from strangler.reconcile.entity import How
from strangler.reconcile.explain import Evidence, explain
from strangler.reconcile.explanation import Cause, Explanation, Pattern
from strangler.reconcile.jobs import Job
from strangler.reconcile.narrow import Difference
from strangler.reconcile.runs import Reconciliation, reconcile
from strangler.sensitive import Covered
from strangler.testing.event_log import event
from strangler.testing.memory_log import MemoryLog
from tests.sync.landscape import Landscape, until

from .conftest import PAIRS, Make
from .landscape import Landscape as Pair
from .landscape import partners
from .test_parts import HELD, landscape_of


class Scene(Landscape):
    """Partners in two SQLite files, twenty of them backfilled, five inserted since."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.write(*(f"INSERT INTO partner VALUES ({n}, 'name {n}', '{n}')" for n in range(1, 21)))
        self.put(Stage.SYNCING)
        with self.worker():
            until(self.filled, "the backfill is finished")
            self.write(*(f"INSERT INTO partner VALUES ({n}, 'name {n}', '{n}')" for n in range(21, 26)))
            until(lambda: len(self.stored()) == 25, "the inserted ones have come")

    def deliver(self, *statements: str) -> None:
        """Write to legacy, and wait until it has come to the store's end."""
        with self.worker():
            self.write(*statements, "INSERT OR REPLACE INTO partner VALUES (99, 'last', random())")
            with closing(sqlite3.connect(self.home / "legacy.db")) as connection:
                number = connection.execute("SELECT number FROM partner WHERE id = 99").fetchone()[0]
            until(lambda: self.stored().get(99) == ("last", int(number)), "the last write has come")

    def lose(self, *statements: str) -> None:
        """Write to legacy without the capture seeing it."""
        with closing(sqlite3.connect(self.home / "legacy.db")) as connection, connection:
            (seen,) = connection.execute("SELECT max(seq) FROM strangler_strangler_erp_journal").fetchone()
            for statement in statements:
                connection.execute(statement)
            connection.execute("DELETE FROM strangler_strangler_erp_journal WHERE seq > ?", (seen,))

    def spoil(self, *statements: str) -> None:
        """Write to the store as any program does."""
        with closing(sqlite3.connect(self.home / "service.db")) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def spoil_unseen(self, *statements: str) -> None:
        """Write to the store so that rows keep whatever position they are given."""
        with closing(sqlite3.connect(self.home / "service.db")) as connection, connection:
            triggers = connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall()
            for name, _ in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                connection.execute(statement)
            for _, sql in triggers:
                connection.execute(sql)

    def reconcile(self) -> Reconciliation:
        with self.worker():
            return reconcile(self.settings, self.control, Job("partners"))

    def explained(self) -> dict[str, Explanation]:
        """What a reconciliation says of the keys that differ."""
        (outcome,) = self.reconcile().outcomes
        return {each.key: each.explanation for each in outcome.differences if each.explanation}

    def causes(self) -> dict[str, Cause]:
        return {key: why.cause for key, why in self.explained().items()}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    with closing(made.control):
        yield made


def test_what_never_came_to_the_log_is_lost(scene: Scene) -> None:
    scene.deliver("UPDATE partner SET name = 'once' WHERE id = 3", "DELETE FROM partner WHERE id = 7")
    scene.lose(
        "INSERT INTO partner VALUES (30, 'new', '30')",
        "INSERT INTO partner VALUES (7, 'again', '7')",
        "UPDATE partner SET name = 'changed' WHERE id IN (2, 3, 21)",
        "DELETE FROM partner WHERE id IN (4, 22)",
    )
    found = scene.explained()
    assert {key: (why.cause, why.pattern) for key, why in found.items()} == {
        "[30]": (Cause.EVENT_LOST, Pattern.MISSING),
        "[7]": (Cause.EVENT_LOST, Pattern.MISSING),
        "[2]": (Cause.EVENT_LOST, Pattern.VALUE),
        "[3]": (Cause.EVENT_LOST, Pattern.VALUE),
        "[21]": (Cause.EVENT_LOST, Pattern.VALUE),
        "[4]": (Cause.EVENT_LOST, Pattern.EXTRA),
        "[22]": (Cause.EVENT_LOST, Pattern.EXTRA),
    }
    logged = {record.event.key: record.event for record in scene.logged()}
    last = logged["[3]"]
    assert (found["[3]"].event, found["[3]"].position, found["[3]"].mapping) == (
        last.id,
        last.position,
        last.mapping,
    )
    assert (found["[2]"].event, found["[30]"].position) == (None, None)


def test_an_event_that_is_gone_from_the_log_is_lost_too(scene: Scene) -> None:
    scene.deliver("UPDATE partner SET name = 'changed' WHERE id = 3")
    with closing(sqlite3.connect(scene.home / ".strangler" / "log.db")) as log, log:
        log.execute("DELETE FROM strangler_event WHERE key = '[3]'")
    before = "(SELECT min(_position) FROM partner)"
    scene.spoil_unseen(f"UPDATE partner SET name = 'name 3', _position = {before} WHERE id = 3")
    assert scene.causes() == {"[3]": Cause.EVENT_LOST}


def test_what_the_log_says_and_the_store_has_not_was_not_applied(scene: Scene) -> None:
    scene.deliver("UPDATE partner SET name = 'changed' WHERE id IN (3, 5)")
    before = "(SELECT min(_position) FROM partner)"
    scene.spoil_unseen(
        f"UPDATE partner SET name = 'name 3', _position = {before} WHERE id = 3",
        "UPDATE partner SET name = 'name 5' WHERE id = 5",
        "DELETE FROM partner WHERE id = 21",
    )
    assert scene.causes() == {
        "[3]": Cause.NOT_APPLIED,
        "[21]": Cause.NOT_APPLIED,
        "[5]": Cause.STORE_WRITE,  # The row has the position of the event, and not what it says.
    }


def test_what_somebody_else_wrote_into_the_store_is_told_from_all_other(scene: Scene) -> None:
    scene.deliver("DELETE FROM partner WHERE id IN (8, 9)", "UPDATE partner SET name = 'x' WHERE id = 5")
    scene.spoil(
        "UPDATE partner SET name = 'NAME 2' WHERE id = 2",
        "UPDATE partner SET name = 'X' WHERE id = 5",
        "INSERT INTO partner (id, name, number) VALUES (8, 'name 8', 8)",
        "INSERT INTO partner (id, name, number) VALUES (77, 'name 6', 6)",
        "INSERT INTO partner (id, name, number) VALUES (78, 'nobody', 6)",
    )
    found = scene.explained()
    assert {key: (why.cause, why.pattern) for key, why in found.items()} == {
        "[2]": (Cause.STORE_WRITE, Pattern.CASE),
        "[5]": (Cause.STORE_WRITE, Pattern.CASE),
        "[8]": (Cause.RESURRECTED, Pattern.EXTRA),
        "[77]": (Cause.STORE_WRITE, Pattern.DUPLICATE),
        "[78]": (Cause.STORE_WRITE, Pattern.EXTRA),
    }
    assert found["[77]"].twin == "[6]"
    assert "[6]" in found["[77]"].words


def test_a_row_of_another_version_of_the_mapping_says_so(scene: Scene) -> None:
    scene.configure("CAST(number AS INTEGER) * 10")
    # A worker would fill it again.
    (outcome,) = reconcile(scene.settings, scene.control, Job("partners", confirm=False)).outcomes
    found = {each.key: each.explanation for each in outcome.differences if each.explanation}
    assert len(found) == 25
    assert {why.cause for why in found.values()} == {Cause.MAPPING_VERSION}
    assert (found["[21]"].event is None, found["[1]"].event is None) == (False, True)
    backfills.request(scene.control, "partners", "partner")
    (outcome,) = reconcile(scene.settings, scene.control, Job("partners", confirm=False)).outcomes
    assert {each.explanation.cause for each in outcome.differences if each.explanation} == {Cause.NOT_APPLIED}


def test_what_legacy_writes_after_the_switch_is_late(scene: Scene) -> None:
    switched = max(record.event.position for record in scene.logged())
    scene.put(Stage.LIVE, owner=Side.NEW, sync_until=switched)
    scene.spoil("UPDATE partner SET name = 'by the owner' WHERE id = 6", "DELETE FROM partner WHERE id = 21")
    with scene.worker():
        scene.write("UPDATE partner SET name = 'late' WHERE id = 2", "DELETE FROM partner WHERE id = 3")
        until(lambda: (late := scene.delivered()) and late.late_writes == 2, "late writes are counted")
    assert scene.causes() == {
        "[2]": Cause.LATE_WRITE,
        "[3]": Cause.LATE_WRITE,
        "[6]": Cause.STORE_WRITE,
        "[21]": Cause.STORE_WRITE,
    }


def test_beyond_the_bound_nothing_is_claimed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.deliver(*(f"INSERT INTO partner VALUES ({n}, 'n', '1')" for n in range(100, 130)))
    scene.lose("INSERT INTO partner VALUES (30, 'new', '30')", "UPDATE partner SET name = 'x' WHERE id = 2")
    monkeypatch.setattr(history, "WINDOW", 5)
    monkeypatch.setattr(explaining, "look_back", partial(history.look_back, most=5))
    found = scene.explained()
    assert {why.cause for why in found.values()} == {Cause.UNKNOWN}
    assert all("older ones weren't looked at" in why.words for why in found.values())


def test_a_log_that_cannot_be_read_hides_no_drift(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.spoil("UPDATE partner SET name = 'NAME 2' WHERE id = 2", "DELETE FROM partner WHERE id = 3")

    def gone(*_: object) -> EventLog:
        raise Unavailable("the broker doesn't answer")

    monkeypatch.setattr(explaining, "look_back", gone)
    found = scene.explained()
    assert {key: why.cause for key, why in found.items()} == {"[2]": Cause.STORE_WRITE, "[3]": Cause.UNKNOWN}
    assert found["[3]"].words == "the event log couldn't be read: the broker doesn't answer"


def test_an_explanation_is_recorded_with_its_finding(scene: Scene) -> None:
    scene.lose("UPDATE partner SET name = ' NAME 2' WHERE id = 2")
    found = scene.reconcile()
    (difference,) = found.outcomes[0].differences
    (recorded,) = reconciliations.findings(scene.control, found.run)
    assert recorded.written_at == difference.written_at is not None
    assert difference.explanation is not None
    assert recorded.explanation == asdict(difference.explanation)
    assert recorded.explanation["patterns"] == {"name": "case"}


def explained(landscape: Pair, log: EventLog) -> dict[str, Explanation]:
    """What is said of the keys that differ between two databases, by part and key."""
    found = landscape.compare_all(How())
    evidence = Evidence(lambda: log, landscape.source, landscape.control)
    return {
        f"{each.entity} {each.key}": each.explanation
        for outcome in explain(found, landscape.mappings, evidence)
        for each in outcome.differences
        if each.explanation
    }


@pytest.mark.parametrize("pair", PAIRS)
def test_a_duplicate_is_told_whatever_the_databases(make: Make, pair: str) -> None:
    legacy, store = pair.split("-")
    landscape = make(legacy, store)
    landscape.legacy.insert("partner", partners(40, legacy.partition("/")[0]))
    landscape.fill()
    columns = "name, credit, rate, active, born, seen, picture, number"
    landscape.new.run(
        f"INSERT INTO partner (id, {columns}) SELECT id + 1000, {columns} FROM partner WHERE id IN (4, 35)",
        f"INSERT INTO partner (id, {columns}) SELECT 2000, 'x', {columns[6:]} FROM partner WHERE id = 4",
        "INSERT INTO partner (id) VALUES (3000)",
    )
    landscape.legacy.run("DELETE FROM partner WHERE id = 5")
    found = explained(landscape, MemoryLog())
    assert {key: (why.pattern, why.twin) for key, why in found.items()} == {
        "partner [5]": (Pattern.EXTRA, None),
        "partner [1004]": (Pattern.DUPLICATE, "[4]"),
        "partner [1035]": (Pattern.DUPLICATE, "[35]"),
        "partner [2000]": (Pattern.EXTRA, None),
        "partner [3000]": (Pattern.EXTRA, None),
    }
    assert found["partner [1004]"].cause is Cause.STORE_WRITE
    assert found["partner [5]"].cause is Cause.UNKNOWN  # Nothing was confirmed.


def test_fields_that_several_legacy_rows_have_single_nobody_out(make: Make) -> None:
    entity = {"table": "flag", "key": "id", "fields": {"id": "id", "on": "active"}}
    landscape = make(
        "sqlite", "sqlite", "CREATE TABLE flag (id INTEGER PRIMARY KEY, active INTEGER)", entity=entity
    )
    landscape.legacy.insert("flag", [(1, 0), (2, 1), (3, 1)])
    landscape.fill()
    landscape.new.run('INSERT INTO partner (id, "on") VALUES (8, 0), (9, 1)')
    found = explained(landscape, MemoryLog())
    assert {key: why.twin for key, why in found.items()} == {"partner [8]": "[1]", "partner [9]": None}


def test_lines_are_explained_by_what_the_event_of_their_aggregate_says(make: Make) -> None:
    landscape = landscape_of(make, "sqlite-sqlite", HELD)
    version = landscape.mappings[0].version
    tax = {"tax": "vat", "percent": 19}
    line = {"line": 1, "quantity": 5, "taxes": [tax]}
    log = MemoryLog()
    said = event(2, "A1", "partners", {"company": "A1", "number": 1, "lines": [line]})
    log.append("erp", [said._replace(entity="partner", key='["A1",1]', mapping=version)], Position("2"))
    landscape.new.run(
        "UPDATE partner_lines SET quantity = 6, _position = '00000001' WHERE line = 1 AND number = 1",
        "DELETE FROM partner_lines_taxes WHERE tax IN ('vat', 'eco') AND line = 1",
        "UPDATE partner_lines SET quantity = 8 WHERE number = 2",
    )
    landscape.legacy.run("DELETE FROM line WHERE id = 2")
    landscape.new.run("UPDATE partner_lines SET _position = '00000001' WHERE line = 2")
    found = explained(landscape, log)
    causes = {key: (why.cause, why.event is not None) for key, why in found.items()}
    assert causes == {
        'partner.lines ["A1",1,1]': (Cause.NOT_APPLIED, True),
        'partner.lines ["A1",1,2]': (Cause.RESURRECTED, True),
        'partner.lines ["A1",2,3]': (Cause.STORE_WRITE, False),
        'partner.lines.taxes ["A1",1,1,"vat"]': (Cause.NOT_APPLIED, True),
        'partner.lines.taxes ["A1",1,1,"eco"]': (Cause.UNKNOWN, True),
    }


def test_what_waits_in_quarantine_since_it_was_compared_is_told(make: Make) -> None:
    landscape = landscape_of(make, "sqlite-sqlite", HELD)
    landscape.new.run("UPDATE partner_lines SET quantity = 6 WHERE line = 1")
    found = landscape.compare_all(How())
    held = Held("partners", "partner", '["A1",1]', Position("5"), "broken", "{}", time.time())
    quarantine.hold(landscape.control, [held])
    evidence = Evidence(MemoryLog, landscape.source, landscape.control)
    (difference,) = (d for each in explain(found, landscape.mappings, evidence) for d in each.differences)
    assert difference.explanation is not None
    assert difference.explanation.cause is Cause.QUARANTINED


def test_legacy_rows_that_share_a_key_are_no_riddle_of_the_log(make: Make) -> None:
    entity = {"table": "tag", "key": "name", "fields": {"name": "TRIM(name)"}}
    landscape = make("sqlite", "sqlite", "CREATE TABLE tag (name TEXT PRIMARY KEY)", entity=entity)
    landscape.legacy.insert("tag", [("a",)])
    landscape.fill()
    landscape.legacy.insert("tag", [("a ",)])
    (why,) = explained(landscape, MemoryLog()).values()
    assert (why.cause, why.words) == (
        Cause.UNKNOWN,
        "2 rows in legacy and 1 in the store have this key: it doesn't tell them apart",
    )


def test_a_sensitive_value_is_compared_and_leaves_no_trace(make: Make) -> None:
    entity = {
        "table": "partner",
        "key": "id",
        "fields": {"id": "id", "name": {"value": "name", "sensitive": True}},
    }
    landscape = make(
        "sqlite", "sqlite", "CREATE TABLE partner (id INTEGER PRIMARY KEY, name TEXT)", entity=entity
    )
    landscape.legacy.insert("partner", [(1, "Kanarie")])
    landscape.fill()
    landscape.new.run(
        "UPDATE partner SET name = 'KANARIE' WHERE id = 1", "INSERT INTO partner VALUES (2, 'Kanarie', NULL)"
    )
    found = landscape.compare_all(How())
    assert "kanarie" not in repr(found).lower()
    evidence = Evidence(MemoryLog, landscape.source, landscape.control)
    (outcome,) = explain(found, landscape.mappings, evidence)
    one, other = outcome.differences
    assert one.explanation is not None
    assert other.explanation is not None
    assert (one.explanation.patterns, other.explanation.twin) == ({"name": Pattern.CASE}, "[1]")
    assert one.fields == {"name": ("***", "***")}
    assert [type(each) for each in one.fields["name"]] == [str, str]
    assert other.fields == {"id": (None, 2), "name": (None, "***")}


def test_what_is_covered_is_a_mask_wherever_it_is_written() -> None:
    covered = Covered.of("secret")
    assert Covered.of(None) is None
    assert covered is not None
    assert covered.clear == "secret"
    assert {str(covered), f"{covered}", f"{covered:>3}"} == {"***"}
    difference = Difference("e", "[1]", "different", {"f": (covered, None)})  # type: ignore[arg-type]
    assert "secret" not in repr(difference) + repr(asdict(difference))
