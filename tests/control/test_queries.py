"""What the control store answers, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from strangler.changes import ORIGIN, Position
from strangler.control import (
    backfills,
    balances,
    comparisons,
    deliveries,
    facades,
    ledger,
    quarantine,
    reconciliations,
    sources,
    standings,
    traffic,
)
from strangler.control.balances import Balance
from strangler.control.comparisons import Compared, Comparison, Mismatch
from strangler.control.quarantine import Held, State
from strangler.control.reconciliations import Finding, Status
from strangler.control.shares import NOTHING, Found, Shares
from strangler.control.store import Control
from strangler.control.traffic import Calls, Traffic
from strangler.cutover.stages import EVERYONE, Stage, Standing, at_the_start
from strangler.errors import Refused

START = at_the_start("party")


def test_a_function_that_nobody_touched_is_at_the_start(control: Control) -> None:
    assert standings.of(control, "party") == START
    assert standings.snapshot(control) == standings.Snapshot(0, ())
    assert standings.snapshot(control).of("party") == START


def test_each_change_of_a_standing_makes_the_generation_grow_by_one(control: Control) -> None:
    first = standings.change(control, START, replace(START, stage=Stage.SYNCING), at=10.0)
    second = standings.change(control, first, replace(first, fenced=True, sync_until=Position("7")), at=20.0)
    other = standings.change(control, at_the_start("sale"), at_the_start("sale"), at=30.0)
    assert [first.generation, second.generation, other.generation] == [1, 2, 3]
    assert standings.snapshot(control) == standings.Snapshot(3, (second, other))
    assert standings.generation(control) == 3


def test_since_is_when_the_stage_began(control: Control) -> None:
    syncing = standings.change(control, START, replace(START, stage=Stage.SYNCING), at=10.0)
    held = standings.change(control, syncing, replace(syncing, hold="period close"), at=20.0)
    assert (syncing.since, held.since) == (10.0, 10.0)


def test_an_amendment_changes_only_its_fields_of_whatever_the_standing_is_now(control: Control) -> None:
    amended = standings.amend(control, "party", at=10.0, hold="period close")
    assert amended == replace(START, hold="period close", generation=1, since=10.0)
    assert standings.amend(control, "party", at=20.0, weight=5) == replace(amended, weight=5, generation=2)


@pytest.mark.parametrize("known", [True, False])
def test_who_decides_on_an_old_standing_is_refused_and_changes_nothing(control: Control, known: bool) -> None:
    before = standings.change(control, START, replace(START, stage=Stage.SYNCING), at=1.0) if known else START
    now = standings.change(control, before, replace(before, weight=1), at=2.0)
    with pytest.raises(Refused, match="changed by somebody else"):
        standings.change(control, before, replace(before, weight=2), at=3.0)
    assert standings.of(control, "party") == now
    assert standings.generation(control) == now.generation


def test_of_many_deciders_at_once_one_wins(control: Control) -> None:
    won: list[Standing] = []

    def decide(weight: int) -> None:
        with suppress(Refused):
            won.append(standings.change(control, START, replace(START, weight=weight), at=1.0))

    threads = [threading.Thread(target=decide, args=(n,)) for n in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [standings.of(control, "party")] == won


def test_a_source_keeps_its_first_identity_and_forgets_an_error_when_heard_of(control: Control) -> None:
    sources.fail(control, "erp", "connection refused")
    assert sources.identity(control, "erp") is None
    sources.remember(control, "erp", "slot-1")
    sources.remember(control, "erp", "slot-2")
    assert sources.identity(control, "erp") == "slot-1"
    before = sources.get(control, "erp")
    assert before is not None
    assert (before.position, before.error) == (ORIGIN, "connection refused")
    sources.seen(control, "erp", Position("0/9"), seen_at=100.0, committed_at=99.0)
    expected = sources.SourceRecord("erp", "slot-1", Position("0/9"), 100.0, 99.0, None)
    assert sources.all_sources(control) == {"erp": expected}
    sources.forget(control, "erp")
    assert sources.get(control, "erp") is None


def test_delivery_is_reported_in_totals_and_survives_a_failure(control: Control) -> None:
    assert deliveries.rows(control, "party", 0) == 0
    deliveries.fail(control, "party", "no route to host")
    deliveries.report(control, "party", position=Position("5"), generation=2, rows=10, late_writes=1, lag=0.5)
    record = deliveries.get(control, "party")
    assert record is not None
    assert (record.position, record.rows, record.late_writes, record.lag) == ("5", 10, 1, 0.5)
    assert record.error is None
    deliveries.fail(control, "party", "disk full")
    assert deliveries.all_deliveries(control)["party"] == replace(record, error="disk full")


def test_delivery_is_as_far_as_the_last_of_its_partitions(control: Control) -> None:
    deliveries.expect(control, "party", 3)
    deliveries.report(control, "party", position=Position("7"), generation=4, rows=5, late_writes=1, lag=2.0)
    deliveries.report(
        control, "party", partition=1, position=Position("9"), generation=3, rows=6, late_writes=2, lag=0.5
    )
    record = deliveries.get(control, "party")
    assert record is not None
    assert (record.position, record.generation, record.lag, record.seen_at) == (ORIGIN, 0, None, 0.0), (
        "of the third nobody has heard"
    )
    deliveries.report(
        control, "party", partition=2, position=Position("8"), generation=5, rows=0, late_writes=0, lag=0.0
    )
    record = deliveries.get(control, "party")
    assert record is not None
    assert (record.position, record.generation, record.rows, record.late_writes, record.lag) == (
        "7",
        3,
        11,
        3,
        2.0,
    )
    assert deliveries.rows(control, "party", 1) == 6
    deliveries.expect(control, "party", 1)
    assert deliveries.all_deliveries(control)["party"].rows == 5, "the others are no more"


def test_a_backfill_is_asked_for_begun_counted_and_finished(control: Control) -> None:
    assert backfills.request(control, "party", "party").run == 1
    backfills.begin(control, "party", "party", run=1, stamp=Position("0/5"), estimate=100)
    backfills.add_rows(control, "party", "party", 40)
    backfills.add_rows(control, "party", "party", 2)
    (record,) = backfills.unfinished(control, "party")
    assert (record.run, record.stamp, record.rows, record.estimate) == (1, "0/5", 42, 100)
    backfills.finish(control, "party", "party", run=1)
    assert backfills.unfinished(control, "party") == []
    again = backfills.request(control, "party", "party")
    backfills.finish(control, "party", "party", run=1)
    assert [record.run for record in backfills.unfinished(control, "party")] == [2], (
        "the second one isn't finished by the first"
    )
    assert (again.run, again.stamp, again.rows, again.finished_at) == (2, "", 0, None)


def _held(key: str, position: str, function: str = "party") -> Held:
    return Held(function, "party", key, Position(position), "bad date", "{}", 1.0)


def _decide(control: Control, key: str, state: State) -> int:
    return quarantine.decide(control, "party", {("party", key)}, state, actor="eva@host", at=5.0)


def test_invariant_7_holding_again_holds_nothing_twice(control: Control) -> None:
    quarantine.hold(control, [_held("[1]", "2"), _held("[1]", "1"), _held("[2]", "3")])
    quarantine.hold(control, [replace(_held("[1]", "1"), reason="another"), _held("[9]", "9", "sale")])
    assert quarantine.show(control, "party", "party", "[1]") == [_held("[1]", "1"), _held("[1]", "2")]
    assert quarantine.keys(control, "party", "party") == {"[1]", "[2]"}
    assert quarantine.counts(control) == {"party": 2, "sale": 1}


def test_what_a_person_decided_on_is_taken_in_order_and_removed(control: Control) -> None:
    quarantine.hold(control, [_held("[1]", "2"), _held("[1]", "1"), _held("[2]", "3")])
    assert quarantine.take(control) == []
    assert _decide(control, "[1]", State.RETRY) == 2
    assert _decide(control, "[7]", State.DROP) == 0
    taken = quarantine.take(control)
    assert [(held.position, held.state) for held in taken] == [("1", State.RETRY), ("2", State.RETRY)]
    quarantine.remove(control, taken)
    assert quarantine.listed(control) == [_held("[2]", "3")]


def test_invariant_8_who_decides_about_quarantined_keys_stands_on_the_ledger(control: Control) -> None:
    quarantine.hold(control, [_held("[1]", "1"), _held("[1]", "2"), _held("[2]", "3")])
    _decide(control, "[1]", State.RETRY)
    _decide(control, "[2]", State.DROP)
    assert [(each.actor, each.kind, each.function, each.body) for each in ledger.entries(control)] == [
        ("eva@host", "quarantine retry", "party", {"keys": 1, "which": [["party", "[1]"]], "changes": 2}),
        ("eva@host", "quarantine drop", "party", {"keys": 1, "which": [["party", "[2]"]], "changes": 1}),
    ]


def test_a_retry_of_all_leaves_what_somebody_wants_dropped(control: Control) -> None:
    quarantine.hold(control, [_held("[1]", "1"), _held("[2]", "2"), _held("[3]", "3", "sale")])
    _decide(control, "[2]", State.DROP)
    quarantine.retry_all(control, "party")
    assert [(held.key, held.state) for held in quarantine.take(control)] == [
        ("[1]", State.RETRY),
        ("[2]", State.DROP),
    ]


def test_the_keys_that_wait_are_listed_with_the_first_change_and_how_many_wait_behind(
    control: Control,
) -> None:
    quarantine.hold(control, [_held("[1]", "2"), _held("[1]", "1"), _held("[2]", "3"), _held("[1]", "4")])
    found = quarantine.waiting(control, "party")
    assert [(each.first.key, each.first.position, each.behind) for each in found] == [
        ("[1]", "1", 2),
        ("[2]", "3", 0),
    ]
    assert [each.first.key for each in quarantine.waiting(control, limit=1)] == ["[1]"]


def test_a_key_of_any_length_can_be_held(control: Control) -> None:
    long = _held("[" + "x" * 2000 + "]", "1")
    quarantine.hold(control, [long])
    assert quarantine.listed(control, "party") == [long]


def test_traffic_adds_up_over_parts_facades_and_minutes(control: Control) -> None:
    one = Traffic(10, "f1", "party", EVERYONE, "read", "new", 3, 1, 0, 0.5)
    traffic.add(
        control, [one, one._replace(side="legacy"), one._replace(minute=11), one._replace(function="sale")]
    )
    traffic.add(control, [one, one._replace(facade="f2", kind="write", fenced=2)])
    traffic.add(control, [])
    assert traffic.sums(control, function="party") == {
        ("party", "read", "new"): Calls(9, 3, 0, 1.5),
        ("party", "read", "legacy"): Calls(3, 1, 0, 0.5),
        ("party", "write", "new"): Calls(3, 1, 2, 0.5),
    }
    assert traffic.sums(control, since=11) == {("party", "read", "new"): Calls(3, 1, 0, 0.5)}
    assert list(traffic.per_minute(control, "party")) == [
        (10, "read", "legacy"),
        (10, "read", "new"),
        (10, "write", "new"),
        (11, "read", "new"),
    ]


def test_comparisons_add_up_and_samples_are_bounded_per_function(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparisons, "SAMPLES_KEPT", 5)
    part = Comparison(10, "f1", "party", EVERYONE, 5, 1, 2, 3)
    comparisons.add(control, [part, part._replace(facade="f2"), part._replace(minute=9)])
    comparisons.add(control, [part])
    assert comparisons.sums(control, "party", since=10) == Compared(15, 3, 6, 9, last_minute=10)
    assert comparisons.sums(control, "sale") == Compared()
    samples = [
        Mismatch(float(n), "party", EVERYONE, f"GET /{n}", [{"path": "name", "legacy": n}]) for n in range(12)
    ]
    comparisons.add_mismatches(control, [Mismatch(0.0, "sale", EVERYONE, "GET /", [])])
    comparisons.add_mismatches(control, samples[:7])
    comparisons.add_mismatches(control, samples[7:])
    assert comparisons.mismatches(control, "party") == samples[:6:-1]
    assert len(comparisons.mismatches(control, "sale")) == 1


def test_a_facade_not_seen_for_long_is_gone(control: Control) -> None:
    facades.seen(control, "a", generation=1, address="http://a", at=100.0)
    facades.seen(control, "b", generation=1, address="http://b", at=105.0)
    facades.seen(control, "b", generation=2, address="http://b", at=109.0)
    assert [f.id for f in facades.live(control, now=115.0)] == ["a", "b"]
    assert [(f.id, f.generation) for f in facades.live(control, now=116.0)] == [("b", 2)]
    assert facades.forget(control, "b")
    assert not facades.forget(control, "b")
    assert facades.live(control, now=116.0) == []


def test_a_line_that_lasts_is_waited_for_when_it_is_silent(control: Control) -> None:
    facades.seen(control, "nginx", generation=3, address="nginx by /x", at=100.0, lasts=True)
    facades.seen(control, "gone", generation=3, address="http://gone", at=100.0)
    assert [f.id for f in facades.awaited(control, now=110.0)] == ["gone", "nginx"]
    (line,) = facades.awaited(control, now=1_000_000.0)
    assert (line.id, line.generation, line.lasts) == ("nginx", 3, True)
    assert facades.live(control, now=1_000_000.0) == []
    assert len(facades.silent(control, now=1_000_000.0)) == 2
    facades.forget(control, "nginx")
    assert facades.awaited(control, now=1_000_000.0) == []


def test_a_facade_says_until_when_its_last_write_is_over_should_it_fall_silent(control: Control) -> None:
    facades.seen(control, "a", generation=1, address="http://a", at=100.0, longest=70.0)
    facades.seen(control, "b", generation=1, address="http://b", at=100.0)
    facades.seen(control, "c", generation=1, address="nginx by /x", at=100.0, lasts=True)
    known = facades.everyone(control)
    assert [each.over_at for each in known] == [185.0, 115.0, inf]
    assert [known[0].silent(at) for at in (115.0, 116.0)] == [False, True]


def test_a_reconciliation_is_evidence_only_once_it_has_ended(control: Control) -> None:
    first = reconciliations.start(control, "party", mode="full", job={}, at=1.0)
    assert reconciliations.latest(control, "party") is None
    reconciliations.add_findings(control, first, [Finding("party", "[2]", "missing", {})])
    again = [Finding("party", "[2]", "different", {"name": ["a", "b"]}), Finding("party", "[1]", "extra", {})]
    reconciliations.add_findings(control, first, again)
    counts = {"compared": 10, "extra": 1, "different": 1}
    reconciliations.finish(control, first, Status.DRIFT, at=2.0, position=Position("5"), counts=counts)
    second = reconciliations.start(control, "party", mode="full", job={}, at=3.0)
    found = reconciliations.latest(control, "party")
    assert found is not None
    assert (found.id, found.status, found.drift, found.position) == (first, Status.DRIFT, 2, "5")
    assert reconciliations.findings(control, first) == again[::-1]
    assert [run.id for run in reconciliations.listed(control, "party")] == [second, first]
    reconciliations.finish(control, second, Status.FAILED, at=4.0, reason="timeout")
    assert [run.status for run in reconciliations.listed(control)] == [Status.FAILED, Status.DRIFT]


def ended(
    control: Control, mode: str, status: Status, entities: tuple[str, ...] = (), shares: Shares = NOTHING
) -> int:
    run = reconciliations.start(control, "party", mode=mode, job={"entities": entities}, at=1.0)
    counts = {"different": 2} if status is Status.DRIFT else {}
    reconciliations.finish(control, run, status, at=2.0, counts=counts, shares=shares)
    return run


def test_what_looked_at_less_than_everything_is_no_evidence_that_both_sides_are_alike(
    control: Control,
) -> None:
    whole = ended(control, "full", Status.CLEAN)
    ended(control, "full", Status.CLEAN, ("party",))
    ended(control, "quick", Status.CLEAN)
    reconciliations.start(control, "party", mode="full", job={"entities": []}, at=3.0)
    found = reconciliations.latest_whole(control, "party")
    assert found is not None
    assert (found.id, found.whole) == (whole, True)
    assert reconciliations.latest_whole(control, "product") is None


def test_an_alarm_is_drift_that_no_look_at_the_same_keys_has_answered(control: Control) -> None:
    ended(control, "quick", Status.DRIFT)
    ended(control, "full", Status.CLEAN)
    whole = reconciliations.latest_whole(control, "party")
    assert whole is not None
    assert reconciliations.alarm(control, "party", whole, "*", ()) is None, "older than the last full one"
    ended(control, "quick", Status.CLEAN)
    sample = ended(control, "sample", Status.DRIFT)
    ended(control, "quick", Status.DRIFT)
    ended(control, "quick", Status.CLEAN)
    ended(control, "sample", Status.FAILED)
    found = reconciliations.alarm(control, "party", whole, "*", ())
    assert found is not None
    assert found.id == sample
    ended(control, "sample", Status.CLEAN)
    found = reconciliations.alarm(control, "party", whole, "*", ())
    assert found is not None, "the next sample has other keys"
    assert found.id == sample
    ended(control, "full", Status.CLEAN)
    newer = reconciliations.latest_whole(control, "party")
    assert newer is not None
    assert reconciliations.alarm(control, "party", newer, "*", ()) is None


def test_an_alarm_is_asked_for_without_reading_the_history(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for at each look at each cohort, and a schedule may run every minute."""
    ended(control, "full", Status.CLEAN)
    whole = reconciliations.latest_whole(control, "party")
    assert whole is not None
    read: list[set[str]] = []
    as_it_is = reconciliations._run

    def parsed(row: Mapping[str, Any]) -> reconciliations.Run:
        read.append(set(row))
        return as_it_is(row)

    monkeypatch.setattr(reconciliations, "_run", parsed)
    for _ in range(30):
        ended(control, "quick", Status.CLEAN)
    assert reconciliations.alarm(control, "party", whole, "*", ()) is None
    assert read == []
    last = [ended(control, "quick", Status.DRIFT) for _ in range(30)][-1]
    found = reconciliations.alarm(control, "party", whole, "*", ())
    assert found is not None
    assert found.id == last
    assert len(read) == 1
    assert not read[0] & {"parts", "left_out"}
    ended(control, "quick", Status.CLEAN, ("party",))
    ended(control, "quick", Status.CLEAN)
    assert reconciliations.alarm(control, "party", whole, "*", ()) is None


def test_an_alarm_about_one_cohort_is_none_for_the_others(control: Control) -> None:
    ended(control, "full", Status.CLEAN)
    whole = reconciliations.latest_whole(control, "party")
    assert whole is not None

    def alarms() -> list[int | None]:
        found = (
            reconciliations.alarm(control, "party", whole, each, ("A", "B")) for each in ("A", "B", "C", "*")
        )
        return [run and run.id for run in found]

    told = {"A": Found(2), "B": Found(), "*": Found()}
    of_a = ended(control, "quick", Status.DRIFT, shares=Shares(told))
    assert alarms() == [of_a, None, None, None]
    of_all = ended(control, "quick", Status.DRIFT)
    assert alarms() == [of_all] * 4
    again = ended(control, "quick", Status.DRIFT, shares=Shares(told))
    assert alarms() == [again, None, None, None], "it answers what was found before of the others"
    untold = ended(control, "sample", Status.DRIFT, shares=Shares(told, Found(1)))
    assert alarms() == [untold] * 4


def test_the_balances_of_a_run_are_kept_with_it(control: Control) -> None:
    run = reconciliations.start(control, "sale", mode="quick", job={}, at=1.0)
    found = [
        Balance(
            "stock", 7, 1, 2, 3, 0, {"balance": "stock", "differences": [{"dimensions": {"plant": None}}]}
        ),
        Balance("ledger", 5, 0, 0, 0, 0, {"balance": "ledger"}),
    ]
    balances.record(control, run, found)
    balances.record(control, run, [found[0]])
    balances.record(control, run + 1, [])
    assert balances.of_run(control, run) == [found[1], found[0]]
    assert balances.of_run(control, run + 1) == []
