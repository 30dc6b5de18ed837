"""The SQLite connector passes the conformance suite of its port."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from strangler.changes import Operation
from strangler.ports import ChangeSource
from strangler.settings import Source
from strangler.testing.change_source import (
    Alteration,
    Capabilities,
    ChangeSourceContract,
    Write,
    alteration_statement,
    delete,
    statement,
)
from strangler_connectors.sqlite import connect

SCHEMA = """
CREATE TABLE customer (id integer PRIMARY KEY, name text, note text, credit numeric(12,2));
CREATE TABLE "order-line" ("order" integer, "No" integer, "Text" text, PRIMARY KEY ("No", "order"));
CREATE TABLE scribble (text text);
"""


class SqliteLegacy:
    """A file, written by an ordinary client."""

    # SQLite has no statement that gives a column another type.
    capabilities = Capabilities(boundaries=False, alterations=frozenset({"add", "drop"}))

    def __init__(self, path: Path) -> None:
        self.path = path
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(SCHEMA)

    def source(self, tables: Mapping[str, Sequence[str]], heartbeat: float) -> ChangeSource:
        url = SecretStr(f"sqlite:///{self.path}")
        return connect("erp", Source(kind="sqlite", url=url, heartbeat=timedelta(seconds=heartbeat)), tables)

    @contextmanager
    def transaction(self) -> Iterator[Callable[[Write], None]]:
        with closing(sqlite3.connect(self.path)) as connection, connection:

            def write(each: Write) -> None:
                # SQLite has no TRUNCATE; a DELETE of all rows fires the triggers like any other.
                if each.operation is Operation.TRUNCATE:
                    each = delete(each.table, {})
                connection.execute(*statement(each, "?"))

            yield write

    def alter(self, alteration: Alteration) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(alteration_statement(alteration))

    def replace_capture(self) -> None:
        source = self.source({"customer": ["name", "note"], "order-line": ["Text"]}, 30.0)
        source.drop()
        source.prepare()

    def traces(self) -> object:
        with closing(sqlite3.connect(self.path)) as connection:
            return (
                connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall(),
                sorted(path.name for path in self.path.parent.iterdir()),
            )


class TestSqlite(ChangeSourceContract):
    @pytest.fixture
    def legacy(self, tmp_path: Path) -> SqliteLegacy:
        return SqliteLegacy(tmp_path / "erp.db")
