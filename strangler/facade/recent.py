"""Recent: who wrote to legacy what the store may not have yet, so that its reads stay on legacy until it has.

A write has no position that the facade could know. So it asks the other way round: what the source had told of at a moment covers all that
was answered some seconds before; once delivery is as far as the source was then, those writes are in the store. What is unsure
counts as not there: an error, keys in quarantine, a source that isn't heard of, clocks that may differ.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Final, NamedTuple

from strangler.changes import Position
from strangler.control.deliveries import DeliveryRecord
from strangler.control.sources import SourceRecord, covered

SIGHTINGS: Final = 64
"""Moments of a source that wait for delivery to come by."""


class Sighting(NamedTuple):
    """What was answered until `until` is in the source up to `position`."""

    position: Position
    until: float


class Passing:
    """How far sync has come for one function, in terms of when a write was answered (`passed`, seconds since the epoch)."""

    def __init__(self) -> None:
        self.passed = 0.0
        self._ahead: deque[Sighting] = deque()

    def look(self, source: SourceRecord | None, delivery: DeliveryRecord | None, held: int) -> None:
        """What the control store knows now; `held` keys of the function are in quarantine."""
        if source is not None and source.error is None:
            self._sight(Sighting(source.position, covered(source)))
        if delivery is None or delivery.error is not None or held:
            return
        while self._ahead and delivery.position >= self._ahead[0].position:
            self.passed = max(self.passed, self._ahead.popleft().until)

    def _sight(self, sighting: Sighting) -> None:
        if self._ahead and sighting.until <= self._ahead[-1].until:
            return
        if self._ahead and (self._ahead[-1].position == sighting.position or len(self._ahead) >= SIGHTINGS):
            self._ahead.pop()
        self._ahead.append(sighting)


class Recent:
    """The writes of one function that sync hasn't passed yet: by whom and to what, as numbers that say nothing of either."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._when: dict[int, float] = {}
        self._anybody = 0.0
        """When the last of those was that didn't fit: until sync has passed it, whoever asks may have written."""
        self.progress = Passing()

    def __len__(self) -> int:
        return len(self._when)

    def note(self, signs: Collection[int], at: float) -> None:
        """Somebody wrote at this moment."""
        for sign in signs:
            self._when.pop(sign, None)
            if len(self._when) >= self._most:
                self._anybody = at
                return
            self._when[sign] = at

    def waits(self, signs: Collection[int], told: float) -> bool:
        """Whether one of them wrote what sync hasn't passed; `told` is when it says itself that it last did, 0.0 for never."""
        passed = self.progress.passed
        if told > passed or self._anybody > passed:
            return True
        return any(self._when.get(sign, 0.0) > passed for sign in signs)

    def forget(self) -> None:
        """Let go of what sync has passed."""
        passed = self.progress.passed
        gone = []
        for sign, at in self._when.items():
            if at > passed:
                break
            gone.append(sign)
        for sign in gone:
            del self._when[sign]
