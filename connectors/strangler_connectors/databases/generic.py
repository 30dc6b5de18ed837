"""Any database that SQLAlchemy has a dialect for: SQL Server, Oracle, Db2 and the rest.

Names are those of the catalog, letter by letter: Oracle's and Db2's are upper-case where nobody quoted them, and so the
configuration writes them, as the changes and the SELECTs have them too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final

from sqlalchemy import Connection, inspect
from sqlalchemy.engine.interfaces import Dialect, ReflectedColumn
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.types import NullType

from strangler.ports import Finding, Pressure, SqlSide
from strangler.settings import Source
from strangler.shapes import Column, Table
from strangler_connectors.databases import address
from strangler_connectors.databases.casing import normal, stored
from strangler_connectors.databases.database import Place
from strangler_connectors.databases.logs import enabling, log_needs
from strangler_connectors.databases.statements import Statements
from strangler_connectors.databases.types import field_type, python_value

_DIALECTS: Final = {"mssql": "tsql", "mysql": "mysql", "mariadb": "mysql", "postgresql": "postgres"}
"""SQLAlchemy's name of a dialect → sqlglot's, where they differ."""

_ROWS: Final = 1000
"""Rows that are fetched at once."""


class GenericDatabase:
    """See `Database`."""

    def __init__(self, name: str, settings: Source, tables: Mapping[str, Sequence[str]]) -> None:
        self._name, self._tables = name, dict(tables)
        url = settings.url.get_secret_value()
        self._statements = Statements(name, url)
        where = address.parse(name, url)
        self.kind, self.catalog = where.kind, where.database

    def describe(self, tables: Sequence[str]) -> dict[str, Table]:
        with self._statements.connected("reading the catalog") as connection:
            catalog = inspect(connection)
            found = {table: _find(catalog, table) for table in tables}
            return {table: _described(catalog, table, place) for table, place in found.items() if place}

    def places(self, tables: Sequence[str]) -> dict[Place, str]:
        with self._statements.connected("reading the catalog") as connection:
            catalog = inspect(connection)
            found = {table: _find(catalog, table) for table in tables}
            return {place: table for table, place in found.items() if place}

    def home(self) -> str:
        with self._statements.connected("reading the catalog") as connection:
            return _home(inspect(connection))

    def reader(self) -> SqlSide:
        return GenericSide(self._statements.connect(), self._statements)

    def needs(self, outage: float) -> list[Finding]:
        return log_needs(self.kind, self.execute, self.places(list(self._tables)), outage)

    def settle(self, timeout: float) -> None:
        """Nothing to wait for: here a transaction is visible to new readers once its commit is in the log, or its
        locks make them wait for it."""

    def watch(self, tables: Sequence[str], ours: bool) -> None:
        """Debezium's connectors tell of alterations themselves."""

    def unread(self) -> int | None:
        return None

    def execute(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self._statements.execute(statement, **parameters)

    def capture(self, tables: Sequence[str]) -> str:
        for statement in self.making(tables):
            self.execute(statement)
        return ""

    def making(self, tables: Sequence[str]) -> list[str]:
        there = self.places(tables)
        absent = [Place(self.home(), table) for table in tables if table not in there.values()]
        return enabling(self.kind, self.execute, [*there, *absent])

    def release(self) -> None:
        """A table that is logged stays so: others may have asked for it too."""


class GenericSide:
    """See `SqlSide`."""

    def __init__(self, connection: Connection, statements: Statements) -> None:
        self.dialect = _DIALECTS.get(connection.dialect.name, connection.dialect.name)
        self._connection, self._statements = connection, statements

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        with self._statements.translated("reading the legacy tables"):
            streaming = self._connection.execution_options(stream_results=True, max_row_buffer=_ROWS)
            try:
                with streaming.exec_driver_sql(sql) as result:
                    for rows in result.partitions(_ROWS):
                        yield from (tuple(python_value(value) for value in row) for row in rows)
            finally:
                # The next call sees a snapshot of its own.
                streaming.rollback()

    def copy_out(self, sql: str, into: BinaryIO) -> bool:
        return False

    def pressure(self) -> Pressure:
        return Pressure()

    def close(self) -> None:
        self._connection.close()
        self._connection.engine.dispose()


def _find(catalog: Inspector, asked: str) -> Place | None:
    """Where the table stands. A name with a dot is first taken as `schema.name`, then as a name with a dot in it."""
    first, dot, rest = asked.partition(".")
    for schema, name in ([(first, rest)] if dot else []) + [("", asked)]:
        if catalog.has_table(normal(catalog.dialect, name), schema=normal(catalog.dialect, schema) or None):
            return Place(schema or _home(catalog), name)
    return None


def _home(catalog: Inspector) -> str:
    return stored(catalog.dialect, catalog.default_schema_name or "")


def _described(catalog: Inspector, asked: str, place: Place) -> Table:
    name, schema = normal(catalog.dialect, place.name), normal(catalog.dialect, place.schema) or None
    columns = [_column(catalog.dialect, each) for each in catalog.get_columns(name, schema=schema)]
    key = catalog.get_pk_constraint(name, schema=schema)["constrained_columns"]
    return Table(asked, tuple(columns), tuple(stored(catalog.dialect, column) for column in key))


def _column(dialect: Dialect, reflected: ReflectedColumn) -> Column:
    type = reflected["type"]
    declared = "unknown" if isinstance(type, NullType) else type.compile(dialect)
    name = stored(dialect, reflected["name"])
    filled = ("default", "identity", "computed")
    default = reflected.get("autoincrement") is True or any(
        reflected.get(each) is not None for each in filled
    )
    return Column(name, field_type(type, dialect.name), reflected["nullable"], declared, default)
