"""How the registration of a source looks in the terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from strangler.ports import Finding
from strangler.registrar import Property, RegistrationPlan, RegistrationStatus

_COLOURS = {"RUNNING": "green", "FAILED": "red", "unregistered": "red"}


def print_plan(out: Console, source: str, plan: RegistrationPlan, *, whole: bool) -> None:
    """What would be registered, what is missing, what would be run. `whole`: also the properties that stay."""
    changing = [each for each in plan.properties if each.changes]
    shown = plan.properties if whole else changing
    head = Text.assemble(
        ("source ", ""), (source, "bold"), ": connector ", (plan.connector, "bold"), f" at {plan.where}"
    )
    out.print(head.append(_news(plan, len(changing))))
    if shown:
        out.print(Padding(_properties(plan, shown), (0, 0, 0, 2)))
    if plan.findings:
        out.print(Text("to mend in the legacy database", "bold"))
        for finding in plan.findings:
            out.print(Padding(_finding(finding), (0, 0, 0, 2)))
        out.print()
    if plan.statements:
        out.print(Text("run in the legacy database by apply", "bold"))
        for statement in plan.statements:
            out.print(Padding(Text(f"{statement};"), (0, 0, 0, 2)))
        out.print()


def plan_json(source: str, plan: RegistrationPlan) -> dict[str, Any]:
    """A plan as `plan --json` gives it; secrets are hidden."""
    return {
        "source": source,
        "connector": plan.connector,
        "where": plan.where,
        "registered": plan.registered,
        "properties": [each._asdict() for each in plan.properties],
        "findings": [each._asdict() for each in plan.findings],
        "statements": list(plan.statements),
    }


def print_status(out: Console, found: Mapping[str, RegistrationStatus]) -> None:
    """All connectors in a table, and below it what is wrong with which."""
    table = Table(
        "source", "connector", "at", "state", "task", "worker", "unread log",
        box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False,
    )  # fmt: skip
    for column in table.columns:
        column.overflow = "fold"
    for name, each in found.items():
        tasks = (
            Text(" ").join(_state(task.state) for task in each.tasks)
            if each.tasks
            else Text("none", "bright_black")
        )
        workers = ", ".join(dict.fromkeys(task.worker for task in each.tasks)) or each.worker or "–"
        table.add_row(
            Text(name, "bold"),
            each.connector,
            each.where,
            _state(each.state),
            tasks,
            workers,
            _bytes(each.unread),
        )
    out.print(table)
    for name, each in found.items():
        words = [(each.why, each.do), *((task.why, task.do) for task in each.tasks)]
        for why, do in dict.fromkeys(pair for pair in words if any(pair)):
            out.print(Text.assemble((f"{name}: ", "bold red"), why))
            out.print(Padding(Text(f"→ {do}", "bright_black"), (0, 0, 1, 2)))


def status_json(source: str, each: RegistrationStatus) -> dict[str, Any]:
    """A connector as `status --json` gives it; `unread` in bytes."""
    return {
        "source": source,
        "connector": each.connector,
        "where": each.where,
        "state": each.state,
        "worker": each.worker,
        "running": each.running,
        "why": each.why,
        "do": each.do,
        "tasks": [task._asdict() for task in each.tasks],
        "unread": each.unread,
    }


def _news(plan: RegistrationPlan, changing: int) -> Text:
    if not plan.registered:
        return Text(", not registered yet", "yellow")
    if not changing:
        return Text(", registered as it is to be", "green")
    return Text(
        f", {changing} of its properties differ" if changing > 1 else ", one of its properties differs",
        "yellow",
    )


def _properties(plan: RegistrationPlan, shown: Sequence[Property]) -> Table:
    headers = ("", "property", "registered now", "to be") if plan.registered else ("", "property", "value")
    table = Table(*headers, box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in table.columns[1:]:
        column.overflow = "fold"
    for each in shown:
        row = [_mark(each), Text(each.name, "" if each.changes else "bright_black")]
        if plan.registered:
            row.append(Text("–" if each.now is None else each.now, "bright_black"))
        table.add_row(*row, Text("–" if each.planned is None else each.planned, _colour(each)))
    return table


def _mark(each: Property) -> Text:
    if not each.changes:
        return Text(" ")
    return Text("+" if each.now is None else "-" if each.planned is None else "~", _colour(each))


def _colour(each: Property) -> str:
    if not each.changes:
        return "bright_black"
    return "green" if each.now is None else "red" if each.planned is None else "yellow"


def _finding(finding: Finding) -> Text:
    mark = Text("✗ ", "red") if finding.blocks else Text("! ", "yellow")
    words = mark.append(finding.what, "default")
    return words.append(f"\n  → {finding.do}", "bright_black") if finding.do else words


def _state(state: str) -> Text:
    return Text(state.lower(), _COLOURS.get(state, "yellow"))


def _bytes(count: int | None) -> str:
    if count is None:
        return "–"
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
