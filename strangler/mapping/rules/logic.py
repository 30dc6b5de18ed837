"""Logic: comparisons, conditions in three-valued logic, and the choice between values."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from strangler.mapping import language
from strangler.mapping.building import comparison, unify
from strangler.mapping.conversions import call
from strangler.mapping.nodes import Case, Coalesce, Literal, Node
from strangler.mapping.parsing import span_of
from strangler.mapping.rules.demands import condition
from strangler.mapping.scope import Rules, Scope
from strangler.mapping.wrong import Wrong
from strangler.shapes import FieldType

_COMPARISONS: Final[dict[type[exp.Expr], str]] = {
    exp.EQ: "equal",
    exp.NEQ: "unequal",
    exp.LT: "less",
    exp.LTE: "at_most",
    exp.GT: "greater",
    exp.GTE: "at_least",
}


def coalesce(scope: Scope, this: exp.Coalesce) -> Node:
    args = unify("COALESCE", scope.nodes(this.this, *this.expressions))
    return args[0] if len(args) == 1 else Coalesce(tuple(args), args[0].type)


def null_if(scope: Scope, this: exp.Nullif) -> Node:
    value, other = unify("NULLIF", scope.nodes(this.this, this.expression))
    if value.type not in language.COMPARABLE:
        raise Wrong(span_of(this), f"{value.type.value} can't be compared", "CAST(… AS TEXT)")
    return call(f"null_if_{value.type.value}", value, other, gives=value.type)


def case(scope: Scope, this: exp.Case) -> Node:
    subject = scope.node(this.this) if this.this else None
    conditions, values = [], []
    for branch in this.args["ifs"]:
        tested = scope.node(branch.this)
        holds = tested if subject is None else comparison("equal", subject, tested)
        conditions.append(condition(holds, "WHEN"))
        values.append(scope.node(branch.args["true"]))
    default = this.args.get("default")
    values.append(scope.node(default) if default else Literal(None, FieldType.TEXT))
    *values, otherwise = unify("CASE", values)
    return Case(tuple(zip(conditions, values, strict=True)), otherwise, otherwise.type)


def compare(scope: Scope, this: exp.Binary) -> Node:
    return comparison(_COMPARISONS[type(this)], scope.node(this.this), scope.node(this.expression))


def between(scope: Scope, this: exp.Between) -> Node:
    value, low, high = scope.nodes(this.this, this.args["low"], this.args["high"])
    least, most = comparison("at_least", value, low), comparison("at_most", value, high)
    return call("and", least, most, gives=FieldType.BOOLEAN)


def is_in(scope: Scope, this: exp.In) -> Node:
    listed = this.expressions
    if not listed:
        raise Wrong(span_of(this), "IN takes a list of constants here")
    value, *constants = unify("IN", scope.nodes(this.this, *listed))
    for constant, written in zip(constants, listed, strict=True):
        if not isinstance(constant, Literal):
            raise Wrong(span_of(written), "IN takes constants only", "… = a OR … = b")
        if constant.value is None:
            raise Wrong(span_of(written), "NULL in IN never matches", "… IS NULL OR … IN (…)")
    if value.type not in language.COMPARABLE:
        raise Wrong(span_of(this), f"{value.type.value} can't be compared", "CAST(… AS TEXT)")
    return call("in_list", value, *constants, gives=FieldType.BOOLEAN)


def connect(scope: Scope, this: exp.Connector) -> Node:
    name = "and" if isinstance(this, exp.And) else "or"
    args = [condition(arg, name.upper()) for arg in scope.nodes(this.this, this.expression)]
    return call(name, *args, gives=FieldType.BOOLEAN)


def negation(scope: Scope, this: exp.Not) -> Node:
    return call("not", condition(scope.node(this.this), "NOT"), gives=FieldType.BOOLEAN)


def is_(scope: Scope, this: exp.Is) -> Node:
    value, what, negated = scope.node(this.this), this.expression, bool(this.args.get("negate"))
    if isinstance(what, exp.Null):
        if isinstance(value, Literal):
            return Literal((value.value is None) is not negated, FieldType.BOOLEAN)
        return call("is_not_null" if negated else "is_null", value, gives=FieldType.BOOLEAN)
    if not isinstance(what, exp.Boolean):
        raise Wrong(span_of(this), "IS is followed by NULL, TRUE or FALSE")
    test = call(f"is_{str(bool(what.this)).lower()}", condition(value, "IS"), gives=FieldType.BOOLEAN)
    return call("not", test, gives=FieldType.BOOLEAN) if negated else test


RULES: Final[Rules] = {
    exp.Coalesce: coalesce,
    exp.Nullif: null_if,
    exp.Case: case,
    exp.Between: between,
    exp.In: is_in,
    exp.And: connect,
    exp.Or: connect,
    exp.Not: negation,
    exp.Is: is_,
    **dict.fromkeys(_COMPARISONS, compare),
}
