"""What plugins make goes on a wire only where it can't be read as something else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from strangler.cutover.stages import Stage
from strangler.facade import whole
from strangler.facade.protocol import Answer, Request, ServiceRequest
from strangler.facade.wire.pool import Pool
from strangler.facade.wire.reaching import close
from strangler.facade.wire.sayable import Unsayable, answer_lines, sayable
from tests.facade.conftest import Echo, Front, Serve, Stand, applied, settings, until
from tests.facade.test_facade import call

BAD: list[Any] = [
    ServiceRequest("GET", "/a HTTP/1.1\r\nX: y"),
    ServiceRequest("GET", "/a b"),
    ServiceRequest("GET", "/ä"),
    ServiceRequest("GET", "elsewhere"),
    ServiceRequest("GET /x", "/"),
    ServiceRequest("GET", "/", [("x\r\ny", "1")]),
    ServiceRequest("GET", "/", [("", "1")]),
    ServiceRequest("GET", "/", [("x:", "1")]),
    *(ServiceRequest("GET", "/", [("x", f"a{sign}b")]) for sign in "\r\n\x00\x0b\x7f\ud800"),
]


@pytest.mark.parametrize("question", BAD, ids=repr)
async def test_a_question_that_could_be_read_as_two_is_never_sent(
    serve: Serve, question: ServiceRequest
) -> None:
    upstream = Echo("new")
    pool = Pool("new:party", "new", (await serve(upstream)).url, limit=1, connect_timeout=2)
    with pytest.raises(Unsayable) as refused:
        await whole.ask(pool, question, timeout=2, most=100)
    assert refused.value.status == 502
    assert refused.value.detail.isprintable()
    assert (await whole.ask(pool, ServiceRequest("GET", "/b"), timeout=2, most=100)).body == b"new"
    assert [each[1] for each in upstream.asked] == ["/b"]
    await close(pool)


async def test_how_a_question_is_framed_is_no_plugins_to_say_however_it_writes_it(serve: Serve) -> None:
    upstream = Echo("new")
    pool = Pool("new:party", "new", (await serve(upstream)).url, limit=1, connect_timeout=2)
    framing = [
        ("Transfer-Encoding", "chunked"),
        ("CONTENT-LENGTH", "0"),
        ("Connection", "close"),
        ("X-Mine", "1\t2 ü"),
    ]
    question = ServiceRequest("POST", "/b", framing, b"body")
    assert (await whole.ask(pool, question, timeout=2, most=100)).status == 200
    _, _, headers, body = upstream.asked[0]
    assert body == b"body"
    assert (headers["content-length"], headers["x-mine"].split()[0]) == ("4", "1")
    assert not {"transfer-encoding", "connection"} & set(headers)
    await close(pool)


def test_an_answer_is_written_in_the_wires_own_alphabet() -> None:
    assert answer_lines([("Content-Type", "text/ü"), ("Transfer-Encoding", "x")]) == [
        (b"content-type", b"text/\xfc")
    ]
    with pytest.raises(Unsayable):
        answer_lines([("x", "€")])
    assert sayable([]) == []


class Broken:
    """A protocol with a defect."""

    def __init__(self, headers: Any) -> None:
        self._headers = headers

    def translate(self, operation: str | None, request: Request) -> Iterator[ServiceRequest]:
        yield ServiceRequest("GET", "/well")
        return Answer(200, self._headers, b"{}")


async def test_an_answer_that_could_be_read_as_two_is_a_502_in_words(
    serve: Serve, front: Front, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    legacy, new = Echo("legacy"), Echo("new")
    facade = await front(settings((await serve(legacy)).url, (await serve(new)).url))
    await applied(facade, stand.stage(Stage.LIVE))
    broken = Broken([("set-cookie", "a=1\r\nX-Admin: yes")])
    monkeypatch.setitem(facade.parts.services._translations, "party", broken)  # type: ignore[arg-type]
    status, text, headers = await call(f"{facade.url}/parties/1", "GET")
    assert (status, "x-admin" in headers) == (502, False)
    assert "the value of the header set-cookie has a line end" in text
    broken._headers = [("Content-Length", "7"), ("Connection", "close"), ("x-well", "1")]
    status, text, headers = await call(f"{facade.url}/parties/1", "GET")
    assert (status, text, headers["x-well"]) == (200, "{}", "1")
    await until(lambda: not facade.parts.exchanges)
