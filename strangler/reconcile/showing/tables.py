"""Reconciliations for the terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from strangler.control.reconciliations import Finding, Run, Status
from strangler.durations import format_duration, moment
from strangler.reconcile.between import Between
from strangler.reconcile.showing import flat
from strangler.reconcile.showing.account import Account, EntityAccount, resuming, sentence, verdict

LONGEST_VALUE: Final = 60
"""Characters of a value that are shown."""

STYLES: Final = {
    Status.CLEAN: "bold green",
    Status.DRIFT: "bold red",
    Status.FAILED: "bold yellow",
    Status.INCOMPLETE: "bold yellow",
    Status.RUNNING: "bold",
}
"""How each way to end stands out."""

_FIGURES: Final = (
    "compared", "missing", "extra", "different", "in flight", "tolerated", "quarantined", "run", "took", "drift",
)  # fmt: skip
"""Columns that are aligned to the right."""


def whole(found: Account) -> RenderableType:
    """A row per entity, the keys that differ with their fields and why, the keys in quarantine; last, where the eye is, the verdict."""
    shown: list[RenderableType] = []
    if found.entities:
        shown.append(_counts(found.entities))
    if any(found.findings):
        shown.append(_differences(found.entities))
    if explained := [each for each in found.findings if each.explanation]:
        shown.append(_reasons(explained))
    if any(entity.quarantine for entity in found.entities):
        shown.append(_quarantined(found.entities))
    return Group(*(part for each in shown for part in (each, Text())), closing(found))


def closing(found: Account) -> Text:
    """The verdict, and how to go on where there is a way."""
    run = found.run
    words = Text(f"{run.function}: {verdict(found)}", STYLES[run.status])
    apart = "\n" if run.status is Status.FAILED else ", "
    words.append(f"{apart}{sentence(found)}", "not bold default")
    if run.status is Status.INCOMPLETE:
        words.append(f"\ngo on with: {resuming(run)}", "not bold default")
    return words


def history(runs: Sequence[Run]) -> RenderableType:
    """Recorded runs, newest first."""
    names = (
        "run",
        "function",
        "mode",
        "started",
        "took",
        "status",
        "compared",
        "drift",
        "in flight",
        "tolerated",
        "reason",
    )
    shown = [name for name in names if name not in ("tolerated", "in flight", "reason") or _some(runs, name)]
    table = _table(*shown)
    for run in runs:
        cells = _run(run)
        table.add_row(*(cells[name] for name in shown))
    return table


def change(older: Account, newer: Account, found: Between) -> RenderableType:
    """What has become of the keys between two runs: a table of each sort that there is, and the sum of it."""
    sorts = (("newly different", found.newly), ("still different", found.still), ("healed", found.healed))
    shown: list[RenderableType] = []
    for title, findings in sorts:
        if findings:
            table = _table("entity", "key", "kind", "field", "legacy", "store")
            for each in findings:
                _add_fields(table, each)
            shown += [Text(title, "bold"), table, Text()]
    shown += [Text(f"can't be told: {words}", "yellow") for words in found.untold]
    counts = ", ".join(f"{len(findings):,} {title}" for title, findings in sorts)
    return Group(
        *shown, Text(f"{newer.run.function}, from run {older.run.id} to run {newer.run.id}: {counts}")
    )


def _some(runs: Iterable[Run], column: str) -> bool:
    """Whether any run has something there: a column of nothing takes the room of the others."""
    return any(getattr(run, column.replace(" ", "_")) for run in runs)


def _run(run: Run) -> dict[str, Text]:
    ended = run.finished_at
    return {
        "run": Text(str(run.id)),
        "function": Text(run.function),
        "mode": Text(run.mode),
        "started": Text(moment(run.started_at).replace("T", " ").rstrip("Z")),
        "took": Text("" if ended is None else format_duration(ended - run.started_at)),
        "status": Text(run.status.value, STYLES[run.status]),
        "compared": _number(run.compared),
        "drift": _number(run.drift),
        "in flight": _number(run.in_flight),
        "tolerated": _number(run.tolerated),
        "reason": Text((run.reason or "").split("\n", 1)[0]),
    }


def _counts(entities: Iterable[EntityAccount]) -> Table:
    names = ("compared", "missing", "extra", "different", "in flight", "tolerated", "quarantined")
    table = _table("entity", *names)
    for each in entities:
        table.add_row(each.entity, *(_number(each.count(name.replace(" ", "_"))) for name in names))
    return table


def _differences(entities: Iterable[EntityAccount]) -> Table:
    patterned = any(each.explanation for entity in entities for each in entity.findings)
    table = _table(
        "entity", "key", "kind", "field", "legacy", "store", *(["looks like"] if patterned else [])
    )
    for entity in entities:
        for each in entity.findings:
            _add_fields(table, each)
        if entity.hidden:
            table.add_row(entity.entity, Text(f"… and {entity.hidden:,} more", "dim"))
    return table


def _add_fields(table: Table, finding: Finding) -> None:
    first = (finding.entity, Text(finding.key), finding.kind)
    patterns = (finding.explanation or {}).get("patterns") or {}
    if finding.kind != "different":
        table.add_row(*first, Text("the whole row", "dim"), None, None, patterns.get(""))
        return
    for name, (legacy, store) in finding.fields.items():
        table.add_row(*first, name, _value(legacy), _value(store), patterns.get(name))
        first = ("", Text(), "")


def _reasons(findings: Iterable[Finding]) -> Table:
    table = _table("entity", "key", "why", "event", "position", "mapping")
    for each in findings:
        why = each.explanation or {}
        words = Text(f"{why.get('cause', '')}: ", "bold").append(str(why.get("words", "")), "not bold")
        places = (Text(str(why.get(name) or "–")) for name in ("event", "position", "mapping"))
        table.add_row(each.entity, Text(each.key), words, *places)
    return table


def _quarantined(entities: Iterable[EntityAccount]) -> Table:
    table = _table("entity", "key in quarantine", "reason")
    for entity in entities:
        for each in entity.quarantine:
            table.add_row(entity.entity, Text(each["key"]), Text(each["reason"]))
        if hidden := entity.count("quarantined") - len(entity.quarantine):
            table.add_row(entity.entity, Text(f"… and {hidden:,} more", "dim"))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in _FIGURES else "left", overflow="fold")
    return table


def _number(count: int) -> Text:
    return Text(f"{count:,}", "" if count else "dim")


def _value(value: Any) -> Text:
    text = flat.value(value)
    return Text(text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…")
