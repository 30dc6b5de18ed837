"""Retreat: what stands on a function goes back before it does, as it went forward after it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from strangler.control.standings import Snapshot
from strangler.cutover.cohorts import stage_beneath
from strangler.cutover.plan import moved, place
from strangler.cutover.stages import ORDER, RULES, Side, Stage, Standing
from strangler.cutover.steps import Target
from strangler.errors import Refused
from strangler.settings import Settings


class Resting(NamedTuple):
    """A function, or a cohort of it, that new owns and that needs the one beneath it in `stage`."""

    standing: Standing
    stage: Stage


def refuse_from_beneath(settings: Settings, picture: Snapshot, before: Standing, target: Target) -> None:
    """Refuse to take a function, or a cohort of it, back from beneath what new owns and what depends on it. Raises Refused."""
    resting = list(_resting(settings, picture, before, target))
    if not resting:
        return
    names = ", ".join(f"{each.standing.spelled} ({place(each.standing)})" for each in resting)
    raise Refused(
        f"{before.spelled} stays in {place(before)}: {names} {'stands' if len(resting) == 1 else 'stand'} on it",
        why="; ".join(f"{each.standing.function} depends on it in {each.stage}" for each in resting)
        + f", and it would go back to {target}",
        do="\n".join(_first(each.standing) for each in resting),
    )


def _resting(settings: Settings, picture: Snapshot, before: Standing, target: Target) -> Iterator[Resting]:
    after = _replaced(picture, moved(before, target))
    for name, function in settings.functions.items():
        if (wanted := function.depends_on.get(before.function)) is None:
            continue
        asked, apart = Stage(wanted), picture.cohorts(name)
        for each in picture.all_of(name):
            now, then = (stage_beneath(seen, before.function, each, apart) for seen in (picture, after))
            held_up = ORDER.index(then) < ORDER.index(asked) <= ORDER.index(now)
            if RULES[each.stage].owner is Side.NEW and held_up:
                yield Resting(each, asked)


def _replaced(picture: Snapshot, after: Standing) -> Snapshot:
    others = [
        each for each in picture.standings if (each.function, each.cohort) != (after.function, after.cohort)
    ]
    return replace(picture, standings=(*others, after))


def _first(standing: Standing) -> str:
    if standing.stage is Stage.RETIRED:
        return f"nothing: {standing.spelled} is retired, and doesn't come back"
    return f"strangler rollback {standing.spelled} --reason …, first"
