"""A whole landscape on SQLite for the tests of the sync: a legacy file, a configuration, a worker, and waiting for conditions."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from strangler import assembly
from strangler.configuration import load
from strangler.control import backfills, deliveries, sources, standings
from strangler.control.store import Control
from strangler.cutover.stages import Stage
from strangler.ports import Offset, Record
from strangler.settings import Settings
from strangler.worker import Worker

PATIENCE = 20.0
"""Seconds after which a condition that doesn't come true fails the test."""

NUMBER = "CAST(number AS INTEGER)"


def until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait for a condition, so many seconds at most."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"it never came true that {what}"
        time.sleep(0.02)


@contextlib.contextmanager
def working(settings: Settings, control: Control) -> Iterator[None]:
    """A worker in this process, which captures its source `erp` when the block begins."""
    worker = Worker(settings, control)
    worker.start()
    try:
        until(lambda: sources.identity(control, "erp"), "the source is captured")
        yield
    finally:
        worker.stop()


class Landscape:
    """One migration in `home`: legacy table `partner`, function `partners`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.write("CREATE TABLE partner (id INTEGER PRIMARY KEY, name TEXT, number TEXT)")
        self.settings = self.configure(NUMBER)
        self.control: Control = assembly.control(self.settings)

    def configure(self, number: str, name: str = "partner", key: str = "id") -> Settings:
        """(Re)write the configuration: the entity's `name` and `key`, and `number`, the expression of the field that can fail."""
        entity = {
            "table": "partner",
            "key": key,
            "fields": {"id": "id", "name": "TRIM(name)", "number": number},
        }
        document = {
            "sources": {"erp": {"kind": "sqlite", "url": f"sqlite:///{self.home}/legacy.db"}},
            "stores": {"service": {"url": f"sqlite:///{self.home}/service.db"}},
            "sync": {"chunk": 7, "batch": 5},
            "functions": {"partners": {"source": "erp", "store": "service", "entities": {name: entity}}},
        }
        path = self.home / "strangler.yaml"
        path.write_text(yaml.safe_dump(document))
        self.settings = load(path)
        return self.settings

    def write(self, *statements: str) -> None:
        """Write to the legacy database, in one transaction."""
        with closing(sqlite3.connect(self.home / "legacy.db", timeout=30)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def stored(self) -> dict[int, tuple[Any, ...]]:
        """The store's rows: id → (name, number)."""
        with closing(sqlite3.connect(self.home / "service.db", timeout=30)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'partner'").fetchone():
                return {}
            return {row[0]: row[1:] for row in connection.execute("SELECT id, name, number FROM partner")}

    def tombstones(self) -> int:
        """How many removed keys the store remembers."""
        with closing(sqlite3.connect(self.home / "service.db", timeout=30)) as connection:
            return int(connection.execute("SELECT count(*) FROM strangler_tombstone").fetchone()[0])

    def put(self, stage: Stage, **more: Any) -> None:
        """Put the function into a stage without asking any gate."""
        standing = standings.of(self.control, "partners")
        standings.change(self.control, standing, replace(standing, stage=stage, **more), at=time.time())

    def delivered(self) -> deliveries.DeliveryRecord | None:
        return deliveries.get(self.control, "partners")

    def logged(self) -> list[Record]:
        with closing(assembly.log(self.settings)) as log:
            return log.read("partners", 0, Offset(0), 10_000)

    @contextlib.contextmanager
    def worker(self) -> Iterator[None]:
        """A running worker."""
        worker = Worker(self.settings, self.control)
        worker.start()
        try:
            yield
        finally:
            worker.stop()

    def captured(self) -> bool:
        """Whether a capture was made, so that changes from now on are seen."""
        return bool(sources.identity(self.control, "erp"))

    def filled(self) -> bool:
        """Whether every backfill that was asked for is finished, and there was one."""
        record = backfills.get(self.control, "partners", "partner")
        return record is not None and record.finished_at is not None
