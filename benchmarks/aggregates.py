"""The arms of aggregates: our mirror, the same aggregates asked of SQLite after each transaction, and nothing but keeping the rows."""

from __future__ import annotations

import itertools
import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks import arms, orders
from strangler.boundary import Boundary, Translation
from strangler.changes import ORIGIN, Transaction
from strangler.collector import collect_seldom
from strangler.mapping import EntityMapping
from strangler.mapping.sqlite_functions import register
from strangler.mirror import Mirror
from strangler.mirror.file import MirrorFile

MEANING: Final = {
    "ours": "rows kept, aggregates evaluated, one event each",
    "peer": "rows kept in SQLite, our SELECT asked for each that is touched",
    "limit": "rows kept in SQLite, nothing asked",
}

BATCH: Final = 2_000
"""Changes that are made durable at once, as in the stream."""

ORDERS: Final = 100_000
"""Orders that are there before."""

Make = Callable[[int, int], list[Transaction]]


def prepare(
    home: Path, server: None, changes: int, *, mapping: Callable[[], EntityMapping], make: Make
) -> dict[str, arms.Arm]:
    made, compiled = make(changes, ORDERS), mapping()
    collect_seldom()
    tables = list(compiled.tables())
    return {
        "ours": partial(ours, home, compiled, made),
        "peer": partial(plain, home, tables, made, compiled),
        "limit": partial(plain, home, tables, made, None),
    }


def ours(home: Path, mapping: EntityMapping, made: Sequence[Transaction], number: int) -> float:
    """Changes per second of processor time, the writing of the mirror's file included."""
    boundary = Boundary([mapping], mirror=filled(home / f"ours{number}.db", mapping, ORDERS))
    mirror = boundary.mirror
    assert mirror is not None
    began, changes = time.process_time(), 0
    for batch in batches(made):
        result = Translation([], [])
        mirror.bring(batch)
        for transaction in batch:
            boundary.translate(transaction, result)
            changes += len(transaction.changes)
        mirror.commit(batch[-1].position)
    spent = time.process_time() - began
    mirror.close()
    return changes / spent


def filled(path: Path, mapping: EntityMapping, count: int) -> Mirror:
    """A mirror of so many orders."""
    path.unlink(missing_ok=True)
    mirror = Mirror(MirrorFile(path), [mapping])
    mirror.open("benchmark")
    mirror.fill(
        "benchmark",
        ORIGIN,
        lambda layout: ((table, orders.rows(table, count)) for table in layout.tables),
        lambda: ORIGIN,
    )
    return mirror


def plain(
    home: Path,
    tables: Sequence[str],
    made: Sequence[Transaction],
    mapping: EntityMapping | None,
    number: int,
) -> float:
    """The legacy tables in SQLite as they are; with a mapping each touched order is asked for after each transaction."""
    path = home / f"plain{number}.db"
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path, isolation_level=None)
    register(database)
    database.execute("PRAGMA journal_mode = WAL")
    inserts = {table: create(database, table) for table in tables}
    asked = [] if mapping is None else [asking(part) for part in mapping.parts()]
    began, changes = time.process_time(), 0
    for batch in batches(made):
        database.execute("BEGIN")
        for transaction in batch:
            touched = set()
            for change in transaction.changes:
                row = change.after or {}
                database.execute(inserts[change.table], [stored(value) for value in row.values()])
                touched.add(row["id"] if change.table == "orders" else row["order_id"])
            for key in touched:
                for sql in asked:
                    database.execute(sql, (key,)).fetchall()
            changes += len(transaction.changes)
        database.execute("COMMIT")
    spent = time.process_time() - began
    database.close()
    return changes / spent


def create(database: sqlite3.Connection, table: str) -> str:
    """Make a legacy table with its rows; the statement that writes one."""
    columns = orders.TABLES[table].columns
    described = ", ".join(f"{each.name} {each.declared}" for each in columns)
    database.execute(f"CREATE TABLE {table} ({described}, PRIMARY KEY (id)) WITHOUT ROWID")
    insert = f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * len(columns))})"
    database.execute("BEGIN")
    rows = orders.rows(table, ORDERS)
    database.executemany(insert, ([stored(value) for value in row.values()] for row in rows))
    if table == "line":
        database.execute("CREATE INDEX line_order ON line (order_id)")
    database.execute("COMMIT")
    return insert


def asking(part: EntityMapping) -> str:
    """The part's SELECT for one order."""
    key = "id" if part.shape.under is None else "order_id"
    sql = part.select("sqlite").rows_sql(f"{key} = ?")
    assert sql is not None
    return sql


def stored(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


def batches(made: Sequence[Transaction]) -> list[list[Transaction]]:
    size = max(1, BATCH // len(made[0].changes))
    found = iter(made)
    return list(iter(lambda: list(itertools.islice(found, size)), []))


def memory(home: Path) -> None:
    """One JSON line: what a mirror takes on disk, per million rows; at hand it never has more than a part of them."""
    mapping = orders.with_lines()
    path = home / "memory.db"
    mirror = filled(path, mapping, ORDERS)
    mirror.close()
    rows = ORDERS * (1 + orders.LINES)
    line = {
        "benchmark": "boundary-mirror",
        "rows": rows,
        "mb_per_million_rows": round(path.stat().st_size / rows, 1),
    }
    print(json.dumps(line))
