"""Chaos: kill -9 the worker at random moments of backfill and stream, under write load; then prove that nothing happened.

    python -m tests.chaos [--kills 100] [--seed N] [--store postgresql|sqlite]

The legacy table is on a real PostgreSQL and written to all the while: inserts, updates, deletes, changes of the key, in
transactions of one to thirty rows, some rolled back. A new backfill is asked for now and then, so that kills meet backfills too. In the end
the worker is left in peace until it has caught up; then `strangler reconcile` must be clean, and the log must hold no event twice.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg
import yaml
from rich.console import Console

from strangler import assembly
from strangler.configuration import load
from strangler.control import backfills, deliveries
from strangler.ports import Offset
from strangler.settings import Settings
from strangler.testing import postgres

STRANGLER: Final = Path(sys.executable).parent / "strangler"
ROWS: Final = 60_000
PATIENCE: Final = 60.0
"""Seconds within which the worker must have caught up once it is left in peace."""

CREATE: Final = """
    CREATE TABLE partner (
        id bigint PRIMARY KEY, name text, amount numeric(14,2), active boolean NOT NULL DEFAULT true,
        since date, changed timestamptz DEFAULT now(), note text
    )
"""
FILL: Final = f"""
    INSERT INTO partner (id, name, amount, since, note)
    SELECT i, 'Nippon 日本 ' || i, i / 7.0, date '2020-01-01' + i % 2000, repeat('x', i % 50) FROM generate_series(1, {ROWS}) i
"""

console: Final = Console()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--store", choices=("postgresql", "sqlite"), default="postgresql")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else any_seed()
    with tempfile.TemporaryDirectory() as home, postgres.server(Path(home) / "pg") as server:
        store = (
            server.create_database("service")
            if arguments.store == "postgresql"
            else f"sqlite:///{home}/service.db"
        )
        figures = run(Path(home), server.create_database("legacy"), store, arguments.kills, seed)
    console.print(f"[green]clean[/green] after {arguments.kills} kills (seed {seed}): {figures}")


def any_seed() -> int:
    """A seed for one experiment; what fails is told with it, so that it can be run again."""
    return random.randrange(1 << 30)


def run(home: Path, legacy: str, store: str, kills: int, seed: int) -> dict[str, int]:
    """The whole experiment; raises AssertionError with the seed when anything was lost or doubled. Returns figures."""
    dice = random.Random(seed)
    _execute(legacy, CREATE, FILL)
    configuration = _configure(home, legacy, store)
    settings = load(configuration)
    _strangler(configuration, "advance", "partners", "--to", "syncing")
    with _load(legacy, seed) as load_figures:
        for number in range(kills):
            _one_life(configuration, settings, dice, number)
    with _worker(configuration):
        _wait_until_caught_up(settings)
        answer = _strangler(configuration, "reconcile", "partners", check=False)
        assert answer.returncode == 0, f"seed {seed}: {answer.stdout}\n{answer.stderr}"
    events = _events_once(settings, seed)
    assert events, "nothing went through the log, so nothing was proved"
    return {**load_figures, "events": events}


def _configure(home: Path, legacy: str, store: str) -> Path:
    path = home / "strangler.yaml"
    fields = {name: name for name in ("id", "amount", "active", "since", "changed", "note")} | {
        "name": "TRIM(name)"
    }
    function = {
        "source": "erp",
        "store": "service",
        "entities": {"partner": {"table": "partner", "key": "id", "fields": fields}},
    }
    document = {
        "name": "chaos",
        "sources": {"erp": {"kind": "postgres", "url": legacy, "heartbeat": "1s"}},
        "stores": {"service": {"url": store}},
        "sync": {"batch": 200, "chunk": 3000},
        "console": {"port": 0},
        "functions": {"partners": function},
    }
    path.write_text(yaml.safe_dump(document))
    return path


def _one_life(configuration: Path, settings: Settings, dice: random.Random, number: int) -> None:
    """Start the worker, let it live for a random while, kill it."""
    if number % 5 == 4:
        with closing(assembly.control(settings)) as control:
            backfills.request(control, "partners", "partner")
    log = configuration.parent / "worker.log"
    before = log.stat().st_size if log.exists() else 0
    with _worker(configuration) as worker:
        if dice.random() < 0.8:  # Else it dies while it starts.
            _wait_until(lambda: b'"reading"' in log.read_bytes()[before:], "the worker reads the source")
        time.sleep(dice.uniform(0.0, 1.5))  # The random moment; nothing is waited for.
        worker.send_signal(signal.SIGKILL)
        worker.wait()


@contextlib.contextmanager
def _worker(configuration: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (configuration.parent / "worker.log").open("ab") as log:
        process = subprocess.Popen([STRANGLER, "-c", configuration, "worker"], stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=30)


def _strangler(configuration: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [STRANGLER, "-c", configuration, *words], capture_output=True, text=True, check=check
    )


@contextlib.contextmanager
def _load(url: str, seed: int) -> Iterator[dict[str, int]]:
    """Write to the legacy table in a thread for as long as the context lasts; the figures grow meanwhile."""
    stop, figures = threading.Event(), {"transactions": 0, "rolled back": 0, "changes": 0}
    failure: list[BaseException] = []

    def write() -> None:
        try:
            _write(url, random.Random(seed + 1), stop, figures)
        except psycopg.Error as error:
            failure.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield figures
    finally:
        stop.set()
        thread.join()
    assert not failure, f"the load failed: {failure}"


def _write(url: str, dice: random.Random, stop: threading.Event, figures: dict[str, int]) -> None:
    top = ROWS
    with closing(psycopg.connect(url)) as connection, connection.cursor() as cursor:
        while not stop.wait(0.002):
            changes = dice.choice((1, 1, 1, 2, 5, 30))
            for _ in range(changes):
                top += 1
                key = dice.randrange(1, top)
                statement, values = dice.choice(
                    (
                        (
                            "INSERT INTO partner (id, name, amount) VALUES (%s, %s, 1)",
                            (top, f" Łódź O'Neil {top} "),
                        ),
                        (
                            "UPDATE partner SET amount = amount + 0.01, name = name || '!' WHERE id = %s",
                            (key,),
                        ),
                        (
                            "UPDATE partner SET note = repeat('é', 3000), changed = now() WHERE id = %s",
                            (key,),
                        ),
                        ("UPDATE partner SET active = NOT active WHERE id BETWEEN %s AND %s", (key, key + 3)),
                        ("DELETE FROM partner WHERE id = %s", (key,)),
                        ("UPDATE partner SET id = %s WHERE id = %s", (top, key)),
                    )
                )
                cursor.execute(statement, values)
            if dice.random() < 0.1:
                connection.rollback()
                figures["rolled back"] += 1
            else:
                connection.commit()
                figures["transactions"] += 1
                figures["changes"] += changes


def _wait_until_caught_up(settings: Settings) -> None:
    with closing(assembly.control(settings)) as control, closing(assembly.source(settings, "erp")) as source:
        target = source.safe_position(30.0)

        def caught_up() -> bool:
            delivered = deliveries.get(control, "partners")
            done = not backfills.unfinished(control, "partners")
            return done and delivered is not None and delivered.position >= target

        _wait_until(caught_up, f"the store has caught up with {target}")


def _wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"it never came true that {what}"
        time.sleep(0.05)


def _events_once(settings: Settings, seed: int) -> int:
    """How many events the log holds; none may be there twice."""
    seen: set[str] = set()
    with closing(assembly.log(settings)) as log:
        start = Offset(0)
        while records := log.read("partners", 0, start, 5000):
            for record in records:
                assert record.event.id not in seen, f"seed {seed}: twice in the log: {record.event.id}"
                seen.add(record.event.id)
            start = records[-1].next
    return len(seen)


def _execute(url: str, *statements: str) -> None:
    with closing(psycopg.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


if __name__ == "__main__":
    main()
