"""A scratch file: rows that no database can give as they are to be checked, in a SQLite file that lives as long as the run.

So checks see them in the same way as all others, and however many there are, they are on disk and not in memory.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from strangler.mapping.canonical import quote
from strangler.shapes import FieldType, Shape
from strangler.urls import sqlite_url

_BATCH: Final = 2000

_TYPES: Final = {FieldType.INTEGER: "INTEGER", FieldType.BOOLEAN: "INTEGER", FieldType.FLOAT: "REAL"}
"""How a field is declared; all others are canonical texts."""


class Scratch:
    """A file of tables. A context manager; `flush` before others read it."""

    dialect: Final = "sqlite"

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="strangler-quality-")
        path = Path(self._folder.name) / "scratch.db"
        self.url = sqlite_url(path)
        self._tables: list[ScratchTable] = []
        self._file = sqlite3.connect(path, isolation_level=None)
        # Nobody needs it after a crash.
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute("PRAGMA synchronous = OFF")

    def of(self, shape: Shape) -> ScratchTable:
        """A table for canonical values of the fields of the shape, in its order."""
        return self._table([(field.name, _TYPES.get(field.type, "TEXT")) for field in shape.fields])

    def texts(self, *columns: str) -> ScratchTable:
        """A table for texts."""
        return self._table([(name, "TEXT") for name in columns])

    def flush(self) -> None:
        for table in self._tables:
            table.flush()

    def _table(self, declared: Sequence[tuple[str, str]]) -> ScratchTable:
        name = f"kept_{len(self._tables) + 1}"
        columns = ", ".join(f"{quote(column)} {kind}" for column, kind in declared)
        self._file.execute(f"CREATE TABLE {name} ({columns})")
        table = ScratchTable(name, self._file, len(declared))
        self._tables.append(table)
        return table

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()
        self._folder.cleanup()


class ScratchTable:
    """A table that is being filled."""

    def __init__(self, name: str, file: sqlite3.Connection, width: int) -> None:
        self.name, self._file = name, file
        self._insert = f"INSERT INTO {name} VALUES ({', '.join('?' * width)})"
        self._waiting: list[Sequence[Any]] = []

    def add(self, row: Sequence[Any]) -> None:
        self._waiting.append(row)
        if len(self._waiting) == _BATCH:
            self.flush()

    def add_all(self, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            self.add(row)

    def flush(self) -> None:
        self._file.execute("BEGIN")
        self._file.executemany(self._insert, self._waiting)
        self._file.execute("COMMIT")
        self._waiting.clear()
