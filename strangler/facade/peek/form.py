"""Form: the fields of an urlencoded form (`application/x-www-form-urlencoded`).

Servers read forms in more ways than one: PHP takes ` action`, `action[]` and `action\\0x` for `action`, and for `order_id` also
`order.id`; some part fields at `;` too. A body that hides a wanted field behind one of these is `ambiguous`, like one that says
it twice.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

FIELD_LIMIT: Final = 4096
"""Longest wanted field, in bytes as it is sent; a longer one matches nothing. No honest name alone is so long."""


@lru_cache(maxsize=1024)
def _wanted(names: frozenset[str]) -> dict[bytes, str]:
    return {name.encode("utf-8", "surrogateescape"): name for name in names}


class FormScanner:
    """Feed it the form piece by piece. `values` holds the fields that were found; None for a value that is no text or too long."""

    __slots__ = ("_after", "_held", "_skipping", "_wanted", "ambiguous", "values")

    broken = False
    """Any bytes are a form, if only one with an odd name."""

    def __init__(self, names: Collection[str]) -> None:
        self._wanted = _wanted(names if isinstance(names, frozenset) else frozenset(names))
        self.values: dict[str, str | None] = {}
        self.ambiguous = False
        self._held = b""  # the field that may go on in the next piece
        self._skipping = False  # past the limit of a field whose rest says nothing
        self._after = False  # the last field was a wanted one

    @property
    def settled(self) -> bool:
        """Every wanted field was found; what follows can only make it ambiguous."""
        return len(self.values) == len(self._wanted)

    def feed(self, data: bytes) -> None:
        # A field behind `;` begins with it, one behind `&` doesn't: that is how `_field` tells them apart.
        fields = (self._held + data.replace(b";", b"&;")).split(b"&")
        self._held = fields.pop()
        for field in fields:
            self._field(field)
        if len(self._held) > FIELD_LIMIT:
            self._shorten()

    def end(self) -> None:
        """The form is over."""
        held, self._held = self._held, b""
        self._field(held)

    def whole(self, body: bytes) -> None:
        """The form, whole."""
        self.feed(body)
        self.end()

    def _shorten(self) -> None:
        """Of a field that is longer than any wanted one only its name counts."""
        held, self._held = self._held, b""
        self._field(held)
        self._skipping = True

    def _field(self, field: bytes) -> None:
        if self._skipping:
            self._skipping = False
            return
        doubtful = field.startswith(b";")
        if doubtful and self._after:
            self.ambiguous = True
        name, _, value = field[doubtful:].partition(b"=")
        self._after = False
        if len(name) >= FIELD_LIMIT:
            self.ambiguous = True
            return
        if not name.isalnum():
            name, doubtful = self._read(name, doubtful)
        if name in self._wanted:
            self._after = True
            self._note(self._wanted[name], value if len(field) <= FIELD_LIMIT else None, doubtful)

    def _read(self, name: bytes, doubtful: bool) -> tuple[bytes, bool]:
        """The name decoded; a wanted one that only some servers see in it, and that it is doubtful."""
        name = unquote_to_bytes(name.replace(b"+", b" "))
        if name in self._wanted:
            return name, doubtful
        base = name.lstrip(b" ").partition(b"\0")[0].partition(b"[")[0]
        for reading in (base, base.replace(b".", b"_").replace(b" ", b"_")):
            if reading in self._wanted:
                return reading, True
        return name, doubtful

    def _note(self, name: str, value: bytes | None, doubtful: bool) -> None:
        if doubtful or name in self.values:
            self.ambiguous = True
        self.values.setdefault(name, None if value is None else _decoded(value))


def _decoded(value: bytes) -> str | None:
    try:
        return unquote_to_bytes(value.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        return None
