"""Outcomes: what became of an entity of several tables, seen before and after a source transaction. Pure.

A change of an aggregate is written as one of its root's flat row, so that it waits in quarantine like any other. Tried again,
the aggregate is taken as it then is: what happened in between is in it, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from strangler.changes import Change, Operation, Row
from strangler.cutover.stages import EVERYONE
from strangler.errors import Untranslatable
from strangler.events import Effect, Event, encode_key
from strangler.mapping import EntityMapping

if TYPE_CHECKING:
    from strangler.mirror import Mirror
    from strangler.mirror.mirror import Step


class Outcome(NamedTuple):
    """What a step did to the entity with `key`: a change of the flat row, with the data of the event. `seen`: from outside too; what
    isn't matters only to who waits in quarantine."""

    key: str
    change: Change
    data: dict[str, Any]
    seen: bool = True


def of_steps(steps: Iterable[Step]) -> Iterator[tuple[Step, Outcome]]:
    """What the steps of one transaction did, each to one entity or, where the key changed, to two. An entity that went from one root
    to another is no removal."""
    found = [(step, outcome) for step in steps for outcome in _of_step(step)]
    if all(each.change.operation is not Operation.DELETE for _, each in found):
        yield from found
        return
    there = {
        (id(step.mapping), each.key) for step, each in found if each.change.operation is not Operation.DELETE
    }
    for step, each in found:
        if each.change.operation is not Operation.DELETE or (id(step.mapping), each.key) not in there:
            yield step, each


def _of_step(step: Step) -> Iterator[Outcome]:
    before, after = step.before, step.after
    old = None if before is None else before.data
    new = None if after is None else after.data
    if step.fault is not None and after is not None:
        # Held under the key that it had, so that it stays what it was until somebody has decided.
        key = _key_of_before(step) or key_of(step.mapping, after.flat)
        yield Outcome(key, _written(step, before and before.flat, after.flat), {})
    elif new is not None and after is not None:
        now = _key(step.mapping, new)
        same = old is not None and all(old[name] == new[name] for name in step.mapping.shape.key)
        was = now if same else _key_of_before(step)
        if was is None or before is None:
            yield Outcome(now, _written(step, None, after.flat), new)
        elif was == now:
            yield Outcome(now, _written(step, before.flat, after.flat), new, seen=old != new)
        else:
            yield _removal(step, was, before.flat)
            yield Outcome(now, _written(step, None, after.flat), new)
    elif before is not None:
        was = _key_of_before(step)
        yield _removal(step, was or key_of(step.mapping, before.flat), before.flat)._replace(
            seen=was is not None
        )


def _key_of_before(step: Step) -> str | None:
    """The key under which others know the entity; None: they don't. Of one that couldn't be translated something older may be known."""
    before = step.before
    if before is None:
        return None
    if before.data is not None:
        return _key(step.mapping, before.data)
    key = key_of(step.mapping, before.flat) if before.untold else "!"
    return None if key.startswith("!") else key


def event_of(mapping: EntityMapping, outcome: Outcome, time: float) -> Event:
    """The event of an outcome; `time` is that of the source's commit. Raises Untranslatable when its name can't be told."""
    change = outcome.change
    row = change.before if change.after is None else change.after
    return _event(mapping, outcome, mapping.event_name(change.operation, row or {}, change.before), time)


def name_anew(mapping: EntityMapping, operation: Operation, row: Row | None) -> str:
    """The type of an event that says an entity anew, of which nobody knows what it was; the usual one where a condition asks for that."""
    try:
        return mapping.event_name(operation, row or {}, None)
    except Untranslatable:
        return mapping.plan.default[operation]


def event_anew(mapping: EntityMapping, outcome: Outcome, time: float) -> Event:
    """The event that says an entity anew, of which nobody knows what it was."""
    change = outcome.change
    return _event(mapping, outcome, name_anew(mapping, change.operation, change.after), time)


def _event(mapping: EntityMapping, outcome: Outcome, name: str, time: float) -> Event:
    change, shape, cohort, was = outcome.change, mapping.shape, None, None
    row = change.before if change.after is None else change.after
    if mapping.cohort_of is not None and row:  # A repair says removals of which legacy has no row.
        cohort, was = cohorts(mapping.cohort_of, row, change.before)
    effect = Effect.REMOVE if change.operation is Operation.DELETE else Effect.UPSERT
    return Event(
        name,
        shape.function,
        shape.entity,
        effect,
        outcome.key,
        change.position,
        time,
        mapping.version,
        outcome.data,
        cohort,
        was,
    )


def cohorts(of: Callable[[Row], str | None], row: Row, before: Row | None) -> tuple[str | None, str | None]:
    """The cohort of a row, and where it was another one before, that. Raises Untranslatable. A source that sends no old row, or its key
    only, sends the old values of these columns once they change: a mapping is refused otherwise."""
    now = of(row)
    if not before or before is row:
        return now, None
    was = of({**row, **before})
    return now, None if was == now else EVERYONE if was is None else was


def cohorts_of(mapping: EntityMapping, change: Change) -> tuple[str, ...] | None:
    """The cohorts that a change is about, `*` for what is of none. None: nobody can tell, or the entity is everybody's."""
    row = change.before if change.after is None else change.after
    if mapping.cohort_of is None or not row:
        return None
    try:
        now, was = cohorts(mapping.cohort_of, row, change.before)
    except Untranslatable:
        return None
    here = EVERYONE if now is None else now
    return (here,) if was is None else (was, here)


def events_now(
    mirror: Mirror, mapping: EntityMapping, key: str, held: Sequence[Change], time: float
) -> list[Event]:
    """The events that take the place of all changes held under `key`: one for each aggregate that they are about, as it is
    now, at the position of the mirror; where there is none under the key any more, its removal. Raises Untranslatable."""
    position, first = mirror.position, held[0]
    roots = {root: None for change in held for root in mirror.roots(mapping, change)}
    made = []
    for root in roots:
        found = mirror.now(mapping, root)
        if found is None or found.data is None:
            continue
        now = _key(mapping, found.data)
        before = first.before if now == key else None
        operation = Operation.UPDATE if before is not None else Operation.INSERT
        change = Change(position, mapping.table.name, operation, before, found.flat)
        made.append(event_of(mapping, Outcome(now, change, found.data), time))
    if not key.startswith("!") and all(event.key != key for event in made):
        row = held[-1].before or held[-1].after or {}
        gone = Change(position, mapping.table.name, Operation.DELETE, row, None)
        made.insert(0, event_of(mapping, Outcome(key, gone, {}), time))
    return made


def _written(step: Step, before: Row | None, after: Row) -> Change:
    operation = Operation.INSERT if before is None else Operation.UPDATE
    return Change(step.position, step.mapping.table.name, operation, before, after)


def _removal(step: Step, key: str, row: Row) -> Outcome:
    return Outcome(key, Change(step.position, step.mapping.table.name, Operation.DELETE, row, None), {})


def _key(mapping: EntityMapping, data: dict[str, Any]) -> str:
    return encode_key([data[name] for name in mapping.shape.key])


def key_of(mapping: EntityMapping, row: Row) -> str:
    """The entity's key. Where it can't be translated the table's own key as text stands in for it, marked by `!`."""
    try:
        return mapping.key_of(row)
    except Untranslatable:
        return "!" + encode_key([str(row.get(column)) for column in mapping.table.key])
