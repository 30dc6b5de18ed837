"""Runs of checks for people and for programs: tables for the terminal, an object for JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import orjson
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from strangler.control.quality_runs import QualityRun, Result, Status
from strangler.durations import format_duration, moment

LONGEST_VALUE: Final = 60
"""Characters of a value that are shown in a table."""

MOST_ROWS: Final = 10
"""Rows of one check that are shown in a table; JSON has all that are kept."""

_STYLES: Final = {
    Status.PASSED: "bold green",
    Status.FAILED: "bold red",
    Status.UNCHECKED: "bold yellow",
}
_SEVERITIES: Final = {"critical": "red", "warning": "yellow", "info": "cyan"}
_WORDS: Final = {
    Status.RUNNING: "running",
    Status.PASSED: "passed",
    Status.FAILED: "failed",
    Status.UNCHECKED: "could not check",
}


def run_json(run: QualityRun) -> dict[str, Any]:
    """A recorded run."""
    return {
        "run": run.id,
        "function": run.function,
        "on": run.side,
        "status": run.status.value,
        "reason": run.reason,
        "started_at": moment(run.started_at),
        "finished_at": None if run.finished_at is None else moment(run.finished_at),
        "checks": run.checks,
        "failed": {"critical": run.critical, "warning": run.warning, "info": run.info},
        "unmade": run.unmade,
        "notes": list(run.notes),
    }


def as_json(run: QualityRun, results: Sequence[Result]) -> dict[str, Any]:
    """Everything about a run."""
    return {**run_json(run), "results": [{**asdict(each), "samples": list(each.samples)} for each in results]}


def as_tables(run: QualityRun, results: Sequence[Result], *, samples: bool) -> RenderableType:
    """Every check that failed or couldn't be made, and every one that was declared; those that are implied and hold are counted. Then,
    where asked for, rows that fail; then the verdict."""
    shown = [each for each in results if each.verdict != "passed" or not each.implied]
    parts: list[RenderableType] = [_checks(shown)] if shown else []
    failing = [each for each in results if each.samples]
    if samples and failing:
        parts += [Text(), *_samples(failing), Text()]
    held = sum(each.verdict == "passed" and each.implied for each in results)
    return Group(*parts, *_notes(run, held), verdict(run))


def verdict(run: QualityRun) -> Text:
    """One sentence."""
    words = Text(f"{run.function} on {run.side}: {_WORDS[run.status]}", style=_STYLES.get(run.status, ""))
    if not run.checks:
        return words.append(f"\n{run.reason or ''}".rstrip(), style="not bold default")
    took = "" if run.finished_at is None else f", {format_duration(run.finished_at - run.started_at)}"
    words.append(f", {_counts(run)}{took}", style="not bold default")
    return words.append(f"\n{run.reason}", style="not bold default") if run.reason else words


def history(runs: Sequence[QualityRun]) -> RenderableType:
    """Recorded runs, newest first."""
    table = _table("run", "started", "took", "function", "on", "result")
    for run in runs:
        took = "" if run.finished_at is None else format_duration(run.finished_at - run.started_at)
        table.add_row(str(run.id), moment(run.started_at), took, run.function, run.side, _result(run))
    return table


def _result(run: QualityRun) -> Text:
    words = Text(_WORDS[run.status], _STYLES.get(run.status, ""))
    if run.checks:
        words.append(f", {_counts(run)}", style="not bold default")
    if run.reason:
        words.append(f": {run.reason.splitlines()[0]}", style="not bold default")
    return words


def _counts(run: QualityRun) -> str:
    severities = (("critical", run.critical), ("warning", run.warning), ("info", run.info))
    failed = ", ".join(f"{count:,} {severity}" for severity, count in severities if count)
    told = f"{run.checks:,} checks" + (f", {failed} failed" if failed else "")
    if run.unmade:
        return f"{told}, {run.unmade:,} couldn't be made"
    return told if failed else f"{run.checks:,} checks hold"


def _notes(run: QualityRun, held: int) -> Iterator[Text]:
    if held:
        implied = "check" if held == 1 else "checks"
        yield Text(f"{held:,} {implied} that the mapping implies {'holds' if held == 1 else 'hold'}", "dim")
    for note in run.notes:
        yield Text(note, "dim")


def _checks(results: Sequence[Result]) -> Table:
    table = _table("", "entity", "check", "severity", "rows", "fail", "found")
    for each in results:
        table.add_row(
            _mark(each),
            each.entity,
            Text(each.words),
            Text(each.severity, _SEVERITIES[each.severity] if each.verdict == "failed" else "dim"),
            "" if each.rows is None else f"{each.rows:,}",
            "" if each.unexpected is None else _number(each.unexpected),
            Text(each.reason or each.observed),
        )
    return table


def _mark(each: Result) -> Text:
    if each.verdict == "unmade":
        return Text("?", "bold yellow")
    return Text("✓", "green") if each.verdict == "passed" else Text("✗", f"bold {_SEVERITIES[each.severity]}")


def _samples(results: Sequence[Result]) -> Iterator[RenderableType]:
    for place, each in enumerate(results):
        if place:
            yield Text()
        yield Text(f"{each.entity}: {each.words}", "bold")
        rows = each.samples[:MOST_ROWS]
        yield _rows(rows)
        if each.unexpected is not None and (more := each.unexpected - len(rows)) > 0:
            yield Text(f"… and {more:,} more", "dim")


def _rows(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = _table(*rows[0])
    for row in rows:
        table.add_row(*(_value(value) for value in row.values()))
    return table


_NUMBERS: Final = frozenset({"run", "rows", "fail"})


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in _NUMBERS else "left", overflow="fold")
    return table


def _number(count: int) -> Text:
    return Text(f"{count:,}", "" if count else "dim")


def _value(value: Any) -> Text:
    """As it is where that can be seen, else as JSON: with blanks, quotes and control characters."""
    plain = isinstance(value, str) and value.isprintable() and value != "" and value == value.strip()
    text = value if plain else orjson.dumps(value, default=str).decode()
    return Text(text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…")
