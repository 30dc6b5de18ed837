"""What a source asks of the legacy database behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from strangler.ports import Finding, SqlSide
from strangler.shapes import Table


class Place(NamedTuple):
    """Where a table stands, as the catalog writes it. `schema` is MySQL's and MariaDB's database."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


class Watch(Protocol):
    """Looks at tables whose changes come without word of how the tables are altered."""

    def look(self) -> Sequence[str]:
        """The tables, as configured, that are defined otherwise than at the last look, or when the watch began.

        Raises SourceLost where one isn't captured any more, or is another one: dropped, made anew; Unavailable where the
        database can't be asked.
        """
        ...

    def close(self) -> None: ...


class Database(Protocol):
    """A legacy database, reached directly. Every call but `reader` opens a connection of its own and closes it.

    Callable from any thread. Errors: `Unavailable` when trying again may help, else SourceError.
    """

    @property
    def kind(self) -> str:
        """What it is: `postgresql`, `mysql`, `mariadb`, `mssql`, `oracle`, `db2`, `sqlite`, …"""
        ...

    @property
    def catalog(self) -> str:
        """The name of the database within its server, as the URL gives it; empty where it gives none."""
        ...

    def describe(self, tables: Sequence[str]) -> dict[str, Table]:
        """See `ChangeSource.describe`."""
        ...

    def places(self, tables: Sequence[str]) -> dict[Place, str]:
        """Where rows of the tables that exist are kept → the name as configured; a table that has descendants by
        inheritance in PostgreSQL, whose rows are its rows too, has several places."""
        ...

    def home(self) -> str:
        """The schema in which a table is made that names none."""
        ...

    def reader(self) -> SqlSide:
        """A new read-only connection; values are those of `strangler.changes.Row`."""
        ...

    def needs(self, outage: float) -> list[Finding]:
        """What is missing to read the captured tables' changes from this database's log; see `ChangeSource.examine`."""
        ...

    def settle(self, timeout: float) -> None:
        """Wait until the transactions that are open now have ended, as far as this database tells which there are.
        Raises Unavailable after `timeout` seconds, naming the one that blocks."""
        ...

    def watch(self, tables: Sequence[str], ours: bool) -> Watch | None:
        """Begin to watch tables; `ours`: what `capture` has made is watched too. None where the log itself tells of alterations."""
        ...

    def unread(self) -> int | None:
        """Bytes of the log that the reader of the capture hasn't confirmed yet; None where this isn't known."""
        ...

    def execute(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement in a transaction of its own, with `:name` for each parameter; its rows, if it has any."""
        ...

    def capture(self, tables: Sequence[str]) -> str:
        """Make what this database itself needs so that a log reader sees exactly these tables; idempotent.

        PostgreSQL: slot and publication; SQL Server, Oracle and Db2: that each table's changes are logged. The identity of
        that, which changes when changes in between were lost; empty where nothing of the kind is kept.
        """
        ...

    def making(self, tables: Sequence[str]) -> list[str]:
        """The statements that `capture` would still run for these tables, some of which may not be there yet."""
        ...

    def release(self) -> None:
        """Remove what `capture` made for all tables together (slot and publication). Idempotent."""
        ...
