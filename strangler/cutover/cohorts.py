"""Cohorts: what moves on its own and what it has to do with the rest of its function. Pure.

A cohort gets a standing of its own when it is separated, or by its first move or hold, from where the whole function (`*`) stands at
that moment. From then on the whole is all the others. It rejoins when somebody says so, as soon as both stand alike: what a move of
the whole does to it is never a surprise, and each of these steps is on the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence

from strangler.control.standings import Snapshot
from strangler.cutover.plan import place
from strangler.cutover.stages import EVERYONE, ORDER, Side, Stage, Standing
from strangler.errors import Refused


def holding(own: Standing, whole: Standing) -> Standing | None:
    """What keeps it from advancing: a hold of its own, or that of the whole function, which holds its cohorts, too."""
    return next((each for each in (own, whole) if each.hold is not None), None)


def refuse_leaving_behind(whole: Standing, to: Stage, cohorts: Sequence[Standing]) -> None:
    """Refuse to switch the legacy function off while a cohort of it may still need that: legacy owns it, or it may go back there."""
    behind = [each for each in cohorts if each.stage is not Stage.RETIRED]
    if to is Stage.RETIRED and whole.cohort == EVERYONE and behind:
        owned = [each for each in behind if each.owner is Side.LEGACY]
        alone = "moves on its own" if len(behind) == 1 else "move on their own"
        moving = f"legacy still owns {_listed(owned)}" if owned else f"{_listed(behind)} {alone}"
        raise Refused(
            f"{whole.function} stays in {whole.stage}: {moving}",
            why="retiring a function switches its legacy side off, for all of its cohorts",
            do="\n".join(_first(each, whole) for each in behind),
        )


def _first(own: Standing, whole: Standing) -> str:
    if own.owner is Side.LEGACY:
        return f"strangler advance {own.spelled}, until it is live"
    if not apart(own, whole):
        return f"strangler rejoin {own.spelled}, so that it is retired with all the others"
    return f"strangler advance {own.spelled} --to retired"


def apart(own: Standing, whole: Standing) -> str:
    """Why a cohort can't rejoin the whole function; empty when both stand alike."""
    if own.fenced or whole.fenced:
        return "a switch is under way"
    if (own.stage, own.weight) != (whole.stage, whole.weight):
        return f"it stands in {place(own)}, the others in {place(whole)}"
    return f"it is held: {own.hold}" if own.hold is not None else ""


def stage_beneath(picture: Snapshot, dependency: str, standing: Standing, apart: Sequence[Standing]) -> Stage:
    """The stage of a function on which another one depends, as far as it carries `standing`: for a cohort that of the same cohort, for
    the whole the least of all that it may have to do with, that is without the cohorts that are `apart` from it in both."""
    if standing.cohort != EVERYONE:
        return picture.of(dependency, standing.cohort).stage
    gone = {each.cohort for each in apart}
    beneath = [each for each in picture.cohorts(dependency) if each.cohort not in gone]
    return min((each.stage for each in (picture.of(dependency), *beneath)), key=ORDER.index)


def _listed(those: Sequence[Standing]) -> str:
    return "cohort " + ", ".join(f"{each.cohort} ({each.stage})" for each in those)
