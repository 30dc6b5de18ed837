"""The backlog in a binlog: updates of business partners that wait behind a remembered place of a MariaDB, and arms that drain it.

Reading takes nothing out of a binlog: each arm begins at the same place, which each remembers in its own way.
"""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pymysql
from pymysql.connections import Connection
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.row_event import UpdateRowsEvent
from sqlalchemy.engine import make_url

from benchmarks import debezium, partners
from benchmarks.backlog import TRANSACTION
from strangler.ports import ChangeSource

REMEMBERED: Final = "remembered"
"""The folder with what Debezium knew before the updates."""

FIRST: Final = {"offset.flush.interval.ms": "0"}
"""What Debezium remembers of its one record is written at once."""


class Binlog:
    """`updates` updates of as many partners in the MariaDB database `legacy`, behind the place where the capture began."""

    def __init__(self, home: Path, legacy: str, updates: int) -> None:
        self.home, self.legacy, self.updates = home, legacy, updates
        self.identity, self._place = self._make()

    def source(self) -> ChangeSource:
        """The source that captures what the mapping needs."""
        return partners.source(
            partners.settings(self.legacy, f"sqlite:///{self.home}/store.db", self.home, "mysql")
        )

    def peer(self, number: int) -> float:
        """Debezium's embedded engine, to nowhere."""
        work = self.home / f"peer_{number}"
        shutil.copytree(self.home / REMEMBERED, work)
        return debezium.mariadb_rate(work, self.legacy, partners.TABLE, self.updates, {})

    def limit(self, number: int) -> float:
        """The driver receives the packets of the binlog and drops them."""
        with closing(self._replica(7100 + number)) as replica:
            replica._BinLogStreamReader__connect_to_stream()
            connection: Connection[Any] = replica._stream_connection
            end = self._end()
            began, seen = time.monotonic(), 0
            while seen < end:
                # A packet: a byte that says that it is one, then the event, with its end in the file.
                event = connection._read_packet().get_all_data()
                seen = max(seen, int.from_bytes(event[14:18], "little"))
            return self.updates / (time.monotonic() - began)

    def library(self, number: int) -> float:
        """mysql-replication decodes the rows."""
        with closing(self._replica(7200 + number)) as replica:
            began, seen = time.monotonic(), 0
            for event in replica:
                seen += len(event.rows)
                if seen >= self.updates:
                    break
            return seen / (time.monotonic() - began)

    def _replica(self, number: int) -> BinLogStreamReader:
        file, offset = self._place
        return BinLogStreamReader(
            connection_settings=self._login(),
            server_id=number,
            log_file=file,
            log_pos=offset,
            resume_stream=True,
            blocking=True,
            is_mariadb=True,
            only_events=[UpdateRowsEvent],
            only_tables=[partners.TABLE],
        )

    def _make(self) -> tuple[str, tuple[str, int]]:
        self._execute(partners.MARIADB_CREATE, partners.MARIADB_FILL.format(rows=self.updates))
        self._let_the_peer_remember()
        with closing(self.source()) as source:
            identity = source.prepare()
        file, offset, *_ = self._ask("SHOW MASTER STATUS")
        self._execute(
            *(
                partners.MARIADB_UPDATE.format(low=low, high=min(low + TRANSACTION, self.updates))
                for low in range(0, self.updates, TRANSACTION)
            )
        )
        return identity, (file, int(offset))

    def _let_the_peer_remember(self) -> None:
        """Run Debezium until it has seen one change: then it knows the tables, and a place in the binlog."""
        work, seen = self.home / REMEMBERED, threading.Event()
        work.mkdir()
        writer = threading.Thread(target=self._write_until, args=(seen,))
        writer.start()
        try:
            debezium.mariadb_rate(work, self.legacy, partners.TABLE, 1, FIRST)
        finally:
            seen.set()
            writer.join()

    def _write_until(self, seen: threading.Event) -> None:
        while not seen.wait(0.5):
            self._execute(f"UPDATE {partners.TABLE} SET discount = discount + 1 WHERE id = 1")

    def _end(self) -> int:
        """Where the binlog ends, in the file in which the backlog begins: one is enough for it."""
        file, offset, *_ = self._ask("SHOW MASTER STATUS")
        if file != self._place[0]:
            raise SystemExit("the backlog doesn't fit into one file of the binlog")
        return int(offset)

    def _ask(self, query: str) -> Any:
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()

    def _execute(self, *statements: str) -> None:
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def _connect(self) -> Connection[Any]:
        return pymysql.connect(**self._login(), database=make_url(self.legacy).database, autocommit=True)

    def _login(self) -> dict[str, Any]:
        url = make_url(self.legacy)
        return {"host": url.host, "port": url.port, "user": url.username, "password": url.password}
