"""Records as Debezium 3.5 really wrote them, before PostgreSQL 18 and MariaDB 10.11, in every mode that changes values.

Each file is what one connector wrote of the same work (two tables with every type, keys that change, COPY, TRUNCATE, ALTER TABLE, an
incremental snapshot). Only values of several kilobytes were cut, and headers that name the connector.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from strangler.shapes import Column, FieldType, Table
from strangler_connectors.debezium.envelope import Message, RowMessage, decode
from strangler_connectors.debezium.modes import Modes

FOLDER = Path(__file__).parent / "recorded"

MODES = {
    "pg_default_schema": {},
    "pg_default": {},
    "pg_rendered": {
        "decimal.handling.mode": "string",
        "time.precision.mode": "microseconds",
        "interval.handling.mode": "string",
        "binary.handling.mode": "base64",
        "include.unknown.datatypes": "true",
    },
    "pg_iso": {
        "decimal.handling.mode": "double",
        "time.precision.mode": "isostring",
        "binary.handling.mode": "hex",
        "interval.handling.mode": "string",
        "include.unknown.datatypes": "true",
    },
    "pg_connect_schema": {
        "time.precision.mode": "connect",
        "binary.handling.mode": "base64-url-safe",
        "include.unknown.datatypes": "true",
    },
    "pg_connect": {
        "time.precision.mode": "connect",
        "decimal.handling.mode": "string",
        "include.unknown.datatypes": "true",
    },
    "pg_nano": {"time.precision.mode": "nanoseconds", "decimal.handling.mode": "string"},
    "my_default_schema": {},
    "my_rendered": {
        "decimal.handling.mode": "string",
        "time.precision.mode": "microseconds",
        "bigint.unsigned.handling.mode": "long",
        "binary.handling.mode": "base64",
    },
    "my_precise": {
        "bigint.unsigned.handling.mode": "precise",
        "time.precision.mode": "adaptive_time_microseconds",
    },
    "my_iso": {
        "decimal.handling.mode": "double",
        "time.precision.mode": "isostring",
        "binary.handling.mode": "hex",
        "bigint.unsigned.handling.mode": "precise",
    },
    "my_connect_schema": {
        "time.precision.mode": "connect",
        "bigint.unsigned.handling.mode": "precise",
    },
}
"""File → what its connector was told."""


def modes(name: str) -> Modes:
    connector = (
        "io.debezium.connector.mariadb.MariaDbConnector" if name.startswith("my") else "…PostgresConnector"
    )
    return Modes.of({"connector.class": connector, **MODES[name]})


class Record(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]

    @property
    def message(self) -> Message:
        return decode(self.key, self.value, self.headers)


def records(name: str) -> Iterator[Record]:
    with (FOLDER / f"{name}.jsonl").open() as lines:
        for line in lines:
            each = json.loads(line)
            headers = [
                (header, value.encode() if value is not None else None) for header, value in each["headers"]
            ]
            key, value = (
                each[part].encode() if each[part] is not None else None for part in ("key", "value")
            )
            yield Record(each["offset"], key, value, headers)


def rows(name: str, table: str) -> list[RowMessage]:
    """The messages of one table's rows."""
    messages = (record.message for record in records(name))
    return [each for each in messages if isinstance(each, RowMessage) and each.origin.table == table]


def table(
    name: str, key: tuple[str, ...], removal: tuple[str, ...] | None, *columns: tuple[str, FieldType, str]
) -> Table:
    described = tuple(Column(each, type, each not in key, declared) for each, type, declared in columns)
    return Table(name, described, key, removal)


LINE = (
    ("order", FieldType.INTEGER, "integer"),
    ("No", FieldType.INTEGER, "integer"),
    ("Text", FieldType.TEXT, "text"),
)
