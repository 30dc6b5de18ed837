"""Callers that are slow, long-winded, behind a balancer, or want to be sure whom they talk to."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path

import aiohttp
import pytest

from strangler.errors import ConfigurationError
from tests.facade.conftest import Echo, Front, Running, Serve, settings, until


async def talk(facade: Running, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Say the pieces one after the other, and give all that comes back until the facade ends the connection."""
    reader, writer = await asyncio.open_connection(facade.host, int(facade.port))
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(pause)
    async with asyncio.timeout(30):
        told = await reader.read(-1)
    writer.close()
    return told


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: e", b"408"),
        (b"PUT /parties/1 HTTP/1.1\r\nHost: erp\r\nContent-Length: 9\r\n\r\nabc", b"408"),
        (b"GET / HTTP/1.1\r\nHost: erp\r\nX: " + b"x" * 3000 + b"\r\n\r\n", b"431"),
        (b"PUT /parties/1 HTTP/1.1\r\nHost: erp\r\nContent-Length: 999\r\n\r\n", b"413"),
        (
            b"PUT /parties/1 HTTP/1.1\r\nHost: erp\r\nTransfer-Encoding: chunked\r\n\r\n200\r\n" + b"x" * 600,
            b"413",
        ),
    ],
)
async def test_who_takes_too_much_is_told_and_let_go(
    serve: Serve, front: Front, sent: bytes, status: bytes
) -> None:
    legacy = Echo("legacy")
    limits = {"head_time": "300ms", "body_time": "300ms", "head_bytes": 2048, "body_bytes": 500}
    facade = await front(settings((await serve(legacy)).url, facade={"callers": limits}))
    assert (await talk(facade, sent)).startswith(b"HTTP/1.1 " + status)
    assert legacy.asked == []
    await until(lambda: not facade.parts.front.connections)


async def test_a_head_that_drips_is_cut_off_however_steadily_it_comes(serve: Serve, front: Front) -> None:
    facade = await front(
        settings((await serve(Echo("legacy"))).url, facade={"callers": {"head_time": "300ms"}})
    )
    drops = [b"GET / HTTP/1.1\r\nHost: erp\r\n", *[b"X: y\r\n"] * 30]
    assert (await talk(facade, *drops, pause=0.05)).startswith(b"HTTP/1.1 408 ")


async def test_an_idle_connection_is_kept_for_a_while_and_closed_without_a_word(
    serve: Serve, front: Front
) -> None:
    facade = await front(
        settings((await serve(Echo("legacy"))).url, facade={"callers": {"idle_time": "300ms"}})
    )
    assert await talk(facade) == b""
    told = await talk(facade, b"GET /x HTTP/1.1\r\nHost: erp\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 200 ")
    assert told.endswith(b"legacy")


async def test_who_takes_nothing_of_its_answer_is_let_go(serve: Serve, front: Front) -> None:
    long = Echo("legacy", body=b"x" * 30_000_000)
    facade = await front(settings((await serve(long)).url, facade={"callers": {"write_time": "300ms"}}))
    _, writer = await asyncio.open_connection(facade.host, int(facade.port), limit=1024)
    writer.write(b"GET /x HTTP/1.1\r\nHost: erp\r\n\r\n")
    await until(lambda: len(facade.parts.exchanges) == 1)
    await until(lambda: not facade.parts.exchanges and not facade.parts.front.connections)
    writer.close()


async def test_only_proxies_that_are_trusted_are_believed(serve: Serve, front: Front) -> None:
    legacy = Echo("legacy")
    base = (await serve(legacy)).url
    strict, trusting = (
        await front(settings(base)),
        await front(settings(base, facade={"trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"]})),
    )
    said = {
        "x-forwarded-for": "6.6.6.6, 203.0.113.9, 10.1.1.1",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "erp.example",
    }
    async with aiohttp.ClientSession() as session:
        for facade in (strict, trusting):
            async with session.get(f"{facade.url}/x", headers=said) as response:
                assert response.status == 200
    untold, told = (asked[2] for asked in legacy.asked)
    assert untold["x-forwarded-for"] == "127.0.0.1"
    assert (untold["x-forwarded-proto"], untold["x-forwarded-host"]) == ("http", untold["host"])
    assert told["x-forwarded-for"] == "6.6.6.6, 203.0.113.9, 10.1.1.1, 127.0.0.1"
    assert (told["x-forwarded-proto"], told["x-forwarded-host"]) == ("https", "erp.example")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


async def test_it_answers_by_tls_itself(serve: Serve, front: Front, certificate: Path) -> None:
    legacy = Echo("legacy")
    files = {"certificate": certificate / "cert.pem", "key": certificate / "key.pem"}
    facade = await front(settings((await serve(legacy)).url, facade={"tls": files}))
    context = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
    async with aiohttp.ClientSession() as session:
        url = facade.url.replace("http:", "https:")
        async with session.get(f"{url}/x", ssl=context) as response:
            assert await response.text() == "legacy"
    assert legacy.asked[0][2]["x-forwarded-proto"] == "https"


async def test_a_certificate_that_is_none_is_said_in_words(front: Front, tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    files = {"certificate": tmp_path / "x.pem", "key": tmp_path / "x.pem"}
    with pytest.raises(ConfigurationError, match=r"facade\.tls"):
        await front(settings("http://127.0.0.1:9", facade={"tls": files}))


async def test_a_call_that_waits_for_room_holds_back_the_rest_of_its_body(serve: Serve, front: Front) -> None:
    legacy = Echo("legacy")
    legacy.gate = asyncio.Event()
    limits = {"legacy": 1, "for_writes": 0, "queue": 5, "queue_time": "20s"}
    facade = await front(settings((await serve(legacy)).url, facade={"limits": limits}))
    first = asyncio.create_task(
        talk(facade, b"PUT /parties/1 HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n")
    )
    await until(lambda: len(legacy.asked) == 1)
    reader, writer = await asyncio.open_connection(facade.host, int(facade.port))
    size = 30_000_000
    writer.write(
        b"PUT /parties/2 HTTP/1.1\r\nHost: e\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
    )
    writer.write(b"x" * size)
    await until(lambda: facade.parts.shedding.waiting == 1)
    waits = next(each for each in facade.parts.exchanges if each.request.target == "/parties/2")
    await asyncio.sleep(0.3)
    assert waits.call.received < 2_000_000
    legacy.gate.set()
    assert (await reader.read(-1)).startswith(b"HTTP/1.1 200 ")
    assert len(legacy.asked[-1][3]) == size
    await first
    writer.close()


@pytest.mark.parametrize(
    "head",
    [b"Content-Encoding: gzip\r\nContent-Type: application/json\r\n", b"Content-Type: text/plain\r\n", b""],
)
async def test_whoever_waits_for_100_continue_gets_it_however_the_body_is_read(
    serve: Serve, front: Front, head: bytes
) -> None:
    facade = await front(settings((await serve(Echo("legacy"))).url))
    reader, writer = await asyncio.open_connection(facade.host, int(facade.port))
    writer.write(
        b"POST /rpc/ HTTP/1.1\r\nHost: e\r\nExpect: 100-continue\r\nContent-Length: 2\r\n%b\r\n" % head
    )
    async with asyncio.timeout(30):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(b"{}")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_blank_lines_keep_no_connection_alive(serve: Serve, front: Front) -> None:
    facade = await front(
        settings((await serve(Echo("legacy"))).url, facade={"callers": {"idle_time": "300ms"}})
    )
    _, writer = await asyncio.open_connection(facade.host, int(facade.port))
    for _ in range(40):
        writer.write(b"\r\n")
        await asyncio.sleep(0.05)
        if not facade.parts.front.connections:
            break
    assert not facade.parts.front.connections
    writer.close()


async def test_a_number_of_hops_beyond_reason_is_dropped(serve: Serve, front: Front) -> None:
    legacy = Echo("legacy")
    facade = await front(settings((await serve(legacy)).url))
    hops = b"9" * 5000
    told = await talk(
        facade, b"OPTIONS /x HTTP/1.1\r\nHost: e\r\nConnection: close\r\nMax-Forwards: %b\r\n\r\n" % hops
    )
    assert told.startswith(b"HTTP/1.1 200 ")
    assert "max-forwards" not in legacy.asked[-1][2]
