"""Details: what Debezium goes by and the described table doesn't tell.

PostgreSQL: what stands behind types of the user's own. Debezium writes a domain as its base type, an enum as text, and everything
else that it doesn't know as the bytes of its text. MySQL and MariaDB: whether a column that holds a zero date, which reads as NULL, is
declared NOT NULL. Only then does Debezium write the epoch for it.
"""

from __future__ import annotations

from typing import Final

from strangler_connectors.databases import Database, Place
from strangler_connectors.debezium.writing import BINLOG

_BASES: Final = """
WITH RECURSIVE base AS (
    SELECT a.attname, a.atttypid AS type, a.atttypmod AS modifier, t.typtype <> 'b' AS own
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_type t ON t.oid = a.atttypid
    WHERE n.nspname = :schema AND c.relname = :name AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT b.attname, t.typbasetype, t.typtypmod, b.own FROM base b JOIN pg_type t ON t.oid = b.type AND t.typtype = 'd'
)
SELECT b.attname, CASE
    WHEN t.typtype = 'e' THEN 'text'
    WHEN t.typtype <> 'b' AND t.oid >= 16384 THEN 'record'
    ELSE format_type(b.type, b.modifier) END
FROM base b JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd'
WHERE b.own
"""


_FILLED: Final = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = :schema AND table_name = :name AND is_nullable = 'NO' AND data_type IN ('date', 'datetime', 'timestamp')
"""


def bases(database: Database, place: Place) -> dict[str, str]:
    """Column → declared type as `values.Reading.bases` has it, for columns whose type isn't one of PostgreSQL's own."""
    if database.kind != "postgresql":
        return {}
    found = database.execute(_BASES, schema=place.schema, name=place.name)
    return {str(column): str(type) for column, type in found}


def filled(database: Database, place: Place) -> frozenset[str]:
    """The columns of `values.Reading.filled`."""
    if database.kind not in BINLOG:
        return frozenset()
    return frozenset(
        str(column) for (column,) in database.execute(_FILLED, schema=place.schema, name=place.name)
    )
