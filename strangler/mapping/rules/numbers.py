"""Numbers: exact sums and products of integers and decimals, and rounding away from zero."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from strangler.mapping.building import decimal
from strangler.mapping.conversions import call
from strangler.mapping.nodes import Literal, Node
from strangler.mapping.parsing import span_of
from strangler.mapping.rules.demands import number_only
from strangler.mapping.scope import Rules, Scope
from strangler.mapping.wrong import Wrong
from strangler.shapes import FieldType


def arithmetic(scope: Scope, this: exp.Binary) -> Node:
    name = {exp.Add: "add", exp.Sub: "subtract", exp.Mul: "multiply"}[type(this)]
    left, right = (number_only(scope.node(side), side) for side in (this.this, this.expression))
    if FieldType.DECIMAL in (left.type, right.type):
        return call(f"{name}_decimal", decimal(left), decimal(right), gives=FieldType.DECIMAL)
    return call(f"{name}_integer", left, right, gives=FieldType.INTEGER, wide=True)


def modulo(scope: Scope, this: exp.Mod) -> Node:
    left, right = _divided(scope, this.this, this.expression)
    if FieldType.DECIMAL in (left.type, right.type):
        return call("modulo_decimal", decimal(left), decimal(right), gives=FieldType.DECIMAL)
    return call("modulo_integer", left, right, gives=FieldType.INTEGER)


def divide_whole(scope: Scope, this: exp.Anonymous) -> Node:
    if len(this.expressions) != 2:
        raise Wrong(span_of(this), "DIV takes two integers", "DIV(a, b)")
    sides = _divided(scope, *this.expressions)
    for side, written in zip(sides, this.expressions, strict=True):
        if side.type is not FieldType.INTEGER:
            raise Wrong(span_of(written), "DIV takes integers; this is a decimal", "CAST(… AS INTEGER)")
    return call("divide_integer", *sides, gives=FieldType.INTEGER, wide=True)


def _divided(scope: Scope, *these: exp.Expr) -> list[Node]:
    left, right = (number_only(scope.node(each), each) for each in these)
    if isinstance(right, Literal) and right.value == 0:
        raise Wrong(span_of(these[1]), "no row could be translated: nothing can be divided by 0")
    return [left, right]


def negate(scope: Scope, this: exp.Neg) -> Node:
    return _unary("negate", scope, this)


def absolute(scope: Scope, this: exp.Abs) -> Node:
    return _unary("absolute", scope, this)


def _unary(name: str, scope: Scope, this: exp.Expr) -> Node:
    value = number_only(scope.node(this.this), this.this)
    return call(f"{name}_{value.type.value}", value, gives=value.type, wide=value.type is FieldType.INTEGER)


def round_(scope: Scope, this: exp.Round) -> Node:
    value = number_only(scope.node(this.this), this.this)
    digits = this.args.get("decimals")
    count = (
        scope.count(digits, "ROUND's digits", least=-30, most=30) if digits else Literal(0, FieldType.INTEGER)
    )
    return call("round_decimal", decimal(value), count, gives=FieldType.DECIMAL)


RULES: Final[Rules] = {
    exp.Add: arithmetic,
    exp.Sub: arithmetic,
    exp.Mul: arithmetic,
    exp.Mod: modulo,
    "DIV": divide_whole,
    exp.Neg: negate,
    exp.Abs: absolute,
    exp.Round: round_,
}
