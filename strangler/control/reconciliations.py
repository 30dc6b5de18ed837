"""Each run of reconciliation with what it found: the evidence of the drift gate, and where to go on with one that was interrupted."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, Final

import orjson
from sqlalchemy import Connection, delete, func, insert, select, update

from strangler.changes import Position
from strangler.control import tables
from strangler.control.holders import is_gone, myself
from strangler.control.shares import NOTHING, Found, Shares
from strangler.control.store import Control
from strangler.control.upsert import upsert
from strangler.errors import Refused


class Status(StrEnum):
    """How a run ended, or that it hasn't. `failed` could not check, `incomplete` was stopped half way: both say nothing about drift."""

    RUNNING = "running"
    CLEAN = "clean"
    DRIFT = "drift"
    FAILED = "failed"
    INCOMPLETE = "incomplete"


ENDED: Final = (Status.CLEAN, Status.DRIFT)
"""What a run says that came to its end."""

FULL: Final = "full"
"""The mode that leaves nothing out (`strangler.reconcile.jobs.Mode.FULL`)."""

QUICK: Final = "quick"
"""The mode that looks at all keys and at no values (`strangler.reconcile.jobs.Mode.QUICK`)."""

UNTOLD: Final = ("holder", "checkpoint")
"""What the table has of a run for whoever carries it out."""

COUNTS: Final = ("compared", "missing", "extra", "different", "in_flight", "tolerated")

RESUMABLE: Final = 86_400.0
"""Seconds after its beginning for which a run can be gone on with: what it saw first says less and less of today."""


class Taken(Refused):
    """The run looked abandoned, and another process has taken it over."""


@dataclass(frozen=True, slots=True)
class Run:
    """One reconciliation of a function; counts are keys. `mode` is how thorough it was (`strangler.reconcile.jobs.Mode`), `job` all
    that it was asked to do (`strangler.reconcile.jobs.Job`, as JSON). `position` is where both sides were compared; `in_flight`
    differed at first and were equal once both sides had seen the same; `tolerated` differ by no more than they may; `unbalanced`
    are groups of balances that don't agree; `reason` says why it couldn't check, or stopped. `parts` is what it found of each
    entity, in the form of the JSON output, `left_out` what it passed over, and why, `shares` what it found by cohort. `updated_at` is when
    it was last heard of.
    """

    id: int
    function: str
    mode: str
    started_at: float
    updated_at: float
    finished_at: float | None
    status: Status
    position: Position | None
    compared: int
    missing: int
    extra: int
    different: int
    in_flight: int
    tolerated: int
    reason: str | None
    job: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[Mapping[str, Any], ...] = ()
    unbalanced: int = 0
    left_out: tuple[str, ...] = ()
    shares: Shares = NOTHING

    @property
    def drift(self) -> int:
        """How many keys differ, in whatever way."""
        return self.missing + self.extra + self.different

    def found(self, cohort: str, alone: Collection[str]) -> Found:
        """What counts for a cohort, as those stand that move on their own now (`alone`): all of it, unless it was told by cohort."""
        return self.shares.of(cohort, alone) if self.shares.told else Found(self.drift, self.unbalanced)

    @property
    def whole(self) -> bool:
        """Whether every row of every entity was to be compared: nothing less is evidence that both sides are alike."""
        return self.mode == FULL and not self.job.get("entities")


@dataclass(frozen=True, slots=True)
class Finding:
    """A key that differs: `kind` is missing, extra or different; `fields` maps name → (legacy, store). `written_at` is the position of the
    store's row, `explanation` why it differs, as JSON; None where not known."""

    entity: str
    key: str
    kind: str
    fields: Mapping[str, Any]
    written_at: Position | None = None
    explanation: Mapping[str, Any] | None = None


def start(control: Control, function: str, *, mode: str, job: Mapping[str, Any], at: float) -> int:
    """A run begins, carried out by this process; returns its id. `job` says what it was asked to do."""
    values = {
        "function": function,
        "mode": mode,
        "holder": myself(),
        "started_at": at,
        "updated_at": at,
        "status": Status.RUNNING,
        "job": _json(job),
        "parts": "[]",
        "left_out": "[]",
        "shares": _json(NOTHING),
        **dict.fromkeys((*COUNTS, "unbalanced"), 0),
    }
    with control.begin() as connection:
        statement = insert(tables.reconciliation).values(values).returning(tables.reconciliation.c.id)
        number: int = connection.execute(statement).scalar_one()
        return number


def seen(control: Control, run: int, *, at: float) -> None:
    """Say that the run goes on. Raises Taken when that is another process's by now."""
    _set(control, run, {"updated_at": at})


def keep(control: Control, run: int, checkpoint: str, *, at: float) -> None:
    """The same, and where to go on with it should it be interrupted."""
    _set(control, run, {"checkpoint": checkpoint, "updated_at": at})


def finish(
    control: Control,
    run: int,
    status: Status,
    *,
    at: float,
    position: Position | None = None,
    counts: Mapping[str, int] | None = None,
    parts: Sequence[Mapping[str, Any]] = (),
    reason: str | None = None,
    left_out: Sequence[str] = (),
    shares: Shares = NOTHING,
) -> None:
    """A run ends, with its figures. Of one that didn't come to its end it stays known where to go on. Raises Taken like `seen`."""
    values = {
        "updated_at": at,
        "finished_at": at,
        "status": status,
        "position": position,
        "reason": reason,
        "parts": _json(list(parts)),
        "left_out": _json(list(left_out)),
        "shares": _json(shares),
        **(counts or {}),
    }
    if status in ENDED:
        values["checkpoint"] = None
    _set(control, run, values)


def interrupted(control: Control, function: str, job: Mapping[str, Any], *, now: float) -> int | None:
    """The last run that did the same job, if it didn't come to its end, by a signal, a kill, or a side that went away, and isn't too
    old to be gone on with."""
    table = tables.reconciliation
    query = (
        select(table)
        .where(table.c.function == function, table.c.job == _json(job))
        .order_by(table.c.id.desc())
        .limit(1)
    )
    with control.read() as connection:
        row = connection.execute(query).mappings().first()
    if row is None or row["checkpoint"] is None or not _stopped(row, now):
        return None
    if now - row["started_at"] > RESUMABLE:
        return None
    number: int = row["id"]
    return number


def take_over(control: Control, run: int, *, at: float) -> str | None:
    """Become the holder of an interrupted run; where to go on with it. None when somebody else did so before."""
    table = tables.reconciliation
    with control.begin() as connection:
        row = connection.execute(select(table).where(table.c.id == run).with_for_update()).mappings().one()
        if not _stopped(row, at):
            return None
        values = {"holder": myself(), "updated_at": at, "finished_at": None, "status": Status.RUNNING}
        connection.execute(update(table).where(table.c.id == run).values(values))
    checkpoint: str | None = row["checkpoint"]
    return checkpoint


def forget_findings(control: Control, run: int) -> None:
    """What was found until now doesn't count any more."""
    with control.begin() as connection:
        connection.execute(delete(tables.finding).where(tables.finding.c.reconciliation == run))


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
        return [_finding(row) for row in connection.execute(query)]


def get(control: Control, run: int) -> Run | None:
    """One run; None when there is no such."""
    found = _runs(control, tables.reconciliation.c.id == run, limit=1)
    return found[0] if found else None


def latest(control: Control, function: str | None = None) -> Run | None:
    """The last run, of a function or of any, that has ended, however it ended; None when there is none."""
    found = _runs(control, *_of(function), tables.reconciliation.c.finished_at.is_not(None), limit=1)
    return found[0] if found else None


def last_ended(control: Control, function: str) -> Run | None:
    """The last run of a function that compared all of its entities to the end; None when there is none."""
    table = tables.reconciliation
    conditions = (
        table.c.function == function,
        table.c.status.in_(ENDED),
        table.c.mode.in_((FULL, "recent")),
        _of_all_entities(),
    )
    # One that was told where to begin left a gap before that.
    whole = (run for run in _runs(control, *conditions, limit=100) if run.job.get("since") is None)
    return next(whole, None)


def latest_whole(control: Control, function: str) -> Run | None:
    """The last run that was to compare every row of the function (`Run.whole`) and has ended, however it ended."""
    table = tables.reconciliation
    whole = (table.c.mode == FULL, _of_all_entities())
    found = _runs(control, *_of(function), table.c.finished_at.is_not(None), *whole, limit=1)
    return found[0] if found else None


def alarm(control: Control, function: str, after: Run, cohort: str, alone: Collection[str]) -> Run | None:
    """The last run since that one which looked at less (a mode that isn't full, or some entities) and found drift that counts for the
    cohort. A quick one is answered by a later quick one of the same entities that found none, for it looked at all the same keys; others
    only by a full one. It comes without its `parts` and `left_out`."""
    with control.read() as connection:
        answered = _clean_looks(connection, function, after)
        with closing(_drift(connection, function, after)) as newest_first:
            for run in newest_first:
                quick, asked = run.mode == QUICK, str(run.job.get("entities"))
                if not any(run.found(cohort, alone)):  # Its drift is that of others.
                    if quick:
                        answered[asked] = max(run.id, answered.get(asked, 0))
                elif not run.whole and not (quick and answered.get(asked, 0) > run.id):
                    return run
    return None


def _clean_looks(connection: Connection, function: str, after: Run) -> dict[str, int]:
    """The last quick run since that one that found nothing: entities that it looked at → its number."""
    table = tables.reconciliation
    query = select(table.c.job, func.max(table.c.id)).where(*_of(function), table.c.id > after.id)
    clean = query.where(table.c.status == Status.CLEAN, table.c.mode == QUICK).group_by(table.c.job)
    found: dict[str, int] = {}
    for job, number in connection.execute(clean):
        asked = str(orjson.loads(job).get("entities"))
        found[asked] = max(number, found.get(asked, 0))
    return found


def _drift(connection: Connection, function: str, after: Run) -> Generator[Run]:
    """Those since that one that found drift, newest first, each read when it is asked for, without `parts` and `left_out`: there may be
    thousands."""
    table = tables.reconciliation
    columns = [each for each in table.c if each.name not in (*UNTOLD, "parts", "left_out")]
    query = (
        select(*columns)
        .where(*_of(function), table.c.id > after.id, table.c.status == Status.DRIFT)
        .order_by(table.c.id.desc())
    )
    with connection.execute(query, execution_options={"yield_per": 50}) as rows:
        yield from map(_run, rows.mappings())


def listed(
    control: Control, function: str | None = None, *, status: Status | None = None, limit: int | None = 100
) -> list[Run]:
    """Runs, newest first: of one function or of all, of one status or of any."""
    of_status = [] if status is None else [tables.reconciliation.c.status == status]
    return _runs(control, *_of(function), *of_status, limit=limit)


def mark_abandoned(control: Control, *, now: float) -> None:
    """Say of the runs whose process is gone that they are incomplete."""
    table = tables.reconciliation
    with control.begin() as connection:
        running = connection.execute(select(table).where(table.c.status == Status.RUNNING)).mappings().all()
        for row in running:
            if is_gone(row["holder"], row["updated_at"], now):
                values = {
                    "status": Status.INCOMPLETE,
                    "finished_at": row["updated_at"],
                    "reason": f"its process {row['holder']} is gone",
                }
                connection.execute(update(table).where(table.c.id == row["id"]).values(values))


def _stopped(row: Mapping[Any, Any], now: float) -> bool:
    if row["status"] == Status.RUNNING:
        return is_gone(row["holder"], row["updated_at"], now)
    return Status(row["status"]) not in ENDED


def _set(control: Control, run: int, values: Mapping[str, Any]) -> None:
    table = tables.reconciliation
    mine = (table.c.id == run, table.c.holder == myself())
    with control.begin() as connection:
        if not connection.execute(update(table).where(*mine).values(values)).rowcount:
            raise Taken(
                f"reconciliation {run} is another process's by now",
                why="this one was silent for so long that it looked gone",
                do=f"strangler reconcile show {run}",
            )


def _of(function: str | None) -> list[Any]:
    return [] if function is None else [tables.reconciliation.c.function == function]


def _of_all_entities() -> Any:
    """Asked of the JSON that `start` writes, and not of what is read: the history can be long."""
    return ~tables.reconciliation.c.job.contains('"entities":["')


def _runs(control: Control, *conditions: Any, limit: int | None) -> list[Run]:
    table = tables.reconciliation
    columns = [each for each in table.c if each.name not in UNTOLD]
    query = select(*columns).where(*conditions).order_by(table.c.id.desc()).limit(limit)
    with control.read() as connection:
        return [_run(row) for row in connection.execute(query).mappings()]


def _run(row: Mapping[Any, Any]) -> Run:
    read = {
        "status": Status(row["status"]),
        "job": orjson.loads(row["job"]),
        "shares": _shares(orjson.loads(row["shares"])),
        **{each: tuple(orjson.loads(row[each])) for each in ("parts", "left_out") if each in row},
    }
    return Run(**{**row, **read})


def _shares(kept: Any) -> Shares:
    told, untold = kept
    return Shares({name: Found(*each) for name, each in told.items()}, Found(*untold))


def _finding(row: Any) -> Finding:
    why = None if row.explanation is None else orjson.loads(row.explanation)
    return Finding(row.entity, row.key, row.kind, orjson.loads(row.fields), row.written_at, why)


def _row(run: int, finding: Finding) -> dict[str, Any]:
    return {
        "reconciliation": run,
        "entity": finding.entity,
        "key": finding.key,
        "kind": finding.kind,
        "fields": _json(dict(finding.fields)),
        "written_at": finding.written_at,
        "explanation": None if finding.explanation is None else _json(finding.explanation),
    }


def _json(value: Any) -> str:
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS).decode()


def _plain(value: Any) -> Any:
    """What JSON doesn't know: a named tuple by its place, else what it is written as."""
    return list(value) if isinstance(value, tuple) else str(value)
