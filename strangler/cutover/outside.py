"""The world beyond the control store, as a switch of owners needs it: the source, the log and the store of a function."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from strangler.changes import Position
from strangler.control import standings
from strangler.control.store import Control
from strangler.cutover.delta import Delta
from strangler.cutover.kept import Kept
from strangler.cutover.moving import Moving
from strangler.cutover.readiness import refuse_behind
from strangler.cutover.stages import EVERYONE
from strangler.cutover.world import Outside
from strangler.fencing.fence import LegacyFence, in_the_way, stop_telling, take_down, telling_in_force
from strangler.numbering.handing import Numbering
from strangler.owned import Owned
from strangler.reconcile.narrow import Difference, Kind
from strangler.reconcile.switch import only_in_new
from strangler.returning.way import WayBack
from strangler.settings import Fence, Retire, Settings

NAMED: Final = 100
"""Documents that are named of those that a rollback would lose."""


def outside(settings: Settings, control: Control, function: str, cohort: str) -> Outside:
    """What the configuration names for a function or one of its cohorts. Connects only when it is asked something,
    and stays connected until it is closed."""

    def way_back() -> None:
        """Both sides must be readable: without that nobody could tell what a rollback loses. Whatever is needed is compiled and connected
        now, while nobody waits."""
        kept.opened.sides.dialects()
        _ = kept.opened.mappings, kept.opened.barrier
        if back is not None:
            back.require()
        moving.ready()
        if section and section.numbers:
            Numbering(moving).ready()
        elif section and section.fence:
            _ = kept.opened.legacy_hand
        for each in in_the_way(control, function, cohort):
            kept.opened.hand_in(each.source)

    def safe_position(timeout: float) -> Position:
        return kept.opened.barrier.safe_position(timeout)

    def rows() -> Owned:
        """Those that change their owner."""
        return Owned.of(standings.snapshot(control), function, cohort)

    def only_new() -> int:
        opened = kept.opened
        return only_in_new(opened.mappings, opened.sides, control, owned=rows()).total

    def lost() -> list[str]:
        opened = kept.opened
        found = only_in_new(opened.mappings, opened.sides, control, examples=NAMED, owned=rows())
        return [_told(each) for each in found.examples]

    def ready() -> None:
        """The store is close behind legacy, and what changed until now is compared."""
        refuse_behind(control, function, settings.functions[function])
        delta.look()

    kept = Kept(settings, function)
    moving = Moving(settings, control, function, cohort, kept)
    acts = {**_fence(moving), **_numbers(moving), **_retirement(moving)}
    delta = Delta(kept, control, function, cohort)
    section = settings.functions.get(function)
    back = WayBack(moving) if section and section.return_ is not None else None
    acts |= {"ready": ready, "close": kept.close, "alone": moving.alone, **_returning(back)}
    return Outside(way_back, safe_position, delta.drift, only_new, lost, **acts)


def _returning(back: WayBack | None) -> dict[str, Any]:
    """The way back, where there is one."""
    if back is None:
        return {}
    return {
        "open_return": back.open,
        "close_return": back.close,
        "returned": back.returned,
        "refuse_stuck": back.refuse_stuck,
    }


def _fence(moving: Moving) -> dict[str, Any]:
    """The fence in the legacy database, where there is one, be it only from before the configuration was changed."""
    acts: dict[str, Any] = {}
    section = moving.settings.functions.get(moving.function)
    if section and section.fence:
        fence = LegacyFence(moving, section.fence)
        acts = {
            "fence_legacy": fence.put_up,
            "statements": fence.statements,
            "keep_fence": section.fence.keep,
        }
    there = in_the_way(moving.control, moving.function, moving.cohort)
    if acts or there:
        acts["lifting"] = lambda: [statement for each in there for statement in each.lift]
        acts["lift_legacy"] = partial(take_down, moving)
    if telling_in_force(moving):
        acts |= {"silence": partial(stop_telling, moving), "silencing": partial(telling_in_force, moving)}
    return acts


def _numbers(moving: Moving) -> dict[str, Any]:
    """The numbers that are handed over, where there are any."""
    section = moving.settings.functions.get(moving.function)
    if section is None or not section.numbers:
        return {}
    numbering = Numbering(moving)
    return {"hand_over": numbering.hand_over, "take_back": numbering.take_back}


def _retirement(moving: Moving) -> dict[str, Any]:
    """What switches the legacy function off, where that is configured. With the whole of it only: the others need it that long."""
    section = moving.settings.functions.get(moving.function)
    if section is None or section.retire is None or moving.cohort != EVERYONE:
        return {}
    return {
        "deactivate": partial(_deactivate, moving, section.retire),
        "deactivation": partial(_deactivation, moving, section.retire),
    }


def _deactivate(moving: Moving, retire: Retire) -> None:
    if fence := _for_good(moving, retire):
        fence.put_up()
    if retire.statements:
        moving.kept.opened.legacy_hand.do(retire.statements)


def _deactivation(moving: Moving, retire: Retire) -> tuple[str, ...]:
    fence = _for_good(moving, retire)
    return (*(fence.statements() if fence else ()), *retire.statements)


def _for_good(moving: Moving, retire: Retire) -> LegacyFence | None:
    """The fence that stays when the function is retired, where there is one."""
    if not retire.by:
        return None
    return LegacyFence(moving, Fence(by=retire.by, roles=retire.roles))


def _told(difference: Difference) -> str:
    """A document that a rollback would lose, and what of it."""
    what = {
        Kind.EXTRA: "only in new",
        Kind.MISSING: "only in legacy",
        Kind.DIFFERENT: ", ".join(difference.fields),
    }
    return f"{difference.entity} {difference.key}: {what[difference.kind]}"
