"""The hash of a row in Python: byte for byte what `strangler.reconcile.digest` writes as SQL for PostgreSQL.

SQLite has neither md5 nor sums beyond 63 bits, so its connections get both from here, together with the other
functions of the mapping.

A row is written as SQL literals of its canonical texts with commas between them: `'7','O''Neil',NULL`. So nothing
runs together, and NULL is neither the empty string nor the text NULL. The hash is the first 64 bits of the md5 of
that text in UTF-8, as a signed integer.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, Protocol

HASH: Final = "strangler_hash"
"""The SQL function: `strangler_hash(a, b)` is the hash of a row of two texts."""

CHECKSUM: Final = "strangler_checksum"
"""The SQL aggregate: the sum of the hashes of all rows, as text, since it outgrows 63 bits."""


def row_hash(*texts: str | None) -> int:
    """The hash of a row, given as the canonical texts of its values."""
    literals = ",".join([_literal(text) for text in texts])
    digest = hashlib.md5(literals.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


class Checksum:
    """The aggregate: one sum over the hashes of all rows, however large it grows."""

    def __init__(self) -> None:
        self.total = 0

    def step(self, *texts: str | None) -> None:
        self.total += row_hash(*texts)

    def finalize(self) -> str:
        return str(self.total)


class Connection(Protocol):
    """What is asked of a connection: `sqlite3.Connection` has it."""

    def create_function(self, name: str, narg: int, func: Any, /, *, deterministic: bool = False) -> None: ...
    def create_aggregate(self, name: str, n_arg: int, aggregate_class: Any, /) -> None: ...


def register(connection: Connection) -> None:
    """Make both known to a connection."""
    connection.create_function(HASH, -1, row_hash, deterministic=True)
    connection.create_aggregate(CHECKSUM, -1, Checksum)


def _literal(text: str | None) -> str:
    """As PostgreSQL's `quote_nullable` has it."""
    if text is None:
        return "NULL"
    text = str(text)  # SQLite keeps anything in any column; what isn't text just has to differ.
    if "\\" in text:
        return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    return "'" + text.replace("'", "''") + "'"
