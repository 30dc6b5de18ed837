"""Typing: from the SQL that a user wrote to a checked expression over a legacy table.

Every function is resolved by the types of its arguments to an operation of the language, every conversion becomes an
operation of its own, and what has no column in it is computed here and now. The first thing that is wrong raises `Wrong`.
"""

from __future__ import annotations

from typing import Final

from strangler.mapping.code_maps import CodeMaps
from strangler.mapping.conversions import narrowed
from strangler.mapping.nodes import Node, can_fail, children
from strangler.mapping.parsing import parse_expression
from strangler.mapping.python_functions import NONE, PythonFunctions
from strangler.mapping.rules import RULES
from strangler.mapping.scope import Scope
from strangler.mapping.wrong import Wrong
from strangler.shapes import Table

DEEPEST: Final = 50
"""Levels of nesting: what Python's own parser takes, with room."""

MOST_FALLIBLE: Final = 5
"""Casts around casts: each stands in the SQL several times, to be tried before it is done."""


def check(
    expression: str,
    table: Table,
    code_maps: CodeMaps,
    two_rows: bool = False,
    functions: PythonFunctions = NONE,
) -> Node:
    """The expression over the table's columns, checked. `two_rows`: it may name `before.column`. Raises Wrong."""
    too_deep = Wrong(None, "the expression is nested too deeply")
    try:
        node = narrowed(
            Scope(table, code_maps, RULES, two_rows, functions).node(parse_expression(expression))
        )
        levels, fallible = _depth(node)
    except RecursionError:
        raise too_deep from None
    if levels > DEEPEST or fallible > MOST_FALLIBLE:
        raise too_deep
    return node


def _depth(node: Node) -> tuple[int, int]:
    """The levels of nesting, and how many of them on one path can fail."""
    below = [_depth(child) for child in children(node)]
    return 1 + max((levels for levels, _ in below), default=0), can_fail(node) + max(
        (fallible for _, fallible in below), default=0
    )
