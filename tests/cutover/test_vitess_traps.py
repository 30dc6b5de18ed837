"""The traps that Vitess's MoveTables fell into, one test each."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from strangler import assembly
from strangler.changes import Position
from strangler.control import ledger, standings
from strangler.control.store import Control
from strangler.cutover.history import Kind
from strangler.cutover.journal import Step
from strangler.cutover.recovery import recover
from strangler.cutover.stages import Side, Stage
from strangler.cutover.switch import Switch, Undone
from strangler.errors import Refused, Unavailable
from strangler.reconcile.jobs import Job
from strangler.reconcile.runs import reconcile
from tests.cutover.estate import Estate, Facade, position
from tests.cutover.test_steps_outside import World
from tests.cutover.test_switch import LIMIT, assert_untouched, intent, living, standing_at
from tests.fencing.legacies import Legacy, made
from tests.sync.landscape import Landscape, until


@pytest.fixture
def world(control: Control) -> World:
    made = Estate(control)
    made.facades = [Facade(control, "a")]
    return World(made)


@pytest.fixture(params=["postgres", "mysql"])
def legacy(request: pytest.FixtureRequest, tmp_path: Path) -> Legacy:
    url = {"postgres": "postgres_url", "mysql": "mariadb_url"}[request.param]
    return made(request.param, request.getfixturevalue(url), tmp_path)


def test_the_position_was_recorded_before_the_locks(control: Control, world: World) -> None:
    """What is written at the last moment before either fence is behind the position, and so in the store."""
    before, outside = standing_at(control, Stage.CANARY), world.outside()
    world.estate.turn()

    def write_past_the_facades() -> None:
        world.estate.legacy["batch"] = 2
        world.estate.log.append(("batch", 2))
        assert outside.fence_legacy is not None
        outside.fence_legacy()

    def write_at_the_last_moment(step: Step, done: bool) -> None:
        if step is Step.FENCED and not done:
            assert world.estate.write(world.estate.facades[0], "caller", 1)

    with living(world.estate):
        seen = replace(outside, fence_legacy=write_past_the_facades)
        switch = Switch(control, seen, LIMIT, watch=write_at_the_last_moment)
        live = switch.run(intent(Stage.LIVE), before)
    assert live.sync_until == position(2)
    assert world.estate.store == {"caller": 1, "batch": 2}


def test_transactions_that_were_open_committed_after_the_switch(legacy: Legacy) -> None:
    """The position isn't given before they have ended, and whoever is in the way is named."""
    settings = legacy.settings()
    with (
        closing(assembly.source(settings, "erp", {"party": ["id", "name"]})) as source,
        legacy.connection() as connection,
        closing(connection.cursor()) as cursor,
    ):
        cursor.execute("INSERT INTO party VALUES (9, 'open', 1)")
        with pytest.raises(
            Unavailable, match="an open transaction in the legacy database doesn't end"
        ) as raised:
            source.safe_position(0.3)
        session = connection.info.backend_pid if legacy.kind == "postgres" else connection.thread_id()
        assert str(session) in raised.value.why + raised.value.do

        given: list[tuple[Position, float]] = []
        asking = threading.Thread(target=lambda: given.append((source.safe_position(30), time.monotonic())))
        asking.start()
        asking.join(1.0)
        assert asking.is_alive(), "it waits for the transaction"
        committed = time.monotonic()
        connection.commit()
        asking.join(30)
        assert given
        assert given[0][1] >= committed
        with closing(source.reader()) as reader:
            assert [str(name) for (name,) in reader.rows("SELECT name FROM party WHERE id = 9")] == ["open"]


@pytest.mark.parametrize(
    "step", [Step.CHECKED, Step.DECIDED, Step.SWITCHED, Step.LEGACY_LIFTED, Step.FINISHED]
)
def test_an_interrupted_reverse_left_routing_and_fence_contradicting_each_other(
    control: Control, world: World, step: Step
) -> None:
    live = standing_at(control, Stage.LIVE)
    world.fenced = world.returning = True

    def die(at: Step, done: bool) -> None:
        if at is step and not done:
            raise SystemExit

    with living(world.estate):
        with pytest.raises(SystemExit):
            Switch(control, world.outside(), LIMIT, watch=die).run(intent(Stage.SYNCING), live)
        recover(control, world.reach, actor="worker", clock=lambda: time.time() + 60)
    now = standings.of(control, "party")
    assert now.owner is (Side.NEW if step in (Step.CHECKED, Step.DECIDED) else Side.LEGACY)
    assert not now.fenced
    assert world.fenced == (now.owner is Side.NEW), "legacy takes writes exactly when it owns them"
    assert world.returning == (now.owner is Side.NEW), "what new writes is kept exactly while it owns"


def test_a_switch_was_allowed_while_reverse_was_unusable(control: Control, world: World) -> None:
    def unusable() -> None:
        raise Refused("the way back doesn't work")

    before = standing_at(control, Stage.CANARY)
    with living(world.estate):
        with pytest.raises(Refused, match="the way back doesn't work"):
            Switch(control, replace(world.outside(), way_back=unusable), LIMIT).run(
                intent(Stage.LIVE), before
            )
        assert ledger.entries(control) == []
        with pytest.raises(Undone, match="legacy owns it as before"):
            Switch(control, replace(world.outside(), open_return=unusable), LIMIT).run(
                intent(Stage.LIVE), before
            )
    assert not world.fenced
    assert_untouched(control, before)


def test_a_failed_reverse_deleted_the_workflow(control: Control, world: World) -> None:
    """It leaves all that a second attempt needs: the way back stays open, and delivery knows where it ended."""
    before = standing_at(control, Stage.CANARY)
    with living(world.estate):
        live = Switch(control, world.outside(), LIMIT).run(intent(Stage.LIVE), before)
        world.still_to_come = "1 row waits in the outbox"
        with pytest.raises(Undone):
            Switch(control, world.outside(), 2.0).run(intent(Stage.SYNCING), live)
        now = standings.of(control, "party")
        assert replace(now, generation=live.generation) == live
        assert (world.fenced, world.returning) == (True, True)
        world.still_to_come = ""
        back = Switch(control, world.outside(), LIMIT).run(intent(Stage.SYNCING), now)
    assert (back.owner, world.fenced, world.returning) == (Side.LEGACY, False, False)
    kinds = [entry.kind for entry in ledger.entries(control)]
    assert kinds == [Kind.BEGUN, Kind.ADVANCED, Kind.BEGUN, Kind.UNDONE, Kind.BEGUN, Kind.ROLLED_BACK]


@pytest.fixture
def landscape(tmp_path: Path) -> Iterator[Landscape]:
    made = Landscape(tmp_path)
    yield made
    made.control.close()


def test_a_diff_after_the_switch_restarted_the_wrong_streams(landscape: Landscape) -> None:
    """A reconciliation moves nothing: what new owns gets nothing from legacy, after it as before."""
    landscape.write("INSERT INTO partner VALUES (1, 'a', '1')")
    with landscape.worker():
        landscape.put(Stage.SYNCING)
        until(landscape.filled, "the backfill is finished")
        until(lambda: (found := landscape.delivered()) and found.position, "delivery has said how far it is")
        delivered = landscape.delivered()
        assert delivered is not None
        landscape.put(Stage.LIVE, owner=Side.NEW, sync_until=delivered.position)
        live = standings.of(landscape.control, "partners")
        reconcile(landscape.settings, landscape.control, Job("partners"))
        assert standings.of(landscape.control, "partners") == live
        landscape.write("UPDATE partner SET name = 'late' WHERE id = 1")
        until(
            lambda: (found := landscape.delivered()) and found.late_writes == 1, "the late write is counted"
        )
        assert landscape.stored()[1][0] == "a"
