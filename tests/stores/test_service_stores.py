"""Every service store passes the suite of its port."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from strangler.changes import ORIGIN
from strangler.events import encode_key
from strangler.mapping.canonical import quote
from strangler.ports import ServiceStore
from strangler.settings import Database
from strangler.shapes import Shape
from strangler.testing.aggregate_store import AggregateStoreSuite
from strangler.testing.memory_store import MemoryDatabase, MemoryRow, MemoryStore
from strangler.testing.service_store import OpenStore, Service, ServiceStoreSuite
from strangler_adapters import postgres_store, sqlite_store


class MemoryService:
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    def insert(self, shape: Shape, values: Mapping[str, Any]) -> None:
        rows = self._database.held.rows[shape.table]
        rows[encode_key([values[name] for name in shape.key])] = MemoryRow(dict(values), None)

    def update(self, shape: Shape, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        row = self._database.held.rows[shape.table][encode_key([key[name] for name in shape.key])]
        row.values.update(values)
        row.position = None


class SqlService:
    """Writes as a service does that has never heard of `_position`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def insert(self, shape: Shape, values: Mapping[str, Any]) -> None:
        columns = ", ".join(map(quote, values))
        places = ", ".join("?" * len(values))
        self._run(f"INSERT INTO {quote(shape.table)} ({columns}) VALUES ({places})", list(values.values()))

    def update(self, shape: Shape, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        changes = ", ".join(f"{quote(name)} = ?" for name in values)
        where = " AND ".join(f"{quote(name)} = ?" for name in key)
        self._run(
            f"UPDATE {quote(shape.table)} SET {changes} WHERE {where}", [*values.values(), *key.values()]
        )

    def _run(self, sql: str, parameters: Sequence[Any]) -> None:
        if self._url.startswith("sqlite:///"):
            with closing(sqlite3.connect(self._url.removeprefix("sqlite:///"))) as file, file:
                file.execute(sql, parameters)
        else:
            with psycopg.connect(self._url) as connection:
                connection.execute(sql.replace("?", "%s").encode(), parameters)


def opener(connect: Any, url: str) -> Iterator[OpenStore]:
    def open_one() -> ServiceStore:
        store: ServiceStore = stack.enter_context(closing(connect("test", Database(url=SecretStr(url)))))
        return store

    with ExitStack() as stack:
        yield open_one


class TestMemoryStore(ServiceStoreSuite, AggregateStoreSuite):
    @pytest.fixture
    def database(self) -> MemoryDatabase:
        return MemoryDatabase()

    @pytest.fixture
    def open_store(self, database: MemoryDatabase) -> OpenStore:
        return lambda: MemoryStore(database)

    @pytest.fixture
    def service(self, database: MemoryDatabase) -> Service:
        return MemoryService(database)


class TestSqliteStore(ServiceStoreSuite, AggregateStoreSuite):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/made/when/missing/store.db"

    @pytest.fixture
    def open_store(self, url: str) -> Iterator[OpenStore]:
        yield from opener(sqlite_store.connect, url)

    @pytest.fixture
    def service(self, url: str) -> Service:
        return SqlService(url)


class TestPostgresStore(ServiceStoreSuite, AggregateStoreSuite):
    LOAD = True

    @pytest.fixture
    def open_store(self, postgres_url: str) -> Iterator[OpenStore]:
        yield from opener(postgres_store.connect, postgres_url)

    @pytest.fixture
    def service(self, postgres_url: str) -> Service:
        return SqlService(postgres_url)


def test_the_origin_hands_a_row_back_to_legacy() -> None:
    """The error for a row of the service's own says: SET _position = ''. That is the origin, before everything."""
    assert ORIGIN == ""
