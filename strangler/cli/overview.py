"""Overview: all functions and their cohorts on one screen, and as JSON.

A standing has one line, however narrow the screen: where it is, and in one sentence what is the matter with it or comes next. The rest of
the sentence, and all gates, are a `strangler plan` away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from strangler.cli.standing import (
    MARKS,
    ROOMY,
    name_text,
    stage_text,
    standing_json,
    target_json,
    target_text,
)
from strangler.cutover.assessment import Assessment
from strangler.cutover.evidence import Evidence
from strangler.cutover.history import evidence as gates_json
from strangler.cutover.stages import EVERYONE, RULES, Side, Stage
from strangler.cutover.states import State, state_of
from strangler.cutover.steps import percent
from strangler.durations import format_duration

_COLOURS: Final = {
    State.SWITCHING: "bold red",
    State.STOPPED: "bold red",
    State.PAUSED: "bold yellow",
    State.ROLLED_BACK: "bold yellow",
}


def print_overview(out: Console, assessed: Sequence[Assessment]) -> None:
    """All of them. On a terminal a line is cut where it would need a second one; elsewhere nothing is."""
    out.print(_summary(assessed))
    out.print(_overview(assessed, roomy=out.width >= ROOMY, cut=out.is_terminal))


def _summary(assessed: Sequence[Assessment]) -> Text:
    """How many functions there are, how many are on new, and how many need somebody."""
    whole = [each for each in assessed if each.evidence.standing.cohort == EVERYONE] or assessed
    owned = sum(each.evidence.standing.owner is Side.NEW for each in whole)
    words = [Text(f" {len(whole)} function{'' if len(whole) == 1 else 's'}"), Text(f"{owned} on new")]
    states = Counter(state_of(each.evidence).state for each in assessed)
    words += [Text(f"{states[state]} {state}", colour) for state, colour in _COLOURS.items() if states[state]]
    return Text(" · ", "bright_black").join(words)


def _overview(assessed: Sequence[Assessment], *, roomy: bool, cut: bool) -> Table:
    more = ("rows", "shadow") if roomy else ()
    shown = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0), expand=True)
    for name in ("function", "stage", "lag", "drift", *more):
        shown.add_column(name, no_wrap=name != "function", justify="right" if name in more else "left")
    shown.add_column("what next", ratio=1, no_wrap=cut)
    for each in assessed:
        shown.add_row(name_text(each.evidence.standing), *_cells(each, roomy=roomy), _next(each))
    return shown


def _cells(each: Assessment, *, roomy: bool) -> Iterator[Text | str]:
    standing = each.evidence.standing
    stage = stage_text(standing.stage)
    yield stage.append(f" {percent(standing.weight)}") if standing.stage is Stage.CANARY else stage
    yield _lag(each)
    yield _drift(each, aged=roomy)
    if roomy:
        yield _rows(each)
        yield _shadow(each)


def _next(each: Assessment) -> Text:
    """What the matter is, or what comes next: the move, or the first gate in its way and how many more."""
    found = state_of(each.evidence)
    if found.state is not State.ON_ITS_WAY:
        return Text.assemble((f"{found.state}: ", _COLOURS[found.state]), found.why)
    if each.target is None:
        return Text("done", "bright_black")
    if not each.blocking:
        return Text.assemble("→ ", target_text(each.target), (", every gate passes" if each.gates else ""))
    first, more = each.blocking[0], len(each.blocking) - 1
    others = (f" (+{more})", "bright_black") if more else ""
    return Text.assemble(MARKS[first.verdict], f" {first.name}", others, f": {first.words}")


def _lag(each: Assessment) -> Text:
    delivery = each.evidence.delivery
    if delivery is None or delivery.lag is None or not RULES[each.evidence.standing.stage].delivery:
        return Text("–", "bright_black")
    return Text(format_duration(delivery.lag))


def _drift(each: Assessment, *, aged: bool) -> Text:
    run = each.evidence.reconciliation
    if run is None or run.finished_at is None:
        return Text("–", "bright_black")
    if run.status == "failed":
        return Text("could not check" if aged else "?", "yellow")
    words = Text(f"{run.drift:,}", "red" if run.drift else "green")
    return (
        words
        if not aged
        else words.append(
            f" {format_duration(max(0.0, each.evidence.now - run.finished_at))} ago", "bright_black"
        )
    )


def _shadow(each: Assessment) -> Text:
    counted = each.evidence.compared
    total = counted.total
    if not total:
        return Text("–", "bright_black")
    share = f"{1 - counted.differing / total:.1%}" if counted.differing else "100%"
    return Text.assemble((share, "red" if counted.differing else "green"), (f" of {total:,}", "bright_black"))


def _rows(each: Assessment) -> str:
    count = _row_count(each)
    going_on = any(record.finished_at is None for record in each.evidence.backfills.values())
    return f"{count:,}{'…' if going_on else ''}" if count or going_on else "–"


def _row_count(each: Assessment) -> int:
    """Rows written: by backfill, and from events."""
    filled = sum(record.rows for record in each.evidence.backfills.values())
    return filled + (each.evidence.delivery.rows if each.evidence.delivery else 0)


def functions_json(those: Sequence[Assessment]) -> dict[str, Any]:
    """A function as `status --json` gives it: the whole, and within it its cohorts that move on their own."""
    first, *cohorts = those
    return {**status_json(first), "cohorts": [status_json(each) for each in cohorts]}


def status_json(each: Assessment) -> dict[str, Any]:
    """A function, or a cohort of it, as `status --json` gives it; weights as shares, times in seconds."""
    evidence = each.evidence
    standing, delivery, run, counted = (
        evidence.standing,
        evidence.delivery,
        evidence.reconciliation,
        evidence.compared,
    )
    return {
        "function": each.function,
        "cohort": each.evidence.standing.cohort,
        "title": each.settings.title or each.function,
        **standing_json(standing),
        **state_json(each.evidence),
        "rows": _row_count(each),
        "lag": delivery.lag if delivery else None,
        "late_writes": sum(hour.open for hour in each.evidence.late_writes),
        "drift": {"status": run.status, "keys": run.drift, "finished_at": run.finished_at} if run else None,
        "shadow": {
            "matched": counted.matched,
            "mismatched": counted.mismatched,
            "noisy": counted.noisy,
            "failed": counted.failed,
            "uncompared": counted.uncompared,
        },
        "effects": asdict(evidence.effects),
        "quarantined": evidence.quarantined,
        "guards": [asdict(guard) for guard in each.guards],
        "next": target_json(each.target) if each.target else None,
        "gates": gates_json(each.gates),
        "blocking": [gate.name for gate in each.blocking],
    }


def state_json(evidence: Evidence) -> dict[str, Any]:
    """What people are to know of it in a word, and why."""
    found = state_of(evidence)
    return {"state": found.state, "why": found.why}
