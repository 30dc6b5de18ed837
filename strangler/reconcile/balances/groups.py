"""Groups: what one side has under some dimensions. Pure.

Sums of integers and decimals are exact. Sums of floats depend on the order of their rows, so each comes with the sum of its magnitudes,
and two of them agree within a billionth of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import groupby
from typing import Any, Final, NamedTuple

from strangler.mapping.canonical import decimal_text
from strangler.mapping.runtime import EXACT

FLOAT_SLACK: Final = 1e-9
"""Share of the magnitudes within which two sums of floats agree: the worst that ten million additions do to a double."""

Key = tuple[str | None, ...] | None
"""The dimensions as canonical texts; None: the rows for which an expression has no value."""

NO_VALUE: Final = None
"""The key of the rows for which an expression has no value."""


class Approximate(NamedTuple):
    """A sum of floats, and the sum of their magnitudes."""

    value: float
    magnitude: float


class Gaps(NamedTuple):
    """Which numbers are missing: the first ranges as people write them, and a hash of all."""

    shown: str
    hash: int


Amount = Decimal | Approximate | Gaps | None
"""A figure of a group; None: there is no such, as the least of no numbers."""


class Group(NamedTuple):
    """How many rows there are under a key, and their figures; `rows` is 0 where nobody counted."""

    key: Key
    rows: int
    amounts: tuple[Amount, ...]


def amount(number: Decimal | float) -> Amount:
    """A number as a sum of one."""
    return Approximate(number, abs(number)) if isinstance(number, float) else number


def order(key: Key) -> Any:
    """What keys are sorted by: their code points, NULL first; first of all those without a value."""
    return (key is not NO_VALUE, [(text is not None, text or "") for text in key or ()])


def added(groups: Iterable[Group]) -> Iterator[Group]:
    """Groups in order, those of the same key put together."""
    for key, alike in groupby(groups, key=lambda group: group.key):
        first, *others = alike
        for other in others:
            first = Group(key, first.rows + other.rows, tuple(map(_sum, first.amounts, other.amounts)))
        yield first


def _sum(one: Amount, other: Amount) -> Amount:
    if isinstance(one, Approximate) and isinstance(other, Approximate):
        return Approximate(one.value + other.value, one.magnitude + other.magnitude)
    assert isinstance(one, Decimal)
    assert isinstance(other, Decimal)
    return EXACT.add(one, other)


def agree(one: Amount, other: Amount) -> bool:
    """Whether two figures are the same, as far as that can be told."""
    if isinstance(one, Approximate) or isinstance(other, Approximate):
        return _close(_approximate(one), _approximate(other))
    return one == other


def difference(legacy: Amount, store: Amount) -> Amount:
    """What the store has more; None of what has no difference."""
    if isinstance(legacy, Approximate) or isinstance(store, Approximate):
        left, right = _approximate(legacy), _approximate(store)
        return Approximate(right.value - left.value, max(left.magnitude, right.magnitude))
    if isinstance(legacy, Decimal) and isinstance(store, Decimal):
        return EXACT.subtract(store, legacy)
    return None


def shown(amount: Amount) -> str | None:
    """As people and JSON read it."""
    match amount:
        case Decimal():
            return decimal_text(amount)
        case Approximate(value=value):
            return repr(value + 0.0)
        case Gaps(shown=text):
            return text
    return None


def _close(one: Approximate, other: Approximate) -> bool:
    return abs(one.value - other.value) <= FLOAT_SLACK * max(one.magnitude, other.magnitude)


def _approximate(amount: Amount) -> Approximate:
    if isinstance(amount, Approximate):
        return amount
    assert isinstance(amount, Decimal)
    return Approximate(float(amount), abs(float(amount)))
