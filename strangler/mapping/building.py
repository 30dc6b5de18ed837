"""Building checked expressions: a common type for several, comparisons, and what one thing takes from another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from strangler.mapping import language
from strangler.mapping.conversions import call, convert, narrowed, shown_type
from strangler.mapping.nodes import Literal, Node
from strangler.mapping.wrong import Wrong
from strangler.shapes import FieldType

NUMERIC: Final = (FieldType.INTEGER, FieldType.DECIMAL)

_WRITTEN_AS_TEXT: Final = (FieldType.DATE, FieldType.TIME, FieldType.TIMESTAMP, FieldType.INSTANT)


def as_type(node: Node, kind: FieldType, what: str) -> Node:
    """The expression, which must be of the type; NULL may be any. `what` begins the complaint."""
    if node.type is kind:
        return narrowed(node)
    if isinstance(node, Literal) and node.value is None:
        return Literal(None, kind)
    raise Wrong(None, f"{what}; this is {shown_type(node.type)}")


def decimal(node: Node) -> Node:
    return convert(node, FieldType.DECIMAL)


def text(node: Node) -> Node:
    return convert(node, FieldType.TEXT)


def unify(what: str, nodes: Sequence[Node]) -> list[Node]:
    """The expressions in the one type that they have in common.

    NULL takes any type; an integer becomes a decimal beside one; a constant number a float beside one, a constant text
    a date, time, timestamp or instant beside one. Anything else must be cast by whoever wrote it: Wrong.
    """
    kinds = list(
        dict.fromkeys(node.type for node in nodes if not (isinstance(node, Literal) and node.value is None))
    )
    if not kinds:
        return list(nodes)
    if all(kind in NUMERIC for kind in kinds):
        kind = FieldType.DECIMAL if FieldType.DECIMAL in kinds else FieldType.INTEGER
        return [narrowed(convert(node, kind)) for node in nodes]
    firm = list(dict.fromkeys(node.type for node in nodes if not isinstance(node, Literal)))
    kind = firm[0] if firm else kinds[0]
    if not all(node.type is kind or _takes(kind, node) for node in nodes):
        raise Wrong(
            None, f"{what} mixes {' and '.join(shown_type(each) for each in kinds)}", "CAST to one type"
        )
    return [convert(node, kind) for node in nodes]


def _takes(kind: FieldType, node: Node) -> bool:
    """Whether a constant of another type may stand beside the type."""
    if not isinstance(node, Literal):
        return False
    if node.value is None:
        return True
    if kind is FieldType.FLOAT:
        return node.type in NUMERIC
    return node.type is FieldType.TEXT and kind in _WRITTEN_AS_TEXT


def comparison(name: str, left: Node, right: Node) -> Node:
    """`left <name> right`; raises Wrong for types that can't be compared."""
    left, right = unify(f"the comparison {language.COMPARISONS[name]}", [left, right])
    if left.type not in language.COMPARABLE:
        raise Wrong(None, f"{left.type.value} can't be compared", "CAST(… AS TEXT)")
    return call(f"{name}_{left.type.value}", left, right, gives=FieldType.BOOLEAN)
