"""The writer: what comes back from new into a MySQL or MariaDB database.

Its session is strict: what doesn't fit is refused, where the ERP's own sessions may have it cut.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import SSCursor

from strangler.fencing import passing
from strangler.ports import Finding, LegacyTransaction
from strangler.returning import marks
from strangler_connectors import returned
from strangler_connectors.mysql.connection import open_connection, parse_url, reason, translated
from strangler_connectors.mysql.reader import MySQLSide

_SESSION: Final = (
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES'",
)

_THERE: Final = "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?"

_ENGINES: Final = """
SELECT table_name, engine FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name IN ({names}) AND engine <> 'InnoDB'
"""


def connect(name: str, url: str, function: str) -> MySQLWriter:
    return MySQLWriter(name, url, function)


class MySQLWriter:
    """See `LegacyWriter`."""

    def __init__(self, name: str, url: str, function: str) -> None:
        self._name, self._address, self._function = name, parse_url(url, name), function
        self._connection: Connection[Any] | None = None

    def examine(self, tables: Sequence[str]) -> list[Finding]:
        with translated(self._name, "examining what may be written"):
            forbidden = (each for table in tables for each in self._forbidden(table))
            return [*self._without_transactions(tables), *forbidden]

    def prepare(self) -> None:
        with translated(self._name, "preparing the way back"):
            self._run(f"{returned.CREATE.format(text='longtext')} ENGINE = InnoDB DEFAULT CHARSET = utf8mb4")
            if not self._run(returned.KNOWN, [self._function]):
                self._run(returned.ADD.replace("INSERT INTO", "INSERT IGNORE INTO"), [self._function])

    def mark(self) -> str | None:
        return marks.TABLE

    def returned(self) -> frozenset[str]:
        with translated(self._name, "reading what was returned"):
            [(entries,)] = self._run(returned.READ, [self._function])
            return returned.read(entries)

    @contextmanager
    def transaction(self) -> Iterator[LegacyTransaction]:
        with translated(self._name, "returning changes"):
            connection = self._connected()
            connection.begin()
            try:
                self._run(returned.OPEN, [self._function])
                for statement in passing.opened("mysql", self._function):
                    self._run(statement)
                transaction = _Transaction(self._name, connection)
                yield transaction
                self._run(
                    returned.CLOSE, [returned.written(transaction.entries), self._function]
                )  # Invariant 2
                connection.commit()
            except BaseException:
                if connection.open:
                    connection.rollback()
                raise

    def drop(self) -> None:
        with translated(self._name, "removing the way back"):
            if self._run(_THERE, [marks.TABLE]):
                self._run(returned.REMOVE, [self._function])
                if not self._run(returned.OTHERS):
                    self._run(returned.DROP)

    def close(self) -> None:
        if self._connection is not None and self._connection.open:
            self._connection.close()
        self._connection = None

    def _connected(self) -> Connection[Any]:
        if self._connection is None or not self._connection.open:
            connection = open_connection(self._address, self._name)
            with connection.cursor() as cursor:
                for statement in _SESSION:
                    cursor.execute(statement)
            self._connection = connection
        return self._connection

    def _run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._connected().cursor() as cursor:
            cursor.execute(sql.replace("?", "%s"), values)
            return [*cursor.fetchall()]

    def _without_transactions(self, tables: Sequence[str]) -> Iterator[Finding]:
        names = ", ".join("?" * len(tables)) or "NULL"
        for table, engine in self._run(_ENGINES.format(names=names), tables):
            yield Finding(
                f"{table} is a table of {engine}, which has no transactions: a change might be returned twice",
                f"ALTER TABLE `{table}` ENGINE = InnoDB",
            )

    def _forbidden(self, table: str) -> Iterator[Finding]:
        """Tries what it may do, with no row: privileges are looked at all the same, and nothing changes."""
        name = "`" + table.replace("`", "``").replace(".", "`.`") + "`"
        tries = {
            "SELECT": f"SELECT 1 FROM {name} WHERE 1 = 0",
            "DELETE": f"DELETE FROM {name} WHERE 1 = 0",
            "INSERT": f"INSERT INTO {name} SELECT * FROM {name} WHERE 1 = 0",
        }
        lacking = [privilege for privilege, sql in tries.items() if not self._allowed(sql)]
        columns = self._run(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? LIMIT 1",
            [table],
        )
        if columns and not self._allowed(
            f"UPDATE {name} SET `{columns[0][0]}` = `{columns[0][0]}` WHERE 1 = 0"
        ):
            lacking.append("UPDATE")
        if lacking:
            user = self._run("SELECT CURRENT_USER()")[0][0]
            yield Finding(
                f"{user} may not {', '.join(lacking)} on {table}",
                f"GRANT {', '.join(lacking)} ON {name} TO {_account(user)}",
            )

    def _allowed(self, sql: str) -> bool:
        try:
            self._run(sql)
        except pymysql.Error as error:
            if reason(error)[0] in (1142, 1143, 1044, 1370):
                return False
            raise
        return True


class _Transaction(MySQLSide):
    """See `LegacyTransaction`."""

    entries: Collection[str] = ()

    def record(self, entries: Collection[str]) -> None:
        self.entries = entries

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Within the transaction, not in a snapshot."""
        with (
            translated(self._name, "reading the legacy tables"),
            closing(SSCursor(self._connection)) as cursor,
        ):
            cursor.execute(sql)
            yield from self._converted(cursor)

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        statement = sql.replace("%", "%%").replace("?", "%s")
        with (
            translated(self._name, "writing to the legacy tables"),
            closing(SSCursor(self._connection)) as cursor,
        ):
            cursor.execute(statement, tuple(values))
            return [*self._converted(cursor)] if cursor.description else []


def _account(user: str) -> str:
    name, _, host = user.rpartition("@")
    return f"'{name}'@'{host}'"
