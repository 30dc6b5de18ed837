"""What a server and a proxy must do (RFC 9110, 9112), seen from outside: one raw caller, one raw upstream, and a facade between them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from tests.facade.wire.asking import CHUNKED, LENGTH, ask, got, head, one, told
from tests.facade.wire.caller import Line
from tests.facade.wire.scene import Scene, configuration, untroubled
from tests.facade.wire.upstream import OK, Script, Upstream, standing, until
from tests.soak.watch import trouble

MEGABYTE = 1024 * 1024
DATE = b"Date: Mon, 30 Nov 2026 08:00:00 GMT\r\n"

SCRIPTS = {
    "/chunked": Script(head(CHUNKED) + b"2\r\nok\r\n0\r\n\r\n"),
    "/until-the-end": Script(head() + b"ok", then="close"),
    "/last": Script(head(LENGTH + b"Connection: close\r\n") + b"ok", then="close"),
    "/old": Script(b"HTTP/1.0 200 OK\r\n" + LENGTH + b"\r\nok", then="close"),
    "/dated": Script(head(LENGTH + DATE + b"Server: ERP/1.0\r\nVia: 1.0 balancer\r\n") + b"ok"),
    "/nothing": Script(head(b"", b"204 No Content")),
    "/same": Script(head(b'Content-Length: 2\r\nETag: "1"\r\n', b"304 Not Modified")),
    "/empty": Script(head(b"Content-Length: 0\r\n")),
    "/missing": Script(head(LENGTH, b"404 Not Found") + b"no"),
    "/broken": Script(head(LENGTH, b"500 Internal Server Error") + b"no"),
    "/long": Script(head(b"Content-Length: %d\r\n" % MEGABYTE) + b"x" * MEGABYTE),
    "/head-of-much": Script(head(b"Content-Length: %d\r\n" % MEGABYTE)),
    "/head-of-chunks": Script(head(CHUNKED)),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with standing(Upstream(SCRIPTS)) as it:
        yield it


@pytest.fixture(scope="module")
def scene(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with untroubled(configuration(upstream.url, total_timeout="5s"), tmp_path_factory.mktemp("facade")) as it:
        yield Scene(it, upstream)


@pytest.mark.parametrize(
    ("version", "line", "target", "kept"),
    [
        ("1.1", "X: y", "/x", True),
        ("1.1", "Connection: keep-alive", "/x", True),
        ("1.1", "Connection: close", "/x", False),
        ("1.1", "Connection: CLOSE", "/x", False),
        ("1.1", "Connection: keep-alive, close", "/x", False),
        ("1.0", "X: y", "/x", False),
        ("1.0", "Connection: close", "/x", False),
        ("1.1", "X: y", "/chunked", True),
        ("1.1", "X: y", "/until-the-end", True),
        ("1.1", "X: y", "/last", True),
        ("1.1", "X: y", "/old", True),
        ("1.1", "X: y", "/nothing", True),
        ("1.1", "X: y", "/same", True),
        ("1.1", "X: y", "/empty", True),
        ("1.1", "X: y", "/missing", True),
        ("1.1", "X: y", "/broken", True),
        ("1.0", "Connection: keep-alive", "/until-the-end", False),
        ("1.0", "X: y", "/chunked", False),
    ],
)
def test_a_connection_is_kept_or_closed_as_the_caller_asks(
    scene: Scene, version: str, line: str, target: str, kept: bool
) -> None:
    """Whatever the upstream does with its own connection (RFC 9112, section 9.3)."""
    with Line(scene.facade.address) as connection:
        connection.send(ask("GET", target, line, version=version))
        heard = connection.listen(1 if kept else None)
        assert heard.answers[0].whole
        assert heard.answers[0].body in (b"ok", b"no", b"")
        if kept:
            connection.send(ask("GET", "/again"))
            assert connection.listen(2).statuses[1:] == [200]
        else:
            assert heard.ended
            assert version == "1.0" or "close" in heard.answers[0].values("connection")


def test_a_caller_of_1_0_that_asks_for_it_is_kept_and_told_so_or_closed(scene: Scene) -> None:
    with Line(scene.facade.address) as line:
        line.send(ask("GET", "/x", "Connection: keep-alive", version="1.0"))
        heard = line.listen(1)
        assert heard.statuses == [200]
        if [value.lower() for value in heard.answers[0].values("connection")] == ["keep-alive"]:
            line.send(ask("GET", "/x", version="1.0"))
            assert line.listen(2).statuses == [200, 200]
        assert line.listen().ended


def test_a_caller_of_1_0_never_gets_chunks(scene: Scene) -> None:
    heard = told(scene, ask("GET", "/chunked", version="1.0"))
    assert b"ransfer-encoding" not in heard.raw.lower()
    assert heard.raw.endswith(b"\r\n\r\nok")


def test_pipelined_requests_are_answered_in_their_order_however_long_each_takes(scene: Scene) -> None:
    gate = threading.Event()
    scene.upstream.scripts["/slow"] = Script(gate, head(b"Content-Length: 4\r\n") + b"slow")
    with Line(scene.facade.address) as line:
        line.send(ask("GET", "/slow") + ask("GET", "/x") + ask("POST", "/y", "Content-Length: 2", body=b"hi"))
        scene.settle()
        assert line.more() == b"", "nobody overtakes"
        gate.set()
        heard = line.listen(3)
    assert [answer.body for answer in heard.answers] == [b"slow", b"ok", b"ok"]


def test_a_call_that_is_answered_in_the_moment_in_which_its_turn_comes_is_no_defect(
    scene: Scene,
) -> None:
    gate = threading.Event()
    scene.upstream.scripts["/slow"] = Script(gate, head(b"Content-Length: 4\r\n") + b"slow")
    refused = ask("POST", "/parties/../1", "Content-Length: 2", body=b"hi")
    with Line(scene.facade.address) as line:
        line.send(ask("GET", "/slow") + refused)
        scene.settle()
        gate.set()
        heard = line.listen(2)
    assert heard.statuses == [200, 400]
    assert list(trouble(scene.facade.log)) == []


def test_as_many_calls_as_come_at_once_are_answered_one_after_the_other(scene: Scene) -> None:
    """Each is answered in the moment in which its turn comes; one within the other, that went as deep as Python goes."""
    gate = threading.Event()
    scene.upstream.scripts["/slow"] = Script(gate, head(b"Content-Length: 4\r\n") + b"slow")
    with Line(scene.facade.address) as line:
        line.send(ask("GET", "/slow"))
        scene.settle()
        line.send(ask("OPTIONS", "/x", "Max-Forwards: 0") * 1500)
        scene.settle()
        gate.set()
        heard = line.listen(1501)
    assert heard.statuses == [200] + [204] * 1500
    assert list(trouble(scene.facade.log)) == []


def test_as_many_calls_to_change_the_protocol_as_come_at_once_are_answered_too(scene: Scene) -> None:
    refused = ask("GET", "/parties/../1", "Connection: Upgrade", "Upgrade: websocket")
    with Line(scene.facade.address) as line:
        line.send(refused * 1500)
        heard = line.listen(1500)
    assert heard.statuses == [400] * 1500
    assert list(trouble(scene.facade.log)) == []


def test_who_is_answered_before_the_body_is_whole_is_told_that_the_connection_ends(scene: Scene) -> None:
    """RFC 9112, section 9.6: else the next call, sent behind the body, would get no answer and not be known to be unasked."""
    scene.upstream.scripts["/early"] = Script(head(LENGTH) + b"no", early=True)
    with Line(scene.facade.address) as line:
        line.send(ask("POST", "/early", "Content-Length: 10", body=b"half"))
        [answer] = line.listen(1).answers
    assert (answer.status, answer.values("connection")) == (200, ["close"])


def test_what_stands_behind_an_answer_that_ends_the_connection_is_never_asked(scene: Scene) -> None:
    """RFC 9112, section 9.6: its caller will ask it again elsewhere, and a write would be done twice."""
    looped = ask("POST", "/x", "Via: 1.1 strangler-test", "Content-Length: 2", body=b"hi")
    heard = told(scene, looped, ask("PUT", "/parties/behind", "Content-Length: 2", body=b"hi"))
    assert [(answer.status, answer.values("connection")) for answer in heard.answers] == [(508, ["close"])]
    scene.settle()
    assert all(request.target != "/parties/behind" for request in scene.upstream.requests())


@pytest.mark.parametrize("target", ["/head-of-chunks", "/head-of-much", "/empty"])
def test_an_answer_to_head_has_the_head_only(scene: Scene, target: str) -> None:
    heard = told(scene, ask("HEAD", target), ask("GET", "/x"), methods=("HEAD", "GET"))
    assert [answer.body for answer in heard.answers] == [b"", b"ok"], heard.raw[:500]
    if target == "/head-of-much":
        assert heard.answers[0].values("content-length") == [str(MEGABYTE)]


def test_an_answer_without_content_says_no_length(scene: Scene) -> None:
    """RFC 9110, section 8.6: not with 204; and 304 says the length that 200 would have had, or nothing."""
    nothing = one(scene, ask("GET", "/nothing"))
    assert nothing.values("content-length") + nothing.values("transfer-encoding") == []
    same = one(scene, ask("GET", "/same"))
    assert same.values("etag") == ['"1"']
    assert same.values("content-length") in ([], ["2"])
    assert same.values("transfer-encoding") == []


def test_what_the_upstream_says_of_itself_is_passed_on(scene: Scene) -> None:
    answer = one(scene, ask("GET", "/dated"))
    assert answer.values("date") == ["Mon, 30 Nov 2026 08:00:00 GMT"]
    assert answer.values("server") == ["ERP/1.0"]
    assert ", ".join(answer.values("via")) == "1.0 balancer, 1.1 strangler-test"


def test_each_way_says_that_it_came_through_here(scene: Scene) -> None:
    one(scene, ask("GET", "/via", "Via: 1.0 a", "Via: 1.1 b"))
    assert ", ".join(got(scene.upstream, "/via").values("via")) == "1.0 a, 1.1 b, 1.1 strangler-test"
    told(scene, ask("GET", "/via-old", version="1.0"))
    assert got(scene.upstream, "/via-old").values("via") == ["1.0 strangler-test"]


@pytest.mark.parametrize("host", ["erp", "ERP.example:8080", "[::1]:80"])
def test_the_host_stays_as_the_caller_wrote_it(scene: Scene, host: str) -> None:
    """ERPs make links of it."""
    one(scene, f"GET /host HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    request = got(scene.upstream, "/host")
    assert request.values("host") == request.values("x-forwarded-host") == [host]


def test_a_full_url_becomes_a_path_and_a_host(scene: Scene) -> None:
    one(scene, ask("GET", "http://erp/full?a=%2F"))
    assert got(scene.upstream, "/full?a=%2F").values("host") == ["erp"]


def test_options_for_the_server_itself(scene: Scene) -> None:
    """RFC 9112, section 3.2.4: as an asterisk to the upstream, or the facade's own answer."""
    before = len(scene.upstream.requests())
    assert one(scene, ask("OPTIONS", "*")).status in (200, 204)
    targets = [request.target for request in scene.upstream.requests()[before:]]
    assert targets in ([], ["*"])


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
def test_who_is_the_last_that_may_answer_answers(scene: Scene, method: str) -> None:
    """RFC 9110, section 7.6.2: Max-Forwards is counted down, and 0 isn't passed on."""
    answer = one(scene, ask(method, "/last-hop", "Max-Forwards: 0", "Cookie: secret"))
    assert "/last-hop" not in [request.target for request in scene.upstream.requests()]
    assert answer.status in (200, 204, 405, 501)
    assert b"secret" not in answer.body
    if one(scene, ask(method, "/hops", "Max-Forwards: 3")).values("x-upstream"):
        assert got(scene.upstream, "/hops").values("max-forwards") == ["2"]


def test_max_forwards_means_nothing_to_other_methods(scene: Scene) -> None:
    assert one(scene, ask("GET", "/x", "Max-Forwards: 0")).status == 200


@pytest.mark.parametrize("kilobytes", [8, 16, 32])
def test_large_headers_of_erps_pass(scene: Scene, kilobytes: int) -> None:
    cookies = [f"Cookie: c{number}={'x' * 4000}" for number in range(kilobytes // 4)]
    one(scene, ask("GET", f"/cookies/{kilobytes}", *cookies))
    sent = got(scene.upstream, f"/cookies/{kilobytes}").values("cookie")
    assert sum(map(len, sent)) >= 1000 * kilobytes


def test_connections_to_the_upstream_are_kept(scene: Scene) -> None:
    before = len(scene.upstream.connections)
    for _ in range(5):
        one(scene, ask("GET", "/x"))
    # The look at the upstream's health may come between.
    assert len([c for c in scene.upstream.connections[before:] if c.got and b"GET /x" in c.got]) <= 1


def test_a_caller_who_says_nothing_and_leaves_hears_nothing(scene: Scene) -> None:
    with Line(scene.facade.address) as line:
        line.hang_up()
        heard = line.listen()
    assert (heard.raw, heard.ended) == (b"", True)


def test_a_write_whose_caller_has_hung_up_is_done_once(scene: Scene) -> None:
    """Half-closed or gone look the same; an ERP that has the write goes on with it."""
    with Line(scene.facade.address) as line:
        line.send(ask("POST", "/parties/7", "Content-Length: 2", body=b"ab"))
        line.hang_up()
        heard = line.listen()
    assert heard.ended
    assert heard.statuses in ([], [200])
    assert until(lambda: any(request.target == "/parties/7" for request in scene.upstream.requests()))
    scene.settle()
    assert [request.body for request in scene.upstream.requests() if request.target == "/parties/7"] == [
        b"ab"
    ]


def test_a_facade_that_is_told_to_stop_finishes_what_it_began(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    gate = threading.Event()
    scripts = {"/slow": Script(gate, OK)}
    with (
        standing(Upstream(scripts)) as upstream,
        untroubled(
            configuration(upstream.url, total_timeout="20s"), tmp_path_factory.mktemp("facade")
        ) as facade,
        Line(facade.address) as busy,
        Line(facade.address) as idle,
    ):
        idle.send(ask("GET", "/x"))
        assert idle.listen(1).statuses == [200]
        busy.send(ask("GET", "/slow"))
        assert until(lambda: any(b"/slow" in each.got for each in upstream.connections))
        facade.process.send_signal(signal.SIGTERM)
        assert idle.listen().ended, "who is idle needn't be waited for"
        assert facade.process.poll() is None
        gate.set()
        heard = busy.listen()
        assert heard.statuses == [200]
        assert heard.answers[0].values("connection") == ["close"], "who asks again shall ask elsewhere"
        assert heard.ended
        assert facade.process.wait(20) == 0
