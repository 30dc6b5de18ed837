"""A process to be killed: writes into a log or a store without end, from where the last one was killed.

    python victim.py append|apply|load|stop_within_load URL

Batch number n gives each of `ROWS` rows the name n, and the mark (or the log's position) n.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pydantic import SecretStr

from strangler import urls
from strangler.ports import EventLog, ServiceStore
from strangler.settings import Database, Log
from strangler.testing import event_log
from strangler.testing.service_store import PARTY, Rows, at, mark, party, saying, values
from strangler_adapters import sql_log

ROWS: Final = 200


def open_log(url: str) -> EventLog:
    return sql_log.connect("test", Log(kind="sql", url=SecretStr(url)))


def open_store(url: str) -> ServiceStore:
    from strangler_adapters import postgres_store, sqlite_store

    module = sqlite_store if urls.kind(url) == "sqlite" else postgres_store
    store = module.connect("test", Database(url=SecretStr(url)))
    store.prepare([PARTY])
    return store


def append(log: EventLog) -> None:
    for n in itertools.count(int(log.position("erp") or 0) + 1):
        log.append("erp", [event_log.event(n, key=row) for row in range(ROWS)], event_log.at(n))


def apply(store: ServiceStore) -> None:
    for n in _following(store):
        store.apply([saying(PARTY, n, party(row, str(n))) for row in range(ROWS)], mark(n))


def load(store: ServiceStore) -> None:
    for n in _following(store):
        store.load(PARTY, Rows(values(PARTY, _named(n))), at(n), mark(n))


def stop_within_load(store: ServiceStore) -> None:
    """Load one chunk and stay in the middle of it; says so on the standard output."""

    class Endless(Rows):
        def rows(self) -> Iterator[Sequence[Any]]:
            yield from super().rows()
            sys.stdout.write("inside\n")
            sys.stdout.flush()
            sys.stdin.read()

    store.load(PARTY, Endless(values(PARTY, _named(1))), at(1), mark(1))


def _named(n: int) -> list[dict[str, Any]]:
    return [party(row, str(n)) for row in range(ROWS)]


def _following(store: ServiceStore) -> Iterator[int]:
    last = store.mark("party/0")
    return itertools.count(int(last.at) + 1 if last else 1)


if __name__ == "__main__":
    if sys.argv[1] == "append":
        append(open_log(sys.argv[2]))
    else:
        {"apply": apply, "load": load, "stop_within_load": stop_within_load}[sys.argv[1]](
            open_store(sys.argv[2])
        )
