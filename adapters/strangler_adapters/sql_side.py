"""The reading side of a SQL store: what reconciliation puts its SELECTs to. Each query sees its own snapshot."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from strangler_adapters import sql_sqlite

BATCH: Final = 1000
"""Rows fetched at once while streaming: memory stays constant and each row costs little."""


class SqliteSide:
    """A SQLite file, read only, with the functions that the mapping's SELECTs use."""

    dialect: Final = "sqlite"

    def __init__(self, what: str, path: Path) -> None:
        from strangler.mapping import sqlite_functions

        self._what = what
        self._connection = sql_sqlite.open_reader(what, path)
        sqlite_functions.register(self._connection)

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        try:
            cursor = self._connection.execute(sql)
            while batch := cursor.fetchmany(BATCH):
                yield from batch
        except sqlite3.Error as error:
            raise sql_sqlite.translated(self._what, error) from error

    def copy_out(self, sql: str, into: BinaryIO) -> bool:
        return False

    def close(self) -> None:
        self._connection.close()


class PostgresSide:
    """A read-only PostgreSQL connection. Rows are streamed without a cursor: a cursor rules out parallel plans."""

    dialect: Final = "postgres"

    def __init__(self, what: str, url: str) -> None:
        from strangler_adapters import sql_postgres

        self._what = what
        self._postgres = sql_postgres
        self._connection = sql_postgres.open_connection(what, url)
        self._connection.execute("SET default_transaction_read_only TO on")

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        with self._postgres.translating(self._what), self._connection.cursor() as cursor:
            yield from cursor.stream(sql.encode(), size=BATCH)

    def copy_out(self, sql: str, into: BinaryIO) -> bool:
        with self._postgres.translating(self._what), self._connection.cursor() as cursor:
            with cursor.copy(f"COPY ({sql}) TO STDOUT".encode()) as copy:
                for block in copy:
                    into.write(block)
        return True

    def close(self) -> None:
        self._connection.close()
