"""The reader: PostgreSQL as a `SqlSide`, for backfill and reconciliation.

Rows are streamed by libpq's chunked rows mode, not by a cursor: a cursor rules out parallel plans, and the
checksums of reconciliation live by them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

from psycopg import Connection
from psycopg.adapt import Buffer, Loader

from strangler.ports import Pressure
from strangler.pressure import POSTGRES, of_postgres
from strangler_connectors.postgres.connection import translated
from strangler_connectors.postgres.values import CONVERTERS, TYPES

SESSION: Final = {
    "default_transaction_read_only": "on",
    # PostgreSQL can't know that checksums come in few groups, and would write the rows to disk to sort them: twice the time.
    "enable_sort": "off",
}
"""The settings of a reader's session."""

_ROWS: Final = 1000
"""Rows that are fetched, or written, at once: each fetch and each write costs a call."""


class PostgresSide:
    """See `SqlSide`. Values are those of `strangler.changes.Row`, as in the stream."""

    dialect = "postgres"

    def __init__(self, name: str, connection: Connection[Any]) -> None:
        self._name, self._connection = name, connection
        for info in connection.adapters.types:
            for oid in (info.oid, info.array_oid):
                if oid:
                    connection.adapters.register_loader(oid, _TextLoader)
        for oid, type in TYPES.items():
            connection.adapters.register_loader(oid, _loader(CONVERTERS[type]))

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        with translated(self._name, "reading the legacy tables"), self._connection.cursor() as cursor:
            yield from cursor.stream(sql.encode(), size=_ROWS)

    def copy_out(self, sql: str, into: BinaryIO) -> bool:
        with (
            translated(self._name, "reading the legacy tables"),
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY ({sql}) TO STDOUT".encode()) as copy,
        ):
            gathered: list[Buffer] = []
            for row in copy:
                gathered.append(row)
                if len(gathered) == _ROWS:
                    into.write(b"".join(gathered))
                    gathered.clear()
            into.write(b"".join(gathered))
        return True

    def pressure(self) -> Pressure:
        with translated(self._name, "asking how busy the server is"):
            row = self._connection.execute(POSTGRES).fetchone()
            assert row is not None
            return of_postgres(row)

    def close(self) -> None:
        self._connection.close()


class _TextLoader(Loader):
    def load(self, data: Buffer) -> str:
        return bytes(data).decode()


def _loader(convert: Callable[[bytes], Any]) -> type[Loader]:
    class Converting(Loader):
        def load(self, data: Buffer) -> Any:
            return convert(bytes(data))

    return Converting
