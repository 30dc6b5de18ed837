"""Hashes of rows as SQL. The same texts give the same bytes, and the same hash, in every dialect.

What is hashed is described in `strangler.mapping.digest`, which gives SQLite the functions that it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from strangler.errors import StranglerError
from strangler.mapping.dialects.mysql_casts import quoted_text
from strangler.mapping.digest import CHECKSUM, HASH

MOST_ARGUMENTS: Final = 90
"""Of one SQL function: PostgreSQL takes 100, SQLite 127, MySQL any number. A wider row is hashed in parts, then the hashes of the parts."""


class Digest(NamedTuple):
    """One dialect's SQL: `hash` of some texts as a signed 64-bit integer, `checksum` the sum of it over the rows for which a
    condition holds (None: all), as text.
    `text` is the type that writes out a hash."""

    hash: Callable[[Sequence[str]], str]
    checksum: Callable[[Sequence[str], str | None], str]
    text: str = "TEXT"


def digest(dialect: str) -> Digest:
    """The SQL of a dialect. Raises StranglerError for one that can't hash."""
    try:
        return _DIGESTS[dialect]
    except KeyError:
        raise StranglerError(
            f"a database with dialect {dialect!r} can't be reconciled",
            why=f"hashes are known for {', '.join(_DIGESTS)}",
        ) from None


def row_hash(dialect: str, texts: Sequence[str]) -> str:
    """SQL: the hash of a row whose canonical texts are the expressions `texts`."""
    return digest(dialect).hash(_narrowed(dialect, texts))


def checksum(dialect: str, texts: Sequence[str], condition: str | None = None) -> str:
    """SQL aggregate: the sum of the hashes of the rows for which a condition holds (None: all), as text; it can't overflow."""
    return digest(dialect).checksum(_narrowed(dialect, texts), condition)


def _narrowed(dialect: str, texts: Sequence[str]) -> Sequence[str]:
    while len(texts) > MOST_ARGUMENTS:
        parts = (texts[start : start + MOST_ARGUMENTS] for start in range(0, len(texts), MOST_ARGUMENTS))
        texts = [f"CAST({digest(dialect).hash(part)} AS {digest(dialect).text})" for part in parts]
    return texts


def _postgres_hash(texts: Sequence[str]) -> str:
    literals = ", ".join(f"quote_nullable({text})" for text in texts)
    # In UTF-8 whatever the database's own encoding is; 64 bits of hex read as an integer.
    return f"('x' || left(md5(convert_to(concat_ws(',', {literals}), 'UTF8')), 16))::bit(64)::bigint"


def _mysql_hash(texts: Sequence[str]) -> str:
    literals = ", ".join(map(_mysql_literal, texts))
    return f"CAST(CONV(LEFT(MD5(CONCAT_WS(',', {literals})), 16), 16, -10) AS SIGNED)"


def _mysql_literal(text: str) -> str:
    """As PostgreSQL's `quote_nullable` has it; MySQL's QUOTE escapes otherwise."""
    backslash, two, quote, quotes = map(quoted_text, ("\\", "\\\\", "'", "''"))
    escaped = f"REPLACE(REPLACE({text}, {backslash}, {two}), {quote}, {quotes})"
    prefix = f"IF(INSTR({text}, {backslash}) > 0, 'E', '')"
    return f"COALESCE(CONCAT({prefix}, {quote}, {escaped}, {quote}), 'NULL')"


def _only(condition: str | None, value: str) -> str:
    return value if condition is None else f"CASE WHEN {condition} THEN {value} END"


_DIGESTS: Final = {
    "postgres": Digest(
        hash=_postgres_hash,
        # PostgreSQL's sum of bigint is numeric.
        checksum=lambda texts, only: f"CAST(sum({_only(only, _postgres_hash(texts))}) AS TEXT)",
    ),
    "sqlite": Digest(
        hash=lambda texts: f"{HASH}({', '.join(texts)})",
        checksum=lambda texts, only: (
            f"{CHECKSUM}({', '.join(texts)})" + (f" FILTER (WHERE {only})" if only else "")
        ),
    ),
    "mysql": Digest(
        hash=_mysql_hash,
        # MySQL's sum of BIGINT is DECIMAL.
        checksum=lambda texts, only: f"CAST(SUM({_only(only, _mysql_hash(texts))}) AS CHAR)",
        text="CHAR",
    ),
}
