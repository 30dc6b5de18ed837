"""The database under the example, PostgreSQL or MariaDB: connect, make the tables, load rows as fast as each takes them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import psycopg
import pymysql
from sqlalchemy import make_url

from examples.sap.tables import Row
from strangler import urls
from strangler.errors import Refused, StranglerError, Unavailable

SCHEMA: Final = Path(__file__).with_name("schema.sql")
_STATEMENTS: Final = re.findall(r"^CREATE TABLE .*?^\)", SCHEMA.read_text("utf-8"), re.MULTILINE | re.DOTALL)
_AT_ONCE: Final = 1000
"""Rows that go out together."""


class Database:
    """A connection to SAP's database; whoever uses it begins and ends transactions."""

    def __init__(self, url: str) -> None:
        self._kind = urls.kind(url)
        if self._kind not in ("postgresql", "mysql", "mariadb"):
            raise StranglerError(
                f"the example isn't for {urls.display(url)}",
                why="its tables go to PostgreSQL or MariaDB",
                do="postgresql://user:password@host/database, or mysql://user:password@host/database",
            )
        self._connection = self._connect(url)

    def close(self) -> None:
        self._connection.close()

    def commit(self) -> None:
        self._connection.commit()

    def rollback(self) -> None:
        self._connection.rollback()

    def make_tables(self) -> None:
        """All of `schema.sql`. Raises Refused when one of them is there already."""
        with self._connection.cursor() as cursor:
            if self._kind != "postgresql":
                # SAP compares texts byte by byte, and a blank isn't nothing.
                cursor.execute("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
            try:
                for statement in _STATEMENTS:
                    cursor.execute(statement)
            except (psycopg.errors.DuplicateTable, pymysql.err.OperationalError) as error:
                raise Refused(
                    "the tables can't be made", why=str(error).strip(), do="give an empty database"
                ) from None
        self.commit()

    def load(self, rows: Iterable[Row]) -> None:
        """Insert rows of any tables, tens of thousands at once."""
        tables: defaultdict[type[Row], list[Row]] = defaultdict(list)
        for row in rows:
            tables[type(row)].append(row)
        for table, held in tables.items():
            (self._copy if self._kind == "postgresql" else self._insert)(table, held)

    def all(self, sql: str, *values: object) -> list[Any]:
        """The rows of a query. Each `%s` takes a value."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def do(self, sql: str, *values: object) -> int:
        """Execute a statement; how many rows it met."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values)
            return int(cursor.rowcount)

    def analyze(self) -> None:
        """Tell the planner what there is now."""
        if self._kind == "postgresql":
            self.do("ANALYZE")
            self.commit()

    def _connect(self, url: str) -> Any:
        try:
            if self._kind == "postgresql":
                return psycopg.connect(url)
            there = make_url(url)
            return pymysql.connect(
                host=there.host or "127.0.0.1", port=there.port or 3306, user=there.username, charset="utf8mb4",
                password=there.password or "", database=there.database, autocommit=False,
            )  # fmt: skip
        except (psycopg.OperationalError, pymysql.err.OperationalError) as error:
            raise Unavailable(f"{urls.display(url)} doesn't answer", why=str(error).strip()) from None

    def _copy(self, table: type[Row], rows: Sequence[Row]) -> None:
        columns = ", ".join(table._fields)
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY {table.__name__.lower()} ({columns}) FROM STDIN") as copy,
        ):
            left = iter(rows)
            while some := list(islice(left, _AT_ONCE)):
                copy.write("".join(map(_line, some)))

    def _insert(self, table: type[Row], rows: Sequence[Row]) -> None:
        marks = ", ".join(["%s"] * len(table._fields))
        statement = f"INSERT INTO {table.__name__.lower()} ({', '.join(table._fields)}) VALUES ({marks})"
        left = iter(rows)
        with self._connection.cursor() as cursor:
            while some := list(islice(left, _AT_ONCE)):
                cursor.executemany(statement, some)


def _line(row: Row) -> str:
    # No text of the example has a tab, a backslash or a line feed in it.
    values: Iterable[str | None] = row
    return "\t".join("\\N" if value is None else value for value in values) + "\n"
