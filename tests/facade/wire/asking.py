"""Asking: good requests and good answers, and what is heard of them."""

from __future__ import annotations

from typing import Final

from tests.facade.wire.caller import Answer, Heard, Line
from tests.facade.wire.readings import Request
from tests.facade.wire.scene import Scene
from tests.facade.wire.upstream import Upstream

LENGTH: Final = b"Content-Length: 2\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"


def head(lines: bytes = b"", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\n" + lines + b"\r\n"


def ask(method: str, target: str, *lines: str, version: str = "1.1", body: bytes = b"") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/{version}", "Host: erp", *lines, "", ""]).encode() + body


def told(scene: Scene, *asked: bytes, methods: tuple[str, ...] = ()) -> Heard:
    """What is heard of requests that are sent at once."""
    with Line(scene.facade.address, methods) as line:
        line.send(b"".join(asked))
        return line.listen(len(asked))


def one(scene: Scene, asked: bytes, method: str = "GET") -> Answer:
    heard = told(scene, asked, methods=(method,))
    assert heard.odd == ""
    assert [answer.whole for answer in heard.answers] == [True], heard.raw[:500]
    return heard.answers[0]


def got(upstream: Upstream, target: str) -> Request:
    """The last request for a target that arrived."""
    return [request for request in upstream.requests() if request.target == target][-1]
