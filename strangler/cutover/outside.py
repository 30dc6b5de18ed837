"""The world beyond the control store, as a switch of owners needs it: the source, the log and the store of a function."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from strangler.changes import Position
from strangler.control import standings
from strangler.control.store import Control
from strangler.cutover.delta import Delta
from strangler.cutover.kept import Kept
from strangler.cutover.readiness import refuse_behind
from strangler.cutover.stages import EVERYONE
from strangler.cutover.world import Outside
from strangler.fencing.fence import LegacyFence, hand_of, in_the_way, take_down
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
        """Both sides must be readable: without that nobody could tell what a rollback loses."""
        kept.opened.sides.dialects()
        _ = kept.opened.mappings  # Compiled now, while nobody waits.
        if back is not None:
            back.require()
        if section and section.numbers:
            Numbering(settings, control, function, cohort).ready()

    def safe_position(timeout: float) -> Position:
        return kept.opened.source.safe_position(timeout)

    def rows() -> Owned:
        """Those that change their owner."""
        return Owned.of(standings.snapshot(control), function, cohort)

    def only_new() -> int:
        opened = kept.opened
        return only_in_new(opened.mappings, opened.source, opened.store, control, owned=rows()).total

    def lost() -> list[str]:
        opened = kept.opened
        sides = opened.source, opened.store
        found = only_in_new(opened.mappings, *sides, control, examples=NAMED, owned=rows())
        return [_told(each) for each in found.examples]

    def ready() -> None:
        """The store is close behind legacy, and what changed until now is compared."""
        refuse_behind(control, function, settings.functions[function])
        delta.look()

    known = (settings, control, function, cohort)
    acts = {**_fence(*known), **_numbers(*known), **_retirement(*known)}
    kept = Kept(settings, function)
    delta = Delta(kept, control, function, cohort)
    section = settings.functions.get(function)
    back = (
        WayBack(settings, control, function, cohort, kept)
        if section and section.return_ is not None
        else None
    )
    acts |= {"ready": ready, "close": kept.close, **_returning(back)}
    return Outside(way_back, safe_position, delta.drift, only_new, lost, **acts)


def _returning(back: WayBack | None) -> dict[str, Any]:
    """The way back, where there is one."""
    if back is None:
        return {}
    return {"open_return": back.open, "close_return": back.close, "returned": back.returned}


def _fence(settings: Settings, control: Control, function: str, cohort: str) -> dict[str, Any]:
    """The fence in the legacy database, where there is one, be it only from before the configuration was changed."""
    acts: dict[str, Any] = {}
    section = settings.functions.get(function)
    if section and section.fence:
        fence = LegacyFence(settings, control, function, cohort, section.fence)
        acts = {
            "fence_legacy": fence.put_up,
            "statements": fence.statements,
            "keep_fence": section.fence.keep,
        }
    there = in_the_way(control, function, cohort)
    if acts or there:
        acts["lifting"] = lambda: [statement for each in there for statement in each.lift]
        acts["lift_legacy"] = partial(take_down, settings, control, function, cohort)
    return acts


def _numbers(settings: Settings, control: Control, function: str, cohort: str) -> dict[str, Any]:
    """The numbers that are handed over, where there are any."""
    section = settings.functions.get(function)
    if section is None or not section.numbers:
        return {}
    numbering = Numbering(settings, control, function, cohort)
    return {"hand_over": numbering.hand_over, "take_back": numbering.take_back}


def _retirement(settings: Settings, control: Control, function: str, cohort: str) -> dict[str, Any]:
    """What switches the legacy function off, where that is configured. With the whole of it only: the others need it that long."""
    section = settings.functions.get(function)
    if section is None or section.retire is None or cohort != EVERYONE:
        return {}
    known = (settings, control, function, cohort, section.retire)
    return {"deactivate": partial(_deactivate, *known), "deactivation": partial(_deactivation, *known)}


def _deactivate(settings: Settings, control: Control, function: str, cohort: str, retire: Retire) -> None:
    if fence := _for_good(settings, control, function, cohort, retire):
        fence.put_up()
    if retire.statements:
        with hand_of(settings, settings.functions[function].source) as hand:
            hand.do(retire.statements)


def _deactivation(
    settings: Settings, control: Control, function: str, cohort: str, retire: Retire
) -> tuple[str, ...]:
    fence = _for_good(settings, control, function, cohort, retire)
    return (*(fence.statements() if fence else ()), *retire.statements)


def _for_good(
    settings: Settings, control: Control, function: str, cohort: str, retire: Retire
) -> LegacyFence | None:
    """The fence that stays when the function is retired, where there is one."""
    if not retire.by:
        return None
    return LegacyFence(settings, control, function, cohort, Fence(by=retire.by, roles=retire.roles))


def _told(difference: Difference) -> str:
    """A document that a rollback would lose, and what of it."""
    what = {
        Kind.EXTRA: "only in new",
        Kind.MISSING: "only in legacy",
        Kind.DIFFERENT: ", ".join(difference.fields),
    }
    return f"{difference.entity} {difference.key}: {what[difference.kind]}"
