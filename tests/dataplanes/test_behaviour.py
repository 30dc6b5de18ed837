"""nginx and HAProxy with exported files before real upstreams: who answers, what is refused and copied, and when one is dead."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest

from strangler import plugins
from strangler.cutover.stages import Stage, Standing
from strangler.planes.drawing import Wishes, draw
from tests.dataplanes.landscape import read, rest, settings, standing, standings
from tests.dataplanes.proxies import Caller, free_port, running
from tests.dataplanes.upstreams import Upstreams, wait_for

Front = Callable[..., Caller]


@pytest.fixture(params=["nginx", "haproxy", "envoy"])
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def front(target: str, servers: Upstreams, tmp_path: Path) -> Iterator[Front]:
    """Starts the proxy for functions at their standings; their new sides are the upstreams of their names."""
    with ExitStack() as stack:

        def start(
            *stands: Standing,
            routes: Sequence[dict[str, Any]] | None = None,
            facade: dict[str, Any] | None = None,
            facade_url: str | None = None,
            **wishes: Any,
        ) -> Caller:
            port = free_port()
            functions = {one.function: routes or rest(one.function) for one in stands}
            made = settings(
                servers["legacy"].url,
                functions,
                {name: servers[name].url for name in functions},
                facade=facade,
            )
            plane = draw(made, standings(*stands), Wishes(f"127.0.0.1:{port}", facade_url, **wishes))
            export = plugins.load("dataplanes", target)(plane)
            proxy: AbstractContextManager[Caller] = running(target, tmp_path / "proxy", export, port)
            return stack.enter_context(proxy)

        yield start


def test_reads_and_writes_go_where_the_function_stands(front: Front) -> None:
    caller = front(
        standing("sale", Stage.LIVE),
        standing("party", Stage.SYNCING),
        standing("stock", Stage.CANARY, 10_000),
    )
    assert caller.ask("GET", "/api/sale/1").name == "sale"
    assert caller.ask("PUT", "/api/sale/1", body=b"{}").name == "sale"
    assert caller.ask("GET", "/api/party/1").name == "legacy"
    assert caller.ask("POST", "/api/party/", body=b"{}").name == "legacy"
    assert caller.ask("GET", "/api/stock/1").name == "stock"
    assert caller.ask("DELETE", "/api/stock/1").name == "legacy"
    elsewhere = caller.ask("GET", "/elsewhere?a=b")
    assert elsewhere.name == "legacy"
    assert elsewhere.headers["x-strangler-generation"] == "7"


def test_a_call_is_passed_on_as_it_was(front: Front, servers: Upstreams, target: str) -> None:
    caller = front(standing("sale", Stage.LIVE))
    spelled = "/api//sale/a%20b/%C3%BC?x=%2F&y=a+b;c"
    given = {
        "Host": "erp.example:81",
        "X-Own_Header": "1",
        "X-Forwarded-For": "6.6.6.6",
        "X-Strangler-Mirror": "1",
    }
    assert caller.ask("POST", spelled, given, body=b"x" * 100_000).name == "sale"
    method, path, headers, body = servers["sale"].got[-1]
    sent = spelled.replace("//", "/") if target == "envoy" else spelled
    assert (method, path, len(body)) == ("POST", sent, 100_000)
    assert headers["host"] == headers["x-forwarded-host"] == "erp.example:81"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-own_header"] == "1"
    assert headers["via"].startswith("1.1 strangler-test-")
    assert "x-strangler-mirror" not in headers
    assert caller.ask("GET", "/x", {"Via": headers["via"]}).status == 508


def test_an_upgrade_is_passed_on(front: Front, servers: Upstreams) -> None:
    caller = front(standing("sale", Stage.LIVE))
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}
    caller.ask("GET", "/api/sale/feed", {"Upgrade": "websocket", "Connection": "Upgrade", **key})
    asked = servers["sale"].got[-1].headers
    assert (asked["upgrade"].lower(), asked["connection"].lower()) == ("websocket", "upgrade")
    assert caller.ask("GET", "/api/sale/1").name == "sale"
    assert "upgrade" not in servers["sale"].got[-1].headers


def test_a_share_of_the_callers_reads_from_new_and_each_stays_where_it_is(front: Front) -> None:
    caller = front(standing("sale", Stage.CANARY, 2500))
    sides = {n: caller.ask("GET", "/api/sale/1", {"Authorization": f"Basic {n}"}).name for n in range(1000)}
    new = [n for n, name in sides.items() if name == "sale"]
    # 250 of 1,000 on average, with a deviation of 13.7: seven of those on either side are once in 10^12.
    assert 154 < len(new) < 346
    assert set(sides.values()) == {"sale", "legacy"}
    for n in range(0, 1000, 50):
        assert caller.ask("GET", "/api/sale/2?other", {"Authorization": f"Basic {n}"}).name == sides[n]
    assert caller.ask("PUT", "/api/sale/1", {"Authorization": f"Basic {new[0]}"}, b"").name == "legacy"


def test_a_caller_is_told_by_the_first_header_or_cookie_that_it_has(front: Front) -> None:
    sticky = {"headers": ["x-user", "authorization"], "cookies": ["Session-Id"]}
    caller = front(standing("sale", Stage.CANARY, 5000), facade={"sticky": sticky})

    def side(**headers: str) -> str | None:
        return caller.ask(
            "GET", "/api/sale/1", {name.replace("_", "-"): value for name, value in headers.items()}
        ).name

    for n in range(30):
        known = side(x_user=f"u{n}")
        assert side(x_user=f"u{n}", authorization=f"other {n}", cookie=f"Session-Id={n}") == known
        known = side(authorization=f"a{n}")
        assert side(authorization=f"a{n}", cookie=f"Session-Id=x{n}") == known
        known = side(cookie=f"Session-Id=c{n}")
        assert side(cookie=f"session-id=zzz; a=b; Session-Id=c{n}; d=e") == known
    assert len({side(cookie=f"Session-Id=c{n}") for n in range(30)}) == 2
    assert len({side() for _ in range(5)}) == 1, "a caller without any is its address"


def test_invariant_4_a_fenced_write_is_refused_and_says_when_to_come_again(
    front: Front, servers: Upstreams
) -> None:
    caller = front(standing("sale", Stage.CANARY, 10_000, fenced=True))
    refused = caller.ask("POST", "/api/sale/1", body=b"{}")
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert refused.headers["content-type"] == "application/problem+json"
    assert b"fenced" in refused.body
    assert refused.headers["x-strangler-generation"] == "7"
    assert caller.ask("GET", "/api/sale/1").name == "sale"
    assert not [got for got in (*servers["legacy"].got, *servers["sale"].got) if got.method == "POST"]


def test_a_mirrored_read_reaches_the_comparer_and_nobody_waits_for_it(
    front: Front, servers: Upstreams, target: str
) -> None:
    caller = front(standing("sale", Stage.SHADOW), comparer=servers["comparer"].url)
    assert caller.ask("GET", "/api/sale/1?a=%20b", {"Authorization": "Basic me"}).name == "legacy"
    wait_for(lambda: len(servers["comparer"].got) == 1)
    copy = servers["comparer"].got[0]
    assert (copy.method, copy.target) == ("GET", "/api/sale/1?a=%20b")
    if target == "envoy":
        assert re.fullmatch(r"127\.0\.0\.1-shadow:\d+", copy.headers["host"]), "which the comparer knows"
    else:
        assert copy.headers["x-strangler-mirror"] == "1"
    assert copy.headers["authorization"] == "Basic me"
    assert caller.ask("PUT", "/api/sale/1", body=b"{}").name == "legacy"
    servers["comparer"].delay = 5
    began = time.monotonic()
    for _ in range(10):
        assert caller.ask("GET", "/api/sale/1").name == "legacy"
    assert time.monotonic() - began < 1, "the comparer hangs, and the callers don't wait"
    assert all(copy.method == "GET" for copy in servers["comparer"].got), "no write is copied"


def test_only_the_share_is_mirrored(front: Front, servers: Upstreams) -> None:
    caller = front(
        standing("sale", Stage.SHADOW), comparer=servers["comparer"].url, facade={"shadow": {"share": "20%"}}
    )
    for _ in range(400):
        caller.ask("GET", "/api/sale/1")
    wait_for(lambda: len(servers["comparer"].got) > 30)
    # 80 on average with a deviation of 8.
    assert 30 < len(servers["comparer"].got) < 136


def test_legacy_stands_in_for_a_dead_service_while_it_has_the_data(front: Front, servers: Upstreams) -> None:
    caller = front(standing("sale", Stage.CANARY, 10_000), standing("party", Stage.LIVE))
    assert caller.ask("GET", "/api/sale/1").name == "sale"
    servers.kill("sale")
    servers.kill("party")
    assert {caller.ask("GET", "/api/sale/1").name for _ in range(20)} == {"legacy"}
    dead = caller.ask("GET", "/api/party/1")
    assert (dead.name, dead.status) in ((None, 502), (None, 503)), (
        "legacy isn't right any more for what has left it"
    )
    assert caller.ask("PUT", "/api/party/1", body=b"{}").name is None
    assert not [got for got in servers["legacy"].got if "party" in got.target]
    servers.again("party")
    assert caller.ask("PUT", "/api/party/1", body=b"{}").name == "party"


def test_a_write_is_sent_once_even_if_it_takes_too_long(front: Front, servers: Upstreams) -> None:
    caller = front(standing("sale", Stage.LIVE), facade={"total_timeout": "400ms"})
    servers["sale"].delay = 3
    eager = {"X-Envoy-Retry-On": "5xx,reset", "X-Envoy-Upstream-Rq-Per-Try-Timeout-Ms": "50"}
    began = time.monotonic()
    assert caller.ask("PUT", "/api/sale/1", eager, b"{}").status == 504
    assert time.monotonic() - began < 2
    servers["sale"].delay = 0
    assert caller.ask("GET", "/api/sale/1").name == "sale"
    assert [got.method for got in servers["sale"].got] == ["PUT", "GET"]


RPC = [read("/rpc/", method=["POST"], json={"method": ["sale.read"]})]


def test_what_a_body_tells_is_left_to_the_facade(front: Front, servers: Upstreams) -> None:
    caller = front(
        standing("sale", Stage.CANARY, 5000), routes=[*RPC, *rest("sale")], facade_url=servers["facade"].url
    )
    asked = caller.ask("POST", "/rpc/", body=b'{"method":"sale.read"}')
    assert (asked.name, servers["facade"].got[-1].body) == ("facade", b'{"method":"sale.read"}')
    reads = {caller.ask("GET", "/api/sale/1", {"Authorization": str(n)}).name for n in range(20)}
    assert reads == {"facade"}, "a caller is on one side with all that it reads of the function"
    assert caller.ask("PUT", "/api/sale/1", body=b"").name == "legacy"
    assert caller.ask("GET", "/api/a%2Fb").name == "facade", "a path with two readings is the facade's too"


def test_invariant_4_what_a_body_would_tell_is_refused_once_legacy_doesnt_own_all_that_it_could_be(
    front: Front,
) -> None:
    stands = standing("sale", Stage.LIVE), standing("party", Stage.LEGACY)
    caller = front(*stands, routes=RPC, without_body_routes=True)
    assert caller.ask("POST", "/rpc/", body=b'{"method":"sale.read"}').status == 422


def test_what_a_body_would_tell_is_legacys_while_it_owns_all_that_it_could_be(front: Front) -> None:
    caller = front(standing("sale", Stage.CANARY, 10_000), routes=RPC, without_body_routes=True)
    assert caller.ask("POST", "/rpc/", body=b'{"method":"sale.read"}').name == "legacy"
