"""A migration of partners and of sales with lines whose store can be damaged, for the tests of repair; and as a process, a worker that
stops between the log and the mark of a repair.

python -m tests.reconcile.repairs CONFIGURATION
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from strangler import assembly
from strangler.cli import repair
from strangler.cli.application import Application
from strangler.cli.main import root
from strangler.configuration import load
from strangler.control import backfills, ledger, reconciliations, standings
from strangler.control.reconciliations import Finding, Status
from strangler.control.store import Control
from strangler.cutover.stages import Stage
from strangler.events import Event
from strangler.ports import Offset
from strangler.reconcile.jobs import Job
from strangler.reconcile.runs import reconcile
from strangler.settings import Settings
from strangler.worker import Worker
from tests.reconcile.landscape import Database
from tests.sync.landscape import until, working

TABLES = (
    "CREATE TABLE partner (id integer PRIMARY KEY, name varchar(40), number varchar(20))",
    "CREATE TABLE sale (code varchar(10) PRIMARY KEY, state varchar(10), partner integer)",
    "CREATE TABLE sale_line (id integer PRIMARY KEY, sale varchar(10), position integer, quantity numeric(10, 2))",
)

PARTNER: dict[str, Any] = {
    "table": "partner",
    "key": "id",
    "fields": {"id": "id", "name": "TRIM(name)", "number": "CAST(number AS INTEGER)"},
    "events": {
        "created": "PartnerRegistered",
        "changed": [{"name": "PartnerNamed", "when": "name IS NOT NULL"}],
    },
}
SALE: dict[str, Any] = {
    "table": "sale",
    "key": "code",
    "join": {"buyer": {"table": "partner", "on": {"id": "partner"}}},
    "fields": {"code": "LOWER(code)", "state": "state", "buyer": "buyer.name"},
    "children": {
        "lines": {
            "table": "sale_line",
            "on": {"sale": "code"},
            "key": "position",
            "fields": {"position": "position", "quantity": "quantity", "state": "parent.state"},
        }
    },
}


class Migration:
    """Function `sales` between two databases, under `home`, filled and clean; `section` is what else its section says."""

    def __init__(self, home: Path, legacy: str, store: str, **section: Any) -> None:
        self.home, self.path = home, home / "strangler.yaml"
        self.legacy, self.new = Database(legacy), Database(store)
        self.legacy.run(*TABLES)
        kind = {"postgresql": "postgres"}.get(self.legacy.kind, self.legacy.kind)
        document = {
            "sources": {"erp": {"kind": kind, "url": legacy}},
            "stores": {"service": {"url": store}},
            "functions": {
                "sales": {
                    "source": "erp",
                    "store": "service",
                    "entities": {"partner": PARTNER, "sale": SALE},
                    **section,
                }
            },
        }
        self.path.write_text(yaml.safe_dump(document))
        self.settings: Settings = load(self.path)
        self.control: Control = assembly.control(self.settings)

    def fill(self) -> None:
        """Rows in legacy, which a running worker moves."""
        self.legacy.run(
            *(f"INSERT INTO partner VALUES ({n}, 'partner {n}', '{n}')" for n in range(1, 21)),
            *(f"INSERT INTO sale VALUES ('S{n}', 'open', {n})" for n in range(1, 6)),
            *(
                f"INSERT INTO sale_line VALUES ({n}{at}, 'S{n}', {at}, {n}.50)"
                for n in range(1, 6)
                for at in (1, 2, 3)
            ),
        )
        standing = standings.of(self.control, "sales")
        standings.change(self.control, standing, replace(standing, stage=Stage.SYNCING), at=time.time())
        until(self._filled, "the store is filled")
        # Changed and removed since, so that there are rows and tombstones that the stream has written.
        self.legacy.run(
            "UPDATE partner SET name = 'changed' WHERE id = 2",
            "UPDATE sale SET state = 'done' WHERE code = 'S2'",
            "DELETE FROM partner WHERE id = 20",
        )
        self.until_clean()

    def _filled(self) -> bool:
        done = backfills.all_backfills(self.control)
        return len(done) == 2 and all(record.finished_at for record in done)

    def until_clean(self) -> None:
        until(lambda: self.status(confirm=False) is Status.CLEAN, "it is clean")

    def status(self, *, confirm: bool = True) -> Status:
        return reconcile(self.settings, self.control, Job("sales", confirm=confirm)).status

    def drift(self) -> dict[tuple[str, str], Finding]:
        """Reconcile; what differs, by entity and key."""
        found = reconcile(self.settings, self.control, Job("sales"))
        assert found.status is Status.DRIFT, found.reason
        listed = reconciliations.findings(self.control, found.run)
        return {(each.entity, each.key): each for each in listed}

    def damage(self, table: str, values: str, where: str) -> None:
        """Change a row as an error of delivery's would: its position stays."""
        ((position,),) = set(self.rows(f"SELECT _position FROM {table} WHERE {where}"))
        self.new.run(
            f"UPDATE {table} SET {values}, _position = '{position} ' WHERE {where}",
            f"UPDATE {table} SET _position = '{position}' WHERE {where}",
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query in the store gives."""
        with (
            closing(assembly.store(self.settings, "service")) as store,
            closing(store.reader()) as side,
        ):
            return [tuple(row) for row in side.rows(sql)]

    def events(self, entity: str, key: str) -> list[Event]:
        with closing(assembly.log(self.settings)) as log:
            records = log.read("sales", 0, Offset(0), 10_000)
        return [each.event for each in records if (each.event.entity, each.event.key) == (entity, key)]

    def worker(self) -> AbstractContextManager[None]:
        return working(self.settings, self.control)

    def repair(self, *arguments: str) -> Result:
        """The command, as it ends in a terminal."""
        runner = CliRunner(env={"COLUMNS": "220"})
        application = Application(self.path)
        try:
            result = runner.invoke(repair.command, arguments, obj=application, standalone_mode=False)
        finally:
            application.close()
        return result

    def strangler(self, *arguments: str) -> Result:
        """Any command."""
        return CliRunner(env={"COLUMNS": "220"}).invoke(root, ["-c", str(self.path), *arguments])

    def noted(self, kind: str) -> list[ledger.Entry]:
        return ledger.entries(self.control, function="sales", kind=kind)

    def close(self) -> None:
        self.control.close()
        with closing(assembly.source(self.settings, "erp")) as source:
            source.drop()


def main(arguments: Sequence[str]) -> None:
    """A worker that says so when it has said something anew, and waits before it notes that."""
    from strangler.control import repairs

    def and_stop(*given: Any, **more: Any) -> None:
        sys.stdout.write("said\n")
        sys.stdout.flush()
        sys.stdin.read()

    repairs.finish = and_stop
    settings = load(Path(arguments[0]))
    worker = Worker(settings, assembly.control(settings))
    worker.start()
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1:])
