"""How standings, gates and plans look in the terminal, and as JSON."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from textwrap import indent
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from strangler.cutover.assessment import Assessment
from strangler.cutover.cohorts import apart
from strangler.cutover.gates import GateResult, Verdict
from strangler.cutover.history import evidence as gates_json
from strangler.cutover.plan import Step
from strangler.cutover.stages import EVERYONE, RULES, Rule, Side, Stage, Standing
from strangler.cutover.steps import FULL, Target, percent
from strangler.durations import format_duration
from strangler.errors import Refused

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from strangler.cutover.conductor import Recorder
    from strangler.cutover.foretelling import Foretold
    from strangler.cutover.freezes import Frozen
    from strangler.cutover.way_home import Home
    from strangler.inspection import ByRow
    from strangler.numbering.lasting import Lasting

Switches = Mapping[Stage, "Sequence[Foretold]"]
"""The steps of each switch that lies ahead, by the stage that it leads to."""

WayHome = Callable[[Stage], "Home | None"]
"""Stage → how long it takes to go back from there."""

WIDE: Final = 140
"""Columns where nobody says how many there are: in a pipe or a file."""

ROOMY: Final = 110
"""Columns from which on there is room for more figures beside the words."""

_COLOURS: Final = {
    Stage.LEGACY: "bright_black",
    Stage.SYNCING: "blue",
    Stage.SHADOW: "magenta",
    Stage.CANARY: "yellow",
    Stage.LIVE: "green",
    Stage.RETIRED: "cyan",
}
MARKS: Final = {
    Verdict.PASS: Text("✓", "green"),
    Verdict.FAIL: Text("✗", "red"),
    Verdict.INCONCLUSIVE: Text("?", "yellow"),
}


def console() -> Console:
    """Standard output; as wide as the terminal, and wide enough for the tables where there is none."""
    found = Console(highlight=False)
    if not found.is_terminal and "COLUMNS" not in os.environ:
        found.width = WIDE
    return found


def stages_table() -> Table:
    """The rules of the stages."""
    table = plain_table("stage", "reads are answered by", "owner of writes", "data flow", "meaning")
    for stage, rule in RULES.items():
        table.add_row(stage_text(stage), rule.reads, owner_text(rule.owner), _flow(rule), rule.meaning)
    return table


def stages_json() -> list[dict[str, Any]]:
    """The same as `stages --json` gives it, in the order of the way."""
    return [
        {
            "stage": stage,
            "reads": rule.reads,
            "owner": rule.owner,
            "delivery": rule.delivery,
            "returning": rule.returning,
            "meaning": rule.meaning,
        }
        for stage, rule in RULES.items()
    ]


def _flow(rule: Rule) -> str:
    if rule.delivery:
        return "legacy → store"
    return "store → legacy, where the function has `return:`" if rule.returning else "–"


def print_plan(
    out: Console, assessed: Assessment, steps: Sequence[Step], switches: Switches, home: WayHome
) -> None:
    """The moves that are left: the next one with its gates, the later ones in a line each; those that take a switch with its steps; how
    long it takes to go back, where that becomes another time."""
    standing = assessed.evidence.standing
    under = (f", under plan {assessed.way.hash}", "bright_black")
    out.print(Text.assemble((standing.name, "bold"), " stands in ", _place(standing), under))
    if assessed.evidence.hold:
        out.print(Text.assemble(("held: ", "bold red"), assessed.evidence.hold))
    known = home(standing.stage)
    print_home(out, known, "going back takes")
    if not steps:
        out.print("Nothing is left to do.")
    first_gated = next((step for step in steps if step.gates), None)
    for number, step in enumerate(steps, 1):
        whole = step is first_gated or bool(step.interrupts) or not step.gates
        out.print(Padding(_step(number, step, whole=whole, roomy=out.width >= ROOMY), (1, 0, 0, 2)))
        if told := switches.get(step.target.stage):
            _print_switch(out, told, "its steps" if step.target.stage is Stage.RETIRED else "the switch")
        back = home(step.target.stage)
        if back != known:
            print_home(out, back, "going back takes", 5)
        known = back


def print_home(out: Console, home: Home | None, what: str, left: int = 0) -> None:
    """How long it takes to go back; nothing where there is no way back."""
    if home is not None:
        limit = f"; past {home.limit:g} s it undoes itself" if home.limit is not None else ""
        out.print(Padding(Text.assemble((f"{what}: ", "bright_black"), home.words, limit), (0, 0, 0, left)))


def _print_switch(out: Console, told: Sequence[Foretold], what: str) -> None:
    """Its steps; nothing is wrapped, so that a statement can be copied."""
    from strangler.cutover.foretelling import lines

    out.print(Text(f"     {what}:", "bright_black"))
    for line in lines(told):
        out.print(Text(indent(line, " " * 5)), soft_wrap=True)


def print_unknown(out: Console, refused: Refused | None) -> None:
    """That nothing knows the cohort whose plan this is: it may be misspelled."""
    if refused is not None:
        words = f"{refused.why}; {refused.do}"
        out.print(Text.assemble((f"{refused.what}: ", "yellow"), words), end="\n\n")


def print_unseen(out: Console, source: str, unseen: Sequence[str]) -> None:
    """What the way in from the legacy database doesn't see: nothing downstream can make up for it."""
    for number, what in enumerate(unseen):
        head = f"Source {source} doesn't see" if not number else ""
        out.print(
            Padding(
                Text.assemble((head, "yellow"), "\n" if head else "", f"  - {what}"), (not number, 0, 0, 2)
            )
        )


def print_by_row(out: Console, slow: Sequence[ByRow]) -> None:
    """The entities that legacy's database doesn't evaluate itself: they take longer."""
    told = [((mapping.shape.entity, "bold"), f": {why}") for mapping, why in slow]
    _print_list(out, "Backfilled and reconciled row by row:", told)


def print_lasting(out: Console, those: Sequence[Lasting]) -> None:
    """How long the gap between both sides' numbers lasts, and whether that is long enough."""
    told = [
        (
            (each.numbers, "bold"),
            f": {each.words}",
            ("\n    " + each.warning, "yellow") if each.warning else "",
        )
        for each in those
    ]
    _print_list(out, "Numbers, while cohorts stand on either side:", told)


def _print_list(out: Console, heading: str, told: Iterable[Sequence[str | tuple[str, str]]]) -> None:
    """A list below its heading; nothing where there is nothing to tell."""
    for number, words in enumerate(told):
        head = "" if number else f"{heading}\n"
        out.print(Padding(Text.assemble(head, "  - ", *words), (not number, 0, 0, 2)))


def lasting_json(each: Lasting) -> dict[str, Any]:
    """The same; null is what isn't known, or nothing is drawn."""
    return {
        "numbers": each.numbers,
        "gap": each.gap,
        "measured_seconds": each.measured,
        "per_day": each.per_day,
        "half_lasts_seconds": each.lasts,
        "outage_seconds": each.outage,
        "needed_gap": each.needed,
    }


def plan_json(
    assessed: Assessment, steps: Sequence[Step], switches: Switches, home: WayHome
) -> dict[str, Any]:
    """The plan as `plan --json` gives it; `switch` of a step is empty where it takes none. `rollback` is how long it takes to go back, from
    where it stands and from where each step leads."""
    return {
        "function": assessed.function,
        "cohort": assessed.evidence.standing.cohort,
        "plan": assessed.way.hash,
        "begun_under": assessed.evidence.plan or None,
        **standing_json(assessed.evidence.standing),
        "rollback": home_json(home(assessed.evidence.standing.stage)),
        "steps": [
            {
                "to": target_json(step.target),
                "does": step.does,
                "gates": gates_json(step.gates),
                "asks": list(step.asks),
                "least_seconds": step.least,
                "interrupts": step.interrupts,
                "final": step.final,
                "switch": [asdict(each) for each in switches.get(step.target.stage, ())],
                "rollback": home_json(home(step.target.stage)),
            }
            for step in steps
        ],
    }


def home_json(home: Home | None) -> dict[str, Any] | None:
    """How long it takes to go back; null where there is no way back."""
    if home is None:
        return None
    return {
        "seconds": home.seconds,
        "basis": home.basis,
        "words": home.words,
        "limit_seconds": home.limit,
        "steps": [asdict(each) for each in home.steps],
    }


def dry_run_json(
    asked: str, before: Standing, recorder: Recorder, refused: Refused | None, back: Home | None
) -> dict[str, Any]:
    """A decision as `advance` and `rollback --dry-run --json` give it."""
    from strangler.cutover.conductor import Blocked

    after = recorder.after
    gates = refused.gates if isinstance(refused, Blocked) else ()
    return {
        "function": before.function,
        "cohort": before.cohort,
        "asked": asked,
        "allowed": refused is None,
        "from": {**target_json(Target(before.stage, before.weight)), "owner": before.owner},
        "to": {**target_json(Target(after.stage, after.weight)), "owner": after.owner} if after else None,
        "gates": gates_json(gates) or recorder.gates,
        "switch": [asdict(each) for each in recorder.switch_steps],
        "rollback": home_json(back),
        "refused": refused_json(refused),
    }


def refused_json(refused: Refused | None) -> dict[str, str] | None:
    """A refusal as JSON; None for none."""
    return {"what": refused.what, "why": refused.why, "do": refused.do} if refused else None


def cohorts_table(whole: Standing, own: Sequence[Standing], now: float) -> Table:
    """Where the cohorts that move on their own stand, and all the others; `now` in seconds since the epoch."""
    table = plain_table("cohort", "stage", "weight", "owner", "for", "")
    for each in (*own, whole):
        name = "all others" if each.cohort == EVERYONE and own else each.cohort
        weight = percent(each.weight) if each.stage is Stage.CANARY else ""
        for_ = format_duration(max(0.0, now - each.since)) if each.since else "–"
        table.add_row(
            Text(name, "bold"),
            stage_text(each.stage),
            weight,
            owner_text(each.owner),
            for_,
            _note(each, whole),
        )
    return table


def _note(each: Standing, whole: Standing) -> Text:
    if each.hold is not None:
        return Text.assemble(("held: ", "bold red"), each.hold)
    alike = each is not whole and not apart(each, whole)
    return Text(f"as all others: strangler rejoin {each.spelled}" if alike else "", "bright_black")


def freezes_table(those: Sequence[Frozen], now: float, zone: ZoneInfo) -> Table:
    """When nothing moves forwards; `now` in seconds since the epoch."""
    table, today = (
        plain_table("freeze", "from", "to", "functions", ""),
        datetime.fromtimestamp(now, zone).date(),
    )
    for each in those:
        on = each.first <= today
        days = (each.first - today).days
        note = (
            Text("now", "bold yellow")
            if on
            else Text(f"in {days} {'day' if days == 1 else 'days'}", "bright_black")
        )
        functions = ", ".join(each.functions) or "all"
        table.add_row(
            Text(each.name, "bold"), f"{each.first:%a %Y-%m-%d}", f"{each.last:%a %Y-%m-%d}", functions, note
        )
    return table


def cohort_json(each: Standing, whole: Standing) -> dict[str, Any]:
    """A cohort as `cohorts --json` gives it; `*` is all that don't move on their own. `alike`: it could rejoin."""
    alike = each is whole or not apart(each, whole)
    return {"function": each.function, "cohort": each.cohort, **standing_json(each), "alike": alike}


def print_move(out: Console, before: Standing, after: Standing) -> None:
    """What a move has done."""
    line = Text.assemble((after.name, "bold"), ": ", _place(before), " → ", _place(after))
    out.print(line.append(f"; {RULES[after.stage].meaning}", "bright_black"))


def _step(number: int, step: Step, *, whole: bool, roomy: bool) -> RenderableType:
    """A move with its number before it, so that its lines stand below each other."""
    shown = Table.grid(padding=(0, 1, 0, 0))
    shown.add_row(Text(f"{number}.", "bold"), Group(*_parts(step, whole=whole, roomy=roomy)))
    return shown


def _parts(step: Step, *, whole: bool, roomy: bool) -> Iterator[RenderableType]:
    head = Text.assemble(target_text(step.target), f"  {step.does}")
    if whole:
        yield head
        if step.gates:
            yield _gates(step.gates, roomy=roomy)
    else:
        waiting = sum(not gate.passes for gate in step.gates)
        note = (
            "every gate passes now" if not waiting else f"{waiting} of {len(step.gates)} gates don't pass now"
        )
        yield head.append(f"  ({note})", "bright_black")
    facts = [
        ("needs besides", "; ".join(step.asks)),
        ("takes at least", format_duration(step.least) if step.least else ""),
        ("interrupts", step.interrupts),
        ("can't be undone", step.final),
    ]
    for name, words in facts:
        if words:
            yield Text.assemble((f"{name}: ", "bright_black"), words)


def _gates(gates: Sequence[GateResult], *, roomy: bool) -> Table:
    """A gate to a row; on a narrow screen figure and limit stand below the words, which need the room."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for _ in range(4 if roomy else 3):
        table.add_column(overflow="fold")
    for gate in gates:
        figure = Text(f"{gate.figure} / {gate.limit}", "bright_black")
        words = Text(gate.words)
        if not roomy:
            words.append("\n").append_text(figure)
        if gate.do and not gate.passes:
            words.append(f"\n→ {gate.do}", "bright_black")
        table.add_row(MARKS[gate.verdict], gate.name, *([figure] if roomy else []), words)
    return table


def standing_json(standing: Standing) -> dict[str, Any]:
    return {
        "stage": standing.stage,
        "weight": standing.weight / FULL,
        "owner": standing.owner,
        "fenced": standing.fenced,
        "hold": standing.hold,
        "since": standing.since,
        "generation": standing.generation,
    }


def target_json(target: Target) -> dict[str, Any]:
    return {"stage": target.stage, "weight": target.weight / FULL}


def _place(standing: Standing) -> Text:
    return target_text(Target(standing.stage, standing.weight))


def target_text(target: Target) -> Text:
    return Text(str(target), f"bold {_COLOURS[target.stage]}")


def stage_text(stage: Stage) -> Text:
    return Text(stage, f"bold {_COLOURS[stage]}")


def owner_text(owner: Side) -> Text:
    return Text(owner, "green" if owner is Side.NEW else "")


def name_text(standing: Standing) -> Text:
    if standing.cohort == EVERYONE:
        return Text(standing.function, "bold")
    return Text(f"  {standing.cohort}")


def plain_table(*headers: str) -> Table:
    return Table(*headers, box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
