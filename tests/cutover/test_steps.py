"""Steps: the order of a way, what each asks, and that an edit is noticed; windows, freezes and approvals with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.control.ledger import Entry
from strangler.cutover import approvals, freezes
from strangler.cutover.approvals import APPROVED, REVOKED, Approval, holding
from strangler.cutover.conditions import conditions
from strangler.cutover.evidence import Evidence
from strangler.cutover.gates import GateResult, Verdict
from strangler.cutover.plan import plan
from strangler.cutover.stages import Stage
from strangler.cutover.steps import Target, way
from strangler.people import same
from strangler.periods import DAYS, Monthly, opening, parse_monthly
from strangler.roles import Role
from strangler.settings import Freeze, Settings
from tests.cutover.test_gates import GOOD, function
from tests.cutover.test_plan import SOURCES, at

HOUR = 3600.0
SATURDAY = datetime(2026, 12, 5, 21, 0, tzinfo=UTC).timestamp()
MONDAY = datetime(2026, 12, 7, 21, 0, tzinfo=UTC).timestamp()
STEPS: list[dict[str, Any]] = [
    {"weight": "5%", "hold": "2h"},
    {"weight": "100%", "gate": "quarantine"},
    {"to": "live", "approve": {"count": 2}, "window": "weekend"},
]
WEEKEND = {"weekend": {"days": ["sat", "sun"], "from": "20:00", "to": "06:00"}}


def settings(steps: list[dict[str, Any]] = STEPS, **top: Any) -> Settings:
    party = function(steps=steps).model_dump(by_alias=True)
    return Settings.model_validate(
        {"sources": SOURCES, "functions": {"party": party}, "windows": WEEKEND, **top}
    )


def asked(
    of: Settings, standing: Any, target: Target, mover: str = "", **evidence: Any
) -> dict[str, GateResult]:
    found: Evidence = replace(GOOD, standing=standing, **evidence)
    return {each.name: each for each in conditions(of, "party", way(of, "party"), found, target, mover=mover)}


def test_steps_stand_in_the_order_of_the_way_with_the_stages_that_nobody_named() -> None:
    legs = way(settings(), "party").legs
    assert [str(leg.target) for leg in legs] == [
        "syncing", "shadow", "canary 5%", "canary 100%", "live", "retired",
    ]  # fmt: skip


def test_a_state_is_held_as_long_as_its_step_says_from_when_it_was_reached() -> None:
    standing, to = at(Stage.CANARY, 500), Target(Stage.CANARY, 10_000)
    young = asked(settings(), standing, to, reached=GOOD.now - HOUR)["hold"]
    assert (young.verdict, young.figure, young.limit) == (Verdict.FAIL, "1 h", "2 h")
    assert young.do == "wait for 1 h more"
    assert asked(settings(), standing, to, reached=GOOD.now - 2 * HOUR)["hold"].passes


def test_a_state_that_is_to_be_held_is_not_skipped() -> None:
    skipped = asked(settings(), at(Stage.SHADOW), Target(Stage.CANARY, 10_000))["hold"]
    assert (skipped.passes, "canary 5% would be skipped" in skipped.words) == (False, True)


def test_what_a_skipped_step_asks_is_asked_by_the_one_after_it() -> None:
    found = asked(settings(), at(Stage.CANARY, 500), Target(Stage.LIVE, 10_000), reached=1.0)
    assert list(found) == ["hold", "quarantine", "window", "approval"]


def test_a_weight_between_two_steps_asks_what_the_next_one_does() -> None:
    assert "quarantine" in asked(settings(), at(Stage.CANARY, 500), Target(Stage.CANARY, 3000))


def test_a_window_says_when_it_opens() -> None:
    standing, to = at(Stage.CANARY, 10_000), Target(Stage.LIVE, 10_000)
    shut = asked(settings(), standing, to, now=MONDAY)["window"]
    assert (shut.passes, shut.words) == (False, "its window opens in 4 d 23 h")
    assert shut.do == "try again from Sat 2026-12-12 20:00 to Sun 2026-12-13 06:00 UTC"
    assert asked(settings(), standing, to, now=SATURDAY)["window"].passes
    assert asked(settings(), standing, to, now=SATURDAY + 8 * HOUR)["window"].passes


def test_an_edited_plan_is_noticed() -> None:
    standing, to = at(Stage.CANARY, 500), Target(Stage.CANARY, 10_000)
    known = way(settings(), "party").hash
    assert "plan" not in asked(settings(), standing, to, plan=known)
    edited = settings([{"weight": "5%"}, *STEPS[1:]])
    noticed = asked(edited, standing, to, plan=known)["plan"]
    assert (noticed.passes, noticed.limit, noticed.figure) == (False, known, way(edited, "party").hash)
    assert "--edited-plan" in noticed.do


@pytest.mark.parametrize(
    "edit",
    [
        lambda raw: raw["functions"]["party"]["gates"].update(lag={"max": "1h"}),
        lambda raw: raw["functions"]["party"].update(depends_on=[]),
        lambda raw: raw["windows"]["weekend"].update(to="07:00"),
        lambda raw: raw["functions"]["party"]["steps"][2]["approve"].update(count=1),
    ],
)
def test_whatever_somebody_agreed_to_is_part_of_the_hash(edit: Any) -> None:
    raw = settings().model_dump(by_alias=True)
    raw["sources"]["erp"]["url"] = SOURCES["erp"]["url"]
    before = way(Settings.model_validate(raw), "party").hash
    assert before == way(settings(), "party").hash
    edit(raw)
    assert way(Settings.model_validate(raw), "party").hash != before


def test_two_others_have_to_approve_this_step_of_this_plan() -> None:
    standing, to = at(Stage.CANARY, 10_000), Target(Stage.LIVE, 10_000)
    hash_ = way(settings(), "party").hash
    yes = Approval(GOOD.now - HOUR, "eva", Role.APPROVER, "live", hash_)
    one = asked(settings(), standing, to, approvals=(yes,))["approval"]
    assert (one.verdict, one.figure, one.limit) == (Verdict.FAIL, "1", "2 of role approver")
    both = (yes, replace(yes, name="max"))
    assert asked(settings(), standing, to, approvals=both)["approval"].passes
    assert not asked(settings(), standing, to, mover="max@office", approvals=both)["approval"].passes


def test_by_the_numbers_of_an_issuer_nobody_can_be_told_from_the_owner_of_a_token() -> None:
    issuer = {"issuer": "https://id.example.com", "audience": ["erp"], "grants": {"approver": ["heads"]}}
    numbers, names = (
        settings(facade={"legacy": "http://erp", "identity": issuer | more})
        for more in ({}, {"subject": "preferred_username"})
    )
    standing, to = at(Stage.CANARY, 3000), Target(Stage.LIVE, 10_000)
    yes = Approval(GOOD.now - HOUR, "f3a2", Role.APPROVER, "live", way(numbers, "party").hash, issued=True)
    both = (yes, replace(yes, name="max", issued=False))

    def approved(section: Settings, mover: str) -> GateResult:
        return asked(section, standing, to, mover=mover, approvals=both)["approval"]

    found = approved(numbers, "ada (token 1f2e3d4c)")
    assert (found.verdict, found.figure) == (Verdict.INCONCLUSIVE, "1")
    assert "nobody can tell whether ada (token 1f2e3d4c) is f3a2" in found.words
    assert "facade.identity.subject" in found.do
    assert "is max" in approved(numbers, "77b1 (OIDC)").words
    assert approved(names, "ada (token 1f2e3d4c)").passes
    assert approved(numbers, "").passes, "who only looks moves nothing"


def test_each_person_approves_once_however_they_come() -> None:
    def said(name: str, actor: str, kind: str = APPROVED) -> Entry:
        body = {"name": name, "to": "live", "role": "approver", "plan": "p"}
        return Entry(1, 1.0, actor, kind, "party", body, "", "")

    eva, again = said("eva", "eva (token 1f2e3d4c)"), said("Eva@example.com", "Eva@example.com (OIDC)")
    (counted,) = approvals.given([eva, again], "*")
    assert (counted.name, counted.issued) == ("Eva@example.com", True)
    assert len(approvals.given([eva, said("max", "max (OIDC)")], "*")) == 2
    assert approvals.given([eva, replace(again, kind=REVOKED)], "*") == ()


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({}, True),
        ({"role": Role.ADMIN}, True),
        ({"role": Role.OPERATOR}, False),
        ({"to": "canary 5%"}, False),
        ({"plan": "another"}, False),
        ({"at": GOOD.now - 25 * HOUR}, False),
    ],
)
def test_an_approval_holds_for_one_step_of_one_plan_for_a_while(change: dict[str, Any], counts: bool) -> None:
    whole = way(settings(), "party")
    leg = next(leg for leg in whole.legs if leg.approve)
    yes = replace(Approval(GOOD.now - HOUR, "eva", Role.APPROVER, "live", whole.hash), **change)
    assert bool(holding([yes], leg, whole.hash, reached=0.0, now=GOOD.now)) is counts
    assert not holding([yes], leg, whole.hash, reached=GOOD.now, now=GOOD.now)


def test_a_person_is_known_however_the_ledger_names_them() -> None:
    assert all(same("eva", actor) for actor in ("eva", "eva@office", "eva (token 1f2e3d4c)"))
    assert not any(same("eva", actor) for actor in ("evan@office", "", "max"))


def test_a_freeze_holds_what_it_names_and_says_until_when() -> None:
    close = {"name": "period close", "monthly": "last 2 days .. 5"}
    frozen = asked(settings(freezes=[close]), at(Stage.LEGACY), Target(Stage.SYNCING, 0), now=SATURDAY)[
        "freeze"
    ]
    assert frozen.words == "period close from 2026-11-29 to 2026-12-05: nothing moves forwards"
    assert "try again after Sun 2026-12-06 00:00" in frozen.do
    free = asked(settings(freezes=[close]), at(Stage.LEGACY), Target(Stage.SYNCING, 0), now=MONDAY)
    assert "freeze" not in free
    elsewhere = {**close, "functions": ["sale"]}
    assert not freezes.current([Freeze.model_validate(elsewhere)], "party", SATURDAY, ZoneInfo("UTC"))


def test_the_next_freezes_are_listed_in_their_order() -> None:
    those = [
        Freeze.model_validate({"name": "year end", "from": "2026-12-20", "to": "2027-01-06"}),
        Freeze.model_validate({"name": "period close", "monthly": "last 2 days of month .. 5th of month"}),
    ]
    listed = [str(each) for each in freezes.coming(those, MONDAY, ZoneInfo("UTC"), 3)]
    assert listed == [
        "year end from 2026-12-20 to 2027-01-06",
        "period close from 2026-12-30 to 2027-01-05",
        "period close from 2027-01-30 to 2027-02-05",
    ]


@pytest.mark.parametrize("text", ["", "5", "last 2 days", "0 .. 5", "31 .. 2", "last 40 days .. 3", "a .. b"])
def test_a_monthly_time_that_is_no_one_is_said(text: str) -> None:
    with pytest.raises(ValueError):
        parse_monthly(text)


ENDS = st.integers(-28, 28).filter(bool)


@given(ENDS, ENDS, st.dates(date(2020, 1, 1), date(2035, 1, 1)))
def test_monthly_times_come_one_after_the_other_and_none_is_left_out(
    first: int, last: int, since: date
) -> None:
    monthly = Monthly(first, last)
    assert parse_monthly(str(monthly)) == monthly
    found = list(islice(monthly.spans(since), 4))
    assert all(begin <= end and end >= since for begin, end in found)
    assert all(one < other for one, other in pairwise(found))
    assert all((other[0] - one[0]) <= timedelta(days=62) for one, other in pairwise(found))


@given(
    st.sets(st.sampled_from(DAYS), min_size=1),
    st.integers(0, 23),
    st.integers(0, 23),
    st.floats(1.7e9, 2.0e9),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
)
def test_a_window_that_is_found_is_on_or_the_next(
    days: set[str], begin: int, end: int, now: float, zone: str
) -> None:
    found = opening(sorted(days), f"{begin:02}:00", f"{end:02}:00", zone)
    opens, closes = found.following(now)
    assert opens < closes
    assert now < closes
    assert DAYS[datetime.fromtimestamp(opens, ZoneInfo(zone)).weekday()] in days
    assert opens - now <= 8 * 86_400
    if opens > now:
        assert found.following(opens - 1)[0] == opens or found.following(opens - 1)[1] > opens - 1


def test_a_plan_tells_of_later_steps_what_they_will_ask_and_how_long_they_take_at_least() -> None:
    found = replace(GOOD, standing=at(Stage.SHADOW))
    steps = {str(step.target): step for step in plan(settings(), "party", found, way(settings(), "party"))}
    assert steps["canary 100%"].least == 2 * HOUR
    assert steps["live"].asks == (
        "approval by 2 of role approver",
        "the window sat, sun 20:00 to 06:00 UTC",
    )
