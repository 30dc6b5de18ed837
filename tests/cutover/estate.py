"""A small estate: legacy rows with a log of their changes, a store, facades, and a delivery, all obeying the control store.

It has just enough of each to show whether a switch loses or doubles a write. Nothing moves by itself: a test turns the wheel.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from strangler.changes import Position
from strangler.control import deliveries, facades, standings
from strangler.control.standings import Snapshot
from strangler.control.store import Control
from strangler.cutover.stages import RULES, Side
from strangler.cutover.world import Outside

FUNCTION = "party"


@dataclass
class Facade:
    """A facade process: it acts by the standings that it read last."""

    control: Control
    id: str
    known: Snapshot = field(default_factory=lambda: Snapshot(0, ()))

    def refresh(self) -> None:
        self.known = standings.snapshot(self.control)
        generation = self.known.generation
        facades.seen(self.control, self.id, generation=generation, address=self.id, at=time.time())


@dataclass
class Estate:
    """Both sides of one function. `accepted` is what callers were told is written: key → last value."""

    control: Control
    facades: list[Facade] = field(default_factory=list)
    legacy: dict[str, int] = field(default_factory=dict)
    log: list[tuple[str, int]] = field(default_factory=list)
    store: dict[str, int] = field(default_factory=dict)
    accepted: dict[str, int] = field(default_factory=dict)
    mark: int = 0
    late: int = 0

    def write(self, facade: Facade, key: str, value: int) -> bool:
        """A caller writes through a facade; False when it is told to wait."""
        standing = facade.known.of(FUNCTION)
        if standing.fenced:
            return False
        if standing.owner is Side.LEGACY:
            self.legacy[key] = value
            self.log.append((key, value))
        else:
            self.store[key] = value
        self.accepted[key] = value
        return True

    def deliver(self) -> None:
        """Apply what the standing allows, and say how far that is."""
        standing = standings.of(self.control, FUNCTION)
        if not RULES[standing.stage].delivery:
            return
        end = len(self.log) if standing.sync_until is None else min(len(self.log), int(standing.sync_until))
        for key, value in self.log[self.mark : end]:
            self.store[key] = value
        self.mark = max(self.mark, end)
        deliveries.report(
            self.control,
            FUNCTION,
            position=position(self.mark),
            generation=standing.generation,
            rows=self.mark,
            late_writes=0,
            lag=0.0,
        )

    def turn(self) -> None:
        """Everybody does what there is to do."""
        for facade in self.facades:
            facade.refresh()
        self.deliver()

    def outside(self) -> Outside:
        return Outside(
            way_back=lambda: None,
            safe_position=lambda timeout: position(len(self.log)),
            drift=self.differing,
            only_new=lambda: sum(self.legacy.get(key) != value for key, value in self.store.items()),
        )

    def reach(self, function: str, cohort: str) -> Outside:
        """The estate as the world outside of its function."""
        return self.outside()

    def differing(self) -> int:
        keys = self.legacy.keys() | self.store.keys()
        return sum(self.legacy.get(key) != self.store.get(key) for key in keys)

    def owned(self) -> dict[str, int]:
        """What the owner has."""
        return self.legacy if standings.of(self.control, FUNCTION).owner is Side.LEGACY else self.store


def position(number: int) -> Position:
    return Position(f"{number:08}")
