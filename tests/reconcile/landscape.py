"""Two databases with the same partners, one seen through a mapping, for the tests of reconciliation."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, cast

import psycopg
import yaml

from strangler import assembly, urls
from strangler.changes import Position
from strangler.configuration import load
from strangler.control import deliveries
from strangler.control.store import Control
from strangler.mapping import EntityMapping
from strangler.owned import EVERYTHING, Owned
from strangler.ports import Mark, ServiceStore, SqlSide
from strangler.reconcile.confirm import Feed
from strangler.reconcile.entity import How, Outcome
from strangler.reconcile.runs import compare_all
from strangler.reconcile.sides import Sides
from strangler.reconcile.switch import OnlyInNew, only_in_new
from strangler.settings import Settings
from strangler.sync.backfill import Chunk
from strangler.urls import sqlite_url
from tests.mapping.peers import connect

FIELDS = {
    "id": "id",
    "name": "TRIM(name)",
    "credit": "CAST(credit AS DECIMAL(16, 2))",
    "rate": "rate",
    "active": "active",
    "born": "born",
    "seen": "seen",
    "picture": "picture",
    "number": "CAST(number AS INTEGER)",
}

TABLES = {
    "postgresql": "CREATE TABLE partner (id integer PRIMARY KEY, name text, credit numeric, rate double precision,"
    " active boolean, born date, seen timestamp, picture bytea, number text)",
    "mysql": "CREATE TABLE partner (id integer PRIMARY KEY, name varchar(100) COLLATE utf8mb4_unicode_ci,"
    " credit decimal(16, 4), rate double, active bit(1), born date, seen datetime(6), picture varbinary(20),"
    " number varchar(20) CHARACTER SET latin1)",
    "sqlite": "CREATE TABLE partner (id INTEGER PRIMARY KEY, name TEXT, credit NUMERIC, rate DOUBLE,"
    " active BOOLEAN, born DATE, seen TIMESTAMP, picture BLOB, number TEXT)",
}

NAMES = [
    "O'Neil",
    "Łódź",
    "Nippon 日本",
    "back\\slash",
    "a,b",
    "NULL",
    "",
    "  padded  ",
    "line\nbreak",
    "😀",
    "'",
    None,
]


class Database:
    """A database by its URL, for what a test does to it behind everybody's back."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.kind = {"mariadb": "mysql"}.get(urls.kind(url), urls.kind(url))

    def run(self, *statements: str) -> None:
        """Execute statements and commit."""
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as lite, lite:
                for statement in statements:
                    lite.execute(statement)
            return
        if self.kind == "mysql":
            with closing(connect(self.url)) as connection, connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
            return
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def insert(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        """Insert whole rows."""
        found = list(rows)
        mark = "?" if self.kind == "sqlite" else "%s"
        sql = f"INSERT INTO {table} VALUES ({', '.join([mark] * len(found[0]))})"
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as lite, lite:
                lite.executemany(sql, found)
            return
        if self.kind == "mysql":
            with closing(connect(self.url)) as connection, connection.cursor() as cursor:
                cursor.executemany(sql, found)
            return
        with psycopg.connect(self.url, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.executemany(sql.encode(), found)


class InDisguise:
    """A source whose database says that it speaks a dialect that mappings aren't compiled to."""

    DIALECTS: ClassVar = {"postgres": "redshift", "mysql": "starrocks"}
    """Dialects that quote, order and limit in the same way."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def reader(self) -> SqlSide:
        side: Any = self._source.reader()
        side.dialect = self.DIALECTS[side.dialect]
        side.copy_out = None
        return cast(SqlSide, side)


class Landscape:
    """A function `partners` with one entity, between two databases."""

    def __init__(self, home: Path, legacy: str, store: str, entity: dict[str, Any] | None = None) -> None:
        self.legacy, self.new = Database(legacy), Database(store)
        self.path = home / "strangler.yaml"
        self.path.write_text(yaml.safe_dump(_document(legacy, store, entity), sort_keys=False))

    def open(self, by_row: bool = False) -> None:
        """Open everything; the legacy table has to be there. `by_row`: under the name of another dialect."""
        self.settings: Settings = load(self.path)
        self.control: Control = assembly.control(self.settings)
        self.source: Any = assembly.source(self.settings, "erp")
        if by_row:
            self.source = InDisguise(self.source)
        self.store: ServiceStore = assembly.store(self.settings, "service")
        self.mappings: list[EntityMapping] = assembly.mappings(self.settings, "partners", self.source)
        self.store.prepare([mapping.shape for mapping in self.mappings])

    def fill(self) -> None:
        """Move every row that can be translated into the store, as a backfill does."""
        side = self.source.reader()
        try:
            for part in (part for mapping in self.mappings for part in mapping.parts()):
                chunk = Chunk(part, side, None, list)
                self.store.load(part.shape, chunk, Position("1"), Mark("test", "", Position("1")))
        finally:
            side.close()

    def compare(self, feed: Feed | None = None, limit: int = 100) -> Outcome:
        """Compare the one entity."""
        (outcome,) = self.compare_all(How(feed, limit=limit))
        return outcome

    def compare_all(self, how: How) -> list[Outcome]:
        """Compare the one entity and its children, each as an entity of its own."""
        with Sides(self.source.reader, self.store.reader) as sides:
            return compare_all(self.mappings, sides, self.control, how)

    def only_in_new(self, owned: Owned = EVERYTHING) -> OnlyInNew:
        """What a rollback would lose."""
        with Sides(self.source.reader, self.store.reader) as sides:
            return only_in_new(self.mappings, sides, self.control, owned=owned)

    def compare_parts(self, limit: int = 100) -> dict[str, Outcome]:
        """Compare the one entity and its children, by their names."""
        return {outcome.entity: outcome for outcome in self.compare_all(How(limit=limit))}

    def deliver(self, position: Position) -> None:
        """Say that the store has come to a position."""
        deliveries.report(
            self.control, "partners", position=position, generation=0, rows=0, late_writes=0, lag=0.0
        )

    def close(self) -> None:
        self.source.close()
        self.store.close()
        self.control.close()


def partners(count: int, kind: str) -> Iterable[Sequence[Any]]:
    """Rows with whatever real tables hold."""
    for number in range(1, count + 1):
        flag = number % 3 == 0
        yield (
            number,
            NAMES[number % len(NAMES)],
            None if number % 7 == 0 else f"{number}.{number % 100:02d}",
            number / 7,
            None if number % 5 == 0 else int(flag) if kind == "sqlite" else flag,
            f"{1900 + number % 120}-02-{1 + number % 28:02d}",
            f"2026-11-23 05:{number % 60:02d}:07.{number % 1000:03d}",
            bytes([number % 256, 0, 255]),
            str(number),
        )


def _document(legacy: str, store: str, entity: dict[str, Any] | None) -> dict[str, Any]:
    kind = {"postgresql": "postgres"}.get(Database(legacy).kind, Database(legacy).kind)
    return {
        "control": {"url": "sqlite:///control.db"},
        "sources": {"erp": {"kind": kind, "url": legacy}},
        "stores": {"service": {"url": store}},
        "functions": {
            "partners": {
                "source": "erp",
                "store": "service",
                "entities": {"partner": entity or {"table": "partner", "key": "id", "fields": FIELDS}},
            }
        },
    }


def file_url(path: Path) -> str:
    """A SQLite file's URL."""
    return sqlite_url(path)
