"""`strangler doctor`: what is missing to run, for every source, log and store, and the statement that mends it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from strangler.cli.application import Application, pass_application
from strangler.errors import ExitCode

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from strangler.doctor import Examination
    from strangler.ports import Finding


@click.command()
@click.option("--json", "wants_json", is_flag=True, help="As JSON, for programs.")
@pass_application
def command(application: Application, wants_json: bool) -> ExitCode:
    """Look at every source, log and store: what is missing to run, and what to do about it. Nothing is changed.

    Exit 0: all is well, or there are only warnings; 1: something blocks; 2: something couldn't be looked at.
    """
    from strangler.doctor import examine

    examined = examine(application.settings)
    if wants_json:
        seen = list(examined)
        click.echo(json.dumps([_json(each) for each in seen], indent=2, ensure_ascii=False))
    else:
        seen = list(_printed(examined))
    if any(each.blocks for each in seen):
        return ExitCode.FAILED
    return ExitCode.UNUSABLE if any(each.unseen for each in seen) else ExitCode.OK


def _json(each: Examination) -> dict[str, Any]:
    """`state`: well, warned, blocked or unseen."""
    return {
        "part": each.part,
        "kind": each.kind,
        "where": each.where,
        "state": _state(each),
        "findings": [finding._asdict() for finding in each.findings],
        "error": {"what": each.unseen.what, "why": each.unseen.why, "do": each.unseen.do}
        if each.unseen
        else None,
    }


def _state(each: Examination) -> str:
    if each.unseen:
        return "unseen"
    return "blocked" if each.blocks else "warned" if each.findings else "well"


_SIGNS = {"well": ("✓", "green"), "warned": ("!", "yellow"), "blocked": ("✗", "red"), "unseen": ("?", "red")}


def _printed(examined: Iterable[Examination]) -> Iterator[Examination]:
    """Print each as soon as it is known: one that doesn't answer takes its time."""
    from strangler.cli.standing import console

    out, seen = console(), []
    for each in examined:
        for line in _lines(each):
            out.print(line)
        seen.append(each)
        yield each
    out.print(_summary(seen))


def _lines(each: Examination) -> Iterator[RenderableType]:
    from rich.text import Text

    sign, colour = _SIGNS[_state(each)]
    kind = "" if each.where.startswith(each.kind) else f"{each.kind}  "
    yield Text.assemble((f"{sign} ", f"bold {colour}"), (each.part, "bold"), (f"  {kind}{each.where}", "dim"))
    if each.unseen:
        yield from _item("couldn't be looked at:", "red", each.unseen.what, each.unseen.why, each.unseen.do)
    for finding in sorted(each.findings, key=lambda finding: not finding.blocks):
        yield from _finding(finding)


def _finding(finding: Finding) -> Iterator[RenderableType]:
    label, colour = ("blocks:", "red") if finding.blocks else ("beware:", "yellow")
    return _item(label, colour, finding.what, "", finding.do)


def _item(label: str, colour: str, what: str, why: str, do: str) -> Iterator[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    yield Padding(Text.assemble((f"{label} ", colour), what), (0, 0, 0, 4), expand=False)
    for word, text in (("why:", why), ("do:", do)):
        if text:
            yield Padding(Text.assemble((f"{word} ", "bold"), text), (0, 0, 0, 6), expand=False)


def _summary(seen: Sequence[Examination]) -> Text:
    from rich.text import Text

    findings = [finding for each in seen for finding in each.findings]
    blocking = sum(finding.blocks for finding in findings)
    unseen = sum(1 for each in seen if each.unseen)
    told = [
        (blocking, f"{blocking} {'thing blocks' if blocking == 1 else 'things block'}", "bold red"),
        (unseen, f"{unseen} couldn't be looked at", "bold red"),
        (len(findings) - blocking, f"{len(findings) - blocking} to beware of", "yellow"),
    ]
    parts = [Text(words, style) for count, words, style in told if count]
    if not blocking and not unseen:
        parts.insert(0, Text("nothing is missing to run", "bold green"))
    return Text("\n").append_text(Text(", ").join(parts))
