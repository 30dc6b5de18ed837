"""Each gate, as a table: evidence in, verdict out. Too little or too old is inconclusive, never a pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from strangler.changes import Position
from strangler.control.backfills import BackfillRecord
from strangler.control.balances import Balance
from strangler.control.comparisons import Compared, Latency
from strangler.control.deliveries import DeliveryRecord
from strangler.control.effects import Effects
from strangler.control.late_writes import Hour
from strangler.control.quality_runs import QualityRun
from strangler.control.quality_runs import Status as Judged
from strangler.control.quarantine import Concerned
from strangler.control.reconciliations import Run, Status
from strangler.control.rehearsals import Rehearsal
from strangler.control.sources import SourceRecord
from strangler.control.standings import Snapshot
from strangler.control.traffic import Calls
from strangler.cutover import gates
from strangler.cutover.evidence import Evidence, Health
from strangler.cutover.gates import Gate, GateResult, Verdict
from strangler.cutover.stages import Side, Stage, Standing, at_the_start
from strangler.settings import Function

NOW = 1_000_000.0
PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def function(**changes: Any) -> Function:
    entity = {"table": "party_party", "key": "id", "fields": {"id": "id"}}
    route = {"match": {"path": "/parties"}, "kind": "read"}
    values = {
        "source": "erp",
        "store": "new",
        "entities": {"party": entity},
        "routes": [route],
        "service": {"url": "http://new"},
        "depends_on": ["country"],
    }
    return Function.model_validate(values | changes)


STANDING = replace(at_the_start("party"), stage=Stage.CANARY, weight=500, since=NOW - 500)
OWNED = replace(STANDING, stage=Stage.LIVE, owner=Side.NEW, weight=10_000)
SOURCE = SourceRecord("erp", "slot", Position("5"), NOW - 1, NOW - 1, None)
DELIVERY = DeliveryRecord("party", Position("5"), 1, 10, 0, 0.4, NOW - 1, None)
FILLED = BackfillRecord("party", "party", 1, Position("1"), 10, 10, NOW - 900, NOW - 800, NOW - 800)
RUN = Run(
    1,
    "party",
    "full",
    started_at=NOW - 100,
    updated_at=NOW - 90,
    finished_at=NOW - 90,
    status=Status.CLEAN,
    position=Position("4"),
    compared=10,
    missing=0,
    extra=0,
    different=0,
    in_flight=0,
    tolerated=0,
    reason=None,
)
QUICK = replace(RUN, id=2, mode="quick", status=Status.DRIFT, missing=2)
MINUTE = int(NOW // 60)


def traffic(new: Calls, legacy: Calls | None = None) -> dict[tuple[int, str, str], Calls]:
    """Reads of this minute; legacy's writes beside them are slow and fail."""
    both = {(MINUTE, "read", "new"): new, (MINUTE, "write", "legacy"): Calls(100, 90, 0, 900.0)}
    return both | ({(MINUTE, "read", "legacy"): legacy} if legacy else {})


def latencies(new: tuple[float, float], legacy: tuple[float, float] = (0.03, 0.4)) -> list[Latency]:
    """95 of 100 reads take the first, 5 and one more the second (seconds)."""
    return [
        Latency(side, up_to, calls, calls * seconds)
        for side, (most, rest) in (("new", new), ("legacy", legacy))
        for up_to, calls, seconds in ((50, 94, most), (10_000, 6, rest))
    ]


QUICK_CALLS = traffic(Calls(100, 1, 0, 4.0), Calls(1000, 0, 0, 40.0))
GOOD = Evidence(
    now=NOW,
    standing=STANDING,
    source=SOURCE,
    delivery=DELIVERY,
    backfills={"party": FILLED},
    reconciliation=RUN,
    compared=Compared(matched=100, last_minute=int(NOW // 60)),
    quarantined=0,
    dependencies={"country": Stage.LIVE},
    health=Health(True, "well"),
    switched_at=NOW - 90_000,
    latencies=latencies((0.04, 0.5)),
    traffic=QUICK_CALLS,
)
LATE = Hour("party", "*", "vbap", 0, 12, 0, NOW - 7200)
REHEARSED = Rehearsal(NOW - 60, {"party": 20}, {}, {"party": ["size"]})
STOCK = Balance("stock", 20, 0, 0, 0, 0, {})
CHECKED = QualityRun(1, "party", "store", NOW - 80, NOW - 70, Judged.PASSED, 5, 0, 0, 0, 0, (), None)
NO_SERVICE = function(service=None)

WRITTEN = Effects(matched=50, last_minute=int(NOW // 60))

Check = Callable[[Evidence, Function], GateResult]
CASES: list[tuple[Check, dict[str, Any], Verdict, str]] = [
    (gates.backfill.check, {}, PASS, "every backfill is finished"),
    (gates.backfill.check, {"backfills": {}}, FAIL, "hasn't begun"),
    (
        gates.backfill.check,
        {"backfills": {"party": replace(FILLED, finished_at=None, rows=4)}},
        FAIL,
        "4 of about 10 rows",
    ),
    (gates.freshness.check, {}, PASS, "1.0 s ago"),
    (gates.freshness.check, {"source": None}, INCONCLUSIVE, "never heard of"),
    (
        gates.freshness.check,
        {"source": replace(SOURCE, seen_at=0.0, error="refused")},
        INCONCLUSIVE,
        "refused",
    ),
    (gates.freshness.check, {"source": replace(SOURCE, seen_at=NOW - 31)}, FAIL, "longer than 30 s"),
    (gates.freshness.check, {"source": replace(SOURCE, seen_at=NOW + 5)}, PASS, "0.0 s ago"),
    (gates.lag.check, {}, PASS, "0.4 s behind"),
    (gates.lag.check, {"delivery": replace(DELIVERY, lag=5.1)}, FAIL, "more than 5.0 s"),
    (gates.lag.check, {"delivery": None}, INCONCLUSIVE, "isn't known"),
    (
        gates.lag.check,
        {"delivery": replace(DELIVERY, lag=None, error="disk full")},
        INCONCLUSIVE,
        "disk full",
    ),
    (gates.lag.check, {"delivery": replace(DELIVERY, seen_at=NOW - 40)}, INCONCLUSIVE, "40 s ago"),
    (gates.lag.check, {"source": replace(SOURCE, seen_at=NOW - 60)}, INCONCLUSIVE, "lag says nothing"),
    (gates.quarantine.check, {}, PASS, "0 keys wait"),
    (gates.quarantine.check, {"waiting": Concerned(1)}, FAIL, "1 key waits in quarantine, more than 0"),
    (gates.quality.check, {}, INCONCLUSIVE, "never checked on store"),
    (gates.quality.check, {"quality": {"store": CHECKED}}, PASS, "holds on store"),
    (gates.quality.check, {"quality": {"legacy": CHECKED}}, INCONCLUSIVE, "never checked on store"),
    (
        gates.quality.check,
        {"quality": {"store": replace(CHECKED, status=Judged.FAILED, critical=2)}},
        FAIL,
        "2 critical checks fail on store",
    ),
    (gates.quality.check, {"quality": {"store": replace(CHECKED, warning=3, info=1)}}, PASS, "holds"),
    (
        gates.quality.check,
        {"quality": {"store": replace(CHECKED, status=Judged.UNCHECKED, reason="no table")}},
        INCONCLUSIVE,
        "could not check: no table",
    ),
    (
        gates.quality.check,
        {"quality": {"store": replace(CHECKED, started_at=NOW - 90000, finished_at=NOW - 89990)}},
        INCONCLUSIVE,
        "older than 1 d",
    ),
    (
        gates.quality.check,
        {"quality": {"store": replace(CHECKED, started_at=NOW - 850)}},
        INCONCLUSIVE,
        "before the backfill was finished",
    ),
    (gates.drift.check, {}, PASS, "0 keys of 10 differ"),
    (gates.drift.check, {"reconciliation": None}, INCONCLUSIVE, "never reconciled"),
    (
        gates.drift.check,
        {"reconciliation": replace(RUN, status=Status.FAILED, reason="timeout")},
        INCONCLUSIVE,
        "timeout",
    ),
    (
        gates.drift.check,
        {"reconciliation": replace(RUN, status=Status.INCOMPLETE, reason="ended by SIGTERM")},
        INCONCLUSIVE,
        "incomplete: ended by SIGTERM",
    ),
    (gates.drift.check, {"reconciliation": replace(RUN, status=Status.DRIFT, unbalanced=2)}, PASS, "0 keys"),
    (gates.drift.check, {"alarm": replace(QUICK, missing=0, unbalanced=2)}, PASS, "0 keys"),
    (gates.drift.check, {"alarm": QUICK}, FAIL, "the quick reconciliation 2 since then found drift"),
    (gates.drift.check, {"reconciliation": replace(RUN, started_at=NOW - 3601)}, INCONCLUSIVE, "1 h old"),
    (
        gates.drift.check,
        {"reconciliation": replace(RUN, started_at=NOW - 850)},
        INCONCLUSIVE,
        "before the backfill",
    ),
    (
        gates.drift.check,
        {"backfills": {"party": replace(FILLED, started_at=NOW - 95, finished_at=None)}},
        INCONCLUSIVE,
        "before the backfill",
    ),
    (gates.drift.check, {"switched_at": NOW - 95}, INCONCLUSIVE, "before the last switch"),
    (
        gates.drift.check,
        {"reconciliation": replace(RUN, status=Status.DRIFT, missing=1)},
        FAIL,
        "1 key of 10 differs",
    ),
    (gates.effects.check, {}, INCONCLUSIVE, "fewer than 50"),
    (gates.effects.check, {"effects": WRITTEN}, PASS, "0 of 50"),
    (gates.effects.check, {"effects": replace(WRITTEN, matched=49)}, INCONCLUSIVE, "fewer than 50"),
    (gates.effects.check, {"effects": replace(WRITTEN, mismatched=1)}, FAIL, "1 of 51"),
    (gates.effects.check, {"effects": replace(WRITTEN, missing=1)}, FAIL, "1 of 51"),
    (gates.effects.check, {"effects": replace(WRITTEN, unexpected=1)}, FAIL, "1 of 51"),
    (gates.effects.check, {"effects": replace(WRITTEN, late=1, failed=1, dropped=99)}, PASS, "0 of 50"),
    (gates.effects.check, {"effects": replace(WRITTEN, late=2, failed=1)}, INCONCLUSIVE, "3 of 53"),
    (gates.effects.check, {"effects": replace(WRITTEN, unasked=3)}, INCONCLUSIVE, "3 of 53"),
    (gates.effects.check, {"effects": Effects(unasked=3)}, INCONCLUSIVE, "knows dry runs"),
    (gates.effects.check, {"effects": replace(WRITTEN, last_minute=1)}, INCONCLUSIVE, "old"),
    (gates.shadow.check, {}, PASS, "0 of 100"),
    (gates.shadow.check, {"compared": replace(GOOD.compared, matched=99)}, INCONCLUSIVE, "fewer than 100"),
    (gates.shadow.check, {"compared": replace(GOOD.compared, mismatched=1)}, FAIL, "more than 0.00%"),
    (gates.shadow.check, {"compared": replace(GOOD.compared, failed=2, uncompared=3)}, PASS, "0 of 100"),
    (
        gates.shadow.check,
        {"compared": replace(GOOD.compared, failed=3, uncompared=3)},
        INCONCLUSIVE,
        "6 of 106 reads could not be compared",
    ),
    (
        gates.shadow.check,
        {"compared": replace(GOOD.compared, mismatched=5, noisy=5)},
        PASS,
        "0 of 105 answers differed; 5 more differ in nothing but noise",
    ),
    (
        gates.shadow.check,
        {"compared": replace(GOOD.compared, mismatched=6, noisy=6)},
        INCONCLUSIVE,
        "6 more differ in nothing but noise, more than 5%",
    ),
    (gates.shadow.check, {"compared": replace(GOOD.compared, mismatched=50, noisy=49)}, FAIL, "1 of 150"),
    (gates.shadow.check, {"compared": replace(GOOD.compared, last_minute=1)}, INCONCLUSIVE, "old"),
    (
        gates.shadow.check,
        {"compared": replace(GOOD.compared, last_minute=1), "standing": replace(STANDING, weight=10_000)},
        PASS,
        "0 of 100",
    ),
    (gates.service.check, {}, PASS, "well"),
    (gates.service.check, {"health": None}, INCONCLUSIVE, "wasn't asked"),
    (gates.service.check, {"health": Health(False, "answers 500")}, FAIL, "answers 500"),
    (gates.dependencies.check, {}, PASS, "country is in live"),
    (gates.dependencies.check, {"dependencies": {"country": Stage.RETIRED}}, PASS, "country is in retired"),
    (
        gates.dependencies.check,
        {"dependencies": {"country": Stage.CANARY}},
        FAIL,
        "country is in canary, not in live",
    ),
    (gates.way_back.check, {}, INCONCLUSIVE, "never rehearsed"),
    (
        gates.way_back.check,
        {"rehearsal": REHEARSED},
        PASS,
        "20 rows came back as they were; 1 field has no way back",
    ),
    (
        gates.way_back.check,
        {"rehearsal": replace(REHEARSED, at=NOW - 700_000)},
        INCONCLUSIVE,
        "older than 7 d",
    ),
    (gates.way_back.check, {"rehearsal": replace(REHEARSED, failed={"party": 2})}, FAIL, "2 of party"),
    (
        gates.way_back.check,
        {"rehearsal": replace(REHEARSED, missing=("no UPDATE on vbak",))},
        FAIL,
        "no UPDATE on vbak",
    ),
    (gates.way_back.check, {"rehearsal": replace(REHEARSED, rows={})}, INCONCLUSIVE, "no row was there"),
    (gates.late_writes.check, {"standing": OWNED}, PASS, "no unexplained late write"),
    (
        gates.late_writes.check,
        {"standing": OWNED, "late_writes": [replace(LATE, last_at=NOW - 86_401)]},
        PASS,
        "for 1 d",
    ),
    (
        gates.late_writes.check,
        {"standing": OWNED, "late_writes": [replace(LATE, accepted=12)]},
        PASS,
        "for 1 d",
    ),
    (
        gates.late_writes.check,
        {"standing": OWNED, "switched_at": NOW - 3600},
        INCONCLUSIVE,
        "for 1 h, shorter than 1 d",
    ),
    (
        gates.late_writes.check,
        {"standing": OWNED, "late_writes": [LATE]},
        FAIL,
        "12 late writes came from legacy to vbap, the last 2 h ago",
    ),
    (
        gates.late_writes.check,
        {"standing": OWNED, "source": replace(SOURCE, seen_at=NOW - 31)},
        INCONCLUSIVE,
        "nobody reads",
    ),
    (gates.late_writes.check, {}, INCONCLUSIVE, "new doesn't own it yet"),
]


CASES += [
    (gates.errors.check, {}, PASS, "1 of 100 calls failed at the new service within 1 h, of legacy's 0.00%"),
    (gates.errors.check, {"traffic": traffic(Calls(100, 2, 0, 1.0))}, FAIL, "2 of 100 calls failed"),
    (
        gates.errors.check,
        {"traffic": traffic(Calls(100, 2, 0, 1.0), Calls(100, 2, 0, 1.0))},
        PASS,
        "2.00% of 100",
    ),
    (
        gates.errors.check,
        {"traffic": traffic(Calls(49, 0, 0, 1.0))},
        INCONCLUSIVE,
        "49 calls within 1 h, fewer than 50",
    ),
    (gates.errors.check, {"traffic": {}}, INCONCLUSIVE, "0 calls"),
    (
        gates.errors.check,
        {"traffic": {(MINUTE - 10, "read", "new"): Calls(100, 99, 0, 1.0)} | QUICK_CALLS},
        PASS,
        "1 of 100",  # what was before it came to its stage doesn't count
    ),
    (gates.latency.check, {}, PASS, "takes p50 40 ms, p95 500 ms, legacy p50 30 ms, p95 400 ms"),
    (gates.latency.check, {"latencies": latencies((0.04, 0.81))}, FAIL, "at most p50 100 ms, p95 800 ms"),
    (gates.latency.check, {"latencies": latencies((0.101, 0.5))}, FAIL, "p50 101 ms"),
    (gates.latency.check, {"latencies": latencies((0.04, 0.5))[:1]}, INCONCLUSIVE, "0 shadowed reads"),
    (
        gates.latency.check,
        {"traffic": traffic(Calls(100, 0, 0, 30.0), Calls(10, 0, 0, 1.0))},
        FAIL,
        "the mean of 100 answers of the new service within 1 h is 300 ms, legacy's 100 ms; at most mean 200 ms",
    ),
    (gates.latency.check, {"traffic": traffic(Calls(49, 0, 0, 30.0))}, PASS, "shadowed reads"),
    (gates.latency.lately, {"traffic": traffic(Calls(49, 0, 0, 30.0))}, INCONCLUSIVE, "49 calls"),
    (gates.latency.lately, {"traffic": traffic(Calls(50, 0, 0, 5.3))}, FAIL, "is 106 ms, legacy's 52 ms"),
]


@pytest.mark.parametrize(("check", "changes", "verdict", "words"), CASES)
def test_gate(check: Check, changes: dict[str, Any], verdict: Verdict, words: str) -> None:
    result = check(replace(GOOD, **changes), function())
    assert (result.verdict, words in result.words) == (verdict, True), result
    if not result.passes:
        assert result.do, "who is refused is told what to do"


def test_what_begins_to_fill_the_store_is_said_where_nothing_has_begun() -> None:
    in_legacy = replace(GOOD, standing=at_the_start("party"), backfills={}, delivery=None)
    for check in (gates.backfill.check, gates.lag.check):
        assert check(in_legacy, function()).do == "strangler advance party, with `strangler worker` running"
        assert check(replace(in_legacy, standing=STANDING), function()).do == "start `strangler worker`"


def test_too_few_answers_of_which_some_differ_say_so() -> None:
    few = replace(GOOD, compared=Compared(matched=2, mismatched=12, last_minute=MINUTE))
    found = gates.shadow.check(few, function())
    assert (found.verdict, found.words) == (
        INCONCLUSIVE,
        "14 reads were compared, fewer than 100; 12 differed",
    )


def test_a_limit_that_is_raised_lets_more_pass() -> None:
    lenient = function(
        gates={"drift": {"max": 3}, "quarantine": {"max": 1}, "shadow": {"max_mismatch": "2%"}}
    )
    drifting = replace(RUN, status=Status.DRIFT, missing=1, extra=1, different=1)
    counted = replace(GOOD.compared, mismatched=2)
    found = replace(GOOD, reconciliation=drifting, waiting=Concerned(0, 1), compared=counted)
    assert all(result.passes for result in gates.judge(Stage.LIVE, lenient, found))
    assert not gates.drift.check(replace(found, reconciliation=replace(drifting, missing=2)), lenient).passes


def test_without_a_service_nothing_can_be_shadowed() -> None:
    assert gates.service.check(GOOD, NO_SERVICE).verdict is FAIL


def test_every_stage_says_what_it_takes_and_each_gate_has_a_check() -> None:
    assert set(gates.NEEDED) == set(Stage)
    for stage in Stage:
        before = OWNED if stage is Stage.RETIRED else STANDING
        results = gates.judge(stage, function(), replace(GOOD, standing=before))
        assert tuple(result.name for result in results) == gates.needed(stage, function(), before.stage)
        assert all(result.passes for result in results), results


def test_effects_are_needed_for_the_step_to_live_where_writes_are_shadowed() -> None:
    writes = function(shadow={"writes": True})
    assert Gate.EFFECTS in gates.needed(Stage.LIVE, writes)
    assert Gate.EFFECTS not in gates.needed(Stage.CANARY, writes)
    assert Gate.EFFECTS not in gates.needed(Stage.LIVE, function())


def test_a_function_that_nobody_reads_needs_nothing_of_what_reads_show() -> None:
    writes = function(routes=[{"match": {"path": "/parties"}, "kind": "write"}])
    assert not {Gate.SHADOW, Gate.ERRORS, Gate.LATENCY} & set(gates.needed(Stage.LIVE, writes))


def test_errors_are_asked_for_once_the_new_service_answers_somebody() -> None:
    assert Gate.ERRORS not in gates.needed(Stage.CANARY, function(), Stage.SHADOW)
    assert Gate.ERRORS in gates.needed(Stage.CANARY, function(), Stage.CANARY)
    assert Gate.ERRORS in gates.needed(Stage.LIVE, function(), Stage.CANARY)


BALANCED = function(balances={"stock": {"of": "party"}})
BALANCES: list[tuple[dict[str, Any], Verdict, str]] = [
    ({"balances": [STOCK]}, PASS, "0 groups of 20 of stock differ"),
    ({"balances": [replace(STOCK, different=1)]}, FAIL, "1 group of 20 of stock differs, more than 0"),
    ({"balances": [replace(STOCK, unsettled=1)]}, INCONCLUSIVE, "never came to rest"),
    ({"balances": []}, INCONCLUSIVE, "didn't compare the balance stock"),
    ({"reconciliation": None}, INCONCLUSIVE, "never reconciled"),
    (
        {"balances": [STOCK], "alarm": replace(QUICK, unbalanced=3)},
        FAIL,
        "3 groups of balances that don't agree",
    ),
    ({"balances": [STOCK], "alarm": QUICK}, PASS, "0 groups"),
]


@pytest.mark.parametrize(("changes", "verdict", "words"), BALANCES)
def test_each_balance_has_a_result_of_its_own(changes: dict[str, Any], verdict: Verdict, words: str) -> None:
    (result,) = gates.balances.checks(replace(GOOD, **changes), BALANCED)
    assert (result.name, result.verdict, words in result.words) == ("balances stock", verdict, True), result
    assert result.passes or result.do


def test_severities_that_block_are_those_that_are_named() -> None:
    strict = function(gates={"quality": {"blocks": ["critical", "warning"]}})
    found = replace(GOOD, quality={"store": replace(CHECKED, warning=3, info=2)})
    assert gates.quality.check(found, function()).passes
    result = gates.quality.check(found, strict)
    assert (result.verdict, result.figure, result.limit) == (FAIL, "3", "0 critical or warning")


def test_a_dependency_is_far_enough_at_the_stage_that_is_named() -> None:
    canary = function(depends_on={"country": "canary"})
    assert gates.dependencies.check(replace(GOOD, dependencies={"country": Stage.CANARY}), canary).passes
    early = gates.dependencies.check(replace(GOOD, dependencies={"country": Stage.SHADOW}), canary)
    assert (early.verdict, early.do) == (FAIL, "first take country to canary")


def test_invariant_7_without_any_evidence_nothing_passes_but_what_needs_none() -> None:
    nothing = Evidence(NOW, _start(), None, None, {}, None, Compared(), 0, {"country": Stage.LEGACY}, None)
    passing = {result.name for result in gates.judge(Stage.LIVE, function(), nothing) if result.passes}
    assert passing == {Gate.QUARANTINE}
    assert not any(result.passes for result in gates.judge(Stage.RETIRED, function(), nothing))


def _start() -> Standing:
    return at_the_start("party")


def _parted(cohort: str, at: float) -> Standing:
    return replace(STANDING, cohort=cohort, parted=at)


@pytest.mark.parametrize(
    ("standing", "begun", "words"),
    [
        (
            _parted("north", NOW - 60),
            NOW - 60,
            "only party (cohort north)'s own are counted, since 1970-01-12T13:45:40Z: before it was",
        ),
        (
            _parted("north", NOW - 90),
            NOW - 60,
            "those since 1970-01-12T13:45:40Z are counted, when it came into shadow",
        ),
        (
            STANDING,
            NOW - 60,
            "those since 1970-01-12T13:45:40Z are counted: before party (cohort north) was separated its own were",
        ),
        (STANDING, NOW - 30, "those since 1970-01-12T13:46:10Z are counted, when it came into shadow"),
    ],
)
@pytest.mark.parametrize(
    "check", [gates.shadow.check, gates.effects.check, gates.latency.check, gates.errors.check]
)
def test_too_little_evidence_says_whose_is_counted_and_since_when(
    check: Any, standing: Standing, begun: float, words: str
) -> None:
    picture = Snapshot(1, (STANDING, _parted("north", NOW - 60)))
    none = replace(
        GOOD,
        standing=standing,
        picture=picture,
        counted_from=begun,
        compared=Compared(),
        effects=Effects(),
        latencies=(),
        traffic={},
    )
    said = check(none, function())
    assert said.verdict is INCONCLUSIVE
    assert words in said.words
    nobody_parted = check(replace(none, standing=STANDING, picture=Snapshot(1, (STANDING,))), function())
    assert "counted" not in nobody_parted.words


def test_what_was_counted_anew_longer_ago_than_is_looked_at_is_not_spoken_of() -> None:
    long_ago = NOW - function().gates.errors.window.total_seconds() - 1
    picture = Snapshot(1, (STANDING, _parted("north", long_ago)))
    none = replace(
        GOOD, standing=picture.of("party", "north"), picture=picture, counted_from=long_ago, traffic={}
    )
    assert "counted" not in gates.errors.check(none, function()).words
