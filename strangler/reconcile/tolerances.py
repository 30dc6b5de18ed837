"""Tolerances: which of the keys that differ don't count as drift, since every field is within what a rule of its own allows.

Both sides are compared exactly, by hash; a rule is asked only about whole rows that differ. A rule that hides a key is counted with
it, so that a report says how much each of them hides. One whose time is over hides nothing. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from strangler.alike import without
from strangler.reconcile.narrow import Difference, Kind
from strangler.reconcile.patterns import apart
from strangler.settings import Tolerance


@dataclass(frozen=True, slots=True)
class Tolerated:
    """How many `keys` a rule hid: one about `field`, which `allows` something ("within 0.01"); by whom, why, and until which day (ISO;
    None: always). A key that several rules hid together is counted at each."""

    field: str
    allows: str
    owner: str
    reason: str
    until: str | None
    keys: int


class Sifted(NamedTuple):
    """What is drift, and how many keys were tolerated."""

    drift: list[Difference]
    tolerated: int


class Sieve:
    """Sifts the differences of a part, by its tolerances as they are on a day, and counts what each rule hides."""

    def __init__(self, rules: Sequence[Tolerance], sensitive: Collection[str], today: date) -> None:
        self._rules = [rule for rule in rules if not rule.has_ended(today)]
        self._sensitive = sensitive
        self._hidden: Counter[int] = Counter()

    @property
    def hides(self) -> bool:
        """Whether there is a rule that hides anything at all."""
        return bool(self._rules)

    def sift(self, differences: Iterable[Difference]) -> Sifted:
        """Tell drift from what is tolerated: other values, all within what rules allow. What can't be seen is drift."""
        drift, tolerated = [], 0
        for each in differences:
            used = self._used(each)
            if used is None:
                drift.append(each)
            else:
                tolerated += 1
                self._hidden.update(used)
        return Sifted(drift, tolerated)

    @property
    def tolerated(self) -> tuple[Tolerated, ...]:
        """How much each rule hid so far, in the order in which they are written; those that hid nothing too."""
        return tuple(_tolerated(rule, self._hidden[at]) for at, rule in enumerate(self._rules))

    def _used(self, difference: Difference) -> set[int] | None:
        """The rules, by place, that together hide the difference; None where it is drift."""
        if not self.hides or difference.kind is not Kind.DIFFERENT:
            return None
        clear = difference.clear(self._sensitive)
        used = [self._first(name, *pair) for name, pair in clear.items()]
        found = {at for at in used if at is not None}
        return found if len(used) == len(difference.fields) and None not in used else None

    def _first(self, name: str, legacy: Any, store: Any) -> int | None:
        """The first rule that allows the difference of a field."""
        rules = enumerate(self._rules)
        return next((at for at, rule in rules if rule.field == name and is_within(rule, legacy, store)), None)


def _tolerated(rule: Tolerance, keys: int) -> Tolerated:
    until = None if rule.until is None else rule.until.isoformat()
    return Tolerated(rule.field, rule.allows, rule.owner, rule.reason, until, keys)


def is_within(rule: Tolerance, legacy: Any, store: Any) -> bool:
    """Whether the rule allows two canonical values of its field to differ. NULL is near nothing."""
    if legacy is None or store is None:
        return False
    if rule.within is None:
        return bool(without(rule.ignore, legacy) == without(rule.ignore, store))
    try:
        if isinstance(rule.within, timedelta):
            return apart(legacy, store) <= rule.within
        return bool(abs(Decimal(str(legacy)) - Decimal(str(store))) <= rule.within)
    except (
        ValueError,
        TypeError,
        InvalidOperation,
    ):  # NaN, or what a service wrote into a column that takes anything.
        return False
