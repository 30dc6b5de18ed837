"""Look: what routing must know of a body, from as little of it as possible.

A route may ask for values in the body. Pieces are looked at until all are known, the body is over or the limit is
reached; the rest streams on through the same scanners, so that a body which says a value twice never arrives whole.

A body is read as every kind that a route asks for, whatever its media type says: a server that reads the bytes obeys JSON that
is labelled as a form. The label only decides what a body means that can't be read: one that says it is something else is that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from strangler.facade.answers import BadRequest
from strangler.facade.peek import Kind, Peek, scanner
from strangler.facade.peek.json import plan_of, quickly
from strangler.routing import Asked, Values, Wanted

MARKS: Final[Mapping[Kind, str]] = {"json": "json", "form": "application/x-www-form-urlencoded", "xml": "xml"}
"""Kind of a body → what its media type contains."""

_UNSHOWN: Final = "multipart/form-data"
"""A form that isn't looked into: what it says isn't shown."""


def glance(asked: Asked, wanted: Wanted, body: bytes) -> Values | None:
    """What a `Look` at the whole body comes to, in a fraction of the time, where it is JSON that leaves no doubt; None where it does."""
    headers, names = asked.headers, wanted.get("json")
    media = headers.get("content-type", "")
    if names is None or len(wanted) != 1 or "content-encoding" in headers or not _is_meant("json", media):
        return None
    if body[:1] != b"{" or (found := quickly(plan_of(names), body)) is None:
        return None
    return {("json", name): found.get(name) for name in names}


class Look:
    """A look into one caller's body. `settled` when nothing more has to be read; then `values` is for routing: None when the body
    doesn't show them."""

    def __init__(self, asked: Asked, wanted: Wanted, limit: int) -> None:
        self._media = media = asked.headers.get("content-type", "").lower()
        self._wanted = wanted
        plain = asked.headers.get("content-encoding", "identity").lower() == "identity"
        self._readable = plain and not ("form" in wanted and _UNSHOWN in media)
        kinds: list[Kind] = [kind for kind in get_args(Kind) if kind in wanted]
        self._scanners: dict[Kind, Peek] = (
            {kind: scanner(kind, wanted[kind]) for kind in kinds} if self._readable else {}
        )
        self._limit, self._seen = limit, 0
        self._whole = False
        self._first = b""
        self.settled = not self._readable

    def feed(self, piece: bytes, only: bool = False) -> None:
        """More of the body; `only`: this piece is all of it. Raises BadRequest for one that says a wanted value twice."""
        for kind, each in self._scanners.items():
            if only:
                each.whole(piece)
            else:
                each.feed(piece)
            self._refuse_ambiguous(kind, each)
        self._seen += len(piece)
        self._first = self._first or piece.lstrip()[:1]
        self._whole = only
        known = all(each.settled or each.broken for each in self._scanners.values())
        self.settled = self.settled or only or known or self._seen >= self._limit

    def end(self) -> None:
        """The body is over."""
        over, self._whole = self._whole, True
        self.settled = True
        if not over:
            for kind, each in self._scanners.items():
                each.end()
                self._refuse_ambiguous(kind, each)

    @property
    def values(self) -> Values | None:
        """(kind, name) → value; None for a value that isn't there."""
        if not self._readable:
            return None
        found: dict[tuple[str, str], str | None] = {
            (kind, name): None for kind, names in self._wanted.items() for name in names
        }
        if self._whole and not self._seen:
            return found
        for kind, each in self._scanners.items():
            if _is_meant(kind, self._media) and (each.broken or self._is_batch(kind)):
                return None
            if not each.broken:
                if not each.settled and not self._whole:
                    return None
                found.update({(kind, name): value for name, value in each.values.items()})
        return found

    def _is_batch(self, kind: Kind) -> bool:
        """Several calls in one JSON array: which they are isn't looked into."""
        return kind == "json" and self._first == b"[" and not any(n[:1].isdigit() for n in self._wanted[kind])

    def _refuse_ambiguous(self, kind: Kind, scanner: Peek) -> None:
        if scanner.ambiguous and (_is_meant(kind, self._media) or not scanner.broken):
            names = ", ".join(sorted(self._wanted[kind]))
            raise BadRequest(
                f"the body names one of {names} twice, and servers differ in which one they obey"
            )


def _is_meant(kind: Kind, media: str) -> bool:
    """Whether a body of this media type should be of this kind: the type says so, or says nothing."""
    return MARKS[kind] in media or not media
