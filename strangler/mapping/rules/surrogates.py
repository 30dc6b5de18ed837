"""Surrogates: SURROGATE, by which the new service gets a key of its own from the legacy one."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from strangler.mapping.building import text
from strangler.mapping.conversions import call, shown_type
from strangler.mapping.nodes import Literal, Node
from strangler.mapping.parsing import span_of
from strangler.mapping.scope import Rules, Scope
from strangler.mapping.wrong import Wrong
from strangler.shapes import FieldType

_NO_KEYS: Final = {
    FieldType.FLOAT: "CAST(… AS DECIMAL(18, 6))",
    FieldType.JSON: "",
}
"""Types that don't identify, and what does instead."""


def surrogate(scope: Scope, this: exp.Anonymous) -> Node:
    given = this.expressions
    if len(given) < 2:
        what = "SURROGATE takes the name of what is identified, and the values that identify it in legacy"
        raise Wrong(span_of(this), what, "SURROGATE('party', id)")
    name = given[0]
    if not isinstance(name, exp.Literal) or not name.is_string or not name.this:
        raise Wrong(span_of(name), "SURROGATE takes a name in quotes first", "SURROGATE('party', id)")
    values = [_identifying(scope, each) for each in given[1:]]
    return call("surrogate", scope.node(name), *values, gives=FieldType.TEXT)


def _identifying(scope: Scope, this: exp.Expr) -> Node:
    """The canonical text of a value."""
    node = scope.node(this)
    if node.type in _NO_KEYS:
        raise Wrong(span_of(this), f"{shown_type(node.type)} doesn't identify", _NO_KEYS[node.type])
    if node.type is FieldType.BYTES and not isinstance(node, Literal):
        return call("bytes_to_text", node, gives=FieldType.TEXT)
    return text(node)


RULES: Final[Rules] = {"SURROGATE": surrogate}
