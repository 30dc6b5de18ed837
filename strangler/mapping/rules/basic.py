"""The leaves, and CAST."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from sqlglot import exp

from strangler.mapping.conversions import cast as cast_to
from strangler.mapping.nodes import BEFORE, Literal, Node, Reference, old
from strangler.mapping.parsing import span_of
from strangler.mapping.patterns import LONGEST_NUMBER
from strangler.mapping.scope import Rules, Scope
from strangler.mapping.wrong import Wrong
from strangler.names import nearest
from strangler.shapes import Column, FieldType


def column(scope: Scope, this: exp.Column) -> Node:
    first, *rest = [part.name.lower() for part in this.parts[:-1]] or [""]
    if first == BEFORE and scope.two_rows:
        return Reference(_old(scope, this, ".".join(rest)))
    alias = ".".join((first, *rest))
    if scope.has(alias):
        return Reference(scope.column(this.this, alias))
    own = scope.table.name.lower()
    if alias and alias not in (own, own.rpartition(".")[2]):
        what = f"the mapping is over {scope.described}; there is no {alias!r} here"
        if first == BEFORE:
            what = "only the conditions of `changed` events see two rows; here there is no `before`"
            raise Wrong(span_of(this), what, this.name)
        raise Wrong(span_of(this), what, _instead(scope, alias, this.name))
    return Reference(scope.column(this.this))


def _instead(scope: Scope, alias: str, name: str) -> str:
    """What may be meant by a column of rows that aren't joined."""
    if similar := nearest(alias, scope.aliases):
        return f"{similar}.{name}"
    own = any(column.name.lower() == name.lower() for column in scope.table.columns)
    return name if own else f"a join {alias}, which stands before what names it"


def _old(scope: Scope, this: exp.Column, alias: str) -> Column:
    column = old(scope.column(this.this, alias))
    if scope.table.column(column.name) is not None:
        raise Wrong(span_of(this), f"{scope.table.name} has a column that is called {column.name} itself")
    return column


def literal(scope: Scope, this: exp.Literal) -> Node:
    if this.is_string:
        if "\0" in this.this:
            raise Wrong(span_of(this), "a text can't hold the character NUL")
        return Literal(this.this, FieldType.TEXT)
    if this.this.isdigit() and int(this.this) < 2**63:
        return Literal(int(this.this), FieldType.INTEGER)
    value = Decimal(this.this)
    if abs(value.adjusted()) > LONGEST_NUMBER:
        raise Wrong(span_of(this), "this number is too large or too small")
    return Literal(value, FieldType.DECIMAL)


def null(scope: Scope, this: exp.Null) -> Node:
    return Literal(None, FieldType.TEXT)


def boolean(scope: Scope, this: exp.Boolean) -> Node:
    return Literal(bool(this.this), FieldType.BOOLEAN)


def paren(scope: Scope, this: exp.Paren) -> Node:
    return scope.node(this.this)


def cast(scope: Scope, this: exp.Cast) -> Node:
    if this.args.get("format") or this.args.get("default"):
        raise Wrong(span_of(this), "CAST has no FORMAT or DEFAULT here")
    return cast_to(scope.node(this.this), this.to)


RULES: Final[Rules] = {
    exp.Column: column,
    exp.Literal: literal,
    exp.Null: null,
    exp.Boolean: boolean,
    exp.Paren: paren,
    exp.Cast: cast,
}
