"""Delivery that is divided among workers: a partition comes and goes, and nothing is lost or written twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from strangler.changes import Position
from strangler.control import backfills, deliveries, sources, standings
from strangler.control.store import Control
from strangler.cutover.stages import Side, Stage
from strangler.errors import StranglerError, Unavailable
from strangler.events import Effect, Event, encode_key
from strangler.ports import Mark
from strangler.sync import delivery, sweeping
from strangler.sync.delivery import Delivery
from strangler.testing.memory_log import MemoryLog, MemoryRecords
from strangler.testing.memory_store import MemoryDatabase, MemoryStore
from strangler.testing.service_store import PARTY, at, party

from .landscape import until

PARTITIONS = 3
ALL = frozenset(range(PARTITIONS))


class Given:
    """A share that the test hands out."""

    def __init__(self, *partitions: int) -> None:
        self.mine = frozenset(partitions)

    def partitions(self) -> frozenset[int]:
        return self.mine

    def close(self) -> None: ...


class Scene:
    """A log of three partitions, a store, and any number of deliveries from the one into the other."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.records = MemoryRecords(PARTITIONS)
        self.log = MemoryLog(self.records)
        self.database = MemoryDatabase()
        self.number = 0
        self.put(Stage.SYNCING)

    def put(self, stage: Stage, **more: object) -> None:
        standing = standings.of(self.control, PARTY.function)
        standings.change(self.control, standing, replace(standing, stage=stage, **more), at=1.0)  # type: ignore[arg-type]

    def write(self, count: int) -> None:
        """So many changes of a few keys."""
        for _ in range(count):
            self.number += 1
            row = party(self.number % 10, f"name {self.number}")
            self.append(
                Event(
                    "PartyChanged",
                    PARTY.function,
                    PARTY.entity,
                    Effect.UPSERT,
                    encode_key([self.number % 10]),
                    at(self.number),
                    1.0,
                    "m",
                    row,
                )
            )

    def append(self, event: Event) -> None:
        self.log.append("erp", [event], event.position)

    @contextmanager
    def delivering(self, share: Given | None) -> Iterator[list[StranglerError]]:
        """A delivery with this share; gives what it raised."""
        stop, raised = threading.Event(), list[StranglerError]()

        def run() -> None:
            store = MemoryStore(self.database)
            store.prepare([PARTY])
            try:
                Delivery(
                    PARTY.function, "erp", MemoryLog(self.records), share, store, self.control, 5, [PARTY]
                ).run(stop, lambda seconds: _moment(stop))
            except StranglerError as error:
                raised.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield raised
        finally:
            stop.set()
            thread.join()

    def applied(self, partition: int) -> bool:
        """Whether all that the log has of the partition is in the store."""
        mark = self.database.held.marks.get(f"{PARTY.function}/{partition}")
        return mark is not None and int(mark.at) == self.log.end(PARTY.function, partition)

    def named(self) -> dict[str, object]:
        return {key: row.values["name"] for key, row in self.database.held.rows[PARTY.table].items()}

    def wanted(self) -> dict[str, object]:
        last = range(max(1, self.number - 9), self.number + 1)
        return {encode_key([n % 10]): f"name {n}" for n in last}

    def known(self) -> deliveries.DeliveryRecord | None:
        return deliveries.get(self.control, PARTY.function)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control.open(f"sqlite:///{tmp_path}/control.db") as opened:
        yield opened


@pytest.fixture
def scene(control: Control, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(delivery, "NOTE_EVERY", 0.01)
    return Scene(control)


def test_each_delivers_its_own_partitions_only(scene: Scene) -> None:
    scene.write(60)
    with scene.delivering(Given(0)):
        until(lambda: scene.applied(0), "its own is delivered")
        assert not scene.applied(1)
        with scene.delivering(Given(1, 2)):
            until(lambda: all(map(scene.applied, ALL)), "the others are delivered by another")
    assert scene.named() == scene.wanted()


def test_while_writers_wait_for_it_what_is_delivered_is_noted_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "NOTE_EVERY", 3600.0)
    with scene.delivering(None):
        until(lambda: scene.known(), "delivery has noted where it begins")
        scene.put(Stage.SYNCING, fenced=True)
        generation = standings.generation(scene.control)
        until(lambda: (known := scene.known()) and known.generation == generation, "it knows of the fence")
        scene.write(30)
        until(lambda: (known := scene.known()) and known.position == at(30), "it says that it is there")


def test_the_store_is_complete_up_to_what_the_slowest_has(scene: Scene) -> None:
    scene.write(60)
    with scene.delivering(Given(0, 1)):
        until(lambda: scene.applied(0) and scene.applied(1), "they are delivered")
        record = scene.known()
        assert record is not None
        assert (record.position, record.seen_at) == ("", 0.0), "of partition 2 nothing is known"
        with scene.delivering(Given(2)):
            until(lambda: (known := scene.known()) and known.position == at(60), "now it is complete")
            record = scene.known()
            assert record is not None
            assert record.rows == sum(deliveries.rows(scene.control, PARTY.function, n) for n in ALL) > 0
            assert record.generation == standings.of(scene.control, PARTY.function).generation


def test_a_partition_that_goes_is_let_go_of_and_one_that_comes_is_opened_at_its_mark(scene: Scene) -> None:
    one, other = Given(*ALL), Given()
    scene.write(50)
    with scene.delivering(one) as raised, scene.delivering(other) as also:
        for _ in range(5):
            until(lambda: all(map(scene.applied, ALL)), "all is delivered")
            one.mine, other.mine = other.mine, frozenset()
            other.mine = ALL - one.mine
            scene.write(50)
        until(lambda: all(map(scene.applied, ALL)), "all is delivered")
        until(lambda: (known := scene.known()) and known.position == at(scene.number), "and known to be")
    assert raised + also == []
    assert scene.named() == scene.wanted()


def test_who_does_not_know_that_its_partition_went_writes_nothing(scene: Scene) -> None:
    frozen = Given(*ALL)
    scene.write(20)
    with scene.delivering(frozen) as raised:
        until(lambda: all(map(scene.applied, ALL)), "all is delivered")
        store = MemoryStore(scene.database)
        store.prepare([PARTY])
        for number in ALL:  # Another has taken over, and is further.
            mark = store.mark(f"{PARTY.function}/{number}")
            assert mark is not None
            store.apply([], Mark(mark.reader, str(int(mark.at) + 1000), Position("99")))
        before = scene.named()
        scene.write(30)
        until(lambda: raised, "it is refused")
    [error] = raised
    assert isinstance(error, Unavailable)
    assert scene.named() == before


def test_invariant_4_late_writes_are_counted_in_each_partition_and_once(scene: Scene) -> None:
    scene.write(30)
    one, other = Given(0), Given(1, 2)
    with scene.delivering(one), scene.delivering(other):
        until(lambda: (known := scene.known()) and known.position == at(30), "all is delivered")
        scene.put(Stage.LIVE, owner=Side.NEW, sync_until=at(30))
        generation = standings.of(scene.control, PARTY.function).generation
        until(lambda: (known := scene.known()) and known.generation >= generation, "both have heard of it")
        scene.write(20)
        until(lambda: (known := scene.known()) and known.late_writes == 20, "they are counted")
        one.mine, other.mine = frozenset({0, 1, 2}), frozenset()
        scene.write(1)
        until(lambda: (known := scene.known()) and known.late_writes == 21, "and by who takes over")


def test_tombstones_wait_for_what_others_have_yet_to_deliver(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "SWEEP_EVERY", 0.0)
    sources.remember(scene.control, "erp", "slot")
    scene.write(40)
    key = encode_key([3])
    removed = Event(
        "PartyRemoved", PARTY.function, PARTY.entity, Effect.REMOVE, key, at(41), 1.0, "m", {"id": 3}
    )
    scene.append(removed)
    scene.number += 1
    with scene.delivering(None):
        until(lambda: all(map(scene.applied, ALL)), "all is delivered")
        scene.write(1)
        until(lambda: not scene.database.held.tombstones, "who has all partitions sweeps")
    assert backfills.unfinished(scene.control, PARTY.function) == []
    scene.append(removed._replace(position=at(50)))
    scene.number = 50
    mine = next(n for n in ALL if any(e.position == at(50) for e in scene.records.streams[PARTY.function, n]))
    scene.write(9)
    theirs = next(iter(ALL - {mine}))
    with scene.delivering(Given(*(ALL - {theirs}))):
        until(lambda: scene.applied(mine) and scene.database.held.tombstones, "the removal is delivered")
        rounds = [0]
        monkeypatch.setattr(Delivery, "_others_are_through", _counting(rounds, Delivery._others_are_through))
        until(lambda: rounds[0] > 20, "it would have swept often")
        assert scene.database.held.tombstones, "the other partition wasn't delivered"
        with scene.delivering(Given(theirs)):
            until(lambda: not scene.database.held.tombstones, "now it is swept")


def _moment(stop: threading.Event) -> None:
    stop.wait(0.001)


def _counting(rounds: list[int], method: Callable[[Delivery], bool]) -> Callable[[Delivery], bool]:
    def counted(self: Delivery) -> bool:
        rounds[0] += 1
        return method(self)

    return counted
