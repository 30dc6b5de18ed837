"""Whole: a question to an upstream whose answer is wanted whole, for who has time to await it."""

from __future__ import annotations

import asyncio
from typing import Final

from strangler.facade.answers import Refusal
from strangler.facade.protocol import Answer, ServiceRequest
from strangler.facade.wire.answer import AnswerHead
from strangler.facade.wire.pool import Pool
from strangler.facade.wire.sayable import first_line, sayable
from strangler.facade.wire.upstream import UpstreamConnection, UpstreamError

SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))
"""Methods whose calls may be repeated."""


class _Question:
    """Asks once, and gathers the answer."""

    def __init__(self, pool: Pool, call: ServiceRequest, most: int) -> None:
        self._pool, self._call, self._most = pool, call, most
        self._spoken = _spoken(pool, call)
        self._pieces: list[bytes] = []
        self._size = 0
        self._head: AnswerHead | None = None
        self._connection: UpstreamConnection | None = None
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    async def answer(self, fresh: bool) -> Answer:
        self._pool.acquire(self, fresh)
        try:
            return await self._answer
        finally:
            self._pool.give_up(self)
            if self._connection is not None:
                self._connection.drop()

    def connected(self, connection: UpstreamConnection) -> None:
        if self._answer.done():
            connection.pool.release(connection)
            return
        self._connection = connection
        connection.ask(self, self._call.method, self._spoken)
        connection.said = True

    def unreachable(self, error: UpstreamError) -> None:
        self._fail(error)

    def head(self, head: AnswerHead) -> None:
        if head.status == 101:
            self._fail(
                Refusal(502, f"{self._pool.name} changes to another protocol unasked", "http_protocol_error")
            )
        self._head = head

    def part(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > self._most:
            detail = f"{self._pool.name} answered with more than {self._most} bytes"
            self._fail(Refusal(502, detail, "http_response_body_size"))

    def flush(self) -> None:
        """Nothing waits for single pieces."""

    def done(self) -> None:
        self._connection = None
        assert self._head is not None
        if not self._answer.done():
            self._answer.set_result(Answer(self._head.status, self._head.pairs(), b"".join(self._pieces)))

    def answered(self, head: AnswerHead, body: bytes) -> None:
        self.head(head)
        self.part(body)
        self.done()

    def broke(self, error: UpstreamError) -> None:
        self._connection = None
        self._fail(error)

    def hold_up(self) -> None:
        """The question is said already."""

    def go_ahead(self) -> None:
        """The question is said already."""

    def _fail(self, error: Refusal) -> None:
        if not self._answer.done():
            self._answer.set_exception(error)


async def ask(pool: Pool, call: ServiceRequest, *, timeout: float, most: int) -> Answer:
    """The whole answer, in at most `timeout` seconds, of at most `most` bytes. A safe call is asked again, once, when its
    connection was closed before an answer, as kept ones are now and then. Raises Refusal."""
    try:
        async with asyncio.timeout(timeout):
            try:
                return await _Question(pool, call, most).answer(fresh=False)
            except UpstreamError as error:
                if error.error != "connection_terminated" or call.method not in SAFE:
                    raise
                return await _Question(pool, call, most).answer(fresh=True)
    except TimeoutError as error:
        detail = f"{pool.name} didn't answer within {timeout:g} s"
        raise UpstreamError(504, detail, "http_response_timeout") from error


def _spoken(pool: Pool, call: ServiceRequest) -> bytes:
    """The question as it is sent. Raises Unsayable."""
    headers = sayable(call.headers)
    lines = [first_line(call.method, f"{pool.prefix}{call.target}")]
    if all(name != "host" for name, _ in headers):
        lines.append(f"host: {pool.authority}")
    lines += [f"{name}: {value}" for name, value in headers]
    if call.body or call.method in ("POST", "PUT", "PATCH"):
        lines.append(f"content-length: {len(call.body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + call.body
