"""MySQL and MariaDB behind a source that is read otherwise: what their own connector knows, put at the other's disposal."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from typing import Any

from strangler import urls
from strangler.ports import Finding, SqlSide
from strangler.settings import Source
from strangler.shapes import Table
from strangler_connectors.databases import address
from strangler_connectors.databases.database import Place
from strangler_connectors.databases.statements import Statements
from strangler_connectors.mysql.catalog import names, relations
from strangler_connectors.mysql.connection import open_connection, parse_url, translated
from strangler_connectors.mysql.source import MySQLSource


class MySQLDatabase:
    """See `Database`."""

    def __init__(
        self, name: str, settings: Source, tables: Mapping[str, Sequence[str]], keyed: Collection[str]
    ) -> None:
        self._name, self._url = name, settings.url.get_secret_value()
        own = settings.model_copy(update={"kind": "mysql", "options": {}})
        self._connector = MySQLSource(name, own, tables, keyed)
        self._statements = Statements(name, self._url)
        self.kind = urls.kind(self._url)
        self.catalog = address.parse(name, self._url).database

    def describe(self, tables: Sequence[str]) -> dict[str, Table]:
        return self._connector.describe(tables)

    def places(self, tables: Sequence[str]) -> dict[Place, str]:
        with (
            closing(open_connection(parse_url(self._url, self._name), self._name)) as connection,
            translated(self._name, "reading the catalog"),
        ):
            found = relations(connection, names(connection, self.catalog), tables)
            return {Place(each.schema, each.name): each.asked for each in found}

    def home(self) -> str:
        return self.catalog

    def reader(self) -> SqlSide:
        return self._connector.reader()

    def needs(self, outage: float) -> list[Finding]:
        return self._connector.examine(outage)

    def settle(self, timeout: float) -> None:
        # What is in the binlog becomes visible a moment later; with semi-synchronous replicas that may take its time.
        self._connector.safe_position(timeout)

    def watch(self, tables: Sequence[str], ours: bool) -> None:
        """Debezium tells of alterations, in order with the rows."""

    def unread(self) -> int | None:
        return None

    def execute(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self._statements.execute(statement, **parameters)

    def capture(self, tables: Sequence[str]) -> str:
        return ""

    def making(self, tables: Sequence[str]) -> list[str]:
        return []

    def release(self) -> None:
        """Nothing was made: the binlog is the server's."""
