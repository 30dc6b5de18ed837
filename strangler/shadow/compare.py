"""Compare two answers field by field. Pure.

Numbers are compared as exact decimals, so 0.1 and 0.10 are the same and no digit of an amount is lost in a double. Each place
that differs is put to the rules; what they hide is counted by rule.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any, Final, Literal, NamedTuple

from strangler.shadow.paths import NOWHERE, Steps, Trail, place, written
from strangler.shadow.rules import Rules

MOST: Final = 50
"""Differences after which comparing stops: enough to see what is wrong."""

TRIED: Final = 40
"""Elements of a list without order that are compared with each other one by one, where none is exactly alike."""

Kind = Literal["missing", "extra", "type", "value", "order", "size"]

_ABSENT: Final = object()


class Difference(NamedTuple):
    """One difference, from legacy's point of view: `missing` is missing in new. Of `size`, `legacy` and `new` are lengths of lists."""

    steps: Steps
    kind: Kind
    legacy: Any
    new: Any

    @property
    def path(self) -> str:
        """Where it is; empty is the whole."""
        return written(self.steps)

    @property
    def place(self) -> str:
        """Which field it is of, in whatever row."""
        return place(self.steps)


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of a comparison: the differences that count, at most `MOST`, and how many each rule hid, by its number."""

    differences: list[Difference]
    hidden: Mapping[int, int] = field(default_factory=dict)


def compare(legacy: Any, new: Any, rules: Rules) -> Compared:
    """Compare two JSON values, their numbers as int or Decimal."""
    walk = _Walk(rules)
    differences = list(islice(walk.down(legacy, new, (), rules.start), MOST))
    return Compared(differences, {number: count for number, count in walk.hidden.items() if count})


class _Walk:
    """The way through two values side by side."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.hidden: Counter[int] = Counter()

    def down(self, legacy: Any, new: Any, steps: Steps, here: Trail) -> Iterator[Difference]:
        if here.ends and (ignoring := self._rules.ignoring(here)) is not None:
            count = sum(1 for _ in islice(self.down(legacy, new, steps, NOWHERE), MOST))
            self.hidden[ignoring] += count
        elif isinstance(legacy, dict) and isinstance(new, dict):
            for name in legacy if legacy.keys() == new.keys() else dict.fromkeys((*legacy, *new)):
                yield from self.down(
                    legacy.get(name, _ABSENT), new.get(name, _ABSENT), (*steps, name), here.step(name)
                )
        elif isinstance(legacy, list) and isinstance(new, list):
            unordered = self._rules.unordered(here) if here.ends else None
            if unordered is None:
                yield from self._in_order(legacy, new, steps, here)
            else:
                yield from self._in_any_order(unordered, legacy, new, steps, here)
        elif (kind := _kind(legacy, new)) is not None:
            yield from self._leaf(Difference(steps, kind, _shown(legacy), _shown(new)), here)

    def _leaf(self, difference: Difference, here: Trail) -> Iterator[Difference]:
        allowing = self._rules.allowing(here, difference.legacy, difference.new) if here.ends else None
        if allowing is None:
            yield difference
        else:
            self.hidden[allowing] += 1

    def _in_order(self, legacy: list[Any], new: list[Any], steps: Steps, here: Trail) -> Iterator[Difference]:
        if len(legacy) != len(new):
            yield from self._leaf(Difference(steps, "size", len(legacy), len(new)), NOWHERE)
            yield from self._unmatched(legacy, new, steps, here)
            return
        before = self.hidden.copy()
        found = list(islice(self._side_by_side(legacy, new, steps, here), MOST))
        if found and _same_multiset(legacy, new):
            self.hidden = before
            yield Difference(steps, "order", legacy, new)
        else:
            yield from found

    def _side_by_side(
        self, legacy: list[Any], new: list[Any], steps: Steps, here: Trail
    ) -> Iterator[Difference]:
        for at, (left, right) in enumerate(zip(legacy, new, strict=True)):
            yield from self.down(left, right, (*steps, at), here.step(at))

    def _in_any_order(
        self, rule: int, legacy: list[Any], new: list[Any], steps: Steps, here: Trail
    ) -> Iterator[Difference]:
        if len(legacy) != len(new):
            yield Difference(steps, "size", len(legacy), len(new))
        by = self._rules.by[rule]
        pairs = _paired_by(by, legacy, new) if by else self._paired(legacy, new, steps, here)
        places = [right for left, right in pairs if left is not None and right is not None]
        self.hidden[rule] += places != sorted(places)
        yield from self._of_pairs(pairs, legacy, new, steps, here)

    def _unmatched(
        self, legacy: list[Any], new: list[Any], steps: Steps, here: Trail
    ) -> Iterator[Difference]:
        """What one list has and the other hasn't, whatever its place: behind a row that is missing all others have moved up."""
        pairs = self._paired(legacy, new, steps, here)
        yield from self._of_pairs(pairs, legacy, new, steps, here)

    def _of_pairs(
        self, pairs: list[_Pair], legacy: list[Any], new: list[Any], steps: Steps, here: Trail
    ) -> Iterator[Difference]:
        for left, right in pairs:
            at = left if left is not None else right
            assert at is not None
            one = _ABSENT if left is None else legacy[left]
            other = _ABSENT if right is None else new[right]
            yield from self.down(one, other, (*steps, at), here.step(at))

    def _paired(self, legacy: list[Any], new: list[Any], steps: Steps, here: Trail) -> list[_Pair]:
        """Elements that are alike find each other: exactly first, then by the rules, then as they come."""
        pairs, left, right = _paired_exactly(legacy, new)
        for one in left[:TRIED]:
            other = next(
                (each for each in right[:TRIED] if self._alike(legacy[one], new[each], steps, here, one)),
                None,
            )
            if other is not None:
                pairs.append((one, other))
                right.remove(other)
        matched = {one for one, _ in pairs}
        rest = [one for one in left if one not in matched]
        pairs += list(zip(rest, right, strict=False))
        pairs += [(one, None) for one in rest[len(right) :]] + [(None, other) for other in right[len(rest) :]]
        return sorted(pairs, key=_first)

    def _alike(self, legacy: Any, new: Any, steps: Steps, here: Trail, at: int) -> bool:
        trial = _Walk(self._rules)
        return next(trial.down(legacy, new, (*steps, at), here.step(at)), None) is None


_Pair = tuple[int | None, int | None]
"""Places of two elements that belong together, in legacy's list and in new's; None: there is none."""


def _first(pair: _Pair) -> tuple[int, int]:
    left, right = pair
    return (left if left is not None else right or 0, left is None)


def _paired_exactly(legacy: list[Any], new: list[Any]) -> tuple[list[_Pair], list[int], list[int]]:
    """Pairs of equal elements, and what is left over on both sides."""
    waiting: dict[Any, list[int]] = defaultdict(list)
    for at in reversed(range(len(new))):
        waiting[_hashable(new[at])].append(at)
    pairs: list[_Pair] = []
    left = []
    for at, element in enumerate(legacy):
        same = waiting.get(_hashable(element))
        if same:
            pairs.append((at, same.pop()))
        else:
            left.append(at)
    return pairs, left, sorted(at for each in waiting.values() for at in each)


def _paired_by(by: tuple[str, ...], legacy: list[Any], new: list[Any]) -> list[_Pair]:
    """Elements whose fields `by` are the same find each other; several that are, in their order."""
    waiting: dict[Any, list[int]] = defaultdict(list)
    for at in reversed(range(len(new))):
        waiting[_key(new[at], by)].append(at)
    pairs: list[_Pair] = []
    for at, element in enumerate(legacy):
        same = waiting.get(_key(element, by))
        pairs.append((at, same.pop() if same else None))
    return [*pairs, *((None, at) for at in sorted(at for each in waiting.values() for at in each))]


def _key(element: Any, by: tuple[str, ...]) -> Any:
    if not isinstance(element, dict):
        return _hashable(element)
    return tuple(_hashable(element.get(name)) for name in by)


def _same_multiset(legacy: list[Any], new: list[Any]) -> bool:
    return Counter(map(_hashable, legacy)) == Counter(map(_hashable, new))


def _hashable(value: Any) -> Any:
    """Equal for values that don't differ, and for no others."""
    if isinstance(value, dict):
        return frozenset((name, _hashable(each)) for name, each in value.items())
    if isinstance(value, list):
        return tuple(map(_hashable, value))
    return (bool, value) if isinstance(value, bool) else value


def _kind(legacy: Any, new: Any) -> Kind | None:
    """How two values differ that aren't both objects or both lists; None when they don't."""
    if new is _ABSENT:
        return "missing"
    if legacy is _ABSENT:
        return "extra"
    if _type(legacy) != _type(new):
        return "type"
    return "value" if legacy != new else None


def _type(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float | Decimal) else type(value).__name__


def _shown(value: Any) -> Any:
    return None if value is _ABSENT else value
