"""The Gateway API: objects that an API server takes, and the same answers as the facade's by the order that the API prescribes."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from strangler.cutover.stages import Side, Stage, Standing
from strangler.errors import StranglerError
from strangler.planes.drawing import Wishes, draw
from strangler.planes.export import Export
from strangler.routing import Asked, RouteTable, Who, compile_routes, decide
from strangler.settings import Settings
from strangler_adapters.dataplanes import gateway_api
from tests.dataplanes.crd import FOLDER, faults, rules
from tests.dataplanes.landscape import read, rest, settings, standing, standings, write

STAGES = {
    "live": standing("live", Stage.LIVE),
    "legacy": standing("legacy", Stage.LEGACY),
    "canary": standing("canary", Stage.CANARY, 2500),
    "fenced": standing("fenced", Stage.CANARY, 10_000, fenced=True),
    "shadow": standing("shadow", Stage.SHADOW),
}


def routes(name: str) -> list[dict[str, Any]]:
    return [
        *rest(name),
        read(f"/{name}"),
        write(f"/{name}/orders", method=["POST"]),
        read(f"/api/{name}/by/{{rest:path}}", method=["GET"], headers={"X-Org": [f"{name}-1", f"{name}-2"]}),
        read(f"/menu/{name}", query={"action": "list"}, headers={"X-Org": "1"}),
        write(f"/menu/{name}", query={"action": ["edit", "create"]}),
        read(f"/items/{name}/{{id}}"),
    ]


LEGACY, FACADE = "http://erp.legacy.svc.cluster.local:8000", "http://facade:8080"


def configured(**more: Any) -> Settings:
    services = {name: f"http://{name}:80" for name in STAGES} | {"live": "http://10.0.0.9:9000"}
    return settings(LEGACY, {name: routes(name) for name in STAGES}, services, **more)


def export(made: Settings, *stands: Standing, **wishes: Any) -> Export:
    chosen = standings(*(stands or STAGES.values()))
    return gateway_api.compile(draw(made, chosen, Wishes("0.0.0.0:8080", **wishes)))


def objects(exported: Export) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(exported.files[gateway_api.FILE]))


@pytest.fixture(scope="module")
def exported() -> Export:
    return export(configured(), facade=FACADE, comparer="http://comparer.example:8081")


def test_an_api_server_takes_the_objects(exported: Export) -> None:
    found = objects(exported)
    kinds = [each["kind"] for each in found]
    assert {"Gateway", "HTTPRoute", "Service", "EndpointSlice"} == set(kinds)
    for each in found:
        if each["apiVersion"].startswith("gateway."):
            assert faults(each["kind"], each) == []


def test_what_an_api_server_refuses_is_noticed(exported: Export) -> None:
    """The schema and its rules do find fault: otherwise the test above says nothing."""
    assert all(
        len(list(rules(yaml.safe_load((FOLDER / name).read_text())))) > 5
        for name in ("gateway.json", "httproute.json")
    )
    for break_, said in [
        (lambda rule: rule["matches"][0]["path"].update(value="/a//b"), "must not contain '//'"),
        (lambda rule: rule["matches"].extend([{}] * 70), "is too long"),
        (
            lambda rule: rule["filters"].append({"type": "RequestMirror"}),
            "must be specified for RequestMirror",
        ),
        (lambda rule: rule["backendRefs"][0].pop("port"), "Must have port for Service reference"),
        (lambda rule: rule["timeouts"].update(backendRequest="90s", request="1s"), "cannot be longer"),
        (lambda rule: rule.update(retries=3), "unknown"),
    ]:
        route = next(each for each in objects(exported) if each["kind"] == "HTTPRoute")
        break_(route["spec"]["rules"][0])
        assert any(said in fault for fault in faults("HTTPRoute", route)), said


class Gateway:
    """A gateway as the API prescribes it: which rule takes a call."""

    def __init__(self, exported: Export) -> None:
        self._rules = [
            (match, rule)
            for each in objects(exported)
            if each["kind"] == "HTTPRoute"
            for rule in each["spec"]["rules"]
            for match in rule["matches"]
        ]

    def answers(self, method: str, target: str, headers: dict[str, str]) -> list[tuple[str, int]]:
        """The backends with their weights."""
        fitting = [
            (_order(match), number, rule)
            for number, (match, rule) in enumerate(self._rules)
            if _fits(match, method, target, headers)
        ]
        best = max(order for order, _, _ in fitting)
        taken = [rule for order, _, rule in fitting if order == best]
        assert len(taken) == 1, "the API leaves open which of two rules counts"
        return [(ref["name"], ref.get("weight", 1)) for ref in taken[0].get("backendRefs", [])]


def _order(match: dict[str, Any]) -> tuple[bool, int, bool, int, int]:
    path = match["path"]
    named = (len(match.get(each, [])) for each in ("headers", "queryParams"))
    return (path["type"] == "Exact", len(path["value"]), "method" in match, *named)


def _fits(match: dict[str, Any], method: str, target: str, headers: dict[str, str]) -> bool:
    path, _, query = target.partition("?")
    wanted = match["path"]
    assert wanted["type"] in ("Exact", "PathPrefix")
    below = path == wanted["value"] or path.startswith(wanted["value"].rstrip("/") + "/")
    said = dict(reversed(parse_qsl(query, keep_blank_values=True)))
    return (
        (below if wanted["type"] == "PathPrefix" else path == wanted["value"])
        and match.get("method", method) == method
        and all(headers.get(each["name"].lower()) == each["value"] for each in match.get("headers", []))
        and all(said.get(each["name"]) == each["value"] for each in match.get("queryParams", []))
    )


known = st.sampled_from(list(STAGES))
paths = known.flatmap(
    lambda name: st.sampled_from(
        [
            *(f"/api/{name}{end}" for end in ("", "/", "/1", "/by", "/by/1", "/by/1/2")),
            *(f"/{name}{end}" for end in ("", "/", "/orders", "/orders/1", "x")),
            *(f"/menu/{name}{end}" for end in ("", "/x")),
            *(f"/items/{name}{end}" for end in ("", "/1", "/1/2")),
            *("/", "/api", "/elsewhere"),
        ]
    )
)


@hypothesis(max_examples=500, deadline=None, derandomize=True)
@given(
    path=paths,
    query=st.sampled_from(["", "?action=list", "?action=edit&x=1", "?x=1"]),
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "MERGE"]),
    org=st.sampled_from(["", "1", "live-1", "canary-2", "fenced-1"]),
)
def test_a_gateway_sends_a_call_where_the_facade_does_or_to_the_facade(
    gateway: Gateway, table: RouteTable, path: str, query: str, method: str, org: str
) -> None:
    headers = {"x-org": org} if org else {}
    found = gateway.answers(method, path + query, headers)
    asked = Asked(method, path + query, headers)
    decision = decide(table, standings(*STAGES.values()), asked, table.find(asked), {}, Who("me"), 0.5)
    if decision.function == "canary" and decision.kind == "read":
        assert found in ([("canary", 2500), ("erp", 7500)], [("facade", 1)])
        return
    name = {"live": "test-new-live"}.get(decision.function or "", decision.function)
    right = name if decision.side is Side.NEW and not decision.status else "erp"
    assert found in ([(right, 1)], [("facade", 1)]) if not decision.status else found == [("facade", 1)]
    if not decision.status and not path.startswith("/items"):
        assert found == [(right, 1)], "only what needs more than a literal path is left to the facade"


@pytest.fixture(scope="module")
def gateway(exported: Export) -> Gateway:
    return Gateway(exported)


@pytest.fixture(scope="module")
def table() -> RouteTable:
    made = configured()
    return compile_routes(made.functions, made.facade)


def test_weights_copies_and_limits_are_said(exported: Export) -> None:
    found = [
        rule for each in objects(exported) if each["kind"] == "HTTPRoute" for rule in each["spec"]["rules"]
    ]
    split = next(rule for rule in found if len(rule.get("backendRefs", [])) == 2)
    assert [ref["weight"] for ref in split["backendRefs"]] == [2500, 7500]
    assert split["backendRefs"][1] == {"name": "erp", "namespace": "legacy", "port": 8000, "weight": 7500}
    mirrors = [f["requestMirror"] for rule in found for f in rule["filters"] if f["type"] == "RequestMirror"]
    assert mirrors
    assert all(each["backendRef"] == {"name": "test-comparer", "port": 8081} for each in mirrors)
    assert all(re.fullmatch(r"\d+ms", rule["timeouts"]["request"]) for rule in found)


def test_routes_have_no_more_than_an_api_server_takes() -> None:
    many = [f"f{number}" for number in range(150)]
    made = settings(LEGACY, {name: rest(name) for name in many}, {name: f"http://{name}:80" for name in many})
    found = objects(export(made, *(standing(name, Stage.CANARY, 100) for name in many)))
    made_routes = [each for each in found if each["kind"] == "HTTPRoute"]
    assert len(made_routes) > 9
    assert len({each["metadata"]["name"] for each in made_routes}) == len(made_routes)
    assert [fault for each in made_routes for fault in faults("HTTPRoute", each)] == []


def test_what_cant_be_said_is_told_or_refused(exported: Export) -> None:
    told = " ".join(exported.notes)
    assert "goes to the facade: /items/live/…" in told
    assert "doesn't stay on one side" in told
    with pytest.raises(StranglerError, match="can't say what becomes of /items/live/…"):
        export(configured())
    with pytest.raises(StranglerError, match="ignore_case"):
        export(configured(facade={"ignore_case": True}), facade=FACADE)


def test_what_is_fenced_is_refused_without_a_facade_too() -> None:
    made = settings(LEGACY, {"sale": rest("sale")}, {"sale": "http://sale:80"})
    exported = export(made, standing("sale", Stage.CANARY, 10_000, fenced=True))
    assert Gateway(exported).answers("POST", "/api/sale/1", {}) == []
    assert Gateway(exported).answers("GET", "/api/sale/1", {}) == [("sale", 1)]
    assert "answered with 500" in " ".join(exported.notes)
    assert all(
        faults(each["kind"], each) == []
        for each in objects(exported)
        if each["apiVersion"].startswith("gateway.")
    )
