"""What each function of the language means, in Python. The compiled stream calls these, and so does SQLite.

Arguments are never None unless a docstring says so: NULL is handled by the compilers. Values are those of
`strangler.changes.Row`. What has no meaning raises BadValue.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_UP, Context, Decimal
from functools import cache
from typing import Any, Final

from strangler.mapping import dates, patterns, regular
from strangler.mapping.bad_value import BadValue, shown
from strangler.mapping.surrogates import surrogate

EXACT: Final = Context(prec=300_000, rounding=ROUND_HALF_UP, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Wide enough that sums and products of anything that a database holds are exact; rounds halves away from zero."""

LEAST: Final = -(2**63)
GREATEST: Final = 2**63 - 1
FLOAT_LEAST: Final = Decimal("1e-300")
FLOAT_GREATEST: Final = Decimal("1e300")
"""Beyond these a decimal isn't made a float: near the ends of the range databases disagree on what is an error."""

_integer = patterns.reader(patterns.INTEGER, "an integer")
_decimal = patterns.reader(patterns.DECIMAL, "a decimal number")
_float = patterns.reader(patterns.FLOAT, "a number")
_time = patterns.reader(patterns.TIME, "a time like 23:59:59")
_timestamp = patterns.reader(patterns.TIMESTAMP, "a timestamp like 2026-11-23 23:59:59")
_instant = patterns.reader(patterns.INSTANT, "a timestamp with its zone, like 2026-11-23T23:59:59Z")


def narrow(value: int) -> int:
    """The integer, if it fits 64 bits."""
    if LEAST <= value <= GREATEST:
        return value
    raise BadValue(f"{shown(value)} does not fit 64 bits")


def text_to_integer(value: str) -> int:
    if len(value) <= _SHORT and value.isdigit() and value.isascii():
        return int(value)  # The usual text is nothing else, and needs no pattern.
    return narrow(int(_integer(value)))


_SHORT: Final = 18
"""Digits that fit 64 bits whatever they are."""


def text_to_decimal(value: str) -> Decimal:
    if len(value) > patterns.LONGEST_NUMBER:
        raise BadValue(f"{shown(value)} is too long for a number")
    return Decimal(_decimal(value))


def text_to_float(value: str) -> float:
    if len(value) > patterns.LONGEST_NUMBER:
        raise BadValue(f"{shown(value)} is too long for a number")
    return decimal_to_float(Decimal(_float(value)))


def text_to_boolean(value: str) -> bool:
    word = lower(value.strip(" "))
    if word in patterns.TRUE:
        return True
    if word in patterns.FALSE:
        return False
    raise BadValue(f"{shown(value)} is neither true nor false")


def text_to_time(value: str) -> time:
    return time.fromisoformat(_six_digits(_time(value)))


def text_to_timestamp(value: str) -> datetime:
    return datetime.fromisoformat(_six_digits(_timestamp(value)))


def text_to_instant(value: str) -> datetime:
    text = _instant(value)
    try:
        return datetime.fromisoformat(re.sub("[.][0-9]+", lambda m: f"{m[0]:0<7}", text)).astimezone(UTC)
    except OverflowError:
        raise BadValue(f"{shown(value)} is outside the years 1 to 9999 in UTC") from None


def _six_digits(text: str) -> str:
    head, point, fraction = text.partition(".")
    return f"{head}.{fraction:0<6}" if point else head


def decimal_to_integer(value: Decimal) -> int:
    """Rounded, halves away from zero."""
    if not value.is_finite():
        raise BadValue("NaN is not an integer")
    return narrow(int(value.to_integral_value(ROUND_HALF_UP)))


def decimal_to_float(value: Decimal) -> float:
    if value == 0:
        return 0.0
    if not value.is_finite() or not FLOAT_LEAST <= value.copy_abs() <= FLOAT_GREATEST:
        raise BadValue(f"{shown(str(value))} is outside the range of a float")
    return float(value)


def float_to_decimal(value: float) -> Decimal:
    """By its first 15 significant digits, as PostgreSQL does."""
    if value in (float("inf"), float("-inf")):
        raise BadValue("an infinite float is not a decimal")
    return Decimal(f"{value:.15g}")


def fit_decimal(value: Decimal, precision: int, scale: int) -> Decimal:
    """Rounded to `scale`, halves away from zero; BadValue with more than `precision` digits then."""
    if value.is_nan():
        return value
    rounded = round_decimal(value, scale)
    if rounded.copy_abs() < Decimal(10) ** (precision - scale):
        return rounded
    raise BadValue(f"{shown(str(value))} has more digits than decimal({precision}, {scale}) holds")


def round_decimal(value: Decimal, digits: int) -> Decimal:
    """Rounded to `digits` after the point (before it when negative), halves away from zero."""
    if value.is_nan():
        return value
    return value.quantize(_UNITS[digits], ROUND_HALF_UP, EXACT)


_UNITS: Final = {digits: Decimal((0, (1,), -digits)) for digits in range(-30, 1001)}
"""The place of the last digit, by the number of digits after the point."""

add_decimal = EXACT.add
subtract_decimal = EXACT.subtract
multiply_decimal = EXACT.multiply


def negate_decimal(value: Decimal) -> Decimal:
    return EXACT.subtract(Decimal(0), value)


def divide_integer(value: int, by: int) -> int:
    """The whole quotient; what remains has the sign of `value`."""
    _check_divisor(by)
    quotient = abs(value) // abs(by)
    return -quotient if (value < 0) != (by < 0) else quotient


def modulo_integer(value: int, by: int) -> int:
    """What remains, with the sign of `value`."""
    _check_divisor(by)
    rest = abs(value) % abs(by)
    return -rest if value < 0 else rest


def modulo_decimal(value: Decimal, by: Decimal) -> Decimal:
    """What remains, with the sign of `value`."""
    _check_divisor(by)
    return EXACT.remainder(value, by)


def _check_divisor(by: int | Decimal) -> None:
    if by == 0:
        raise BadValue("nothing can be divided by 0")


def compare_decimal(left: Decimal, right: Decimal) -> int:
    """-1, 0 or 1; NaN equals itself and is greater than all, as in PostgreSQL."""
    if left.is_nan() or right.is_nan():
        return left.is_nan() - right.is_nan()
    return (left > right) - (left < right)


def compare_float(left: float, right: float) -> int:
    """-1, 0 or 1; NaN equals itself and is greater than all, as in PostgreSQL."""
    if left != left or right != right:
        return (left != left) - (right != right)
    return (left > right) - (left < right)


def both(left: bool | None, right: bool | None) -> bool | None:
    """AND in three-valued logic; takes None."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def either(left: bool | None, right: bool | None) -> bool | None:
    """OR in three-valued logic; takes None."""
    if left or right:
        return True
    return None if left is None or right is None else False


def null_if(value: Any, other: Any) -> Any:
    """The value, or None when it equals the other; takes None."""
    return None if value == other else value


def null_if_decimal(value: Decimal | None, other: Decimal | None) -> Decimal | None:
    """As `null_if`, with NaN equal to itself."""
    return value if value is None or other is None or compare_decimal(value, other) else None


def null_if_float(value: float | None, other: float | None) -> float | None:
    """As `null_if`, with NaN equal to itself."""
    return value if value is None or other is None or compare_float(value, other) else None


_UPPER: Final = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def upper(value: str) -> str:
    """A to Z only: beyond ASCII databases disagree."""
    return value.upper() if value.isascii() else value.translate(_UPPER)


def lower(value: str) -> str:
    """A to Z only: beyond ASCII databases disagree."""
    return value.lower() if value.isascii() else value.translate(_LOWER)


def concat(*values: str | None) -> str:
    """The texts one after the other; takes None and leaves it out."""
    return "".join([value for value in values if value is not None])


def substring(value: str, start: int, length: int) -> str:
    """`length` characters from the 1-based `start`; positions before the first count, but hold nothing."""
    return value[max(start - 1, 0) : max(start - 1 + length, 0)]


def substring_from(value: str, start: int) -> str:
    return value[max(start - 1, 0) :]


def left(value: str, length: int) -> str:
    return value[:length]


def right(value: str, length: int) -> str:
    return value[-length:] if length else ""


def replace(value: str, old: str, new: str) -> str:
    """An empty `old` replaces nothing."""
    return value.replace(old, new) if old else value


def regexp_like(value: str, pattern: str) -> bool:
    return _regular(pattern).search(value) is not None


def regexp_replace(value: str, pattern: str, replacement: str) -> str:
    """Every match becomes the replacement, as it stands."""
    return _regular(pattern).sub(lambda _: replacement, value)


@cache
def _regular(pattern: str) -> re.Pattern[str]:
    """Of a pattern that a mapping holds; so there are few."""
    return re.compile(regular.written(regular.parse(pattern), regular.PYTHON))


def pad_left(value: str, length: int, fill: str) -> str:
    """`length` characters: filled on the left, or cut on the right. An empty `fill` fills nothing."""
    return _filling(fill, length - len(value)) + value[:length]


def pad_right(value: str, length: int, fill: str) -> str:
    """`length` characters: filled or cut on the right. An empty `fill` fills nothing."""
    return value[:length] + _filling(fill, length - len(value))


def _filling(fill: str, length: int) -> str:
    return (fill * (length // len(fill) + 1))[:length] if fill and length > 0 else ""


def timestamp_to_instant(value: datetime) -> datetime:
    """Taken as UTC."""
    return value.replace(tzinfo=UTC)


def instant_to_timestamp(value: datetime) -> datetime:
    """In UTC."""
    return value.astimezone(UTC).replace(tzinfo=None)


def date_to_timestamp(value: date) -> datetime:
    return datetime(value.year, value.month, value.day)


NAMESPACE: Final[dict[str, Any]] = {
    name: thing
    for name, thing in (vars(dates) | globals() | {"surrogate": surrogate}).items()
    if callable(thing) and name.islower() and name[0] != "_"
}
"""What compiled expressions can call, by name."""
