"""Shadow: whether writes can be put to new, and whether each rule says what its kind asks for, and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from strangler.configuration.findings import Finding, Path
from strangler.names import nearest
from strangler.settings import Function, Settings, ShadowRule

TAKES: Final[Mapping[str, tuple[str, ...]]] = {
    "by": ("unordered",),
    "within": ("decimal", "time"),
    "zone": ("time",),
    "map": ("code map",),
    "ignore": ("text",),
}
"""What may stand in a rule → the kinds of rule to which it means something."""

NEEDS: Final[Mapping[str, tuple[str, str]]] = {
    "code map": ("map", "map: currency"),
    "text": ("ignore", "ignore: case"),
}
"""Kind of rule → what it can't be without, and how that is written."""


def shadow(settings: Settings) -> Iterator[Finding]:
    """Every rule that stands for all functions or for one of them; each stands there once."""
    if settings.facade is not None:
        yield from _rules(settings, ("facade", "shadow", "rules"), settings.facade.shadow.rules)
    for name, function in settings.functions.items():
        yield from _rules(settings, ("functions", name, "shadow", "rules"), function.shadow.rules)
        if function.shadow.writes:
            yield from _writes(settings, ("functions", name, "shadow", "writes"), function)


def _writes(settings: Settings, at: Path, function: Function) -> Iterator[Finding]:
    if function.service is None:
        yield Finding(at, "there is no new service to think writes through", "service: {url: …}")
    if not any(route.kind == "write" for route in function.routes):
        yield Finding(at, "the function has no route of kind write", "leave it out")
    source = settings.sources.get(function.source)
    if source is not None and source.kind == "polling":
        what = "a source that is polled doesn't tell which changes belong together"
        yield Finding(at, what, "leave it out, or read the database's own log")


def _rules(settings: Settings, path: Path, rules: Sequence[ShadowRule]) -> Iterator[Finding]:
    known: set[str] = set()
    for index, rule in enumerate(rules):
        at: Path = (*path, index)
        yield from _shape(at, rule)
        yield from _distance(at, rule)
        yield from _zone(at, rule)
        yield from _map(settings, at, rule)
        if rule.words in known:
            yield Finding(at, "says the same as another one before it", "leave it out")
        known.add(rule.words)


def _shape(at: Path, rule: ShadowRule) -> Iterator[Finding]:
    for key, kinds in TAKES.items():
        if getattr(rule, key) and rule.rule not in kinds:
            yield Finding((*at, key), f"has no meaning for `{rule.rule}`", "leave it out")
    needed, example = NEEDS.get(rule.rule, ("", ""))
    if needed and not getattr(rule, needed):
        yield Finding(at, f"a rule `{rule.rule}` needs `{needed}`", example)


def _distance(at: Path, rule: ShadowRule) -> Iterator[Finding]:
    if rule.rule == "decimal" and isinstance(rule.within, timedelta):
        yield Finding((*at, "within"), "is a duration, and the values are numbers", "within: 0.01")
    if rule.rule == "time" and isinstance(rule.within, Decimal):
        yield Finding((*at, "within"), "is a number, and the values are moments", "within: 1s")


def _zone(at: Path, rule: ShadowRule) -> Iterator[Finding]:
    try:
        ZoneInfo(rule.zone or "UTC")
    except (KeyError, ValueError, OSError):
        yield Finding((*at, "zone"), f"there is no time zone {rule.zone!r}", "a name like Europe/Berlin")


def _map(settings: Settings, at: Path, rule: ShadowRule) -> Iterator[Finding]:
    if rule.map is None:
        return
    known = settings.code_maps
    if rule.map not in known:
        meant = nearest(rule.map, known) or f"one of: {', '.join(known) or 'none yet'}"
        yield Finding((*at, "map"), f"there is no code map {rule.map!r}", meant)
    elif known[rule.map].table is not None:
        what = "is read from a table of the legacy database, which the facade doesn't reach"
        yield Finding((*at, "map"), what, "a code map with `values` or a `file`")
