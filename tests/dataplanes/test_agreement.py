"""A proxy with exported files sends each request where the facade would: one configuration of a few dozen functions, many requests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from strangler import plugins
from strangler.cutover.stages import Side, Stage, Standing
from strangler.planes.drawing import Wishes, draw
from strangler.routing import (
    BUCKETS,
    Asked,
    BadPath,
    Decision,
    RouteTable,
    Standings,
    Who,
    compile_routes,
    decide,
)
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
        read("/shared/list", headers={"X-Org": [f"{number}a", f"{number}, b"]}),
        write("/shared/{rest:path}", method=["POST"], headers={"X-Org": f"{number}a", "X-Way": ["In", "*"]}),
        read(f"/deep/a/b/c/{name}/{{rest:path}}"),
        read("/odata/v1", method=["GET", "HEAD"], odata=[f"Set{number}"]),
        write("/odata/v1", method=["POST", "PUT"], odata=[f"Set{number}"]),
        read("/menu", query={"action": [f"{name}.list", f"{name}.show"]}),
        write("/menu", query={"action": f"{name}.edit", "id": "*"}),
        read("/cookie", cookies={"Org.Id": f"o{number}"}),
        read("/hosts/{rest:path}", host=[f"{name}.example.com", f"*.{name}.example.com"]),
    ]


ANYWHERE = [
    read("/hosts/list", host="*.example.com"),
    write("/cookie", cookies={"Org.Id": "*"}),
    read("/cookie/{some}", cookies={"Org.Id": "o1"}, query={"x": "1"}),
    write("/cookie/{some}", cookies={"Org.Id": "*"}),
]


Functions = dict[str, list[dict[str, Any]]]


def tangled() -> Functions:
    """Routes that lie in each other's way."""
    functions = {name: shapes(name, number) for number, name in enumerate(NAMES)}
    functions[NAMES[0]] += ANYWHERE
    return functions


def configured(servers: Upstreams, functions: Functions) -> Settings:
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
    *(
        "menu",
        "cookie",
        "hosts",
        "odata",
        "v1",
        "Set0",
        "set0",
        "Set1('a b')",
        "ns.Set2(1)",
        "$batch",
        "Set2",
    ),
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
    more = [
        ["menu"],
        ["cookie"],
        ["hosts", "list"],
        ["odata", "v1", "Set0(7)", "Items"],
        ["odata", "v1", "a.Set1"],
    ]
    fixed = st.sampled_from([*paths, *more, *more, ["deep", "a", "b", "c", known]])
    longer = fixed.flatmap(lambda start: segments.map(lambda more: [*start, more]))
    chosen = draw(st.one_of(fixed, fixed, longer, st.lists(segments, max_size=7)))
    slash = draw(st.sampled_from(["", "", "/"]))
    path = (
        "/" + draw(st.sampled_from(["/", "/", "//"])).join(_spelled(e, draw(quoting)) for e in chosen) + slash
    )
    wanted = {
        "X-Org": st.sampled_from(["0a", "2a", "2A", "5a", "=2a/1/2a", "2, b", "2a, x", "0a, 2a"]),
        "X-Way": st.sampled_from(["In", "in", "Out"]),
        "Cookie": st.sampled_from(
            [
                "Org.Id=o0",
                "a=b; Org.Id=o2 ;c=d",
                "org.id=o1",
                "OrgxId=o1",
                "Org.Id=",
                "Org.Id=o1; Org.Id=o2",
                "Org.Id=O1",
            ]
        ),
        "X-HTTP-Method-Override": st.sampled_from(["PUT", "GET"]),
        "Host": st.sampled_from(
            [f"{known}.example.com", f"A.{known}.Example.com:80", "b.example.com.", "example.com", "x.y"]
        ),
    }
    headers = draw(
        st.fixed_dictionaries({"Authorization": st.integers(0, 200).map("Basic {}".format)}, optional=wanted)
    )
    actions = st.sampled_from(["list", "show", "edit", "List", ""]).map(
        lambda action: f"action={known}.{action}"
    )
    rare = [
        "action",
        "action=",
        "id=1",
        "id",
        "id=",
        "x=1",
        "a%63tion=1",
        "action=live0%2Elist",
        "x=/api/../a%20b",
        "y;z=1",
    ]
    pairs = draw(st.lists(st.one_of(actions, actions, st.sampled_from(rare)), max_size=3))
    query = f"?{'&'.join(pairs)}" if pairs or draw(st.booleans()) else ""
    return draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD"])), path + query, headers


def decided(table: RouteTable, standings: Standings, request: tuple[str, str, dict[str, str]]) -> Decision:
    """What the facade decides; a caller whose bucket is below no weight. Raises BadPath."""
    method, target, given = request
    asked = Asked(
        method, target, {"host": "127.0.0.1", **{name.lower(): value for name, value in given.items()}}
    )
    who = Who(table.identify(asked, "127.0.0.1"))
    return decide(table, standings, asked, table.find(asked), {}, who, 0.5)


def unclear(request: tuple[str, str, dict[str, str]]) -> bool:
    """Whether servers may read it in several ways, as the notes of an export say."""
    method, target, headers = request
    path, _, query = target.partition("?")
    if re.search(r"%2f|%5c|%3b|%25[0-9a-f]{2}|\\|;", path, re.IGNORECASE):
        return True
    names = [pair.partition("=")[0] for pair in query.split("&")]
    return (
        (method == "POST" and "X-HTTP-Method-Override" in headers)
        or "," in headers.get("X-Org", "")
        or headers.get("Cookie", "").count("Org.Id") > 1
        or any(c in "".join(names) for c in "%+;")
        or ";" in query
        or any(names.count(name) > 1 for name in ("action", "id"))
        or any("%" in pair for pair in query.split("&") if pair.startswith(("action", "id")))
    )


class Landscape:
    """A proxy that runs, and the facade's own table."""

    def __init__(self, target: str, caller: Caller, table: RouteTable) -> None:
        self.target, self.caller, self.table, self.standings = target, caller, table, stands()

    def unclear(self, request: tuple[str, str, dict[str, str]]) -> bool:
        """Whether this proxy may find that servers read it in several ways, as its notes say."""
        path = request[1].partition("?")[0]
        coded = re.search(r"%(?:2d|2e|3\d|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])", path, re.I)
        return unclear(request) or (self.target == "envoy" and coded is not None)

    def agree(self, request: tuple[str, str, dict[str, str]]) -> None:
        method, target, headers = request
        answer = self.caller.ask(method, target, headers, b"" if method in ("POST", "PUT") else None)
        said = answer.name or answer.status
        try:
            decision = decided(self.table, self.standings, request)
        except BadPath:
            if self.unclear(request):
                assert said in (400, UNCLEAR, self._whichever(request)), (request, answer)
            else:
                assert said == 400, (request, answer)
            return
        right = {_sure(decision)}
        if self.target != "haproxy" and "bucket" in decision.why:
            right |= {"legacy", decision.function}  # by a hash of its own
        if self.unclear(request):
            # A proxy may find it clear where the facade's own rule is wider: then it says what the facade does.
            right |= {UNCLEAR}
        assert said in right, (request, answer, decision)

    def _whichever(self, request: tuple[str, str, dict[str, str]]) -> int | str | None:
        """What becomes of the request whichever of the values that it gives twice is obeyed; None where that differs."""
        method, target, headers = request
        found = set()
        for org in headers.get("X-Org", "").split(", "):
            for cookie in headers.get("Cookie", "").split("; "):
                given = headers | {"X-Org": org, "Cookie": cookie}
                try:
                    found.add(_sure(decided(self.table, self.standings, (method, target, given))))
                except BadPath:
                    return None
        return found.pop() if len(found) == 1 else None


def _sure(decision: Decision) -> int | str | None:
    """The status with which the facade refuses, or who answers."""
    return decision.status or (decision.function if decision.side is Side.NEW else "legacy")


UNCLEAR = 503
"""What becomes of an unclear request here: one of the functions that it could mean is fenced."""


@contextmanager
def landscape_of(target: str, home: Path, functions: Functions) -> Iterator[Landscape]:
    """A proxy with these functions before their upstreams."""
    with ExitStack() as stack:
        servers = stack.enter_context(upstreams())
        made, port = configured(servers, functions), free_port()
        plane = draw(made, stands(), Wishes(f"127.0.0.1:{port}", without_body_routes=True))
        export = plugins.load("dataplanes", target)(plane)
        caller = stack.enter_context(running(target, home, export, port))
        yield Landscape(target, caller, compile_routes(made.functions, made.facade))


@pytest.fixture(scope="module", params=["nginx", "haproxy", "envoy"])
def landscape(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Landscape]:
    with landscape_of(request.param, tmp_path_factory.mktemp(request.param), tangled()) as made:
        yield made


@hypothesis(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(request=requests())
def test_a_proxy_sends_a_request_where_the_facade_does(
    landscape: Landscape, request: tuple[str, str, dict[str, str]]
) -> None:
    landscape.agree(request)


def test_every_route_is_reached_in_every_proxy(landscape: Landscape) -> None:
    for number, name in enumerate(NAMES):
        paths = [
            f"/api/{name}/1",
            f"/OData/{name.title()}/1",
            f"/x/{name}/list",
            f"/x/y/{name}",
            f"/deep/a/b/c/{name}",
        ]
        paths += [
            f"/odata/v1/Set{number}",
            f"/odata/v1/ns.Set{number}(1)/x",
            f"/menu?action={name}.list&x=a%20b",
        ]
        for method in ("GET", "POST"):
            for path in (*paths, f"/menu?id=&action={name}.edit"):
                landscape.agree((method, path, {"Authorization": f"Basic {number}"}))
            for org in (f"{number}a", f"{number}b", f"{number}, b"):
                for way in ("In", "Out"):
                    headers = {"Authorization": "Basic x", "X-Org": org, "X-Way": way}
                    landscape.agree((method, "/shared/list", headers))
                    landscape.agree((method, "/shared/else/where", headers))
            for host in (f"{name}.example.com", f"a.b.{name}.example.com:8080", "example.com"):
                for path in ("/hosts/list", "/hosts/other"):
                    landscape.agree((method, path, {"Authorization": "Basic x", "Host": host}))
            for path in ("/cookie", "/cookie/a?x=1", "/cookie/a?x=2"):
                for cookie in (f"a=b; Org.Id=o{number}", "a=b; Org.Id=", "Org.Id=", "xOrg.Id=o1"):
                    landscape.agree((method, path, {"Authorization": "Basic x", "Cookie": cookie}))
