"""How many digits a decimal can have in MySQL: 65, 30 of them after the point. Beyond, it cuts digits off without a word.

So the size of every decimal is computed beforehand from the declared sizes of its columns. What may not fit isn't left to MySQL.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, NamedTuple

from strangler.mapping.dialects.dialect import Inexpressible
from strangler.mapping.nodes import Call, Case, Coalesce, Literal, Node, Reference
from strangler.shapes import FieldType

MOST: Final = 65
MOST_AFTER: Final = 30
"""MariaDB has 38; what is said for both holds for both."""


class Digits(NamedTuple):
    """Digits before the point and after it, at most."""

    before: int
    after: int

    @property
    def sql(self) -> str:
        """The type that holds them."""
        return f"DECIMAL({max(self.before + self.after, 1)}, {self.after})"


INTEGER: Final = Digits(19, 0)
"""What 64 bits hold."""

OF_TEXT: Final = Digits(17, 15)
"""A text is read as a decimal of so many digits; a longer one is translated in Python. The product of two still fits."""

OF_FLOAT: Final = Digits(16, 22)
"""A float, to 15 significant digits, where MySQL prints it without an exponent."""

_SIZE: Final = re.compile(r"\((\d+)(?:\s*,\s*(\d+))?\)")


def digits(node: Node) -> Digits:
    """The digits of an integer or a decimal. Raises Inexpressible when MySQL can't hold so many."""
    found = _digits(node)
    if sum(found) > MOST or found.after > MOST_AFTER:
        raise Inexpressible(
            f"a number may need {found.before} digits before the point and {found.after} after it; MySQL computes with"
            f" {MOST}, {MOST_AFTER} of them after the point (CAST what goes in to smaller decimals)"
        )
    return found


def _digits(node: Node) -> Digits:
    match node:
        case Literal(value=Decimal() as value):
            before, _, after = format(value, "f").lstrip("-").partition(".")
            return Digits(len(before), len(after))
        case Literal(value=None):
            return Digits(1, 0)
        case Reference(column=column) if column.type is FieldType.DECIMAL:
            size = _SIZE.search(column.declared)
            precision, scale = (int(size[1]), int(size[2] or 0)) if size else (10, 0)
            return Digits(precision - scale, scale)
        case Call():
            return _of_call(node)
        case Case(branches=branches, default=default):
            return _widest(default, *(value for _, value in branches))
        case Coalesce(args=args):
            return _widest(*args)
    return INTEGER


def _of_call(call: Call) -> Digits:
    name, _, kind = call.name.partition("_")
    match name, kind:
        case (("add" | "subtract"), _):
            widest = _widest(*call.args)
            return Digits(widest.before + 1, widest.after)
        case "multiply", _:
            left, right = map(digits, call.args)
            return Digits(left.before + right.before, left.after + right.after)
        case "modulo", "decimal":
            return _widest(*call.args)
        case (("negate" | "absolute"), _):
            return digits(call.args[0])
        case (("round" | "fit"), "decimal"):
            return _rounded(digits(call.args[0]), [constant(each) for each in call.args[1:]])
        case "text", "to_decimal":
            return OF_TEXT
        case "float", "to_decimal":
            return OF_FLOAT
        case ("integer", "to_decimal") | ("null", "if_decimal"):
            return digits(call.args[0])
    return INTEGER


def _rounded(given: Digits, sizes: list[int]) -> Digits:
    """By ROUND to so many digits, or by CAST to a precision and a scale."""
    *precision, scale = sizes
    before, after = given.before + 1, min(given.after, max(scale, 0))
    return Digits(min(before, precision[0] - scale) if precision else before, after)


def _widest(*nodes: Node) -> Digits:
    found = [digits(node) for node in nodes]
    return Digits(max(each.before for each in found), max(each.after for each in found))


def constant(node: Node) -> int:
    """A whole number that the language takes as a constant only."""
    assert isinstance(node, Literal)
    assert isinstance(node.value, int)
    return node.value
