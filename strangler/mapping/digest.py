"""The hash of a row in Python: byte for byte what `strangler.reconcile.digest` writes as SQL for PostgreSQL and MySQL.

SQLite has neither hashes nor sums beyond 63 bits, so its connections get both from here, together with the other
functions of the mapping.

A row is written as its canonical texts with commas between them, behind the lengths of those that may hold anything:
`(7, "O'Neil, Ann", NULL, 12.5)` is `11,-,7,O'Neil, Ann,,12.5`. So nothing runs together, nothing has to be escaped, which
databases are slow at, and NULL (`-`) is neither the empty text nor any other. The hash is the first 64 bits of the
SHA-256 of that text in UTF-8, as a signed integer: MariaDB takes several times as long for an MD5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from strangler.shapes import FieldType

HASH: Final = "strangler_hash"
"""The SQL function: `strangler_hash('tp', a, b)` is the hash of a row of two texts in that layout."""

CHECKSUM: Final = "strangler_checksum"
"""The SQL aggregate: the sum of the hashes of all rows, as text, since it outgrows 63 bits."""

TEXT, PLAIN = "t", "p"
"""In a layout: a text that may hold anything, and one without commas. A layout has a letter for each text of a row."""

MOST_FIELDS: Final = 45
"""Hashed at once: PostgreSQL takes 100 arguments of a function, SQLite 127, and a text needs two. A wider row is hashed in parts,
then the hashes of the parts."""

_ANYTHING: Final = (FieldType.TEXT, FieldType.JSON)


def layout(types: Iterable[FieldType]) -> str:
    """The layout of a row whose values have these types."""
    return "".join(TEXT if kind in _ANYTHING else PLAIN for kind in types)


def row_hash(layout: str, texts: Sequence[str | None]) -> int:
    """The hash of a row, given as the canonical texts of its values."""
    while len(texts) > MOST_FIELDS:
        texts = [str(_hash(layout[part], texts[part])) for part in parts(len(texts))]
        layout = PLAIN * len(texts)
    return _hash(layout, texts)


def parts(fields: int) -> list[slice]:
    """The parts in which a row of so many fields is hashed."""
    return [slice(start, start + MOST_FIELDS) for start in range(0, fields, MOST_FIELDS)]


def _hash(layout: str, texts: Sequence[str | None]) -> int:
    written = _written(layout, texts).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(written).digest()[:8], "big", signed=True)


def _written(layout: str, texts: Sequence[str | None]) -> str:
    lengths: list[str] = []
    values: list[str] = []
    for kind, text in zip(layout, texts, strict=True):
        if kind == TEXT:
            text = None if text is None else str(text)
            lengths.append("-" if text is None else str(len(text)))
            values.append(text or "")
        else:
            values.append("-" if text is None else _plain(str(text)))
    return ",".join(lengths + values)


def _plain(text: str) -> str:
    """SQLite keeps anything in any column: what could be read otherwise has to differ from all that is right, no more."""
    odd = "," in text or text == "-" or text.startswith('"')
    return f'"{text.encode("utf-8", "surrogatepass").hex()}' if odd else text


class Checksum:
    """The aggregate: one sum over the hashes of all rows, however large it grows."""

    def __init__(self) -> None:
        self.total = 0

    def step(self, layout: str, *texts: str | None) -> None:
        self.total += row_hash(layout, texts)

    def finalize(self) -> str:
        return str(self.total)


class Connection(Protocol):
    """What is asked of a connection: `sqlite3.Connection` has it."""

    def create_function(self, name: str, narg: int, func: Any, /, *, deterministic: bool = False) -> None: ...
    def create_aggregate(self, name: str, n_arg: int, aggregate_class: Any, /) -> None: ...


def register(connection: Connection) -> None:
    """Make both known to a connection."""
    connection.create_function(HASH, -1, lambda layout, *texts: row_hash(layout, texts), deterministic=True)
    connection.create_aggregate(CHECKSUM, -1, Checksum)
