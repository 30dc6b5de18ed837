"""A proxy with exported files sends each request where the facade would: one configuration of a few dozen functions, many requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from strangler import plugins
from strangler.cutover.stages import Side, Stage, Standing
from strangler.paths import BadPath
from strangler.planes.plane import Wishes, draw
from strangler.routing import BUCKETS, Decision, Facts, RouteTable, Standings, compile_routes, decide
from strangler.settings import Settings
from tests.dataplanes.landscape import read, rest, settings, standing, standings, write
from tests.dataplanes.proxies import Caller, free_port, running
from tests.dataplanes.upstreams import Upstreams, upstreams

STAGES = [
    ("live", Stage.LIVE, 0, False),
    ("legacy", Stage.LEGACY, 0, False),
    ("canary", Stage.CANARY, 4000, False),
    ("all", Stage.CANARY, BUCKETS, False),
    ("fenced", Stage.CANARY, 0, True),
    ("shadow", Stage.SHADOW, 0, False),
]
NAMES = [f"{stage}{n}" for n in range(6) for stage, *_ in STAGES]


def shapes(name: str, number: int) -> list[dict[str, Any]]:
    """Routes of several shapes; some lie in each other's way."""
    upper = name.title()
    return [
        *rest(name),
        read(f"/OData/{upper}/{{key}}", method=["GET"]),
        write(f"/OData/{upper}/{{key}}"),
        read(f"/{{tenant}}/{name}/list"),
        read(f"/{{tenant}}/{{module}}/{name}", method=["GET"]),
        read("/shared/list", headers={"X-Org": f"{number}a"}),
        write("/shared/{rest:path}", method=["POST"], headers={"X-Org": f"{number}a", "X-Way": "In"}),
        read(f"/deep/a/b/c/{name}/{{rest:path}}"),
    ]


def configured(servers: Upstreams) -> Settings:
    functions = {name: shapes(name, number) for number, name in enumerate(NAMES)}
    return settings(servers["legacy"].url, functions, {name: servers[name].url for name in functions})


def stands() -> Standings:
    each: list[Standing] = [
        standing(name, stage, weight, fenced)
        for name, (_, stage, weight, fenced) in zip(NAMES, cycle(STAGES), strict=False)
    ]
    return standings(*each)


SEGMENTS = [
    *(*NAMES[:12], *(name.title() for name in NAMES[:8]), NAMES[1].upper()),
    *("api", "API", "OData", "odata", "shared", "list", "deep", "a", "b", "c", "1", "2", "GET", "POST", "0a"),
    *("x y", "ü", "a;v=1", "$x", '"', "{1}", "/1", "=a/5/a", "..", ".x", "~", "%2F"),
]
segments = st.sampled_from(SEGMENTS)
quoting = st.sampled_from(["plain", "all", "lower"])


def _spelled(segment: str, how: str) -> str:
    if how == "plain":
        return "".join(
            c if c.isascii() and c not in ' "{}%' else "".join(f"%{b:02X}" for b in c.encode())
            for c in segment
        )
    text = "".join(f"%{byte:02X}" for byte in segment.encode())
    return text if how == "all" else text.lower()


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, dict[str, str]]:
    """Method, target and headers."""
    known = draw(st.sampled_from(NAMES[:12]))
    paths = [["api", known, "1"], ["OData", known.title(), "7"], ["t", known, "list"], ["shared", "list"]]
    fixed = st.sampled_from([*paths, ["deep", "a", "b", "c", known]])
    longer = fixed.flatmap(lambda start: segments.map(lambda more: [*start, more]))
    chosen = draw(st.one_of(fixed, longer, st.lists(segments, max_size=7)))
    slash = draw(st.sampled_from(["", "", "/"]))
    path = (
        "/"
        + draw(st.sampled_from(["/", "/", "//"])).join(_spelled(each, draw(quoting)) for each in chosen)
        + slash
    )
    headers = draw(
        st.fixed_dictionaries(
            {"Authorization": st.integers(0, 200).map("Basic {}".format)},
            optional={
                "X-Org": st.sampled_from(["0a", "2a", "2A", "5a", "", "=2a/1/2a"]),
                "X-Way": st.sampled_from(["In", "in", "Out"]),
            },
        )
    )
    query = draw(st.sampled_from(["", "?", "?a=/api/live0/1", "?x=%2F..%2F"]))
    return draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD"])), path + query, headers


def decided(table: RouteTable, standings: Standings, request: tuple[str, str, dict[str, str]]) -> Decision:
    method, target, given = request
    headers = {name.lower(): value for name, value in given.items()}
    return decide(
        table, standings, Facts(method, target.partition("?")[0], headers, {}, headers["authorization"], 0.5)
    )


class Landscape:
    """A proxy that runs, and the facade's own table."""

    def __init__(self, target: str, caller: Caller, table: RouteTable) -> None:
        self.target, self.caller, self.table, self.standings = target, caller, table, stands()

    def agree(self, request: tuple[str, str, dict[str, str]]) -> None:
        method, target, headers = request
        answer = self.caller.ask(method, target, headers, b"" if method in ("POST", "PUT") else None)
        try:
            decision = decided(self.table, self.standings, request)
        except BadPath:
            assert answer.status == 400, (request, answer)
            return
        if _ambiguous(target):
            assert answer.status == 400, (request, answer)
        elif decision.status is not None:
            assert answer.status == decision.status, (request, answer, decision)
        elif self.target == "nginx" and "bucket" in decision.why:
            assert answer.name in ("legacy", decision.function), (request, answer, decision)
        else:
            side = decision.function if decision.side is Side.NEW else "legacy"
            assert answer.name == side, (request, answer, decision)


def _ambiguous(target: str) -> bool:
    path = target.partition("?")[0].lower()
    return any(each in path for each in ("%2f", "%5c", "\\", "/;", "/%3b"))


@pytest.fixture(scope="module", params=["nginx", "haproxy"])
def landscape(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Landscape]:
    with ExitStack() as stack:
        servers = stack.enter_context(upstreams())
        made, port = configured(servers), free_port()
        plane = draw(made, stands(), Wishes(f"127.0.0.1:{port}"))
        home: Path = tmp_path_factory.mktemp(request.param)
        export = plugins.load("dataplanes", request.param)(plane)
        caller = stack.enter_context(running(request.param, home, export, port))
        yield Landscape(request.param, caller, compile_routes(made.functions, "strangler"))


@hypothesis(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(request=requests())
def test_a_proxy_sends_a_request_where_the_facade_does(
    landscape: Landscape, request: tuple[str, str, dict[str, str]]
) -> None:
    landscape.agree(request)


def test_every_route_is_reached_in_every_proxy(landscape: Landscape) -> None:
    for number, name in enumerate(NAMES):
        for method in ("GET", "POST"):
            for path in (
                f"/api/{name}/1",
                f"/OData/{name.title()}/1",
                f"/x/{name}/list",
                f"/x/y/{name}",
                f"/deep/a/b/c/{name}",
            ):
                landscape.agree((method, path, {"Authorization": f"Basic {number}"}))
            for org in (f"{number}a", f"{number}b"):
                for way in ("In", "Out"):
                    headers = {"Authorization": "Basic x", "X-Org": org, "X-Way": way}
                    landscape.agree((method, "/shared/list", headers))
                    landscape.agree((method, "/shared/else/where", headers))
