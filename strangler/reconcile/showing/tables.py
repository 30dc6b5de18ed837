"""Reconciliations for the terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from strangler.control.reconciliations import ENDED, Finding, Run, Status
from strangler.durations import format_duration, moment
from strangler.reconcile.between import Between
from strangler.reconcile.showing import balances, flat
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

_COUNTED: Final = {
    "compared": "compared",
    "missing": "missing",
    "extra": "extra",
    "different": "different",
    "in\nflight": "in_flight",
    "tolerated": "tolerated",
    "not\ncompared": "quarantined",
}
"""Column of the entities' figures → the figure."""

_SELDOM: Final = ("tolerated", "quarantined")

_FIGURES: Final = (*_COUNTED, "run", "took", "drift", "keys")
"""Columns that are aligned to the right."""


def whole(found: Account, most: int | None = None) -> RenderableType:
    """A row per entity, the keys that differ with their fields and why, balances with at most `most` groups each, what was tolerated and
    by whom, the keys in quarantine; last, where the eye is, the verdict."""
    shown: list[RenderableType] = []
    if found.entities:
        shown.append(_counts(found.entities))
    if any(found.findings):
        shown.append(_differences(found.entities))
    if explained := [each for each in found.findings if each.explanation]:
        shown.append(_reasons(explained))
    if found.balances:
        shown.append(balances.as_tables(found.balances, most))
    if any(entity.tolerances for entity in found.entities):
        shown.append(_tolerances(found.entities))
    if any(entity.quarantine for entity in found.entities):
        shown.append(_quarantined(found.entities))
    return Group(*(part for each in shown for part in (each, Text())), *closing(found))


def closing(found: Account) -> Iterator[Text]:
    """The verdict, and how to go on where there is a way: on a line of its own, to be copied whole."""
    run = found.run
    words = Text(f"{run.function}: {verdict(found)}", STYLES[run.status])
    apart = "\n" if run.status is Status.FAILED else ", "
    words.append(f"{apart}{sentence(found)}", "not bold default")
    yield words
    if run.status is Status.INCOMPLETE:
        yield Text(f"go on with: {resuming(run)}", no_wrap=True, overflow="ignore")


def history(runs: Sequence[Run]) -> RenderableType:
    """Recorded runs, newest first; below them why some of them say nothing."""
    table = _table("run", "function", "mode", "started", "took", "status", "compared", "drift", wrap=False)
    for run in runs:
        ended = run.finished_at
        table.add_row(
            str(run.id),
            run.function,
            run.mode,
            moment(run.started_at)[:16].replace("T", " "),
            "" if ended is None else format_duration(ended - run.started_at),
            Text(run.status.value, STYLES[run.status]),
            _number(run.compared),
            _number(run.drift) if run.status in ENDED else "–",
        )
    reasons = [Text(f"{run.id}: {_first_line(run.reason)}", "dim") for run in runs if run.reason]
    return Group(table, *([Text(), *reasons] if reasons else []))


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


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0]


def _counts(entities: Sequence[EntityAccount]) -> Table:
    """What is seldom there has a column only where it is: so names find room at 80 columns."""
    shown = {
        title: name
        for title, name in _COUNTED.items()
        if name not in _SELDOM or any(each.count(name) for each in entities)
    }
    table = _table("entity", *shown, wrap=False)
    for each in entities:
        table.add_row(each.entity, *(_number(each.count(name)) for name in shown.values()))
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
    table = _table("entity", "key", "why")
    for each in findings:
        why = each.explanation or {}
        words = Text(f"{why.get('cause', '')}: ", "bold").append(str(why.get("words", "")), "not bold")
        if places := [f"{name} {why[name]}" for name in ("event", "position", "mapping") if why.get(name)]:
            words.append(f"\n{', '.join(places)}", "not bold dim")
        table.add_row(each.entity, Text(each.key), words)
    return table


def _tolerances(entities: Iterable[EntityAccount]) -> Table:
    table = _table("entity", "tolerance", "keys", "owner", "reason", "until")
    for entity in entities:
        for each in entity.tolerances:
            words, until = Text(f"{each['field']}: {each['allows']}"), Text(each["until"] or "–")
            keys = _number(each["keys"])
            table.add_row(entity.entity, words, keys, Text(each["owner"]), Text(each["reason"]), until)
    return table


def _quarantined(entities: Iterable[EntityAccount]) -> Table:
    table = _table("entity", "key in quarantine", "reason")
    for entity in entities:
        for each in entity.quarantine:
            table.add_row(entity.entity, Text(each["key"]), Text(each["reason"]))
        if hidden := entity.count("quarantined") - len(entity.quarantine):
            table.add_row(entity.entity, Text(f"… and {hidden:,} more", "dim"))
    return table


def _table(*columns: str, wrap: bool = True) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        justify: JustifyMethod = "right" if column in _FIGURES else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=not wrap)
    return table


def _number(count: int) -> Text:
    return Text(f"{count:,}", "" if count else "dim")


def _value(value: Any) -> Text:
    text = flat.value(value)
    return Text(text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…")
