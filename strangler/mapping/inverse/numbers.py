"""Back from arithmetic with a constant: exact types only, so the number itself comes back."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any, Final

from strangler.mapping import runtime
from strangler.mapping.inverse.steps import NoWay, Rule, Rules, Step, operand
from strangler.mapping.nodes import Call


def _plus(value: Any, other: Any) -> Any:
    return runtime.add_decimal(value, other) if isinstance(value, Decimal) else value + other


def _minus(value: Any, other: Any) -> Any:
    return runtime.subtract_decimal(value, other) if isinstance(value, Decimal) else value - other


def _other(call: Call) -> Any:
    """The constant beside the operand; NULL makes everything NULL. Raises NoWay."""
    inner = operand(call)
    (constant,) = (arg for arg in call.args if arg is not inner)
    value = getattr(constant, "value", None)
    if value is None:
        raise NoWay("the result is always NULL")
    return value


def _sum(call: Call) -> Step:
    other = _other(call)
    return Step(operand(call), lambda value: (_minus(value, other),), exact=True)


def _difference(call: Call) -> Step:
    other, inner = _other(call), operand(call)
    if inner is call.args[0]:
        return Step(inner, lambda value: (_plus(value, other),), exact=True)
    return Step(inner, lambda value: (_minus(other, value),), exact=True)


def _product(call: Call) -> Step:
    other = _other(call)
    if not other:
        raise NoWay("the result is always 0")
    return Step(operand(call), lambda value: _quotient(value, other), exact=True)


def _quotient(value: Any, by: Any) -> Iterable[Any]:
    """The one number that was multiplied; none when there is no such.

    A quotient that ends has at most so many digits: each of the divisor's, being at most four times divisible by 2, adds four.
    """
    if isinstance(value, Decimal):
        digits = len(value.as_tuple().digits) + 4 * len(by.as_tuple().digits) + 1
        return (Context(prec=digits, Emax=MAX_EMAX, Emin=MIN_EMIN).divide(value, by),)
    whole, rest = divmod(value, by)
    return () if rest else (whole,)


def _opposite(call: Call) -> Step:
    return Step(call.args[0], lambda value: (_minus(type(value)(0), value),), exact=True)


def _of_both(name: str, rule: Rule) -> dict[str, Rule]:
    return {f"{name}_{kind}": rule for kind in ("integer", "decimal")}


RULES: Final[Rules] = {
    **_of_both("add", _sum),
    **_of_both("subtract", _difference),
    **_of_both("multiply", _product),
    **_of_both("negate", _opposite),
}
