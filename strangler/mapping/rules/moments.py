"""Dates and times: reading the forms of dates that legacy systems keep as text, parts of them, and UTC."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from strangler.mapping.building import NUMERIC, text
from strangler.mapping.conversions import call, shown_type
from strangler.mapping.nodes import Node
from strangler.mapping.parsing import span_of
from strangler.mapping.rules.demands import text_only
from strangler.mapping.scope import Rules, Scope
from strangler.mapping.wrong import Wrong
from strangler.shapes import FieldType

_DATE_FORMS: Final = {
    "YYYYMMDD": "compact_text_to_date",
    "YYMMDD": "short_text_to_date",
    "CYYMMDD": "since_1900_text_to_date",
    "YYYY-MM-DD": "text_to_date",
    "DD.MM.YYYY": "day_first_text_to_date",
    "MM/DD/YYYY": "month_first_text_to_date",
    "YYYYDDD": "ordinal_text_to_date",
    "CYYDDD": "ordinal_since_1900_text_to_date",
}

_NUMBERED: Final = ("YYYYMMDD", "CYYMMDD", "YYYYDDD", "CYYDDD")
"""Forms in which a number loses no zero that counts."""


def to_date(scope: Scope, this: exp.Anonymous) -> Node:
    given = this.expressions
    form = given[1].name.upper() if len(given) > 1 and _is_text(given[1]) else ""
    if form not in _DATE_FORMS:
        *others, last = map(repr, _DATE_FORMS)
        what = f"TO_DATE knows the forms {', '.join(others)} and {last}"
        raise Wrong(span_of(given[1] if len(given) > 1 else this), what, "TO_DATE(…, 'YYYYMMDD')")
    args = [_dated(scope, given[0], form), *_window(scope, this, form)]
    return call(_DATE_FORMS[form], *args, gives=FieldType.DATE)


def _is_text(this: exp.Expr) -> bool:
    return isinstance(this, exp.Literal) and this.is_string


def _dated(scope: Scope, this: exp.Expr, form: str) -> Node:
    """What is read: text, or a number in its digits."""
    node = scope.node(this)
    if node.type not in NUMERIC:
        return text_only("TO_DATE", node)
    if form in _NUMBERED:
        return text(node)
    what = f"a number can't be read as {form!r}: its digits are too few where it begins with a zero"
    instead = f"LPAD(CAST(… AS TEXT), {len(form)}, '0')" if form.isalpha() else "TO_DATE(…, 'YYYYMMDD')"
    raise Wrong(span_of(this), what, instead)


def _window(scope: Scope, this: exp.Anonymous, form: str) -> list[Node]:
    """The first of the hundred years that two digits stand for, which `YYMMDD` can't do without."""
    given = this.expressions[2:]
    if form != "YYMMDD":
        if given:
            raise Wrong(span_of(given[0]), f"TO_DATE with {form!r} takes two arguments")
        return []
    if len(given) != 1:
        what = "two digits of a year don't say which century: TO_DATE takes the first of the hundred years that are meant"
        raise Wrong(span_of(this), what, "TO_DATE(…, 'YYMMDD', 1950) for 1950 to 2049")
    return [scope.count(given[0], "the first of the hundred years", least=1, most=9900)]


def extract(scope: Scope, this: exp.Extract) -> Node:
    part, value = this.name.lower(), scope.node(this.expression)
    parts = {
        FieldType.DATE: ("year", "month", "day"),
        FieldType.TIMESTAMP: ("year", "month", "day", "hour", "minute"),
    }
    known = parts.get(value.type)
    if known is None:
        raise Wrong(
            span_of(this.expression), f"EXTRACT takes a date or a timestamp; this is {shown_type(value.type)}"
        )
    if part not in known:
        raise Wrong(
            span_of(this),
            f"EXTRACT knows no {part.upper()} of {shown_type(value.type)}",
            f"one of {', '.join(known).upper()}",
        )
    return call(f"{part}_of", value, gives=FieldType.INTEGER)


def at_zone(scope: Scope, this: exp.AtTimeZone) -> Node:
    zone = this.args["zone"]
    if not isinstance(zone, exp.Literal) or zone.name.upper() != "UTC":
        raise Wrong(
            span_of(this), "AT TIME ZONE knows 'UTC' only: other zones change with the database's version"
        )
    value = scope.node(this.this)
    match value.type:
        case FieldType.INSTANT:
            return call("instant_to_timestamp", value, gives=FieldType.TIMESTAMP)
        case FieldType.TIMESTAMP:
            return call("timestamp_to_instant", value, gives=FieldType.INSTANT)
    raise Wrong(span_of(this.this), f"AT TIME ZONE takes a timestamp; this is {shown_type(value.type)}")


RULES: Final[Rules] = {"TO_DATE": to_date, exp.Extract: extract, exp.AtTimeZone: at_zone}
