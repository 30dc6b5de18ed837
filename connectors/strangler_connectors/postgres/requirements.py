"""What capture needs of a source, checked before anything is created. Pure: facts in, problems out.

A publication on a table without a replica identity makes the ERP's own updates fail, so such a table is refused
here with the statement that mends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from psycopg import sql

from strangler.ports import Finding
from strangler_connectors.postgres.catalog import Relation


class Server(NamedTuple):
    """The facts of the server and the role that capture depends on."""

    version: int
    wal_level: str
    encoding: str
    role: str
    database: str
    may_replicate: bool
    may_create: bool
    is_superuser: bool
    standby: bool


def server_needs(server: Server) -> list[Finding]:
    """What is missing on the server and the role."""
    role, database = (sql.Identifier(name).as_string() for name in (server.role, server.database))
    checks = [
        (server.version >= 130000, "the server is older than PostgreSQL 13", "upgrade it"),
        (not server.standby, "the server is a standby", "connect to the primary"),
        (
            server.wal_level == "logical",
            f"wal_level is {server.wal_level}, not logical",
            "ALTER SYSTEM SET wal_level = 'logical', then restart PostgreSQL",
        ),
        (server.encoding != "SQL_ASCII", "the database doesn't say how its text is encoded (SQL_ASCII)", ""),
        (server.may_replicate, f"{server.role} may not replicate", f"ALTER ROLE {role} REPLICATION"),
        (
            server.may_create,
            f"{server.role} may not create a publication",
            f"GRANT CREATE ON DATABASE {database} TO {role}",
        ),
    ]
    return [Finding(what, do) for holds, what, do in checks if not holds]


def table_needs(
    server: Server, asked: Mapping[str, Sequence[str]], found: Sequence[Relation]
) -> list[Finding]:
    """What is missing on the tables: that they exist, have the columns, can be read and identified."""
    needs = []
    for table, columns in asked.items():
        family = [relation for relation in found if relation.asked == table]
        if not family:
            needs.append(
                Finding(f"table {table} isn't there", "correct the table's name, or the search path")
            )
        for relation in family:
            needs += _relation_needs(server, relation, columns)
    return needs


def _relation_needs(server: Server, relation: Relation, columns: Sequence[str]) -> list[Finding]:
    needs = []
    name, role = relation.quoted, sql.Identifier(server.role).as_string()
    missing = sorted(set(columns) - {column.name for column in relation.columns})
    if missing:
        needs.append(
            Finding(f"table {relation.asked} has no column {', '.join(missing)}", "correct the mapping")
        )
    # PostgreSQL 18 could publish stored ones, but only them, and all tables of a publication alike.
    computed = sorted(relation.generated & set(columns))
    if computed:
        needs.append(
            Finding(
                f"table {relation.asked}: {', '.join(computed)} is generated and isn't part of the changes",
                "write its expression into the mapping instead",
            )
        )
    if relation.persistence != "p":
        needs.append(Finding(f"table {relation.asked} isn't logged", f"ALTER TABLE {name} SET LOGGED"))
    if not relation.readable:
        needs.append(Finding(f"{server.role} may not read {name}", f"GRANT SELECT ON {name} TO {role}"))
    if not (relation.owned or server.is_superuser):
        owner = sql.Identifier(relation.owner).as_string()
        needs.append(Finding(f"only the owner of {name} may publish it", f"GRANT {owner} TO {role}"))
    if not relation.identity_columns or not set(relation.key) <= set(relation.identity_columns):
        why = "has no key" if not relation.key else "doesn't tell its key when a row is updated or deleted"
        needs.append(Finding(f"table {name} {why}", _mend_identity(relation)))
    return needs


def _mend_identity(relation: Relation) -> str:
    """The statement after which updates and deletes carry a key."""
    alter = f"ALTER TABLE {relation.quoted} "
    if any(index.primary for index in relation.indexes):
        return alter + "REPLICA IDENTITY DEFAULT"
    total = next((index for index in relation.indexes if index.total), None)
    if total:
        return alter + f"REPLICA IDENTITY USING INDEX {sql.Identifier(total.name).as_string()}"
    names = {column.name for column in relation.columns}
    if "id" in names:
        return alter + 'ADD PRIMARY KEY ("id")'
    return alter + "ADD PRIMARY KEY (…) on the columns that identify a row, or else REPLICA IDENTITY FULL"
