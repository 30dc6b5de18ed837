"""The polling connector passes the conformance suite of its port, on PostgreSQL and on MariaDB.

It sees what stands there when it looks, so the suite's ERP has it look after each of its transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, inspect, text

from strangler.errors import SourceError, SourceLost
from strangler.ports import ChangeSource
from strangler.settings import Source
from strangler.testing.change_source import (
    Alteration,
    Capabilities,
    ChangeSourceContract,
    Operation,
    Write,
    alteration_statement,
    statement,
)
from strangler_connectors.polling import connect

SCHEMA = (
    "CREATE TABLE customer (id integer PRIMARY KEY, name varchar(100), note text, credit numeric(12,2))",
    'CREATE TABLE "order-line" ("order" integer, "No" integer, "Text" varchar(100), PRIMARY KEY ("No", "order"))',
    "CREATE TABLE scribble (text varchar(100))",
)


class PolledLegacy:
    """A database that nobody reads the log of; `url` is SQLAlchemy's."""

    def __init__(self, url: str, memory: Path, copy: bool) -> None:
        self.capabilities = Capabilities(
            boundaries=False, moves=False, copy=copy, load=not url.startswith("sqlite")
        )
        self.url, self.memory = url, memory
        self._engine = create_engine(url, connect_args=_ansi(url))
        self._tables: Mapping[str, Sequence[str]] = {}
        with self._engine.begin() as connection:
            for each in SCHEMA:
                connection.execute(text(each))

    def source(self, tables: Mapping[str, Sequence[str]], heartbeat: float) -> ChangeSource:
        self._tables = tables
        settings = Source(
            kind="polling",
            url=SecretStr(self.url),
            heartbeat=timedelta(seconds=heartbeat),
            state=self.memory,
            options={"interval": "20ms"},
        )
        return connect("erp", settings, tables)

    @contextmanager
    def transaction(self) -> Iterator[Callable[[Write], None]]:
        with self._engine.connect() as connection, connection.begin():

            def write(each: Write) -> None:
                sql, parameters = statement(each, "%s")
                if each.operation is Operation.TRUNCATE:
                    sql = f'DELETE FROM "{each.table}"'  # MariaDB's TRUNCATE commits by itself.
                connection.exec_driver_sql(sql, tuple(parameters))

            yield write
        with suppress(SourceLost, SourceError), closing(self.source(self._tables, 30.0)) as source:
            if self.memory.exists():
                source.safe_position(5)

    def alter(self, alteration: Alteration) -> None:
        sql = alteration_statement(alteration)
        if self._engine.dialect.name != "postgresql":
            sql = sql.replace("ALTER COLUMN", "MODIFY COLUMN").replace(" TYPE ", " ")
        with self._engine.begin() as connection:
            connection.execute(text(sql))

    def replace_capture(self) -> None:
        with closing(self.source(self._tables, 30.0)) as source:
            source.drop()
            source.prepare()

    def traces(self) -> object:
        found = inspect(self._engine)
        tables = {name: [c["name"] for c in found.get_columns(name)] for name in found.get_table_names()}
        return tables, self.memory.exists(), found.get_view_names()

    def close(self) -> None:
        self._engine.dispose()


def _ansi(url: str) -> dict[str, Any]:
    """MariaDB takes the suite's quotes in this mode only."""
    return {} if url.startswith("postgresql") else {"init_command": "SET sql_mode = 'ANSI_QUOTES'"}


@contextmanager
def polled(url: str, memory: Path, copy: bool) -> Iterator[PolledLegacy]:
    with closing(PolledLegacy(url, memory, copy)) as legacy:
        yield legacy


class TestPostgresPolled(ChangeSourceContract):
    @pytest.fixture
    def legacy(self, postgres_url: str, tmp_path: Path) -> Iterator[PolledLegacy]:
        url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
        with polled(url, tmp_path / "memory.db", copy=True) as legacy:
            yield legacy


class TestMariaDBPolled(ChangeSourceContract):
    @pytest.fixture
    def legacy(self, mariadb_url: str, tmp_path: Path) -> Iterator[PolledLegacy]:
        with polled(mariadb_url, tmp_path / "memory.db", copy=False) as legacy:
            yield legacy
