"""The writer: what comes back from new into a PostgreSQL database, as a session with a replication origin of the function's own.

An origin makes the server's own log tell whose a transaction is; so other subscribers can leave it out, too. Who may not have one does
without: the table of marks says the same to those who capture it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.sql import Identifier

from strangler.errors import Unavailable
from strangler.fencing import passing
from strangler.ports import Finding, LegacyTransaction
from strangler.returning import marks
from strangler_connectors import returned
from strangler_connectors.postgres.connection import open_connection, translated
from strangler_connectors.postgres.reader import PostgresSide

_ORIGIN: Final = """
SELECT has_function_privilege('pg_replication_origin_session_setup(text)', 'EXECUTE')
    AND (has_function_privilege('pg_replication_origin_create(text)', 'EXECUTE')
        OR EXISTS (SELECT FROM pg_replication_origin WHERE roname = %s)), current_user::text
"""

_RIGHTS: Final = """
SELECT to_regclass(%(t)s) IS NOT NULL, ARRAY(SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p
    WHERE to_regclass(%(t)s) IS NOT NULL AND NOT has_table_privilege(to_regclass(%(t)s), p)), current_user::text
"""

_OWN: Final = """
SELECT to_regclass(%s) IS NOT NULL, coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), current_schema()::text,
    current_user::text, pg_is_in_recovery()
"""


def connect(name: str, url: str, function: str) -> PostgresWriter:
    return PostgresWriter(name, url, function)


class PostgresWriter:
    """See `LegacyWriter`."""

    def __init__(self, name: str, url: str, function: str) -> None:
        self._name, self._url, self._function = name, url, function
        self._connection: psycopg.Connection[Any] | None = None

    def examine(self, tables: Sequence[str]) -> list[Finding]:
        with translated(self._name, "examining what may be written"):
            connection = self._connected()
            return [
                *self._of_own(connection),
                *(each for table in tables for each in _of_table(connection, table)),
                *self._of_origin(connection),
            ]

    def prepare(self) -> None:
        with translated(self._name, "preparing the way back"):
            connection = self._connected()
            if connection.execute("SELECT to_regclass(%s)", [marks.TABLE]).fetchone() == (None,):
                connection.execute(returned.CREATE.format(text="text").encode())
            if not self._rows(returned.KNOWN):
                self._rows(f"{returned.ADD} ON CONFLICT DO NOTHING")
            if self._may_have_origin(connection):
                connection.execute(
                    "SELECT pg_replication_origin_create(%s) WHERE NOT EXISTS"
                    " (SELECT FROM pg_replication_origin WHERE roname = %s)",
                    [marks.origin(self._function)] * 2,
                )

    def mark(self) -> str | None:
        with translated(self._name, "asking for its origin"):
            return None if self._may_have_origin(self._connected()) else marks.TABLE

    def returned(self) -> frozenset[str]:
        with translated(self._name, "reading what was returned"):
            [(entries,)] = self._rows(returned.READ)
            return returned.read(entries)

    @contextmanager
    def transaction(self) -> Iterator[LegacyTransaction]:
        with translated(self._name, "returning changes"):
            connection = self._connected()
            self._take_origin(connection)
            with connection.transaction():
                self._rows(returned.OPEN)
                for statement in passing.opened("postgres", self._function):
                    connection.execute(statement.encode())
                transaction = _Transaction(self._name, connection)
                yield transaction
                self._rows(returned.CLOSE, returned.written(transaction.entries))  # Invariant 2

    def drop(self) -> None:
        with translated(self._name, "removing the way back"):
            connection = self._connected()
            if self._may_have_origin(connection):
                self._leave_origin(connection)
                connection.execute(
                    "SELECT pg_replication_origin_drop(roname) FROM pg_replication_origin WHERE roname = %s",
                    [marks.origin(self._function)],
                )
            if connection.execute("SELECT to_regclass(%s)", [marks.TABLE]).fetchone() != (None,):
                self._rows(returned.REMOVE)
                if not connection.execute(returned.OTHERS.encode()).fetchall():
                    connection.execute(returned.DROP.encode())

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = open_connection(self._url, self._name)
        return self._connection

    def _rows(self, sql: str, *before: str) -> list[tuple[Any, ...]]:
        """Of a statement whose last value is the function."""
        cursor = self._connected().execute(sql.replace("?", "%s").encode(), [*before, self._function])
        return cursor.fetchall() if cursor.description else []

    def _may_have_origin(self, connection: psycopg.Connection[Any]) -> bool:
        row = connection.execute(_ORIGIN, [marks.origin(self._function)]).fetchone()
        return bool(row and row[0])

    def _take_origin(self, connection: psycopg.Connection[Any]) -> None:
        """For the session; only one at a time can have it."""
        row = connection.execute("SELECT pg_replication_origin_session_is_setup()").fetchone()
        if row == (True,) or not self._may_have_origin(connection):
            return
        try:
            connection.execute(
                "SELECT pg_replication_origin_session_setup(%s)", [marks.origin(self._function)]
            )
        except psycopg.errors.ObjectInUse:
            raise Unavailable(
                f"source {self._name}: another process returns the changes of {self._function}",
                do="nothing: this one waits to take over",
            ) from None

    def _leave_origin(self, connection: psycopg.Connection[Any]) -> None:
        if connection.execute("SELECT pg_replication_origin_session_is_setup()").fetchone() == (True,):
            connection.execute("SELECT pg_replication_origin_session_reset()")

    def _of_own(self, connection: psycopg.Connection[Any]) -> Iterator[Finding]:
        row = connection.execute(_OWN, [marks.TABLE]).fetchone()
        assert row is not None
        there, may_create, schema, role, standby = row
        if standby:
            yield Finding(
                "the server is a standby: nothing can be returned to it", "name the primary: `return.url`"
            )
        elif there:
            yield from _of_table(connection, marks.TABLE)
        elif not may_create:
            yield Finding(
                f"{role} may not make the table {marks.TABLE}",
                f"GRANT CREATE ON SCHEMA {_quoted(schema or 'public')} TO {_quoted(role)}",
            )

    def _of_origin(self, connection: psycopg.Connection[Any]) -> Iterator[Finding]:
        row = connection.execute(_ORIGIN, [marks.origin(self._function)]).fetchone()
        if row and not row[0]:
            functions = ("create(text)", "session_setup(text)", "drop(text)", "session_reset()")
            named = ", ".join(f"pg_replication_origin_{each}" for each in functions)
            yield Finding(
                f"{row[1]} may not have a replication origin, so {marks.TABLE} is captured to know what was returned",
                f"GRANT EXECUTE ON FUNCTION {named} TO {_quoted(row[1])}, if other subscribers are to leave it out, too",
                blocks=False,
            )


class _Transaction(PostgresSide):
    """See `LegacyTransaction`."""

    entries: Collection[str] = ()

    def record(self, entries: Collection[str]) -> None:
        self.entries = entries

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        statement = sql.replace("%", "%%").replace("?", "%s").encode()
        with translated(self._name, "writing to the legacy tables"):
            cursor = self._connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []


def _of_table(connection: psycopg.Connection[Any], table: str) -> Iterator[Finding]:
    row = connection.execute(_RIGHTS, {"t": _named(table)}).fetchone()
    assert row is not None
    there, lacking, role = row
    if not there:
        yield Finding(f"there is no table {table} to return to", "correct the table's name")
    elif lacking:
        yield Finding(
            f"{role} may not {', '.join(lacking)} on {table}",
            f"GRANT {', '.join(lacking)} ON {_named(table)} TO {_quoted(role)}",
        )


def _named(table: str) -> str:
    return ".".join(_quoted(part) for part in table.rsplit(".", 1))


def _quoted(name: str) -> str:
    return Identifier(name).as_string()
