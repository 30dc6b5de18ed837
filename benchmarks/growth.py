"""Growth: what a change costs as more tables are mapped, and what a row of a backfill costs as the table grows.

    python -m benchmarks.growth [--rows 1000000] [--changes 50000] [--rounds 3] [--plot docs/growth.svg]

Tables: `Boundary.translate` with 1 to 500 mapped tables of twelve columns, whose transactions come in turn. Rows: a backfill as the worker
runs it, from an SQLite file into another, of a table of a tenth of `--rows` up to all of them; `--rows 10000000` takes some minutes.

Costs are microseconds of processor time, the least of the rounds, since what disturbs only adds. Where the cost of one stays the same, that
of all grows linearly: `last_over_first` is then 1.
"""

from __future__ import annotations

import argparse
import gc
import json
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from benchmarks import customers, plot
from strangler import assembly
from strangler.boundary import Boundary, Translation
from strangler.control import backfills, standings
from strangler.cutover.stages import Stage
from strangler.settings import Database, Entity, Function, Log, Settings, Source
from strangler.sync.backfill import Backfill

TABLES: Final = (1, 5, 20, 100, 500)

TENTHS: Final = (1, 2, 5, 10)
"""Of the most rows: how large the table is."""

FIELDS: Final = {"id": "id", "number": "number", "name": "name", "city": "COALESCE(city, '')"}
"""What SQLite evaluates by itself; for the rest it calls Python, which takes its time but no more of it in a larger table."""

MOST_HELD: Final = 1
"""Keys that may wait in quarantine: none of the rows should."""

BATCH: Final = 50
"""Transactions whose events are in memory at once."""

FILL: Final = f"""
    WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    INSERT INTO {customers.TABLE}
    SELECT i, printf('%010d', i), ' Kunde ' || i || ' Łódź', 'Street ' || i % 977, 'City ' || i % 311,
           substr('dePLJPUS', 1 + i % 4 * 2, 2), i % 9999991 / 100.0, i % 99991 / 100.0, printf('%02d', i % 90),
           CASE WHEN i % 11 THEN strftime('%Y%m%d', '2001-01-01', (i % 9000) || ' days') ELSE '00000000' END,
           CASE WHEN i % 17 THEN '' ELSE 'X' END, datetime('2026-01-01', (i % 10000000) || ' seconds')
    FROM n
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--changes", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plot", type=Path)
    chosen = parser.parse_args()
    by_tables = of_changes(chosen.changes, chosen.rounds)
    report("growth-tables", "µs/change", by_tables, changes=chosen.changes, rounds=chosen.rounds)
    with tempfile.TemporaryDirectory() as home:
        by_rows = of_rows(Path(home), chosen.rows)
    report("growth-rows", "µs/row", by_rows)
    if chosen.plot:
        panels = (
            plot.Panel("A change through the boundary", "µs", "mapped tables", by_tables),
            plot.Panel("A row of a backfill", "µs", "rows of the table", by_rows),
        )
        words = "What a change costs by the number of mapped tables, and a row of a backfill by the size of the table"
        chosen.plot.write_text(plot.svg(words, panels), encoding="utf-8")


def report(benchmark: str, unit: str, costs: dict[int, float], **more: int) -> None:
    """One JSON line: size → cost, and the last cost divided by the first."""
    first, *_, last = costs.values()
    rounded = {str(size): round(cost, 2) for size, cost in costs.items()}
    line = {"benchmark": benchmark, "unit": unit, "costs": rounded, "last_over_first": round(last / first, 2)}
    print(json.dumps(line | more, ensure_ascii=False), flush=True)


def of_changes(changes: int, rounds: int) -> dict[int, float]:
    """Mapped tables → microseconds for a change."""
    names = [f"{customers.TABLE}_{n}" for n in range(max(TABLES))]
    mappings = [customers.mapping(name) for name in names]
    made = {
        count: (Boundary(mappings[:count]), customers.transactions(changes, tables=names[:count]))
        for count in TABLES
    }
    gc.freeze()
    costs = dict.fromkeys(TABLES, float("inf"))
    for _ in range(rounds):  # In turn, so that a slow minute hits all of them.
        for count, (boundary, transactions) in made.items():
            began = time.process_time()
            for start in range(0, len(transactions), BATCH):
                result = Translation([], [])
                for transaction in transactions[start : start + BATCH]:
                    boundary.translate(transaction, result)
            spent = 1e6 * (time.process_time() - began) / changes
            costs[count] = min(costs[count], spent)
            told(f"{count} tables", spent)
    return costs


def of_rows(home: Path, most: int) -> dict[int, float]:
    """Rows of the table → microseconds for each in a backfill."""
    legacy, filled, costs = home / "legacy.db", 0, {}
    columns = ", ".join(f"{column.name} {column.declared}" for column in customers.COLUMNS)
    execute(legacy, f"CREATE TABLE {customers.TABLE} ({columns}, PRIMARY KEY (id))")
    for tenths in TENTHS:
        rows = most * tenths // 10
        execute(legacy, FILL, (filled + 1, rows))
        costs[rows], filled = 1e6 * backfilled(home, legacy) / rows, rows
        told(f"{rows:,} rows", costs[rows])
    return costs


def backfilled(home: Path, legacy: Path) -> float:
    """Seconds of processor time for the whole table."""
    with tempfile.TemporaryDirectory(dir=home) as name:
        settings = _settings(legacy, Path(name))
        with closing(assembly.source(settings, "legacy")) as plain:
            mapping = assembly.mappings(settings, "customers", plain)[0]
        with (
            closing(assembly.control(settings)) as control,
            closing(assembly.source(settings, "legacy", assembly.captured([mapping]))) as source,
            closing(assembly.store(settings, "store")) as store,
        ):
            source.prepare()
            store.prepare([mapping.shape])
            standing = standings.of(control, "customers")
            standings.change(control, standing, replace(standing, stage=Stage.SYNCING), at=time.time())
            backfills.request(control, "customers", customers.TABLE)
            began = time.process_time()
            Backfill(mapping, source, store, control, settings.sync.chunk, MOST_HELD).run(threading.Event())
            spent = time.process_time() - began
            source.drop()
    return spent


def _settings(legacy: Path, home: Path) -> Settings:
    entity = Entity(table=customers.TABLE, key=["id"], fields=FIELDS)
    return Settings(
        name="bench",
        sources={"legacy": Source(kind="sqlite", url=SecretStr(f"sqlite:///{legacy}"))},
        control=Database(url=SecretStr(f"sqlite:///{home}/control.db")),
        log=Log(url=SecretStr(f"sqlite:///{home}/log.db")),
        stores={"store": Database(url=SecretStr(f"sqlite:///{home}/store.db"))},
        functions={"customers": Function(source="legacy", store="store", entities={customers.TABLE: entity})},
    )


def execute(database: Path, statement: str, parameters: Iterable[int] = ()) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement, tuple(parameters))


def told(what: str, cost: float) -> None:
    print(f"  {what:<18} {cost:>8.2f} µs", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
