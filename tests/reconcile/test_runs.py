"""A run is recorded whatever becomes of it; on the command line: 0 clean, 1 drift, 2 could not check."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from strangler import assembly
from strangler.changes import ORIGIN, Position
from strangler.control import quarantine, reconciliations, standings
from strangler.control.quarantine import Held
from strangler.control.reconciliations import Status
from strangler.cutover.stages import Side, Stage
from strangler.events import Effect, Event
from strangler.ports import Offset
from strangler.reconcile import runs
from strangler.reconcile.jobs import Job, Progress
from strangler.reconcile.sides import Sides
from strangler.reconcile.switch import delta_check
from strangler.reconcile.touched import events_from

from .conftest import Make, strangler
from .landscape import Landscape, partners


def test_a_clean_run_is_recorded_and_exits_0(local: Landscape) -> None:
    result = strangler(local, "reconcile", "run", "partners")
    assert result.exit_code == 0, result.output
    assert "partners: clean, 0 of 50 keys differ" in result.output
    run = reconciliations.latest(local.control, "partners")
    assert run is not None
    assert (run.status, run.compared, run.drift) == (Status.CLEAN, 50, 0)


def test_drift_is_recorded_with_its_keys_and_exits_1(local: Landscape) -> None:
    local.new.run(
        "UPDATE partner SET name = '[red]Bold[/red]' WHERE id = 7", "DELETE FROM partner WHERE id = 8"
    )
    result = strangler(local, "reconcile", "run", "partners", "--no-confirm")
    assert result.exit_code == 1
    assert "2 of 50 keys differ" in result.output
    assert "[red]Bold[/red]" in result.output
    run = reconciliations.latest(local.control, "partners")
    assert run is not None
    assert (run.status, run.missing, run.different) == (Status.DRIFT, 1, 1)
    kinds = {each.key: each.kind for each in reconciliations.findings(local.control, run.id)}
    assert kinds == {"[7]": "different", "[8]": "missing"}


def test_json_says_everything(local: Landscape) -> None:
    local.new.run("UPDATE partner SET name = 'x' WHERE id IN (7, 9)")
    result = strangler(
        local, "reconcile", "run", "partners", "--no-confirm", "--format", "json", "--limit", "1"
    )
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["status"], found["drift"]) == ("drift", 2)
    (entity,) = found["entities"]
    assert entity["different"] == 2
    (difference,) = entity["differences"]
    assert (difference["key"], difference["kind"]) == ("[7]", "different")
    assert difference["fields"] == {"name": ["padded", "x"]}


def test_invariant_7_a_missing_legacy_table_fails_and_never_reads_as_clean(local: Landscape) -> None:
    local.legacy.run("DROP TABLE partner")
    result = strangler(local, "reconcile", "run", "partners")
    assert result.exit_code == 2
    assert "partners: could not check" in result.output
    assert "partner" in result.output
    run = reconciliations.latest(local.control, "partners")
    assert run is not None
    assert run.status is Status.FAILED
    assert run.reason


def test_invariant_7_a_missing_store_table_fails(local: Landscape) -> None:
    local.new.run("DROP TABLE partner")
    result = strangler(local, "reconcile", "run", "partners", "--format", "json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["status"] == "failed"


def test_invariant_7_a_side_that_goes_away_in_the_middle_fails(
    make: Make,
) -> None:
    landscape = make("postgresql", "sqlite")
    landscape.legacy.insert("partner", partners(50, "postgresql"))
    landscape.fill()
    landscape.new.run("DELETE FROM partner WHERE id = 3")
    told: list[str] = []

    def cut(progress: Progress) -> None:
        told.append(progress.words)
        if "buckets differ" in progress.words:
            database = landscape.legacy.url.rsplit("/", 1)[1]
            here = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            landscape.legacy.run(f"{here} AND datname = '{database}'")

    found = runs.reconcile(landscape.settings, landscape.control, Job("partners", confirm=False), told=cut)
    assert len(told) == 2
    assert (found.status, found.outcomes) == (Status.FAILED, ())
    run = reconciliations.latest(landscape.control, "partners")
    assert run is not None
    assert run.status is Status.FAILED


def test_a_store_that_stands_still_fails_instead_of_guessing(
    local: Landscape, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.legacy.run("UPDATE partner SET name = 'new' WHERE id = 7")
    local.deliver(ORIGIN)
    local.path.write_text(local.path.read_text() + "reconcile: {patience: 50ms}\n")
    prepared = assembly.source(local.settings, "erp", {"partner": ["name"]})
    prepared.prepare()
    result = strangler(local, "reconcile", "run", "partners")
    prepared.close()
    assert result.exit_code == 2
    assert "hasn't come to position" in result.output


def test_without_any_delivery_a_difference_cannot_be_judged(local: Landscape) -> None:
    local.legacy.run("UPDATE partner SET name = 'new' WHERE id = 7")
    result = strangler(local, "reconcile", "run", "partners")
    assert result.exit_code == 2
    assert "nothing was ever delivered" in result.output
    assert "--no-confirm" in result.output


def test_what_new_wrote_as_the_owner_is_listed_at_once(local: Landscape) -> None:
    """Delivery has ended then: the store will never pass a position of the source."""
    local.deliver(Position("1"))
    before = standings.of(local.control, "partners")
    standings.change(
        local.control, before, replace(before, stage=Stage.LIVE, owner=Side.NEW, weight=10_000), at=1.0
    )
    local.new.run("UPDATE partner SET name = 'written by the owner' WHERE id = 7")
    result = strangler(local, "reconcile", "run", "partners")
    assert result.exit_code == 1
    assert "written by the owner" in result.output


def test_keys_that_wait_in_quarantine_are_not_drift(local: Landscape) -> None:
    local.legacy.run("UPDATE partner SET name = 'new' WHERE id = 7")
    held = Held("partners", "partner", "[7]", Position("1"), "no such date", "{}", 0.0)
    quarantine.hold(local.control, [held])
    result = strangler(local, "reconcile", "run", "partners", "--no-confirm")
    assert result.exit_code == 0, result.output
    assert "1 in quarantine weren't compared" in result.output


def test_an_unknown_function_is_one_clear_message(local: Landscape) -> None:
    result = strangler(local, "reconcile", "run", "partner")
    assert result.exit_code == 2
    assert "partners" in result.output
    assert reconciliations.listed(local.control) == []


def test_what_a_rollback_would_lose_is_counted(local: Landscape) -> None:
    local.new.run(
        "UPDATE partner SET name = 'newer' WHERE id = 7",
        "INSERT INTO partner (id, name) VALUES (1001, 'only here')",
        "DELETE FROM partner WHERE id = 8",
    )
    found = local.only_in_new()
    assert (found.extra, found.different, found.removed, found.total) == (1, 1, 1, 3)
    assert [each.key for each in found.examples] == ["[1001]", "[7]", "[8]"]


def test_the_delta_check_compares_the_keys_that_it_is_given(local: Landscape) -> None:
    local.new.run("UPDATE partner SET name = 'x' WHERE id IN (7, 9)")
    with Sides(local.source.reader, local.store.reader) as sides:
        found = delta_check(local.mappings, sides, {"partner": {"[7]", "[8]"}})
    assert [each.key for each in found] == ["[7]"]


def test_the_events_behind_an_offset_are_what_the_last_look_goes_on_from(local: Landscape) -> None:
    log = assembly.log(local.settings)
    data = {"id": 7}
    events = [
        Event(
            "PartnerChanged",
            "partners",
            "partner",
            Effect.UPSERT,
            f"[{n}]",
            Position(f"{n:04d}"),
            0.0,
            "v",
            data,
        )
        for n in range(20)
    ]
    log.append("erp", events, Position("0020"))
    start = Offset(log.end("partners", 0) - 3)
    keys = {each.key for each in events_from(log, "partners", 0, start)}
    assert log.partitions("partners") == 1
    log.close()
    assert keys == {"[17]", "[18]", "[19]"}
