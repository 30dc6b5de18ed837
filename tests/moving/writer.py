"""The writer: an ERP's load at an even pace, in a process of its own, so that it takes turns with nobody's threads."""

from __future__ import annotations

import multiprocessing
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any, Final, NamedTuple

import psycopg

from tests.faults.table import TABLE, filling

HOT: Final = 20
"""Rows that are touched again and again."""

BATCH: Final = 20
"""Rows in a transaction, about."""

KEPT: Final = 7
"""Of the new rows every seventh stays, and is never touched again."""

ALIVE: Final = 400
"""New rows that are there at a time, beside those that stay."""


@dataclass(frozen=True)
class Keys:
    """Who has which keys, where `rows` are there in the beginning: the first half nobody touches; then come the hot ones, the busy
    ones, the new."""

    rows: int

    @property
    def quiet(self) -> range:
        return range(1, self.rows // 2)

    @property
    def hot(self) -> range:
        return range(self.rows // 2, self.rows // 2 + HOT)

    @property
    def busy(self) -> range:
        return range(self.hot.stop, self.rows + 1 - BATCH)


class Written(NamedTuple):
    """How many rows were written, and in how many seconds."""

    rows: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.rows / self.seconds


class Transaction(NamedTuple):
    """Statements of one transaction, and how many rows they write."""

    statements: tuple[str, ...]
    rows: int


def transactions(dice: Random, keys: Keys) -> Iterator[Transaction]:
    """What the ERP does, without end."""
    fresh, alive = count(keys.rows + 1), deque[int]()
    for number in count():
        match dice.randrange(4):
            case 0:
                first = dice.choice(keys.busy)
                change = f"credit = credit + 1, note = 'seen {number}'"
                yield Transaction((_update(change, range(first, first + BATCH)),), BATCH)
            case 1:
                # The same two values back and forth, each by a transaction of its own.
                yield Transaction((_update("active = NOT active", keys.hot[: HOT // 2]),), HOT // 2)
            case 2:
                # Removed, and back as it was.
                gone = keys.hot[HOT // 2 :]
                yield Transaction((_remove(gone),), len(gone))
                yield Transaction((filling(gone.start, gone.stop - 1),), len(gone))
            case _:
                new = [next(fresh) for _ in range(BATCH)]
                alive.extend(key for key in new if key % KEPT)
                old = [alive.popleft() for _ in range(max(0, len(alive) - ALIVE))]
                removed = (_remove(old),) if old else ()
                yield Transaction((filling(new[0], new[-1]), *removed), len(new) + len(old))


@contextmanager
def writing(url: str, rate: float, rows: int, seed: int) -> Iterator[list[Written]]:
    """Write `rate` rows a second for as long as it lasts; what was written is in the list afterwards. AssertionError when it fails."""
    context = multiprocessing.get_context("spawn")
    begun, stop, answer = context.Event(), context.Event(), context.SimpleQueue()
    arguments = (url, rate, rows, seed, begun, stop, answer)
    process = context.Process(target=_write, args=arguments, daemon=True)
    written: list[Written] = []
    process.start()
    try:
        assert begun.wait(60), "the writer doesn't begin"
        yield written
    finally:
        stop.set()
        process.join(60)
        assert process.exitcode == 0, f"the writer ended with {process.exitcode}"
        written.append(answer.get())


def _write(url: str, rate: float, rows: int, seed: int, begun: Any, stop: Any, answer: Any) -> None:
    written, began = 0, time.monotonic()
    with psycopg.connect(url, autocommit=True) as connection:
        for transaction in transactions(Random(seed), Keys(rows)):
            with connection.transaction():
                for statement in transaction.statements:
                    connection.execute(statement.encode())
            written += transaction.rows
            begun.set()
            if stop.wait(max(0.0, began + written / rate - time.monotonic())):
                break
    answer.put(Written(written, time.monotonic() - began))


def _update(change: str, keys: range) -> str:
    return f"UPDATE {TABLE} SET {change} WHERE id BETWEEN {keys.start} AND {keys.stop - 1}"


def _remove(keys: range | list[int]) -> str:
    return f"DELETE FROM {TABLE} WHERE id IN ({', '.join(map(str, keys))})"
