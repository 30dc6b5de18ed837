"""Begun: whether the answer to a write tells that a document was begun, and its key.

Read as the answer passes, from the Location header or from a value in its JSON body. A call that named its document is about one that is
there already, unless the answer is 201 Created.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from strangler.facade.peek import Peek, scanner
from strangler.settings import Created

CREATED: Final = 201
LIMIT: Final = 65536
"""Bytes of an answer in which its key is looked for."""


class Begun:
    """One answer. Tell it the head, then the pieces of its body."""

    __slots__ = ("_asked_for", "_found", "_peek", "_section", "_seen", "_status")

    def __init__(self, section: Created, asked_for: str | None) -> None:
        self._section, self._asked_for = section, asked_for
        self._status = self._seen = 0
        self._found: str | None = None
        self._peek: Peek | None = None

    def head(self, status: int, location: str | None, encoding: str | None) -> None:
        """The answer's status, its Location and its Content-Encoding."""
        self._status = status
        if not self._tells:
            return
        if self._section.location is not None:
            self._found = within(self._section.location, location) if location else None
        elif self._section.json_body is not None and (encoding or "identity") == "identity":
            self._peek = scanner("json", frozenset((self._section.json_body,)))

    def piece(self, piece: bytes) -> None:
        if self._peek is not None and self._seen < LIMIT:
            self._seen += len(piece)
            self._peek.feed(piece)

    def key(self) -> str | None:
        """The key of the document that was begun; None when none was, or the answer doesn't tell."""
        if not self._tells:
            return None
        if self._peek is not None and self._section.json_body is not None:
            self._peek.end()
            self._found = self._peek.values.get(self._section.json_body)
        return self._found or self._asked_for

    @property
    def _tells(self) -> bool:
        begun = self._status == CREATED or self._asked_for is None
        return 200 <= self._status < 400 and begun


def within(template: str, location: str) -> str | None:
    """The parameter of `/orders/{id}` or `/card.php?id={id}` in a Location; None where it doesn't fit."""
    path, _, query = template.partition("?")
    try:
        told = urlsplit(location)
    except ValueError:  # `http://[bad`
        return None
    found: str | None = None
    steps, parts = path.strip("/").split("/"), told.path.strip("/").split("/")
    if len(steps) != len(parts):
        return None
    for step, part in zip(steps, parts, strict=True):
        if step.startswith("{"):
            found = unquote(part)
        elif step != unquote(part):
            return None
    if query:
        name = query.partition("=")[0]
        found = next((value for key, value in parse_qsl(told.query) if key == name), None)
    return found
