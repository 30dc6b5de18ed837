"""Dates and times: reading the forms of dates that legacy systems keep as text, parts of them, and UTC."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from strangler.mapping.conversions import call, shown_type
from strangler.mapping.nodes import Node
from strangler.mapping.parsing import span_of
from strangler.mapping.rules.demands import text_only
from strangler.mapping.scope import Rules, Scope
from strangler.mapping.wrong import Wrong
from strangler.shapes import FieldType

_DATE_FORMS: Final = {"%Y%m%d": "compact_text_to_date", "%Y-%m-%d": "text_to_date"}


def to_date(scope: Scope, this: exp.StrToDate) -> Node:
    form = this.args.get("format")
    name = _DATE_FORMS.get(form.name if isinstance(form, exp.Literal) else "")
    if name is None:
        raise Wrong(
            span_of(this), "TO_DATE knows the forms 'YYYYMMDD' and 'YYYY-MM-DD'", "TO_DATE(…, 'YYYYMMDD')"
        )
    return call(name, text_only("TO_DATE", scope.node(this.this)), gives=FieldType.DATE)


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


RULES: Final[Rules] = {exp.StrToDate: to_date, exp.Extract: extract, exp.AtTimeZone: at_zone}
