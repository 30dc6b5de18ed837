"""The catalog: which tables there are, their columns and keys, and whether their changes can be captured.

Names are compared as they stand: `sale_line-account_tax` and `Order` need no quotes in the configuration. A name
without a schema is looked for on the connection's search path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection, sql

from strangler.shapes import Column, Table
from strangler_connectors.postgres.values import field_type

# A table's own rows and those of its descendants: a SELECT from a table sees both, so capture must.
_TABLES: Final = """
WITH RECURSIVE asked AS (
    SELECT DISTINCT ON (a.name) a.name, c.oid
    FROM unnest(%s::text[]) AS a(name)
    JOIN pg_class c ON c.relkind IN ('r', 'p')
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE (c.relname = a.name AND pg_table_is_visible(c.oid)) OR n.nspname || '.' || c.relname = a.name
    ORDER BY a.name, c.relname = a.name DESC
), family AS (
    SELECT name, oid, oid AS root FROM asked
    UNION ALL
    SELECT f.name, i.inhrelid, f.root
    FROM family f JOIN pg_inherits i ON i.inhparent = f.oid
    JOIN pg_class p ON p.oid = i.inhparent AND p.relkind = 'r'
)
SELECT f.name, f.oid, n.nspname, c.relname, f.oid = f.root, c.relreplident, c.relpersistence,
    has_table_privilege(c.oid, 'SELECT'),
    pg_has_role(c.relowner, 'USAGE'),
    pg_get_userbyid(c.relowner)
FROM family f JOIN pg_class c ON c.oid = f.oid JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY f.name, f.oid <> f.root, f.oid
"""

_COLUMNS: Final = """
WITH RECURSIVE base AS (
    SELECT oid AS domain, oid, typbasetype FROM pg_type
    WHERE oid IN (SELECT atttypid FROM pg_attribute WHERE attrelid = ANY(%(oids)s) AND attnum > 0)
    UNION ALL
    SELECT b.domain, t.oid, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.typbasetype
)
SELECT a.attrelid, a.attname, a.attnotnull, format_type(a.atttypid, a.atttypmod), b.oid, a.attgenerated,
    a.atthasdef OR a.attidentity <> ''
FROM pg_attribute a JOIN base b ON b.domain = a.atttypid AND b.typbasetype = 0
WHERE a.attrelid = ANY(%(oids)s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

_INDEXES: Final = """
SELECT i.indrelid, c.relname, i.indisprimary, i.indisreplident,
    (SELECT array_agg(a.attname::text ORDER BY k.n)
     FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
     WHERE k.n <= i.indnkeyatts),
    (SELECT bool_and(a.attnotnull)
     FROM unnest(i.indkey::int2[]) AS k(attnum)
     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY(%s) AND i.indisunique AND i.indisvalid AND i.indimmediate
    AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY i.indrelid, NOT i.indisprimary, c.relname
"""

_DOMAINS: Final = """
WITH RECURSIVE base AS (
    SELECT oid AS domain, typbasetype AS oid FROM pg_type WHERE typtype = 'd'
    UNION ALL
    SELECT b.domain, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.oid AND t.typtype = 'd'
)
SELECT b.domain, b.oid FROM base b JOIN pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
"""


@dataclass(frozen=True, slots=True)
class Index:
    """A unique index that could identify rows. `total`: none of its columns may be NULL."""

    name: str
    primary: bool
    identity: bool
    columns: tuple[str, ...]
    total: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """A table as the catalog has it. `asked` is the configured name; a descendant by inheritance has its parent's
    there and `root` False. `identity` is pg_class.relreplident: d(efault), i(ndex), f(ull), n(othing)."""

    asked: str
    oid: int
    schema: str
    name: str
    root: bool
    identity: str
    persistence: str
    readable: bool
    owned: bool
    owner: str
    columns: tuple[Column, ...]
    generated: frozenset[str]
    indexes: tuple[Index, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """The primary key; without one the columns of the index that is the replica identity; else nothing."""
        primary = next((index.columns for index in self.indexes if index.primary), ())
        return primary or next((index.columns for index in self.indexes if index.identity), ())

    @property
    def identity_columns(self) -> tuple[str, ...]:
        """The columns that a delete carries."""
        if self.identity == "f":
            return tuple(column.name for column in self.columns)
        chosen = {"d": "primary", "i": "identity"}.get(self.identity)
        return next((i.columns for i in self.indexes if chosen and getattr(i, chosen)), ())

    @property
    def quoted(self) -> str:
        """The name as SQL, schema included."""
        return sql.Identifier(self.schema, self.name).as_string()

    def table(self) -> Table:
        removal = None if self.identity == "f" else self.identity_columns
        return Table(
            self.asked, self.columns, self.key, removal, f"ALTER TABLE {self.quoted} REPLICA IDENTITY FULL"
        )


def relations(connection: Connection[Any], tables: Sequence[str]) -> list[Relation]:
    """The asked tables that exist, each followed by its descendants."""
    found = connection.execute(_TABLES, [list(tables)]).fetchall()
    oids = [row[1] for row in found]
    columns: dict[int, list[Column]] = {oid: [] for oid in oids}
    generated: dict[int, set[str]] = {oid: set() for oid in oids}
    for oid, name, notnull, declared, base, how, default in connection.execute(_COLUMNS, {"oids": oids}):
        columns[oid].append(Column(name, field_type(base), not notnull, declared, default))
        if how:
            generated[oid].add(name)
    indexes: dict[int, list[Index]] = {oid: [] for oid in oids}
    for oid, name, primary, identity, names, total in connection.execute(_INDEXES, [oids]):
        indexes[oid].append(Index(name, primary, identity, tuple(names), total))
    details = {oid: (tuple(columns[oid]), frozenset(generated[oid]), tuple(indexes[oid])) for oid in oids}
    return [Relation(*(*row, *details[row[1]])) for row in found]


def domains(connection: Connection[Any]) -> dict[int, int]:
    """The oid of each domain → that of its base type."""
    return dict(connection.execute(_DOMAINS).fetchall())
