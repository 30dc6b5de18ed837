"""Back from conversions: those that keep the value, in the one spelling that it has.

What can be spelled in several ways without one being plain (a boolean as `Y`, `1` or `on`, a time with or without seconds) has no way
back: which of them legacy reads isn't known. An integer, a decimal and a date are written plainly.
"""

from __future__ import annotations

import math
import sys
from decimal import Decimal
from typing import Any, Final

from strangler.mapping import dates, runtime
from strangler.mapping.canonical import decimal_text
from strangler.mapping.inverse.fitting import digits
from strangler.mapping.inverse.steps import NoWay, Rule, Rules, Step, Undo, constants, same
from strangler.mapping.nodes import Call, Node, Reference

_DIGITS_OF_A_FLOAT: Final = 15
_INTEGERS_OF_A_FLOAT: Final = 2**53


def scale(node: Node) -> int | None:
    """The most digits after the point; None: it isn't known."""
    match node:
        case Reference(column=column):
            found = digits(column)
            return found[1] if found else None
        case Call(name="integer_to_decimal"):
            return 0
    return None


def _to(undo: Undo, *, exact: bool) -> Rule:
    return lambda call: Step(call.args[0], undo, exact)


def _one(function: Any, *, exact: bool) -> Rule:
    """By a function that gives the one value."""
    return _to(lambda value: (function(value),), exact=exact)


def _rounded(to: int | None, undo: Undo) -> Rule:
    """Rounding keeps what has no more digits after the point. `to` None: the last argument says how many stay."""

    def rule(call: Call) -> Step:
        kept = constants(call)[-1] if to is None else to
        given = scale(call.args[0])
        if given is None or given > kept:
            raise NoWay("digits are rounded away")
        return Step(call.args[0], undo, exact=True)

    return rule


def _decimal_of(text: str) -> Decimal:
    return Decimal(text) if text == "NaN" else runtime.text_to_decimal(text)


def _integer_of(value: float) -> tuple[int, ...]:
    """From 2^53 on several integers are one float."""
    return (int(value),) if abs(value) < _INTEGERS_OF_A_FLOAT else ()


def _number(value: float) -> str:
    """Without a point where it is a whole number of few digits."""
    return str(int(value)) if value.is_integer() and abs(value) < _INTEGERS_OF_A_FLOAT else repr(value)


def _float(value: Decimal) -> tuple[float, ...]:
    """The greatest float has 15 digits that are more than it."""
    found = float(value)
    return (math.copysign(sys.float_info.max, found),) if math.isinf(found) else (found,)


def _from_decimal_to_float(call: Call) -> Step:
    match call.args[0]:
        case Reference(column=column) if (found := digits(column)) and found[0] <= _DIGITS_OF_A_FLOAT:
            return Step(call.args[0], lambda value: (Decimal(repr(value)),), exact=True)
    raise NoWay(f"a float keeps {_DIGITS_OF_A_FLOAT} digits of a decimal")


RULES: Final[Rules] = {
    "narrow": _to(same, exact=True),
    "integer_to_text": _one(runtime.text_to_integer, exact=True),
    "integer_to_decimal": _one(int, exact=True),
    "integer_to_float": _to(_integer_of, exact=True),
    "integer_to_boolean": _one(int, exact=False),
    "boolean_to_integer": _to(lambda _: (True, False), exact=True),
    "boolean_to_text": _to(lambda _: (True, False), exact=True),
    "text_to_integer": _one(str, exact=False),
    "text_to_decimal": _one(decimal_text, exact=False),
    "text_to_float": _one(_number, exact=False),
    "text_to_date": _one(lambda value: value.isoformat(), exact=False),
    "compact_text_to_date": _one(lambda value: value.isoformat().replace("-", ""), exact=False),
    "decimal_to_text": _one(_decimal_of, exact=True),
    "decimal_to_integer": _rounded(0, lambda value: (Decimal(value),)),
    "decimal_to_float": _from_decimal_to_float,
    "float_to_decimal": _to(_float, exact=False),
    "fit_decimal": _rounded(None, same),
    "round_decimal": _rounded(None, same),
    "date_to_text": _one(dates.text_to_date, exact=True),
    "time_to_text": _one(runtime.text_to_time, exact=True),
    "timestamp_to_text": _one(runtime.text_to_timestamp, exact=True),
    "instant_to_text": _one(runtime.text_to_instant, exact=True),
    "json_to_text": _to(same, exact=True),
    "date_to_timestamp": _one(lambda value: value.date(), exact=True),
    "timestamp_to_instant": _one(runtime.instant_to_timestamp, exact=True),
    "instant_to_timestamp": _one(runtime.timestamp_to_instant, exact=True),
}
