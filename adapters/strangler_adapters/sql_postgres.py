"""Sessions with PostgreSQL by psycopg: in UTC, durable when a commit returns, opened again when they were lost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from strangler.errors import StoreError, StranglerError, Unavailable
from strangler.ports import Pressure
from strangler.pressure import POSTGRES, of_postgres
from strangler.urls import display

_SCHEME: Final = re.compile(r"^postgres(ql)?(\+\w+)?://")

_SETTINGS: Final = """
    SET TIME ZONE 'UTC'; SET datestyle TO 'ISO'; SET extra_float_digits TO 1; SET bytea_output TO 'hex';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""
"""Values mean the same whatever the server's defaults; and a commit that returned is durable (invariant 1)."""

_STREAMED: Final = 1000
"""Rows fetched at once by a reader: memory stays constant and each row costs little."""

_PASSING: Final = {"08", "25", "40", "53", "55", "57", "58"}
"""Classes of SQLSTATE after which trying again may help: connection, read-only standby, deadlock, resources, locks,
shutdown, system."""

Connection = psycopg.Connection[tuple[Any, ...]]
Cursor = psycopg.Cursor[tuple[Any, ...]]


def place(what: str, url: str) -> tuple[tuple[str, ...], str]:
    """The servers that the URL names, each as `host:port`, and the database there. Raises StoreError for what is no URL."""
    given = _parsed(what, url)
    hosts = str(given.get("host") or "localhost").split(",")
    ports = str(given.get("port") or "5432").split(",")
    ports = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
    servers = tuple(f"{host}:{port}" for host, port in zip(hosts, ports, strict=True))
    return servers, f"/{given.get('dbname') or ''}"


def _parsed(what: str, url: str) -> dict[str, Any]:
    try:
        return conninfo_to_dict(_SCHEME.sub("postgresql://", url))
    except psycopg.Error:
        # The driver's text may quote a part of the URL, and so of the password.
        raise StoreError(
            f"{what}: its url isn't a PostgreSQL URL",
            do="write postgresql://user:password@host:5432/database, special characters in it percent-encoded",
        ) from None


def open_connection(what: str, url: str) -> Connection:
    """A connection in autocommit, set up. Raises Unavailable with the server's words, StoreError for what is no URL."""
    given = _parsed(what, url)
    settings: dict[str, Any] = {"connect_timeout": 10, "application_name": f"strangler {what}", **given}
    try:
        # Statements aren't prepared: they are few and large, and a pooler between may not keep them.
        connection = psycopg.connect(
            **settings, autocommit=True, prepare_threshold=None, client_encoding="UTF8"
        )
        connection.execute(_SETTINGS)
    except psycopg.Error as error:
        raise Unavailable(
            f"{what} doesn't answer: {display(url)}",
            why=_first_line(error),
            do="check that the server is up and that the url names its host, database, user and password",
        ) from None
    return connection


def translated(what: str, error: psycopg.Error) -> StranglerError:
    """PostgreSQL's error in Strangler's words: Unavailable when trying again may help."""
    code = error.sqlstate or ""
    lost = not code and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if lost or code[:2] in _PASSING:
        return Unavailable(f"{what} can't be used now", why=_first_line(error))
    return StoreError(
        f"{what} refused", why=_without_values(error.diag.message_primary or _first_line(error))
    )


def _without_values(message: str) -> str:
    """What PostgreSQL says without the value that it says it of: that may be personal data. The detail, left out, has whole rows."""
    return message.split(': "', 1)[0]


@contextmanager
def translating(what: str) -> Iterator[None]:
    """The driver's errors leave the block in Strangler's words."""
    try:
        yield
    except psycopg.Error as error:
        raise translated(what, error) from error


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or ["no reason was given"])[0]


class PostgresTransaction:
    """A `Transaction` of PostgreSQL. `cursor` is for what only this driver can do (COPY)."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self._execute(sql, parameters)
        return self.cursor.fetchall()

    def change(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        self._execute(sql, parameters)
        return self.cursor.rowcount

    def script(self, statements: Iterable[str]) -> None:
        for statement in statements:
            self.cursor.execute(statement.encode())

    def lock(self, name: str) -> None:
        self._execute("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", (f"strangler {name}",))

    def has_table(self, name: str) -> bool:
        return self.rows("SELECT to_regclass(quote_ident(?)) IS NOT NULL", (name,)) == [(True,)]

    def begin_delivery(self) -> None:
        # For the transaction alone: behind a pooler the service may have the connection next.
        self.cursor.execute("SELECT set_config('strangler.delivery', 'on', true)")

    def end_delivery(self) -> None:
        """Nothing to do: the setting ends with the transaction."""

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part that can be undone alone."""
        with self.cursor.connection.transaction():
            yield

    def _execute(self, sql: str, parameters: Sequence[Any]) -> None:
        # A quoted name may hold a percent sign, which the driver would take for a parameter.
        self.cursor.execute(sql.replace("%", "%%").replace("?", "%s").encode(), parameters)


class PostgresSession:
    """A `Session` with a PostgreSQL database. `what` names it in errors; the URL's password is never shown."""

    each: Final = "json_array_elements(?::json) AS each(value)"
    identity: Final = "integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY"
    binary_text: Final = 'text COLLATE "C"'
    double: Final = "double precision"

    def __init__(self, what: str, url: str) -> None:
        self._what, self._url = what, url
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[PostgresTransaction]:
        with translating(self._what):
            connection = self._connected()
            with connection.transaction(), connection.cursor() as cursor:
                yield PostgresTransaction(cursor)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with translating(self._what), self._connected().cursor() as cursor:
            return PostgresTransaction(cursor).rows(sql, parameters)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = open_connection(self._what, self._url)
        return self._connection


class PostgresSide:
    """A store for reading: a `SqlSide`. Rows are streamed without a cursor: a cursor rules out parallel plans."""

    dialect: Final = "postgres"

    def __init__(self, what: str, url: str) -> None:
        self._what = what
        self._connection = open_connection(what, url)
        # PostgreSQL can't know that checksums come in few groups, and would write the rows to disk to sort them: twice the time.
        self._connection.execute("SET default_transaction_read_only TO on; SET enable_sort TO off")

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        with translating(self._what), self._connection.cursor() as cursor:
            yield from cursor.stream(sql.encode(), size=_STREAMED)

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        with translating(self._what), self._connection.transaction():
            self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield

    def copy_out(self, sql: str, into: BinaryIO) -> bool:
        statement = f"COPY ({sql}) TO STDOUT".encode()
        with translating(self._what), self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for block in copy:
                into.write(block)
        return True

    def pressure(self) -> Pressure:
        with translating(self._what):
            row = self._connection.execute(POSTGRES.encode()).fetchone()
            assert row is not None
            return of_postgres(row)

    def close(self) -> None:
        self._connection.close()
