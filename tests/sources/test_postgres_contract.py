"""The PostgreSQL connector passes the conformance suite of its port."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from pydantic import SecretStr

from strangler.ports import ChangeSource
from strangler.settings import Source
from strangler.testing.change_source import (
    Alteration,
    Capabilities,
    ChangeSourceContract,
    Write,
    alteration_statement,
    statement,
)
from strangler_connectors.postgres import connect
from tests.sources.slots import drop_slot

SCHEMA = """
CREATE TABLE customer (id integer PRIMARY KEY, name text, note text, credit numeric(12,2));
CREATE TABLE "order-line" ("order" integer, "No" integer, "Text" text, PRIMARY KEY ("No", "order"));
CREATE TABLE scribble (text text);
"""


class PostgresLegacy:
    """A database on the test server, written by an ordinary client."""

    capabilities = Capabilities(unchanged=True, truncate=True, copy=True, load=True)

    def __init__(self, url: str) -> None:
        self.url = url
        # Slots are known to the whole cluster, so each test's has a name of its own.
        self.slot = "strangler_" + url.rsplit("/", 1)[1]
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(SCHEMA)

    def source(self, tables: Mapping[str, Sequence[str]], heartbeat: float) -> ChangeSource:
        settings = Source(
            kind="postgres",
            url=SecretStr(self.url),
            heartbeat=timedelta(seconds=heartbeat),
            options={"slot": self.slot},
        )
        return connect("erp", settings, tables)

    @contextmanager
    def transaction(self) -> Iterator[Callable[[Write], None]]:
        with psycopg.connect(self.url) as connection:

            def write(each: Write) -> None:
                sql, parameters = statement(each, "%s")
                connection.execute(sql.encode(), parameters)

            yield write

    def alter(self, alteration: Alteration) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(alteration_statement(alteration).encode())

    def replace_capture(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            drop_slot(connection.execute, self.slot)
            connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [self.slot])

    def traces(self) -> object:
        with psycopg.connect(self.url) as connection:
            return connection.execute(
                """
                SELECT ARRAY(SELECT slot_name::text FROM pg_replication_slots WHERE database = current_database()),
                    ARRAY(SELECT pubname::text FROM pg_publication),
                    ARRAY(SELECT prrelid::regclass::text FROM pg_publication_rel ORDER BY 1),
                    ARRAY(SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1),
                    (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_proc)
                """
            ).fetchall()


class TestPostgres(ChangeSourceContract):
    @pytest.fixture
    def legacy(self, postgres_url: str) -> Iterator[PostgresLegacy]:
        database = PostgresLegacy(postgres_url)
        yield database
        database.source({"customer": ["name"]}, 30.0).drop()
