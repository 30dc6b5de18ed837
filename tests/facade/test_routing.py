"""Routing is pure: every case is a table, standings, a request and the decision that follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.cutover.stages import EVERYONE, SETTLED, Side, Stage, Standing
from strangler.routing import (
    BUCKETS,
    Asked,
    BadPath,
    Decision,
    RouteTable,
    Standings,
    Trust,
    Who,
    bucket,
    compile_routes,
)
from strangler.routing import decide as decide_found
from strangler.routing import decision as decision_module
from strangler.routing import table as table_module
from strangler.routing.paths import compile_template
from strangler.settings import Facade, Function

RPC = {"kind": "read", "match": {"path": "/tryton/rpc/", "json": {"method": ["party.read"]}}}
RPC_WRITE = {"kind": "write", "match": {"path": "/tryton/rpc/", "json": {"method": ["party.write"]}}}
REST = {"kind": "read", "match": {"path": "/parties/{id}", "method": ["GET"]}}
REST_WRITE = {"kind": "write", "match": {"path": "/parties/{id}", "method": ["PUT"]}}


def table(facade: dict[str, Any] | None = None, **functions: list[dict[str, Any]]) -> RouteTable:
    entity = {"table": "t", "key": "id", "fields": {"id": "id"}}
    return compile_routes(
        {
            name: Function.model_validate(
                {"source": "s", "store": "s", "entities": {"e": entity}, "routes": routes}
            )
            for name, routes in functions.items()
        },
        Facade.model_validate({"legacy": "http://127.0.0.1", "sticky": {"salt": "salt"}, **(facade or {})}),
    )


class Case(NamedTuple):
    """A request with all that comes in with it; `values` are those of the kind `json`."""

    asked: Asked
    values: Mapping[str, str | None] | None
    caller: str
    draw: float


def facts(method: str = "GET", path: str = "/parties/1", values: Any = None, **more: Any) -> Case:
    asked = Asked(method, path, more.get("headers", {}))
    return Case(asked, values, more.get("caller", "someone"), more.get("draw", 0.0))


def decide(compiled: RouteTable, standings: Standings, case: Case) -> Decision:
    found = compiled.find(case.asked)
    values = None if case.values is None else {("json", path): value for path, value in case.values.items()}
    return decide_found(compiled, standings, case.asked, found, values, Who(case.caller), case.draw)


def standing(stage: Stage, *, function: str = "party", weight: int = 0, fenced: bool = False) -> Standings:
    owner = Side.NEW if stage in (Stage.LIVE, Stage.RETIRED) else Side.LEGACY
    one = Standing(function, EVERYONE, stage, owner, weight, fenced, None, None, 1, 0.0)
    return Standings(1, {function: one}, Trust.SURE)


PARTY = table(party=[REST, REST_WRITE, RPC, RPC_WRITE])


@pytest.mark.parametrize(
    ("stage", "reads", "shadow", "writes"),
    [
        (Stage.LEGACY, Side.LEGACY, False, Side.LEGACY),
        (Stage.SYNCING, Side.LEGACY, False, Side.LEGACY),
        (Stage.SHADOW, Side.LEGACY, True, Side.LEGACY),
        (Stage.CANARY, Side.LEGACY, True, Side.LEGACY),
        (Stage.LIVE, Side.NEW, False, Side.NEW),
        (Stage.RETIRED, Side.NEW, False, Side.NEW),
    ],
)
def test_each_stage_has_its_side_for_reads_and_writes(
    stage: Stage, reads: Side, shadow: bool, writes: Side
) -> None:
    read = decide(PARTY, standing(stage), facts())
    assert (read.side, read.shadow, read.kind) == (reads, shadow, "read")
    write = decide(PARTY, standing(stage), facts("PUT"))
    assert (write.side, write.shadow, write.kind) == (writes, False, "write")


@given(caller=st.text(), low=st.integers(0, BUCKETS), high=st.integers(0, BUCKETS))
def test_raising_a_weight_only_adds_callers(caller: str, low: int, high: int) -> None:
    low, high = sorted((low, high))

    def side(weight: int) -> Side:
        return decide(PARTY, standing(Stage.CANARY, weight=weight), facts(caller=caller)).side

    assert side(low) == side(low), "a caller stays where it is"
    if side(low) is Side.NEW:
        assert side(high) is Side.NEW
    assert side(0) is Side.LEGACY
    assert side(BUCKETS) is Side.NEW


def test_buckets_are_even_and_differ_by_salt_and_function() -> None:
    places = [bucket("salt", "party", f"caller {n}") for n in range(20_000)]
    assert all(0 <= place < BUCKETS for place in places)
    assert abs(sum(place < 500 for place in places) - 1000) < 150
    other = [bucket("pepper", "party", f"caller {n}") for n in range(100)]
    third = [bucket("salt", "sale", f"caller {n}") for n in range(100)]
    assert other != places[:100] != third


def test_invariant_4_a_fenced_write_is_refused_and_a_read_goes_on() -> None:
    fenced = standing(Stage.CANARY, fenced=True)
    assert decide(PARTY, fenced, facts("PUT")).fenced
    assert decide(PARTY, fenced, facts()).status is None


def test_invariant_4_no_write_without_the_lease() -> None:
    lost = Standings(1, standing(Stage.SYNCING).functions, Trust.LOST)
    refused = decide(PARTY, lost, facts("PUT"))
    assert refused.fenced
    assert "control store" in refused.why
    assert decide(PARTY, lost, facts()).status is None
    assert decide(PARTY, lost, facts(path="/elsewhere")).status is None
    for stage in SETTLED:
        settled = Standings(1, standing(stage).functions, Trust.LOST)
        assert decide(PARTY, settled, facts("PUT")).status is None, "its owner can't have changed"


def test_nothing_of_a_function_is_answered_before_its_owner_is_known() -> None:
    assert decide(PARTY, Standings(), facts()).fenced
    assert decide(PARTY, Standings(), facts(path="/elsewhere")).status is None


def test_the_most_specific_route_wins_whatever_the_order() -> None:
    routes = {
        "rest": [{"kind": "read", "match": {"path": "/a/{rest:path}"}}],
        "named": [{"kind": "read", "match": {"path": "/a/{id}"}}],
        "literal": [{"kind": "read", "match": {"path": "/a/b"}}],
        "method": [{"kind": "read", "match": {"path": "/a/b", "method": ["POST"]}}],
        "header": [
            {"kind": "read", "match": {"path": "/a/b", "method": ["POST"], "headers": {"X-Org": "7"}}}
        ],
        "longer": [{"kind": "read", "match": {"path": "/a/b/{rest:path}"}}],
    }
    for ordered in (routes, dict(reversed(routes.items()))):
        compiled = table(**ordered)

        def function(method: str, path: str, compiled: Any = compiled, **headers: str) -> str | None:
            return decide(
                compiled, Standings(1, {}, Trust.SURE), facts(method, path, headers=headers)
            ).function

        assert function("GET", "/a/b") == "literal"
        assert function("POST", "/a/b") == "method"
        assert function("POST", "/a/b", **{"x-org": "7"}) == "header"
        assert function("POST", "/a/b", **{"x-org": "8"}) == "method"
        assert function("GET", "/a/c") == "named"
        assert function("GET", "/a/b/c") == "longer"
        assert function("GET", "/a/c/d") == "rest"
        assert function("GET", "/b") is None


@pytest.mark.parametrize(
    "path",
    [
        "/tryton/rpc/",
        "/tryton/rpc",
        "//tryton//rpc/",
        "/%74ryton/rpc/",
        "/tryton%2Frpc/",
        "/tryton%2frpc",
        "/tryton\\rpc/",
        "/tryton%5Crpc/",
        "/tryton/rpc;jsessionid=1/",
        "/tryton;a/rpc;b",
    ],
)
def test_no_spelling_of_a_path_escapes_its_route(path: str) -> None:
    live = standing(Stage.LIVE)
    assert decide(PARTY, live, facts("POST", path, {"method": "party.write"})).side is Side.NEW


@pytest.mark.parametrize(
    "path",
    ["/tryton/../x", "/a/./b", "/%2e%2e/x", "/a/%2E/b", "/a%2F..%2Fb", "/a\\..\\b", "/..;/x", "/a%00b"],
)
def test_a_path_that_servers_read_differently_is_refused(path: str) -> None:
    with pytest.raises(BadPath):
        decide(PARTY, standing(Stage.LEGACY), facts("GET", path))


def test_a_json_value_picks_the_route_and_others_pass_by() -> None:
    live = standing(Stage.LIVE)
    assert PARTY.find(Asked("POST", "/tryton/rpc/", {})).wanted == {"json": {"method"}}
    assert PARTY.find(Asked("GET", "/parties/1", {})).wanted == {}
    assert decide(PARTY, live, facts("POST", "/tryton/rpc/", {"method": "party.read"})).kind == "read"
    assert decide(PARTY, live, facts("POST", "/tryton/rpc/", {"method": "sale.read"})).function is None
    assert decide(PARTY, live, facts("POST", "/tryton/rpc/", {"method": None})).function is None


def undecided(stage: Stage, **more: Any) -> Decision:
    return decide(PARTY, standing(stage, **more), facts("POST", "/tryton/rpc/", None))


def test_a_body_that_shows_nothing_goes_to_legacy_while_legacy_owns_everything_it_could_touch() -> None:
    assert undecided(Stage.CANARY).status is None
    assert undecided(Stage.CANARY).kind == "write", "it counts as a write in flight"
    assert undecided(Stage.CANARY, fenced=True).status == 503
    refused = undecided(Stage.LIVE)
    assert (refused.status, refused.side) == (422, Side.LEGACY)
    assert "party" in refused.why


def test_the_shadowed_share_is_drawn() -> None:
    half = table({"shadow": {"share": 0.5}}, party=[REST])
    assert decide(half, standing(Stage.SHADOW), facts(draw=0.49)).shadow
    assert not decide(half, standing(Stage.SHADOW), facts(draw=0.5)).shadow


def test_a_function_has_its_own_share() -> None:
    entity = {"table": "t", "key": "id", "fields": {"id": "id"}}
    section = {
        "source": "s",
        "store": "s",
        "entities": {"e": entity},
        "routes": [REST],
        "shadow": {"share": "10%"},
    }
    few = compile_routes(
        {"party": Function.model_validate(section)}, Facade.model_validate({"legacy": "http://127.0.0.1"})
    )
    assert decide(few, standing(Stage.SHADOW), facts(draw=0.09)).shadow
    assert not decide(few, standing(Stage.SHADOW), facts(draw=0.1)).shadow


@pytest.mark.parametrize("template", ["parties", "/a/{rest:path}/b", "/a/x{id}", "/a/{}", "/a/{id:int}"])
def test_a_template_that_cant_be_read_says_why(template: str) -> None:
    with pytest.raises(ValueError, match="must"):
        compile_template(template)


def test_paths_and_callers_that_never_come_again_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "SETTLED", 50)
    monkeypatch.setattr(decision_module, "CALLERS", 50)
    made = table(party=[REST, REST_WRITE])
    for number in range(300):
        method = ("GET", "PUT", "REPORT")[number % 3]
        made.settle(Asked(method, f"/parties/{number}", {}))
        decision_module._bucket_in(made, "party", f"caller {number}")
    assert 0 < sum(map(len, made._settled.values())) <= 50
    assert 0 < len(made.buckets) <= 50
