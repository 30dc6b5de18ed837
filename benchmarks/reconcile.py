"""Reconcile: a table of 8 columns on two sides compared, against reladiff and against the limit of the databases.

    python -m benchmarks.reconcile [--rows 2000000,10000000] [--rounds 3] [--only mariadb-postgres]

Pairs: PostgreSQL and PostgreSQL, MariaDB and PostgreSQL; each when both sides are equal, and with five rows that differ (a cent, an
hour, upper case, one lost, one too many). `ours` is a reconciliation as `strangler reconcile run` does it, recorded in the control
store, without looking again, as nothing moves. `peer` is reladiff's `diff_tables` with what its documentation advises: threads for
each database, a pool of twice as many, results unsorted, keys taken as unique. `limit` is one statement on each side at once: the count and
the sum of 64 bits of the md5 of all columns as they are printed. Every arm's answer is checked.

Each table ends with a JSON line, and the program with one for all: besides, the most memory that `strangler reconcile run` held, in
megabytes, as a process of its own, and `growth`: the time for a row of the largest table divided by that of the smallest.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil
import psycopg
from reladiff import Algorithm, connect_to_table, diff_tables

from benchmarks import arms, twins
from benchmarks.twins import COLUMNS, FUNCTION, KEY, TABLE, Twins
from strangler import assembly
from strangler.events import decode_key
from strangler.reconcile.jobs import Job
from strangler.reconcile.runs import reconcile
from strangler.testing import mariadb
from strangler.testing.mariadb import Standing
from strangler.testing.postgres import Server

MEANING: Final = {
    "ours": "through the mapping, recorded",
    "peer": "reladiff",
    "limit": "one md5 checksum on each side at once",
}

COMMAND: Final = (
    str(Path(sys.executable).parent / "strangler"),
    "reconcile",
    "run",
    FUNCTION,
    "--no-confirm",
)
"""Whose memory is measured."""

THREADS: Final = 2
"""Of the peer, for each database: as many as there are cores here."""

POSTGRES_SUM: Final = "sum(('x' || left(md5({0}), 16))::bit(64)::bigint)"
MARIADB_SUM: Final = "sum(cast(conv(left(md5({0}), 16), 16, -10) as signed))"


class Servers(NamedTuple):
    """Where the two sides live."""

    legacy: Server | Standing
    store: Server


@contextmanager
def two_postgres(home: Path) -> Iterator[Servers]:
    with arms.postgresql(home) as server:
        yield Servers(server, server)


@contextmanager
def mariadb_and_postgres(home: Path) -> Iterator[Servers]:
    room = {"innodb_buffer_pool_size": "3G", "innodb_log_file_size": "512M", "max_binlog_size": "1G"}
    with mariadb.server(home / "mariadb", **room) as legacy, arms.postgresql(home) as store:
        yield Servers(legacy, store)


PAIRS: Final[Mapping[str, Callable[[Path], AbstractContextManager[Servers]]]] = {
    "postgres-postgres": two_postgres,
    "mariadb-postgres": mariadb_and_postgres,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=_sizes, default=[2_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=PAIRS)
    chosen = parser.parse_args()
    logging.getLogger("hashdiff_tables").setLevel(logging.ERROR)  # It warns of every text.
    lines: list[dict[str, Any]] = []
    for pair, serve in PAIRS.items():
        if chosen.only in (None, pair):
            for rows in chosen.rows:
                with tempfile.TemporaryDirectory() as home, serve(Path(home)) as servers:
                    lines += measured(pair, Path(home), servers, rows, chosen.rounds)
    print(json.dumps({"benchmark": "reconcile", "unit": "rows/s", "runs": lines, "growth": growth(lines)}))


def measured(pair: str, home: Path, servers: Servers, rows: int, rounds: int) -> Iterator[dict[str, Any]]:
    """The figures of a pair with so many rows: equal, then with rows that differ."""
    sides = Twins(
        home, servers.legacy.create_database("legacy"), servers.store.create_database("store"), rows
    )
    for name in ("clean", "drift"):
        if name == "drift":
            sides.stray()
        bench = Bench(sides)
        rates = arms.alternate({"ours": bench.ours, "peer": bench.peer, "limit": bench.limit}, rounds)
        peak = round(bench.peak() / 1e6)
        print(f"  {rows:,} rows: at most {peak} MB", file=sys.stderr, flush=True)
        yield arms.report(f"{pair}-{name}", "rows/s", rates, MEANING, rows=rows, peak_mb=peak)


def growth(lines: list[dict[str, Any]]) -> dict[str, float]:
    """By what was measured: how much longer a row takes in the largest table than in the smallest."""
    grown = {}
    for name in dict.fromkeys(line["benchmark"] for line in lines):
        by_size = {line["rows"]: line["ours"] for line in lines if line["benchmark"] == name}
        grown[name] = round(by_size[min(by_size)] / by_size[max(by_size)], 3)
    return grown


class Bench:
    """The arms, over one pair of tables."""

    def __init__(self, sides: Twins) -> None:
        self._sides = sides

    def ours(self, number: int) -> float:
        with closing(assembly.control(self._sides.settings)) as control:
            began = time.monotonic()
            found = reconcile(self._sides.settings, control, Job(FUNCTION, confirm=False))
            seconds = time.monotonic() - began
        (outcome,) = found.outcomes
        self._check("ours", {decode_key(each.key)[0] for each in outcome.differences}, self._sides.keys)
        self._check("ours", found.status, "drift" if self._sides.keys else "clean")
        return self._sides.rows / seconds

    def peer(self, number: int) -> float:
        began = time.monotonic()
        tables = [
            connect_to_table(url, TABLE, KEY, thread_count=THREADS, extra_columns=COLUMNS[1:])
            for url in (_plain(self._sides.legacy), self._sides.store)
        ]
        found = diff_tables(
            *tables, algorithm=Algorithm.HASHDIFF, threaded=True, max_threadpool_size=2 * THREADS,
            skip_sort_results=True, validate_unique_key=False,
        )  # fmt: skip
        with found:
            keys = {int(row[0]) for _, row in found}
        seconds = time.monotonic() - began
        for table in tables:
            table.database.close()
        self._check("peer", keys, self._sides.keys)
        return self._sides.rows / seconds

    def limit(self, number: int) -> float:
        began = time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            legacy, store = pool.map(_summed, (self._sides.legacy, self._sides.store))
        seconds = time.monotonic() - began
        self._check("limit", legacy[0], self._sides.rows)
        self._check("limit", legacy == store, not self._sides.keys)
        return self._sides.rows / seconds

    def peak(self) -> int:
        """The most memory, in bytes, that a reconciliation holds as a process of its own, with all that it starts."""
        process = psutil.Popen(
            [COMMAND[0], "-c", str(self._sides.path), *COMMAND[1:]],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        most = 0
        while process.poll() is None:
            most = max(most, _held(process))
            time.sleep(0.02)
        self._check("the command", process.returncode, 1 if self._sides.keys else 0)
        return most

    def _check(self, arm: str, found: object, wanted: object) -> None:
        if found != wanted:
            raise SystemExit(f"{arm} found {found}, not {wanted}")


def _held(process: psutil.Process) -> int:
    try:
        family = [process, *process.children(recursive=True)]
        return sum(each.memory_info().rss for each in family)
    except psutil.NoSuchProcess:
        return 0


def _summed(url: str) -> tuple[Any, ...]:
    columns = f"concat_ws('|', {', '.join(COLUMNS)})"
    if twins.of_mariadb(url):
        row = twins.asked(url, f"SELECT count(*), {MARIADB_SUM.format(columns)} FROM {TABLE}")
    else:
        with psycopg.connect(url) as connection:
            statement = f"SELECT count(*), {POSTGRES_SUM.format(columns)} FROM {TABLE}"
            row = connection.execute(statement.encode()).fetchone()
    return tuple(row or ())


def _plain(url: str) -> str:
    """As the peer wants it."""
    return url.replace("mariadb+pymysql:", "mysql:")


def _sizes(text: str) -> list[int]:
    return sorted(int(each) for each in text.split(","))


if __name__ == "__main__":
    main()
