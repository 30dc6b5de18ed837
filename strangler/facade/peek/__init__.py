"""Peek: values out of a body that comes in pieces, in constant memory: JSON, a form, XML.

Some ERPs send every call to one URL and name the function in the body, before or after megabytes of attachment. A
scanner follows the body only where a wanted name leads. It goes on while the body streams through, since a second
`"method"` behind the part that routing looked at would make the server obey another call than the one that was
routed; such a body is `ambiguous` and must not arrive whole.

None is a validator: what is broken here is broken for the server too.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal, Protocol

from strangler.facade.peek.form import FormScanner
from strangler.facade.peek.json import Scanner
from strangler.facade.peek.xml import XmlScanner

Kind = Literal["json", "form", "xml"]


class Peek(Protocol):
    """One body being looked at. Belongs to one thread."""

    values: dict[str, str | None]
    """What was found so far: None for what is there but no plain value, or too long to match anything."""
    broken: bool
    """It is no document of its kind."""
    ambiguous: bool
    """It says a wanted value twice, or so that servers differ in how they read it."""

    @property
    def settled(self) -> bool:
        """Every wanted value was found; what follows can only make it ambiguous."""
        ...

    def feed(self, data: bytes) -> None:
        """The next piece, of any size."""
        ...

    def end(self) -> None:
        """The body is over."""
        ...

    def whole(self, body: bytes) -> None:
        """All of it at once, instead of `feed` and `end`, with the same outcome: quicker where the kind has a quick way."""
        ...


_SCANNERS: Final[dict[Kind, type[Scanner] | type[FormScanner] | type[XmlScanner]]] = {
    "json": Scanner,
    "form": FormScanner,
    "xml": XmlScanner,
}


def scanner(kind: Kind, names: Collection[str]) -> Peek:
    """A scanner for the wanted names. A frozenset of them is compiled once, however often it comes.

    | kind | a name is | example |
    | --- | --- | --- |
    | json | a dotted path of keys and indexes from the root | `params.0.model` |
    | form | a field of an urlencoded form | `action` |
    | xml | a dotted path of local names from the root; `*` is any element, at the end the first one's name | `Envelope.Body.*` |
    """
    return _SCANNERS[kind](names)
