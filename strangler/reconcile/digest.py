"""Hashes of rows as SQL. The same texts give the same bytes, and the same hash, in every dialect.

What is hashed is described in `strangler.mapping.digest`, which gives SQLite the functions that it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from strangler.errors import StranglerError
from strangler.mapping.dialects.mysql_casts import joining
from strangler.mapping.digest import CHECKSUM, HASH, MOST_FIELDS, PLAIN, TEXT, layout, parts
from strangler.shapes import FieldType


class Digest(NamedTuple):
    """One dialect's SQL, for a layout and the texts: `hash` of them as a signed 64-bit integer, `checksum` the sum of it over all
    rows as text. `text` is the type that writes out a hash."""

    hash: Callable[[str, Sequence[str]], str]
    checksum: Callable[[str, Sequence[str]], str]
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


def row_hash(dialect: str, texts: Sequence[str], types: Sequence[FieldType]) -> str:
    """SQL: the hash of a row whose canonical texts are the expressions `texts`, of values of these types."""
    return digest(dialect).hash(*_narrowed(dialect, texts, types))


def checksum(dialect: str, texts: Sequence[str], types: Sequence[FieldType]) -> str:
    """SQL aggregate: the sum of the rows' hashes, as text; it can't overflow."""
    return digest(dialect).checksum(*_narrowed(dialect, texts, types))


def _narrowed(dialect: str, texts: Sequence[str], types: Sequence[FieldType]) -> tuple[str, Sequence[str]]:
    form = layout(types)
    known = digest(dialect)
    while len(texts) > MOST_FIELDS:
        hashes = [known.hash(form[part], texts[part]) for part in parts(len(texts))]
        texts = [f"CAST({each} AS {known.text})" for each in hashes]
        form = PLAIN * len(texts)
    return form, texts


def _written(form: str, texts: Sequence[str], length: str, comma: str = "','") -> str:
    """The row as one text; `length` is that of the text `{0}` as a text, `comma` what stands between."""
    fields = list(zip(form, texts, strict=True))
    lengths = [f"COALESCE({length.format(text)}, '-')" for kind, text in fields if kind == TEXT]
    values = [f"COALESCE({text}, '{'' if kind == TEXT else '-'}')" for kind, text in fields]
    return f"concat_ws({comma}, {', '.join(lengths + values)})"


def _postgres_hash(form: str, texts: Sequence[str]) -> str:
    written = _written(form, texts, "CAST(char_length({0}) AS text)")
    # In UTF-8 whatever the database's own encoding is; 64 bits of hex read as an integer.
    first = f"encode(substr(sha256(convert_to({written}, 'UTF8')), 1, 8), 'hex')"
    return f"('x' || {first})::bit(64)::bigint"


def _mysql_hash(form: str, texts: Sequence[str]) -> str:
    written = _written(form, texts, "CHAR_LENGTH({0})", joining(","))
    return f"CAST(CONV(LEFT(SHA2({written}, 256), 16), 16, -10) AS SIGNED)"


def _sqlite(function: str) -> Callable[[str, Sequence[str]], str]:
    return lambda form, texts: f"{function}('{form}', {', '.join(texts)})"


_DIGESTS: Final = {
    "postgres": Digest(
        hash=_postgres_hash,
        # PostgreSQL's sum of bigint is numeric.
        checksum=lambda form, texts: f"CAST(sum({_postgres_hash(form, texts)}) AS TEXT)",
    ),
    "sqlite": Digest(hash=_sqlite(HASH), checksum=_sqlite(CHECKSUM)),
    "mysql": Digest(
        hash=_mysql_hash,
        # MySQL's sum of BIGINT is DECIMAL.
        checksum=lambda form, texts: f"CAST(SUM({_mysql_hash(form, texts)}) AS CHAR)",
        text="CHAR",
    ),
}
