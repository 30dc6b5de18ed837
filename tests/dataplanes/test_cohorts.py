"""Cohorts before other proxies: told by the head each goes where its own standing says, else to the facade."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strangler import plugins
from strangler.cutover.stages import Side, Stage, Standing
from strangler.errors import StranglerError
from strangler.planes.drawing import Wishes, draw
from strangler.planes.plane import FACADE, To
from strangler.routing import Asked, Standings, Trust, Who, compile_routes, decide
from strangler.settings import Settings
from tests.dataplanes.landscape import ENTITY, read, rest, standing, standings, write
from tests.dataplanes.proxies import Caller, free_port, running
from tests.dataplanes.upstreams import Upstreams, upstreams


def configured(legacy: str, new: str, cohorts: dict[str, Any], **more: Any) -> Settings:
    routes = [
        *rest("sale"),
        read("/companies/{company}/orders"),
        write("/companies/{company}/orders", method=["POST"]),
    ]
    function = {"source": "erp", "store": "new", "entities": {"e": ENTITY}, "service": {"url": new}}
    return Settings.model_validate(
        {
            "name": "test",
            "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}},
            "stores": {"new": {"url": "sqlite:///new.db"}},
            "facade": {"legacy": legacy},
            "functions": {"sale": {**function, "routes": routes, "cohorts": cohorts, **more}},
        }
    )


def stands(**cohorts: Standing) -> Standings:
    return Standings(7, {"sale": standing("sale", Stage.LEGACY)}, Trust.SURE, {"sale": cohorts})


MOVING = stands(
    AT=standing("sale", Stage.LIVE),
    DE=standing("sale", Stage.CANARY, 10_000),
    CH=standing("sale", Stage.CANARY, 0, True),
)
PLACES = [{"header": "X-Company"}, {"query": "company"}, {"path": "company"}]


@pytest.fixture(scope="module", params=["nginx", "haproxy", "envoy"])
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Caller, Settings]]:
    with upstreams() as servers:
        port, home = free_port(), tmp_path_factory.mktemp(request.param)
        yield from _front(request.param, home, port, servers)


def _front(target: str, home: Path, port: int, servers: Upstreams) -> Iterator[tuple[Caller, Settings]]:
    made = configured(servers["legacy"].url, servers["new"].url, {"from": PLACES, "default": "DE"})
    plane = draw(made, MOVING, Wishes(f"127.0.0.1:{port}"))
    with running(target, home, plugins.load("dataplanes", target)(plane), port) as caller:
        yield caller, made


def test_a_cohort_goes_where_it_stands(front: tuple[Caller, Settings]) -> None:
    caller, made = front
    table, seen = compile_routes(made.functions, made.facade), set()
    for method in ("GET", "POST"):
        for header in (None, "", "AT", "DE", "CH", "FR", "at"):
            for query in ("", "?company=AT", "?company=CH", "?company=", "?x=1"):
                for path in ("/api/sale/1", "/companies/AT/orders", "/companies/FR/orders", "/elsewhere"):
                    headers = {} if header is None else {"X-Company": header}
                    asked = Asked(
                        method, path + query, {name.lower(): value for name, value in headers.items()}
                    )
                    decision = decide(table, MOVING, asked, table.find(asked), {}, Who("me"), 0.5)
                    right = decision.status or ("new" if decision.side is Side.NEW else "legacy")
                    answer = caller.ask(method, path + query, headers, b"" if method == "POST" else None)
                    assert (answer.name or answer.status) == right, (method, path, query, headers, decision)
                    seen.add(right)
    assert seen == {"new", "legacy", 503}


@pytest.mark.parametrize(
    ("cohorts", "more"),
    [
        ({"from": [{"json": "company"}]}, {}),
        ({"from": [{"claim": "company"}]}, {}),
        ({"from": PLACES}, {"documents": {"key": [{"path": "id"}], "created": {"json": "id"}}}),
    ],
)
def test_what_the_head_doesnt_tell_goes_to_the_facade(cohorts: dict[str, Any], more: dict[str, Any]) -> None:
    made = configured("http://legacy", "http://new", cohorts, **more)
    with pytest.raises(StranglerError, match="as only the facade can"):
        draw(made, MOVING, Wishes("127.0.0.1:80"))
    plane = draw(made, MOVING, Wishes("127.0.0.1:80", facade="http://facade"))
    assert {rule.action for rule in plane.rules} == {To(FACADE)}


def test_callers_are_divided_by_one_weight_alone() -> None:
    made = configured("http://legacy", "http://new", {"from": [{"header": "X-Company"}]})
    two = stands(AT=standing("sale", Stage.CANARY, 100), DE=standing("sale", Stage.CANARY, 200))
    with pytest.raises(StranglerError, match="as only the facade can"):
        draw(made, two, Wishes("127.0.0.1:80"))
    actions = {rule.action for rule in draw(made, two, Wishes("127.0.0.1:80", facade="http://facade")).rules}
    assert To(FACADE) in actions


def test_cohorts_without_a_standing_of_their_own_are_as_all_others() -> None:
    made = configured("http://legacy", "http://new", {"from": [{"json": "company"}]})
    plane = draw(made, standings(standing("sale", Stage.LIVE)), Wishes("127.0.0.1:80"))
    assert {rule.action for rule in plane.rules} == {To("new_sale")}
