"""The reader: a SQLite file as a `SqlSide`, read-only, with the functions that the mapping's SELECTs use."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, BinaryIO

from strangler.ports import Pressure
from strangler_connectors.sqlite.connection import translated


class SqliteSide:
    """See `SqlSide`."""

    dialect = "sqlite"

    def __init__(self, name: str, connection: sqlite3.Connection) -> None:
        from strangler.mapping import sqlite_functions

        sqlite_functions.register(connection)
        self._name, self._connection = name, connection

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        with translated(self._name, "reading the legacy tables"):
            yield from self._connection.execute(sql)

    def copy_out(self, sql: str, into: BinaryIO) -> bool:
        return False

    def pressure(self) -> Pressure:
        return Pressure()

    def close(self) -> None:
        self._connection.close()
