"""Deciding: from the head of a call to who answers it, with as much of its body as routing has to see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from strangler.facade.answers import BadRequest
from strangler.facade.look import Look
from strangler.routing import Asked, BadPath, Decision, Standings, Values, Who, decide

if TYPE_CHECKING:
    from strangler.facade.parts import Parts

NOTHING: Final[Values] = {}
"""What is seen of a body that nobody looks at."""


class Deciding:
    """Of one call. `values`: what was seen of the body, once it is decided."""

    __slots__ = ("_asked", "_found", "_look", "_parts", "values")

    def __init__(self, parts: Parts, asked: Asked, has_body: bool) -> None:
        """Raises BadRequest for a path that can be read in two ways."""
        self._parts, self._asked, self.values = parts, asked, NOTHING
        try:
            self._found = found = parts.table.find(asked)
        except BadPath as error:
            raise BadRequest(str(error)) from error
        looks = bool(found.wanted) and has_body
        self._look = Look(asked, found.wanted, parts.settings.body_prefix) if looks else None

    @property
    def settled(self) -> bool:
        """Whether nothing more has to be seen of the body."""
        return self._look is None or self._look.settled

    def feed(self, piece: bytes, only: bool) -> None:
        """More of the body, after it is settled too; `only`: this is all of it. Raises BadRequest for what is ambiguous."""
        if self._look is not None:
            self._look.feed(piece, only)

    def end(self) -> None:
        """The body is over. Raises BadRequest."""
        if self._look is not None:
            self._look.end()

    def decide(self, standings: Standings, who: Who) -> Decision:
        """Who answers by these standings."""
        parts, look = self._parts, self._look
        seen = look.values if look is not None else NOTHING
        self.values = seen or NOTHING
        return decide(parts.table, standings, self._asked, self._found, seen, who, parts.draw(), parts.memory)
