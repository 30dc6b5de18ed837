"""Look: what routing must know of a body, from as little of it as possible.

A route may ask for values in the body. Pieces are looked at until all are known, the body is over or the limit is
reached; the rest streams on through the same scanner, so that a body which says a value twice never arrives whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from strangler.facade.answers import BadRequest
from strangler.facade.peek import Kind, scanner
from strangler.routing import Asked, Values, Wanted

MARKS: Final[Mapping[Kind, str]] = {"json": "json", "form": "application/x-www-form-urlencoded", "xml": "xml"}
"""Kind of a body → what its media type contains."""


class Look:
    """A look into one caller's body. `settled` when nothing more has to be read; then `values` is for routing: None when the body
    doesn't show them."""

    def __init__(self, asked: Asked, wanted: Wanted, limit: int) -> None:
        media = asked.headers.get("content-type", "").lower()
        self._kind = kind = _kind(media, wanted)
        self._otherwise = bool(media) and kind is not None and MARKS[kind] not in media
        self._absent = {(each, name): None for each, names in wanted.items() for name in names}
        self._readable = asked.headers.get("content-encoding", "identity").lower() == "identity"
        self._names = wanted.get(kind, frozenset()) if kind else frozenset()
        self._scanner = scanner(kind, self._names) if kind and self._readable else None
        self._limit, self._seen = limit, 0
        self._whole = False
        self.settled = self._scanner is None

    def feed(self, piece: bytes, only: bool = False) -> None:
        """More of the body; `only`: this piece is all of it. Raises BadRequest for one that says a wanted value twice."""
        if self._scanner is None:
            return
        if only:
            self._scanner.whole(piece)
            self._whole = self.settled = True
        else:
            self._scanner.feed(piece)
        self._refuse_ambiguous()
        self._seen += len(piece)
        if self._scanner.settled or self._scanner.broken or self._seen >= self._limit:
            self.settled = True

    def end(self) -> None:
        """The body is over."""
        over, self._whole = self._whole, True
        self.settled = True
        if self._scanner is not None and not over:
            self._scanner.end()
            self._refuse_ambiguous()

    @property
    def values(self) -> Values | None:
        """(kind, name) → value; None for a value that isn't there."""
        if not self._readable:
            return None
        if self._scanner is None or (self._whole and not self._seen):
            return self._absent
        if self._scanner.broken:
            # What says that it is of another kind is one; what says nothing, or this kind, and isn't, tells nothing.
            return self._absent if self._otherwise else None
        if self._scanner.settled or self._whole:
            found: Mapping[str, str | None] = self._scanner.values
            return {**self._absent, **{(str(self._kind), name): value for name, value in found.items()}}
        return None

    def _refuse_ambiguous(self) -> None:
        if self._scanner is not None and self._scanner.ambiguous:
            raise BadRequest(
                f"the body names one of {', '.join(sorted(self._names))} twice, and servers differ in which one they obey"
            )


def _kind(media: str, wanted: Wanted) -> Kind | None:
    """As what the body is read: what its media type says, else the one kind that is asked for."""
    for kind, mark in MARKS.items():
        if mark in media:
            return kind if kind in wanted else None
    asked_for: list[Kind] = [kind for kind in MARKS if kind in wanted]
    return asked_for[0] if not media or len(asked_for) == 1 else None
