"""Scope: which slice of a function and which document a request is about, as far as it shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from strangler.routing.asked import Asked, Values, Who
from strangler.routing.paths import Rank, Segments, Template
from strangler.settings import Function, Place


class Untold(Enum):
    """Why a value isn't known."""

    ABSENT = "absent"
    """The request has none."""
    HIDDEN = "hidden"
    """The request may have one: its body doesn't show it, or it says several, of which servers obey one or another."""


Told = str | Untold


class Request(NamedTuple):
    """A request with all that may say what it is about. `segments` are those of its path, in each of its readings."""

    asked: Asked
    segments: Sequence[Segments]
    values: Values | None
    who: Who


class Spot(NamedTuple):
    """A place in the requests of one route. A parameter of the path stands `at` a segment, or there begins the `rest` that it takes."""

    key: str
    name: str
    at: int = 0
    rest: bool = False

    def read(self, request: Request) -> Iterable[str | None]:
        """What stands there, in every way that it may be read; None for a value that is hidden."""
        asked = request.asked
        if self.key == "header":
            value = asked.headers.get(self.name)
            return () if not value else (value,)
        if self.key == "query":
            return filter(None, asked.query.get(self.name, ()))
        if self.key == "cookie":
            return filter(None, asked.cookies.get(self.name, ()))
        if self.key == "path":
            return self._in_path(request.segments)
        if self.key == "claim":
            return texts(request.who.claims.get(self.name))
        if request.values is None:
            return (None,)
        found = request.values.get((self.key, self.name))
        return () if not found else (found,)

    def _in_path(self, readings: Sequence[Segments]) -> Iterable[str]:
        for segments in readings:
            if self.at < len(segments):
                yield "/".join(segments[self.at :]) if self.rest else segments[self.at]


class Places(NamedTuple):
    """The places where a value may stand; the first that has one counts."""

    spots: tuple[Spot, ...]

    def read(self, request: Request) -> Told:
        for spot in self.spots:
            found = set(spot.read(request))
            if found:
                value = found.pop()
                return value if value is not None and not found else Untold.HIDDEN
        return Untold.ABSENT


class Scope(NamedTuple):
    """Where a request of a route says what it is about. `wanted`: (kind, name) of what stands in the body."""

    cohort: Places | None
    default: str | None
    key: Places | None
    wanted: tuple[tuple[str, str], ...]

    def cohort_of(self, request: Request) -> Told | None:
        """The cohort; None where the function has none."""
        if self.cohort is None:
            return None
        told = self.cohort.read(request)
        return self.default if told is Untold.ABSENT and self.default is not None else told

    def key_of(self, request: Request) -> Told | None:
        """The key of the document; None where the function's documents aren't told apart."""
        return None if self.key is None else self.key.read(request)


def scope_of(function: Function, template: Template) -> Scope | None:
    """The scope of a function's route with this path; None where all requests of the function are alike."""
    cohorts, documents = function.cohorts, function.documents
    if cohorts is None and documents is None:
        return None
    cohort = _places(cohorts.from_, template) if cohorts else None
    key = _places(documents.key, template) if documents else None
    spots = [spot for places in (cohort, key) if places for spot in places.spots]
    wanted = tuple((spot.key, spot.name) for spot in spots if spot.key in ("json", "form", "xml"))
    return Scope(cohort, cohorts.default if cohorts else None, key, wanted)


def _places(sections: Iterable[Place], template: Template) -> Places:
    parameters: Mapping[str, tuple[int, bool]] = {
        text: (index, rank is Rank.REST)
        for index, (rank, text) in enumerate(template)
        if rank in (Rank.NAMED, Rank.REST)
    }
    spots: list[Spot] = []
    for key, name in (named for section in sections for named in section.named):
        if key == "path" and name in parameters:
            spots.append(Spot(key, name, *parameters[name]))
        elif key != "path":
            spots.append(Spot(key, name.lower() if key == "header" else name))
    return Places(tuple(spots))


def texts(value: Any) -> Iterable[str]:
    """The texts of a claim, which may be one or several."""
    if isinstance(value, list | tuple):
        return [str(each) for each in value]
    return () if value is None or value == "" else (str(value),)
