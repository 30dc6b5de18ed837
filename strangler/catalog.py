"""The catalog of a legacy database: which tables there are, to suggest the one that was meant and to choose from."""

from __future__ import annotations

from typing import Final, NamedTuple

from strangler.names import nearest
from strangler.ports import SqlSide


class Listed(NamedTuple):
    """A table as the configuration would write it, and about how many rows it has (None: nobody counted yet)."""

    name: str
    rows: int | None


_POSTGRES: Final = """
SELECT CASE WHEN n.nspname = 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END,
       CASE WHEN c.reltuples < 0 THEN NULL ELSE CAST(c.reltuples AS bigint) END
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  AND has_table_privilege(c.oid, 'SELECT')
"""
_SQLITE: Final = """
SELECT name, NULL FROM sqlite_master
WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' AND substr(name, 1, 10) <> 'strangler_'
"""
_MYSQL: Final = """
SELECT table_name, table_rows FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'
"""

_QUERIES: Final = {"postgres": _POSTGRES, "sqlite": _SQLITE, "mysql": _MYSQL}


def tables(side: SqlSide) -> list[Listed]:
    """The tables that the source's user may read, the largest first; none of a database whose catalog isn't known here."""
    query = _QUERIES.get(side.dialect)
    found = [Listed(*row) for row in side.rows(query)] if query else []
    return sorted(found, key=lambda table: (-(table.rows or 0), table.name))


def missing(side: SqlSide, table: str) -> tuple[str, str]:
    """What is said of a table that isn't there, and what to write instead."""
    names = [each.name for each in tables(side)]
    meant = nearest(table, names)
    few = f"one of: {', '.join(sorted(names)[:12])}{', …' if len(names) > 12 else ''}"
    instead = (
        f"table: {meant} (did you mean this?)"
        if meant
        else few
        if names
        else "a table that the user may read"
    )
    return f"the legacy database has no table {table!r}", instead
