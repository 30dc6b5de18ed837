"""Conversions: which type can be made of which, and by which operation. What isn't here isn't in the language."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from strangler.mapping import python
from strangler.mapping.nodes import Call, Literal, Node
from strangler.mapping.wrong import Wrong
from strangler.shapes import FieldType

T, I, D, F, B = FieldType.TEXT, FieldType.INTEGER, FieldType.DECIMAL, FieldType.FLOAT, FieldType.BOOLEAN  # noqa: E741

_TAKES_WIDE: Final = (
    "add_integer", "subtract_integer", "multiply_integer", "negate_integer", "absolute_integer", "integer_to_decimal", "narrow",
)  # fmt: skip

_PAIRS: Final = {
    (T, I), (T, D), (T, F), (T, B), (T, FieldType.DATE), (T, FieldType.TIME), (T, FieldType.TIMESTAMP), (T, FieldType.INSTANT),
    (I, T), (I, D), (I, F), (I, B),
    (D, T), (D, I), (D, F), (F, D),
    (B, T), (B, I),
    (FieldType.DATE, T), (FieldType.TIME, T), (FieldType.TIMESTAMP, T), (FieldType.INSTANT, T), (FieldType.JSON, T),
    (FieldType.DATE, FieldType.TIMESTAMP), (FieldType.TIMESTAMP, FieldType.DATE), (FieldType.TIMESTAMP, FieldType.TIME),
}  # fmt: skip
"""Each is the operation `<from>_to_<to>`."""

_SQL_TYPES: Final = {
    exp.DataType.Type.TEXT: T,
    exp.DataType.Type.VARCHAR: T,
    exp.DataType.Type.INT: I,
    exp.DataType.Type.BIGINT: I,
    exp.DataType.Type.DECIMAL: D,
    exp.DataType.Type.DOUBLE: F,
    exp.DataType.Type.FLOAT: F,
    exp.DataType.Type.BOOLEAN: B,
    exp.DataType.Type.DATE: FieldType.DATE,
    exp.DataType.Type.TIME: FieldType.TIME,
    exp.DataType.Type.TIMESTAMP: FieldType.TIMESTAMP,
    exp.DataType.Type.TIMESTAMPTZ: FieldType.INSTANT,
}

_KNOWN_TYPES: Final = (
    "TEXT, INTEGER, DECIMAL, DECIMAL(p, s), DOUBLE PRECISION, BOOLEAN, DATE, TIME, TIMESTAMP or TIMESTAMPTZ"
)

_HINTS: Final = {
    (F, T): "CAST(CAST(… AS DECIMAL(18, 6)) AS TEXT): databases disagree on the text of a float",
    (F, I): "CAST(CAST(… AS DECIMAL(18, 6)) AS INTEGER): databases disagree on the rounding of a float",
    (FieldType.INSTANT, FieldType.DATE): "CAST(… AT TIME ZONE 'UTC' AS DATE)",
    (FieldType.INSTANT, FieldType.TIMESTAMP): "… AT TIME ZONE 'UTC'",
    (FieldType.TIMESTAMP, FieldType.INSTANT): "… AT TIME ZONE 'UTC'",
}


def shown_type(kind: FieldType) -> str:
    return (
        f"an {kind.value}"
        if kind in (I, FieldType.INSTANT)
        else kind.value
        if kind in (T, FieldType.BYTES, FieldType.JSON)
        else f"a {kind.value}"
    )


def call(name: str, *args: Node, gives: FieldType, wide: bool = False) -> Node:
    """The operation on the arguments; computed at once when they are constants. Raises Wrong when that fails."""
    if name not in _TAKES_WIDE:
        args = tuple(map(narrowed, args))
    nullable = any(arg.nullable for arg in args)
    if name in ("concat", "is_null", "is_not_null", "is_true", "is_false"):
        nullable = False
    made = Call(name, args, gives, nullable or name.startswith("null_if"), wide)
    return _computed(made) if all(isinstance(arg, Literal) for arg in args) else made


def _computed(made: Call) -> Node:
    """A constant. So no database is asked to compute one: it might do so even where no row needs it, and fail."""
    try:
        value = python.evaluate(made)
        if made.wide and value is not None:
            python.NAMESPACE["narrow"](value)
    except python.FAILURES as error:
        raise Wrong(None, f"no row could be translated: {error}") from None
    return Literal(value, made.type)


def narrowed(node: Node) -> Node:
    """An integer of at most 64 bits; of sums and products that is asked only of the end result."""
    return call("narrow", node, gives=I) if node.wide else node


def convert(node: Node, to: FieldType) -> Node:
    """The expression in another type. Raises Wrong when the language has no such conversion."""
    if node.type is to:
        return node
    if isinstance(node, Literal) and node.value is None:
        return Literal(None, to)
    if (node.type, to) in _PAIRS:
        return call(f"{node.type.value}_to_{to.value}", node, gives=to)
    raise Wrong(
        None, f"{shown_type(node.type)} can't be made {shown_type(to)}", _HINTS.get((node.type, to), "")
    )


def cast(node: Node, to: exp.DataType) -> Node:
    """CAST(node AS to), as the parser gives the type. Raises Wrong."""
    kind = _SQL_TYPES.get(to.this)
    parameters = [int(each.name) for each in to.expressions if each.name.isdigit()]
    if kind is None or len(parameters) != len(to.expressions) or len(parameters) > (2 if kind is D else 0):
        instead = "SUBSTRING(… , 1, n) for a text of n characters" if kind is T else _KNOWN_TYPES
        raise Wrong(None, f"CAST doesn't know the type {to.sql(dialect='postgres')}", instead)
    made = convert(node, kind)
    if not parameters:
        return made
    precision, scale = (*parameters, 0)[:2]
    if not 1 <= precision <= 1000 or scale > precision:
        raise Wrong(
            None,
            f"there is no DECIMAL({precision}, {scale})",
            "DECIMAL(p, s) with p digits, s of them after the point",
        )
    return call("fit_decimal", made, Literal(precision, I), Literal(scale, I), gives=D)
