"""The rest: legacy rows that the database doesn't translate, translated here, one by one, as the stream would.

They come as `Select.rest_sql` selects them: single rows where the mapping was compiled to the database's dialect, else all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from strangler.errors import Untranslatable
from strangler.mapping.entity import EntityMapping


class Translated(NamedTuple):
    """A legacy row as the stream brings it, and field → canonical value, or why there are none."""

    row: dict[str, Any]
    data: dict[str, Any]
    fault: Untranslatable | None


def translated(mapping: EntityMapping, dialect: str, rows: Iterable[Sequence[Any]]) -> Iterator[Translated]:
    """Translate the rows of the mapping's `rest_sql`, as a database of the dialect gave them; those that are the entity's."""
    for values in rows:
        row = mapping.legacy_row(dialect, values)
        try:
            if mapping.belongs is None or mapping.belongs(row):
                yield Translated(row, mapping.translate(row), None)
        except Untranslatable as error:
            yield Translated(row, {}, error)
