"""Rules: which differences between two answers are known and accepted, ready to be asked. Pure.

A rule is asked only where there is a difference, so what it allows is what it hides. One whose time is over isn't asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from strangler.alike import without
from strangler.settings import ShadowRule
from strangler.shadow.moments import moment
from strangler.shadow.paths import Trail, trail

Allows = Callable[[Any, Any], bool]
"""Whether a value of legacy and one of new may differ so."""

Maps = Mapping[str, Mapping[str, str | int]]
"""Code maps by name: code → what it means."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a function on a day, in their order. `words` are how each is called, `start` leads down from the whole answer."""

    words: tuple[str, ...]
    ignores: frozenset[int]
    by: Mapping[int, tuple[str, ...]]
    allows: Mapping[int, Allows]
    start: Trail

    def ignoring(self, here: Trail) -> int | None:
        """The first rule by which nothing here counts."""
        return next((number for number in here.ends if number in self.ignores), None)

    def unordered(self, here: Trail) -> int | None:
        """The first rule by which the order of the list here doesn't count."""
        return next((number for number in here.ends if number in self.by), None)

    def allowing(self, here: Trail, legacy: Any, new: Any) -> int | None:
        """The first rule that allows these two values to differ; what isn't there is None, as null is."""
        asked = (number for number in here.ends if number in self.allows)
        return next((number for number in asked if self.allows[number](legacy, new)), None)


def compiled(rules: Sequence[ShadowRule], maps: Maps, today: date) -> Rules:
    """Those of the rules that hold today."""
    held = [rule for rule in rules if not rule.has_ended(today)]
    return Rules(
        words=tuple(rule.words for rule in held),
        ignores=frozenset(n for n, rule in enumerate(held) if rule.rule == "ignore"),
        by={n: tuple(rule.by or ()) for n, rule in enumerate(held) if rule.rule == "unordered"},
        allows={n: _ALLOWS[rule.rule](rule, maps) for n, rule in enumerate(held) if rule.rule in _ALLOWS},
        start=trail([rule.path for rule in held]),
    )


def _decimal(rule: ShadowRule, maps: Maps) -> Allows:
    within = rule.within if isinstance(rule.within, Decimal) else Decimal(0)

    def allows(legacy: Any, new: Any) -> bool:
        left, right = _number(legacy), _number(new)
        return left is not None and right is not None and abs(left - right) <= within

    return allows


def _number(value: Any) -> Decimal | None:
    """An exact number, also one that is written as a text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _time(rule: ShadowRule, maps: Maps) -> Allows:
    within = rule.within if isinstance(rule.within, timedelta) else timedelta(0)
    zone: tzinfo = ZoneInfo(rule.zone) if rule.zone else UTC

    def allows(legacy: Any, new: Any) -> bool:
        try:
            return abs(moment(legacy, zone) - moment(new, zone)) <= within
        except ValueError:
            return False

    return allows


def _code_map(rule: ShadowRule, maps: Maps) -> Allows:
    meanings = maps.get(rule.map or "", {})

    def allows(legacy: Any, new: Any) -> bool:
        meaning = None if legacy is None else meanings.get(str(legacy))
        return meaning is not None and not isinstance(new, bool) and str(meaning) == str(new)

    return allows


def _text(rule: ShadowRule, maps: Maps) -> Allows:
    def allows(legacy: Any, new: Any) -> bool:
        both = isinstance(legacy, str) and isinstance(new, str)
        return both and bool(without(rule.ignore, legacy) == without(rule.ignore, new))

    return allows


def _empty(rule: ShadowRule, maps: Maps) -> Allows:
    def allows(legacy: Any, new: Any) -> bool:
        return all(value is None or value in ("", [], {}) for value in (legacy, new))

    return allows


_ALLOWS: Final[Mapping[str, Callable[[ShadowRule, Maps], Allows]]] = {
    "decimal": _decimal,
    "time": _time,
    "code map": _code_map,
    "text": _text,
    "empty": _empty,
}
