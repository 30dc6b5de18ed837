"""Python functions: a call of one, by the name that it has in the configuration."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from strangler.mapping.building import unify
from strangler.mapping.conversions import narrowed, shown_type
from strangler.mapping.nodes import Applied, Node, Reference
from strangler.mapping.parsing import span_of
from strangler.mapping.python_functions import PythonFunction
from strangler.mapping.scope import Rules, Scope
from strangler.mapping.wrong import Wrong
from strangler.shapes import Column, FieldType


def applied(scope: Scope, this: exp.Anonymous) -> Node:
    function = scope.functions[this.name.lower()]
    given = this.expressions
    if len(given) != len(function.takes):
        what = f"{function.name} takes {len(function.takes)} values, given are {len(given)}"
        raise Wrong(span_of(this), what, f"{function.name}({', '.join(function.takes)})")
    pairs = zip(given, function.takes, strict=True)
    return Applied(function, tuple(_argument(scope, each, kind, function) for each, kind in pairs))


def _argument(scope: Scope, this: exp.Expr, kind: FieldType, function: PythonFunction) -> Node:
    """The argument in the type that is taken, or as near as constants and integers come to it by themselves."""
    node = narrowed(scope.node(this))
    wanted = Wrong(
        span_of(this),
        f"{function.name} takes {shown_type(kind)} here; this is {shown_type(node.type)}",
        "CAST",
    )
    try:
        _, made = unify(function.name, [Reference(Column("", kind, True, "")), node])
    except Wrong:
        raise wanted from None
    if made.type is not kind:
        raise wanted
    return made


RULES: Final[Rules] = {exp.Anonymous: applied}
