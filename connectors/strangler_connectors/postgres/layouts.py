"""Layouts: how a table lies on the wire, as the catalog has it now and as the stream announces it.

Where the two differ, or two announcements of one table do, the ERP has altered it in between. A stream that is opened
knows the catalog's layout from the beginning, so that an alteration just after that isn't taken for how it always was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final, NamedTuple

from psycopg import Connection

from strangler.shapes import FieldType
from strangler_connectors.postgres.catalog import Relation
from strangler_connectors.postgres.values import converted

# A column that was added later, with a default, has that in all rows from before, and no row is written for it.
_LAYOUTS: Final = """
SELECT attrelid::bigint, attname::text, atttypid::bigint, atttypmod,
    CASE WHEN atthasmissing THEN (attmissingval::text::text[])[1] END
FROM pg_attribute
WHERE attrelid = ANY(%s) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attrelid, attnum
"""

_COUNT: Final = Struct(">H")
_COLUMN: Final = Struct(">Ii")


class LaidColumn(NamedTuple):
    """A column on the wire: the oid of its type and its modifier (length, precision); `identity`: part of the replica identity."""

    name: str
    type: int
    modifier: int
    identity: bool


class Layout(NamedTuple):
    """A table on the wire. `identity` is pg_class.relreplident: d(efault), i(ndex), f(ull), n(othing)."""

    schema: str
    name: str
    identity: str
    columns: tuple[LaidColumn, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A captured table: its name in the configuration, the columns that were asked for (key included), the types that those of
    them have that are there now, how it lies now, and what rows have in columns that were added after them."""

    table: str
    columns: frozenset[str]
    types: Mapping[str, FieldType]
    layout: Layout
    absent: Mapping[str, Any]


def wanted(
    connection: Connection[Any], found: Sequence[Relation], asked: Mapping[str, Collection[str]]
) -> dict[int, Wanted]:
    """Oid → what is wanted of each of the relations found; `asked`: table as configured → columns."""
    rows: dict[int, list[tuple[str, int, int, str | None]]] = {relation.oid: [] for relation in found}
    for oid, *column in connection.execute(_LAYOUTS, [list(rows)]):
        rows[oid].append((column[0], column[1], column[2], column[3]))
    keys = {relation.asked: relation.key for relation in found if relation.root}
    return {
        relation.oid: _wanted(relation, rows[relation.oid], {*asked[relation.asked], *keys[relation.asked]})
        for relation in found
    }


def _wanted(
    relation: Relation, rows: Sequence[tuple[str, int, int, str | None]], names: Collection[str]
) -> Wanted:
    identity = set(relation.identity_columns)
    laid = tuple(LaidColumn(name, oid, modifier, name in identity) for name, oid, modifier, _ in rows)
    types = {column.name: column.type for column in relation.columns if column.name in names}
    return Wanted(
        relation.asked,
        frozenset(names),
        types,
        Layout(relation.schema, relation.name, relation.identity, laid),
        {name: converted(types[name], missing) for name, _, _, missing in rows if name in types},
    )


def announced(message: bytes, offset: int) -> Layout:
    """The layout in a Relation message whose names begin at `offset`."""
    schema, offset = _string(message, offset)
    name, offset = _string(message, offset)
    identity = chr(message[offset])
    (count,) = _COUNT.unpack_from(message, offset + 1)
    offset += 3
    columns = []
    for _ in range(count):
        is_identity = message[offset] & 1 == 1
        column, offset = _string(message, offset + 1)
        type, modifier = _COLUMN.unpack_from(message, offset)
        columns.append(LaidColumn(column, type, modifier, is_identity))
        offset += _COLUMN.size
    return Layout(schema or "pg_catalog", name, identity, tuple(columns))


def _string(message: bytes, offset: int) -> tuple[str, int]:
    end = message.index(0, offset)
    return message[offset:end].decode(), end + 1
