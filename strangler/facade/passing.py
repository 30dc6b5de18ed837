"""Passing on: a call goes to an upstream and its answer comes back, both as streams, with nothing held."""

from __future__ import annotations

from multidict import CIMultiDict

from strangler.facade.answers import BadRequest, Refusal
from strangler.facade.caller import Caller, CallerGone
from strangler.facade.headers import back
from strangler.facade.look import Look
from strangler.facade.protocol import Answer
from strangler.facade.upstream import Body, Pool


class Kept:
    """A copy of an answer as it passes, unless it grows beyond `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._body: bytearray | None = bytearray()
        self._head: tuple[int, list[tuple[str, str]]] | None = None

    def head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self._head = status, [(n.decode("latin-1"), v.decode("latin-1")) for n, v in headers]

    def piece(self, piece: bytes) -> None:
        if self._body is not None:
            self._body += piece
            if len(self._body) > self._limit:
                self._body = None

    def answer(self) -> Answer | None:
        """The whole answer; None when it was too long."""
        if self._head is None or self._body is None:
            return None
        return Answer(*self._head, bytes(self._body))


class Passage:
    """The way of one call to one upstream. `name` and `base` say which; `pseudonym` goes into Via."""

    def __init__(self, pool: Pool, name: str, base: str, pseudonym: str) -> None:
        self._pool, self._name, self._base, self._pseudonym = pool, name, base, pseudonym
        self.status = 0

    async def take(
        self, caller: Caller, look: Look, headers: CIMultiDict[str], repeatable: bool, kept: Kept | None
    ) -> None:
        """Send the call, stream the answer. Raises Refusal before the answer has begun, `BrokenOff` after."""
        body = self._body(caller, look)
        try:
            response = await self._pool.send(
                self._name, caller.method, self._base, caller.target, headers, body, repeatable
            )
        except Refusal as error:
            raise _cause(caller, error) from error
        try:
            self.status = response.status
            lines = back(response.raw_headers, self._pseudonym)
            if kept:
                kept.head(response.status, lines)
            await caller.start(response.status, lines)
            async for piece, last in self._pool.pieces(self._name, response):
                if kept:
                    kept.piece(piece)
                await caller.write(piece, more=not last)
        finally:
            # An answer that wasn't read to its end leaves a connection that nobody can use again.
            if response.content.at_eof():
                response.release()
            else:
                response.close()

    def _body(self, caller: Caller, look: Look) -> Body:
        if caller.whole:
            return caller.held() or None
        return look.body()


def _cause(caller: Caller, error: Refusal) -> Exception:
    """What really ended the upload: the caller, or what it sent. The client library tells of its own end only."""
    if caller.left:
        return CallerGone("the caller broke off its request")
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, BadRequest):
            return link
        link = link.__cause__ or link.__context__
    return error
