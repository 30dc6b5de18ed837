"""The peer in memory passes the conformance suite of its port."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from strangler.changes import Operation
from strangler.ports import ChangeSource
from strangler.shapes import Column, FieldType, Table
from strangler.testing.change_source import (
    CUSTOMER,
    LINE,
    SCRIBBLE,
    Alteration,
    Capabilities,
    ChangeSourceContract,
    Write,
)
from strangler.testing.memory_source import MemoryDatabase, MemorySource


def _column(name: str, type: FieldType, declared: str, nullable: bool = True) -> Column:
    return Column(name, type, nullable, declared)


TABLES = [
    Table(
        CUSTOMER,
        (
            _column("id", FieldType.INTEGER, "integer", False),
            _column("name", FieldType.TEXT, "text"),
            _column("note", FieldType.TEXT, "text"),
            _column("credit", FieldType.DECIMAL, "numeric(12,2)"),
        ),
        ("id",),
    ),
    Table(
        LINE,
        (
            _column("order", FieldType.INTEGER, "integer", False),
            _column("No", FieldType.INTEGER, "integer", False),
            _column("Text", FieldType.TEXT, "text"),
        ),
        ("No", "order"),
    ),
    Table(SCRIBBLE, (_column("text", FieldType.TEXT, "text"),), ()),
]


class MemoryLegacy:
    capabilities = Capabilities(truncate=True)

    def __init__(self) -> None:
        self.database = MemoryDatabase(TABLES)

    def source(self, tables: Mapping[str, Sequence[str]], heartbeat: float) -> ChangeSource:
        return MemorySource("erp", self.database, tables, heartbeat)

    @contextmanager
    def transaction(self) -> Iterator[Callable[[Write], None]]:
        with self.database.transaction() as transaction:

            def write(each: Write) -> None:
                match each.operation:
                    case Operation.INSERT:
                        for row in (each.values, *each.others):
                            transaction.insert(each.table, row)
                    case Operation.UPDATE:
                        transaction.update(each.table, each.where, each.values)
                    case Operation.DELETE:
                        transaction.delete(each.table, each.where)
                    case Operation.TRUNCATE:
                        transaction.truncate(each.table)

            yield write

    def alter(self, alteration: Alteration) -> None:
        table = self.database.tables[alteration.table]
        columns = [column for column in table.columns if column.name != alteration.column]
        if alteration.action != "drop":
            columns.append(_column(alteration.column, FieldType.TEXT, alteration.type))
        self.database.alter(replace(table, columns=tuple(columns)))

    def replace_capture(self) -> None:
        source = self.source({CUSTOMER: ["name"]}, 30.0)
        source.drop()
        source.prepare()

    def traces(self) -> object:
        return {name: (capture.identity, capture.tables) for name, capture in self.database.captures.items()}


class TestMemory(ChangeSourceContract):
    @pytest.fixture
    def legacy(self) -> MemoryLegacy:
        return MemoryLegacy()
