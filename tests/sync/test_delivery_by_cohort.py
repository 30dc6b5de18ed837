"""Delivery by cohort: each event goes by the standing of its row's cohort, whatever becomes of the others, and nothing is lost on the way.

Hypothesis writes in legacy, moves rows between cohorts, and takes cohorts through switches, undone ones, and back, while deliveries are
killed between any two steps. What it is held against knows legacy and the rules, and nothing of offsets.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from strangler.changes import Position
from strangler.control import astray, deliveries, standings
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE, Side, Stage, at_the_start
from strangler.errors import StoreError
from strangler.events import Effect, Event, encode_key
from strangler.ports import Mark
from strangler.shapes import Field, FieldType, Shape
from strangler.sync import delivery
from strangler.sync.delivery import Delivery
from strangler.testing.memory_log import MemoryLog, MemoryRecords
from strangler.testing.memory_store import MemoryDatabase, MemoryStore

SALE = Shape(
    "sale",
    "sale",
    "sale",
    ("id",),
    (
        Field("id", FieldType.INTEGER, False),
        Field("company", FieldType.TEXT, True),
        Field("note", FieldType.TEXT, True),
        Field("state", FieldType.TEXT, True),
    ),
)

COHORTS = ("DE", "FR", "XX", None)
"""XX has no standing of its own."""

Row = dict[str, Any]


class Killed(StoreError):
    """The process ends here."""


class Mortal(MemoryStore):
    """A store whose process is killed at the `left`th write, before or after it is done."""

    def __init__(self, database: MemoryDatabase, left: int, *, done: bool) -> None:
        super().__init__(database)
        self._left, self._done = left, done

    def apply(self, events: Sequence[Event], mark: Mark) -> int:
        self._left -= 1
        if self._left == 0 and not self._done:
            raise Killed("before")
        written = super().apply(events, mark)
        if self._left == 0:
            raise Killed("behind")
        return written


class World:
    """Legacy, its log, the standings, and the store."""

    def __init__(self, control: Control, partitions: int) -> None:
        self.control, self.records = control, MemoryRecords(partitions)
        self.log, self.database = MemoryLog(self.records), MemoryDatabase()
        self.rows: dict[int, Row] = {}
        self.number = 0

    def position(self) -> Position:
        return Position(f"{self.number:08d}")

    def say(self, key: int, row: Row | None, said: Sequence[str] = ("company", "note", "state")) -> None:
        """Legacy changes a row, or removes it; of an update the source sends these fields."""
        before = self.rows.get(key)
        if row is None:
            assert before is not None
            del self.rows[key]
            self._append(key, Effect.REMOVE, {}, before["company"], None)
            return
        self.rows[key] = row
        went = before is not None and before["company"] != row["company"]
        was = (before["company"] or EVERYONE) if before is not None and went else None
        names = {"company", "note", "state"} if before is None else {"company", *said}
        data = {"id": key} | {name: row[name] for name in row if name in names}
        self._append(key, Effect.UPSERT, data, row["company"], was)

    def _append(self, key: int, effect: Effect, data: Row, cohort: str | None, was: str | None) -> None:
        self.number += 1
        at = self.position()
        said = Event(
            "SaleChanged", "sale", "sale", effect, encode_key([key]), at, 1.0, "m", data, cohort, was
        )
        self.log.append("erp", [said], at)

    def put(self, cohort: str, **fields: Any) -> None:
        before = standings.of(self.control, "sale", cohort)
        standings.change(self.control, before, replace(before, **fields), at=1.0)

    def deliver(self, store: MemoryStore, batch: int) -> None:
        """Until nothing is left to do."""
        store.prepare([SALE])
        stop = threading.Event()
        Delivery("sale", "erp", self.log, None, store, self.control, batch, [SALE]).run(
            stop, lambda seconds: stop.set()
        )

    def stored(self) -> dict[int, Row]:
        rows = self.database.held.rows.get("sale", {}).values()
        return {row.values["id"]: {k: v for k, v in row.values.items() if k != "id"} for row in rows}

    def wanted(self, cohort: str | None) -> str:
        """The cohort whose standing a cohort goes by."""
        return standings.snapshot(self.control).of_cohort("sale", cohort).cohort


@contextmanager
def a_world(folder: Path, partitions: int = 1) -> Iterator[World]:
    with Control.open(f"sqlite:///{folder}/control.db") as control:
        yield World(control, partitions)


@pytest.fixture(autouse=True)
def noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "NOTE_EVERY", 0.0)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as made:
        made.put(EVERYONE, stage=Stage.SYNCING)
        yield made


def row(company: str | None, note: str = "", state: str = "") -> Row:
    return {"company": company, "note": note, "state": state}


def test_a_cohort_under_a_switch_is_held_at_its_limit_and_the_others_go_on(world: World) -> None:
    world.put("DE", stage=Stage.CANARY)
    world.say(1, row("DE", "before"))
    world.say(2, row("FR", "before"))
    limit = world.position()
    world.put("DE", sync_until=limit)
    world.say(1, row("DE", "behind"))
    world.say(2, row("FR", "behind"))
    world.deliver(MemoryStore(world.database), 10)
    assert world.stored() == {1: row("DE", "before"), 2: row("FR", "behind")}
    record = deliveries.get(world.control, "sale")
    assert record is not None
    assert (record.reached("DE"), record.reached("FR"), record.late_writes) == (limit, world.position(), 0)
    world.put("DE", sync_until=None)
    world.deliver(MemoryStore(world.database), 10)
    assert world.stored() == world.rows
    record = deliveries.get(world.control, "sale")
    assert record is not None
    assert record.reached("DE") == world.position()


def test_what_legacy_writes_of_a_cohort_that_new_owns_is_counted_and_made_up_for_once_it_is_back(
    world: World,
) -> None:
    world.put("DE", stage=Stage.CANARY)
    world.say(1, row("DE", "before"))
    world.deliver(MemoryStore(world.database), 3)
    world.put("DE", stage=Stage.LIVE, owner=Side.NEW, sync_until=world.position())
    for number in range(7):
        world.say(1, row("DE", f"late {number}"))
        world.say(2, row("FR", f"in time {number}"))
    world.deliver(MemoryStore(world.database), 3)
    world.deliver(MemoryStore(world.database), 3)
    assert world.stored() == {1: row("DE", "before"), 2: row("FR", "in time 6")}
    record = deliveries.get(world.control, "sale")
    assert record is not None
    assert record.late_writes == 7
    world.put("DE", stage=Stage.SYNCING, owner=Side.LEGACY, sync_until=None)
    world.deliver(MemoryStore(world.database), 3)
    assert world.stored() == world.rows
    record = deliveries.get(world.control, "sale")
    assert record is not None
    assert record.late_writes == 0


def test_the_owner_of_the_cohort_before_decides_about_a_row_that_goes_over(world: World) -> None:
    world.put("DE", stage=Stage.LIVE, owner=Side.NEW, sync_until=world.position())
    world.say(1, row("FR", "legacy's"))
    world.say(1, row("DE", "handed over"))
    world.say(1, row("DE", "late"))
    world.deliver(MemoryStore(world.database), 10)
    assert world.stored() == {1: row("DE", "handed over")}
    world.say(1, row("FR", "taken away"))
    world.say(1, row("FR", "and changed there"))
    world.deliver(MemoryStore(world.database), 10)
    assert world.stored() == {1: row("DE", "handed over")}, "to new the row is DE's still"
    assert astray.of_function(world.control, "sale") == {astray.Key("sale", "[1]"): "DE"}
    world.put("DE", stage=Stage.SYNCING, owner=Side.LEGACY, sync_until=None)
    world.deliver(MemoryStore(world.database), 10)
    assert world.stored() == world.rows
    assert astray.of_function(world.control, "sale") == {}


def test_a_removal_goes_by_the_cohort_of_the_row_that_it_removes(world: World) -> None:
    world.say(1, row("DE"))
    world.say(2, row("FR"))
    world.deliver(MemoryStore(world.database), 10)
    world.put("DE", stage=Stage.LIVE, owner=Side.NEW, sync_until=world.position())
    world.say(1, None)
    world.say(2, None)
    world.say(1, row("FR", "another row under the same key"))
    world.deliver(MemoryStore(world.database), 10)
    assert world.stored() == {1: row("DE")}


def test_a_cohort_that_stands_in_legacy_is_filled_as_soon_as_another_is_begun(tmp_path: Path) -> None:
    with a_world(tmp_path) as world:
        world.say(1, row("DE"))
        world.say(2, row("FR"))
        world.put("FR", stage=Stage.LEGACY, owner=Side.LEGACY)
        world.deliver(MemoryStore(world.database), 10)
        assert world.stored() == {}, "nobody has begun to move the function"
        world.put("DE", stage=Stage.SYNCING)
        world.deliver(MemoryStore(world.database), 10)
        assert world.stored() == world.rows


def test_a_cohort_that_comes_to_stand_by_itself_takes_along_what_was_withheld_from_it(world: World) -> None:
    world.say(1, row("DE"))
    world.deliver(MemoryStore(world.database), 10)
    world.put(EVERYONE, stage=Stage.LIVE, owner=Side.NEW, sync_until=world.position())
    world.say(1, row("DE", "late"))
    world.say(2, row("FR", "late"))
    world.deliver(MemoryStore(world.database), 10)
    assert world.stored() == {1: row("DE")}
    own = replace(at_the_start("sale", "DE"), stage=Stage.SYNCING)
    standings.change(world.control, standings.of(world.control, "sale", "DE"), own, at=1.0)
    world.deliver(MemoryStore(world.database), 10)
    assert world.stored() == {1: row("DE", "late")}


def test_a_cohort_that_rejoins_brings_along_what_was_withheld_from_it(world: World) -> None:
    world.say(1, row("DE"))
    world.deliver(MemoryStore(world.database), 10)
    world.put("DE", stage=Stage.LIVE, owner=Side.NEW, sync_until=world.position())
    world.say(1, row("FR", "astray"))
    world.say(1, row("FR", "and on"))
    world.deliver(MemoryStore(world.database), 10)
    assert world.stored() == {1: row("DE")}
    world.put("DE", stage=Stage.SYNCING, owner=Side.LEGACY, sync_until=None)
    standings.rejoin(world.control, standings.of(world.control, "sale", "DE"), at=1.0)
    world.deliver(MemoryStore(world.database), 10)
    assert world.stored() == world.rows
    assert astray.of_function(world.control, "sale") == {}


class Cutovers(RuleBasedStateMachine):
    """Every store row that new owns stays as it was; every other one is what legacy has, as soon as delivery may know."""

    @initialize(partitions=st.integers(1, 3), folder=st.just(None))
    def begin(self, partitions: int, folder: None) -> None:
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.control = Control.open(f"sqlite:///{self.folder.name}/control.db").__enter__()
        self.world = World(self.control, partitions)
        self.world.put(EVERYONE, stage=Stage.SYNCING)
        self.limits: dict[str, Position] = {}
        self.owned: dict[str, dict[int, Row]] = {}
        self.strayed: dict[int, str] = {}

    def teardown(self) -> None:
        if hasattr(self, "control"):
            self.control.close()
            self.folder.cleanup()

    @rule(
        key=st.integers(0, 5),
        company=st.sampled_from(COHORTS),
        said=st.sampled_from([("company", "note", "state"), ("note",), ("state",)]),
    )
    def write(self, key: int, company: str | None, said: tuple[str, ...]) -> None:
        world = self.world
        before = world.rows.get(key)
        if before is not None and len(said) == 1:
            company = before["company"]
        new = dict(before or row(company)) | {"company": company}
        world.say(key, new | {name: f"{name} {world.number}" for name in said if name != "company"}, said)

    @rule(key=st.integers(0, 5))
    def remove(self, key: int) -> None:
        assume(key in self.world.rows)
        self.world.say(key, None)

    @rule(cohort=st.sampled_from(["DE", "FR", EVERYONE]))
    def limit(self, cohort: str) -> None:
        """A switch has come to the point at which delivery may not go further."""
        # Delivery learns how far a source is from what the log brings, here from changes alone.
        assume(self.world.number and cohort not in self.limits and cohort not in self.owned)
        self.limits[cohort] = self.world.position()
        self.world.put(cohort, stage=Stage.CANARY, sync_until=self.limits[cohort])

    @rule(cohort=st.sampled_from(["DE", "FR", EVERYONE]))
    def undo(self, cohort: str) -> None:
        assume(cohort in self.limits)
        del self.limits[cohort]
        self.world.put(cohort, sync_until=None)

    @rule(cohort=st.sampled_from(["DE", "FR", EVERYONE]))
    def decide(self, cohort: str) -> None:
        """The switch waits until delivery is there, and only then it is decided."""
        assume(cohort in self.limits)
        self.settle()
        record = deliveries.get(self.control, "sale")
        assert record is not None
        assert record.reached(cohort) >= self.limits[cohort], "the switch would wait for ever"
        self.world.put(cohort, stage=Stage.LIVE, owner=Side.NEW, sync_until=self.limits.pop(cohort))
        mine = {
            key: each
            for key, each in self.world.stored().items()
            if self.world.wanted(each["company"]) == cohort
        }
        self.owned[cohort] = mine

    @rule(cohort=st.sampled_from(["DE", "FR", EVERYONE]))
    def back(self, cohort: str) -> None:
        assume(cohort in self.owned)
        del self.owned[cohort]
        self.world.put(cohort, stage=Stage.SYNCING, owner=Side.LEGACY, sync_until=None)

    @rule(writes=st.integers(1, 6), done=st.booleans(), batch=st.integers(1, 4))
    def killed(self, writes: int, done: bool, batch: int) -> None:
        with suppress(Killed):
            self.world.deliver(Mortal(self.world.database, writes, done=done), batch)

    @rule(batch=st.integers(1, 4))
    def settle(self, batch: int = 3) -> None:
        self.world.deliver(MemoryStore(self.world.database), batch)
        self.told = True

    @invariant()
    def what_new_owns_is_left_alone(self) -> None:
        if not hasattr(self, "owned"):
            return
        stored = self.world.stored()
        for cohort, rows in self.owned.items():
            for key, each in rows.items():
                assert stored.get(key) == each, (cohort, key)

    @rule()
    def all_flows_again(self) -> None:
        """Nothing was lost, whatever happened: as soon as legacy owns everything, the store is what legacy has."""
        for cohort in [*self.limits]:
            self.undo(cohort)
        for cohort in [*self.owned]:
            self.back(cohort)
        self.settle()
        assert self.world.stored() == self.world.rows
        record = deliveries.get(self.control, "sale")
        assert record is not None
        assert record.complete == self.world.log.position("erp")

    @precondition(lambda self: hasattr(self, "owned") and not self.owned)
    @rule()
    def the_others_arent_blocked(self) -> None:
        """While switches are undecided, rows that were never of their cohorts are what legacy has."""
        self.settle()
        ever: dict[str, set[str]] = {}
        for events in self.world.records.streams.values():
            for event in events:
                cohorts = {event.cohort, event.cohort_before or event.cohort}
                ever.setdefault(event.key, set()).update(map(self.world.wanted, cohorts))
        stored = self.world.stored()
        for key in range(6):
            if not ever.get(encode_key([key]), set()) & self.limits.keys():
                assert stored.get(key) == self.world.rows.get(key), key


Cutovers.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


class TestCutovers(Cutovers.TestCase):
    """See `Cutovers`."""
