"""Schedules are kept by any number of workers: each slot is done once, and one that was interrupted is gone on with."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from click.testing import CliRunner

from strangler.cli.main import root
from strangler.control import reconciliations, schedules
from strangler.control.holders import SILENT_AFTER
from strangler.control.reconciliations import Status
from strangler.control.store import Control
from strangler.cutover.stages import Stage
from strangler.schedules.apart import carry_out, job_of
from strangler.schedules.timekeeper import Timekeeper
from strangler.settings import Schedule
from strangler.worker import Worker
from tests.sync.landscape import until

from .conftest import Scheduled

YEARLY = {"cron": "0 0 1 1 *", "mode": "full"}
"""Comes so seldom that it is never due again within a test."""

KEY = ("partners", "full 0 0 1 1 *")

YEAR = 366 * 86_400.0

PATIENCE = 90.0
"""Seconds: a process has to start."""


class Fake:
    """What a timekeeper starts instead of a process; it ends when it is told to."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: int | None = None

    def __call__(self, settings: Any, function: str, schedule: Schedule) -> Any:
        self.begun.append(schedule.name)
        return self

    name = "fake"

    def close(self) -> None:
        if self.ended is None:
            self.ended = 0


def keeper(
    landscape: Scheduled, control: Control, start: Any, now: Callable[[], float] = time.time
) -> Timekeeper:
    return Timekeeper(landscape.settings, control, start=start, clock=now)


def seen_long_ago(control: Control, years: float = 3.5) -> None:
    schedules.see(control, [KEY], at=time.time() - years * YEAR)


def test_a_due_schedule_is_run_once_by_two_workers(scheduled: Scheduled, other: Control) -> None:
    """It was missed three times, is done once, and neither worker does it again."""
    scheduled.schedule(YEARLY)
    seen_long_ago(scheduled.control)
    scheduled.write("INSERT INTO partner VALUES (1, 'a', '1')")
    scheduled.put(Stage.SYNCING)
    with ExitStack() as stack:
        for control in (scheduled.control, other):
            worker = Worker(scheduled.settings, control)
            worker.start()
            stack.callback(worker.stop)
        until(lambda: schedules.known(other)[KEY].run is not None, "it was done", PATIENCE)
        looked = [
            Timekeeper(scheduled.settings, control, start=Fake()) for control in (scheduled.control, other)
        ]
        for each in looked:
            each.look()
    (run,) = reconciliations.listed(scheduled.control)
    assert (run.status, run.mode, run.compared) == (Status.CLEAN, "full", 1)
    slot = schedules.known(other)[KEY]
    assert (slot.run, slot.holder) == (run.id, None)


def test_of_two_workers_that_see_it_at_once_one_takes_it(scheduled: Scheduled, other: Control) -> None:
    scheduled.schedule(YEARLY)
    scheduled.fill()
    seen_long_ago(scheduled.control)
    before = schedules.known(scheduled.control)[KEY]
    assert schedules.take(other, before, 5.0, at=6.0)
    assert not schedules.take(scheduled.control, before, 5.0, at=6.0)


def test_a_schedule_that_is_new_waits_for_its_next_slot(scheduled: Scheduled) -> None:
    scheduled.schedule(YEARLY)
    scheduled.fill()
    now, begun = [time.time()], Fake()
    keeping = keeper(scheduled, scheduled.control, begun, lambda: now[0])
    keeping.look()
    assert begun.begun == []
    now[0] += YEAR
    keeping.look()
    keeping.look()
    assert begun.begun == ["full 0 0 1 1 *"]


def test_nothing_is_compared_before_it_is_filled_nor_after_it_is_retired(scheduled: Scheduled) -> None:
    scheduled.schedule(YEARLY)
    seen_long_ago(scheduled.control)
    begun = Fake()
    keeping = keeper(scheduled, scheduled.control, begun)
    keeping.look()
    scheduled.put(Stage.SYNCING)
    keeping.look()
    scheduled.fill()
    scheduled.put(Stage.RETIRED)
    keeping.look()
    assert begun.begun == []
    scheduled.put(Stage.SHADOW)
    keeping.look()
    assert begun.begun == ["full 0 0 1 1 *"]


def test_of_each_mode_one_is_under_way_at_a_time(scheduled: Scheduled) -> None:
    both = [YEARLY, {"cron": "0 0 2 1 *", "mode": "full"}, {"cron": "0 0 1 1 *", "mode": "quick"}]
    scheduled.schedule(*both)
    scheduled.fill()
    names = [Schedule.model_validate(each).name for each in both]
    schedules.see(scheduled.control, [("partners", name) for name in names], at=time.time() - 2 * YEAR)
    fake = Fake()
    keeping = keeper(scheduled, scheduled.control, fake)
    keeping.look()
    assert sorted(fake.begun) == ["full 0 0 1 1 *", "quick 0 0 1 1 *"]
    schedules.end(scheduled.control, KEY)
    fake.ended = 0
    keeping.look()
    assert fake.begun[-1] == "full 0 0 2 1 *"


def test_what_another_worker_left_is_gone_on_with(scheduled: Scheduled, other: Control) -> None:
    scheduled.schedule(YEARLY)
    scheduled.fill()
    seen_long_ago(scheduled.control)
    first, second = Fake(), Fake()
    keeper(scheduled, scheduled.control, first).look()
    taken = schedules.known(other)[KEY]
    assert taken.holder is not None
    keeper(scheduled, other, second).look()
    assert (first.begun, second.begun) == (["full 0 0 1 1 *"], []), "it is still at it"
    schedules.release(scheduled.control, KEY, 7)
    keeper(scheduled, other, second).look()
    assert second.begun == ["full 0 0 1 1 *"]
    assert schedules.known(other)[KEY].slot == taken.slot, "the same slot"


def test_a_process_that_is_slow_to_start_is_waited_for(scheduled: Scheduled, other: Control) -> None:
    scheduled.schedule(YEARLY)
    scheduled.fill()
    seen_long_ago(scheduled.control)
    now = [time.time()]
    first, second = Fake(), Fake()
    keeping = keeper(scheduled, scheduled.control, first, lambda: now[0])
    for _ in range(3):
        keeping.look()
        keeper(scheduled, other, second, lambda: now[0]).look()
        now[0] += SILENT_AFTER - 1
    assert (len(first.begun), second.begun) == (1, [])


def test_what_was_stopped_with_its_worker_is_gone_on_with_by_the_next(
    scheduled: Scheduled, other: Control
) -> None:
    scheduled.schedule(YEARLY)
    scheduled.fill()
    seen_long_ago(scheduled.control)
    schedule = Schedule.model_validate(YEARLY)
    keeper(scheduled, scheduled.control, Fake()).look()
    carry_out(scheduled.settings, scheduled.control, "partners", schedule, lambda: True)
    (run,) = reconciliations.listed(scheduled.control)
    assert run.status is Status.INCOMPLETE
    begun = Fake()
    keeper(scheduled, other, begun).look()
    assert begun.begun == ["full 0 0 1 1 *"]
    carry_out(scheduled.settings, other, "partners", schedule, lambda: False)
    (run,) = reconciliations.listed(scheduled.control)
    assert run.status is Status.CLEAN
    slot = schedules.known(scheduled.control)[KEY]
    assert (slot.run, slot.holder) == (run.id, None)


def test_a_process_that_dies_is_not_started_again_at_once(scheduled: Scheduled) -> None:
    """What killed it would kill it again."""
    scheduled.schedule(YEARLY)
    scheduled.fill()
    seen_long_ago(scheduled.control)
    fake = Fake()
    keeping = keeper(scheduled, scheduled.control, fake)
    keeping.look()
    fake.ended = -9
    keeping.look()
    keeping.look()
    assert len(fake.begun) == 1
    assert schedules.known(scheduled.control)[KEY].holder is None


def test_a_schedule_asks_for_what_it_says_and_goes_on_with_what_was_stopped() -> None:
    schedule = Schedule.model_validate({"cron": "0 3 * * *", "mode": "recent", "since": "1d", "within": "4h"})
    job = job_of("partners", schedule, 100_000.0)
    assert (job.function, job.mode, job.since, job.within) == ("partners", "recent", 13_600.0, 14_400.0)
    assert job.resume


def test_the_schedules_are_listed_with_their_next_and_their_last_run(scheduled: Scheduled) -> None:
    def listed(*arguments: str) -> str:
        command = ["-c", str(scheduled.home / "strangler.yaml"), "reconcile", "schedule", *arguments]
        result = CliRunner().invoke(root, command)
        assert result.exit_code == 0, result.output
        return result.stdout

    assert "no schedule is configured" in listed()
    scheduled.schedule(YEARLY, {"cron": "*/15 * * * *", "mode": "quick", "within": "10m"})
    assert {each["state"] for each in json.loads(listed("--format", "json"))} == {
        "waits until its function is filled"
    }
    scheduled.fill()
    run = reconciliations.start(scheduled.control, "partners", mode="full", job={}, at=1.0)
    reconciliations.finish(scheduled.control, run, Status.DRIFT, at=2.0)
    schedules.see(scheduled.control, [KEY], at=time.time())
    schedules.end(scheduled.control, KEY, run)
    yearly, quick = json.loads(listed("partners", "--format", "json"))
    assert (yearly["last_run"], yearly["last_status"], yearly["state"]) == (run, "drift", None)
    assert yearly["next_at"].endswith("-01-01T00:00:00Z")
    assert (quick["within"], quick["last_run"], quick["state"]) == (
        "10m",
        None,
        "not seen by a worker yet",
    )
    said = listed()
    assert "drift" in said
    assert "10m" in said
