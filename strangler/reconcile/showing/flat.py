"""Reconciliations as CSV for spreadsheets: a row for each field that differs. Pure.

Values are written as JSON, so that NULL, an empty text and trailing blanks can be told apart. A cell that a spreadsheet would take for
a formula is kept from being one by a leading apostrophe: what it shows came out of a database that anybody may have written into.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import orjson

from strangler.control.reconciliations import Finding, Run
from strangler.durations import moment
from strangler.reconcile.showing.account import Account
from strangler.reconcile.showing.balances import figures, group_name

COLUMNS: Final = (
    "run", "function", "mode", "status", "entity", "key", "kind", "field", "legacy", "store",
    "pattern", "cause", "why", "event", "position", "mapping", "written_at",
)  # fmt: skip
"""Of the keys that differ. Where a side lacks the key there is one row for it, with no field and the whole row of the other side.
A group of a balance that differs stands there too: `entity` is the balance, `key` the group, `kind` balance, `field` the figure."""

HISTORY: Final = (
    "run", "function", "mode", "status", "started_at", "finished_at", "took_seconds",
    "compared", "missing", "extra", "different", "in_flight", "tolerated", "reason",
)  # fmt: skip
"""Of runs."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def differences(found: Iterable[Account]) -> str:
    """The keys that differ, of all these runs."""
    return _table(COLUMNS, (row for each in found for row in _rows(each)))


def history(runs: Iterable[Run]) -> str:
    """The runs, a row each."""
    return _table(HISTORY, map(_run, runs))


def _rows(found: Account) -> Iterator[Sequence[Any]]:
    run = found.run
    for finding in found.findings:
        first = (run.id, run.function, run.mode, run.status.value, finding.entity, finding.key, finding.kind)
        why = finding.explanation or {}
        patterns = why.get("patterns") or {}
        told = (
            *(why.get(name) for name in ("cause", "words", "event", "position", "mapping")),
            finding.written_at,
        )
        for field, legacy, store in _cells(finding):
            yield (*first, field, legacy, store, patterns.get(field), *told)
    for balance in found.balances:
        of = (run.id, run.function, run.mode, run.status.value, balance.name)
        for group in balance.outcome["differences"]:
            for field, sides in figures(group):
                name = group_name(group["dimensions"])
                yield (*of, name, "balance", field, sides["legacy"], sides["store"], *[None] * 7)


def _cells(finding: Finding) -> Iterator[tuple[str, str, str]]:
    """Field, and its value on each side."""
    if finding.kind == "different":
        for name, (legacy, store) in finding.fields.items():
            yield name, value(legacy), value(store)
        return
    row = value(whole_row(finding))
    yield ("", row, "") if finding.kind == "missing" else ("", "", row)


def whole_row(finding: Finding) -> dict[str, Any]:
    """Of a key that one side lacks, what the other one has: its fields that aren't NULL."""
    side = 0 if finding.kind == "missing" else 1
    return {name: pair[side] for name, pair in finding.fields.items()}


def _run(run: Run) -> Sequence[Any]:
    ended = run.finished_at
    return (
        run.id, run.function, run.mode, run.status.value, moment(run.started_at),
        None if ended is None else moment(ended), None if ended is None else round(ended - run.started_at, 3),
        run.compared, run.missing, run.extra, run.different, run.in_flight, run.tolerated, run.reason,
    )  # fmt: skip


def value(of: Any) -> str:
    """A value as JSON, so that blanks, quotes and control characters can be seen."""
    return orjson.dumps(of, default=str).decode()


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_guarded(cell) for cell in row] for row in rows)
    return text.getvalue()


def _guarded(cell: Any) -> Any:
    """Text that begins like a formula, behind an apostrophe. A number stays a number."""
    if not isinstance(cell, str) or not cell.startswith(_FORMULA) or _is_number(cell):
        return cell
    return f"'{cell}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
