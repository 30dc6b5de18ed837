"""The facts of the report are those that were recorded."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from sqlalchemy import update

from strangler.control import comparisons, ledger, reconciliations, standings, tables, traffic
from strangler.control.comparisons import Comparison
from strangler.control.shares import Found, Shares
from strangler.control.store import Control
from strangler.control.traffic import Traffic
from strangler.cutover.gates import Gate, Verdict
from strangler.cutover.stages import EVERYONE, Side, Stage
from strangler.cutover.steps import Target
from strangler.progress import Progress
from strangler.report import render, wording
from tests.control.test_ledger import unguard

from . import migration
from .conftest import measured
from .migration import NOW

MINUTE = int(NOW // 60)


def calls(
    minute: int,
    kind: str,
    side: Side,
    count: int,
    *,
    errors: int = 0,
    seconds: float = 0.0,
    cohort: str = EVERYONE,
) -> Traffic:
    """One facade's calls of a minute."""
    return Traffic(minute, "facade-1", "party", cohort, kind, side, count, errors, 0, seconds)


def test_functions_stand_where_they_were_moved_to(progress: Progress) -> None:
    reached = {f.name: (f.standing.stage, f.standing.weight) for f in progress.functions}
    expected = {name: (target.stage, target.weight) for name, target in migration.REACHED.items()}
    assert reached == dict.fromkeys(migration.TITLES, (Stage.LEGACY, 0)) | expected
    assert list(progress.by_stage.values()) == [3, 1, 1, 2, 2, 1]


def test_steps_begin_in_legacy_and_tell_of_the_way_back_too(progress: Progress) -> None:
    stock = next(f for f in progress.functions if f.name == "stock")
    stages = [(step.stage, step.weight) for step in stock.steps]
    assert stages[0] == (Stage.LEGACY, 0)
    assert (Stage.SYNCING, 0) in stages[3:]
    assert stages[-1] == (Stage.CANARY, 5_000)
    assert [step.at for step in stock.steps] == sorted(step.at for step in stock.steps)


def test_the_share_is_that_of_the_last_hour_and_of_both_kinds(control: Control) -> None:
    traffic.add(
        control,
        [
            calls(MINUTE - 61, "read", Side.LEGACY, 10_000),
            calls(MINUTE - 3, "read", Side.LEGACY, 60, seconds=3.0),
            calls(MINUTE - 2, "read", Side.NEW, 30, errors=2, seconds=0.3),
            calls(MINUTE, "write", Side.LEGACY, 10),
        ],
    )
    (party,) = measured(control, party="Partners").functions
    assert party.share == pytest.approx(0.3)
    new = next(each for each in party.calls if each.side is Side.NEW)
    assert (new.calls, new.errors) == (30, 2)
    assert new.latency == pytest.approx(0.01)


def test_the_history_loses_no_call_and_fits_a_chart(control: Control) -> None:
    minutes = range(MINUTE - 5_000, MINUTE + 1, 7)
    traffic.add(control, [calls(minute, "read", Side.NEW, 3) for minute in minutes])
    progress = measured(control, party="Partners", sale="Sales")
    party, sale = (f.history for f in progress.functions)
    assert len(party) <= 120
    assert sum(point.new for point in party) == 3 * len(minutes)
    assert [point.at for point in sale] == [point.at for point in party]
    assert sum(point.minutes for point in party) == MINUTE - minutes[0] + 1
    assert sum(point.new for point in progress.history) == 3 * len(minutes)


def test_gates_that_block_are_told_in_words(progress: Progress) -> None:
    by_name = {f.name: f for f in progress.functions}
    assert by_name["party"].target is None
    assert by_name["payment"].target == Target(Stage.SYNCING, 0)
    assert by_name["payment"].gates == ()
    blocked = {gate.name: gate for gate in by_name["invoice"].blocked}
    assert blocked[Gate.BACKFILL].verdict is Verdict.FAIL
    assert "still going on" in blocked[Gate.BACKFILL].words


def test_drift_rows_quarantine_and_late_writes_are_those_recorded(progress: Progress) -> None:
    by_name = {f.name: f for f in progress.functions}
    assert by_name["purchase"].reconciled is not None
    assert by_name["purchase"].reconciled.run.drift == 2
    assert [each.key for each in by_name["purchase"].reconciled.findings] == ['["PO-0"]', '["PO-1"]']
    assert by_name["party"].rows == 2_013 + 2_013 // 7
    assert by_name["invoice"].quarantined == 2
    assert by_name["price"].late_writes == 3


def test_what_is_wrong_comes_before_what_is_worth_knowing(progress: Progress) -> None:
    told = [(each.function, each.wrong) for each in progress.attention]
    assert told == sorted(told, key=lambda each: not each[1])
    wrong = {each.function for each in progress.attention if each.wrong}
    assert wrong == {"price", "purchase", "invoice"}
    assert any("period close" in each.words for each in progress.attention)


def test_invariant_8_a_ledger_that_was_tampered_with_is_told(control: Control) -> None:
    for number in range(3):
        ledger.append(control, actor="a", kind="note", function="party", body={"n": number}, at=NOW)
    unguard(control)
    with control.begin() as connection:
        changed = update(tables.ledger).where(tables.ledger.c.seq == 2).values(actor="somebody else")
        connection.execute(changed)
    progress = measured(control, party="Partners")
    assert progress.ledger.entries == 1
    assert [(each.function, each.wrong) for each in progress.attention] == [("", True)]
    assert "entry 2" in progress.attention[0].words


def test_drift_of_one_cohort_is_told_of_its_function(control: Control) -> None:
    standings.amend(control, "party", "1000", at=NOW - 90, stage=Stage.SHADOW)
    run = reconciliations.start(control, "party", mode="full", job={}, at=NOW - 60)
    reconciliations.finish(control, run, reconciliations.Status.CLEAN, at=NOW - 50)
    run = reconciliations.start(control, "party", mode="quick", job={}, at=NOW - 40)
    told = Shares({"1000": Found(2), "*": Found()})
    counts = {"missing": 2}
    reconciliations.finish(
        control, run, reconciliations.Status.DRIFT, at=NOW - 30, counts=counts, shares=told
    )
    assert (True, "the quick reconciliation 2 found drift") in _told(control)


def test_nothing_recorded_is_no_zero(control: Control) -> None:
    progress = measured(control, party="Partners")
    (party,) = progress.functions
    assert progress.share is None
    assert party.share is None
    assert party.reconciled is None
    assert (progress.history, progress.begun, progress.attention) == ((), None, ())


def test_what_new_wrote_as_the_owner_is_worth_knowing_and_not_wrong(control: Control) -> None:
    run = reconciliations.start(control, "party", mode="full", job={}, at=NOW - 60)
    reconciliations.finish(control, run, reconciliations.Status.DRIFT, at=NOW - 50, counts={"different": 2})
    before = standings.of(control, "party")
    assert _told(control) == [(True, "2 keys differ between legacy and store")]
    standings.change(control, before, replace(before, stage=Stage.LIVE, owner=Side.NEW), at=NOW - 70)
    ((wrong, words),) = _told(control)
    assert not wrong
    assert words.endswith("what new wrote since the switch isn't in legacy")


def test_invariant_7_a_reconciliation_that_was_stopped_half_way_never_reads_as_clean(
    control: Control,
) -> None:
    run = reconciliations.start(control, "party", mode="full", job={}, at=NOW - 60)
    reconciliations.finish(
        control, run, reconciliations.Status.INCOMPLETE, at=NOW - 50, reason="asked to stop"
    )
    assert _told(control) == [(False, "the last reconciliation is incomplete: asked to stop")]
    progress = measured(control, party="Partners")
    (party,) = progress.functions
    assert wording.drift(party) == "incomplete"
    assert wording.total_drift(progress) == wording.NONE
    for form in ("html", "md"):
        assert "incomplete" in render(progress, form)
        assert "clean" not in render(progress, form)


def test_a_quick_look_that_found_drift_is_told_beside_the_full_one_before_it(control: Control) -> None:
    for mode, status, missing in (("full", "clean", 0), ("quick", "drift", 2)):
        run = reconciliations.start(control, "party", mode=mode, job={}, at=NOW - 60)
        counts = {"missing": missing}
        reconciliations.finish(control, run, reconciliations.Status(status), at=NOW - 50, counts=counts)
    assert _told(control) == [(True, "the quick reconciliation 2 found drift")]
    (party,) = measured(control, party="Partners").functions
    assert party.reconciled is not None
    assert party.reconciled.run.id == 1


def _told(control: Control) -> list[tuple[bool, str]]:
    return [(each.wrong, each.words) for each in measured(control, party="Partners").attention]


def test_cohorts_that_move_on_their_own_have_figures_of_their_own(control: Control) -> None:
    for cohort in (EVERYONE, "1000"):
        standings.amend(control, "party", cohort, at=NOW - 7200, stage=Stage.CANARY, weight=2_500)
    traffic.add(
        control,
        [
            calls(MINUTE, "read", Side.LEGACY, 60),
            calls(MINUTE, "read", Side.NEW, 30, cohort="1000"),
            calls(MINUTE, "read", Side.LEGACY, 10, cohort="1000"),
        ],
    )
    counted = {EVERYONE: (40, 0), "1000": (7, 2), "never": (9, 9)}
    comparisons.add(
        control,
        [Comparison(MINUTE, "f", "party", name, *figures, 0, 0) for name, figures in counted.items()],
    )
    progress = measured(control, party="Partners")
    (party,) = progress.functions
    (own,) = party.cohorts
    assert (party.share, own.share) == (0.3, 0.75)
    assert (party.compared.total, party.compared.differing) == (40, 0)
    assert (own.standing.cohort, own.compared.total, own.compared.differing) == ("1000", 9, 2)
    (told,) = json.loads(render(progress, "json"))["functions"][0]["cohorts"]
    assert (told["cohort"], told["weight"], told["share_on_new"]) == ("1000", 0.25, 0.75)
    assert (told["shadow"]["matched"], told["calls_last_hour"][0]["calls"]) == (7, 10)
    assert re.search(r"\| 1000 \| canary 25% \| legacy \| 75% \| 9 \| 2 \| 0 \| 0 \|", render(progress, "md"))
    page = render(progress, "html")
    assert "Cohorts that move on their own" in page
    assert page.count("Cohorts that move on their own") == 1
