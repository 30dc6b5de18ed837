"""How many digits a decimal can have: in MySQL 65, 30 of them after the point. Beyond, it cuts digits off without a word.

So the size of every decimal is computed beforehand from the declared sizes of its columns. What may not fit isn't left to the database.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, NamedTuple

from strangler.mapping.dialects.dialect import Inexpressible
from strangler.mapping.nodes import Call, Case, Coalesce, Literal, Node, Reference
from strangler.shapes import Column, FieldType


class Digits(NamedTuple):
    """Digits before the point and after it, at most."""

    before: int
    after: int

    @property
    def sql(self) -> str:
        """The type that holds them."""
        return f"DECIMAL({max(self.before + self.after, 1)}, {self.after})"


class Bounds(NamedTuple):
    """How many digits a database computes with, and how many of a column that doesn't say; None: that isn't known."""

    database: str
    most: int
    most_after: int
    unsized: Digits | None = None


MYSQL: Final = Bounds("MySQL", 65, 30, Digits(10, 0))
"""MariaDB has 38 after the point; what is said for both holds for both."""

ADDED_UP: Final = 13
"""Digits by which a sum may outgrow its numbers: more rows than a table has."""

INTEGER: Final = Digits(19, 0)
"""What 64 bits hold."""

OF_TEXT: Final = Digits(17, 15)
"""A text is read as a decimal of so many digits; a longer one is translated in Python. The product of two still fits."""

OF_FLOAT: Final = Digits(16, 22)
"""A float, to 15 significant digits, where MySQL prints it without an exponent."""

_SIZE: Final = re.compile(r"\((\d+)(?:\s*,\s*(\d+))?\)")


def digits(node: Node, bounds: Bounds = MYSQL) -> Digits:
    """The digits of an integer or a decimal. Raises Inexpressible when the database can't hold so many."""
    found = _digits(node, bounds)
    if sum(found) > bounds.most or found.after > bounds.most_after:
        raise Inexpressible(
            f"a number may need {found.before} digits before the point and {found.after} after it; {bounds.database} computes with"
            f" {bounds.most}, {bounds.most_after} of them after the point (CAST what goes in to smaller decimals)"
        )
    return found


def _digits(node: Node, bounds: Bounds) -> Digits:
    match node:
        case Literal(value=Decimal() as value):
            before, _, after = format(value, "f").lstrip("-").partition(".")
            return Digits(len(before), len(after))
        case Literal(value=None):
            return Digits(1, 0)
        case Reference(column=column) if column.type is FieldType.DECIMAL:
            return _declared(column, bounds)
        case Call():
            return _of_call(node, bounds)
        case Case(branches=branches, default=default):
            return _widest(bounds, default, *(value for _, value in branches))
        case Coalesce(args=args):
            return _widest(bounds, *args)
    return INTEGER


def _declared(column: Column, bounds: Bounds) -> Digits:
    if size := _SIZE.search(column.declared):
        precision, scale = int(size[1]), int(size[2] or 0)
        return Digits(precision - scale, scale)
    if bounds.unsized is None:
        raise Inexpressible(
            f"how many digits {column.name} has isn't declared, and {bounds.database} computes with {bounds.most}"
            " (CAST it to a decimal of a size)"
        )
    return bounds.unsized


def _of_call(call: Call, bounds: Bounds) -> Digits:
    name, _, kind = call.name.partition("_")
    match name, kind:
        case (("add" | "subtract"), _):
            widest = _widest(bounds, *call.args)
            return Digits(widest.before + 1, widest.after)
        case "multiply", _:
            left, right = (digits(each, bounds) for each in call.args)
            return Digits(left.before + right.before, left.after + right.after)
        case "modulo", "decimal":
            return _widest(bounds, *call.args)
        case (("negate" | "absolute"), _):
            return digits(call.args[0], bounds)
        case (("round" | "fit"), "decimal"):
            return _rounded(digits(call.args[0], bounds), [constant(each) for each in call.args[1:]])
        case "text", "to_decimal":
            return OF_TEXT
        case "float", "to_decimal":
            return OF_FLOAT
        case ("integer", "to_decimal") | ("null", "if_decimal"):
            return digits(call.args[0], bounds)
    return INTEGER


def _rounded(given: Digits, sizes: list[int]) -> Digits:
    """By ROUND to so many digits, or by CAST to a precision and a scale."""
    *precision, scale = sizes
    before, after = given.before + 1, min(given.after, max(scale, 0))
    return Digits(min(before, precision[0] - scale) if precision else before, after)


def _widest(bounds: Bounds, *nodes: Node) -> Digits:
    found = [digits(node, bounds) for node in nodes]
    return Digits(max(each.before for each in found), max(each.after for each in found))


def constant(node: Node) -> int:
    """A whole number that the language takes as a constant only."""
    assert isinstance(node, Literal)
    assert isinstance(node.value, int)
    return node.value
