"""What the event log in SQL lacks to be kept: asked of the file system or the server, answered with what mends it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from strangler.mapping.canonical import quote
from strangler.ports import Finding
from strangler_adapters.sql_session import Session

_TABLES: Final = ("strangler_stream", "strangler_kind", "strangler_event", "strangler_source")

_ROLE: Final = """
SELECT current_user::text, current_schema()::text,
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
    pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'
"""

_MAY: Final = """
SELECT has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')
FROM pg_class c WHERE c.oid = to_regclass(?)
"""


def of_file(path: Path) -> list[Finding]:
    """What keeps this user from writing the SQLite file, or from making it."""
    there = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
    if os.access(there, os.W_OK):
        return []
    return [Finding(f"{there} can't be written by this user", f"chmod u+w {there}, or chown it to this user")]


def of_server(session: Session[Any]) -> list[Finding]:
    """What the role may not do in the PostgreSQL database and has to."""
    [(role, schema, may_create, only_reads)] = session.rows(_ROLE)
    if only_reads:
        what = f"the log's database takes no writes from {role}"
        return [Finding(what, "name the primary in log.url, with default_transaction_read_only = off")]
    if schema is None:
        cure = f"ALTER ROLE {quote(role)} SET search_path = public"
        return [Finding(f"no schema of {role}'s search path is there", cure)]
    allowed = {table: [bool(row[0]) for row in session.rows(_MAY, (table,))] for table in _TABLES}
    if not may_create and not all(allowed.values()):
        grant = f"GRANT CREATE ON SCHEMA {quote(schema)} TO {quote(role)}"
        return [Finding(f"{role} may not make the log's tables in {schema}", grant)]
    return [
        Finding(
            f"{role} may not read and write {table}",
            f"GRANT SELECT, INSERT, UPDATE ON {quote(table)} TO {quote(role)}",
        )
        for table, may in allowed.items()
        if may == [False]
    ]
