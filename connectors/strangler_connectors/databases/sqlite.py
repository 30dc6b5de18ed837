"""SQLite behind a source that is read otherwise. It has no log that anybody could read, but its own reader knows decimals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from strangler.ports import Finding, SqlSide
from strangler.settings import Source
from strangler.shapes import Table
from strangler.urls import sqlite_path
from strangler_connectors.databases.database import Place
from strangler_connectors.databases.statements import Statements
from strangler_connectors.sqlite.connection import immediate, open_connection, translated
from strangler_connectors.sqlite.source import SqliteSource


class SqliteDatabase:
    """See `Database`."""

    kind = "sqlite"
    catalog = ""

    def __init__(self, name: str, settings: Source, tables: Mapping[str, Sequence[str]]) -> None:
        self._name, self._url = name, settings.url.get_secret_value()
        own = settings.model_copy(update={"kind": "sqlite", "options": {}})
        self._connector = SqliteSource(name, own, tables)
        self._statements = Statements(name, self._url)

    def describe(self, tables: Sequence[str]) -> dict[str, Table]:
        return self._connector.describe(tables)

    def places(self, tables: Sequence[str]) -> dict[Place, str]:
        return {Place("", table): table for table in self.describe(tables)}

    def home(self) -> str:
        return ""

    def reader(self) -> SqlSide:
        return self._connector.reader()

    def needs(self, outage: float) -> list[Finding]:
        return [
            Finding(
                "SQLite has no log of changes that could be read", "use a source of kind sqlite, or polling"
            )
        ]

    def settle(self, timeout: float) -> None:
        # Who gets the write lock knows that nobody else is within a transaction that writes.
        connection = open_connection(Path(sqlite_path(self._url)), self._name, wait=timeout)
        with (
            closing(connection),
            translated(self._name, "waiting for open transactions"),
            immediate(connection),
        ):
            pass

    def watch(self, tables: Sequence[str], ours: bool) -> None:
        """Nobody reads a log of SQLite."""

    def unread(self) -> int | None:
        return None

    def execute(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self._statements.execute(statement, **parameters)

    def capture(self, tables: Sequence[str]) -> str:
        return ""

    def making(self, tables: Sequence[str]) -> list[str]:
        return []

    def release(self) -> None:
        """Nothing was made."""
