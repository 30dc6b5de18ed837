"""A run that was stopped or killed at any moment is gone on with, and gives the answer that it would have given."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest

from strangler.control import reconciliations
from strangler.control.reconciliations import Status
from strangler.reconcile import entity, runs
from strangler.reconcile.jobs import Job, Mode
from strangler.reconcile.runs import Reconciliation, reconcile
from strangler.reconcile.throttle import Throttle
from strangler.reconcile.view import Seen

from .conftest import Make
from .landscape import Landscape, partners

PAIRS = ["postgresql-postgresql", "postgresql-sqlite", "mysql-postgresql", "sqlite-sqlite"]

FAULTS = (
    "UPDATE partner SET name = 'wrong' WHERE id IN (7, 250, 299)",
    "DELETE FROM partner WHERE id IN (8, 111)",
    "INSERT INTO partner (id, name) VALUES (5000, 'too many')",
)
DRIFT = {"[7]", "[250]", "[299]", "[8]", "[111]", "[5000]"}


@pytest.fixture(params=PAIRS)
def drifted(request: pytest.FixtureRequest, make: Make) -> Landscape:
    """300 partners, of which six differ and two can't be translated."""
    legacy, store = request.param.split("-")
    landscape = make(legacy, store)
    landscape.legacy.insert("partner", partners(300, legacy))
    landscape.fill()
    landscape.new.run(*FAULTS)
    landscape.legacy.run("UPDATE partner SET number = 'none' WHERE id IN (40, 260)")
    return landscape


@pytest.fixture
def in_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of a block or a row, and a checkpoint after each look around."""
    monkeypatch.setattr(entity, "Throttle", small)
    monkeypatch.setattr(runs, "KEEP_EVERY", 0.0)
    monkeypatch.setattr("strangler.reconcile.sides.LOOK_AROUND", 0.001)


class small(Throttle):  # it stands for a class
    """A throttle whose slices don't grow."""

    def __init__(self, limits: object) -> None:
        super().__init__(limits, 1)  # type: ignore[arg-type]

    def took(self, rows: int, seconds: float) -> None:
        """Nothing is learned."""


def after(steps: int) -> Callable[[], bool]:
    """Says to stop once it was asked so often."""
    left = iter(range(steps))
    return lambda: next(left, None) is None


def done(landscape: Landscape, stop: Callable[[], bool], mode: Mode = Mode.FULL) -> Reconciliation:
    job = Job("partners", mode, confirm=False, resume=True)
    return reconcile(landscape.settings, landscape.control, job, stop=stop)


def answer(found: Reconciliation) -> object:
    (outcome,) = found.outcomes
    keys = {each.key for each in outcome.differences}
    return found.status, keys, outcome.compared, outcome.drift, [each.key for each in outcome.quarantined]


@pytest.mark.usefixtures("in_small_steps")
def test_stopped_again_and_again_it_gives_the_same_answer(drifted: Landscape) -> None:
    whole = reconcile(drifted.settings, drifted.control, Job("partners", confirm=False))
    dice, stops = random.Random(4_711), 0
    while (found := done(drifted, after(dice.randrange(1, 30)))).status is Status.INCOMPLETE:
        stops += 1
        assert stops < 500, "it gets no further"
    assert stops
    assert answer(found) == answer(whole) == (Status.DRIFT, DRIFT, 299, 6, ["[260]", "[40]"])
    assert [run.id for run in reconciliations.listed(drifted.control)] == [found.run, whole.run]


@pytest.mark.usefixtures("in_small_steps")
def test_what_was_read_is_not_read_again(drifted: Landscape, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    add = entity.Scanned.add

    def adding(self: entity.Scanned, seen: Seen, after: object, share: float | None) -> None:
        read.append((seen.buckets, after))
        add(self, seen, after, share)

    monkeypatch.setattr(entity.Scanned, "add", adding)
    reconcile(drifted.settings, drifted.control, Job("partners", confirm=False))
    slices, stops, read[:] = len(read), 0, []
    dice = random.Random(7)
    while done(drifted, after(dice.randrange(1, 30))).status is Status.INCOMPLETE:
        stops += 1
    # A side may have read one slice more than the checkpoint has.
    assert slices <= len(read) <= slices + 2 * stops


def test_a_table_that_was_written_anew_is_read_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows are elsewhere now: in what was read already, maybe, of what wasn't read then."""
    monkeypatch.setattr(entity, "Throttle", small)
    monkeypatch.setattr("strangler.reconcile.sides.LOOK_AROUND", 0.001)
    landscape = make("postgresql", "postgresql")
    landscape.legacy.insert("partner", partners(2000, "postgresql"))
    landscape.fill()
    landscape.new.run("DELETE FROM partner WHERE id = 1900")
    assert done(landscape, after(30)).status is Status.INCOMPLETE
    for database in (landscape.legacy, landscape.new):
        database.run("DELETE FROM partner WHERE id < 1800", "VACUUM FULL partner")
    found = done(landscape, lambda: False)
    assert (found.status, found.outcomes[0].missing, found.outcomes[0].compared) == (Status.DRIFT, 1, 201)


@pytest.mark.usefixtures("in_small_steps")
def test_a_changed_mapping_begins_anew(drifted: Landscape) -> None:
    assert done(drifted, after(12)).status is Status.INCOMPLETE
    text = drifted.path.read_text()
    drifted.path.write_text(text.replace("TRIM(name)", "UPPER(TRIM(name))"))
    drifted.open()
    found = done(drifted, lambda: False)
    assert (found.outcomes[0].compared, found.outcomes[0].missing) == (299, 2)
    assert found.outcomes[0].different > 100


KILLED = """
    import os, pathlib, signal, sys
    from strangler import assembly
    from strangler.configuration import load
    from strangler.control import reconciliations
    from strangler.reconcile import entity, runs, scan, sides
    from strangler.reconcile.jobs import Job
    from strangler.reconcile.throttle import Throttle

    path, left = sys.argv[1], int(sys.argv[2])

    class Small(Throttle):
        def __init__(self, limits):
            super().__init__(limits, 1)
        def took(self, rows, seconds):
            pass

    def counted(act):
        def acting(*arguments, **more):
            global left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return act(*arguments, **more)
        return acting

    entity.Throttle, runs.KEEP_EVERY, sides.LOOK_AROUND = Small, 0.0, 0.001
    scan.Scanned.add = counted(scan.Scanned.add)
    reconciliations.keep = counted(reconciliations.keep)
    reconciliations.finish = counted(reconciliations.finish)
    settings = load(pathlib.Path(path))
    found = runs.reconcile(settings, assembly.control(settings), Job("partners", confirm=False, resume=True))
    sys.exit(0 if found.status == "drift" else 3)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "drifted",
    ["postgresql-postgresql", pytest.param("sqlite-sqlite", marks=pytest.mark.nightly)],
    indirect=True,
)
def test_killed_at_random_moments_it_gives_the_same_answer(drifted: Landscape) -> None:
    dice, kills = random.Random(11), 0
    program = [sys.executable, "-c", textwrap.dedent(KILLED), str(drifted.path)]
    while True:
        ended = subprocess.run(
            [*program, str(dice.randrange(1, 12 + kills))], capture_output=True, check=False
        )
        if ended.returncode == 0:
            break
        assert ended.returncode == -9, ended.stderr.decode()
        kills += 1
        assert kills < 60, "it gets no further"
    assert kills
    run = reconciliations.latest(drifted.control, "partners")
    assert run is not None
    assert (run.status, run.compared, run.drift) == (Status.DRIFT, 299, 6)
    assert {each.key for each in reconciliations.findings(drifted.control, run.id)} == DRIFT
    reconciliations.mark_abandoned(drifted.control, now=1e12)
    others = [each.status for each in reconciliations.listed(drifted.control) if each.id != run.id]
    assert set(others) <= {Status.INCOMPLETE}


def test_a_run_that_goes_on_elsewhere_is_not_taken_over(drifted: Landscape) -> None:
    number = reconciliations.start(drifted.control, "partners", mode="full", job={"a": 1}, at=100.0)
    reconciliations.keep(drifted.control, number, "{}", at=100.0)
    assert reconciliations.interrupted(drifted.control, "partners", {"a": 1}, now=101.0) is None
    assert reconciliations.take_over(drifted.control, number, at=101.0) is None
    assert reconciliations.take_over(drifted.control, number, at=200.0) == "{}"
    assert reconciliations.take_over(drifted.control, number, at=201.0) is None
