"""Reliance: what legacy still owns finds its neighbours' data in legacy, so these aren't retired from under it. Pure.

Once a function is retired, nothing that new writes of it returns to legacy. A function that is still there and depends on it, or reads its
tables, would work with what gets older every day, and nobody would say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from strangler.control.standings import Snapshot
from strangler.cutover.plan import place
from strangler.cutover.stages import EVERYONE, Side, Stage, Standing
from strangler.cutover.steps import Target
from strangler.errors import Refused
from strangler.settings import Function, Settings


class Relying(NamedTuple):
    """What legacy owns, and why it needs the function there."""

    standing: Standing
    why: str


def refuse_from_under_legacy(settings: Settings, picture: Snapshot, before: Standing, target: Target) -> None:
    """Refuse to retire a function, or a cohort of it, while something that legacy owns needs its data there. Raises Refused."""
    if target.stage is not Stage.RETIRED:
        return
    relying = list(_relying(settings, picture, before))
    if not relying:
        return
    names = ", ".join(f"{each.standing.spelled} ({place(each.standing)})" for each in relying)
    raise Refused(
        f"{before.spelled} stays in {place(before)}: legacy still owns {names}, which {'needs' if len(relying) == 1 else 'need'} it there",
        why="; ".join(dict.fromkeys(each.why for each in relying))
        + "; what new writes returns to legacy no more once it is retired",
        do=f"first take {', '.join(each.standing.spelled for each in relying)} to live; "
        f"until then leave {before.spelled} in {before.stage}",
    )


def _relying(settings: Settings, picture: Snapshot, before: Standing) -> Iterator[Relying]:
    needed = settings.functions[before.function]
    for name, function in settings.functions.items():
        if name == before.function or not (why := _need(name, function, before.function, needed)):
            continue
        whole = before.cohort == EVERYONE
        for each in picture.all_of(name) if whole else [picture.of(name, before.cohort)]:
            if each.owner is Side.LEGACY:
                yield Relying(each, why)


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
