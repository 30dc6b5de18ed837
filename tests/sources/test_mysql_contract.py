"""The MySQL connector passes the conformance suite of its port, on a real MariaDB.

`STRANGLER_TEST_MARIADB` may name another server, a MySQL too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import pymysql
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from strangler.ports import ChangeSource
from strangler.settings import Source
from strangler.testing.change_source import (
    Alteration,
    Capabilities,
    ChangeSourceContract,
    Write,
    statement,
)
from strangler.testing.mariadb import Standing, standing_or_private
from strangler_connectors.mysql import connect

SCHEMA = (
    "CREATE TABLE customer (id integer PRIMARY KEY, name text, note text, credit numeric(12,2))",
    'CREATE TABLE "order-line" ("order" integer, "No" integer, "Text" text, PRIMARY KEY ("No", "order"))',
    "CREATE TABLE scribble (text text)",
)


def erp(url: str) -> Any:
    """A connection of an ordinary client, whose double quotes stand around names."""
    parts = make_url(url)
    return pymysql.connect(
        host=parts.host, port=parts.port or 3306, user=parts.username, password=parts.password or "",
        database=parts.database, sql_mode="ANSI",
    )  # fmt: skip


def execute(url: str, *statements: str) -> None:
    """Run statements of the ERP, each in a transaction of its own."""
    with closing(erp(url)) as connection, connection.cursor() as cursor:
        for each in statements:
            cursor.execute(each)
            connection.commit()


def source_of(url: str, tables: Mapping[str, Sequence[str]], heartbeat: float = 30.0) -> ChangeSource:
    """A source of these tables on the database at `url`."""
    settings = Source(kind="mysql", url=SecretStr(url), heartbeat=timedelta(seconds=heartbeat))
    return connect("erp", settings, tables)


def is_mariadb(url: str) -> bool:
    with closing(erp(url)) as connection:
        return "MariaDB" in connection.get_server_info()


class MySQLLegacy:
    """A database on the test server, written by an ordinary client."""

    capabilities = Capabilities(truncate=True, keeps=True, load=True)

    def __init__(self, url: str) -> None:
        self.url = url
        execute(url, *SCHEMA)

    def source(self, tables: Mapping[str, Sequence[str]], heartbeat: float) -> ChangeSource:
        return source_of(self.url, tables, heartbeat)

    @contextmanager
    def transaction(self) -> Iterator[Callable[[Write], None]]:
        with closing(erp(self.url)) as connection, connection.cursor() as cursor:

            def write(each: Write) -> None:
                cursor.execute(*statement(each, "%s"))

            yield write
            connection.commit()

    def alter(self, alteration: Alteration) -> None:
        action, table, column, type = alteration
        how = {
            "add": f'ADD COLUMN "{column}" {type}',
            "drop": f'DROP COLUMN "{column}"',
            "retype": f'MODIFY COLUMN "{column}" {type}',
        }
        execute(self.url, f'ALTER TABLE "{table}" {how[action]}')

    def replace_capture(self) -> None:
        with closing(erp(self.url)) as connection, connection.cursor() as cursor:
            mariadb = "MariaDB" in connection.get_server_info()
            cursor.execute("RESET MASTER" if mariadb else "RESET BINARY LOGS AND GTIDS")

    def traces(self) -> object:
        with closing(erp(self.url)) as connection, connection.cursor() as cursor:
            found = []
            for query in (
                "SELECT table_name FROM information_schema.tables WHERE table_schema = database() ORDER BY 1",
                "SELECT count(*) FROM information_schema.triggers",
                "SELECT count(*) FROM information_schema.routines",
                "SELECT count(*) FROM information_schema.events",
                "SELECT user, host FROM mysql.user ORDER BY 1, 2",
            ):
                cursor.execute(query)
                found.append(cursor.fetchall())
            return found


@pytest.fixture(scope="module")
def own_mariadb() -> Iterator[Standing]:
    """A server of this module's own: one test begins its binlog anew."""
    with standing_or_private() as running:
        yield running


class TestMySQL(ChangeSourceContract):
    @pytest.fixture
    def legacy(self, own_mariadb: Standing, request: pytest.FixtureRequest) -> Iterator[MySQLLegacy]:
        name = f"contract_{abs(hash(request.node.name)) % 10**8}"
        own_mariadb.drop_database(name)
        yield MySQLLegacy(own_mariadb.create_database(name))
        own_mariadb.drop_database(name)
