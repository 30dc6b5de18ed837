"""Keyed rows: the SQL that finds the rows behind a few keys, of a legacy table seen through the mapping or of a store's.

The conditions may hold for more rows than asked for, never for fewer: a composite key is looked for column by column, and a
collation may take different texts for equal. Who reads compares the keys again. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from strangler.events import decode_key
from strangler.mapping import sql
from strangler.mapping.canonical import text_of
from strangler.mapping.dialects import DIALECTS
from strangler.mapping.entity import EntityMapping
from strangler.mapping.nodes import Literal
from strangler.shapes import FieldType

AT_ONCE: Final = 500
"""Keys in one statement: Oracle takes 1,000 values in a list."""


def legacy_rows(
    mapping: EntityMapping, dialect: str, names: Sequence[str], keys: Collection[str]
) -> Iterator[str]:
    """Statements for the legacy rows whose fields `names` may make one of these keys, and for all that can't be told from there. They
    select the columns of `EntityMapping.columns`, as `Select.rest_sql` does."""
    select = mapping.select(dialect)
    if select.number is not None and tuple(names) == mapping.shape.key:
        for some in parts(keys):
            where = _numbered(select.number, some)
            yield from filter(None, (select.taken_sql(where), select.rest_sql(where)))
        return
    if select.pushed is not None:
        texts = dict(zip((field.name for field in mapping.shape.fields), select.pushed.texts, strict=True))
        for some in parts(keys):
            yield from filter(None, [select.taken_sql(among(dialect, [texts[name] for name in names], some))])
    yield from filter(None, [select.rest_sql()])


def among(dialect: str, texts: Sequence[str], keys: Collection[str]) -> str:
    """The condition that expressions of canonical texts, one for each field of a key, may make one of the keys."""
    columns = zip(*(map(text_of, decode_key(key)) for key in keys), strict=True)
    found = sql.all_of(
        *(f"{text} IN ({_listed(dialect, column)})" for text, column in zip(texts, columns, strict=True))
    )
    assert found is not None, "a key has fields"
    return found


def _numbered(column: str, keys: Collection[str]) -> str:
    """A key that is no number, which a store may hold, is behind no row."""
    numbers = [str(value) for (value,) in map(decode_key, keys) if isinstance(value, int)]
    return f"{column} IN ({', '.join(numbers) or 'NULL'})"


def _listed(dialect: str, texts: Sequence[str | None]) -> str:
    writer = DIALECTS[dialect]
    different = dict.fromkeys(text for text in texts if text is not None)
    return ", ".join(writer.literal(Literal(text, FieldType.TEXT)) for text in different)


def parts(keys: Collection[str]) -> Iterator[list[str]]:
    """Keys as many at a time as one statement takes."""
    listed = sorted(keys)
    return (listed[start : start + AT_ONCE] for start in range(0, len(listed), AT_ONCE))
