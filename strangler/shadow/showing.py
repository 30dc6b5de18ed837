"""How the account of a function's shadow looks in the terminal, and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from strangler.control.comparisons import Compared, Failure, Field, Mismatch
from strangler.control.effects import Effects
from strangler.cutover.gates import GateResult, Verdict
from strangler.cutover.stages import Stage, named
from strangler.durations import moment
from strangler.shadow.account import Account, Writes
from strangler.shadow.counting import LIMITS_MS
from strangler.shadow.latency import spreads

WORST: Final = 20
"""Fields that are listed in the terminal."""

LONGEST: Final = 60
"""Characters of a value that are shown in the terminal."""

STYLES: Final = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
}
_OUTCOMES: Final = {
    "matched": ("the same", "green"),
    "differing": ("different", "red"),
    "noisy": ("only noise", "yellow"),
    "failed": ("new didn't answer", "red"),
    "uncompared": ("not comparable", "yellow"),
    "dropped": ("dropped", "bright_black"),
}
"""Figure of `Compared` → what it is called, and its colour where it isn't 0."""

_EFFECTS: Final = {
    "matched": ("the same effect", "green"),
    "mismatched": ("another effect", "red"),
    "missing": ("less than foretold", "red"),
    "unexpected": ("more than foretold", "red"),
    "late": ("not known in time", "yellow"),
    "failed": ("dry run failed", "yellow"),
    "unasked": ("knows no dry run", "yellow"),
    "dropped": ("dropped", "bright_black"),
}
"""The same of `Effects`."""


def whole(found: Account, verdicts: Sequence[GateResult], stage: Stage, entered: float) -> RenderableType:
    """Figures, fields, rules, reasons, latencies and samples, of reads and of writes; last, where the eye is, the verdicts."""
    return Group(*_parts(found), *(_closing(found, each, stage, entered) for each in verdicts))


def _parts(found: Account) -> Iterator[RenderableType]:
    yield _figures(found.compared, _OUTCOMES, {"legacy asked twice": found.compared.pairs})
    if found.fields:
        yield _fields(found)
    if found.rules or found.gone:
        yield _rules(found)
    if found.failures:
        yield _failures(found.failures, "reads", _OUTCOMES)
    if found.latencies:
        yield _latencies(found)
    if found.samples:
        yield _samples(found.samples, "newest samples")
    if found.writes is not None:
        yield from _of_writes(found.writes)


def _of_writes(writes: Writes) -> Iterator[RenderableType]:
    yield _figures(writes.effects, _EFFECTS, {})
    if writes.places:
        yield _places(writes)
    if writes.failures:
        yield _failures(writes.failures, "writes", _EFFECTS)
    if writes.samples:
        yield _samples(writes.samples, "newest samples of writes")


def _places(writes: Writes) -> RenderableType:
    table = _table("event or field", "difference", "writes", "share")
    for column in table.columns[2:]:
        column.justify = "right"
    total = writes.effects.total
    for each in writes.places[:WORST]:
        table.add_row(
            Text(_printable(each.place), "bold"), each.kind, f"{each.calls:,}", _share(each.calls, total)
        )
    return table


def _share(calls: int, total: int) -> str:
    """Of the total, which leaves out the minute in which a cohort parted; what differed in it is told none the less."""
    return f"{calls / max(total, calls):.1%}" if total else "–"


def _closing(found: Account, verdict: GateResult, stage: Stage, entered: float) -> Text:
    since = f"since {moment(entered)}" if entered else "so far"
    words = Text(f"{named(found.function, found.cohort)}: {verdict.verdict}", STYLES[verdict.verdict])
    words.append(f", {verdict.words} ({since}; now in {stage})", "not bold default")
    if verdict.do:
        words.append("\ndo: ", "not bold default").append(verdict.do, "not bold default")
    return words


def _figures(
    counted: Compared | Effects, titles: Mapping[str, tuple[str, str]], more: Mapping[str, int]
) -> RenderableType:
    table = _table(*(title for title, _ in titles.values()), *more)
    for column in table.columns:
        column.justify = "right"
    figures = [(int(getattr(counted, name)), style) for name, (_, style) in titles.items()]
    table.add_row(
        *(Text(f"{figure:,}", style if figure else "bright_black") for figure, style in figures),
        *(f"{figure:,}" for figure in more.values()),
    )
    return table


def _fields(found: Account) -> RenderableType:
    table = _table("field", "difference", "answers", "share", "legacy to itself", "")
    for column in table.columns[2:5]:
        column.justify = "right"
    total = found.compared.total
    for field in found.fields[:WORST]:
        noisy = (field.place, field.kind) in found.noise
        table.add_row(
            Text(_printable(field.place) or "(the whole)", "" if noisy else "bold"),
            field.kind,
            f"{field.calls:,}",
            _share(field.calls, total),
            f"{field.noise:,} of {found.compared.pairs:,}",
            Text("noise", "yellow") if noisy else Text(""),
        )
    more = len(found.fields) - WORST
    return Group(table, Text(f"and {more} more: --json", "bright_black")) if more > 0 else table


def _rules(found: Account) -> RenderableType:
    table = _table("rule", "hid", "in answers", "owner", "reason", "until")
    for column in table.columns[1:3]:
        column.justify = "right"
    for each in found.rules:
        rule = each.rule
        until = str(rule.until or "")
        table.add_row(
            Text(rule.words, "bright_black" if each.ended else ""),
            f"{each.differences:,}",
            f"{each.calls:,}",
            rule.owner,
            rule.reason,
            Text(f"{until}, over" if each.ended else until, "yellow" if each.ended else ""),
        )
    for gone in found.gone:
        words = Text(gone.rule, "bright_black")
        table.add_row(
            words, f"{gone.differences:,}", f"{gone.calls:,}", "", "no longer in the configuration", ""
        )
    return table


def _failures(
    failures: Sequence[Failure], calls: str, titles: Mapping[str, tuple[str, str]]
) -> RenderableType:
    table = _table("not compared", calls, "why")
    table.columns[1].justify = "right"
    for each in failures:
        table.add_row(titles[each.outcome][0], f"{each.calls:,}", Text(_printable(each.reason)))
    return table


def _latencies(found: Account) -> RenderableType:
    table = _table("side", "answers", "mean", "half within", "95 % within")
    for column in table.columns[1:]:
        column.justify = "right"
    for side, spread in spreads(found.latencies).items():
        within = (_milliseconds(spread.p50), _milliseconds(spread.p95))
        table.add_row(side, f"{spread.calls:,}", f"{spread.mean * 1000:,.1f} ms", *within)
    return table


def _milliseconds(limit: int) -> str:
    return f"over {LIMITS_MS[-2]:,} ms" if limit == LIMITS_MS[-1] else f"{limit:,} ms"


def _samples(samples: Sequence[Mismatch], title: str) -> RenderableType:
    shown = Group(Text(title, "bold"), *map(_sample, samples))
    return Padding(shown, (1, 0, 1, 1))


def _sample(sample: Mismatch) -> RenderableType:
    at = datetime.fromtimestamp(sample.at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    lines = [Text.assemble((at, "bright_black"), " ", (_printable(sample.request), ""))]
    for each in sample.differences[:5]:
        line = Text.assemble("  ", (_printable(each["path"]) or "(the whole)", "bold"), f" {each['kind']}: ")
        lines.append(line.append_text(_values(each)))
    if more := len(sample.differences) - 5:
        lines += [Text(f"  and {more} more", "bright_black")] if more > 0 else []
    return Group(*lines)


def _values(difference: dict[str, Any]) -> Text:
    if difference["kind"] == "order":
        return Text("the same elements in another order", "bright_black")
    legacy, new = (_value(difference[side]) for side in ("legacy", "new"))
    if difference["kind"] == "missing":
        return Text.assemble(("legacy has ", "bright_black"), legacy)
    if difference["kind"] == "extra":
        return Text.assemble(("new has ", "bright_black"), new)
    return Text.assemble(legacy, (" → ", "bright_black"), new)


def _value(value: Any) -> str:
    text = _printable(value if isinstance(value, str) else str(value))
    quoted = f'"{text}"' if isinstance(value, str) else text
    return quoted if len(quoted) <= LONGEST else quoted[: LONGEST - 1] + "…"


def _printable(text: str) -> str:
    """Without what would move the cursor, or worse."""
    return "".join(each if each.isprintable() else "·" for each in text)


def _table(*headers: str) -> Table:
    return Table(*headers, box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)


def as_object(found: Account, verdicts: Sequence[GateResult], stage: Stage, entered: float) -> dict[str, Any]:
    """The same as an object for JSON: times in ISO 8601 UTC, durations in seconds."""
    compared, (verdict, *_) = found.compared, verdicts
    return {
        "function": found.function,
        "cohort": found.cohort,
        "stage": stage.value,
        "since": moment(entered) if entered else None,
        "verdict": verdict.verdict.value,
        "words": verdict.words,
        "do": verdict.do,
        "compared": compared.total,
        **{name: getattr(compared, name) for name in _OUTCOMES},
        "pairs": compared.pairs,
        "fields": [_field(each, found) for each in found.fields],
        "rules": [
            {
                "rule": each.rule.words,
                "owner": each.rule.owner,
                "reason": each.rule.reason,
                "until": each.rule.until.isoformat() if each.rule.until else None,
                "ended": each.ended,
                "differences": each.differences,
                "answers": each.calls,
            }
            for each in found.rules
        ],
        "former_rules": [
            {"rule": each.rule, "differences": each.differences, "answers": each.calls} for each in found.gone
        ],
        "failures": [
            {"outcome": each.outcome, "reason": each.reason, "reads": each.calls} for each in found.failures
        ],
        "latency": {
            side: {
                "answers": spread.calls,
                "mean_seconds": spread.mean,
                "half_within_seconds": _seconds(spread.p50),
                "95_percent_within_seconds": _seconds(spread.p95),
            }
            for side, spread in spreads(found.latencies).items()
        },
        "samples": _sample_objects(found.samples),
        **({"writes": _writes_object(found.writes, verdicts[-1])} if found.writes is not None else {}),
    }


def _writes_object(writes: Writes, verdict: GateResult) -> dict[str, Any]:
    return {
        "verdict": verdict.verdict.value,
        "words": verdict.words,
        "do": verdict.do,
        "compared": writes.effects.total,
        **{name: getattr(writes.effects, name) for name in _EFFECTS},
        "places": [each._asdict() for each in writes.places],
        "failures": [
            {"outcome": each.outcome, "reason": each.reason, "writes": each.calls} for each in writes.failures
        ],
        "samples": _sample_objects(writes.samples),
    }


def _sample_objects(samples: Sequence[Mismatch]) -> list[dict[str, Any]]:
    return [
        {"at": moment(each.at), "request": each.request, "differences": list(each.differences)}
        for each in samples
    ]


def _field(field: Field, found: Account) -> dict[str, Any]:
    return {
        "field": field.place,
        "difference": field.kind,
        "answers": field.calls,
        "in_pairs": field.raw,
        "legacy_to_itself": field.noise,
        "noise": (field.place, field.kind) in found.noise,
    }


def _seconds(limit: int) -> float | None:
    """None: longer than the longest class."""
    return None if limit == LIMITS_MS[-1] else limit / 1000
