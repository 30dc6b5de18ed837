"""Rooms: how many calls may wait to be compared, or be compared, at once; and how many found no room.

Both are asked with every call of a function that is shadowed, also while its candidate hangs, so they cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from strangler.control.comparisons import Kind
from strangler.facade.wire.address import Place, place_of

ALTOGETHER: Final = 1024
"""Most comparisons of all functions of one candidate that wait or are under way."""

AT_FIRST: Final = 64
"""As many of a candidate that hasn't shown yet whether it answers."""

AT_LEAST: Final = 8
"""As many of one that doesn't answer: it is asked now and then, and whether it answers again is seen."""

LANES: Final = 4
"""Lanes that may fill a candidate's room; one alone has so much less of it."""

LaneKey = tuple[str, Kind]
"""Of a lane: the function, and what of it."""


class _Candidate:
    """How many calls for it are `inside`, for how many there is room, and how many of those one lane may have."""

    __slots__ = ("inside", "most", "share")

    def __init__(self) -> None:
        self.inside = 0
        self.begin()

    def begin(self) -> None:
        self.resize(AT_FIRST)

    def resize(self, most: int) -> None:
        self.most = min(ALTOGETHER, max(AT_LEAST, most))
        self.share = max(1, self.most // LANES)


class Space:
    """That of one lane, within the room of its candidate."""

    __slots__ = ("candidate", "inside", "most")

    def __init__(self, most: int, candidate: _Candidate) -> None:
        self.inside, self.most, self.candidate = 0, most, candidate

    @property
    def free(self) -> bool:
        """Whether there is room for one more call."""
        candidate = self.candidate
        return self.inside < self.most and self.inside < candidate.share and candidate.inside < candidate.most

    def enter(self) -> None:
        self.inside += 1
        self.candidate.inside += 1

    def leave(self, calls: int = 1) -> None:
        """So many calls are done with."""
        self.inside -= calls
        self.candidate.inside -= calls

    def heard(self, answers: int) -> None:
        """The candidate has answered so often more than it hasn't; less where that is negative."""
        self.candidate.resize(self.candidate.most + answers)


class Rooms:
    """Room for calls that are to be compared, those under way included: in each lane, and of all lanes of one candidate together.

    A candidate's room grows by one with each time that it answers and shrinks by one with each that it doesn't. So one that hangs soon
    costs nothing more, however many functions it has, nor is its room full again as soon as the time of what it had is over. No lane has
    more than a share of it: one whose comparisons take long holds up no other.
    """

    def __init__(self, lanes: Iterable[tuple[LaneKey, str, int]]) -> None:
        """Each lane, the URL of its candidate, and the calls that it has room for."""
        self._candidates: dict[Place, _Candidate] = {}
        self._spaces: dict[LaneKey, Space] = {}
        for lane, url, most in lanes:
            candidate = self._candidates.setdefault(place_of(url), _Candidate())
            self._spaces[lane] = Space(most, candidate)

    def space(self, lane: LaneKey) -> Space | None:
        """That of a lane; None where there is no such lane."""
        return self._spaces.get(lane)

    def clear(self) -> dict[LaneKey, int]:
        """Empty all, and begin anew; how many were in each."""
        there = {lane: space.inside for lane, space in self._spaces.items() if space.inside}
        for space in self._spaces.values():
            space.inside = 0
        for candidate in self._candidates.values():
            candidate.inside = 0
            candidate.begin()
        return there


class Drop:
    """How many `calls` of one lane, that count for one cohort, found no room since that was told last."""

    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls = 0


class Drops:
    """Those of all lanes. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._all: dict[tuple[LaneKey, str], Drop] = {}

    def of(self, lane: LaneKey, cohort: str) -> Drop:
        """Where to count them."""
        found = self._all.get((lane, cohort))
        if found is None:
            found = self._all[lane, cohort] = Drop()
        return found

    def take(self) -> list[tuple[LaneKey, str, int]]:
        """Lane, cohort and how many since the last time."""
        taken = []
        for (lane, cohort), drop in self._all.items():
            if drop.calls:
                taken.append((lane, cohort, drop.calls))
                drop.calls = 0
        return taken
