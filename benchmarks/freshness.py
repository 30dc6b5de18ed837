"""Freshness: how long a commit in legacy takes to be visible in the store, while changes are written at an even rate.

Who writes and who watches are one process of their own, so that they don't take turns with the worker's threads. Of every
transaction one row carries its number, and these rows are spread over the partitions of the log.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final, NamedTuple

import psycopg

from benchmarks import partners

TRANSACTION: Final = 20
"""Rows in one transaction: a dialogue's, or a small batch's."""

MARKED: Final = 16
"""Partners that carry numbers in turn."""

FIRST: Final = 1000
"""What is numbered from: no update of the backlog gives a partner such a discount."""

WARM: Final = 5.0
"""Seconds until times count."""

WATCHED: Final = 20.0
"""Seconds for which they count."""

LEFT: Final = 60.0
"""Seconds that the last of them may take to become visible."""

LOOK_AGAIN: Final = 0.002


class Freshness(NamedTuple):
    """Seconds from commit to visibility of each transaction, and how many updates a second were written meanwhile."""

    ages: list[float]
    rate: float


def measure(legacy: str, store: str, rate: float, rows: int) -> Freshness:
    """Write `rate` updates a second over `rows` partners, and watch. Raises SystemExit when some never become visible."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as apart:
        return apart.submit(_measure, legacy, store, rate, rows).result()


def _measure(legacy: str, store: str, rate: float, rows: int) -> Freshness:
    stop, committed = threading.Event(), dict[int, float]()
    writer = threading.Thread(target=_write, args=(legacy, rate, rows, committed, stop))
    began = time.monotonic()
    with psycopg.connect(store, autocommit=True) as connection:
        writer.start()
        try:
            seen = _watch(connection, committed, began + WARM + WATCHED, stop)
        finally:
            stop.set()
            writer.join()
    counted = {number: at for number, at in committed.items() if began + WARM <= at < began + WARM + WATCHED}
    ages = [max(0.0, seen[number] - at) for number, at in counted.items()]
    return Freshness(ages, len(counted) * TRANSACTION / WATCHED)


def _write(legacy: str, rate: float, rows: int, committed: dict[int, float], stop: threading.Event) -> None:
    """Transactions at an even pace; each is noted when it is acknowledged."""
    others, low = TRANSACTION - 1, MARKED
    number, due = FIRST, time.monotonic()
    with psycopg.connect(legacy, autocommit=True) as connection:
        while not stop.is_set():
            number += 1
            with connection.pipeline(), connection.transaction():
                connection.execute(partners.UPDATE.format(low=low, high=low + others).encode())
                connection.execute(
                    "UPDATE partner SET discount = %s WHERE id = %s", [number, 1 + number % MARKED]
                )
            committed[number] = time.monotonic()
            low = low + others if low + 2 * others < rows else MARKED
            due += TRANSACTION / rate
            stop.wait(max(0.0, due - time.monotonic()))


def _watch(
    connection: psycopg.Connection[Any], committed: dict[int, float], until: float, stop: threading.Event
) -> dict[int, float]:
    """When each number was first visible; a partner's later number stands for its earlier ones. Stops the writer at `until`."""
    seen: dict[int, float] = {}
    last = dict.fromkeys(range(1, MARKED + 1), FIRST)
    while not stop.is_set() or len(seen) < len(committed):
        rows = connection.execute(
            f"SELECT id, discount FROM partner WHERE id <= {MARKED}".encode()
        ).fetchall()
        now = time.monotonic()
        for place, number in rows:
            if number > last[place]:
                seen.update(
                    (each, now) for each in range(last[place] + 1, number + 1) if 1 + each % MARKED == place
                )
                last[place] = number
        if now > until:
            stop.set()
        if now > until + LEFT:
            raise SystemExit(
                f"{len(committed) - len(seen)} transactions aren't in the store {LEFT:g} s later"
            )
        time.sleep(LOOK_AGAIN)
    return seen
