"""What a mapping says about the values of its fields without being asked: where they come from a list, which."""

from __future__ import annotations

from typing import Any

from strangler.mapping import EntityMapping
from strangler.mapping.nodes import Case, Coalesce, Literal, Lookup, Node
from strangler.quality.values import LISTED
from strangler.shapes import FieldType

MOST = 1000
"""Values in one list: a code map may have more, and then it isn't what a check should name one by one."""


def constants(mapping: EntityMapping) -> dict[str, tuple[Any, ...]]:
    """Field → the values that it can have, of the fields that come from a code map or from constants alone."""
    found = {field.name: _values(field.node) for field in mapping.plan.fields}
    return {name: tuple(held) for name, held in found.items() if held is not None and 0 < len(held) <= MOST}


def _values(node: Node) -> dict[Any, None] | None:
    """The values other than NULL that come out of the expression; None: any may."""
    if node.type not in LISTED or node.type is FieldType.BOOLEAN:
        return None
    match node:
        case Literal(value=value):
            return {} if value is None else {value: None}
        case Lookup(codes=codes):
            return dict.fromkeys(codes.values())
        case Case(branches=branches, default=default):
            return _all([*(value for _, value in branches), default])
        case Coalesce(args=args):
            return _all(args)
    return None


def _all(nodes: Any) -> dict[Any, None] | None:
    found: dict[Any, None] = {}
    for node in nodes:
        held = _values(node)
        if held is None:
            return None
        found |= held
    return found
