"""Regular expressions: whether a text matches a pattern, and what matches replaced. The pattern is a constant, read here and now."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from strangler.mapping.conversions import call
from strangler.mapping.nodes import Literal, Node
from strangler.mapping.parsing import span_of, span_within
from strangler.mapping.regular import Pattern, WrongPattern, can_be_empty, ends_alike, longest, parse
from strangler.mapping.rules.demands import text_only
from strangler.mapping.scope import Rules, Scope
from strangler.mapping.wrong import Wrong
from strangler.shapes import FieldType

SHORTEST: Final = 100
"""Characters of a text that every pattern must be good for."""


def like(scope: Scope, this: exp.Anonymous) -> Node:
    value, pattern = _arguments(this, "REGEXP_LIKE", "'pattern'")
    _parsed(pattern)
    return call(
        "regexp_like", _text(scope, value, "REGEXP_LIKE"), _constant(pattern), gives=FieldType.BOOLEAN
    )


def replace(scope: Scope, this: exp.Anonymous) -> Node:
    value, pattern, replacement = _arguments(this, "REGEXP_REPLACE", "'pattern'", "'replacement'")
    parsed = _parsed(pattern)
    if any(can_be_empty(branch.body) for branch in parsed.branches):
        what = "this pattern matches the empty text too, which stands between any two characters"
        raise Wrong(span_of(pattern), what, "+ in place of *")
    if not ends_alike(parsed):
        what = "databases don't agree where a match of this pattern ends: at one place, two parts of it may go on with the same character"
        raise Wrong(
            span_of(pattern), what, "parts that begin with different characters, as in a(b|c) for ab|ac"
        )
    args = [_text(scope, value, "REGEXP_REPLACE"), _constant(pattern), _constant(replacement)]
    return call("regexp_replace", *args, gives=FieldType.TEXT)


def _arguments(this: exp.Anonymous, function: str, *constants: str) -> list[exp.Expr]:
    """The text, and as many constant texts."""
    given: list[exp.Expr] = this.expressions
    written = f"{function}(text, {', '.join(constants)})"
    if len(given) != 1 + len(constants):
        raise Wrong(
            span_of(this), f"{function} takes {1 + len(constants)} arguments; it has no flags", written
        )
    for each, what in zip(given[1:], constants, strict=True):
        if not isinstance(each, exp.Literal) or not each.is_string or "\0" in each.name:
            raise Wrong(span_of(each), f"the {what[1:-1]} of {function} is a constant text", written)
    return given


def _text(scope: Scope, this: exp.Expr, function: str) -> Node:
    return text_only(function, scope.node(this))


def _constant(this: exp.Expr) -> Literal:
    return Literal(this.name, FieldType.TEXT)


def _parsed(this: exp.Expr) -> Pattern:
    assert isinstance(this, exp.Literal)
    try:
        parsed = parse(this.name)
    except WrongPattern as wrong:
        raise Wrong(span_within(this, *wrong.place), wrong.what, wrong.instead) from None
    if longest(parsed) < SHORTEST:
        what = "this pattern may take for ever: too many repetitions in it can run into each other"
        raise Wrong(span_of(this), what, "[^-]* in place of .* before a -, or fewer repetitions")
    return parsed


RULES: Final[Rules] = {"REGEXP_LIKE": like, "REGEXP_REPLACE": replace}
