"""Any database that SQLAlchemy has a dialect for: SQL Server, Oracle, Db2 and the rest.

Names are those of the catalog, letter by letter: Oracle's and Db2's are upper-case where nobody quoted them, and so the
configuration writes them, as the changes and the SELECTs have them too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final

from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.engine.reflection import Inspector

from strangler.ports import Finding, SqlSide
from strangler.settings import Source
from strangler.shapes import Column, Table
from strangler_connectors.databases import address
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
        engine = self._statements.engine()
        with self._statements.translated("reading the catalog"):
            catalog = inspect(engine)
            found = {table: _find(catalog, engine, table) for table in tables}
            return {
                table: _described(catalog, engine, table, place) for table, place in found.items() if place
            }

    def places(self, tables: Sequence[str]) -> dict[Place, str]:
        engine = self._statements.engine()
        with self._statements.translated("reading the catalog"):
            catalog = inspect(engine)
            found = {table: _find(catalog, engine, table) for table in tables}
            return {place: table for table, place in found.items() if place}

    def home(self) -> str:
        engine = self._statements.engine()
        with self._statements.translated("reading the catalog"):
            return _stored(engine, inspect(engine).default_schema_name or "")

    def reader(self) -> SqlSide:
        engine = self._statements.engine()
        with self._statements.translated("connecting"):
            return GenericSide(engine.dialect.name, engine.connect(), self._statements)

    def needs(self, outage: float) -> list[Finding]:
        return log_needs(self.kind, self.execute, self.places(list(self._tables)), outage)

    def settle(self, timeout: float) -> None:
        """Nothing to wait for: here a transaction is visible to new readers once its commit is in the log, or its
        locks make them wait for it."""

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

    def __init__(self, dialect: str, connection: Connection, statements: Statements) -> None:
        self.dialect = _DIALECTS.get(dialect, dialect)
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

    def close(self) -> None:
        self._connection.close()
        self._connection.engine.dispose()


def _find(catalog: Inspector, engine: Engine, asked: str) -> Place | None:
    """Where the table stands. A name with a dot is first taken as `schema.name`, then as a name with a dot in it."""
    first, dot, rest = asked.partition(".")
    for schema, name in ([(first, rest)] if dot else []) + [("", asked)]:
        if catalog.has_table(_normal(engine, name), schema=_normal(engine, schema) if schema else None):
            return Place(schema or _stored(engine, catalog.default_schema_name or ""), name)
    return None


def _described(catalog: Inspector, engine: Engine, asked: str, place: Place) -> Table:
    name = _normal(engine, place.name)
    schema = _normal(engine, place.schema) if place.schema else None
    columns = [_column(engine, each) for each in catalog.get_columns(name, schema=schema)]
    key = catalog.get_pk_constraint(name, schema=schema)["constrained_columns"]
    return Table(asked, tuple(columns), tuple(_stored(engine, column) for column in key))


def _column(engine: Engine, reflected: ReflectedColumn) -> Column:
    type = reflected["type"]
    declared = type.compile(engine.dialect) if type.__visit_name__ != "null" else "unknown"
    return Column(
        _stored(engine, reflected["name"]),
        field_type(type, engine.dialect.name),
        reflected["nullable"],
        declared,
    )


def _normal(engine: Engine, name: str) -> str:
    """The catalog's name as SQLAlchemy wants it: lower-case stands for Oracle's upper-case, and the other way round."""
    if engine.dialect.requires_name_normalize:
        normal: str = engine.dialect.normalize_name(name)  # type: ignore[no-untyped-call,unused-ignore]
        return normal
    return name


def _stored(engine: Engine, name: str) -> str:
    """SQLAlchemy's name as the catalog has it."""
    if engine.dialect.requires_name_normalize and name:
        stored: str = engine.dialect.denormalize_name(name)  # type: ignore[no-untyped-call,unused-ignore]
        return stored
    return str(name)
