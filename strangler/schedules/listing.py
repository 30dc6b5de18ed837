"""The schedules of a configuration with what is known of each: when it comes next, what came of it last."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from strangler.control import reconciliations, schedules
from strangler.control.holders import is_gone
from strangler.control.reconciliations import Run
from strangler.control.schedules import Slot
from strangler.control.store import Control
from strangler.schedules import cron
from strangler.schedules.due import due
from strangler.schedules.timekeeper import is_comparable
from strangler.settings import Schedule, Settings


@dataclass(frozen=True, slots=True)
class Listed:
    """A schedule. `following` is its next slot; `due` whether one waits to be done now. `slot` is None where no worker has seen it
    yet; `run` is what came of its last slot. `comparable` is false as long as there is nothing to compare."""

    function: str
    schedule: Schedule
    following: float
    due: bool
    slot: Slot | None
    run: Run | None
    comparable: bool

    @property
    def state(self) -> str:
        """What is with it now."""
        if not self.comparable:
            return "waits until its function is filled"
        if self.slot is None:
            return "not seen by a worker yet"
        if self.due:
            return "due"
        return "under way" if self.slot.holder is not None else ""


def listed(settings: Settings, control: Control, function: str | None, now: float) -> list[Listed]:
    """The schedules of one function, or of all, in the order of the configuration."""
    zone, known = ZoneInfo(settings.time_zone), schedules.known(control)
    found = []
    for name, section in settings.functions.items():
        for schedule in section.schedules if function in (None, name) else ():
            slot = known.get((name, schedule.name))
            found.append(
                Listed(
                    name,
                    schedule,
                    cron.following(schedule.cron, zone, now),
                    slot is not None and due(schedule.cron, zone, slot, now, is_gone) is not None,
                    slot,
                    reconciliations.get(control, slot.run) if slot and slot.run is not None else None,
                    is_comparable(settings, control, name),
                )
            )
    return found
