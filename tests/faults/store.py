"""The store's table behind delivery's back: rows are read, written and put in, with whatever position they have."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import psycopg

from strangler.mapping import canonical
from strangler.urls import kind
from tests.faults.kinds import Row
from tests.faults.table import TABLE

_TYPED: Final[dict[str, Callable[[Any], Any]]] = {"credit": Decimal, "changed": datetime.fromisoformat}
"""What SQLite keeps as text."""


class Store:
    """By its URL."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lite = kind(url) == "sqlite"
        self._mark = "?" if self._lite else "%s"

    def keys(self, condition: str) -> list[int]:
        """Those of the rows for which it holds."""
        with self._connected() as cursor:
            cursor.execute(f"SELECT id FROM {TABLE} WHERE {condition} ORDER BY id")
            return [key for (key,) in cursor.fetchall()]

    def rows(self, keys: Collection[int]) -> dict[int, Row]:
        """Whole rows, by key, with values of Python's own types."""
        listed = ", ".join(map(str, keys))
        with self._connected() as cursor:
            cursor.execute(f"SELECT * FROM {TABLE} WHERE id IN ({listed})")
            names = [column[0] for column in cursor.description]
            found = [self._typed(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
        return {row["id"]: row for row in found}

    def change(self, changes: dict[int, Row]) -> None:
        """Set some fields of some rows."""
        with self._connected() as cursor:
            for key, values in changes.items():
                assigned = ", ".join(f"{name} = {self._mark}" for name in values)
                cursor.execute(
                    f"UPDATE {TABLE} SET {assigned} WHERE id = {self._mark}", [*self._bound(values), key]
                )
                assert cursor.rowcount == 1, f"the store has no row {key}"

    def put(self, rows: Collection[Row]) -> None:
        """Put whole rows in."""
        with self._connected() as cursor:
            for row in rows:
                marks = ", ".join([self._mark] * len(row))
                cursor.execute(f"INSERT INTO {TABLE} ({', '.join(row)}) VALUES ({marks})", self._bound(row))

    def remove(self, keys: Collection[int]) -> None:
        with self._connected() as cursor:
            cursor.execute(f"DELETE FROM {TABLE} WHERE id IN ({', '.join(map(str, keys))})")
            assert cursor.rowcount == len(keys), f"the store had {cursor.rowcount} of {len(keys)} rows"

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        with closing(self._connect()) as connection, closing(connection.cursor()) as cursor:
            yield cursor
            connection.commit()

    def _connect(self) -> Any:
        if self._lite:
            return sqlite3.connect(self._url.removeprefix("sqlite:///"), timeout=60)
        return psycopg.connect(self._url)

    def _typed(self, row: Row) -> Row:
        if not self._lite:
            return row
        return row | {name: typed(row[name]) for name, typed in _TYPED.items()}

    def _bound(self, row: Row) -> list[Any]:
        return [canonical.plain(value) if self._lite else value for value in row.values()]
