"""A small ERP of six tables, the entity that is made of them, and clerks who change them at random."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from typing import Any

from strangler.changes import Change, Operation, Position, Row, Transaction
from strangler.mapping import EntityMapping, compile_entity
from strangler.mapping.sqlite_functions import register
from strangler.settings import Entity
from strangler.shapes import Column, FieldType, Table

T, I = FieldType.TEXT, FieldType.INTEGER  # noqa: E741


def _table(table_name: str, key: tuple[str, ...], **columns: FieldType) -> Table:
    return Table(
        table_name,
        tuple(Column(name, kind, name not in key, kind.value) for name, kind in columns.items()),
        key,
    )


TABLES = {
    table.name: table
    for table in (
        _table("sale", ("id",), id=I, party=I, state=T, unmapped=I),
        _table("party", ("id",), id=I, name=T, lang=I),
        _table("lang", ("id",), id=I, code=T),
        _table("line", ("id",), id=I, sale=I, qty=I, product=T),
        _table("line_tax", ("line", "tax"), line=I, tax=I),
        _table("makt", ("product", "lang"), product=T, lang=T, txt=T),
    )
}

ENTITY: dict[str, Any] = {
    "table": "sale",
    "key": "sale_id",
    "join": {
        "p": {"table": "party", "on": {"id": "party"}},
        "lang": {"table": "lang", "on": {"id": "p.lang"}},
    },
    "where": "state <> 'draft'",
    "fields": {"sale_id": "id", "party": "UPPER(p.name)", "state": "state", "lang": "lang.code"},
    "events": {
        "created": "SalePlaced",
        "changed": [{"name": "SaleMoved", "when": "before.p.name <> p.name"}],
        "removed": "SaleCancelled",
    },
    "children": {
        "lines": {
            "table": "line",
            "on": {"sale": "id"},
            "key": "line_id",
            "where": "qty > 0",
            "join": {"t": {"table": "makt", "on": {"product": "product", "lang": "'E'"}}},
            "fields": {"line_id": "id", "qty": "qty", "text": "t.txt", "state": "parent.state"},
            "children": {
                "taxes": {
                    "table": "line_tax",
                    "on": {"line": "id"},
                    "key": "tax_id",
                    "fields": {"tax_id": "tax", "lang": "parent.parent.lang.code", "text": "parent.t.txt"},
                }
            },
        }
    },
}


def sale(**changes: Any) -> EntityMapping:
    """The entity's mapping, with other settings where wanted."""
    entity = Entity.model_validate({**ENTITY, **changes})
    return compile_entity("sales", "sale", entity, TABLES["sale"], others=TABLES)


class Erp:
    """The six tables in SQLite, and the transactions that were made on them."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.database = sqlite3.connect(":memory:")
        register(self.database)
        for table in TABLES.values():
            columns = ", ".join(f"{column.name} {column.declared}" for column in table.columns)
            self.database.execute(
                f"CREATE TABLE {table.name} ({columns}, PRIMARY KEY ({', '.join(table.key)}))"
            )
        self.rows: dict[str, dict[tuple[Any, ...], Row]] = {name: {} for name in TABLES}
        self._number = 0

    def work(self, most: int = 6) -> Transaction:
        """One transaction of a few changes."""
        self._number += 1
        changes = [change for _ in range(self._random.randint(1, most)) for change in self._change()]
        changes = [
            change._replace(position=Position(f"{self._number:08}/{index:04}"))
            for index, change in enumerate(changes)
        ]
        position = Position(f"{self._number:08}/{len(changes):04}")
        return Transaction(position, str(self._number), float(self._number), changes)

    def aggregates(self, mapping: EntityMapping) -> dict[str, dict[str, Any]]:
        """Every aggregate as it is now, put together from what the database itself makes of each part. By key."""
        found = {}
        root, lines, taxes = mapping.parts()
        for values in self._asked(root):
            below = [line for line in self._asked(lines) if line["sale_id"] == values["sale_id"]]
            found[f"[{values['sale_id']}]"] = values | {
                "lines": [
                    _without(line, "sale_id")
                    | {
                        "taxes": [
                            _without(tax, "sale_id", "line_id")
                            for tax in self._asked(taxes)
                            if tax["line_id"] == line["line_id"]
                        ]
                    }
                    for line in below
                ]
            }
        return found

    def read(self, table: str) -> list[Row]:
        return list(self.rows[table].values())

    def _asked(self, part: EntityMapping) -> list[dict[str, Any]]:
        sql = part.select("sqlite").rows_sql()
        assert sql is not None
        names = [field.name for field in part.shape.fields]
        rows = [dict(zip(names, values, strict=True)) for values in self.database.execute(sql)]
        return sorted(rows, key=lambda row: [row[name] for name in part.shape.key])

    def _change(self) -> Iterator[Change]:
        name = self._random.choice(
            ["sale", "sale", "party", "lang", "line", "line", "line", "line_tax", "makt"]
        )
        table, there = TABLES[name], self.rows[name]
        row = self._row(name)
        key = tuple(row[column] for column in table.key)
        old = there.get(key)
        if old is None:
            yield self._made(name, Operation.INSERT, None, row)
        elif self._random.random() < 0.25:
            yield self._made(name, Operation.DELETE, old, None)
        else:
            column = self._random.choice([column.name for column in table.columns])
            changed = {**old, column: row[column]}
            moved = self._row(name) if name == "sale" and self._random.random() < 0.1 else changed
            if tuple(moved[each] for each in table.key) in there and moved is not changed:
                moved = changed
            yield self._made(name, Operation.UPDATE, old, moved)

    def _made(self, name: str, operation: Operation, before: Row | None, after: Row | None) -> Change:
        table = TABLES[name]
        if before is not None:
            key = tuple(before[each] for each in table.key)
            del self.rows[name][key]
            condition = " AND ".join(f"{each} = ?" for each in table.key)
            self.database.execute(f"DELETE FROM {name} WHERE {condition}", key)
        if after is not None:
            self.rows[name][tuple(after[each] for each in table.key)] = after
            marks = ", ".join("?" * len(after))
            self.database.execute(f"INSERT INTO {name} VALUES ({marks})", tuple(after.values()))
        moved = before and after and any(before[each] != after[each] for each in table.key)
        told = before if operation is Operation.DELETE or moved else None
        return Change(Position(""), name, operation, told and {each: told[each] for each in table.key}, after)

    def _row(self, name: str) -> dict[str, Any]:
        pick, some = self._random.choice, self._random.randint
        match name:
            case "sale":
                state = pick(["draft", "open", "open", "done", None])
                return {
                    "id": some(1, 6),
                    "party": pick([None, 1, 2, 3]),
                    "state": state,
                    "unmapped": some(1, 9),
                }
            case "party":
                return {"id": some(1, 4), "name": pick(["ann", "bob", None]), "lang": pick([None, 1, 2])}
            case "lang":
                return {"id": some(1, 3), "code": pick(["en", "de", None])}
            case "line":
                product = pick(["a", "b", None])
                return {
                    "id": some(1, 14),
                    "sale": pick([None, 1, 2, 3, 4, 7]),
                    "qty": some(-1, 3),
                    "product": product,
                }
            case "line_tax":
                return {"line": some(1, 14), "tax": some(1, 3)}
            case _:
                return {
                    "product": pick(["a", "b"]),
                    "lang": pick(["E", "D"]),
                    "txt": pick(["Apple", "Pear", None]),
                }


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
