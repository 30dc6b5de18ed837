"""The whole way on SQLite: legacy → boundary → log → store, with backfill, quarantine, restart and late writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from strangler import assembly
from strangler.changes import Position
from strangler.console.wellness import look
from strangler.control import backfills, quarantine, sources, standings
from strangler.control.quarantine import State
from strangler.cutover.stages import Side, Stage
from strangler.shapes import Shape
from strangler.sync import sweeping
from tests.sync.landscape import NUMBER, Landscape, until


@pytest.fixture
def landscape(tmp_path: Path) -> Iterator[Landscape]:
    made = Landscape(tmp_path)
    yield made
    made.control.close()


def test_what_was_there_and_what_comes_reaches_the_store(landscape: Landscape) -> None:
    landscape.write(*(f"INSERT INTO partner VALUES ({i}, ' p{i} ', '{i}')" for i in range(1, 31)))
    with landscape.worker():
        landscape.put(Stage.SYNCING)
        until(lambda: len(landscape.stored()) == 30, "the backfill is in the store")
        landscape.write("UPDATE partner SET name = 'new' WHERE id = 3", "DELETE FROM partner WHERE id = 4")
        landscape.write("UPDATE partner SET id = 99 WHERE id = 5")
        until(lambda: 99 in landscape.stored(), "the changes are in the store")
    stored = landscape.stored()
    assert stored[1] == ("p1", 1)
    assert stored[3] == ("new", 3)
    assert {4, 5} & set(stored) == set()


def test_nothing_is_delivered_before_the_function_is_synced(landscape: Landscape) -> None:
    with landscape.worker():
        until(landscape.captured, "the source is captured")
        landscape.write("INSERT INTO partner VALUES (1, 'a', '1')")
        until(landscape.logged, "the change is in the log")
        assert landscape.stored() == {}
        landscape.put(Stage.SYNCING)
        until(lambda: landscape.stored() == {1: ("a", 1)}, "the store is filled")


def test_invariant_1_what_was_written_while_nobody_read_is_neither_lost_nor_doubled(
    landscape: Landscape,
) -> None:
    with landscape.worker():
        landscape.put(Stage.SYNCING)
        until(landscape.captured, "the source is captured")
        landscape.write("INSERT INTO partner VALUES (1, 'a', '1')")
        until(lambda: 1 in landscape.stored(), "the first change is in the store")
    landscape.write("INSERT INTO partner VALUES (2, 'b', '2')")
    with landscape.worker():
        until(lambda: 2 in landscape.stored(), "the second change is in the store")
    ids = [record.event.id for record in landscape.logged()]
    assert len(ids) == len(set(ids))
    assert [record.event.key for record in landscape.logged()] == ["[1]", "[2]"]


def test_invariant_7_held_keys_wait_and_are_released_after_the_mapping_is_mended(
    landscape: Landscape,
) -> None:
    landscape.write(
        "INSERT INTO partner VALUES (1, 'from backfill', 'one')", "INSERT INTO partner VALUES (2, 'b', '2')"
    )
    with landscape.worker():
        landscape.put(Stage.SYNCING)
        until(lambda: 2 in landscape.stored(), "the good row is in the store")
        landscape.write("INSERT INTO partner VALUES (3, 'c', 'three')")
        until(lambda: len(quarantine.listed(landscape.control)) == 2, "two keys wait")
        landscape.write("UPDATE partner SET number = '3' WHERE id = 3")
        landscape.write("INSERT INTO partner VALUES (4, 'd', '4')")
        until(lambda: 4 in landscape.stored(), "another key has gone on")
        until(lambda: len(quarantine.listed(landscape.control)) == 3, "three changes wait")
        assert set(landscape.stored()) == {2, 4}
    landscape.configure(f"CASE number WHEN 'one' THEN 1 WHEN 'three' THEN 3 ELSE {NUMBER} END")
    with landscape.worker():
        for held in quarantine.listed(landscape.control):
            quarantine.decide(
                landscape.control, held.function, [(held.entity, held.key)], State.RETRY, actor="me", at=1.0
            )
        until(lambda: len(landscape.stored()) == 4, "what waited is in the store")
        until(lambda: not quarantine.listed(landscape.control), "nothing waits any more")
    assert landscape.stored() == {1: ("from backfill", 1), 2: ("b", 2), 3: ("c", 3), 4: ("d", 4)}


def test_a_dropped_change_is_gone_and_its_key_goes_on(landscape: Landscape) -> None:
    with landscape.worker():
        landscape.put(Stage.SYNCING)
        until(landscape.filled, "the backfill of nothing is done")
        landscape.write("INSERT INTO partner VALUES (1, 'a', 'one')")
        until(lambda: quarantine.listed(landscape.control), "the change waits")
        (held,) = quarantine.listed(landscape.control)
        quarantine.decide(
            landscape.control, held.function, [(held.entity, held.key)], State.DROP, actor="me", at=1.0
        )
        until(lambda: not quarantine.listed(landscape.control), "it is dropped")
        landscape.write("UPDATE partner SET number = '1' WHERE id = 1")
        until(lambda: landscape.stored() == {1: ("a", 1)}, "the key goes on")


def test_invariant_4_what_legacy_writes_after_the_switch_is_counted_and_never_applied(
    landscape: Landscape,
) -> None:
    with landscape.worker():
        landscape.put(Stage.SYNCING)
        landscape.write("INSERT INTO partner VALUES (1, 'a', '1')")
        until(lambda: 1 in landscape.stored(), "the store is filled")
        until(lambda: (d := landscape.delivered()) and d.position, "the position is known")
        delivered = landscape.delivered()
        assert delivered is not None
        landscape.put(Stage.LIVE, owner=Side.NEW, sync_until=delivered.position)
        generation = standings.of(landscape.control, "partners").generation
        until(lambda: (d := landscape.delivered()) and d.generation >= generation, "delivery has heard of it")
        landscape.write("UPDATE partner SET name = 'late' WHERE id = 1")
        until(lambda: (d := landscape.delivered()) and d.late_writes == 1, "the late write is counted")
        assert landscape.stored() == {1: ("a", 1)}
        landscape.put(Stage.SYNCING, owner=Side.LEGACY, sync_until=None)
        until(lambda: landscape.stored() == {1: ("late", 1)}, "legacy owns it again, and its write counts")


def test_another_backfill_mends_what_was_lost_in_the_store(landscape: Landscape) -> None:
    landscape.write(*(f"INSERT INTO partner VALUES ({i}, 'p', '{i}')" for i in range(1, 21)))
    with landscape.worker():
        landscape.put(Stage.SYNCING)
        until(landscape.filled, "the first backfill is done")
        backfills.request(landscape.control, "partners", "partner")
        until(landscape.filled, "the second backfill is done")
    record = backfills.get(landscape.control, "partners", "partner")
    assert record is not None
    assert (record.run, record.rows) == (2, 20)


def test_a_backfill_waits_until_this_configuration_is_captured(landscape: Landscape) -> None:
    landscape.write("INSERT INTO partner VALUES (1, 'a', '1')")
    with landscape.worker():
        landscape.put(Stage.SYNCING)
        until(landscape.filled, "the first entity is filled")
    settings = landscape.configure(NUMBER, name="associate")
    claimed = assembly.source(settings, "erp", {"partner": ["id"]})
    identity = sources.identity(landscape.control, "erp")
    assert identity is not None
    with closing(assembly.log(settings)) as log:
        position = log.position("erp")
    with claimed.stream(position, identity), landscape.worker():
        until(
            lambda: (s := sources.get(landscape.control, "erp")) and s.error,
            "the worker can't read the source",
        )
        until(lambda: (d := landscape.delivered()) and d.seen_at, "the worker looks around")
        assert backfills.get(landscape.control, "partners", "associate") is None
    with landscape.worker():
        until(
            lambda: (b := backfills.get(landscape.control, "partners", "associate")) and b.finished_at,
            "the second entity is filled once it is captured",
        )


def test_an_entity_that_was_taken_out_is_filled_again_when_it_comes_back(landscape: Landscape) -> None:
    with landscape.worker():
        landscape.put(Stage.SYNCING)
        until(landscape.filled, "the entity is filled")
    landscape.configure(NUMBER, name="associate")
    with landscape.worker():
        until(lambda: backfills.get(landscape.control, "partners", "associate"), "the other entity is filled")
        logged = len(landscape.logged())
        landscape.write("INSERT INTO partner VALUES (1, 'a', '1')")
        until(lambda: len(landscape.logged()) > logged, "the change went by for the other entity only")
    landscape.configure(NUMBER)
    with landscape.worker():
        until(lambda: landscape.stored() == {1: ("a", 1)}, "what was missed is in the store")


def test_a_changed_mapping_fills_the_store_anew(landscape: Landscape) -> None:
    landscape.write("INSERT INTO partner VALUES (1, 'a', '1')")
    with landscape.worker():
        landscape.put(Stage.SYNCING)
        until(landscape.filled, "the backfill is done")
    landscape.configure("CAST(number AS INTEGER) + 40")
    with landscape.worker():
        until(lambda: landscape.stored() == {1: ("a", 41)}, "the row is as the new mapping has it")


def test_what_keeps_a_backfill_from_going_on_is_told(landscape: Landscape) -> None:
    landscape.write("INSERT INTO partner VALUES (1, 'a', '1')", "INSERT INTO partner VALUES (2, 'a', '2')")
    landscape.configure(NUMBER, key="name")
    with landscape.worker():
        landscape.put(Stage.SYNCING)
        until(
            lambda: (b := backfills.get(landscape.control, "partners", "partner")) and b.error,
            "the error of the backfill is recorded",
        )
        record = backfills.get(landscape.control, "partners", "partner")
        assert record is not None
        assert "become the same row" in (record.error or "")
        assert any(
            "become the same row" in part.words for part in look(landscape.settings, landscape.control).parts
        )


def test_invariant_3_a_tombstone_goes_only_once_nothing_can_need_it(
    landscape: Landscape, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "SWEEP_EVERY", 0.0)
    landscape.write("INSERT INTO partner VALUES (1, 'a', '1')", "INSERT INTO partner VALUES (2, 'b', '2')")
    with landscape.worker():
        landscape.put(Stage.SYNCING)
        until(lambda: set(landscape.stored()) == {1, 2} and landscape.filled(), "the store is filled")
        landscape.write("INSERT INTO partner VALUES (3, 'c', 'three')")
        until(lambda: quarantine.listed(landscape.control), "a change waits")
        landscape.write("DELETE FROM partner WHERE id = 1")
        until(lambda: set(landscape.stored()) == {2}, "the removal is in the store")
        landscape.write("UPDATE partner SET name = 'later' WHERE id = 2")
        until(lambda: landscape.stored() == {2: ("later", 2)}, "delivery is past the removal")
        assert landscape.tombstones() == 1
        (held,) = quarantine.listed(landscape.control)
        quarantine.decide(
            landscape.control, held.function, [(held.entity, held.key)], State.DROP, actor="me", at=1.0
        )
        until(lambda: not quarantine.listed(landscape.control), "nothing waits any more")
        landscape.write("UPDATE partner SET name = 'last' WHERE id = 2")
        until(lambda: landscape.tombstones() == 0, "the tombstone is swept")
        until(lambda: landscape.stored() == {2: ("last", 2)}, "delivery goes on")


def test_invariant_3_nothing_is_swept_while_a_backfill_is_wanted(
    landscape: Landscape, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "SWEEP_EVERY", 0.0)
    shapes = [Shape("partners", "partner", "partner", ("id",), ())]
    with closing(assembly.store(landscape.settings, "service")) as store:
        sweep = sweeping.Sweeping("partners", shapes, store, landscape.control)
        assert sweep.limits(Position("5")) == {"partner": "5"}
        backfills.request(landscape.control, "partners", "partner")
        assert sweep.limits(Position("5")) == {}
