"""Backfill: 2,000,000 rows from PostgreSQL through a mapping of 12 fields into a store on PostgreSQL.

    python -m benchmarks.backfill [--rows 2000000] [--rounds 3]

`ours` is a backfill as the worker runs it, with control store, marks and the position guard. `peer` is Debezium's
snapshot of the same table, consuming to nowhere. `limit` is `COPY (SELECT …) TO STDOUT` piped into `COPY … FROM STDIN`, with the same
SELECT and a table of the same columns and key, in one piece and without any guard.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

import psycopg2

from benchmarks import arms, debezium, partners
from strangler import assembly
from strangler.control import backfills, standings
from strangler.cutover.stages import Stage
from strangler.mapping import EntityMapping
from strangler.settings import Settings
from strangler.sync.backfill import Backfill
from strangler.testing.postgres import Server

MEANING: Final = {
    "ours": "mapped, guarded, resumable",
    "peer": "Debezium snapshot, to nowhere",
    "limit": "COPY piped into COPY",
}

MOST_HELD: Final = 1
"""Keys that may wait in quarantine: none of the rows should."""


def main() -> None:
    arms.run(__doc__, ("rows", 2_000_000), arms.Benchmark("backfill", MEANING, arms.postgresql, prepare))


def prepare(home: Path, server: Server, rows: int) -> dict[str, arms.Arm]:
    bench = Bench(home, server, rows)
    return {"ours": bench.ours, "peer": bench.peer, "limit": bench.limit}


class Bench:
    """The legacy table, and the arms that carry it over."""

    def __init__(self, home: Path, server: Server, rows: int) -> None:
        self._home, self._server, self._rows = home, server, rows
        self._legacy = server.create_database("legacy")
        partners.execute(
            self._legacy,
            partners.CREATE,
            partners.FILL.format(rows=rows),
            "VACUUM ANALYZE partner",
            "CHECKPOINT",
        )

    def ours(self, number: int) -> float:
        name = f"ours_{number}"
        settings = self._settings(name, self._server.create_database(name))
        mapping = self._mapping(settings)
        with (
            closing(assembly.control(settings)) as control,
            closing(assembly.source(settings, "legacy", assembly.captured([mapping]))) as source,
            closing(assembly.store(settings, "store")) as store,
        ):
            source.prepare()
            store.prepare([mapping.shape])
            standing = standings.of(control, "partners")
            standings.change(control, standing, replace(standing, stage=Stage.SYNCING), at=time.time())
            backfills.request(control, "partners", "partner")
            began = time.monotonic()
            Backfill(mapping, source, store, control, settings.sync.chunk, MOST_HELD).run(threading.Event())
            seconds = time.monotonic() - began
            self._check(name, "partner")
            source.drop()
        self._server.drop_database(name)
        return self._rows / seconds

    def peer(self, number: int) -> float:
        slot = f"peer_{number}"
        settings = {"slot.name": slot, "publication.name": slot, "snapshot.mode": "initial_only"}
        rate = debezium.rate(self._home / slot, self._legacy, partners.TABLE, self._rows, settings)
        partners.execute(self._legacy, f"DROP PUBLICATION IF EXISTS {slot}")
        return rate

    def limit(self, number: int) -> float:
        name = f"limit_{number}"
        url = self._server.create_database(name)
        rows = self._mapping(self._settings(name, url)).select("postgres").rows_sql()
        assert rows is not None, "PostgreSQL translates the whole mapping"
        partners.execute(url, partners.CREATE)
        began = time.monotonic()
        _pipe(self._legacy, rows, url, partners.TABLE)
        seconds = time.monotonic() - began
        self._check(name, partners.TABLE)
        self._server.drop_database(name)
        return self._rows / seconds

    def _mapping(self, settings: Settings) -> EntityMapping:
        with closing(assembly.source(settings, "legacy")) as plain:
            return assembly.mappings(settings, "partners", plain)[0]

    def _settings(self, name: str, store: str) -> Settings:
        home = self._home / name
        home.mkdir()
        return partners.settings(self._legacy, store, home)

    def _check(self, database: str, table: str) -> None:
        connection = psycopg2.connect(self._server.url(database))
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")
            row = cursor.fetchone()
        if row is None or row[0] != self._rows:
            raise SystemExit(f"{database} has {row} rows, not {self._rows}")


def _pipe(source: str, select: str, target: str, table: str) -> None:
    """Copy out and in at once, through a pipe of the operating system."""
    read_end, write_end = os.pipe()

    def copy_out() -> None:
        connection = psycopg2.connect(source)
        with closing(connection), connection.cursor() as cursor, os.fdopen(write_end, "wb", 1 << 20) as pipe:
            cursor.copy_expert(f"COPY ({select}) TO STDOUT", pipe)

    thread = threading.Thread(target=copy_out)
    thread.start()
    connection = psycopg2.connect(target)
    with closing(connection), connection.cursor() as cursor, os.fdopen(read_end, "rb", 1 << 20) as pipe:
        cursor.copy_expert(f"COPY {table} FROM STDIN", pipe)
        connection.commit()
    thread.join()


if __name__ == "__main__":
    main()
