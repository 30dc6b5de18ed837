"""Each run of reconciliation with what it found: the evidence of the drift gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import insert, select, update

from strangler.changes import Position
from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import upsert


class Status(StrEnum):
    """How a run ended, or that it hasn't. `failed` could not check, which says nothing about drift."""

    RUNNING = "running"
    CLEAN = "clean"
    DRIFT = "drift"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Run:
    """One reconciliation of a function; counts are keys. `position` is where both sides were compared, `in_flight`
    differed at first and were equal once both sides had seen the same; `reason` says why it failed."""

    id: int
    function: str
    started_at: float
    finished_at: float | None
    status: Status
    position: Position | None
    compared: int
    missing: int
    extra: int
    different: int
    in_flight: int
    reason: str | None

    @property
    def drift(self) -> int:
        """How many keys differ, in whatever way."""
        return self.missing + self.extra + self.different


@dataclass(frozen=True, slots=True)
class Finding:
    """A key that differs: `kind` is missing, extra or different; `fields` maps name → (legacy, store)."""

    entity: str
    key: str
    kind: str
    fields: Mapping[str, Any]


def start(control: Control, function: str, *, at: float) -> int:
    """A run begins; returns its id."""
    zero = dict.fromkeys(("compared", "missing", "extra", "different", "in_flight"), 0)
    values = {"function": function, "started_at": at, "status": Status.RUNNING, **zero}
    with control.begin() as connection:
        statement = insert(tables.reconciliation).values(values).returning(tables.reconciliation.c.id)
        number: int = connection.execute(statement).scalar_one()
        return number


def finish(
    control: Control,
    run: int,
    status: Status,
    *,
    at: float,
    position: Position | None = None,
    compared: int = 0,
    missing: int = 0,
    extra: int = 0,
    different: int = 0,
    in_flight: int = 0,
    reason: str | None = None,
) -> None:
    """A run ends, with its figures."""
    values = {
        "finished_at": at,
        "status": status,
        "position": position,
        "compared": compared,
        "missing": missing,
        "extra": extra,
        "different": different,
        "in_flight": in_flight,
        "reason": reason,
    }
    with control.begin() as connection:
        table = tables.reconciliation
        connection.execute(update(table).where(table.c.id == run).values(values))


def add_findings(control: Control, run: int, findings: Iterable[Finding]) -> None:
    """Record keys that differ; finding one again replaces what was found."""
    stream = iter(findings)
    with control.begin() as connection:
        while part := list(islice(stream, 1000)):
            upsert(connection, tables.finding, [_row(run, finding) for finding in part])


def findings(control: Control, run: int, *, limit: int | None = None) -> list[Finding]:
    """What a run found, by entity and key."""
    table = tables.finding
    query = select(table).where(table.c.reconciliation == run).order_by("entity", "key").limit(limit)
    with control.read() as connection:
        return [
            Finding(row.entity, row.key, row.kind, orjson.loads(row.fields))
            for row in connection.execute(query)
        ]


def latest(control: Control, function: str) -> Run | None:
    """The last run of a function that has ended, however it ended; None when there is none."""
    done = tables.reconciliation.c.finished_at.is_not(None)
    found = _runs(control, tables.reconciliation.c.function == function, done, limit=1)
    return found[0] if found else None


def listed(control: Control, function: str | None = None, *, limit: int | None = 100) -> list[Run]:
    """Runs, newest first."""
    conditions = [] if function is None else [tables.reconciliation.c.function == function]
    return _runs(control, *conditions, limit=limit)


def _runs(control: Control, *conditions: Any, limit: int | None) -> list[Run]:
    table = tables.reconciliation
    query = select(table).where(*conditions).order_by(table.c.id.desc()).limit(limit)
    with control.read() as connection:
        return [
            Run(**{**row, "status": Status(row["status"])}) for row in connection.execute(query).mappings()
        ]


def _row(run: int, finding: Finding) -> dict[str, Any]:
    fields = orjson.dumps(dict(finding.fields), default=str).decode()
    return {
        "reconciliation": run,
        "entity": finding.entity,
        "key": finding.key,
        "kind": finding.kind,
        "fields": fields,
    }
