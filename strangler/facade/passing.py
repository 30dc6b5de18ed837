"""Passing: a copy of what passes, for who compares."""

from __future__ import annotations

from strangler.facade.protocol import Answer
from strangler.facade.wire.answer import AnswerHead


class Kept:
    """A copy of a call's body and of its answer as they pass, unless one grows beyond `limit` bytes."""

    __slots__ = ("_answer", "_asked", "_limit", "head")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._asked: bytearray | None = bytearray()
        self._answer: bytearray | None = bytearray()
        self.head: AnswerHead | None = None

    def asked(self, piece: bytes) -> None:
        self._asked = self._grown(self._asked, piece)

    def answered(self, piece: bytes) -> None:
        self._answer = self._grown(self._answer, piece)

    def _grown(self, copy: bytearray | None, piece: bytes) -> bytearray | None:
        if copy is None or len(copy) + len(piece) > self._limit:
            return None
        copy += piece
        return copy

    def both(self) -> tuple[bytes, Answer] | None:
        """The body and the answer; None when one was too long."""
        if self.head is None or self._asked is None or self._answer is None:
            return None
        return bytes(self._asked), Answer(self.head.status, self.head.pairs(), bytes(self._answer))
