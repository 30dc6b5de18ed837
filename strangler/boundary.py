"""The boundary: where changes become events, or are held in quarantine. Nothing legacy-shaped passes it.

A transaction goes in whole. What it did to one entity is folded into one step first, so that a placeholder row that is
filled in by the same transaction makes one event, and a row that came and went makes none. What can't be translated is
held with its key; later changes of that key wait behind it, other keys go on (invariant 7). No I/O here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from strangler import outcomes
from strangler.changes import UNCHANGED, Change, Operation, Row, Transaction
from strangler.errors import Untranslatable
from strangler.events import Effect, Event
from strangler.mapping import EntityMapping
from strangler.shapes import Shape, Table

if TYPE_CHECKING:
    from strangler.mirror import Mirror
    from strangler.mirror.mirror import Step as AggregateStep

WAITING = "waits behind an earlier change of the same key"

_INSERT, _UPDATE, _DELETE = Operation.INSERT, Operation.UPDATE, Operation.DELETE
_UPSERT, _REMOVE = Effect.UPSERT, Effect.REMOVE
"""By names of the module: to find them in their enums takes longer than to compare them."""


class HeldKey(NamedTuple):
    """An entity's key that is in quarantine."""

    function: str
    entity: str
    key: str


class Held(NamedTuple):
    """A change that isn't let through, and why. `cohorts`: see `outcomes.cohorts_of`."""

    key: HeldKey
    change: Change
    reason: str
    cohorts: tuple[str, ...] | None = None


class Translation(NamedTuple):
    """What became of changes: events for the log, and what goes to quarantine."""

    events: list[Event]
    held: list[Held]


class Boundary:
    """Translates the transactions of one source. Belongs to one thread; `held` is shared and grows as keys are held."""

    def __init__(
        self, mappings: Iterable[EntityMapping], held: Collection[HeldKey] = (), mirror: Mirror | None = None
    ) -> None:
        """`mirror` makes the entities of several tables; not needed where there are none."""
        self.mirror = mirror
        self.held: set[HeldKey] = set(held)
        self.stopped: Collection[str] = ()
        """Functions of which only removals are translated; see `strangler.sync.limits`."""
        self._by_table: dict[str, list[EntityMapping]] = defaultdict(list)
        self._mappings = list(mappings)
        for mapping in self._mappings:
            if not mapping.mirrored:
                self._by_table[mapping.table.name].append(mapping)

    @property
    def shapes(self) -> list[Shape]:
        """The shape of every entity that this boundary makes events of."""
        return [mapping.shape for mapping in self._mappings]

    @property
    def tables(self) -> dict[str, Table]:
        """The legacy tables as the mappings know them, by name."""
        return {name: table for mapping in self._mappings for name, table in mapping.tables().items()}

    def mapping(self, function: str, entity: str) -> EntityMapping | None:
        """The mapping of the entity; None when the configuration no longer has it."""
        for mapping in self._mappings:
            if (mapping.shape.function, mapping.shape.entity) == (function, entity):
                return mapping
        return None

    def translate(self, transaction: Transaction, into: Translation) -> None:
        """Add the events and the held changes of one transaction to `into`, in the order of the source. What was returned
        of a function makes no events of that function: new has it already."""
        time, held, events = transaction.committed_at, self.held, into.events
        returned = transaction.returned
        for mapping, key, change, existed, reason in self._folded(transaction.changes):
            if returned is not None and mapping.shape.function == returned:
                continue  # Invariant 4: our own echo is no late write.
            if not existed and change.operation is _DELETE:
                continue  # What came and went within the transaction doesn't matter.
            if self.stopped and self._passes_over(mapping, change):
                continue
            if held and _held_key(mapping, key) in held:
                reason = WAITING  # Invariant 7: later changes of a held key wait behind it.
            if not reason:
                try:
                    event = _event_of(mapping, key, change, time)
                    if event is not None:
                        events.append(event)
                    continue
                except Untranslatable as error:
                    reason = str(error)
            self._hold(mapping, key, change, reason, into)
        if self.mirror is not None:
            steps = self.mirror.apply(transaction)
            if returned is not None:
                steps = [step for step in steps if step.mapping.shape.function != returned]
            self._translate_aggregates(steps, time, into)

    def _translate_aggregates(self, steps: Sequence[AggregateStep], time: float, into: Translation) -> None:
        """Add what became of aggregates to `into`."""
        for step, outcome in outcomes.of_steps(steps):
            held = _held_key(step.mapping, outcome.key)
            waits = held in self.held
            if not outcome.seen and not waits:
                continue
            removed = outcome.change.operation is _DELETE
            if self.stopped and not removed and held.function in self.stopped:
                continue  # As in `_passes_over`.
            reason = WAITING if waits else str(step.fault) if step.fault and not removed else ""
            if not reason:
                try:
                    into.events.append(outcomes.event_of(step.mapping, outcome, time))
                    continue
                except Untranslatable as error:
                    reason = str(error)
            self._hold(step.mapping, outcome.key, outcome.change, reason, into)

    def _hold(self, mapping: EntityMapping, key: str, change: Change, reason: str, into: Translation) -> None:
        held = _held_key(mapping, key)
        self.held.add(held)
        into.held.append(Held(held, change, reason, outcomes.cohorts_of(mapping, change)))

    def _passes_over(self, mapping: EntityMapping, change: Change) -> bool:
        """Whether a backfill will make up for the change: it reads every row that there is."""
        return change.operation in (_INSERT, _UPDATE) and mapping.shape.function in self.stopped

    def _folded(self, changes: Sequence[Change]) -> Iterable[_Step]:
        """One step per entity and transaction, in the order of the last change of each."""
        folded: dict[tuple[int, str], _Step] = {}
        by_table = self._by_table
        for change in changes:
            _, table, operation, before, after = change
            for mapping in by_table.get(table, ()):
                if before is None and after is not None:  # The usual: one row, so one key.
                    try:
                        key = mapping.key_of(after)
                    except Untranslatable:
                        pass  # Below it is said why.
                    else:
                        identity = (id(mapping), key)
                        if identity not in folded:
                            folded[identity] = (mapping, key, change, operation is not _INSERT, "")
                            continue
                for step in _steps(mapping, change):
                    identity = (id(mapping), step[1])
                    if identity in folded:
                        step = _then(folded.pop(identity), step)
                    folded[identity] = step
        return folded.values()


def _held_key(mapping: EntityMapping, key: str) -> HeldKey:
    return HeldKey(mapping.shape.function, mapping.shape.entity, key)


def _event_of(mapping: EntityMapping, key: str, change: Change, time: float) -> Event | None:
    """The event that a change of the entity with `key` makes; None: the row is and was none of the entity's. Raises Untranslatable."""
    if mapping.belongs is not None:
        seen = _through(mapping.belongs, mapping.table, change)
        if seen is None:
            return None
        change = seen
    position, _, operation, before, after = change
    data: Mapping[str, Any]
    if operation is _DELETE:
        effect, row, data = _REMOVE, before or {}, {}
    else:
        effect, row = _UPSERT, after or {}
        data = mapping.translate(row)
        if operation is _INSERT and (missing := _unsent(mapping, row)):
            raise Untranslatable(missing)  # A store would wait for the rest of this row for ever.
    name, shape, cohort, was = mapping.event_name(operation, row, before), mapping.shape, None, None
    if mapping.cohort_of is not None:
        cohort, was = outcomes.cohorts(mapping.cohort_of, row, before)
    parts = (
        name,
        shape.function,
        shape.entity,
        effect,
        key,
        position,
        time,
        mapping.version,
        data,
        cohort,
        was,
    )
    return _new(Event, parts)


def _through(belongs: Callable[[Row], bool], table: Table, change: Change) -> Change | None:
    """The change as it looks through the entity's filter: a row that begins to belong comes, one that ceases to goes.

    None: it belonged neither before nor after. Raises Untranslatable.
    """
    _, _, operation, before, after = change
    is_in = after is not None and operation is not _DELETE and belongs(after)
    if operation is _INSERT:
        was_in = False
    elif table.removal is not None and not table.whole_removal:
        was_in = True  # A source that never sends old rows: at worst, what never came is removed.
    elif before is None:
        was_in = is_in  # What identifies the row didn't change, and then the condition asks for no more.
    else:
        was_in = belongs(before)
    match was_in, is_in:
        case True, False:
            return change._replace(operation=_DELETE, before=before or after, after=None)
        case False, True:
            return change._replace(operation=_INSERT, before=None)
        case False, False:
            return None
    return change


_new = tuple.__new__
"""Makes a named tuple without its Python-level constructor: half the time, at the hottest place of the core."""


_Step = tuple[EntityMapping, str, Change, bool, str]
"""What a transaction does to one entity: its mapping, its key, the change, whether it existed before, and a fault where not even the key
can be told. Without names, since this too is at the hottest place."""


def _steps(mapping: EntityMapping, change: Change) -> Sequence[_Step]:
    """A change as steps of single entities: mostly one; two when the key changed; none when nothing that is mapped changed."""
    _, table, operation, before, after = change
    try:
        if operation is _UPDATE and before is not None and after is not None:
            if before == after:
                return ()
            old, new = mapping.key_of(before), mapping.key_of(after)
            if old != new:
                gone = change._replace(operation=_DELETE, after=None)
                come = change._replace(operation=_INSERT, before=None)
                return (mapping, old, gone, True, ""), (mapping, new, come, False, _unsent(mapping, after))
            return ((mapping, new, change, True, ""),)
        row = before if operation is _DELETE else after
        if row is None:
            emptied = (
                f"the whole table {table} was emptied by TRUNCATE; drop this once the store is put right"
            )
            return ((mapping, f"!{operation}", change, True, emptied),)
        return ((mapping, mapping.key_of(row), change, operation is not _INSERT, ""),)
    except Untranslatable as error:
        return ((mapping, outcomes.key_of(mapping, after or before or {}), change, True, str(error)),)


def _unsent(mapping: EntityMapping, row: Row) -> str:
    """What a row lacks that should be whole, since it stands under a key of its own from now on; empty when nothing."""
    if UNCHANGED not in row.values():
        return ""
    names = [name for name in mapping.columns if row.get(name) is UNCHANGED]
    if not names:
        return ""
    return (
        f"the key changed, and {', '.join(names)} of {mapping.table.name} wasn't sent, for it didn't change\n"
        f"  do:  ALTER TABLE {mapping.table.name} REPLICA IDENTITY FULL, so that it is sent; then drop this and"
        f" strangler backfill {mapping.shape.function} --again"
    )


def events_of(mapping: EntityMapping, key: str, change: Change, time: float) -> list[Event]:
    """The events that a change held under `key` makes when it is tried again. Raises Untranslatable.

    Where the key itself couldn't be told (it begins with `!`), what the change does to which entity is found out only now.
    """
    if not key.startswith("!"):
        return _events([_event_of(mapping, key, change, time)])
    steps = _steps(mapping, change)
    for *_, fault in steps:
        if fault:
            raise Untranslatable(fault)
    return _events([_event_of(mapping, of, each, time) for _, of, each, _, _ in steps])


def _events(made: Iterable[Event | None]) -> list[Event]:
    return [event for event in made if event is not None]


def _then(first: _Step, second: _Step) -> _Step:
    """Two steps of one entity in one transaction as one: what the second left, named by what both together did."""
    _, _, earlier, existed, fault = first
    mapping, key, change, _, new_fault = second
    if change.operation is not _DELETE:
        operation = _UPDATE if existed and not new_fault else _INSERT
        after = _filled(earlier.after, change.after)
        change = change._replace(operation=operation, before=earlier.before, after=after)
    return mapping, key, change, existed, fault or new_fault


def _filled(earlier: Row | None, later: Row | None) -> Row | None:
    """The later row, with what it doesn't carry taken from the earlier one of the same transaction."""
    if not earlier or not later:
        return later
    return {name: earlier.get(name, value) if value is UNCHANGED else value for name, value in later.items()}
