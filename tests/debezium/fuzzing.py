"""What is fuzzed, and what must hold whatever comes: for Hypothesis in the suite and for atheris beside it.

A record goes through everything from bytes to transactions. What comes out is a clean error, or rows of which each value either
can be written back as the message had it or is of a class that no mapping reads in its column.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final

from strangler.changes import ORIGIN, UNCHANGED, Position, Transaction
from strangler.errors import SourceError
from strangler.mapping.reading import CLASSES
from strangler.shapes import Column, FieldType, Table
from strangler_connectors.debezium.assembling import Assembler
from strangler_connectors.debezium.changing import Changing
from strangler_connectors.debezium.envelope import RowMessage, decode
from strangler_connectors.debezium.merging import Merger
from strangler_connectors.debezium.modes import Modes
from strangler_connectors.debezium.values import Reading
from tests.debezium.recordings import Record, modes, records
from tests.debezium.test_values import MARIADB, POSTGRES, REFUSED, REFUSED_OF_MARIADB, UNKNOWN

F = FieldType
EPOCH: Final = datetime(1970, 1, 1)

LINE: Final = Table(
    "line",
    (
        Column("order", F.INTEGER, False, "integer"),
        Column("No", F.INTEGER, False, "integer"),
        Column("Text", F.TEXT, True, "text"),
    ),
    ("No", "order"),
    ("No", "order"),
)


@cache
def wanted(name: str) -> Mapping[tuple[str, str], Reading]:
    """All the columns of the recorded tables that can be read in the file's modes."""
    mariadb = name.startswith("my")
    refused: Iterable[str] = REFUSED_OF_MARIADB[name] if mariadb else {*REFUSED[name], *UNKNOWN}
    columns = tuple(
        Column(each, type, each != "id", declared)
        for each, type, declared, _ in (MARIADB if mariadb else POSTGRES)
        if each not in refused
    )
    every = Table("every", columns, ("id",), None if mariadb else ("id",))
    schema = "shop" if mariadb else "public"
    return {
        (schema, each.name): Reading(each, frozenset(c.name for c in each.columns)) for each in (every, LINE)
    }


def transactions(
    name: str, stream: Iterable[Record], after: Position = ORIGIN, merging: bool = False
) -> list[Transaction]:
    """What becomes of the records, checked. An error that isn't clean goes through."""
    make = Merger if merging else Assembler
    schema = "shop" if name.startswith("my") else "public"
    into = make(wanted(name), modes(name), after, heartbeat=(schema, "strangler_heartbeat"))
    given: list[Transaction] = []
    with suppress(SourceError):
        for offset, record in enumerate(stream):
            message = decode(record.key, record.value, record.headers)
            given += [each.transaction for each in into.feed(message, 0, offset)]
    check_order(given, after)
    return given


def check_order(given: Iterable[Transaction], after: Position) -> None:
    last: str = after
    for transaction in given:
        for change in transaction.changes:
            assert change.position > last, (change.position, last)
            last = change.position
        assert transaction.position >= last
        last = transaction.position


def check_row(name: str, record: Record) -> None:
    """One record by itself: its values are right or unreadable."""
    transactions(name, [record])
    with suppress(SourceError):
        message = record.message
        if not isinstance(message, RowMessage):
            return
        change = Changing(wanted(name), modes(name), "").change(message, ORIGIN)
        if change is None or change.after is None or message.after is None or message.fields:
            return
        table = wanted(name)[message.origin.name].table
        for column in table.columns:
            check_value(column, message.after[column.name], change.after[column.name], modes(name))


def check_value(column: Column, json: Any, value: Any, told: Modes) -> None:
    """A value of the column's class says what the message says; of any other class it is read by no mapping."""
    if value is UNCHANGED or (value is not None and type(value) is not CLASSES[column.type]):
        return
    if value is None:
        # A zero date is NULL.
        assert json is None or column.declared.startswith(("date", "timestamp")), (column, json)
        return
    assert says(column, json, value, told), (column, json, value)


def says(column: Column, json: Any, value: Any, told: Modes) -> bool:
    """Whether the value is the message's, by ways other than those of the readers where they can be told."""
    declared = column.declared
    match column.type:
        case F.INTEGER if isinstance(json, int) and declared != "year(4)":
            return bool(value % (1 << 64) == json % (1 << 64))
        case F.BOOLEAN:
            return bool(value == json)
        case F.FLOAT:
            return bool(
                value == float(json) or value != value or abs(value - json) <= abs(json) * 1e-6 + 1e-45
            )
        case F.DECIMAL if isinstance(json, str) and told.decimal == "string":
            written = json.replace("POSITIVE_", "").replace("NEGATIVE_", "-")
            return bool(value.is_nan() or Decimal(written) == value)
        case F.DATE if isinstance(json, int):
            return bool((value - date(1970, 1, 1)).days == json)
        case F.TIMESTAMP if isinstance(json, int) and told.time == "microseconds":
            return bool((value - EPOCH) // timedelta(microseconds=1) == json)
        case F.BYTES if isinstance(json, str) and told.binary == "bytes" and not declared.startswith("bi"):
            return bool(value == b64decode(json.replace("-", "+").replace("_", "/") + "==="))
        case F.JSON:
            return bool(value == json)
        case F.TEXT if declared.startswith(("character", "text", "varchar", "char(")) and "[" not in declared:
            return bool(value == json)
    return True


@cache
def recorded(name: str) -> tuple[Record, ...]:
    return tuple(records(name))
