"""Text: joining, trimming, cutting, padding. Characters are code points; letters beyond ASCII have no case."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from strangler.mapping.building import text
from strangler.mapping.conversions import call
from strangler.mapping.nodes import Literal, Node
from strangler.mapping.parsing import span_of
from strangler.mapping.rules.demands import text_only
from strangler.mapping.scope import Rules, Scope
from strangler.mapping.wrong import Wrong
from strangler.shapes import FieldType

WIDEST_PAD: Final = 10_000


def concat(scope: Scope, this: exp.Concat) -> Node:
    return call("concat", *(text(arg) for arg in scope.nodes(*this.expressions)), gives=FieldType.TEXT)


def join(scope: Scope, this: exp.DPipe) -> Node:
    left, right = scope.nodes(this.this, this.expression)
    return call("join", text(left), text(right), gives=FieldType.TEXT)


def trim(scope: Scope, this: exp.Trim) -> Node:
    if this.args.get("collation"):
        raise Wrong(span_of(this), "TRIM has no COLLATE here")
    name = {"LEADING": "trim_left", "TRAILING": "trim_right"}.get(this.args.get("position") or "", "trim")
    characters = this.args.get("expression")
    given = scope.node(characters) if characters else Literal(" ", FieldType.TEXT)
    return call(
        name, text_only("TRIM", scope.node(this.this)), text_only("TRIM", given), gives=FieldType.TEXT
    )


def upper(scope: Scope, this: exp.Upper) -> Node:
    return call("upper", text_only("UPPER", scope.node(this.this)), gives=FieldType.TEXT)


def lower(scope: Scope, this: exp.Lower) -> Node:
    return call("lower", text_only("LOWER", scope.node(this.this)), gives=FieldType.TEXT)


def length(scope: Scope, this: exp.Length) -> Node:
    return call("length", text_only("LENGTH", scope.node(this.this)), gives=FieldType.INTEGER)


def substring(scope: Scope, this: exp.Substring) -> Node:
    value = text_only("SUBSTRING", scope.node(this.this))
    start = (
        scope.count(this.args["start"], "SUBSTRING's start", least=-(2**20))
        if this.args.get("start")
        else Literal(1, FieldType.INTEGER)
    )
    if not this.args.get("length"):
        return call("substring_from", value, start, gives=FieldType.TEXT)
    return call(
        "substring",
        value,
        start,
        scope.count(this.args["length"], "SUBSTRING's length"),
        gives=FieldType.TEXT,
    )


def left(scope: Scope, this: exp.Left) -> Node:
    value = text_only("LEFT", scope.node(this.this))
    return call("left", value, scope.count(this.expression, "LEFT's length"), gives=FieldType.TEXT)


def right(scope: Scope, this: exp.Right) -> Node:
    value = text_only("RIGHT", scope.node(this.this))
    return call("right", value, scope.count(this.expression, "RIGHT's length"), gives=FieldType.TEXT)


def replace(scope: Scope, this: exp.Replace) -> Node:
    args = scope.nodes(this.this, this.expression, this.args.get("replacement") or exp.Literal.string(""))
    return call("replace", *(text_only("REPLACE", arg) for arg in args), gives=FieldType.TEXT)


def pad(scope: Scope, this: exp.Pad) -> Node:
    name, shown = ("pad_left", "LPAD") if this.args.get("is_left") else ("pad_right", "RPAD")
    fill = this.args.get("fill_pattern") or exp.Literal.string(" ")
    value, filling = scope.nodes(this.this, fill)
    width = scope.count(this.expression, f"{shown}'s length", most=WIDEST_PAD)
    return call(name, text_only(shown, value), width, text_only(shown, filling), gives=FieldType.TEXT)


RULES: Final[Rules] = {
    exp.Concat: concat,
    exp.DPipe: join,
    exp.Trim: trim,
    exp.Upper: upper,
    exp.Lower: lower,
    exp.Length: length,
    exp.Substring: substring,
    exp.Left: left,
    exp.Right: right,
    exp.Replace: replace,
    exp.Pad: pad,
}
