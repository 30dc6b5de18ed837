"""Whose: by which standing an event goes, and whether it flows from legacy into the store. Pure.

A row that goes over from one cohort to another was its old owner's until then, so the standing of the cohort before decides. Where
that isn't legacy's to change, legacy has gone astray with the key: to new the row is what it was, whatever legacy says of it afterwards,
so all that comes of the key goes by the same standing. A key that is removed is taken for astray too: it may come again elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from strangler.changes import Position
from strangler.control.astray import Key
from strangler.control.standings import Snapshot
from strangler.cutover.stages import EVERYONE, Side, Standing
from strangler.events import Effect, Event


class Whose:
    """The standings of one function as of a snapshot."""

    def __init__(self, function: str, snapshot: Snapshot) -> None:
        self._function, self._snapshot = function, snapshot
        self._found: dict[str | None, Standing] = {}
        self.cohorts = frozenset(each.cohort for each in snapshot.all_of(function))
        """Those that have a standing of their own, the rest of the function among them."""
        self.delivers = snapshot.has_begun(function)
        self.awaited = any(each.fenced for each in snapshot.all_of(function))
        """Whether writers wait, maybe for how far this is."""
        self.generation = snapshot.generation

    def of(self, cohort: str | None) -> Standing:
        """The standing of a cohort."""
        found = self._found.get(cohort)
        if found is None:
            found = self._found[cohort] = self._snapshot.of_cohort(self._function, cohort)
        return found

    def standing(self, event: Event, astray: Mapping[Key, str]) -> Standing:
        """The standing that decides about an event. `astray`: the cohorts of rows whose keys are."""
        return self.of(deciding(event, astray))

    def goes_astray(self, event: Event, standing: Standing) -> bool:
        """Whether an event that doesn't flow by this standing takes its key out of the standing's reach."""
        return event.effect is Effect.REMOVE or self.of(event.cohort).cohort != standing.cohort

    def apart(self, standing: Standing) -> tuple[str, ...]:
        """The cohorts that don't go by the standing of the rest of the function, if it is that."""
        return tuple(sorted(self.cohorts - {EVERYONE})) if standing.cohort == EVERYONE else ()


def deciding(event: Event, astray: Mapping[Key, str]) -> str | None:
    """The cohort whose standing decides about an event."""
    if astray and (cohort := astray.get(Key(event.entity, event.key))) is not None:
        return cohort
    return event.cohort if event.cohort_before is None else event.cohort_before


def flows(standing: Standing, position: Position) -> bool:
    """Whether what legacy did at a position goes into the store: new doesn't own it (invariant 4), nor may it by then."""
    if standing.owner is Side.NEW:
        return False
    return standing.sync_until is None or position <= standing.sync_until
