"""The traps of proxies (RFC 9110, 9112), asked over raw sockets, in front of upstreams that show every byte they got."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress

import pytest

from tests.facade.conftest import Echo, Front, Running, Serve, settings, until


class Wire:
    """A raw upstream: keeps what each connection sent, answers with fixed bytes once `when` is in what it got."""

    def __init__(self, answer: bytes, when: bytes = b"\r\n\r\n", close: bool = False) -> None:
        self.answer, self.when, self.close = answer, when, close
        self.got: list[bytearray] = []
        self.ended = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got = bytearray()
        self.got.append(got)
        with suppress(ConnectionError):
            answered = 0
            while piece := await reader.read(65536):
                got += piece
                if got.count(self.when) > answered:
                    answered += 1
                    writer.write(self.answer)
                    await writer.drain()
                    if self.close:
                        break
        self.ended += 1
        writer.close()


Listen = Callable[[Wire], Awaitable[str]]


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    async with AsyncExitStack() as stack:

        async def start(wire: Wire) -> str:
            server = await asyncio.start_server(wire, "127.0.0.1", 0)
            stack.callback(server.close)
            host, port = server.sockets[0].getsockname()[:2]
            return f"http://{host}:{port}"

        yield start


async def say(facade: Running, request: bytes, *, until_closed: bool = True) -> bytes:
    """Send bytes, and give what comes back until the connection is closed or nothing more is expected."""
    reader, writer = await asyncio.open_connection(facade.host, int(facade.port))
    writer.write(request)
    try:
        async with asyncio.timeout(10):
            return await reader.read(-1) if until_closed else await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEAD = b"Host: erp.example\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /a/../b HTTP/1.1\r\n" + HEAD + b"\r\n",
        b"GET /a/%2e%2e/b HTTP/1.1\r\n" + HEAD + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HEAD + b"X-Name: \xff\xfe\r\n\r\n",
    ],
)
async def test_what_can_be_read_in_two_ways_is_a_bad_request(
    listen: Listen, front: Front, request_: bytes
) -> None:
    wire = Wire(OK)
    facade = await front(settings(await listen(wire)))
    answer = await say(facade, request_)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"GET" not in b"".join(wire.got)
    assert b"POST" not in b"".join(wire.got)


async def test_a_malformed_chunk_never_becomes_a_shorter_write(listen: Listen, front: Front) -> None:
    wire = Wire(OK, when=b"0\r\n\r\n")
    facade = await front(settings(await listen(wire)))
    broken = b"PUT /parties/1 HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"
    await say(facade, broken)
    await until(lambda: wire.ended == len(wire.got) and len(facade.parts.flight) == 0)
    assert not any(b"0\r\n\r\n" in got for got in wire.got), "the end of the body was never said"


@pytest.mark.parametrize(
    "framing", [b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"Content-Length: 99\r\n\r\nhello"]
)
async def test_a_write_whose_caller_breaks_off_never_arrives_whole(
    listen: Listen, front: Front, framing: bytes
) -> None:
    wire = Wire(OK, when=b"0\r\n\r\n")
    facade = await front(settings(await listen(wire)))
    _, writer = await asyncio.open_connection(facade.host, int(facade.port))
    writer.write(b"PUT /parties/1 HTTP/1.1\r\nHost: erp\r\n" + framing)
    await until(lambda: any(b"hello" in got for got in wire.got))
    writer.close()
    await until(lambda: len(facade.parts.flight) == 0)
    await until(lambda: wire.ended == len(wire.got))
    assert not any(b"0\r\n\r\n" in got for got in wire.got)


async def test_headers_of_the_hop_stay_on_the_hop(listen: Listen, front: Front) -> None:
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
        b"Proxy-Authenticate: Basic\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b@c=2\r\nX-End: 1\r\nServer: ERP\r\n\r\nok"
    )
    wire = Wire(answer)
    facade = await front(settings(await listen(wire)))
    told = await say(
        facade,
        b"GET /x%2Fy%20z?q=%41&r=a+b HTTP/1.1\r\nHost: erp.example\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nTE: gzip\r\n"
        b"Keep-Alive: 3\r\nProxy-Authorization: Basic x\r\nUpgrade: h2c\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n"
        b"X-Real-Ip: 6.6.6.6\r\nVia: 1.0 old\r\nCookie: a@b=1; c=2\r\nAccept-Encoding: br\r\nX-Strangler-Shadow: 1\r\n"
        b"X-Twice: 1\r\nX-Twice: 2\r\nX-Name: \xc3\x9f\r\n\r\n",
    )
    line, *sent = bytes(max(wire.got, key=len)).split(b"\r\n")
    assert line == b"GET /x%2Fy%20z?q=%41&r=a+b HTTP/1.1"
    lower = [header.lower() for header in sent]
    gone = (
        b"connection:",
        b"x-mine",
        b"te:",
        b"keep-alive",
        b"proxy-",
        b"upgrade",
        b"forwarded:",
        b"x-real-ip",
        b"x-strangler-shadow",
    )
    assert not [header for header in lower if header.startswith(gone)]
    assert b"6.6.6.6" not in b"".join(sent)
    for expected in (
        b"host: erp.example",
        b"x-forwarded-for: 127.0.0.1",
        b"x-forwarded-host: erp.example",
        b"x-forwarded-proto: http",
        b"via: 1.0 old, 1.1 strangler-test",
        b"cookie: a@b=1; c=2",
        b"accept-encoding: br",
        b"x-twice: 1",
        b"x-twice: 2",
        b"x-name: \xc3\x9f",
    ):
        assert expected in lower
    assert not [
        header for header in lower if header.startswith((b"user-agent", b"accept:", b"content-type"))
    ], "nothing is made up"
    head = told.split(b"\r\n\r\n")[0].lower()
    assert head.count(b"set-cookie: ") == 2
    assert b"set-cookie: b@c=2" in head
    for hop in (b"x-hop", b"keep-alive", b"proxy-authenticate"):
        assert hop not in head
    assert b"server: erp" in head
    assert b"via: 1.1 strangler-test" in head


async def test_a_loop_is_seen(serve: Serve, listen: Listen, front: Front) -> None:
    facade = await front(settings(await listen(Wire(OK))))
    answer = await say(facade, b"GET / HTTP/1.1\r\n" + HEAD + b"Via: 1.1 a, 1.1 strangler-test\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 508 ")
    other = await say(facade, b"GET / HTTP/1.1\r\n" + HEAD + b"Via: 1.1 strangler-test2\r\n\r\n")
    assert other.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("body", [b"", b"x"])
@pytest.mark.parametrize("method", [b"PUT", b"DELETE", b"POST", b"GET"])
async def test_a_write_is_sent_once_even_if_the_connection_closes(
    listen: Listen, front: Front, method: bytes, body: bytes
) -> None:
    """aiohttp by itself repeats PUT and DELETE on a kept connection that closes; and ERPs have writes by GET."""
    wire = Wire(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    write = {"kind": "write", "match": {"path": "/parties/{id}", "method": ["PUT", "DELETE", "POST", "GET"]}}
    facade = await front(settings(await listen(wire), routes=[write]))
    assert b"200 OK" in await say(facade, b"GET /warm HTTP/1.1\r\n" + HEAD + b"\r\n")
    wire.answer, wire.close = b"", True
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    answer = await say(facade, method + b" /parties/1 HTTP/1.1\r\n" + HEAD + length + body)
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"error=connection_terminated" in answer
    assert b"".join(wire.got).count(method + b" /parties/1") == 1


async def test_a_read_is_repeated_once_when_a_kept_connection_was_closed(
    listen: Listen, front: Front
) -> None:
    wire = Wire(OK)
    facade = await front(settings(await listen(wire)))
    assert b"200 OK" in await say(facade, b"GET /warm HTTP/1.1\r\n" + HEAD + b"\r\n")

    class ClosesOnce(Wire):
        async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if b"GET /once" not in b"".join(self.got):
                self.got.append(bytearray(await reader.readuntil(b"\r\n\r\n")))
                writer.close()
            else:
                await super().__call__(reader, writer)

    closes = ClosesOnce(OK)
    second = await front(settings(await listen(closes)))
    answer = await say(second, b"GET /once HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"".join(closes.got).count(b"GET /once") == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ],
)
async def test_an_answer_that_breaks_off_is_not_made_to_look_whole(
    listen: Listen, front: Front, answer: bytes
) -> None:
    facade = await front(settings(await listen(Wire(answer, close=True))))
    told = await say(facade, b"GET /x HTTP/1.1\r\nHost: erp\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 200 ")
    body = told.split(b"\r\n\r\n", 1)[1]
    assert not body.endswith(b"0\r\n\r\n")
    assert len(body) < 100


async def test_nonsense_from_an_upstream_is_a_bad_gateway(listen: Listen, front: Front) -> None:
    facade = await front(settings(await listen(Wire(b"SSH-2.0-OpenSSH\r\n\r\n", close=True))))
    answer = await say(facade, b"GET /x HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"proxy-status: strangler; error=http_protocol_error" in answer


async def test_redirects_and_compressed_bodies_pass_untouched(listen: Listen, front: Front) -> None:
    squeezed = b"\x1f\x8b\x08not really"
    answer = (
        b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s"
    )
    facade = await front(settings(await listen(Wire(answer % (len(squeezed), squeezed)))))
    told = await say(facade, b"GET /x HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert told.startswith(b"HTTP/1.1 302 ")
    assert b"\r\nLocation: /login\r\n" in told
    assert told.endswith(squeezed)


async def test_an_answer_to_head_has_its_length_and_no_body(listen: Listen, front: Front) -> None:
    facade = await front(settings(await listen(Wire(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"))))
    told = await say(facade, b"HEAD /x HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert b"\r\nContent-Length: 1234\r\n" in told
    assert told.endswith(b"\r\n\r\n")


async def test_a_caller_who_expects_100_continue_gets_it(serve: Serve, front: Front) -> None:
    legacy = Echo("legacy")
    facade = await front(settings((await serve(legacy)).url))
    reader, writer = await asyncio.open_connection(facade.host, int(facade.port))
    writer.write(b"PUT /parties/1 HTTP/1.1\r\nHost: erp\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
    writer.write(b"abc")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    writer.close()
    assert legacy.asked[0][3] == b"abc"
    assert "expect" not in legacy.asked[0][2]
