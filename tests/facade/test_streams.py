"""Bodies as streams: what has come of them goes on at once, either way, and nothing is held that nobody wants yet."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.facade.wire.asking import CHUNKED, LENGTH, ask, got, head, one
from tests.facade.wire.caller import Line
from tests.facade.wire.scene import Scene, configuration, untroubled
from tests.facade.wire.upstream import Script, Upstream, standing, until

MEGABYTE = 1024 * 1024
EVENTS = b"Content-Type: text/event-stream\r\nCache-Control: no-cache\r\n"

SCRIPTS = {
    "/long": Script(head(b"Content-Length: %d\r\n" % MEGABYTE) + b"x" * MEGABYTE),
    "/too-long": Script(
        head(LENGTH + b"Connection: close\r\n", b"413 Content Too Large") + b"no", early=True
    ),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with standing(Upstream(SCRIPTS)) as it:
        yield it


@pytest.fixture(scope="module")
def scene(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with untroubled(configuration(upstream.url), tmp_path_factory.mktemp("facade")) as it:
        yield Scene(it, upstream)


def test_a_body_in_chunks_comes_whole_and_without_its_trailer_as_header(scene: Scene) -> None:
    body = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"
    one(scene, ask("POST", "/chunks", "Transfer-Encoding: chunked", "Trailer: X-Trailer", body=body))
    request = got(scene.upstream, "/chunks")
    assert request.body == b"abcde"
    assert request.values("x-trailer") == []


def test_a_long_body_both_ways(scene: Scene) -> None:
    body = bytes(range(256)) * 4096
    with Line(scene.facade.address) as line:
        line.send(ask("PUT", "/long", f"Content-Length: {len(body)}", body=body))
        (answer,) = line.listen(1).answers
    assert answer.body == b"x" * MEGABYTE
    assert got(scene.upstream, "/long").body == body


def test_what_the_caller_has_sent_goes_on_at_once(scene: Scene) -> None:
    """A body is passed on as it comes; the upstream needn't wait for its end."""
    with Line(scene.facade.address) as line:
        line.send(ask("POST", "/streamed", "Content-Length: 4", body=b"ab"))
        assert until(
            lambda: any(b"/streamed" in c.got and b"\r\n\r\nab" in c.got for c in scene.upstream.connections)
        )
        line.send(b"cd")
        assert line.listen(1).statuses == [200]


def test_what_the_upstream_has_answered_goes_on_at_once(scene: Scene) -> None:
    """An answer is passed on as it comes; that is what server-sent events live from."""
    gate = threading.Event()
    scene.upstream.scripts["/parts"] = Script(head(CHUNKED) + b"3\r\none\r\n", gate, b"3\r\ntwo\r\n0\r\n\r\n")
    with Line(scene.facade.address) as line:
        line.send(ask("GET", "/parts"))
        line.until(lambda heard: bool(heard.answers) and heard.answers[0].body == b"one")
        assert not line.heard.answers[0].whole
        gate.set()
        assert line.listen(1).answers[0].body == b"onetwo"


def test_a_head_goes_on_before_there_is_a_body(scene: Scene) -> None:
    gate = threading.Event()
    scene.upstream.scripts["/head-first"] = Script(head(b"Content-Length: 2\r\n"), gate, b"ok")
    with Line(scene.facade.address) as line:
        line.send(ask("GET", "/head-first"))
        line.until(lambda heard: bool(heard.answers))
        gate.set()
        assert line.listen(1).answers[0].body == b"ok"


def test_who_expects_100_continue_gets_it_before_the_body_and_a_caller_of_1_0_never(scene: Scene) -> None:
    with Line(scene.facade.address) as line:
        line.send(ask("PUT", "/expects", "Expect: 100-continue", "Content-Length: 2"))
        line.until(lambda heard: heard.informed == [100])
        line.send(b"ab")
        assert line.listen(1).statuses == [200]
    assert got(scene.upstream, "/expects").body == b"ab"
    with Line(scene.facade.address) as line:
        line.send(
            ask("PUT", "/expects", "Expect: 100-continue", "Content-Length: 2", version="1.0", body=b"ab")
        )
        heard = line.listen(1)
    assert (heard.informed, heard.statuses) == ([], [200])


def test_an_upstream_may_refuse_before_it_has_the_whole_body(scene: Scene) -> None:
    """The caller hears why, and then nothing goes on over either connection."""
    with Line(scene.facade.address) as line:
        line.send(ask("POST", "/too-long", "Content-Length: 1000000", body=b"begin"))
        line.until(lambda heard: heard.statuses == [413] and heard.answers[0].whole)
        assert line.heard.answers[0].body == b"no"
        line.send(b"x" * 100)
    scene.settle()
    (used,) = [each for each in scene.upstream.connections if b"/too-long" in each.got]
    assert until(lambda: used.ended)
    assert b"HTTP/1.1\r\n" not in bytes(used.got).partition(b"/too-long HTTP/1.1")[2]


@pytest.mark.parametrize("framing", [CHUNKED, b""], ids=["in chunks", "until the end"])
def test_each_event_arrives_before_the_next_one_happens(scene: Scene, framing: bytes) -> None:
    """Server-sent events: a proxy that gathers them makes them useless."""
    gates = [threading.Event() for _ in range(20)]
    events = [b"id: %d\ndata: changed\n\n" % number for number in range(20)]
    sent = [b"%x\r\n%s\r\n" % (len(event), event) if framing else event for event in events]
    pieces = [piece for pair in zip(gates, sent, strict=True) for piece in pair]
    last = [b"0\r\n\r\n"] if framing else []
    scene.upstream.scripts["/events"] = Script(head(EVENTS + framing), *pieces, *last, then="close")
    with Line(scene.facade.address) as line:
        line.send(ask("GET", "/events", "Accept: text/event-stream", "Last-Event-ID: 0"))
        line.until(lambda heard: bool(heard.answers))
        for number, gate in enumerate(gates):
            assert line.heard.answers[0].body == b"".join(events[:number])
            gate.set()
            line.until(lambda heard, upto=number: heard.answers[0].body == b"".join(events[: upto + 1]))
        answer = line.listen(1).answers[0]
    assert (answer.whole, answer.body) == (True, b"".join(events))
    assert answer.values("content-type") == ["text/event-stream"]
    assert got(scene.upstream, "/events").values("last-event-id") == ["0"]


def test_events_go_on_when_the_budget_of_a_call_is_over(scene: Scene) -> None:
    """The budget is for the answer to begin; how long events come is the upstream's affair."""
    gate = threading.Event()
    scene.upstream.scripts["/patient"] = Script(
        head(EVENTS) + b"data: 1\n\n", gate, b"data: 2\n\n", then="close"
    )
    with Line(scene.facade.address) as line:
        line.send(ask("GET", "/patient"))
        line.until(lambda heard: bool(heard.answers) and heard.answers[0].body == b"data: 1\n\n")
        assert not until(lambda: bool(line.more()), 1.5), "nothing happens for longer than the budget"
        gate.set()
        assert line.listen(1).answers[0].body == b"data: 1\n\ndata: 2\n\n"


def test_a_caller_that_leaves_ends_the_events_at_the_upstream(scene: Scene) -> None:
    scene.upstream.scripts["/endless"] = Script(head(EVENTS + CHUNKED) + b"4\r\n:hi\n\r\n", threading.Event())
    with Line(scene.facade.address) as line:
        line.send(ask("GET", "/endless"))
        line.until(lambda heard: bool(heard.answers) and heard.answers[0].body == b":hi\n")
    assert until(lambda: scene.upstream.left("/endless"))


def test_a_caller_that_leaves_before_the_answer_ends_the_read_at_the_upstream(scene: Scene) -> None:
    scene.upstream.scripts["/thinking"] = Script(threading.Event())
    with Line(scene.facade.address) as line:
        line.send(ask("GET", "/thinking"))
        assert until(lambda: any(b"/thinking" in each.got for each in scene.upstream.connections))
    assert until(lambda: scene.upstream.left("/thinking"))
