"""Effects: what the new service foretold of a write, compared with the events that sync derived from what legacy did. Pure.

An event finds its counterpart by type and key; of several the one that is most alike, then the one that was committed nearest to the
write. One for which the service would only then make up a key finds it among those of its type. What legacy did beside, in the same
transaction, is more than was foretold. So is what became of a key otherwise than it was foretold.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import orjson

from strangler.control.sources import CLOCKS
from strangler.events import Event, decode_key
from strangler.settings import Entity
from strangler.shadow.compare import Difference, compare
from strangler.shadow.foretold import Foretold, key_of
from strangler.shadow.reading import parse
from strangler.shadow.rules import Rules

TRIED: Final = 50
"""Events of its type with which one that has no key yet is compared, the nearest ones."""

Named = tuple[str, tuple[str, ...] | None]
"""Type and key of an event."""

Outcome = Literal["matched", "mismatched", "missing", "unexpected"]


class Derived(NamedTuple):
    """An event as sync derived it. `number` counts them, `seen` is when it was read, in seconds since the epoch."""

    number: int
    event: Event
    seen: float

    @property
    def key(self) -> tuple[str, ...]:
        return key_of(decode_key(self.event.key))

    @property
    def transaction(self) -> str:
        """Which transaction of the source it comes from."""
        return self.event.position.partition("/")[0]


class Write(NamedTuple):
    """A write that legacy answered between two moments, in seconds since the epoch, what new foretold of it, and the key that it names,
    None where that isn't known."""

    began: float
    ended: float
    foretold: Sequence[Foretold]
    key: str | None = None

    def distance(self, event: Event) -> float:
        """Seconds by which a commit lies outside of it."""
        return max(self.began - event.time, event.time - self.ended, 0.0)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of comparing: the differences, how many each rule hid, by its number, the events that are accounted for, and how many
    of those that were foretold weren't found, and were found but not foretold."""

    differences: Sequence[Difference]
    hidden: Mapping[int, int]
    claimed: frozenset[int]
    missing: int
    unexpected: int

    @property
    def outcome(self) -> Outcome:
        if self.missing:
            return "missing"
        if self.unexpected:
            return "unexpected"
        return "mismatched" if self.differences else "matched"


class Entities:
    """What is known of a function's entities: which fields their events may have, and which of them are the key."""

    def __init__(self, entities: Mapping[str, Entity]) -> None:
        self._fields = {name: {*each.fields, *each.children} for name, each in entities.items()}
        self._keys = {name: frozenset(each.key) for name, each in entities.items()}

    def unsaid(self, event: Event) -> Collection[str]:
        """The fields of which the event says nothing, since the source didn't."""
        return self._fields.get(event.entity, set()) - event.data.keys()

    def key(self, event: Event) -> Collection[str]:
        return self._keys.get(event.entity, frozenset())


class _Pair(NamedTuple):
    derived: Derived
    differences: Sequence[Difference]
    hidden: Mapping[int, int]


def judge(
    write: Write,
    derived: Sequence[Derived],
    entities: Entities,
    rules: Rules,
    later: Mapping[Named, int],
) -> Judgement:
    """Compare. `derived` are the events that may be of the write and belong to no earlier one; `later`: how many of each later writes
    foretell."""
    left = {each.number: each for each in derived}
    pairs, missing = [], []
    for told in write.foretold:
        pair = _counterpart(write, told, left.values(), entities, rules)
        if pair is None:
            missing.append(told)
        else:
            pairs.append(pair)
            del left[pair.derived.number]
    more = list(_more(write, pairs, missing, left.values(), later))
    differences = [each for pair in pairs for each in pair.differences]
    # As of fields: `extra` is what only new has, `missing` what only legacy has.
    differences += [Difference((told.type,), "extra", None, _shown(told.key, told.data)) for told in missing]
    differences += [
        Difference((each.event.type,), "missing", _shown(each.key, _data(each.event)), None) for each in more
    ]
    claimed = frozenset(each.number for each in (*(pair.derived for pair in pairs), *more))
    return Judgement(differences, _summed(pairs), claimed, len(missing), len(more))


def _counterpart(
    write: Write, told: Foretold, derived: Iterable[Derived], entities: Entities, rules: Rules
) -> _Pair | None:
    candidates = [each for each in derived if each.event.type == told.type]
    if told.key is not None:
        candidates = [each for each in candidates if each.key == told.key]
    nearest = sorted(candidates, key=lambda each: write.distance(each.event))[:TRIED]
    pairs = [_compared(told, each, entities, rules) for each in nearest]
    return min(pairs, key=lambda pair: len(pair.differences), default=None)


def _compared(told: Foretold, derived: Derived, entities: Entities, rules: Rules) -> _Pair:
    event = derived.event
    dropped = {*entities.unsaid(event), *(entities.key(event) if told.key is None else ())}
    legacy = {name: value for name, value in _data(event).items() if name not in dropped}
    new = {name: value for name, value in told.data.items() if name not in dropped}
    found = compare({told.type: legacy}, {told.type: new}, rules)
    return _Pair(derived, found.differences, found.hidden)


def _more(
    write: Write,
    pairs: Sequence[_Pair],
    missing: Sequence[Foretold],
    derived: Iterable[Derived],
    later: Mapping[Named, int],
) -> Iterator[Derived]:
    """What is of the write, and wasn't foretold."""
    transactions = {pair.derived.transaction for pair in pairs}
    keys = {told.key for told in missing} | ({(write.key,)} if write.key is not None else set())
    for each in derived:
        near = each.key in keys and write.distance(each.event) <= CLOCKS
        foretold = later.get((each.event.type, each.key), 0) > 0
        if each.transaction in transactions or (near and not foretold):
            yield each


def _data(event: Event) -> dict[str, Any]:
    """With exact numbers."""
    data: dict[str, Any] = parse(orjson.dumps(event.data))
    return data


def _shown(key: Sequence[str] | None, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"key": None if key is None else list(key), "data": dict(data)}


def _summed(pairs: Iterable[_Pair]) -> dict[int, int]:
    sums: dict[int, int] = {}
    for pair in pairs:
        for rule, count in pair.hidden.items():
            sums[rule] = sums.get(rule, 0) + count
    return sums
