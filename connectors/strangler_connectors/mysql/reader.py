"""The reader: MySQL or MariaDB as a `SqlSide`, for backfill and reconciliation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, BinaryIO, Final

from pymysql.connections import Connection
from pymysql.constants import FIELD_TYPE
from pymysql.cursors import SSCursor
from pymysql.protocol import FieldDescriptorPacket

from strangler.errors import SourceError
from strangler.ports import Pressure
from strangler.shapes import FieldType
from strangler_connectors.mysql.connection import translated
from strangler_connectors.mysql.pressure import pressure
from strangler_connectors.mysql.values import CONVERTERS

_ROWS: Final = 1000
"""Rows that are taken at once: each call costs more than a row."""

_INTEGERS: Final = (
    FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG, FIELD_TYPE.YEAR,
)  # fmt: skip
_TYPES: Final = {
    **dict.fromkeys(_INTEGERS, FieldType.INTEGER),
    FIELD_TYPE.DECIMAL: FieldType.DECIMAL,
    FIELD_TYPE.NEWDECIMAL: FieldType.DECIMAL,
    FIELD_TYPE.DOUBLE: FieldType.FLOAT,
    FIELD_TYPE.DATE: FieldType.DATE,
    FIELD_TYPE.NEWDATE: FieldType.DATE,
    FIELD_TYPE.TIME: FieldType.TIME,
    FIELD_TYPE.DATETIME: FieldType.TIMESTAMP,
    FIELD_TYPE.TIMESTAMP: FieldType.INSTANT,
}
"""The types of a result. What isn't here is text, or bytes where it is binary, as the driver gives it."""

_SNAPSHOT: Final = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
"""A snapshot of its own for each query. It takes REPEATABLE READ, in which connections are opened."""


class MySQLSide:
    """See `SqlSide`. Values are those of `strangler.changes.Row`, as in the stream.

    A FLOAT is printed by the server with six digits, which is another number: write `column + 0e0`; as it stands it is refused.
    """

    dialect = "mysql"

    def __init__(self, name: str, connection: Connection[Any]) -> None:
        self._name, self._connection = name, connection

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        with translated(self._name, "reading the legacy tables"):
            self._execute(_SNAPSHOT)
            try:
                with closing(SSCursor(self._connection)) as cursor:
                    cursor.execute(sql)
                    yield from self._converted(cursor)
            finally:
                if self._connection.open:  # Rows that nobody read to their end may outlive the side.
                    self._execute("ROLLBACK")

    def copy_out(self, sql: str, into: BinaryIO) -> bool:
        """False: the server writes no text of this kind."""
        return False

    def pressure(self) -> Pressure:
        with translated(self._name, "asking how busy the server is"):
            return pressure(self._connection)

    def close(self) -> None:
        self._connection.close()

    def _execute(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)

    def _converted(self, cursor: SSCursor) -> Iterator[tuple[Any, ...]]:
        converters = self._converters(cursor)
        while rows := cursor.fetchmany(_ROWS):
            yield from _converted(rows, converters) if converters else rows

    def _converters(self, cursor: SSCursor) -> list[tuple[int, Callable[[Any], Any]]]:
        """The places in a row whose text is to be converted."""
        fields: Sequence[FieldDescriptorPacket] = cursor._result.fields if cursor._result else ()
        found: list[tuple[int, Callable[[Any], Any]]] = []
        for place, field in enumerate(fields):
            if field.type_code == FIELD_TYPE.FLOAT:
                raise SourceError(
                    f"source {self._name}: the column {field.name} of a query is a FLOAT",
                    why="the server would print it with six digits, which is another number",
                    do="write `column + 0e0`",
                )
            if field.type_code == FIELD_TYPE.BIT and field.length == 1:
                found.append((place, _is_one))
            elif field.type_code in _TYPES:
                found.append((place, CONVERTERS[_TYPES[field.type_code]]))
        return found


def _is_one(value: Any) -> bool:
    return bool(value == b"\x01")


def _converted(
    rows: Sequence[tuple[Any, ...]], converters: Sequence[tuple[int, Callable[[Any], Any]]]
) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        values = list(row)
        for place, convert in converters:
            if values[place] is not None:
                values[place] = convert(values[place])
        yield tuple(values)
