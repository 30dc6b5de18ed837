"""Who answers beyond the stage of a function: cohorts, documents that stay where they were begun, who wrote just now, testers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.control.pins import Pin
from strangler.cutover.stages import SETTLED, Side, Stage, Standing
from strangler.facade.pins import PinBoard
from strangler.routing import (
    Asked,
    Decision,
    Pins,
    RouteTable,
    Standings,
    Trust,
    Values,
    Who,
    compile_routes,
    decide,
)
from strangler.routing.standings import picture
from strangler.settings import Facade
from tests.routing.tables import functions, standing

ROUTES = [
    {"kind": "read", "match": {"path": "/orders/{id}", "method": "GET"}},
    {"kind": "read", "match": {"path": "/{company}/orders", "method": "GET"}},
    {"kind": "write", "match": {"path": "/orders/{id}", "method": "PUT"}},
    {"kind": "write", "match": {"path": "/orders", "method": "POST"}},
    {"kind": "write", "match": {"path": "/rpc", "json": {"method": "order.write"}}},
]
COHORTS = {
    "from": [
        {"header": "X-Company"},
        {"query": "company"},
        {"cookie": "company"},
        {"path": "company"},
        {"json": "params.company"},
        {"claim": "company"},
    ]
}
DOCUMENTS = {"key": [{"path": "id"}, {"json": "params.id"}], "created": {"json": "id"}}
SECRET = "the testers' own secret"


def table(facade: Mapping[str, Any] | None = None, **function: Any) -> RouteTable:
    section = Facade.model_validate({"legacy": "http://127.0.0.1", **(facade or {})})
    return compile_routes(functions({"order": ROUTES}, **function), section)


class Remembered:
    """Documents as a facade holds them, and whether somebody wrote."""

    def __init__(self, board: PinBoard | None = None, wrote: bool = False) -> None:
        self._board, self._wrote = board or PinBoard(100), wrote

    def pins(self, function: str) -> Pins | None:
        return self._board.of(function)

    def wrote(self, function: str, key: str | None, caller: str, asked: Asked) -> bool:
        return self._wrote


def at(*more: Standing, stage: Stage = Stage.CANARY, trust: Trust = Trust.SURE, **fields: Any) -> Standings:
    return picture(1, [standing("order", stage, **fields), *more], trust)


def ask(
    compiled: RouteTable,
    standings: Standings,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    *,
    values: Values | None = None,
    claims: Mapping[str, Any] | None = None,
    memory: Remembered | None = None,
) -> Decision:
    asked = Asked(method, target, headers or {})
    found = compiled.find(asked)
    told = dict(claims or {})
    roles = told.pop("roles", ())
    shown = {} if values is None and not target.startswith("/rpc") else values
    return decide(
        compiled, standings, asked, found, shown, Who("caller", told, roles), 0.0, memory or Remembered()
    )


COMPANIES = table(cohorts=COHORTS)
PARTED = at(standing("order", Stage.LIVE, "7"), standing("order", Stage.SHADOW, "8"), stage=Stage.SYNCING)


@pytest.mark.parametrize(
    ("target", "headers", "more"),
    [
        ("/orders/1", {"x-company": "7"}, {}),
        ("/orders/1?company=7", {}, {}),
        ("/orders/1?company=7&company=7", {}, {}),
        ("/orders/1", {"cookie": "other=1; company=7"}, {}),
        ("/7/orders", {}, {}),
        ("/%37/orders", {}, {}),
        ("/orders/1", {}, {"claims": {"company": "7"}}),
        ("/orders/1", {}, {"claims": {"company": 7}}),
        ("/orders/1", {}, {"claims": {"company": ["7"]}}),
        ("/orders/1?company=8", {"x-company": "7"}, {}),
    ],
)
def test_a_cohort_is_found_where_the_configuration_says_and_goes_by_its_own_standing(
    target: str, headers: dict[str, str], more: dict[str, Any]
) -> None:
    decision = ask(COMPANIES, PARTED, "GET", target, headers, **more)
    assert (decision.cohort, decision.side, decision.status) == ("7", Side.NEW, None)


def test_a_cohort_in_the_body_is_asked_for_and_decides_a_write() -> None:
    found = COMPANIES.find(Asked("POST", "/rpc", {}))
    assert found.wanted == {"json": {"method", "params.company"}}
    for company, side in (("7", Side.NEW), ("8", Side.LEGACY), ("9", Side.LEGACY)):
        values = {("json", "method"): "order.write", ("json", "params.company"): company}
        assert ask(COMPANIES, PARTED, "POST", "/rpc", values=values).side is side


def test_a_cohort_without_a_standing_goes_with_the_function() -> None:
    decision = ask(
        COMPANIES, at(standing("order", Stage.LIVE, "7"), weight=10_000), "GET", "/orders/1?company=9"
    )
    assert (decision.cohort, decision.side, decision.fallback) == ("9", Side.NEW, True)


@pytest.mark.parametrize(
    ("method", "target", "standings", "side", "status"),
    [
        ("PUT", "/orders/1", PARTED, Side.LEGACY, 422),
        ("GET", "/orders/1", PARTED, Side.LEGACY, 422),
        ("PUT", "/orders/1?company=7&company=8", PARTED, Side.LEGACY, 422),
        ("PUT", "/orders/1", at(standing("order", Stage.SHADOW, "7", fenced=True)), Side.LEGACY, 503),
        ("PUT", "/orders/1", at(standing("order", Stage.SHADOW, "7")), Side.LEGACY, None),
        ("GET", "/orders/1", at(standing("order", Stage.SHADOW, "7"), weight=10_000), Side.LEGACY, None),
        (
            "GET",
            "/orders/1",
            at(standing("order", Stage.CANARY, "7", weight=10_000), weight=10_000),
            Side.NEW,
            None,
        ),
        ("PUT", "/orders/1", at(standing("order", Stage.RETIRED, "7"), stage=Stage.LIVE), Side.NEW, None),
        ("PUT", "/orders/1", at(standing("order", Stage.SHADOW, "7"), trust=Trust.LOST), Side.LEGACY, 503),
        ("GET", "/orders/1", at(standing("order", Stage.SHADOW, "7"), trust=Trust.NEVER), Side.LEGACY, 503),
        ("PUT", "/orders/1", at(), Side.LEGACY, None),
    ],
)
def test_invariant_4_a_request_without_a_cohort_goes_where_all_of_them_would_or_nowhere(
    method: str, target: str, standings: Standings, side: Side, status: int | None
) -> None:
    decision = ask(COMPANIES, standings, method, target)
    assert (decision.side, decision.status) == (side, status)
    assert decision.cohort is None


def test_requests_without_a_cohort_may_have_a_default() -> None:
    compiled = table(cohorts={**COHORTS, "default": "7"})
    assert ask(compiled, PARTED, "PUT", "/orders/1").side is Side.NEW
    assert ask(compiled, PARTED, "PUT", "/orders/1?company=7&company=8").status == 422, "it says two"


def test_what_callers_make_up_fills_no_memory() -> None:
    standings = at(standing("order", Stage.LIVE, "7"))
    for number in range(1000):
        ask(COMPANIES, standings, "PUT", "/orders/1", {"x-company": f"made up {number}"})
    assert len(standings.rulings) == 1


# Documents


def begun(*documents: tuple[str, Side], most: int = 100, keep: float = 1e9) -> Remembered:
    board = PinBoard(most)
    for key, side in documents:
        board.begin("order", key, side, keep)
    return Remembered(board)


ORDERS = table(documents=DOCUMENTS)
BOTH = begun(("1", Side.LEGACY), ("2", Side.NEW))


@pytest.mark.parametrize("stage", [Stage.SYNCING, Stage.SHADOW, Stage.CANARY, Stage.LIVE])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_document_stays_where_it_was_begun_for_reads_and_writes(stage: Stage, method: str) -> None:
    standings = at(stage=stage, weight=10_000)
    for key, side in (("1", Side.LEGACY), ("2", Side.NEW)):
        decision = ask(ORDERS, standings, method, f"/orders/{key}", memory=BOTH)
        assert (decision.side, decision.key, decision.status, decision.fallback) == (side, key, None, False)
        assert "begun" in decision.why
    other = ask(ORDERS, standings, method, "/orders/3", memory=BOTH)
    assert other == ask(ORDERS, standings, method, "/orders/3")


def test_a_document_in_the_body_stays_too() -> None:
    values = {("json", "method"): "order.write", ("json", "params.id"): "2"}
    assert ask(ORDERS, at(), "POST", "/rpc", values=values, memory=BOTH).side is Side.NEW


def test_invariant_5_a_fence_holds_for_documents_too() -> None:
    assert ask(ORDERS, at(fenced=True), "PUT", "/orders/2", memory=BOTH).status == 503
    assert ask(ORDERS, at(trust=Trust.LOST), "PUT", "/orders/2", memory=BOTH).status == 503


def test_nothing_stays_on_a_legacy_that_is_switched_off() -> None:
    assert ask(ORDERS, at(stage=Stage.RETIRED), "PUT", "/orders/1", memory=BOTH).side is Side.NEW


def test_a_document_whose_time_is_over_goes_with_the_owner() -> None:
    assert ask(ORDERS, at(), "PUT", "/orders/2", memory=begun(("2", Side.NEW), keep=-1.0)).side is Side.LEGACY


def test_invariant_4_a_call_that_hides_its_document_passes_only_where_none_stays_on_the_other_side() -> None:
    hidden = Asked("PUT", "/orders/1%2F2", {})
    assert ORDERS.find(hidden).wanted == {"json": {"params.id"}}
    target = "/rpc"
    values = {("json", "method"): "order.write", ("json", "params.id"): None}
    assert ask(ORDERS, at(), "POST", target, values=values, memory=BOTH).status is None, (
        "it is about no document"
    )
    assert ask(ORDERS, at(), "POST", target, memory=begun(("1", Side.LEGACY))).status is None
    refused = ask(ORDERS, at(), "POST", target, memory=BOTH)
    assert (refused.status, refused.side) == (422, Side.LEGACY)


def test_invariant_4_what_isnt_held_is_never_sent_to_the_other_side() -> None:
    full = begun(("1", Side.LEGACY), ("2", Side.LEGACY), most=1)
    assert ask(ORDERS, at(), "PUT", "/orders/3", memory=full).side is Side.LEGACY
    assert ask(ORDERS, at(weight=10_000), "GET", "/orders/3", memory=full).side is Side.LEGACY
    live = at(stage=Stage.LIVE)
    assert ask(ORDERS, live, "PUT", "/orders/1", memory=full).side is Side.LEGACY
    refused = ask(ORDERS, live, "PUT", "/orders/3", memory=full)
    assert (refused.status, refused.side) == (503, Side.NEW)
    assert "more documents" in refused.why
    assert ask(ORDERS, live, "POST", "/orders", memory=full).side is Side.NEW, "it begins one"


# Who wrote just now


def test_who_has_just_written_to_legacy_reads_from_legacy() -> None:
    compiled, standings = table(), at(weight=10_000)
    fresh = ask(compiled, standings, "GET", "/orders/1", memory=Remembered(wrote=True))
    assert (fresh.side, fresh.shadow, fresh.status) == (Side.LEGACY, False, None)
    assert "a moment ago" in fresh.why
    assert ask(compiled, standings, "GET", "/orders/1").side is Side.NEW
    live = ask(compiled, at(stage=Stage.LIVE), "GET", "/orders/1", memory=Remembered(wrote=True))
    assert live.side is Side.NEW


# Testers

TESTERS = {
    "overrides": {
        "header": "X-Side",
        "token_header": "X-Tester",
        "allow": [
            {"token": SECRET},
            {"role": "testers"},
            {"claim": "unit", "values": ["test"]},
            {"claim": "tester"},
        ],
    }
}
TESTED = table(TESTERS, cohorts=COHORTS, documents=DOCUMENTS)


@pytest.mark.parametrize(
    ("headers", "claims", "allowed"),
    [
        ({"x-tester": SECRET}, {}, True),
        ({"x-tester": SECRET + "x"}, {}, False),
        ({"x-tester": ""}, {}, False),
        ({"x-tester": "ü\udcff"}, {}, False),
        ({}, {}, False),
        ({}, {"roles": ("users", "testers")}, True),
        ({}, {"roles": ("users",)}, False),
        ({}, {"unit": "test"}, True),
        ({}, {"unit": "tests"}, False),
        ({}, {"tester": "anything"}, True),
        ({}, {"tester": ""}, False),
    ],
)
@pytest.mark.parametrize("side", list(Side))
def test_only_testers_say_which_side_answers_a_read(
    side: Side, headers: dict[str, str], claims: dict[str, Any], allowed: bool
) -> None:
    asked = {**headers, "x-side": side.value}
    for standings in (at(stage=Stage.SYNCING), at(), at(stage=Stage.LIVE)):
        plain = ask(TESTED, standings, "GET", "/orders/1", headers, claims=claims, memory=BOTH)
        decision = ask(TESTED, standings, "GET", "/orders/1", asked, claims=claims, memory=BOTH)
        if allowed:
            assert (decision.side, decision.shadow, decision.fallback) == (side, False, False)
            assert decision.why == f"a tester asks for {side}"
        else:
            assert decision == plain


def test_a_tester_is_heard_only_where_both_sides_have_data() -> None:
    headers = {"x-tester": SECRET, "x-side": "new"}
    assert ask(TESTED, at(stage=Stage.LEGACY), "GET", "/orders/1", headers).side is Side.LEGACY
    headers["x-side"] = "legacy"
    assert ask(TESTED, at(stage=Stage.RETIRED), "GET", "/orders/1", headers).side is Side.NEW
    headers["x-side"] = "both"
    assert ask(TESTED, at(stage=Stage.LIVE), "GET", "/orders/1", headers).side is Side.NEW
    headers["x-side"] = "new"
    assert ask(TESTED, at(trust=Trust.NEVER), "GET", "/orders/1", headers).status == 503


# All together

stages = st.sampled_from(list(Stage))
sides = st.sampled_from(list(Side))


@settings(max_examples=400, deadline=None)
@given(
    whole=stages,
    seven=st.none() | stages,
    fenced=st.booleans(),
    trust=st.sampled_from(list(Trust)),
    weight=st.integers(0, 10_000),
    pinned=st.dictionaries(st.sampled_from("123"), sides, max_size=3),
    most=st.integers(1, 3),
    company=st.sampled_from((None, "7", "8")),
    key=st.sampled_from("123"),
    wished=st.none() | sides,
    wrote=st.booleans(),
    draw=st.sampled_from((0.0, 0.9)),
)
def test_invariant_4_a_write_goes_to_its_owner_or_where_its_document_was_begun(
    whole: Stage,
    seven: Stage | None,
    fenced: bool,
    trust: Trust,
    weight: int,
    pinned: dict[str, Side],
    most: int,
    company: str | None,
    key: str,
    wished: Side | None,
    wrote: bool,
    draw: float,
) -> None:
    own = [standing("order", seven, "7", fenced=fenced)] if seven else []
    standings = at(*own, stage=whole, trust=trust, weight=weight)
    board = PinBoard(most)
    for name, side in pinned.items():
        board.learn(0, [Pin("order", name, side, 9e9)])
    headers = {"x-company": company} if company else {}
    if wished:
        headers |= {"x-side": wished.value, "x-tester": SECRET}
    decision = ask(TESTED, standings, "PUT", f"/orders/{key}", headers, memory=Remembered(board, wrote))
    stand = standings.of("order", company)
    if decision.status is None:
        assert trust is not Trust.NEVER
        concerned = [stand] if company else list(standings.all_of("order"))
        assert trust is Trust.SURE or all(each.stage in SETTLED for each in concerned)
        assert not stand.fenced
        owners = {stand.owner} if company else {each.owner for each in standings.all_of("order")}
        home = pinned.get(key)
        if home is None or (home is Side.LEGACY and stand.stage is Stage.RETIRED):
            assert owners == {decision.side}
        else:
            assert decision.side is home
