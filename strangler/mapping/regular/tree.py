"""A regular expression as a tree: characters, one after the other, one of several, repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

LAST: Final = 0x10FFFF


class Place(NamedTuple):
    """A part of the pattern: the first and the last character, counted from 0."""

    start: int
    end: int


class WrongPattern(Exception):
    """One thing that is wrong at a place of the pattern, and what to write instead."""

    def __init__(self, place: Place, what: str, instead: str = "") -> None:
        super().__init__(what)
        self.place, self.what, self.instead = place, what, instead


@dataclass(frozen=True, slots=True)
class Characters:
    """One character of these, given as first and last of each stretch; `negated`: any other. None of none is any."""

    members: tuple[tuple[str, str], ...]
    negated: bool = False

    @property
    def stretches(self) -> list[tuple[int, int]]:
        """The code points, in order."""
        given = sorted((ord(first), ord(last)) for first, last in self.members)
        if not self.negated:
            return given
        free, begin = [], 0
        for first, last in given:
            if begin < first:
                free.append((begin, first - 1))
            begin = max(begin, last + 1)
        return [*free, (begin, LAST)] if begin <= LAST else free


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    branches: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`most` None: without end."""

    body: Tree
    least: int
    most: int | None


Tree = Characters | Sequence | Choice | Repeat


@dataclass(frozen=True, slots=True)
class Branch:
    """One of the pattern's alternatives, bound to the beginning or the end of the text or to neither."""

    begin: bool
    body: Tree
    end: bool


@dataclass(frozen=True, slots=True)
class Pattern:
    branches: tuple[Branch, ...]


def can_be_empty(tree: Tree) -> bool:
    """Whether it matches the empty text."""
    match tree:
        case Characters():
            return False
        case Sequence(parts=parts):
            return all(map(can_be_empty, parts))
        case Choice(branches=branches):
            return any(map(can_be_empty, branches))
        case Repeat(body=body, least=least):
            return least == 0 or can_be_empty(body)
