"""Each run of the checks of data with what came of every check: the evidence of the quality gate, and what the site is made from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Row, func, insert, select, update

from strangler.control import tables
from strangler.control.shares import counting
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE


class Status(StrEnum):
    """How a run ended, or that it hasn't. `failed`: a critical check did; `unchecked`: something couldn't be checked, and nothing
    critical failed."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    UNCHECKED = "unchecked"


class Judged(NamedTuple):
    """A check that failed, of all rows or of those of a cohort. `failed` tells of each cohort whether it did (`*`: of all that didn't move
    on their own); None where that can't be told."""

    severity: str
    failed: Mapping[str, bool] | None

    def counts(self, cohort: str, alone: Collection[str]) -> bool:
        """Whether it counts for a cohort; see `shares.counting`."""
        if self.failed is None:
            return True
        return any(self.failed[name] for name in counting(self.failed, cohort, alone))


@dataclass(frozen=True, slots=True)
class QualityRun:
    """One run of the checks of a function on a side. `critical`, `warning` and `info` count the checks that failed, `unmade` those that
    couldn't be made; `notes` are for people, `reason` says why it is unchecked; `told` has those that failed by cohort, None where no
    cohort was told apart. Times in seconds since the epoch."""

    id: int
    function: str
    side: str
    started_at: float
    finished_at: float | None
    status: Status
    checks: int
    critical: int
    warning: int
    info: int
    unmade: int
    notes: tuple[str, ...]
    reason: str | None
    told: tuple[Judged, ...] | None = None

    def failing(
        self, severities: Collection[str], cohort: str = EVERYONE, alone: Collection[str] = ()
    ) -> int:
        """How many checks of these severities failed that count for a cohort, as those stand that move on their own now (`alone`)."""
        if self.told is None:
            counts = {"critical": self.critical, "warning": self.warning, "info": self.info}
            return sum(counts[each] for each in set(severities))
        return sum(each.severity in severities and each.counts(cohort, alone) for each in self.told)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one check; see `strangler.quality.checker.Tested`. `implied`: it follows from the mapping."""

    number: int
    entity: str
    kind: str
    words: str
    severity: str
    implied: bool
    verdict: str
    rows: int | None
    unexpected: int | None
    observed: str
    samples: Sequence[Mapping[str, Any]]
    reason: str


def start(control: Control, function: str, side: str, *, at: float) -> int:
    """A run begins; returns its id."""
    zero = dict.fromkeys(("checks", "critical", "warning", "info", "unmade"), 0)
    values = {
        "function": function,
        "side": side,
        "started_at": at,
        "status": Status.RUNNING,
        "notes": "[]",
        **zero,
    }
    with control.begin() as connection:
        statement = insert(tables.quality_run).values(values).returning(tables.quality_run.c.id)
        number: int = connection.execute(statement).scalar_one()
        return number


def finish(
    control: Control,
    run: int,
    status: Status,
    *,
    at: float,
    results: Sequence[Result] = (),
    documents: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    reason: str | None = None,
    told: Sequence[Judged] | None = None,
) -> None:
    """A run ends, with all that came of it; `documents` by title."""
    failed = [each.severity for each in results if each.verdict == "failed"]
    counts = {severity: failed.count(severity) for severity in ("critical", "warning", "info")}
    unmade = sum(each.verdict == "unmade" for each in results)
    values = {
        "finished_at": at,
        "status": status,
        "reason": reason,
        "notes": orjson.dumps(list(notes)).decode(),
        "told": None if told is None else orjson.dumps(list(map(tuple, told))).decode(),
    }
    with control.begin() as connection:
        table = tables.quality_run
        values |= {"checks": len(results), "unmade": unmade, **counts}
        connection.execute(update(table).where(table.c.id == run).values(values))
        if results:
            connection.execute(insert(tables.quality_result), [_row(run, each) for each in results])
        if documents:
            bodies = [{"run": run, "title": title, "body": body} for title, body in documents.items()]
            connection.execute(insert(tables.quality_document), bodies)


def get(control: Control, run: int) -> QualityRun | None:
    """The run with this id."""
    found = _runs(control, tables.quality_run.c.id == run, limit=1)
    return found[0] if found else None


def latest(control: Control, function: str) -> dict[str, QualityRun]:
    """Side → the last run of a function that has ended there, however it ended."""
    table = tables.quality_run
    ended = select(func.max(table.c.id)).where(table.c.function == function, table.c.finished_at.is_not(None))
    return {run.side: run for run in _runs(control, table.c.id.in_(ended.group_by(table.c.side)), limit=None)}


def listed(
    control: Control, function: str | None = None, side: str | None = None, *, limit: int | None = 100
) -> list[QualityRun]:
    """Runs, newest first."""
    table = tables.quality_run
    conditions = [] if function is None else [table.c.function == function]
    conditions += [] if side is None else [table.c.side == side]
    return _runs(control, *conditions, limit=limit)


def results(control: Control, run: int) -> list[Result]:
    """What came of each check of a run, in their order."""
    table = tables.quality_result
    query = select(table).where(table.c.run == run).order_by(table.c.number)
    with control.read() as connection:
        return [_result(row) for row in connection.execute(query)]


def documents(control: Control, runs: Iterable[int]) -> list[tuple[int, str, str]]:
    """Run, title and body of the documents of these runs."""
    table = tables.quality_document
    query = select(table.c.run, table.c.title, table.c.body).where(table.c.run.in_(list(runs)))
    with control.read() as connection:
        return [
            (row.run, row.title, row.body)
            for row in connection.execute(query.order_by(table.c.run, table.c.title))
        ]


def _runs(control: Control, *conditions: Any, limit: int | None) -> list[QualityRun]:
    table = tables.quality_run
    query = select(table).where(*conditions).order_by(table.c.id.desc()).limit(limit)
    with control.read() as connection:
        return [_run(dict(row)) for row in connection.execute(query).mappings()]


def _run(row: dict[str, Any]) -> QualityRun:
    told = None if row["told"] is None else tuple(Judged(*each) for each in orjson.loads(row["told"]))
    read = {"status": Status(row["status"]), "notes": tuple(orjson.loads(row["notes"])), "told": told}
    return QualityRun(**{**row, **read})


def _row(run: int, each: Result) -> dict[str, Any]:
    return {**asdict(each), "run": run, "samples": orjson.dumps(list(each.samples), default=str).decode()}


def _result(row: Row[Any]) -> Result:
    values = dict(row._mapping)
    del values["run"]
    return Result(**{**values, "samples": orjson.loads(values["samples"])})
