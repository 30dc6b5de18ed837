"""SIGKILL in the middle of a write: what is there afterwards is whole, and goes on from its own mark."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from strangler.testing import event_log
from strangler.testing.service_store import PARTY, at, contents, mark, party, saying, texts

from . import victim

pytestmark = pytest.mark.slow

KILLS = 3


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/killed.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@contextmanager
def running(action: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """A victim, killed at the end of the block at the latest."""
    process = subprocess.Popen(
        [sys.executable, victim.__file__, action, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "the victim ended by itself"
        assert time.monotonic() < deadline, "the victim writes nothing"
        time.sleep(0.002)


def test_a_log_holds_the_events_of_its_position_and_no_others_after_a_kill(url: str) -> None:
    with closing(victim.open_log(url)) as log:
        for _ in range(KILLS):
            before = log.position("erp")
            with running("append", url) as process:
                until(lambda before=before: log.position("erp") > before, process)  # type: ignore[misc]
            last = int(log.position("erp"))
            positions = [event.position for event in event_log.everything(log, "party")]
            assert positions == [event_log.at(n) for n in range(1, last + 1) for _ in range(victim.ROWS)]


@pytest.mark.parametrize("action", ["apply", "load"])
def test_invariant_2_a_kill_leaves_rows_and_mark_of_the_same_moment(action: str, url: str) -> None:
    with closing(victim.open_store(url)) as store:
        for _ in range(KILLS):
            before = store.mark("party/0")
            with running(action, url) as process:
                until(lambda before=before: store.mark("party/0") != before, process)  # type: ignore[misc]
            last = store.mark("party/0")
            assert last is not None
            assert last == mark(int(last.at))
            assert contents(store, PARTY) == texts(PARTY, [party(n, last.at) for n in range(victim.ROWS)])


def test_invariant_2_a_kill_within_a_chunk_leaves_nothing_of_it(url: str) -> None:
    with closing(victim.open_store(url)) as store:
        with running("stop_within_load", url) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "inside\n"
        assert (contents(store, PARTY), store.mark("party/0")) == ([], None)
        store.apply([saying(PARTY, 2, party(1))], mark(2))
        assert contents(store, PARTY) == texts(PARTY, [party(1)])


def test_invariant_2_a_kill_between_effect_and_mark_leaves_neither(postgres_url: str) -> None:
    with closing(victim.open_store(postgres_url)) as store:
        store.apply([], mark(0))
        with psycopg.connect(postgres_url) as other:
            other.execute(
                "SELECT FROM strangler_mark FOR UPDATE"
            )  # The victim writes its rows, then waits for its mark.
            with running("apply", postgres_url) as process:
                until(lambda: _is_waiting(other), process)
        assert (contents(store, PARTY), store.mark("party/0")) == ([], mark(0))


def test_invariant_3_a_store_that_was_killed_never_goes_back(url: str) -> None:
    with closing(victim.open_store(url)) as store:
        store.apply([saying(PARTY, 10**6, party(1, "newest"))], mark(1, "other"))
        with running("apply", url) as process:
            until(lambda: store.mark("party/0") is not None, process)
        with closing(victim.open_store(url)) as again:
            again.load(PARTY, victim.Rows(victim.values(PARTY, [party(1, "old")])), at(5), mark(5))
            newest = [row for row in contents(again, PARTY) if row[0] == "1"]
        assert newest == texts(PARTY, [party(1, "newest")])


def _is_waiting(connection: psycopg.Connection[tuple[int]]) -> bool:
    return connection.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is not None
