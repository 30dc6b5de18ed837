"""WebSocket passed through: every frame as it is, both ways, for as long as both sides want; by the usual library and by raw frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from strangler.control import standings
from strangler.control.store import Control
from strangler.cutover.stages import Side, Stage
from strangler.testing.facade import Facade
from tests.facade.wire.caller import Line
from tests.facade.wire.scene import configuration, untroubled
from tests.facade.wire.sockets import LONGEST, Peer, accepted, frame, handshake, talking
from tests.facade.wire.upstream import Script, Upstream, standing, until

MEGABYTE = 1024 * 1024
BUFFERED = 24 * MEGABYTE
"""What may lie between two ends that don't listen: the buffers of four sockets, and some of the facade's."""

TEXT, BINARY, MORE, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with talking(Peer()) as it:
        yield it


@pytest.fixture(scope="module")
def facade(peer: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facade]:
    with untroubled(configuration(peer.url), tmp_path_factory.mktemp("facade")) as it:
        yield it


def call(facade: Facade, path: str, **options: object) -> ClientConnection:
    url = f"{facade.url.replace('http', 'ws', 1)}{path}"
    return connect(url, max_size=LONGEST, ping_interval=None, proxy=None, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, MEGABYTE])
def test_messages_of_every_size_come_back(facade: Facade, size: int, compression: str | None) -> None:
    with call(facade, "/echo", compression=compression) as line:
        for message in ("ä" * (size // 2), b"\xff\x00" * (size // 2)):
            line.send(message)
            assert line.recv(timeout=30) == message


def test_a_message_in_fragments_stays_in_fragments(facade: Facade) -> None:
    with call(facade, "/echo") as line:
        line.send(["one ", "", "two ", "three"])
        assert [part for part in line.recv_streaming() if part] == ["one ", "two ", "three"]


def test_pings_are_answered_by_the_other_side(facade: Facade) -> None:
    with call(facade, "/echo") as line:
        assert all(line.ping(payload).wait(5) for payload in (b"", b"1", b"x" * 125))
        line.pong(b"unasked")
        line.send("still here")
        assert line.recv(timeout=30) == "still here"


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 3000, 4999])
def test_each_side_hears_with_which_code_the_other_closes(facade: Facade, peer: Peer, code: int) -> None:
    before = len(peer.closed)
    with call(facade, "/echo") as line:
        line.close(code, "bye")
    # One that was closed before may be heard of only now.
    assert until(lambda: (code, "bye") in peer.closed[before:])
    with call(facade, f"/close/{code}") as line, pytest.raises(ConnectionClosed) as closed:
        line.recv(timeout=30)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, "the store is shut")


def test_who_drops_the_line_is_missed_on_the_other_side(facade: Facade, peer: Peer) -> None:
    before = len(peer.closed)
    with call(facade, "/echo") as line:
        line.socket.close()
    assert until(lambda: len(peer.closed) > before)
    assert peer.closed[-1] == (1006, "")
    with call(facade, "/drop/1") as line, pytest.raises(ConnectionClosed) as closed:
        line.recv(timeout=30)
    assert closed.value.rcvd is None


def test_what_the_two_sides_agree_on_is_passed(facade: Facade, peer: Peer) -> None:
    headers = {"Cookie": "session=1", "X-Tenant": "a", "Authorization": "Basic eA=="}
    with call(
        facade,
        "/echo",
        subprotocols=["v1.erp", "v2.erp"],
        origin="https://erp.example",
        additional_headers=headers,
    ) as line:
        assert line.subprotocol == "v2.erp"
        assert line.response is not None
        assert "permessage-deflate" in line.response.headers["Sec-WebSocket-Extensions"]
        assert "strangler-test" in line.response.headers["Via"]
    asked = peer.asked[-1].headers
    assert {name: asked[name] for name in headers} == headers
    assert asked["Origin"] == "https://erp.example"
    assert asked["X-Forwarded-For"] == "127.0.0.1"
    assert asked["Host"] == facade.url.removeprefix("http://")
    assert asked.get_all("Upgrade") == ["websocket"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 426, 503])
def test_a_refusal_is_passed_on(facade: Facade, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused, call(facade, f"/refuse/{status}"):
        pass
    response = refused.value.response
    assert (response.status_code, response.body, response.headers["X-Why"]) == (status, b"sorry", "busy")
    if status == 426:
        assert response.headers["Sec-WebSocket-Version"] == "13"


def test_it_outlives_the_budget_of_a_call(facade: Facade) -> None:
    """The budget ends with the handshake: a line that is open has no answer to wait for."""
    with call(facade, "/echo") as line:
        with pytest.raises(TimeoutError):
            line.recv(timeout=1.5)
        line.send("still here")
        assert line.recv(timeout=30) == "still here"


def test_many_lines_at_once_are_kept_apart(facade: Facade) -> None:
    with ExitStack() as stack:
        lines = [stack.enter_context(call(facade, "/echo")) for _ in range(50)]
        for number, line in enumerate(lines):
            line.send(f"I am {number}")
        assert [line.recv(timeout=30) for line in lines] == [f"I am {number}" for number in range(50)]
        sockets = facade.sockets()
    assert until(lambda: facade.sockets() <= sockets - 100), "both ends of each are gone"


def test_a_caller_that_doesnt_listen_holds_the_upstream_back(facade: Facade, peer: Peer) -> None:
    before, memory = peer.sent, facade.memory()
    with call(facade, "/flood", max_queue=2, compression=None) as line:
        line.recv(timeout=30)
        assert until(lambda: _stands(peer))
        assert peer.sent - before < BUFFERED
        assert facade.memory() - memory < BUFFERED
        for _ in range(200):
            line.recv(timeout=30)
        line.socket.close()


def test_an_upstream_that_doesnt_listen_holds_the_caller_back(facade: Facade) -> None:
    memory = facade.memory()
    with call(facade, "/deaf", compression=None) as line:
        line.socket.settimeout(0.5)
        assert _sent(line) < BUFFERED
        assert facade.memory() - memory < BUFFERED
        line.socket.close()


def _sent(line: ClientConnection) -> int:
    """How many bytes are taken until no more are."""
    for number in range(4 * BUFFERED // 65536):
        try:
            line.send(b"x" * 65536)
        except (TimeoutError, ConnectionClosed):
            return number * 65536
    return 4 * BUFFERED


def _stands(peer: Peer) -> bool:
    """Whether nothing more is sent for a while."""
    before = peer.sent
    return not until(lambda: peer.sent > before, 0.3)


def test_a_line_of_a_function_goes_to_its_owner(peer: Peer, tmp_path: Path) -> None:
    with talking(Peer()) as new, untroubled(configuration(peer.url, new.url), tmp_path) as facade:
        with call(facade, "/parties/1") as line:
            line.send("to legacy")
            assert line.recv(timeout=30) == "to legacy"
        assert "/parties/1" in [request.path for request in peer.asked]
        assert "/parties/1" not in [request.path for request in new.asked]
        _move(tmp_path)
        assert until(lambda: _reaches(facade, new))


def _reaches(facade: Facade, peer: Peer) -> bool:
    """Whether a line comes to the peer. One that was opened just before the facade knew of the move is ended by it."""
    with suppress(ConnectionClosed), call(facade, "/parties/1") as line:
        line.send("to whom?")
        return line.recv(timeout=30) == "to whom?" and any(
            request.path == "/parties/1" for request in peer.asked
        )
    return False


def _move(home: Path) -> None:
    with Control.open(f"sqlite:///{home}/.strangler/control.db") as control:
        before = standings.snapshot(control).of("party")
        standings.change(control, before, replace(before, stage=Stage.LIVE, owner=Side.NEW), at=1.0)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facade]:
    """A facade in front of an upstream that accepts, and gives back whatever comes, byte by byte."""
    scripts = {
        "/raw": Script(accepted(), then="echo"),
        "/at-once": Script(accepted() + frame(TEXT, b"welcome", mask=None), then="echo"),
        "/other": Script(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: erp/1.0\r\n\r\n",
            then="echo",
        ),
    }
    with (
        standing(Upstream(scripts)) as upstream,
        untroubled(configuration(upstream.url), tmp_path_factory.mktemp("raw")) as it,
    ):
        yield it


FRAMES = {
    "text": frame(TEXT, "Größe".encode()),
    "binary": frame(BINARY, bytes(range(100))),
    "empty text": frame(TEXT),
    "empty binary": frame(BINARY),
    "fragments": frame(TEXT, b"a", last=False) + frame(MORE, b"b", last=False) + frame(MORE, b"c"),
    "a ping between fragments": frame(TEXT, b"a", last=False) + frame(PING, b"?") + frame(MORE, b"b"),
    "an empty last fragment": frame(BINARY, b"a", last=False) + frame(MORE),
    "ping": frame(PING, b"x" * 125),
    "empty ping": frame(PING),
    "pong": frame(PONG, b"unasked"),
    "close": frame(CLOSE),
    "close with a code": frame(CLOSE, b"\x03\xe8"),
    "close with a code and a reason": frame(CLOSE, b"\x0f\xa0" + "schön".encode()),
    "close with a code that isn't sent": frame(CLOSE, b"\x03\xed"),
    "not masked": frame(TEXT, b"from a server", mask=None),
    "masked with zeros": frame(TEXT, b"plain", mask=b"\0\0\0\0"),
    "a reserved bit": bytes((0xC1, 0x80)) + b"\1\2\3\4",
    "a reserved opcode": frame(11, b"what?"),
    "two in one piece": frame(TEXT, b"one") + frame(TEXT, b"two"),
    "text that isn't UTF-8": frame(TEXT, b"\xff\xfe"),
    "no frame at all": b"GET / HTTP/1.1\r\n\r\n",
} | {f"{size} bytes": frame(BINARY, b"x" * size) for size in (125, 126, 127, 65535, 65536, MEGABYTE)}


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_comes_through_as_it_is(raw: Facade, name: str) -> None:
    """The facade doesn't read frames; so it can't misread any."""
    sent = FRAMES[name]
    with Line(raw.address) as line:
        line.send(handshake())
        line.switched()
        line.send(sent, slowly=len(sent) < 1000)
        assert line.raw(len(sent)) == sent


def test_a_frame_that_comes_with_the_handshake_isnt_lost(raw: Facade) -> None:
    welcome = frame(TEXT, b"welcome", mask=None)
    with Line(raw.address) as line:
        line.send(handshake("/at-once"))
        line.switched()
        assert line.raw(len(welcome)) == welcome
    hello = frame(TEXT, b"hello")
    with Line(raw.address) as line:
        line.send(handshake() + hello)
        line.switched()
        assert line.raw(len(hello)) == hello


def test_an_upstream_may_not_switch_to_what_nobody_asked_for(raw: Facade) -> None:
    with Line(raw.address) as line:
        line.send(handshake("/other"))
        assert line.listen(1).statuses == [502]


def test_a_line_ends_for_one_when_it_ends_for_the_other(raw: Facade) -> None:
    before = raw.sockets()
    with Line(raw.address) as line:
        line.send(handshake())
        line.switched()
        line.reset()
    assert until(lambda: raw.sockets() <= before)


def test_invariant_4_a_line_ends_when_its_side_is_not_the_right_one_any_more(
    peer: Peer, tmp_path: Path
) -> None:
    with (
        talking(Peer()) as new,
        untroubled(configuration(peer.url, new.url), tmp_path) as facade,
        call(facade, "/parties/1") as line,
    ):
        line.send("to legacy")
        assert line.recv(timeout=30) == "to legacy"
        _move(tmp_path)
        with pytest.raises(ConnectionClosed):
            line.recv(timeout=30)
