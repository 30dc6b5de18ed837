"""MySQL and MariaDB behind a source that is read otherwise: what their own connector knows, put at the other's disposal."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from strangler import urls
from strangler.errors import Unavailable
from strangler.ports import Finding, SqlSide
from strangler.settings import Source
from strangler.shapes import Table
from strangler_connectors.databases import address
from strangler_connectors.databases.database import Place
from strangler_connectors.databases.statements import Statements
from strangler_connectors.mysql.source import MySQLSource

# A transaction is in the binlog before it is visible, and with semi-synchronous replicas that may take its time.
_OPEN: Final = """
SELECT trx_id, trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, trx_started, NOW()), LEFT(trx_query, 200)
FROM information_schema.innodb_trx WHERE trx_rows_modified > 0 OR trx_state = 'COMMITTING' ORDER BY trx_started
"""


class MysqlDatabase:
    """See `Database`."""

    def __init__(self, name: str, settings: Source, tables: Mapping[str, Sequence[str]]) -> None:
        self._name, url = name, settings.url.get_secret_value()
        own = settings.model_copy(update={"kind": "mysql", "options": {}})
        self._connector = MySQLSource(name, own, tables)
        self._statements = Statements(name, url)
        self.kind = urls.kind(url)
        self.catalog = address.parse(name, url).database

    def describe(self, tables: Sequence[str]) -> dict[str, Table]:
        return self._connector.describe(tables)

    def places(self, tables: Sequence[str]) -> dict[Place, str]:
        return {self._place(table): table for table in self.describe(tables)}

    def home(self) -> str:
        return self.catalog

    def reader(self) -> SqlSide:
        return self._connector.reader()

    def needs(self, outage: float) -> list[Finding]:
        return self._connector.examine(outage)

    def settle(self, timeout: float) -> None:
        deadline, pause = time.monotonic() + timeout, 0.005
        waiting = {row[0] for row in self.execute(_OPEN)}
        while waiting:
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)
            still = [row for row in self.execute(_OPEN) if row[0] in waiting]
            if still and time.monotonic() > deadline:
                raise self._blocked(*still[0])
            waiting = {row[0] for row in still}

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

    def _place(self, table: str) -> Place:
        schema, dot, name = table.partition(".")
        return Place(schema, name) if dot else Place(self.catalog, table)

    def _blocked(self, id: str, thread: int, age: int, query: str | None) -> Unavailable:
        return Unavailable(
            f"source {self._name}: an open transaction in the legacy database doesn't end",
            why=f"connection {thread} is in it for {age} s" + (f", its statement: {query}" if query else ""),
            do=f"wait for it to end, or end it: KILL {thread}",
        )
