"""Remembered: what a facade knows of earlier requests, as a decision asks for it."""

from __future__ import annotations

from typing import Final, Protocol

from strangler.cutover.stages import Side
from strangler.routing.asked import Asked


class Pins(Protocol):
    """The documents of one function that stay where they were begun."""

    sides: frozenset[Side]
    """The sides on which there are any."""
    unheld: frozenset[Side]
    """The sides of which there are more than are held, so that a key that isn't known may be one of theirs."""

    def side(self, key: str) -> Side | None:
        """Where the document was begun; None for one that isn't known."""
        ...


class Remembered(Protocol):
    """What a facade remembers. It answers at once."""

    def pins(self, function: str) -> Pins | None:
        """The documents of the function that stay where they are; None when there are none."""
        ...

    def wrote(self, function: str, key: str | None, caller: str, asked: Asked) -> bool:
        """Whether the caller, or somebody else to this document, wrote to legacy what the store may not have yet."""
        ...


class Nothing:
    """Who remembers nothing."""

    def pins(self, function: str) -> Pins | None:
        return None

    def wrote(self, function: str, key: str | None, caller: str, asked: Asked) -> bool:
        return False


NOTHING: Final = Nothing()
