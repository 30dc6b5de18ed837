"""Look: what routing must know of a JSON body, from as little of it as possible.

A route may ask for values in the body. Pieces are read until all are known, the body is over or the limit is
reached; the rest streams on through the same scanner, so that a body which says a value twice never arrives whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from strangler.facade.answers import BadRequest
from strangler.facade.caller import Caller
from strangler.facade.peek import Scanner
from strangler.routing import Values, Wanted


class Look:
    """A look into one caller's body. `values` is for routing: None when the body doesn't show them."""

    def __init__(self, caller: Caller, wanted: Wanted) -> None:
        self._caller, self._wanted = caller, wanted
        self._paths = wanted.get("json", frozenset())
        self._scanner = Scanner(self._paths)
        self.values: Values | None = {}

    async def take(self, limit: int) -> None:
        """Read what is needed, at most about `limit` bytes. Raises BadRequest, CallerGone."""
        encoding = self._caller.headers.get("content-encoding", "identity")
        seen = 0
        if not self._wanted:
            return
        while encoding == "identity" and not self._caller.whole and seen < limit:
            if self._scanner.settled or self._scanner.broken:
                break
            piece = await self._caller.more()
            seen += len(piece)
            self._scanner.feed(piece)
            self._refuse_ambiguous()
        if self._caller.whole and encoding == "identity":
            self._scanner.end()
        self.values = self._judged(seen, encoding)

    def _judged(self, seen: int, encoding: str) -> Values | None:
        scanner, absent = self._scanner, {("json", path): None for path in self._paths}
        if self._wanted.keys() - {"json"}:
            return None  # what a form or XML says isn't read here: it isn't shown
        if encoding != "identity":
            return None
        if self._caller.whole and not seen:
            return absent
        if scanner.broken:
            kind = self._caller.headers.get("content-type", "")
            return absent if kind and "json" not in kind.lower() else None
        if scanner.settled or self._caller.whole:
            return {**absent, **{("json", path): value for path, value in scanner.values.items()}}
        return None

    async def whole(self, limit: int) -> bytes | None:
        """The whole body, watched to its end; None when it is longer than `limit`. Raises BadRequest, CallerGone."""
        size = len(self._caller.held())
        while not self._caller.whole and size <= limit:
            piece = await self._caller.more()
            size += len(piece)
            self._watch(piece)
        return self._caller.held() if size <= limit else None

    async def body(self) -> AsyncIterator[bytes]:
        """The body from its beginning, watched to its end. Raises BadRequest, CallerGone."""
        seen = len(self._caller.held())
        async for piece in self._caller.rest():
            if seen > 0:
                seen -= len(piece)
            else:
                self._watch(piece)
            yield piece

    def _watch(self, piece: bytes) -> None:
        if self._paths:
            self._scanner.feed(piece)
            self._refuse_ambiguous()

    def _refuse_ambiguous(self) -> None:
        if self._scanner.ambiguous:
            raise BadRequest(
                f"the body names one of {', '.join(sorted(self._paths))} twice, and servers differ in which one they obey"
            )
