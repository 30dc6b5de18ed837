"""The empty text, which Oracle takes for NULL: which expressions may give one, and which operations would answer otherwise then.

A column of Oracle never holds one, but a CHAR of blanks reads as one.
"""

from __future__ import annotations

from typing import Final

from strangler.mapping.dialects.dialect import Inexpressible
from strangler.mapping.dialects.digits import constant
from strangler.mapping.nodes import Call, Case, Coalesce, Literal, Lookup, Node, Reference
from strangler.mapping.reading import padded
from strangler.shapes import FieldType

_EMPTY_FROM_EMPTY: Final = ("upper", "lower", "null_if_text")
_EMPTY_FROM_ANY: Final = ("trim", "trim_left", "trim_right", "replace", "substring", "substring_from")
_TO_LENGTH: Final = ("left", "right", "pad_left", "pad_right")
_BLIND: Final = (
    "concat", "trim", "trim_left", "trim_right", "upper", "lower", "substring", "substring_from", "left", "right", "replace",
)  # fmt: skip
"""What gives an empty text or NULL for either; what else they take are constants."""


def may_be_empty(node: Node) -> bool:
    """Whether the language may give an empty text here, from the columns of Oracle."""
    if node.type is not FieldType.TEXT:
        return False
    match node:
        case Literal(value=value):
            return isinstance(value, str) and not value
        case Reference(column=column):
            return padded(column)
        case Case(branches=branches, default=default):
            return any(map(may_be_empty, (default, *(value for _, value in branches))))
        case Coalesce(args=args):
            return any(map(may_be_empty, args))
        case Lookup(codes=codes):
            return any(meaning == "" for meaning in codes.values())
        case Call(name=name, args=args):
            return _call(name, args)
    raise AssertionError(node)


def _call(name: str, args: tuple[Node, ...]) -> bool:
    if name == "concat":
        return all(each.nullable or may_be_empty(each) for each in args)
    if name == "null_if_text" and _is_empty(args[1]):
        return False
    if name in _TO_LENGTH:
        return constant(args[1]) == 0 or may_be_empty(args[0])
    return name in _EMPTY_FROM_ANY or (name in _EMPTY_FROM_EMPTY and may_be_empty(args[0]))


def unlike_null(call: Call) -> None:
    """Raises Inexpressible where the operation's answer to an empty text isn't the one to NULL."""
    if call.name == "null_if_text" and _is_empty(call.args[1]):
        return
    if call.name not in _BLIND and any(map(may_be_empty, call.args)):
        raise Inexpressible(
            "a text in it may be empty, which is NULL in Oracle, and then the answer would be another"
            " (NULLIF(…, '') makes it NULL everywhere)"
        )


def _is_empty(node: Node) -> bool:
    return isinstance(node, Literal) and node.value == ""
