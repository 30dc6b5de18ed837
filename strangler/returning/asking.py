"""Asking legacy's own API to make it what new has, where nobody may write its tables: a carrier (`carrying`), one aggregate after another.

Legacy is read as ever: before, so that nothing is overwritten that somebody wrote there, and after, since what counts isn't what the API
says but what the mapping reads. So to ask twice for what is there already is never needed, and isn't done. A request that nobody answered
and that isn't repeatable is sent once: unless its effect shows, a person decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from typing import Final

from strangler.changes import Row
from strangler.control import conflicts, requested
from strangler.control.conflicts import Conflict, Kind
from strangler.control.store import Control
from strangler.errors import StranglerError, Unavailable, Untranslatable
from strangler.mapping import EntityMapping
from strangler.ports import ChangeSource, Outgoing, Queries
from strangler.rereading import Now
from strangler.returning import comparing, judging, rows
from strangler.returning.batch import Key, key_of, read_alone, said
from strangler.returning.calling import Answer, Calling, Unanswered
from strangler.returning.carrying import Carried, Decided
from strangler.returning.holding import Holding
from strangler.returning.requests import Asked, request
from strangler.settings import Api

LOOK_EVERY: Final = 0.05
"""Seconds between two looks whether legacy's tables show what was asked for."""

SAFE_POSITION_WAIT: Final = 30.0
"""Seconds to wait for legacy's open transactions."""


class ByRequests:
    """See the module. `mine` says whether this process still is the one that carries: an API can't tell two apart."""

    def __init__(
        self,
        mappings: Sequence[EntityMapping],
        source: ChangeSource,
        control: Control,
        api: Api,
        calling: Calling,
        mine: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._mappings = {mapping.shape.entity: mapping for mapping in mappings}
        self._source, self._control, self._api, self._calling = source, control, api, calling
        self._mine, self._holding = mine, Holding(mappings, clock)

    def carry(
        self, give: Callable[[], Sequence[Outgoing]], decided: Decided, *, done: bool = True
    ) -> Carried:
        given: list[Outgoing] = []
        held: list[Conflict] = []
        waiting: dict[Key, Unavailable] = {}
        with closing(self._source.reader()) as side:
            for each in give():
                key = Key.of(each)
                try:
                    conflict = self._bring(each, side, decided.get(key))
                except Unanswered as unanswered:
                    waiting[key] = Unavailable("legacy's API doesn't answer", why=str(unanswered))
                    continue  # It waits; the others needn't.
                except Unavailable as away:
                    waiting[key] = away
                    break
                given.append(each)
                held += [conflict] if conflict else []
        if given:
            self._conclude({*waiting, *map(Key.of, held)})
        elif waiting:
            raise next(iter(waiting.values()))
        return Carried.all_but(given, held)

    def _bring(self, each: Outgoing, side: Queries, decided: Conflict | None) -> Conflict | None:
        """Make legacy what one aggregate is; what is to be held instead. Raises Unanswered where it may be tried again, and the outcome
        isn't known."""
        mapping = self._mappings[each.entity]
        legacy = read_alone(mapping, side, each.key)
        if why := judging.why_held(mapping, each, legacy, decided):
            return self._holding.of(each, legacy.data, Kind.CHANGED, why)
        if comparing.same(mapping, legacy.data, each.now):
            return None
        try:
            known = _known(mapping, side, each.key) if legacy.data is not None else {}
            asked = request(self._api, mapping, each, legacy.data, known, side.dialect)
        except Untranslatable as error:
            return self._holding.of(each, legacy.data, Kind.REFUSED, said(error))
        state = (mapping.shape.function, each.entity, each.key, comparing.digest(mapping, each.now))
        again = requested.is_open(self._control, *state)
        if again and not asked.repeatable and decided is None:
            return self._unless_it_shows(
                each, side, f"{asked.name} was sent, and it isn't known what came of it"
            )
        return self._ask(asked, each, side, state, again)

    def _ask(
        self, asked: Asked, each: Outgoing, side: Queries, state: tuple[str, str, str, str], again: bool
    ) -> Conflict | None:
        if not self._mine():
            raise Unavailable("another process returns what new writes by now")
        requested.begin(self._control, *state)  # Before anything is sent: what is read back is ours.
        try:
            answer = self._calling.ask(asked)
        except Unanswered as unanswered:
            why = f"{asked.name} was sent, and it isn't known what came of it: {unanswered}"
            held = self._unless_it_shows(each, side, why)
            if held and asked.repeatable:
                raise
            return held
        except StranglerError:
            if not self._look(each, side)[1]:
                return None  # A gateway says 503 of what was done behind it, too.
            if not again:
                requested.withdraw(self._control, *state)
            raise
        if answer.status in asked.expect:
            return self._unless_it_shows(each, side, "")
        refusal = self._refusal(each.entity, asked, answer)
        if again:  # What was sent before may still be at work, and be why this is refused.
            return self._unless_it_shows(each, side, refusal)
        after, amiss = self._look(each, side)
        if not amiss:
            return None
        requested.withdraw(self._control, *state)
        return self._holding.of(each, after.data, Kind.REFUSED, refusal)

    def _look(self, each: Outgoing, side: Queries) -> tuple[Now, str]:
        """What legacy's tables have now, and in what that isn't what was asked for; empty: it is."""
        mapping = self._mappings[each.entity]
        after = read_alone(mapping, side, each.key)
        return after, judging.amiss(mapping, each, after)

    def _unless_it_shows(self, each: Outgoing, side: Queries, why: str) -> Conflict | None:
        """What is to be held, unless legacy's tables show what was asked for within the time that they may take."""
        deadline = time.monotonic() + self._api.settle.total_seconds()
        while True:
            after, amiss = self._look(each, side)
            if not amiss:
                return None
            if time.monotonic() > deadline:
                return self._holding.of(each, after.data, Kind.REFUSED, why or amiss)
            time.sleep(LOOK_EVERY)

    def _refusal(self, entity: str, asked: Asked, answer: Answer) -> str:
        """What was refused; in whose words only where nothing of the entity is sensitive, for these may repeat it."""
        mapping = self._mappings[entity]
        told = "" if any(part.sensitive for part in mapping.parts()) else f": {answer.said}"
        return f"legacy's API refused {asked.name} with {answer.status}{told}"

    def _conclude(self, without: Collection[Key]) -> None:
        """What was asked for shows up to here, unless nobody knows what came of it."""
        until = self._source.safe_position(SAFE_POSITION_WAIT)
        for function in {mapping.shape.function for mapping in self._mappings.values()}:
            left = {*without, *map(Key.of, conflicts.listed(self._control, function))}
            requested.conclude(self._control, function, left, until)


def _known(mapping: EntityMapping, side: Queries, key: str) -> Row:
    """The primary key of the root's row, which the API may want to be told."""
    found = list(side.rows(rows.finding(mapping, key_of(mapping, key), side.dialect)))
    return dict(zip(mapping.table.key, found[0], strict=True)) if len(found) == 1 else {}
