"""Parsing: from text to the parser's tree, and from a node of the tree back to its place in the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

from sqlglot import exp, parse
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.parsers.postgres import PostgresParser

from strangler.mapping.wrong import Span, Wrong

_AS_WRITTEN: Final = ("DIV", "REGEXP_LIKE", "REGEXP_REPLACE", "TO_DATE")

TAKEN: Final = (*_AS_WRITTEN, "LOOKUP", "SURROGATE")
"""The functions of the language that the parser has no class for."""


class Expressions(Postgres):
    """PostgreSQL's SQL, without its statements: a column may be called `comment`, or `call`. Some functions are left as they are written:
    in its own classes the parser drops arguments that it doesn't know, and rewrites formats."""

    class Tokenizer(Postgres.Tokenizer):
        COMMANDS: ClassVar[set[Any]] = set()

    class Parser(PostgresParser):
        STATEMENT_PARSERS: ClassVar[dict[Any, Any]] = {}
        FUNCTIONS: ClassVar[dict[str, Callable[..., exp.Expr]]] = {
            name: build for name, build in PostgresParser.FUNCTIONS.items() if name not in _AS_WRITTEN
        }


_SHOWN: Final = 100
"""Characters before the fault that the parser shows at most; with so many it can't be told where the fault is."""


def parse_expression(expression: str) -> exp.Expr:
    """The tree of one SQL expression. Raises Wrong."""
    if not expression.strip():
        raise Wrong(
            None, "the expression is empty", "a column of the table, or an expression over its columns"
        )
    try:
        statements = parse(expression, dialect=Expressions)
    except SqlglotError as error:
        raise _unparsed(error) from None
    if len(statements) > 1:
        raise Wrong(None, "this is not one expression but several")
    if not statements or statements[0] is None:
        raise Wrong(None, "this is not an SQL expression")
    return statements[0]


def is_free(name: str, count: int) -> bool:
    """Whether a function of so many arguments may be called so: the parser and the language know none of that name."""
    try:
        tree = parse_expression(f"{name}({', '.join(['x'] * count)})")
    except Wrong:
        return False
    return isinstance(tree, exp.Anonymous) and name.upper() not in TAKEN


def column_names(expression: str) -> frozenset[str]:
    """The columns that an expression names, in lower case; none of one that isn't SQL: that is said where it is compiled."""
    try:
        tree = parse_expression(expression)
    except Wrong:
        return frozenset()
    return frozenset(column.name.lower() for column in tree.find_all(exp.Column))


def code_map_names(expression: str) -> frozenset[str]:
    """The code maps that an expression looks up."""
    try:
        tree = parse_expression(expression)
    except Wrong:
        return frozenset()
    calls = (each for each in tree.find_all(exp.Anonymous) if each.name.upper() == "LOOKUP")
    return frozenset(each.expressions[0].name for each in calls if each.expressions)


def _unparsed(error: SqlglotError) -> Wrong:
    first: dict[str, Any] = (getattr(error, "errors", None) or [{}])[0]
    before, marked = first.get("start_context"), first.get("highlight")
    what = "this is not an SQL expression"
    if before is None or not marked:
        return Wrong(None, what)
    if len(before) >= _SHOWN:
        return Wrong(None, f"{what}, near {marked!r}")
    description = str(first.get("description", ""))
    reason = f": {description.lower()} here" if description.startswith("Expecting") else ""
    instead = f'"{marked}", in double quotes, if it is a column' if marked.isidentifier() else ""
    return Wrong(Span(len(before), len(before) + len(marked) - 1), what + reason, instead)


def span_of(node: exp.Expr) -> Span | None:
    """Where the node stands: from the first to the last character that the parser knows of it."""
    places = [each.meta for each in node.walk() if "start" in each.meta]
    if not places:
        return None
    return Span(min(place["start"] for place in places), max(place["end"] for place in places))


def span_within(literal: exp.Literal, start: int, end: int) -> Span | None:
    """Where these characters of a text in quotes stand; a quote in it is written twice."""
    whole = span_of(literal)
    if whole is None:
        return None
    first, last = (whole.start + 1 + len(literal.name[:place].replace("'", "''")) for place in (start, end))
    return Span(first, last)
