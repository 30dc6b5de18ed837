"""The reverse feed of one function: from the outbox of its store into legacy, state by state.

Each batch goes by a carrier (`carrying`), and is then forgotten in the outbox; what was carried before a kill isn't carried again. What
can't be returned is held with its key; where a batch doesn't go through as a whole, its aggregates go one by one.

What the service wrote although legacy owns it, a stray, is held, too: it neither goes back by itself nor is it forgotten (invariant 4).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Final

from strangler.changes import Change, Operation
from strangler.control import conflicts, standings
from strangler.control.conflicts import Conflict, Kind
from strangler.control.standings import Snapshot
from strangler.control.store import Control
from strangler.cutover.stages import Side
from strangler.errors import StranglerError
from strangler.mapping import EntityMapping
from strangler.outcomes import Outcome, event_anew
from strangler.ports import ChangeSource, Outbox, Outgoing
from strangler.returning import comparing
from strangler.returning.batch import Key, Trouble, read_alone
from strangler.returning.carrying import Carrier
from strangler.returning.holding import Holding
from strangler.returning.owned import is_new_s, is_over, is_stray, why_stray

SAFE_POSITION_WAIT: Final = 30.0
"""Seconds to wait for legacy's open transactions when its state is taken over."""


class Feed:
    """See the module. Belongs to one thread."""

    def __init__(
        self,
        function: str,
        mappings: Sequence[EntityMapping],
        outbox: Outbox,
        carrier: Carrier,
        source: ChangeSource,
        control: Control,
        *,
        batch: int,
        most: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`batch`: aggregates in one transaction. `most`: keys that may be held; with more nothing goes on. As many strays are held
        beside them; further ones wait."""
        self._function, self._outbox, self._carrier, self._source = function, outbox, carrier, source
        self._mappings = {mapping.shape.entity: mapping for mapping in mappings}
        self._control, self._batch, self._most, self._clock = control, batch, most, clock
        self._holding = Holding(mappings, clock)

    def step(self) -> int:
        """Return a batch of what is there; how many aggregates came back, or were held. Raises StranglerError where too many are."""
        held = self._held()
        for each in held.values():
            self._carry_out(each)
        strays = {key for key, each in held.items() if each.kind is Kind.STRAY}
        decided = {key: each for key, each in held.items() if each.take is Side.NEW and key not in strays}
        without = held.keys() - decided.keys()
        self._refuse_too_many(len(without - strays))
        passed, found = self._pass_strays(without, self._most - len(strays))
        if not found:
            return 0
        without |= passed
        try:
            return self._return(lambda: self._outbox.outgoing(self._batch, without), decided)
        except Trouble:
            outgoing = self._outbox.outgoing(self._batch, without)
            return sum(self._return_alone(Key.of(each), decided) for each in outgoing)

    def _pass_strays(self, without: Collection[Key], room: int) -> tuple[set[Key], bool]:
        """What stands before the first that returns, and whether there is such a one. Of the strays among it the first `room` are held.
        What is retired is forgotten, for nobody waits for it."""
        passed: set[Key] = set()
        while found := self._outbox.outgoing(self._batch, {*without, *passed}):
            known = standings.snapshot(self._control)
            strays = [each for each in found if is_stray(self._mappings[each.entity], each, known)]
            self._hold_strays(strays[: max(0, room)], known)
            room -= len(strays)
            over = (each for each in found if is_over(self._mappings[each.entity], each, known))
            self._outbox.done(frozenset(entry for each in over for entry in each.entries))
            ours = set(map(Key.of, self._owned(found)))
            passed.update(key for key in map(Key.of, found) if key not in ours)
            if ours:
                return passed, True
        return passed, False

    def _hold_strays(self, strays: Sequence[Outgoing], known: Snapshot) -> None:
        if not strays:
            return
        with closing(self._source.reader()) as side:
            for each in strays:
                mapping = self._mappings[each.entity]
                legacy, why = read_alone(mapping, side, each.key), why_stray(mapping, each, known)
                held = self._holding.of(each, legacy.data, Kind.STRAY, why)
                conflicts.hold(self._control, [held])

    def _held(self) -> dict[Key, Conflict]:
        return {Key.of(each): each for each in conflicts.listed(self._control, self._function)}

    def _carry_out(self, conflict: Conflict) -> None:
        """What somebody has decided, as far as it isn't done by returning it as everything else."""
        if conflict.take is None:
            return
        outgoing = self._outbox.of(conflict.entity, conflict.key)
        if outgoing is None:
            conflicts.release(self._control, [conflict])  # It is done, and whoever saw to that was killed.
        elif conflict.take is Side.LEGACY:
            self._take_legacy(conflict, outgoing)
        elif conflict.kind is Kind.STRAY:
            self._take_stray(conflict, outgoing)

    def _refuse_too_many(self, held: int) -> None:
        if held > self._most:
            raise StranglerError(
                f"{held} changes of {self._function} are held, and so nothing more is returned",
                why=f"with more than {self._most} (`return.max_conflicts`) it isn't single rows that are wrong",
                do=f"strangler conflicts list {self._function}, and mend what they have in common",
            )

    def _return_alone(self, key: Key, decided: Mapping[Key, Conflict]) -> int:
        def alone() -> list[Outgoing]:
            found = self._outbox.of(*key)
            return [found] if found else []

        try:
            return self._return(alone, decided)
        except Trouble as trouble:
            conflicts.hold(self._control, [trouble.held])
            return 1

    def _return(self, outgoing: Callable[[], list[Outgoing]], decided: Mapping[Key, Conflict]) -> int:
        """Return what `outgoing` gives. Raises Trouble, and returns nothing, where they have to go one by one."""
        carried = self._carrier.carry(lambda: self._owned(outgoing()), decided)
        conflicts.hold(self._control, carried.held)
        self._outbox.done(carried.entries)
        left = set(map(Key.of, carried.held))
        returned = {Key.of(each) for each in carried.given} - left
        conflicts.release(self._control, [decided[key] for key in returned if key in decided])
        return len(carried.given)

    def _owned(self, outgoing: Sequence[Outgoing]) -> list[Outgoing]:
        found = standings.snapshot(self._control)
        return [each for each in outgoing if is_new_s(self._mappings[each.entity], each, found)]

    def _take_stray(self, stray: Conflict, outgoing: Outgoing) -> None:
        """Somebody has decided that new's state is to stand of what legacy owns. Legacy becomes that; and then the store takes it from
        there as anything that legacy owns, so that the row follows legacy from then on. Of either it is nothing to do it again."""
        mapping = self._mappings[stray.entity]
        try:
            held = self._carrier.carry(lambda: [outgoing], {Key.of(stray): stray}, done=False).held
        except Trouble as trouble:
            held = [trouble.held]
        if held:
            conflicts.hold(self._control, [replace(each, kind=Kind.STRAY) for each in held])
        else:
            self._take_legacy(replace(stray, legacy=comparing.digest(mapping, outgoing.now)), outgoing)

    def _take_legacy(self, conflict: Conflict, outgoing: Outgoing) -> None:
        """Somebody has decided that legacy's state is to stand: the store takes it over, if it still is that one."""
        mapping = self._mappings[conflict.entity]
        # The position first: what is read afterwards is at least as new, so that later events win over it (invariant 3).
        position = self._source.safe_position(SAFE_POSITION_WAIT)
        with closing(self._source.reader()) as side:
            now = read_alone(mapping, side, conflict.key)
        if now.fault or comparing.digest(mapping, now.data) != conflict.legacy:
            why = "legacy has changed it again since somebody decided"
            again = self._holding.of(outgoing, now.data, conflict.kind, why)
            conflicts.hold(self._control, [again])
            return
        operation = Operation.DELETE if now.data is None else Operation.UPDATE
        change = Change(position, mapping.table.name, operation, now.row, now.row)
        event = event_anew(mapping, Outcome(conflict.key, change, now.data or {}), self._clock())
        self._outbox.overwrite(event, outgoing.entries)
        conflicts.release(self._control, [conflict])
