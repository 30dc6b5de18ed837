"""The reverse feed of one function: from the outbox of its store into legacy, state by state.

Each batch is one transaction in legacy. What it did is recorded there too (invariant 2), and then forgotten in the outbox; a kill in
between is made up for by whoever comes next, before anything else. What can't be returned is held with its key; where a batch doesn't
go through as a whole, its aggregates go one by one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Final

from strangler.changes import Change, Operation
from strangler.control import conflicts, standings
from strangler.control.conflicts import Conflict
from strangler.control.store import Control
from strangler.cutover.stages import Side
from strangler.errors import StranglerError
from strangler.fencing import passing
from strangler.mapping import EntityMapping
from strangler.outcomes import Outcome, event_anew
from strangler.ports import ChangeSource, LegacyTransaction, LegacyWriter, Outbox, Outgoing
from strangler.returning import comparing
from strangler.returning.batch import Batch, Key, Trouble, read
from strangler.returning.owned import is_new_s

SAFE_POSITION_WAIT: Final = 30.0
"""Seconds to wait for legacy's open transactions when its state is taken over."""


class Feed:
    """See the module. Belongs to one thread."""

    def __init__(
        self,
        function: str,
        mappings: Sequence[EntityMapping],
        outbox: Outbox,
        writer: LegacyWriter,
        source: ChangeSource,
        control: Control,
        *,
        batch: int,
        most: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`batch`: aggregates in one transaction. `most`: keys that may be held; with more nothing goes on."""
        self._function, self._outbox, self._writer, self._source = function, outbox, writer, source
        self._mappings = {mapping.shape.entity: mapping for mapping in mappings}
        self._control, self._batch, self._most, self._clock = control, batch, most, clock

    def step(self) -> int:
        """Return a batch of what is there; how many aggregates came back, or were held. Raises StranglerError where too many are."""
        held = self._held()
        for each in held.values():
            if each.take is Side.LEGACY:
                self._take_legacy(each)
            elif each.take is Side.NEW and self._outbox.of(each.entity, each.key) is None:
                conflicts.release(self._control, [each])  # It came back, and whoever saw to that was killed.
        decided = {key: each for key, each in held.items() if each.take is Side.NEW}
        without = held.keys() - decided.keys()
        self._refuse_too_many(len(without))
        passed = self._others(without)
        if passed is None:
            return 0
        without |= passed
        try:
            return self._return(lambda: self._outbox.outgoing(self._batch, without), decided)
        except Trouble:
            outgoing = self._outbox.outgoing(self._batch, without)
            return sum(self._return_alone(Key.of(each), decided) for each in outgoing)

    def _others(self, without: Collection[Key]) -> set[Key] | None:
        """What stands before the first that new owns, and isn't new's; None: there is none that is."""
        passed: set[Key] = set()
        while found := self._outbox.outgoing(self._batch, {*without, *passed}):
            ours = self._owned(found)
            passed.update(Key.of(each) for each in found if each not in ours)
            if ours:
                return passed
        return None

    def _held(self) -> dict[Key, Conflict]:
        return {Key.of(each): each for each in conflicts.listed(self._control, self._function)}

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
        """Return what `outgoing` gives, in one transaction. Raises Trouble, and returns nothing, where it must be undone."""
        with self._writer.transaction() as transaction:
            # Now that nobody else returns anything of the function: what was written before a kill is done.
            self._outbox.done(self._writer.returned())
            for statement in passing.opened(transaction.dialect, self._function):
                transaction.run(statement)
            given = self._owned(outgoing())
            held = self._write(transaction, given, decided)
            left = set(map(Key.of, held))
            returned = [each for each in given if Key.of(each) not in left]
            entries = frozenset(entry for each in returned for entry in each.entries)
            for statement in passing.closed(transaction.dialect):
                transaction.run(statement)
            transaction.record(entries)
        conflicts.hold(self._control, held)
        self._outbox.done(entries)
        conflicts.release(self._control, [decided[key] for key in map(Key.of, returned) if key in decided])
        return len(given)

    def _owned(self, outgoing: Sequence[Outgoing]) -> list[Outgoing]:
        found = standings.snapshot(self._control)
        return [each for each in outgoing if is_new_s(self._mappings[each.entity], each, found)]

    def _write(
        self, transaction: LegacyTransaction, given: Sequence[Outgoing], decided: Mapping[Key, Conflict]
    ) -> list[Conflict]:
        held: list[Conflict] = []
        for entity, mapping in self._mappings.items():
            if ours := [each for each in given if each.entity == entity]:
                held += Batch(mapping, transaction, decided, self._clock).write(ours)
        return held

    def _take_legacy(self, conflict: Conflict) -> None:
        """Somebody has decided that legacy's state is to stand: the store takes it over, if it still is that one."""
        mapping = self._mappings[conflict.entity]
        outgoing = self._outbox.of(conflict.entity, conflict.key)
        if outgoing is not None:
            # The position first: what is read afterwards is at least as new, so that later events win over it (invariant 3).
            position = self._source.safe_position(SAFE_POSITION_WAIT)
            with closing(self._source.reader()) as side:
                now = read(mapping, side, [conflict.key])[conflict.key]
            if now.fault or comparing.digest(mapping, now.data) != conflict.legacy:
                unlike = comparing.unlike(mapping, now.data, outgoing.now)
                conflicts.hold(
                    self._control,
                    [_again(conflict, unlike, comparing.digest(mapping, now.data), self._clock())],
                )
                return
            operation = Operation.DELETE if now.data is None else Operation.UPDATE
            change = Change(position, mapping.table.name, operation, now.row, now.row)
            event = event_anew(mapping, Outcome(conflict.key, change, now.data or {}), self._clock())
            self._outbox.overwrite(event, outgoing.entries)
        conflicts.release(self._control, [conflict])


def _again(conflict: Conflict, unlike: Sequence[comparing.Unlike], legacy: str, at: float) -> Conflict:
    """Held anew: what was decided was about another state."""
    reason = "legacy has changed it again since somebody decided"
    return replace(conflict, reason=reason, fields=tuple(map(tuple, unlike)), legacy=legacy, at=at, take=None)
