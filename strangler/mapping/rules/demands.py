"""Demands: what a rule asks of an argument's type, with the complaint when it is another."""

from __future__ import annotations

from sqlglot import exp

from strangler.mapping.building import NUMERIC, as_type
from strangler.mapping.conversions import shown_type
from strangler.mapping.nodes import Literal, Node
from strangler.mapping.parsing import span_of
from strangler.mapping.wrong import Wrong
from strangler.shapes import FieldType


def condition(node: Node, where: str) -> Node:
    return as_type(node, FieldType.BOOLEAN, f"{where} takes a condition")


def text_only(function: str, node: Node) -> Node:
    if node.type is FieldType.TEXT:
        return node
    raise Wrong(
        None, f"{function} takes text; this is {shown_type(node.type)}", f"{function}(CAST(… AS TEXT))"
    )


def number_only(node: Node, this: exp.Expr) -> Node:
    """An integer or a decimal; NULL counts as an integer."""
    if node.type in NUMERIC:
        return node
    if isinstance(node, Literal) and node.value is None:
        return Literal(None, FieldType.INTEGER)
    if node.type is FieldType.FLOAT:
        what = "floats aren't computed with: their sums differ in the last digit"
        raise Wrong(span_of(this), what, "CAST(… AS DECIMAL(18, 6))")
    instead = "CAST(… AS INTEGER) or CAST(… AS DECIMAL)"
    raise Wrong(span_of(this), f"this is {shown_type(node.type)}, not a number", instead)
