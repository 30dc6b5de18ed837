"""Between SQLAlchemy and the driver: real connections for stand-in URLs, and the SQL of relations for their stand-in names.

So neither a password nor a mapping's SQL goes through Great Expectations, which keeps both in what it writes, and reads
`:name` and `{name}` in any SQL as a place to be filled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.engine.interfaces import Dialect

from strangler import urls
from strangler.errors import StranglerError
from strangler.mapping import mysql_session, sqlite_functions
from strangler.quality.checker import Order
from strangler.quality.gathering import STAND_IN

STAND_INS: Final = {
    "postgres": "postgresql+psycopg://strangler@database/checked",
    "mysql": "mysql+pymysql://strangler@database/checked",
    "sqlite": "sqlite:////strangler/checked.db",
}
"""Dialect → the URL that Great Expectations is given."""

ROWS: Final = "/* strangler: rows */"
"""Ends a query whose rows are examples, so that not all of them are fetched."""

_RELATION: Final = re.compile(rf"\b{STAND_IN}[0-9]+\b")
_COLUMNS: Final = re.compile(rf"^SELECT \*\s+FROM ({_RELATION.pattern}|.*\s+WHERE 1 = 1)\s*$", re.DOTALL)
"""The queries by which Great Expectations asks for nothing but the columns, and would fetch all rows."""


@contextmanager
def standing_in(order: Order) -> Iterator[str]:
    """The URL of a database that stands in for that of the order, as long as the block lasts. One at a time in a process."""

    def connected(dialect: Dialect, record: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
        return _OPEN[order.dialect](dialect, order.url)

    def written(
        connection: Connection, cursor: Any, sql: str, parameters: Any, context: Any, many: bool
    ) -> tuple[str, Any]:
        doubled = connection.dialect.paramstyle in ("format", "pyformat")
        return rewritten(sql, order.relations, order.samples, doubled), parameters

    event.listen(Engine, "do_connect", connected)
    event.listen(Engine, "before_cursor_execute", written, retval=True)
    try:
        yield STAND_INS[order.dialect]
    finally:
        event.remove(Engine, "do_connect", connected)
        event.remove(Engine, "before_cursor_execute", written)


def rewritten(sql: str, relations: Mapping[str, str], most: int, doubled: bool) -> str:
    """The statement with the relations' own SQL, and bounded where it would fetch more than is looked at. `doubled`: the driver
    takes a percent sign for a parameter, unless there are two."""

    def relation(found: re.Match[str]) -> str:
        own = relations[found[0]]
        return f"({own.replace('%', '%%') if doubled else own}) AS {found[0]}"

    bounded = sql.rstrip()
    if _COLUMNS.match(sql):
        bounded += " LIMIT 0"
    elif bounded.endswith(ROWS):
        bounded += f" LIMIT {most}"
    # Where a column of the relation is meant, its name stays.
    return re.sub(rf"{_RELATION.pattern}(?!\.)", relation, bounded)


def _postgres(dialect: Dialect, url: str) -> Any:
    from strangler_adapters.sql_postgres import open_connection

    connection = open_connection("the database that is checked", url)
    connection.read_only = True
    return connection


def _mysql(dialect: Dialect, url: str) -> Any:
    real = make_url(url).set(drivername="mysql+pymysql")
    arguments, named = dialect.create_connect_args(real)
    connection = dialect.loaded_dbapi.connect(*arguments, **named, charset="utf8mb4", autocommit=True)
    with connection.cursor() as cursor:
        for statement in (*mysql_session.STATEMENTS, "SET SESSION TRANSACTION READ ONLY"):
            cursor.execute(statement)
    return connection


def _sqlite(dialect: Dialect, url: str) -> Any:
    from strangler_adapters.sql_sqlite import open_reader

    connection = open_reader("the database that is checked", Path(urls.sqlite_path(url)))
    sqlite_functions.register(connection)
    return connection


_OPEN: Final = {"postgres": _postgres, "mysql": _mysql, "sqlite": _sqlite}


def why(error: BaseException) -> str:
    """What an error says, without the statement that SQLAlchemy adds to it, whose parameters are values."""
    if isinstance(error, StranglerError):
        return error.why or error.what
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
