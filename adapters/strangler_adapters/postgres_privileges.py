"""What the role of a PostgreSQL store may not do and has to: asked of the server, answered with the GRANT that mends it.

The store makes its tables, an index and a trigger on each, and a temporary table for chunks that meet rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from strangler.mapping.canonical import quote
from strangler.ports import Finding
from strangler_adapters.sql_layout import Layout
from strangler_adapters.sql_session import Session

_ROLE: Final = """
SELECT current_user::text, current_database()::text, current_schema()::text,
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
    has_database_privilege(current_database(), 'TEMP'),
    pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on'
"""

_TABLE: Final = """
SELECT pg_has_role(c.relowner, 'USAGE'), pg_get_userbyid(c.relowner)::text,
    has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
        AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'),
    to_regclass(quote_ident(?)) IS NOT NULL
FROM pg_class c WHERE c.oid = to_regclass(quote_ident(?))
"""


class Role(NamedTuple):
    """The role of the store and where it stands."""

    name: str
    database: str
    schema: str | None
    may_create: bool
    may_stage: bool
    standby: bool
    read_only: bool


def lacking(session: Session[Any], layouts: Sequence[Layout]) -> list[Finding]:
    """What stands in the way of filling these tables. Changes nothing."""
    [row] = session.rows(_ROLE)
    role = Role(*row)
    findings = list(_of_role(role))
    tables = [(layout, session.rows(_TABLE, (layout.own, layout.shape.table))) for layout in layouts]
    new = [layout.shape.table for layout, found in tables if not found]
    if new and role.schema and not role.may_create:
        grant = f"GRANT CREATE ON SCHEMA {quote(role.schema)} TO {quote(role.name)}"
        findings.append(Finding(f"{role.name} may not make {', '.join(new)} in {role.schema}", grant))
    for layout, found in tables:
        if found:
            findings += _of_table(role, layout, *found[0])
    return findings


def _of_role(role: Role) -> Iterator[Finding]:
    name, database = quote(role.name), quote(role.database)
    if role.standby:
        yield Finding(
            "the server is a standby, which can't be written", "name the primary in the store's url"
        )
    if role.read_only:
        cure = f"ALTER ROLE {name} IN DATABASE {database} SET default_transaction_read_only = off"
        yield Finding(f"{role.name} only reads in {role.database}", cure)
    if role.schema is None:
        cure = f"ALTER ROLE {name} IN DATABASE {database} SET search_path = public"
        yield Finding(f"no schema of {role.name}'s search path is there", cure)
    if not role.may_stage:
        grant = f"GRANT TEMPORARY ON DATABASE {database} TO {name}"
        yield Finding(f"{role.name} may not make temporary tables, which a backfill needs", grant)


def _of_table(
    role: Role, layout: Layout, owned: bool, owner: str, writable: bool, equipped: bool
) -> Iterator[Finding]:
    """`equipped`: index and trigger are there already, so that the owner isn't needed any more."""
    if not owned and not equipped:
        table = layout.shape.table
        what = f"{role.name} may not add an index and a trigger to {table}, since {owner} owns it"
        yield Finding(what, f"ALTER TABLE {layout.table} OWNER TO {quote(role.name)}")
    if not writable:
        grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON {layout.table} TO {quote(role.name)}"
        yield Finding(f"{role.name} may not read and write {layout.shape.table}", grant)
