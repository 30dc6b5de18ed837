"""Privileges to write, taken from roles and given back exactly as they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from strangler.errors import Refused
from strangler.fencing.measures import Guarded, Measures
from strangler.mapping.canonical import quoted_text
from strangler.mapping.legacy import quoted
from strangler.ports import Hand

_POSTGRES: Final = """
SELECT CASE g.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(g.grantee)::text END, a.attname::text, g.privilege_type, g.is_grantable
FROM pg_class c, LATERAL (
    SELECT NULL::name AS attname, coalesce(c.relacl, acldefault('r', c.relowner)) AS acl
    UNION ALL SELECT attname, attacl FROM pg_attribute WHERE attrelid = c.oid AND attacl IS NOT NULL AND NOT attisdropped
) a, LATERAL aclexplode(a.acl) g
WHERE c.oid = {table}::regclass AND g.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
ORDER BY 1, 2 NULLS FIRST, 3
"""
_STILL: Final = """
SELECT r.rolname, r.rolsuper FROM pg_roles r
WHERE r.rolname IN ({roles}) AND has_any_column_privilege(r.oid, {table}::regclass, 'INSERT, UPDATE')
    OR r.rolname IN ({roles}) AND has_table_privilege(r.oid, {table}::regclass, 'DELETE, TRUNCATE')
"""
_MYSQL: Final = """
SELECT grantee, NULL, privilege_type, is_grantable FROM information_schema.table_privileges
WHERE table_schema = {schema} AND table_name = {table} AND privilege_type IN ('INSERT', 'UPDATE', 'DELETE')
UNION ALL
SELECT grantee, column_name, privilege_type, is_grantable FROM information_schema.column_privileges
WHERE table_schema = {schema} AND table_name = {table} AND privilege_type IN ('INSERT', 'UPDATE')
"""
_WIDER: Final = """
SELECT grantee, 'every database' FROM information_schema.user_privileges WHERE privilege_type IN ('INSERT', 'UPDATE', 'DELETE')
UNION ALL
SELECT grantee, table_schema FROM information_schema.schema_privileges
WHERE {schema} LIKE table_schema AND privilege_type IN ('INSERT', 'UPDATE', 'DELETE')
"""


class Grant(NamedTuple):
    """A privilege that a role has on a table, or on a column of it."""

    role: str
    column: str | None
    privilege: str
    grantable: bool


def revoking(hand: Hand, roles: Sequence[str], tables: Sequence[Guarded]) -> Measures:
    """The statements that take from these roles what they may write now, and those that give it back. Raises Refused for what
    can't be taken so."""
    if hand.dialect not in _STATEMENTS:
        raise Refused(
            f"no privileges can be revoked in a database of the kind {hand.dialect}",
            do="fence it by: trigger, or leave `fence` out",
        )
    if hand.dialect == "mysql":
        _refuse_wider(hand, roles, tables)
    install, lift = list[str](), list[str]()
    for guarded in tables:
        for grant in _grants(hand, guarded):
            if grant.role in _written(hand.dialect, roles):
                take, give = _STATEMENTS[hand.dialect](grant, guarded.sql(hand.dialect))
                install.append(take)
                lift.append(give)
    return Measures(tuple(install), tuple(lift))


def still_writing(hand: Hand, roles: Sequence[str], tables: Sequence[Guarded]) -> Iterator[str]:
    """Who may write all the same once that is done, in words: a superuser, or by a role that it is a member of."""
    if hand.dialect != "postgres" or not roles:
        return
    listed = ", ".join(quoted_text(role) for role in roles)
    for guarded in tables:
        table = quoted_text(guarded.sql("postgres"))
        for role, superuser in hand.ask(_STILL.format(roles=listed, table=table)):
            by = "is a superuser" if superuser else "may by a role that it is a member of, or everybody may"
            yield f"{role} can still write to {guarded.table}: it {by}"


def _written(dialect: str, roles: Sequence[str]) -> set[str]:
    """The roles as the catalog writes them."""
    return set(roles) if dialect == "postgres" else {_account(role) for role in roles}


def _account(role: str) -> str:
    user, _, host = role.rpartition("@")
    return f"'{user or host}'@'{host if user else '%'}'"


def _grants(hand: Hand, guarded: Guarded) -> list[Grant]:
    if hand.dialect == "postgres":
        rows = hand.ask(_POSTGRES.format(table=quoted_text(guarded.sql("postgres"))))
        return [Grant(*row) for row in rows]
    rows = hand.ask(_MYSQL.format(**_place(guarded)))
    return [Grant(role, column, privilege, grantable == "YES") for role, column, privilege, grantable in rows]


def _place(guarded: Guarded) -> dict[str, str]:
    schema, _, table = guarded.table.rpartition(".")
    return {"schema": quoted_text(schema) if schema else "DATABASE()", "table": quoted_text(table)}


def _refuse_wider(hand: Hand, roles: Sequence[str], tables: Sequence[Guarded]) -> None:
    accounts = _written("mysql", roles)
    for guarded in tables:
        for grantee, where in hand.ask(_WIDER.format(**_place(guarded))):
            if grantee in accounts:
                raise Refused(
                    f"{grantee} may write to {guarded.table} by a privilege on {where}, which can't be taken for one table",
                    do="grant it the tables one by one, or fence by: trigger",
                )


def _postgres(grant: Grant, table: str) -> tuple[str, str]:
    role = "PUBLIC" if grant.role == "public" else quoted(grant.role, "postgres")
    return _pair(grant, table, role, "postgres")


def _mysql(grant: Grant, table: str) -> tuple[str, str]:
    return _pair(grant, table, grant.role, "mysql")


def _pair(grant: Grant, table: str, role: str, dialect: str) -> tuple[str, str]:
    of = f" ({quoted(grant.column, dialect)})" if grant.column else ""
    what = f"{grant.privilege}{of} ON {table}"
    option = " WITH GRANT OPTION" if grant.grantable else ""
    return f"REVOKE {what} FROM {role}", f"GRANT {what} TO {role}{option}"


_STATEMENTS: Final = {"postgres": _postgres, "mysql": _mysql}
