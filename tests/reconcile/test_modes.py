"""What each mode sees, and what it doesn't look at."""

from __future__ import annotations

import time

import pytest

from strangler import assembly
from strangler.changes import Position
from strangler.control import reconciliations
from strangler.control.reconciliations import Status
from strangler.events import Effect, Event
from strangler.reconcile.jobs import Job, Mode
from strangler.reconcile.runs import Reconciliation, reconcile

from .conftest import PAIRS, Make
from .landscape import Landscape, partners


def run(landscape: Landscape, mode: Mode, **asked: object) -> Reconciliation:
    job = Job("partners", mode, confirm=False, **asked)  # type: ignore[arg-type]
    found = reconcile(landscape.settings, landscape.control, job)
    assert found.reason is None
    return found


@pytest.mark.parametrize("pair", PAIRS)
def test_quick_sees_which_keys_there_are_and_no_values(make: Make, pair: str) -> None:
    legacy, store = pair.split("-")
    landscape = make(legacy, store)
    landscape.legacy.insert("partner", partners(300, legacy))
    landscape.fill()
    landscape.new.run(
        "UPDATE partner SET name = 'x' WHERE id = 7",
        "DELETE FROM partner WHERE id = 8",
        "INSERT INTO partner (id, name) VALUES (5000, 'y')",
    )
    (outcome,) = run(landscape, Mode.QUICK).outcomes
    assert (outcome.missing, outcome.extra, outcome.different) == (1, 1, 0)
    assert {each.key for each in outcome.differences} == {"[8]", "[5000]"}


@pytest.mark.parametrize("pair", PAIRS)
def test_a_sample_is_of_the_same_keys_on_both_sides(make: Make, pair: str) -> None:
    legacy, store = pair.split("-")
    landscape = make(legacy, store)
    landscape.legacy.insert("partner", partners(300, legacy))
    landscape.fill()
    (outcome,) = run(landscape, Mode.SAMPLE, sample=100).outcomes
    assert 50 < outcome.compared < 150
    assert outcome.drift == 0
    assert outcome.at_most is not None
    assert 0.015 < outcome.at_most < 0.06
    landscape.new.run("UPDATE partner SET name = 'x'")
    (outcome,) = run(landscape, Mode.SAMPLE, sample=100).outcomes
    assert outcome.drift == outcome.compared
    assert outcome.at_most == 1.0


def test_a_sample_as_large_as_the_table_is_the_table(partnered: Landscape) -> None:
    partnered.new.run("DELETE FROM partner WHERE id = 8")
    (outcome,) = run(partnered, Mode.SAMPLE, sample=1000).outcomes
    assert (outcome.compared, outcome.missing) == (300, 1)
    assert outcome.at_most == pytest.approx(1 / 300)


def test_a_sample_that_draws_nothing_says_so(make: Make) -> None:
    landscape = make("sqlite", "sqlite")
    landscape.legacy.insert("partner", partners(3, "sqlite"))
    landscape.fill()
    job = Job("partners", Mode.SAMPLE, confirm=False, sample=1)
    runs = (reconcile(landscape.settings, landscape.control, job) for _ in range(60))
    empty = next(each for each in runs if not each.outcomes[0].compared)  # three times in ten
    assert empty.status is Status.INCOMPLETE
    assert empty.reason is not None
    assert "drew no key of partner" in empty.reason


def test_recent_looks_at_the_keys_that_events_were_about_and_no_others(partnered: Landscape) -> None:
    now = time.time()
    log = assembly.log(partnered.settings)
    for number, key in enumerate([5, 7, 8, 9]):
        position = Position(f"{number:04d}")
        moment = now - 7200 if key == 5 else now - 60
        event = Event(
            "PartnerChanged",
            "partners",
            "partner",
            Effect.UPSERT,
            f"[{key}]",
            position,
            moment,
            "v",
            {"id": key},
        )
        log.append("erp", [event], position)
    log.close()
    partnered.new.run(
        "UPDATE partner SET name = 'x' WHERE id IN (5, 7, 20)", "DELETE FROM partner WHERE id = 8"
    )
    (outcome,) = run(partnered, Mode.RECENT, since=now - 3600).outcomes
    assert outcome.compared == 3
    assert [each.key for each in outcome.differences] == ["[7]", "[8]"]


def test_recent_goes_back_to_the_run_before(partnered: Landscape) -> None:
    log = assembly.log(partnered.settings)
    event = Event(
        "PartnerChanged",
        "partners",
        "partner",
        Effect.UPSERT,
        "[7]",
        Position("1"),
        time.time() - 2000,
        "v",
        {"id": 7},
    )
    log.append("erp", [event], Position("1"))
    log.close()
    assert run(partnered, Mode.RECENT).outcomes[0].compared == 1
    run(partnered, Mode.FULL)
    assert run(partnered, Mode.RECENT).outcomes[0].compared == 0


def test_a_run_has_its_mode_and_job_on_record(partnered: Landscape) -> None:
    found = run(partnered, Mode.QUICK, entities=("partner",))
    recorded = reconciliations.get(partnered.control, found.run)
    assert recorded is not None
    assert (recorded.mode, recorded.status) == ("quick", Status.CLEAN)
    assert recorded.job["entities"] == ["partner"]


@pytest.mark.parametrize("pair", ["postgresql-postgresql", "sqlite-sqlite"])
def test_keys_in_clumps_far_apart_are_divided_until_they_can_be_read(
    make: Make, pair: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One key far away makes a bucket of all others."""
    monkeypatch.setattr("strangler.reconcile.grid.SLAB_ROWS", 100)
    legacy, store = pair.split("-")
    landscape = make(
        legacy,
        store,
        "CREATE TABLE partner (id bigint PRIMARY KEY, name text)"
        if legacy != "sqlite"
        else "CREATE TABLE partner (id INTEGER PRIMARY KEY, name TEXT)",
        entity={"table": "partner", "key": "id", "fields": {"id": "id", "name": "name"}},
    )
    landscape.legacy.insert(
        "partner", [*((n, "a") for n in range(-400, 400)), (2**62, "far"), (-(2**62), "away")]
    )
    landscape.fill()
    landscape.new.run(
        "UPDATE partner SET name = 'b' WHERE id IN (-399, 0, 398)", "DELETE FROM partner WHERE id < -400"
    )
    outcome = landscape.compare()
    assert {each.key for each in outcome.differences} == {"[-399]", "[0]", "[398]", f"[{-(2**62)}]"}
    assert outcome.compared == 802
