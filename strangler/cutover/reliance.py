"""Reliance: what legacy still owns finds its neighbours' data in legacy, so these aren't retired from under it. Pure.

Once a function is retired, nothing that new writes of it returns to legacy. A function that is still there and depends on it, or reads its
tables, would work with what gets older every day, and nobody would say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from strangler.control.standings import Snapshot
from strangler.cutover.gates.result import GateResult, Verdict
from strangler.cutover.stages import EVERYONE, Side, Standing
from strangler.settings import Function, Settings

NAME = "dependents"
"""As a gate; that of `dependencies` looks the other way."""


class Needing(NamedTuple):
    """A function that needs another one in legacy as long as legacy owns it itself, and why."""

    name: str
    why: str


def dependents(settings: Settings, picture: Snapshot, before: Standing) -> Iterator[GateResult]:
    """Whether a function, or a cohort of it, may be retired for all that legacy owns; nothing where nobody would ever need it there."""
    needing = list(_needing(settings, before.function))
    if not needing:
        return
    left = {each: list(_on_legacy(picture, each.name, before.cohort)) for each in needing}
    relying = [standing for those in left.values() for standing in those]
    limit = "0 on legacy"
    if not relying:
        words = f"new owns what needed it in legacy: {', '.join(each.name for each in needing)}"
        yield GateResult(NAME, Verdict.PASS, "0 on legacy", limit, words)
        return
    names = ", ".join(f"{each.spelled} ({each.stage})" for each in relying)
    why = "; ".join(each.why for each, those in left.items() if those)
    words = f"legacy still owns {names}, and nothing would return there any more: {why}"
    do = f"first take {', '.join(each.spelled for each in relying)} to live; until then leave {before.spelled} in {before.stage}"
    yield GateResult(NAME, Verdict.FAIL, f"{len(relying)} on legacy", limit, words, do)


def _on_legacy(picture: Snapshot, name: str, cohort: str) -> Iterator[Standing]:
    """What legacy owns of a function, as far as it has to do with a cohort of another one."""
    those = picture.all_of(name) if cohort == EVERYONE else [picture.of(name, cohort)]
    return (each for each in those if each.owner is Side.LEGACY)


def _needing(settings: Settings, needed: str) -> Iterator[Needing]:
    for name, function in settings.functions.items():
        if name != needed and (why := _need(name, function, needed, settings.functions[needed])):
            yield Needing(name, why)


def _need(name: str, function: Function, other: str, needed: Function) -> str:
    """Why a function needs another one in legacy; empty when it doesn't."""
    if other in function.depends_on:
        return f"{name} depends on {other}"
    shared = _read(function) & _owned(needed) if function.source == needed.source else frozenset()
    return f"{name} reads {', '.join(sorted(shared))}" if shared else ""


def _read(function: Function) -> frozenset[str]:
    """The legacy tables that its mapping names, joined ones too, in lower case."""
    from strangler.mapping.uses import tables

    return frozenset(
        table.lower() for entity in function.entities.values() for table in tables(entity).values()
    )


def _owned(function: Function) -> frozenset[str]:
    """Those that its entities and their children are rows of."""
    from strangler.mapping.uses import parts

    return frozenset(
        part.section.table.lower() for entity in function.entities.values() for part in parts(entity)
    )
