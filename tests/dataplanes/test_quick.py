"""Where the beginning of a path decides: the quick way of nginx, the tree of Envoy; and no request on them that could be read otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from strangler.cutover.stages import Stage
from strangler.planes.automaton import build
from strangler.planes.drawing import Wishes, draw
from strangler_adapters.dataplanes import nginx
from strangler_adapters.dataplanes.nginx_quick import Quick
from strangler_adapters.dataplanes.nginx_tables import alike
from strangler_adapters.dataplanes.ways import Ways
from tests.dataplanes.landscape import read, rest, settings, standing, standings, write
from tests.dataplanes.test_agreement import NAMES, Functions, Landscape, landscape_of


def plain() -> Functions:
    """Routes as most services have them, of several lengths; some by letters of either case, one with more than a path."""
    functions: Functions = {name: [*rest(name)] for name in NAMES[:6]}
    for name in NAMES[6:12]:
        functions[name] = [
            read(f"/erp/v1/{name}/items/{{id}}", method=["GET"]),
            write(f"/erp/v1/{name}/items/{{id}}", method=["PUT", "DELETE"]),
            read(f"/erp/v1/{name}/items/{{id}}/lines", method=["GET"]),
        ]
    functions[NAMES[0]].append(read("/erp/v1/items/special/{rest:path}"))
    functions[NAMES[6]].append(read("/erp/v1/items"))
    for name in NAMES[12:]:
        functions[name] = [read(f"/{name.title()}/list"), read(f"/{name}/list", query={"x": "1"})]
    return functions


@pytest.fixture(scope="module", params=["nginx", "envoy"])
def landscape(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Landscape]:
    home: Path = tmp_path_factory.mktemp("quick")
    with landscape_of(request.param, home, plain()) as made:
        yield made


ODD = [
    "..",
    ".",
    ".x",
    "a;v=1",
    "%2F",
    "%2e%2e",
    "%41",
    "x%20y",
    "LIST",
    "Items",
    "~",
    "a|b",
    "$x",
    "'1'",
    "",
    "new",
]
known = st.sampled_from(NAMES)
ends = st.lists(
    st.one_of(st.sampled_from(["1", "items", "lines", "list", "special", "X1"]), st.sampled_from(ODD)),
    max_size=4,
)
beginnings = st.one_of(
    known.map(lambda name: f"/api/{name}"),
    known.map(lambda name: f"/erp/v1/{name}/items"),
    known.map(lambda name: f"/{name.title()}"),
    known.map(lambda name: f"/api/{name.title()}"),
    st.sampled_from(["", "/api", "/erp", "/erp/v1", "/erp/v1/items", "//api/live0", "/API/live0"]),
)


@hypothesis(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    beginning=beginnings,
    end=ends,
    slash=st.sampled_from(["", "", "/"]),
    query=st.sampled_from(["", "", "?", "?x=1", "?a=/../%2F;"]),
    method=st.sampled_from(["GET", "GET", "GET", "HEAD", "PUT", "POST", "DELETE"]),
    caller=st.integers(0, 50),
)
def test_the_beginning_of_a_path_leads_where_the_facade_does(
    landscape: Landscape, beginning: str, end: list[str], slash: str, query: str, method: str, caller: int
) -> None:
    target = "/".join([beginning, *end]) + slash
    landscape.agree((method, (target or "/") + query, {"Authorization": f"Basic {caller}"}))


def test_quick_calls_dont_take_the_request_apart() -> None:
    """What is quick: said by what stands in the table, since nobody sees from outside which way a call took."""
    services = {name: f"http://127.0.0.1:{9101 + n}" for n, name in enumerate(plain())}
    made = settings("http://127.0.0.1:9100", plain(), services)
    stands = [standing(name, stage, weight, False) for name, stage, weight in _STANDING]
    plane = draw(made, standings(*stands), Wishes("127.0.0.1:8080", without_body_routes=True))
    ways = Ways(plane, alike)
    tables = "".join(Quick(build(plane.rules), ways).tables())
    assert f'"/api/{NAMES[0]}" "read/new_{NAMES[0]}"' in tables, "below a path all to one side"
    assert f'"/erp/v1/{NAMES[6]}/items/" "{NAMES[6]}"' in tables, "one segment more, and the caller decides"
    assert f'"/erp/v1/{NAMES[6]}/items//" ""' in tables, "two more are another route's, or nobody's"
    assert f'"/{NAMES[12]}" "' not in tables.replace(f'"/{NAMES[12]}" ""', ""), "a query decides"
    assert nginx.compile(plane).files[nginx.FILE].count("location / {") == 1


_STANDING = [(NAMES[0], Stage.LIVE, 0), (NAMES[6], Stage.CANARY, 5000)]
