"""A reconciliation for people and for programs: tables for the terminal, an object for JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import orjson
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from strangler.control.reconciliations import Run, Status
from strangler.durations import format_duration
from strangler.reconcile.entity import Outcome
from strangler.reconcile.narrow import Difference, Kind
from strangler.reconcile.runs import Reconciliation

LONGEST_VALUE = 60
"""Characters of a value that are shown in a table."""

_STYLES = {
    Status.CLEAN: "bold green",
    Status.DRIFT: "bold red",
    Status.FAILED: "bold yellow",
    Status.INCOMPLETE: "bold yellow",
}


def as_json(found: Reconciliation, limit: int) -> dict[str, Any]:
    """Everything about a run, with at most `limit` keys listed per entity."""
    return {
        "run": found.run,
        "function": found.job.function,
        "status": found.status.value,
        "reason": found.reason,
        "started_at": moment(found.started_at),
        "finished_at": moment(found.finished_at),
        "drift": found.drift,
        "entities": [_entity_json(outcome, limit) for outcome in found.outcomes],
    }


def run_json(run: Run) -> dict[str, Any]:
    """A recorded run."""
    return {
        "run": run.id,
        "function": run.function,
        "status": run.status.value,
        "reason": run.reason,
        "started_at": moment(run.started_at),
        "finished_at": None if run.finished_at is None else moment(run.finished_at),
        "position": run.position,
        "compared": run.compared,
        "missing": run.missing,
        "extra": run.extra,
        "different": run.different,
        "in_flight": run.in_flight,
    }


def as_tables(found: Reconciliation, limit: int) -> RenderableType:
    """The verdict, a row per entity, the keys that differ with their fields, and the keys in quarantine."""
    parts: list[RenderableType] = []
    if found.outcomes:
        parts.append(_counts(found.outcomes))
    if any(outcome.differences for outcome in found.outcomes):
        parts.append(_differences(found.outcomes, limit))
    if any(outcome.quarantined for outcome in found.outcomes):
        parts.append(_quarantined(found.outcomes, limit))
    return Group(*parts, verdict(found))


def verdict(found: Reconciliation) -> Text:
    """One sentence."""
    seconds = format_duration(found.finished_at - found.started_at)
    if found.status is Status.FAILED:
        words = Text(f"{found.job.function}: could not check", style=_STYLES[found.status])
        return words.append(f"\n{found.reason}", style="not bold default")
    words = Text(f"{found.job.function}: {found.status.value}", style=_STYLES[found.status])
    compared = sum(outcome.compared for outcome in found.outcomes)
    quarantine = sum(outcome.quarantine for outcome in found.outcomes)
    tail = f", {found.drift:,} of {compared:,} keys differ, {seconds}"
    if quarantine:
        tail += f"; {quarantine:,} in quarantine weren't compared (strangler quarantine list)"
    return words.append(tail, style="not bold default")


def history(runs: Sequence[Run]) -> RenderableType:
    """Recorded runs, newest first."""
    table = _table(
        "run", "started", "took", "status", "compared", "missing", "extra", "different", "in flight", "reason"
    )
    for run in runs:
        took = "" if run.finished_at is None else format_duration(run.finished_at - run.started_at)
        counts = (run.compared, run.missing, run.extra, run.different, run.in_flight)
        style = _STYLES.get(run.status, "")
        reason = (run.reason or "").split("\n", 1)[0]
        table.add_row(
            str(run.id),
            moment(run.started_at),
            took,
            Text(run.status.value, style),
            *map(_number, counts),
            Text(reason),
        )
    return table


def moment(at: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _entity_json(outcome: Outcome, limit: int) -> dict[str, Any]:
    return {
        "entity": outcome.entity,
        "compared": outcome.compared,
        "missing": outcome.missing,
        "extra": outcome.extra,
        "different": outcome.different,
        "in_flight": outcome.in_flight,
        "quarantined": outcome.quarantine,
        "position": outcome.position,
        "differences": [
            {
                "key": each.key,
                "kind": each.kind.value,
                "fields": {name: list(pair) for name, pair in each.fields.items()},
            }
            for each in outcome.differences[:limit]
        ],
        "quarantine": [{"key": each.key, "reason": each.reason} for each in outcome.quarantined[:limit]],
    }


def _counts(outcomes: Iterable[Outcome]) -> Table:
    table = _table("entity", "compared", "missing", "extra", "different", "in flight", "quarantined")
    for each in outcomes:
        counts = (each.compared, each.missing, each.extra, each.different, each.in_flight, each.quarantine)
        table.add_row(each.entity, *map(_number, counts))
    return table


def _differences(outcomes: Sequence[Outcome], limit: int) -> Table:
    table = _table("entity", "key", "kind", "field", "legacy", "store")
    for outcome in outcomes:
        for each in outcome.differences[:limit]:
            _add_fields(table, each)
        if hidden := outcome.drift - min(limit, len(outcome.differences)):
            table.add_row(outcome.entity, Text(f"… and {hidden:,} more", "dim"))
    return table


def _add_fields(table: Table, difference: Difference) -> None:
    first = (difference.entity, Text(difference.key), difference.kind.value)
    if difference.kind is not Kind.DIFFERENT:
        table.add_row(*first, Text("the whole row", "dim"))
        return
    for name, (legacy, store) in difference.fields.items():
        table.add_row(*first, name, _value(legacy), _value(store))
        first = ("", Text(), "")


def _quarantined(outcomes: Sequence[Outcome], limit: int) -> Table:
    table = _table("entity", "key in quarantine", "reason")
    for outcome in outcomes:
        for each in islice(outcome.quarantined, limit):
            table.add_row(each.entity, Text(each.key), Text(each.reason))
        if hidden := outcome.quarantine - min(limit, len(outcome.quarantined)):
            table.add_row(outcome.entity, Text(f"… and {hidden:,} more", "dim"))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        right = column in ("compared", "missing", "extra", "different", "in flight", "quarantined", "run")
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    return table


def _number(count: int) -> Text:
    return Text(f"{count:,}", "" if count else "dim")


def _value(value: Any) -> Text:
    """As JSON, so that blanks, quotes and control characters can be seen."""
    text = orjson.dumps(value, default=str).decode()
    return Text(text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…")
