"""Reads that go as nearly all do: they are answered as a careful exchange answers them, and are one as soon as anything is otherwise."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from strangler.cutover.stages import Stage
from strangler.facade import front as front_module
from strangler.facade.plain import Plain, plainly
from tests.facade.conftest import Front, Running, Stand, applied, settings, until

HEAD = "Host: erp.example\r\nAuthorization: Session {caller}\r\nAccept: */*\r\n\r\n"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: erp\r\nContent-Length: 5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nhello"
)
BROKEN = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"


class Upstream:
    """Answers each head that comes by what `says` gives of its path, and remembers it; None breaks the connection, and so does BROKEN,
    within the answer."""

    def __init__(self, says: Callable[[str], bytes | None] = lambda path: ANSWER) -> None:
        self.says, self.heads, self.gate = says, list[str](), asyncio.Event()
        self.bodies: list[bytes] = []
        self.gate.set()
        self.url = ""

    async def __aenter__(self) -> Upstream:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                if head.startswith("GET /healthz"):
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    continue
                length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
                self.bodies.append(await reader.readexactly(int(length[1]) if length else 0))
                self.heads.append(head)
                await self.gate.wait()
                answer = self.says(head.split(" ")[1])
                if answer is None:
                    writer.transport.abort()
                    return
                writer.write(answer)
                if answer == BROKEN:
                    writer.close()
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


class Line:
    """A connection of a caller."""

    def __init__(self, facade: Running) -> None:
        self._facade = facade

    async def __aenter__(self) -> Line:
        self.reader, self.writer = await asyncio.open_connection(self._facade.host, int(self._facade.port))
        return self

    async def __aexit__(self, *error: object) -> None:
        self.writer.close()

    async def get(self, path: str, caller: str = "7", method: str = "GET") -> tuple[str, bytes]:
        self.say(path, caller, method)
        return await self.hear()

    def say(self, path: str, caller: str = "7", method: str = "GET") -> None:
        self.writer.write(f"{method} {path} HTTP/1.1\r\n{HEAD.format(caller=caller)}".encode())

    async def post(self, path: str, body: bytes, caller: str = "7") -> tuple[str, bytes]:
        """Head and body in one piece."""
        head = HEAD.format(caller=caller).replace(
            "Accept", f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nAccept"
        )
        self.writer.write(f"POST {path} HTTP/1.1\r\n{head}".encode() + body)
        return await self.hear()

    async def hear(self) -> tuple[str, bytes]:
        async with asyncio.timeout(30):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
            return head, await self.reader.readexactly(int(length[1]) if length else 0)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Plain]]:
    """The calls that were plain ones."""
    found: list[Plain] = []

    def taken(*arguments: Any) -> Plain | None:
        plain = plainly(*arguments)
        if plain is not None:
            found.append(plain)
        return plain

    monkeypatch.setattr(front_module, "plainly", taken)
    yield found


def varying(text: str) -> str:
    """A head without what is another with each call."""
    return re.sub(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]|Timeout-Ms: \d+", "", text)


async def test_a_plain_call_is_told_and_noted_as_a_careful_one(
    front: Front, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Upstream() as legacy, Upstream() as new:
        facade = await front(settings(legacy.url, new.url, facade={"shadow": {"share": 0}}))
        await applied(facade, stand.stage(Stage.CANARY, weight=5000))
        lines: list[Any] = []
        monkeypatch.setattr(facade.parts.log, "write", lambda call, track: lines.append(call))
        with counted(monkeypatch) as plain:
            told = []
            async with Line(facade) as line:
                for caller in "1234567":
                    for path in ("/parties/1?a=b", "/other/x"):
                        for _ in range(3):
                            told.append((caller, path, await line.get(path, caller)))
        assert len(plain) >= 7 * 2, "the third of three at the latest"
        for caller, path in {(each[0], each[1]) for each in told}:
            first, *later = [answer for c, p, answer in told if (c, p) == (caller, path)]
            assert all(answer == first for answer in later)
        for upstream in (legacy, new):
            by_call: dict[str, set[str]] = {}
            for head in upstream.heads:
                session = re.search(r"Session \d", head)
                assert session is not None
                by_call.setdefault(head.split(" ")[1] + session[0], set()).add(varying(head))
            assert by_call
            assert all(len(heads) == 1 for heads in by_call.values())
        noted: dict[tuple[str, str], set[Any]] = {}
        for call in lines:
            key = call.asked.target, call.asked.headers["authorization"]
            kept = (call.decision, call.status, call.upstream, call.tries, call.sent, call.client, call.error)
            noted.setdefault(key, set()).add(kept)
            assert call.began <= call.called <= call.connected <= call.first_byte <= call.ended
        assert all(len(kept) == 1 for kept in noted.values())
        assert {kept[0].side for each in noted.values() for kept in each} == {"legacy", "new"}
        assert not facade.parts.exchanges
        assert all(lane.under == 0 for lane in facade.parts.shedding.lanes())


async def warmed(facade: Running, path: str = "/parties/1") -> None:
    """Have the head of a call, and of its answer, known."""
    async with Line(facade) as line:
        for _ in range(3):
            assert (await line.get(path))[1] == b"hello"


def rpc(method: str, number: int = 1) -> bytes:
    return b'{"method":"%b","params":[[%d]]}' % (method.encode(), number)


async def test_a_call_with_a_body_is_plain_too_unless_it_is_a_write(
    front: Front, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Upstream() as legacy, Upstream() as new:
        facade = await front(settings(legacy.url, new.url, facade={"shadow": {"share": 0}}))
        await applied(facade, stand.stage(Stage.CANARY, weight=5000))
        lines: list[Any] = []
        monkeypatch.setattr(facade.parts.log, "write", lambda call, track: lines.append(call))
        reads, other = rpc("party.read"), [rpc("other.read"), b"{broken", b"[1, 2]", rpc("party.write")]
        with counted(monkeypatch) as plain:
            async with Line(facade) as line:
                for body in [reads, *other]:
                    for caller in "1234567":
                        for _ in range(3):
                            assert (await line.post("/rpc/", body, caller))[1] == b"hello"
        times = {body: [each.request.body for each in plain].count(body) for body in (reads, *other)}
        assert times[reads] >= 7, "the third of three at the latest"
        assert times[rpc("other.read")] >= 7
        assert times[rpc("party.write")] == 0, "a write is never a plain one"
        assert times[b"{broken"] == 0, "what can't be read is left to who is careful"
        told = [*legacy.bodies, *new.bodies]
        assert {body: told.count(body) for body in times} == dict.fromkeys(times, 7 * 3)
        assert set(new.bodies) == {reads}
        noted: dict[str, set[Any]] = {}
        for call in lines[: 7 * 3]:
            kept = (
                call.decision,
                call.status,
                call.upstream,
                call.tries,
                call.received,
                call.sent,
                call.error,
            )
            noted.setdefault(call.asked.headers["authorization"], set()).add(kept)
        assert len(noted) == 7
        assert all(len(each) == 1 for each in noted.values())


@pytest.mark.parametrize(("method", "times"), [("party.read", 2), ("other.read", 1)])
async def test_only_what_is_known_to_be_a_read_is_put_twice(
    front: Front, monkeypatch: pytest.MonkeyPatch, method: str, times: int
) -> None:
    answers: list[bytes | None] = [ANSWER, ANSWER, ANSWER, None, ANSWER]
    async with Upstream(lambda path: answers.pop(0)) as legacy:
        facade = await front(settings(legacy.url))
        async with Line(facade) as line:
            for _ in range(3):
                await line.post("/rpc/", rpc(method))
            with counted(monkeypatch) as plain:
                head, _ = await line.post("/rpc/", rpc(method))
        assert len(plain) == 1
        assert head.startswith("HTTP/1.1 200 " if times == 2 else "HTTP/1.1 502 ")
        assert legacy.bodies == [rpc(method)] * (3 + times)


async def test_a_body_that_comes_later_or_is_followed_by_more_is_read_carefully(front: Front) -> None:
    body = rpc("party.read")
    head = HEAD.format(caller="7").replace(
        "Accept", f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nAccept"
    )
    call = f"POST /rpc/ HTTP/1.1\r\n{head}".encode() + body
    async with Upstream() as legacy:
        facade = await front(settings(legacy.url))
        async with Line(facade) as line:
            for pieces in (
                [call],
                [call],
                [call[:-3], call[-3:]],
                [call * 3],
                [call + call[:9], call[9:]],
                [call],
            ):
                for piece in pieces:
                    line.writer.write(piece)
                    await line.writer.drain()
                    await asyncio.sleep(0.02)
                for _ in range(b"".join(pieces).count(b"POST")):
                    assert (await line.hear())[1] == b"hello"
        assert legacy.bodies == [body] * 9


async def test_the_head_of_one_call_is_never_taken_for_that_of_the_next(front: Front) -> None:
    """Two heads of as many lines in one piece: what is remembered of the first is its own."""
    first = b"POST /rpc/ HTTP/1.1\r\nHost: erp\r\nContent-Length: 4\r\n\r\nabcd"
    second = b"POST /rpc/ HTTP/1.1\r\nHost: erp\r\nContent-Length: 2\r\n\r\nef"
    async with Upstream() as legacy:
        facade = await front(settings(legacy.url))
        async with Line(facade) as line:
            for calls in ([first + second], [first], [second], [second + first], [second], [first]):
                line.writer.write(calls[0])
                for _ in range(calls[0].count(b"POST")):
                    assert (await line.hear())[1] == b"hello"
        a, b = b"abcd", b"ef"
        assert legacy.bodies == [a, b, a, b, b, a, b, a]


@pytest.mark.parametrize("times", [1, 3])
async def test_a_body_that_is_too_long_is_refused_however_often_it_comes(front: Front, times: int) -> None:
    async with Upstream() as legacy:
        facade = await front(settings(legacy.url, facade={"callers": {"body_bytes": 10}}))
        for _ in range(times):
            async with Line(facade) as line:
                assert (await line.post("/other", b"x" * 20))[0].startswith("HTTP/1.1 413 ")
        assert legacy.bodies == []


async def test_a_caller_that_asks_for_another_protocol_in_the_same_words_again_still_asks_for_it(
    front: Front,
) -> None:
    asks = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    async with Upstream() as legacy:
        facade = await front(settings(legacy.url))
        for _ in range(3):
            async with Line(facade) as line:
                line.writer.write(b"GET /chat HTTP/1.1\r\nHost: erp\r\n%b\r\n" % asks)
                assert (await line.hear())[1] == b"hello"
        assert [head.count("\r\nUpgrade: websocket\r\n") for head in legacy.heads] == [1, 1, 1]


async def test_who_takes_nothing_of_its_answers_gets_no_more_of_them(front: Front) -> None:
    """However politely it asks, one call after the other: what it doesn't take would be held for it, without end."""
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n" + b"x" * 30_000
    async with Upstream(lambda path: long) as legacy:
        facade = await front(settings(legacy.url))
        async with Line(facade) as line:
            line.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await until(lambda: len(facade.parts.front.connections) == 1)
            [connection] = facade.parts.front.connections
            while not connection.full:
                before = len(legacy.heads)
                line.say("/parties/1")
                await until(partial(lambda before: len(legacy.heads) > before and connection.idle, before))
                await asyncio.sleep(0.002)
            asked = len(legacy.heads)
            for _ in range(50):
                line.say("/parties/1")
                await asyncio.sleep(0.002)
            assert len(legacy.heads) == asked
            line.writer.transport.resume_reading()  # type: ignore[attr-defined]
            for _ in range(asked + 50):
                assert (await line.hear())[1] == b"x" * 30_000
        assert len(legacy.heads) == asked + 50


async def test_an_answer_in_pieces_is_passed_on_whole(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000
    said = {"/parties/1": ANSWER, "/parties/2": long}
    async with Upstream(said.__getitem__) as legacy:
        facade = await front(settings(legacy.url))
        await warmed(facade)
        with counted(monkeypatch) as plain:
            async with Line(facade) as line:
                assert (await line.get("/parties/2"))[1] == b"x" * 300_000
                assert (await line.get("/parties/1"))[1] == b"hello"
        assert len(plain) == 2


async def test_a_plain_call_whose_connection_breaks_is_asked_again(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[bytes | None] = [ANSWER, ANSWER, ANSWER, None, ANSWER]
    async with Upstream(lambda path: answers.pop(0)) as legacy:
        facade = await front(settings(legacy.url))
        await warmed(facade)
        with counted(monkeypatch) as plain:
            async with Line(facade) as line:
                assert (await line.get("/parties/1"))[1] == b"hello"
        assert len(plain) == 1
        assert len(legacy.heads) == 5


async def test_a_plain_call_of_new_falls_back_to_legacy(
    front: Front, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[bytes | None] = [ANSWER, ANSWER, ANSWER]
    async with Upstream() as legacy, Upstream(lambda path: answers.pop(0) if answers else None) as new:
        facade = await front(settings(legacy.url, new.url))
        await applied(facade, stand.stage(Stage.CANARY, weight=10_000))
        await warmed(facade)
        with counted(monkeypatch) as plain:
            async with Line(facade) as line:
                assert (await line.get("/parties/1"))[1] == b"hello"
        assert len(plain) == 1
        assert len(legacy.heads) == 1


async def test_a_plain_call_has_a_budget(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Upstream() as legacy:
        facade = await front(settings(legacy.url, facade={"total_timeout": "300ms"}))
        await warmed(facade)
        legacy.gate.clear()
        with counted(monkeypatch) as plain:
            async with Line(facade) as line:
                assert (await line.get("/parties/1"))[0].startswith("HTTP/1.1 504 ")
        assert len(plain) == 1
        legacy.gate.set()
        assert not facade.parts.exchanges


async def test_one_calls_trouble_doesnt_end_the_time_limits_of_others(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Upstream() as legacy:
        facade = await front(settings(legacy.url, facade={"total_timeout": "500ms"}))
        await warmed(facade)
        legacy.gate.clear()

        def fails(plain: Plain, now: float) -> None:
            raise RuntimeError("a defect")

        with counted(monkeypatch) as plain, monkeypatch.context() as patched:
            async with Line(facade) as line, Line(facade) as other:
                patched.setattr(Plain, "sweep", fails)
                line.say("/parties/1")
                with pytest.raises(asyncio.IncompleteReadError):
                    await line.hear()
                assert (await other.get("/other", caller="8"))[0].startswith("HTTP/1.1 504 ")
        assert len(plain) == 1
        await until(lambda: not facade.parts.exchanges)
        legacy.gate.set()


async def test_a_caller_that_leaves_lets_go_of_its_upstream(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Upstream() as legacy:
        facade = await front(settings(legacy.url))
        await warmed(facade)
        legacy.gate.clear()
        with counted(monkeypatch) as plain:
            async with Line(facade) as line:
                line.say("/parties/1")
                await until(lambda: len(legacy.heads) == 4)
            await until(lambda: not facade.parts.exchanges)
        assert len(plain) == 1
        assert facade.parts.pools.legacy.used == 0
        legacy.gate.set()


async def test_calls_sent_ahead_are_answered_in_their_order(front: Front) -> None:
    said = {f"/parties/{n}": ANSWER.replace(b"hello", b"%05d" % n) for n in range(30)}
    said["/parties/1"] = ANSWER
    async with Upstream(said.__getitem__) as legacy:
        facade = await front(settings(legacy.url))
        await warmed(facade)
        async with Line(facade) as line:
            for n in range(2, 30):
                line.say(f"/parties/{n}")
            assert [(await line.hear())[1] for _ in range(2, 30)] == [b"%05d" % n for n in range(2, 30)]


async def test_what_was_answered_whole_arrives_though_the_next_answer_breaks_off(front: Front) -> None:
    body = bytes(range(256)) * 200
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    said, loop = {"/parties/1": whole, "/parties/2": BROKEN}, asyncio.get_running_loop()
    async with Upstream(said.__getitem__) as legacy:
        facade = await front(settings(legacy.url))
        with socket.socket() as caller:
            caller.setblocking(False)
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            await loop.sock_connect(caller, (facade.host, int(facade.port)))
            await until(lambda: len(facade.parts.front.connections) == 1)
            [connection] = facade.parts.front.connections
            ours = connection.transport.get_extra_info("socket")
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
            lines = HEAD.format(caller="7")
            asked = "".join(f"GET {path} HTTP/1.1\r\n{lines}" for path in said)
            await loop.sock_sendall(caller, asked.encode())
            await until(lambda: len(legacy.heads) == 2 and not facade.parts.exchanges)
            told = b""
            async with asyncio.timeout(30):
                while piece := await loop.sock_recv(caller, 65536):
                    told += piece
        assert body in told
        assert told.endswith(b"only this"), (
            "and the caller sees that this is less than its Content-Length says"
        )


async def test_an_answer_that_ends_with_its_connection_is_never_taken_for_whole(front: Front) -> None:
    """A caller of HTTP/1.0 knows the end of a body by that of the connection: an orderly one would say that it has all."""
    cut = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    async with Upstream(lambda path: cut) as legacy:
        facade = await front(settings(legacy.url, facade={"read_timeout": "300ms"}))
        reader, writer = await asyncio.open_connection(facade.host, int(facade.port))
        writer.write(b"GET /parties/1 HTTP/1.0\r\nHost: erp\r\n\r\n")
        async with asyncio.timeout(30):
            assert b"200" in await reader.readuntil(b"\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                await reader.read()
        writer.close()


@pytest.mark.parametrize("known", [False, True], ids=["careful", "plain"])
async def test_a_call_that_cant_be_begun_is_told_so_and_the_next_is_answered(
    front: Front, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    def begin(headers: object) -> str:
        raise RuntimeError("no trace")

    async with Upstream() as legacy:
        facade = await front(settings(legacy.url))
        if known:
            await warmed(facade)
        before, lines = len(legacy.heads), list[Any]()
        monkeypatch.setattr(facade.parts.log, "write", lambda call, track: lines.append(call))
        async with Line(facade) as line:
            with monkeypatch.context() as patched:
                patched.setattr(facade.parts.traces, "begin", begin)
                head, body = await line.get("/parties/1")
            assert head.startswith("HTTP/1.1 500 ")
            assert b"the facade failed" in body
            assert len(legacy.heads) == before
            assert (await line.get("/parties/1"))[1] == b"hello"
        assert [(call.status, call.detail) for call in lines] == [(500, "RuntimeError: no trace"), (200, "")]
        assert facade.parts.pools.legacy.used == 0
        assert all(lane.under == 0 for lane in facade.parts.shedding.lanes())


async def test_what_an_upstream_says_unasked_behind_a_known_head_isnt_passed_on(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [ANSWER, ANSWER, ANSWER, ANSWER + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", ANSWER]
    async with Upstream(lambda path: answers.pop(0)) as legacy:
        facade = await front(settings(legacy.url))
        await warmed(facade)
        with counted(monkeypatch) as plain:
            async with Line(facade) as line:
                assert (await line.get("/parties/1"))[1] == b"hello"
                assert (await line.get("/parties/1"))[1] == b"hello"
        assert len(plain) >= 1
        assert facade.parts.pools.legacy.open <= 1


@pytest.mark.parametrize(
    "more",
    [
        {"server_timing": True},
        {"proxy_status": "all"},
        {"overrides": {"allow": [{"token": "a-secret-of-testers"}]}},
    ],
    ids=lambda more: next(iter(more)),
)
async def test_what_is_said_of_each_answer_is_said_of_all(front: Front, more: dict[str, Any]) -> None:
    async with Upstream() as legacy:
        facade = await front(settings(legacy.url, facade=more))
        async with Line(facade) as line:
            heads = [(await line.get("/parties/1"))[0] for _ in range(4)]
        told = {re.sub(r"dur=[\d.]+", "dur", head) for head in heads}
        assert len(told) == 1


async def test_another_stage_and_a_drain_are_heeded_at_once(front: Front, stand: Stand) -> None:
    async with Upstream() as legacy, Upstream() as new:
        facade = await front(settings(legacy.url, new.url))
        await warmed(facade)
        await applied(facade, stand.stage(Stage.LIVE))
        async with Line(facade) as line:
            for _ in range(2):
                await line.get("/parties/1")
            assert len(new.heads) == 2
            new.gate.clear()
            line.say("/parties/1")
            await until(lambda: len(new.heads) == 3)
            assert facade.facade is not None
            facade.facade.drain()
            new.gate.set()
            assert "Connection: close" in (await line.hear())[0]
