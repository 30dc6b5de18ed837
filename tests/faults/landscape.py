"""The pairs of databases, described to Strangler in one file; and what is asked of Strangler there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from strangler import assembly, urls
from strangler.configuration import load
from strangler.control import backfills
from strangler.reconcile.jobs import Job
from strangler.reconcile.runs import Reconciliation, reconcile
from strangler.settings import Settings
from tests.chaos.proof import until
from tests.chaos.victims import STRANGLER, Worker
from tests.faults.table import COLUMNS, TABLE

SOURCE, FUNCTION, STORE = "erp", "customers", "service"

ENTITY: Final = {
    "table": TABLE,
    "key": "id",
    "fields": {name: name for name in COLUMNS} | {"code": "LTRIM(code, '0')"},
}

PAIRS: Final = ("postgres-postgres", "mariadb-postgres", "postgres-sqlite")
"""Legacy and store."""

FILLING: Final = 3600.0
"""Seconds that the store may take to be filled with millions of rows."""

TOLD: Final = 4000
"""Characters of the worker's log that a failure shows."""


@dataclass(frozen=True)
class Landscape:
    """Two databases by their URLs, and a folder for the rest."""

    home: Path
    legacy: str
    store: str

    @cached_property
    def configuration(self) -> Path:
        """The file that describes it to Strangler."""
        kind = {"mariadb": "mysql", "postgresql": "postgres"}[urls.kind(self.legacy)]
        document: dict[str, Any] = {
            "name": "faults",
            "sources": {SOURCE: {"kind": kind, "url": self.legacy, "heartbeat": "1s"}},
            "stores": {STORE: {"url": self.store}},
            "console": {"port": 0},
            "functions": {FUNCTION: {"source": SOURCE, "store": STORE, "entities": {TABLE: ENTITY}}},
        }
        path = self.home / "strangler.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    @cached_property
    def settings(self) -> Settings:
        return load(self.configuration)

    def reconciled(self, limit: int) -> Reconciliation:
        """What a reconciliation finds, confirmed, with so many keys listed. The one place that calls it."""
        with closing(assembly.control(self.settings)) as control:
            return reconcile(self.settings, control, Job(FUNCTION, limit=limit))

    @contextmanager
    def synced(
        self, seed: int, filling: Callable[[], AbstractContextManager[Any]] = nullcontext
    ) -> Iterator[None]:
        """A worker runs, and the store is filled. What fails meanwhile is told with the seed and the end of the worker's log."""
        worker = Worker(self.configuration, self.home / "worker.log")
        try:
            with filling():
                self._advance()
                worker.start()
                self._until_filled()
            yield
        except Exception as error:
            said = worker.log.read_text(errors="replace")[-TOLD:] if worker.log.exists() else ""
            raise AssertionError(f"seed {seed}: {error}\nthe worker's last words:\n{said}") from error
        finally:
            worker.stop()
            self._forget()

    def _advance(self) -> None:
        command = [STRANGLER, "-c", self.configuration, "advance", FUNCTION, "--to", "syncing"]
        advanced = subprocess.run(command, capture_output=True, text=True, check=False)
        assert advanced.returncode == 0, f"{advanced.stdout}{advanced.stderr}"

    def _until_filled(self) -> None:
        with closing(assembly.control(self.settings)) as control:

            def filled() -> bool:
                found = backfills.of_function(control, FUNCTION)
                return bool(found) and all(each.finished_at for each in found)

            until(filled, "the store is filled", FILLING)

    def _forget(self) -> None:
        """The source's slot, without which the legacy database can be dropped."""
        with closing(assembly.source(self.settings, SOURCE)) as source:
            source.drop()
