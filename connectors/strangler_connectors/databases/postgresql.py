"""PostgreSQL behind a source that is read otherwise: what its own connector knows, put at the other's disposal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, Final

from psycopg import sql

from strangler.ports import Finding, SqlSide
from strangler.settings import Source
from strangler.shapes import Table
from strangler_connectors.databases import address
from strangler_connectors.databases.database import Place
from strangler_connectors.databases.statements import Statements
from strangler_connectors.postgres.catalog import relations
from strangler_connectors.postgres.connection import open_connection, translated
from strangler_connectors.postgres.source import PostgresSource
from strangler_connectors.postgres.watch import PostgresWatch

_UNREAD: Final = """
SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) FROM pg_replication_slots WHERE slot_name = :slot
"""


class PostgresDatabase:
    """See `Database`. `capture_name` is that of slot and publication."""

    kind = "postgresql"

    def __init__(
        self, name: str, settings: Source, tables: Mapping[str, Sequence[str]], capture_name: str
    ) -> None:
        self._name, self._settings, self._tables = name, settings, dict(tables)
        self._url = settings.url.get_secret_value()
        self._slot = capture_name
        self.catalog = address.parse(name, self._url).database
        self._statements = Statements(name, self._url)

    def describe(self, tables: Sequence[str]) -> dict[str, Table]:
        return self._connector(self._tables).describe(tables)

    def places(self, tables: Sequence[str]) -> dict[Place, str]:
        with (
            closing(open_connection(self._url, self._name)) as connection,
            translated(self._name, "reading the catalog"),
        ):
            return {Place(r.schema, r.name): r.asked for r in relations(connection, tables)}

    def home(self) -> str:
        return str(self.execute("SELECT current_schema()")[0][0])

    def reader(self) -> SqlSide:
        return self._connector(self._tables).reader()

    def needs(self, outage: float) -> list[Finding]:
        return self._connector(self._tables).examine(outage)

    def settle(self, timeout: float) -> None:
        self._connector(self._tables).safe_position(timeout)

    def watch(self, tables: Sequence[str], ours: bool) -> PostgresWatch:
        return PostgresWatch(self._name, self._url, tables, self._slot if ours else "")

    def unread(self) -> int | None:
        rows = self.execute(_UNREAD, slot=self._slot)
        return int(rows[0][0]) if rows else None

    def execute(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self._statements.execute(statement, **parameters)

    def capture(self, tables: Sequence[str]) -> str:
        return self._connector(dict.fromkeys(tables, ())).prepare()

    def making(self, tables: Sequence[str]) -> list[str]:
        places = [self._quoted(place) for place in self.places(tables)]
        missing = sorted(set(tables) - set(self.places(tables).values()))
        listed = ", ".join(f"ONLY {each}" for each in [*places, *missing])
        slot = "SELECT pg_create_logical_replication_slot('{}', 'pgoutput')"
        publication = "CREATE PUBLICATION {} FOR TABLE {} WITH (publish_via_partition_root = true)"
        statements = []
        if not self.execute("SELECT 1 FROM pg_publication WHERE pubname = :name", name=self._slot):
            statements.append(publication.format(sql.Identifier(self._slot).as_string(), listed))
        if not self.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = :name", name=self._slot):
            statements.append(slot.format(self._slot))
        return statements

    def release(self) -> None:
        self._connector({}).drop()

    @staticmethod
    def _quoted(place: Place) -> str:
        return sql.Identifier(place.schema, place.name).as_string()

    def _connector(self, tables: Mapping[str, Sequence[str]]) -> PostgresSource:
        options = {"slot": self._slot} if self._slot else {}
        settings = self._settings.model_copy(update={"kind": "postgres", "options": options})
        return PostgresSource(self._name, settings, tables)
