"""Typing: from the SQL that a user wrote to a checked expression over a legacy table.

Every function is resolved by the types of its arguments to an operation of the language, every conversion becomes an
operation of its own, and what has no column in it is computed here and now. The first thing that is wrong raises `Wrong`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

from strangler.mapping import conversions, language
from strangler.mapping.building import NUMERIC, as_type, comparison, decimal, text, unify
from strangler.mapping.conversions import call
from strangler.mapping.nodes import Case, Coalesce, Literal, Node, Reference
from strangler.mapping.wrong import Span, Wrong, closest
from strangler.shapes import Column, FieldType, Table

FUNCTIONS: Final = (
    "ABS", "CASE", "CAST", "CHAR_LENGTH", "COALESCE", "CONCAT", "EXTRACT", "LEFT", "LENGTH", "LOWER", "LPAD", "LTRIM",
    "NULLIF", "REPLACE", "RIGHT", "ROUND", "RPAD", "RTRIM", "SUBSTRING", "TO_DATE", "TRIM", "UPPER",
)  # fmt: skip
"""The functions that users write."""

OPERATORS: Final = "+ - * || = <> < <= > >= AND OR NOT IN BETWEEN IS"

_WIDEST_PAD: Final = 10_000


def check(expression: str, table: Table) -> Node:
    """The expression over the table's columns, checked. Raises Wrong."""
    if not expression.strip():
        raise Wrong(
            None, "the expression is empty", "a column of the table, or an expression over its columns"
        )
    try:
        statements = parse(expression, dialect="postgres")
    except SqlglotError as error:
        raise _unparsed(error) from None
    except RecursionError:
        raise Wrong(None, "the expression is nested too deeply") from None
    if len(statements) != 1 or statements[0] is None:
        raise Wrong(
            None,
            "this is not one expression but several" if len(statements) > 1 else "this is not an expression",
        )
    try:
        return conversions.narrowed(_Typing(table).node(statements[0]))
    except RecursionError:
        raise Wrong(None, "the expression is nested too deeply") from None


def _unparsed(error: SqlglotError) -> Wrong:
    found = getattr(error, "errors", None) or [{}]
    first: dict[str, Any] = found[0]
    before, marked = first.get("start_context"), first.get("highlight")
    what = "this is not an SQL expression"
    if before is None or not marked:
        return Wrong(None, what)
    if len(before) >= 100:  # the parser shows no more than so much of what comes before
        return Wrong(None, f"{what}, near {marked!r}")
    description = str(first.get("description", ""))
    reason = f": {description.lower()} here" if description.startswith("Expecting") else ""
    instead = f'"{marked}", in double quotes, if it is a column' if marked.isidentifier() else ""
    return Wrong(Span(len(before), len(before) + len(marked) - 1), what + reason, instead)


def _span(node: exp.Expr) -> Span | None:
    """Where the node stands: from the first to the last character that the parser knows of it."""
    places = [each.meta for each in node.walk() if "start" in each.meta]
    if not places:
        return None
    return Span(min(place["start"] for place in places), max(place["end"] for place in places))


class _Typing:
    """Types one expression. One method per kind of node, found in `_RULES` by the parser's class."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def node(self, this: exp.Expr) -> Node:
        rule = _RULES.get(type(this))
        if rule is None:
            raise self._unknown(this)
        try:
            return rule(self, this)
        except Wrong as wrong:
            raise wrong if wrong.span else Wrong(_span(this), wrong.what, wrong.instead) from None

    def _unknown(self, this: exp.Expr) -> Wrong:
        if isinstance(this, exp.Anonymous):
            name = str(this.this).upper()
        elif isinstance(this, exp.Func):
            name = this.sql_name()
        else:
            name = this.key.upper()
        why = _REASONS.get(type(this))
        if why:
            return Wrong(_span(this), why)
        similar = closest(name, FUNCTIONS)
        known = f"one of {', '.join(FUNCTIONS)}; operators are {OPERATORS}"
        return Wrong(
            _span(this), f"the mapping language has no {name}", f"{similar}; or {known}" if similar else known
        )

    def _nodes(self, *these: exp.Expr) -> list[Node]:
        return [self.node(this) for this in these]

    def column(self, this: exp.Column) -> Node:
        qualifier = this.table
        if qualifier and qualifier != self._table.name.rsplit(".", 1)[-1]:
            raise Wrong(
                _span(this),
                f"the mapping is over {self._table.name}; there is no {qualifier!r} here",
                this.name,
            )
        return Reference(self._find(this.this))

    def _find(self, identifier: exp.Identifier) -> Column:
        """The column of this name; when it isn't quoted, of this name in any case."""
        name = identifier.name
        exact = self._table.column(name)
        if exact is not None:
            return exact
        alike = [each for each in self._table.columns if each.name.lower() == name.lower()]
        if len(alike) == 1 and not identifier.quoted:
            return alike[0]
        names = [each.name for each in self._table.columns]
        similar = closest(name, names)
        known = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
        raise Wrong(
            _span(identifier),
            f"there is no column {name!r} in {self._table.name}",
            similar or f"one of its columns: {known}",
        )

    def literal(self, this: exp.Literal) -> Node:
        if this.is_string:
            if "\0" in this.this:
                raise Wrong(_span(this), "a text can't hold the character NUL")
            return Literal(this.this, FieldType.TEXT)
        if this.this.isdigit() and int(this.this) < 2**63:
            return Literal(int(this.this), FieldType.INTEGER)
        return Literal(Decimal(this.this), FieldType.DECIMAL)

    def null(self, this: exp.Null) -> Node:
        return Literal(None, FieldType.TEXT)

    def boolean(self, this: exp.Boolean) -> Node:
        return Literal(bool(this.this), FieldType.BOOLEAN)

    def paren(self, this: exp.Paren) -> Node:
        return self.node(this.this)

    def cast(self, this: exp.Cast) -> Node:
        if this.args.get("format") or this.args.get("default"):
            raise Wrong(_span(this), "CAST has no FORMAT or DEFAULT here")
        return conversions.cast(self.node(this.this), this.to)

    def coalesce(self, this: exp.Coalesce) -> Node:
        args = unify("COALESCE", self._nodes(this.this, *this.expressions))
        return args[0] if len(args) == 1 else Coalesce(tuple(args), args[0].type)

    def null_if(self, this: exp.Nullif) -> Node:
        value, other = unify("NULLIF", self._nodes(this.this, this.expression))
        if value.type not in language.COMPARABLE:
            raise Wrong(_span(this), f"{value.type.value} can't be compared", "CAST(… AS TEXT)")
        return call(f"null_if_{value.type.value}", value, other, gives=value.type)

    def case(self, this: exp.Case) -> Node:
        subject = self.node(this.this) if this.this else None
        conditions, values = [], []
        for branch in this.args["ifs"]:
            tested = self.node(branch.this)
            condition = tested if subject is None else comparison("equal", subject, tested)
            conditions.append(_condition(condition, "WHEN"))
            values.append(self.node(branch.args["true"]))
        default = this.args.get("default")
        values.append(self.node(default) if default else Literal(None, FieldType.TEXT))
        *values, otherwise = unify("CASE", values)
        return Case(tuple(zip(conditions, values, strict=True)), otherwise, otherwise.type)

    def concat(self, this: exp.Concat) -> Node:
        return call("concat", *(text(arg) for arg in self._nodes(*this.expressions)), gives=FieldType.TEXT)

    def join(self, this: exp.DPipe) -> Node:
        left, right = self._nodes(this.this, this.expression)
        return call("join", text(left), text(right), gives=FieldType.TEXT)

    def trim(self, this: exp.Trim) -> Node:
        if this.args.get("collation"):
            raise Wrong(_span(this), "TRIM has no COLLATE here")
        name = {"LEADING": "trim_left", "TRAILING": "trim_right"}.get(this.args.get("position") or "", "trim")
        characters = this.args.get("expression")
        given = self.node(characters) if characters else Literal(" ", FieldType.TEXT)
        return call(
            name, _text_only("TRIM", self.node(this.this)), _text_only("TRIM", given), gives=FieldType.TEXT
        )

    def upper(self, this: exp.Upper) -> Node:
        return call("upper", _text_only("UPPER", self.node(this.this)), gives=FieldType.TEXT)

    def lower(self, this: exp.Lower) -> Node:
        return call("lower", _text_only("LOWER", self.node(this.this)), gives=FieldType.TEXT)

    def length(self, this: exp.Length) -> Node:
        return call("length", _text_only("LENGTH", self.node(this.this)), gives=FieldType.INTEGER)

    def substring(self, this: exp.Substring) -> Node:
        value = _text_only("SUBSTRING", self.node(this.this))
        start = (
            self._count(this.args["start"], "SUBSTRING's start", least=-(2**20))
            if this.args.get("start")
            else Literal(1, FieldType.INTEGER)
        )
        if not this.args.get("length"):
            return call("substring_from", value, start, gives=FieldType.TEXT)
        return call(
            "substring",
            value,
            start,
            self._count(this.args["length"], "SUBSTRING's length"),
            gives=FieldType.TEXT,
        )

    def left(self, this: exp.Left) -> Node:
        value = _text_only("LEFT", self.node(this.this))
        return call("left", value, self._count(this.expression, "LEFT's length"), gives=FieldType.TEXT)

    def right(self, this: exp.Right) -> Node:
        value = _text_only("RIGHT", self.node(this.this))
        return call("right", value, self._count(this.expression, "RIGHT's length"), gives=FieldType.TEXT)

    def _count(self, this: exp.Expr, what: str, *, least: int = 0, most: int = 2**20) -> Literal:
        """A constant: how much text comes out is decided by who writes the mapping, not by the data."""
        node = self.node(this)
        if not isinstance(node, Literal) or node.type is not FieldType.INTEGER or node.value is None:
            raise Wrong(_span(this), f"{what} must be a whole number, not computed from columns")
        if not least <= node.value <= most:
            raise Wrong(_span(this), f"{what} must be from {least} to {most}")
        return node

    def replace(self, this: exp.Replace) -> Node:
        args = self._nodes(this.this, this.expression, this.args.get("replacement") or exp.Literal.string(""))
        return call("replace", *(_text_only("REPLACE", arg) for arg in args), gives=FieldType.TEXT)

    def pad(self, this: exp.Pad) -> Node:
        name, shown = ("pad_left", "LPAD") if this.args.get("is_left") else ("pad_right", "RPAD")
        fill = this.args.get("fill_pattern") or exp.Literal.string(" ")
        value, filling = self._nodes(this.this, fill)
        width = self._count(this.expression, f"{shown}'s length", most=_WIDEST_PAD)
        return call(name, _text_only(shown, value), width, _text_only(shown, filling), gives=FieldType.TEXT)

    def arithmetic(self, this: exp.Binary) -> Node:
        name = {exp.Add: "add", exp.Sub: "subtract", exp.Mul: "multiply"}[type(this)]
        left, right = self._nodes(this.this, this.expression)
        for each, side in ((left, this.this), (right, this.expression)):
            _number(each, side)
        if FieldType.DECIMAL in (left.type, right.type):
            return call(f"{name}_decimal", decimal(left), decimal(right), gives=FieldType.DECIMAL)
        return call(f"{name}_integer", left, right, gives=FieldType.INTEGER, wide=True)

    def negate(self, this: exp.Neg) -> Node:
        return self._unary("negate", this)

    def absolute(self, this: exp.Abs) -> Node:
        return self._unary("absolute", this)

    def _unary(self, name: str, this: exp.Expr) -> Node:
        value = self.node(this.this)
        _number(value, this.this)
        return call(
            f"{name}_{value.type.value}", value, gives=value.type, wide=value.type is FieldType.INTEGER
        )

    def round(self, this: exp.Round) -> Node:
        value = self.node(this.this)
        _number(value, this.this)
        digits = this.args.get("decimals")
        count = (
            self._count(digits, "ROUND's digits", least=-30, most=30)
            if digits
            else Literal(0, FieldType.INTEGER)
        )
        return call("round_decimal", decimal(value), count, gives=FieldType.DECIMAL)

    def compare(self, this: exp.Binary) -> Node:
        return comparison(_COMPARISONS[type(this)], self.node(this.this), self.node(this.expression))

    def between(self, this: exp.Between) -> Node:
        value, low, high = self._nodes(this.this, this.args["low"], this.args["high"])
        least, most = comparison("at_least", value, low), comparison("at_most", value, high)
        return call("and", least, most, gives=FieldType.BOOLEAN)

    def is_in(self, this: exp.In) -> Node:
        listed = this.expressions
        if not listed:
            raise Wrong(_span(this), "IN takes a list of constants here")
        value, *constants = unify("IN", self._nodes(this.this, *listed))
        for constant, written in zip(constants, listed, strict=True):
            if not isinstance(constant, Literal):
                raise Wrong(_span(written), "IN takes constants only", "… = a OR … = b")
            if constant.value is None:
                raise Wrong(_span(written), "NULL in IN never matches", "… IS NULL OR … IN (…)")
        if value.type not in language.COMPARABLE:
            raise Wrong(_span(this), f"{value.type.value} can't be compared", "CAST(… AS TEXT)")
        return call("in_list", value, *constants, gives=FieldType.BOOLEAN)

    def connect(self, this: exp.Connector) -> Node:
        name = "and" if isinstance(this, exp.And) else "or"
        args = [_condition(arg, name.upper()) for arg in self._nodes(this.this, this.expression)]
        return call(name, *args, gives=FieldType.BOOLEAN)

    def negation(self, this: exp.Not) -> Node:
        return call("not", _condition(self.node(this.this), "NOT"), gives=FieldType.BOOLEAN)

    def is_(self, this: exp.Is) -> Node:
        value, what, negated = self.node(this.this), this.expression, bool(this.args.get("negate"))
        if isinstance(what, exp.Null):
            if isinstance(value, Literal):
                return Literal((value.value is None) is not negated, FieldType.BOOLEAN)
            return call("is_not_null" if negated else "is_null", value, gives=FieldType.BOOLEAN)
        if not isinstance(what, exp.Boolean):
            raise Wrong(_span(this), "IS is followed by NULL, TRUE or FALSE")
        test = call(f"is_{str(bool(what.this)).lower()}", _condition(value, "IS"), gives=FieldType.BOOLEAN)
        return call("not", test, gives=FieldType.BOOLEAN) if negated else test

    def to_date(self, this: exp.StrToDate) -> Node:
        form = this.args.get("format")
        name = _DATE_FORMS.get(form.name if isinstance(form, exp.Literal) else "")
        if name is None:
            raise Wrong(
                _span(this), "TO_DATE knows the forms 'YYYYMMDD' and 'YYYY-MM-DD'", "TO_DATE(…, 'YYYYMMDD')"
            )
        return call(name, _text_only("TO_DATE", self.node(this.this)), gives=FieldType.DATE)

    def extract(self, this: exp.Extract) -> Node:
        part, value = this.name.lower(), self.node(this.expression)
        parts = {
            FieldType.DATE: ("year", "month", "day"),
            FieldType.TIMESTAMP: ("year", "month", "day", "hour", "minute"),
        }
        known = parts.get(value.type)
        if known is None:
            raise Wrong(
                _span(this.expression), f"EXTRACT takes a date or a timestamp; this is {_a(value.type)}"
            )
        if part not in known:
            raise Wrong(
                _span(this),
                f"EXTRACT knows no {part.upper()} of {_a(value.type)}",
                f"one of {', '.join(known).upper()}",
            )
        return call(f"{part}_of", value, gives=FieldType.INTEGER)

    def at_zone(self, this: exp.AtTimeZone) -> Node:
        zone = this.args["zone"]
        if not isinstance(zone, exp.Literal) or zone.name.upper() != "UTC":
            raise Wrong(
                _span(this), "AT TIME ZONE knows 'UTC' only: other zones change with the database's version"
            )
        value = self.node(this.this)
        match value.type:
            case FieldType.INSTANT:
                return call("instant_to_timestamp", value, gives=FieldType.TIMESTAMP)
            case FieldType.TIMESTAMP:
                return call("timestamp_to_instant", value, gives=FieldType.INSTANT)
        raise Wrong(_span(this.this), f"AT TIME ZONE takes a timestamp; this is {_a(value.type)}")


_a = conversions.shown_type


def _condition(node: Node, where: str) -> Node:
    return as_type(node, FieldType.BOOLEAN, f"{where} takes a condition")


def _text_only(function: str, node: Node) -> Node:
    if node.type is FieldType.TEXT:
        return node
    raise Wrong(None, f"{function} takes text; this is {_a(node.type)}", f"{function}(CAST(… AS TEXT))")


def _number(node: Node, this: exp.Expr) -> None:
    if node.type in NUMERIC or (isinstance(node, Literal) and node.value is None):
        return
    if node.type is FieldType.FLOAT:
        raise Wrong(
            _span(this),
            "floats aren't computed with: their sums differ in the last digit",
            "CAST(… AS DECIMAL(18, 6))",
        )
    raise Wrong(
        _span(this), f"this is {_a(node.type)}, not a number", "CAST(… AS INTEGER) or CAST(… AS DECIMAL)"
    )


_COMPARISONS: Final[dict[type[exp.Expr], str]] = {
    exp.EQ: "equal",
    exp.NEQ: "unequal",
    exp.LT: "less",
    exp.LTE: "at_most",
    exp.GT: "greater",
    exp.GTE: "at_least",
}

_DATE_FORMS: Final = {"%Y%m%d": "compact_text_to_date", "%Y-%m-%d": "text_to_date"}

_NOT_THE_SAME_TWICE: Final = "this gives another value each time; a row must always be translated alike"

_REASONS: Final[dict[type[exp.Expr], str]] = {
    exp.Div: "the mapping language has no division: databases disagree on its digits; multiply (amount * 0.01) and ROUND",
    exp.Subquery: "a mapping is over the columns of one row; it can't ask the database for others",
    exp.Select: "a mapping is over the columns of one row; it can't ask the database for others",
    exp.CurrentDate: _NOT_THE_SAME_TWICE,
    exp.CurrentTimestamp: _NOT_THE_SAME_TWICE,
    exp.Rand: _NOT_THE_SAME_TWICE,
    exp.Alias: "the field's name is what it stands under; leave AS out",
    exp.Star: "name the columns one by one",
    exp.Block: "this is more than one expression",
    exp.TryCast: "CAST never aborts here: a row that can't be cast goes to quarantine; write CAST",
}

_RULES: Final[dict[type[exp.Expr], Callable[[_Typing, Any], Node]]] = dict.fromkeys(
    (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), _Typing.compare
) | {
    exp.Column: _Typing.column,
    exp.Literal: _Typing.literal,
    exp.Null: _Typing.null,
    exp.Boolean: _Typing.boolean,
    exp.Paren: _Typing.paren,
    exp.Cast: _Typing.cast,
    exp.Coalesce: _Typing.coalesce,
    exp.Nullif: _Typing.null_if,
    exp.Case: _Typing.case,
    exp.Concat: _Typing.concat,
    exp.DPipe: _Typing.join,
    exp.Trim: _Typing.trim,
    exp.Upper: _Typing.upper,
    exp.Lower: _Typing.lower,
    exp.Length: _Typing.length,
    exp.Substring: _Typing.substring,
    exp.Left: _Typing.left,
    exp.Right: _Typing.right,
    exp.Replace: _Typing.replace,
    exp.Pad: _Typing.pad,
    exp.Add: _Typing.arithmetic,
    exp.Sub: _Typing.arithmetic,
    exp.Mul: _Typing.arithmetic,
    exp.Neg: _Typing.negate,
    exp.Abs: _Typing.absolute,
    exp.Round: _Typing.round,
    exp.Between: _Typing.between,
    exp.In: _Typing.is_in,
    exp.And: _Typing.connect,
    exp.Or: _Typing.connect,
    exp.Not: _Typing.negation,
    exp.Is: _Typing.is_,
    exp.StrToDate: _Typing.to_date,
    exp.Extract: _Typing.extract,
    exp.AtTimeZone: _Typing.at_zone,
}
