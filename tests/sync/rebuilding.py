"""A migration whose store can be damaged, for the tests of snapshots and rebuilds; and as a process, one that stops within a rebuild.

python -m tests.sync.rebuilding CONFIGURATION STEP BASE
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import yaml
from click.testing import CliRunner, Result

from strangler import assembly, snapshots
from strangler.cli.main import root
from strangler.configuration import load
from strangler.control import backfills, standings
from strangler.control.store import Control
from strangler.cutover.stages import RULES, Stage
from strangler.reconcile.jobs import Job
from strangler.reconcile.runs import reconcile
from strangler.settings import Settings
from strangler.sync import rebuild
from tests.sync.landscape import until, working

STEPS = {"begin": rebuild._Beside.begin, "fill": rebuild._Beside._begin_at, "replay": rebuild._Beside._replay,
         "marks": rebuild._Beside._marks, "within": rebuild._Filled.require_same}  # fmt: skip
"""The steps of a rebuild; within: in the middle of the transaction that puts the store right."""


class Migration:
    """Legacy tables `partner` and `city`, function `partners` with an entity of each, its store at `url`, under `home`."""

    def __init__(self, home: Path, url: str) -> None:
        self.home, self.url = home, url
        self.path = home / "strangler.yaml"
        self.write("CREATE TABLE partner (id INTEGER PRIMARY KEY, name TEXT)")
        self.write("CREATE TABLE city (code TEXT PRIMARY KEY, people NUMERIC)")
        self.configure()
        self.control: Control = assembly.control(self.settings)

    def configure(self, name: str = "name") -> None:
        """(Re)write the configuration: `name` is the expression of the partner's name."""
        partner = {"table": "partner", "key": "id", "fields": {"id": "id", "name": name}}
        city = {"table": "city", "key": "code", "fields": {"code": "code", "people": "people"}}
        function = {"source": "erp", "store": "service", "entities": {"partner": partner, "city": city}}
        document = {
            "sources": {"erp": {"kind": "sqlite", "url": f"sqlite:///{self.home}/legacy.db"}},
            "stores": {"service": {"url": self.url}},
            "sync": {"chunk": 50, "batch": 20},
            "functions": {"partners": function},
        }
        self.path.write_text(yaml.safe_dump(document))
        self.settings: Settings = load(self.path)

    def write(self, *statements: str) -> None:
        """Write to legacy, in one transaction."""
        with closing(sqlite3.connect(self.home / "legacy.db", timeout=30)) as file, file:
            for statement in statements:
                file.execute(statement)

    def damage(self, *statements: str) -> None:
        """Write to the store as somebody with a console does."""
        self.ask(*statements)

    def ask(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements in the store, in one transaction; the rows of the last one."""
        if self.url.startswith("sqlite"):
            path = self.url.removeprefix("sqlite:///")
            with closing(sqlite3.connect(path, timeout=30)) as file, file:
                return [file.execute(each).fetchall() for each in statements][-1]
        with psycopg.connect(self.url) as connection:
            cursor = [connection.execute(each.encode()) for each in statements][-1]
            return cursor.fetchall() if cursor.description else []

    def names(self) -> dict[int, str]:
        return dict(self.ask("SELECT id, name FROM partner"))  # type: ignore[arg-type]

    def leftovers(self) -> int:
        """How much of a rebuild is in the store: marks, tables."""
        catalog = "sqlite_master" if self.url.startswith("sqlite") else "information_schema.tables"
        column = "name" if self.url.startswith("sqlite") else "table_name"
        [(tables,)] = self.ask(f"SELECT count(*) FROM {catalog} WHERE {column} LIKE 'strangler_rebuild%'")
        [(marks,)] = self.ask("SELECT count(*) FROM strangler_mark WHERE reader LIKE '%~rebuild%'")
        return int(tables) + int(marks)

    def put(self, stage: Stage) -> None:
        standing = standings.of(self.control, "partners")
        standings.change(
            self.control, standing, replace(standing, stage=stage, owner=RULES[stage].owner), at=time.time()
        )

    def filled(self) -> bool:
        done = backfills.all_backfills(self.control)
        return len(done) == 2 and all(record.finished_at for record in done)

    def fill(self, partners: int = 200) -> None:
        """Have the store filled and some of it changed and removed since, all of it delivered."""
        self.write(*(f"INSERT INTO partner VALUES ({n}, 'partner {n}')" for n in range(partners)))
        self.write(*(f"INSERT INTO city VALUES ('C{n:03}', {n}.50)" for n in range(30)))
        self.put(Stage.SYNCING)
        with self.worker():
            until(self.filled, "the store is filled")
            self.write(
                "UPDATE partner SET name = 'changed' WHERE id < 10", "DELETE FROM partner WHERE id = 11"
            )
            self.until_clean()

    def until_clean(self) -> None:
        """Wait for the worker to have delivered everything."""
        until(self.clean, "it is clean")

    def clean(self) -> bool:
        """Whether the store is as legacy at this moment."""
        return reconcile(self.settings, self.control, Job("partners", confirm=False)).status == "clean"

    def worker(self) -> AbstractContextManager[None]:
        return working(self.settings, self.control)

    def snapshots(self) -> list[snapshots.Snapshot]:
        return snapshots.listed(self.settings.data_dir, "service", "partners")

    def strangler(self, *arguments: str) -> Result:
        environment = {"COLUMNS": "200"}
        result = CliRunner(env=environment).invoke(root, ["-c", str(self.path), *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def done(self, *arguments: str) -> str:
        result = self.strangler(*arguments)
        assert result.exit_code == 0, result.output
        return result.output

    def refused(self, *arguments: str) -> str:
        result = self.strangler(*arguments)
        assert result.exit_code != 0, result.output
        return result.output


def stop_at(step: str) -> None:
    """Let a rebuild of this process say so when it has done `step`, and wait there to be killed."""
    done = STEPS[step]
    owner = rebuild._Filled if step == "within" else rebuild._Beside

    def and_stop(*given: Any) -> Any:
        done(*given)
        sys.stdout.write(f"{step}\n")
        sys.stdout.flush()
        sys.stdin.read()

    setattr(owner, done.__name__, and_stop)


def main(arguments: Sequence[str]) -> None:
    path, step, base = arguments
    stop_at(step)
    settings = load(Path(path))
    with closing(assembly.control(settings)) as control:
        found = snapshots.listed(settings.data_dir, "service", "partners") if base == "snapshot" else [None]
        rebuild.rebuild(settings, control, "partners", found[-1], actor="victim")


if __name__ == "__main__":
    main(sys.argv[1:])
