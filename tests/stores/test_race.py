"""A backfill's chunk and a removal of one of its keys, at once, on PostgreSQL (SQLite has one writer at a time)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest

from strangler.testing.service_store import (
    PARTY,
    CopiedRows,
    Rows,
    at,
    contents,
    mark,
    party,
    removing,
    saying,
    texts,
    values,
)

from . import victim


@pytest.mark.parametrize("chunk", [Rows, CopiedRows])
@pytest.mark.parametrize("straight", [True, False])
def test_invariant_3_a_removal_that_comes_before_the_chunk_commits_is_not_lost(
    postgres_url: str, chunk: type[Rows], straight: bool
) -> None:
    with (
        closing(victim.open_store(postgres_url)) as loading,
        closing(victim.open_store(postgres_url)) as applying,
    ):
        if not straight:
            applying.apply([saying(PARTY, 9, party(2))], mark(9))
        loading.apply([], mark(1, "backfill"))
        rows = chunk(values(PARTY, [party(1), party(2)]))
        load = threading.Thread(target=loading.load, args=(PARTY, rows, at(5), mark(5, "backfill")))
        removal = threading.Thread(target=applying.apply, args=([removing(PARTY, 10, id=1)], mark(10)))
        with psycopg.connect(postgres_url) as other:
            # The chunk is written and its tombstones are looked at; now it waits for its mark.
            other.execute("SELECT FROM strangler_mark WHERE reader = 'backfill' FOR UPDATE")
            load.start()
            _until(lambda: _waiting(other) == 1)
            removal.start()
            _until(lambda: _waiting(other) == 2 or not removal.is_alive())
        load.join()
        removal.join()
        assert contents(loading, PARTY) == texts(PARTY, [party(2)])
        assert (loading.mark("backfill"), loading.mark("party/0")) == (mark(5, "backfill"), mark(10))


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def _waiting(connection: psycopg.Connection[tuple[int]]) -> int:
    return len(connection.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall())
