"""What a switch moves: a function, or a cohort of it, with what is kept open for that."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from strangler.control.store import Control
from strangler.cutover.kept import Kept
from strangler.errors import StranglerError, Unavailable
from strangler.ports import Exclusive
from strangler.settings import Function, Settings


@dataclass(frozen=True, slots=True)
class Moving:
    """What the parts of a switch that act outside of the control store are about. Connects only when it is asked something."""

    settings: Settings
    control: Control
    function: str
    cohort: str
    kept: Kept
    clock: Callable[[], float] = time.time

    @property
    def section(self) -> Function:
        """The function as it is configured."""
        return self.settings.functions[self.function]

    def alone(self, sure: Callable[[], None], act: Callable[[], object]) -> None:
        """Call `act` once `sure` hasn't raised, with no other process in between that does so for this function.

        The lock is one of the session in the legacy database: who falls asleep within keeps it, who dies loses it. Where legacy has no such
        session, or doesn't answer, nobody changes anything there. What can't be done is tried with new connections the next time.
        """
        # Invariants 4 to 6: somebody else may have undone the switch meanwhile, and begun another one.
        try:
            with self._locked():
                sure()
                act()
        except Unavailable:
            self.kept.close()
            raise

    def ready(self) -> None:
        """Connect what `alone` goes by, while nobody waits."""
        self._exclusive()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        hand = self._exclusive()
        with hand.alone(f"strangler {self.function}") if hand else nullcontext():
            yield

    def _exclusive(self) -> Exclusive | None:
        try:
            hand = self.kept.opened.legacy_hand
        except StranglerError:
            return None
        return hand if isinstance(hand, Exclusive) else None
