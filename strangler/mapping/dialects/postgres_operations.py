"""PostgreSQL's template for every operation of the language; text is compared and cased under the collation "C"."""

from __future__ import annotations

from typing import Final

from strangler.mapping import canonical, patterns, regular
from strangler.mapping.dialects.dialect import (
    NOT_ZERO,
    Template,
    Templates,
    comparisons,
    escaped,
    surrogate_name,
)
from strangler.mapping.language import COMPARABLE, COMPARISONS, PARTS, places
from strangler.mapping.nodes import Call, Literal
from strangler.mapping.runtime import GREATEST, LEAST
from strangler.shapes import FieldType


def _matches(pattern: str, longest: int | None = None) -> str:
    matches = f"btrim({{0}}, ' ') COLLATE \"C\" ~ '^(?:{escaped(pattern)})$'"
    return f"({matches} AND char_length({{0}}) <= {longest})" if longest else matches


def _where(matches: str, holds: str) -> str:
    """The second condition is asked only where the first one holds."""
    return f"CASE WHEN {matches} THEN {holds} ELSE FALSE END"


def _in_float_range(value: str) -> str:
    return f"({value} = 0 OR abs({value}) BETWEEN 1e-300 AND 1e300)"


def _year_last(month: str, day: str) -> str:
    """A date of ten characters whose year stands last."""
    parts = [f"substr({_TRIMMED}, {place})" for place in ("7", month, day)]
    return f"CAST({' || '.join(parts)} AS date)"


def _day_of_year(number: str) -> str:
    """The day of a number like 2026327."""
    return f"(make_date({number} / 1000, 1, 1) + {number} % 1000 - 1)"


def _words(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


_TRIMMED: Final = "btrim({0}, ' ')"
_NUMERIC: Final = f"CAST({_TRIMMED} AS numeric)"
_WHOLE: Final = f"CAST({_TRIMMED} AS integer)"
_FULL: Final = (
    f"lpad(CAST({{1}} + (CAST(left({_TRIMMED}, 2) AS integer) + 100 - {{1}} % 100) % 100 AS text), 4, '0')"
    f" || substr({_TRIMMED}, 3)"
)
"""A date whose year has two digits, with all four: in the hundred years from `{1}` on."""
_WORD: Final = f'lower({_TRIMMED} COLLATE "C")'
_INSTANT: Final = f"CAST({_TRIMMED} AS timestamptz)"
_INTEGER_RANGE: Final = f"BETWEEN {LEAST} AND {GREATEST}"
_FITS_INSTANT: Final = f"{_INSTANT} >= '0001-01-01 00:00:00+00' AND {_INSTANT} < '10000-01-01 00:00:00+00'"

DATE_TEXT: Final = "to_char({0}, 'YYYY-MM-DD')"
TIME_TEXT: Final = "to_char({0}, 'HH24:MI:SS.US')"
TIMESTAMP_TEXT: Final = "to_char({0}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
INSTANT_TEXT: Final = "to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
DECIMAL_TEXT: Final = "CAST(trim_scale({0}) AS text)"

_CASTS: Final[Templates] = {
    "text_to_integer": Template(
        f"CAST({_TRIMMED} AS bigint)", _where(_matches(patterns.INTEGER), f"{_NUMERIC} {_INTEGER_RANGE}")
    ),
    "text_to_decimal": Template(_NUMERIC, _matches(patterns.DECIMAL, patterns.LONGEST_NUMBER)),
    "text_to_float": Template(
        f"CAST({_NUMERIC} AS double precision)",
        _where(_matches(patterns.FLOAT, patterns.LONGEST_NUMBER), _in_float_range(_NUMERIC)),
    ),
    "text_to_boolean": Template(
        f"({_WORD} IN ({_words(patterns.TRUE)}))", f"{_WORD} IN ({_words(patterns.TRUE + patterns.FALSE)})"
    ),
    "text_to_date": Template(f"CAST({_TRIMMED} AS date)", _matches(patterns.DATE)),
    "compact_text_to_date": Template(f"CAST({_TRIMMED} AS date)", _matches(patterns.COMPACT_DATE)),
    "short_text_to_date": Template(
        f"CAST({_FULL} AS date)",
        _where(_matches(patterns.SIX_DIGITS), f"{_FULL} ~ '^(?:{escaped(patterns.COMPACT_DATE)})$'"),
    ),
    "day_first_text_to_date": Template(_year_last("4, 2", "1, 2"), _matches(patterns.DAY_FIRST_DATE)),
    "month_first_text_to_date": Template(_year_last("1, 2", "4, 2"), _matches(patterns.MONTH_FIRST_DATE)),
    "ordinal_text_to_date": Template(_day_of_year(_WHOLE), _matches(patterns.ORDINAL_DATE)),
    "since_1900_text_to_date": Template(
        f"CAST(CAST(19000000 + {_WHOLE} AS text) AS date)", _matches(patterns.DATE_SINCE_1900)
    ),
    "ordinal_since_1900_text_to_date": Template(
        _day_of_year(f"(1900000 + {_WHOLE})"), _matches(patterns.ORDINAL_SINCE_1900)
    ),
    "text_to_time": Template(f"CAST({_TRIMMED} AS time)", _matches(patterns.TIME)),
    "text_to_timestamp": Template(f"CAST({_TRIMMED} AS timestamp)", _matches(patterns.TIMESTAMP)),
    "text_to_instant": Template(_INSTANT, _where(_matches(patterns.INSTANT), _FITS_INSTANT)),
    "narrow": Template("CAST({0} AS bigint)", f"{{0}} {_INTEGER_RANGE}"),
    "integer_to_decimal": Template("CAST({0} AS numeric)"),
    "integer_to_float": Template("CAST({0} AS double precision)"),
    "integer_to_boolean": Template("({0} <> 0)"),
    "integer_to_text": Template("CAST({0} AS text)"),
    "boolean_to_integer": Template("CAST({0} AS integer)"),
    "boolean_to_text": Template("CAST({0} AS text)"),
    "decimal_to_integer": Template("CAST(round({0}) AS bigint)", f"round({{0}}) {_INTEGER_RANGE}"),
    "decimal_to_float": Template("CAST({0} AS double precision)", _in_float_range("{0}")),
    "decimal_to_text": Template(DECIMAL_TEXT),
    "fit_decimal": Template(
        "round({0}, {2})", "({0} = 'NaN' OR abs(round({0}, {2})) < 10 ^ CAST({1} - {2} AS numeric))"
    ),
    "float_to_decimal": Template("CAST({0} AS numeric)", "{0} NOT IN ('Infinity', '-Infinity')"),
    "date_to_timestamp": Template("CAST({0} AS timestamp)"),
    "timestamp_to_date": Template("CAST({0} AS date)"),
    "timestamp_to_time": Template("CAST({0} AS time)"),
    "instant_to_timestamp": Template("({0} AT TIME ZONE 'UTC')"),
    "timestamp_to_instant": Template("({0} AT TIME ZONE 'UTC')"),
    "date_to_text": Template(DATE_TEXT),
    "time_to_text": Template(TIME_TEXT),
    "timestamp_to_text": Template(TIMESTAMP_TEXT),
    "instant_to_text": Template(INSTANT_TEXT),
    "json_to_text": Template("{0}"),
    "bytes_to_text": Template("encode({0}, 'hex')"),
}

_TEXT: Final[Templates] = {
    "join": Template("({0} || {1})"),
    "trim": Template("btrim({0}, {1})"),
    "trim_left": Template("ltrim({0}, {1})"),
    "trim_right": Template("rtrim({0}, {1})"),
    "upper": Template('upper({0} COLLATE "C")'),
    "lower": Template('lower({0} COLLATE "C")'),
    "length": Template("char_length({0})"),
    "substring": Template("substring({0}, {1}, {2})"),
    "substring_from": Template("substring({0}, {1})"),
    "left": Template("left({0}, {1})"),
    "right": Template("right({0}, {1})"),
    "replace": Template('replace({0} COLLATE "C", {1}, {2})'),
    "pad_left": Template("lpad({0}, {1}, {2})"),
    "pad_right": Template("rpad({0}, {1}, {2})"),
}

_NUMBERS: Final[Templates] = {
    "add_integer": Template("(CAST({0} AS numeric) + {1})"),
    "subtract_integer": Template("(CAST({0} AS numeric) - {1})"),
    "multiply_integer": Template("(CAST({0} AS numeric) * {1})"),
    "negate_integer": Template("(- CAST({0} AS numeric))"),
    "absolute_integer": Template("abs(CAST({0} AS numeric))"),
    "add_decimal": Template("({0} + {1})"),
    "subtract_decimal": Template("({0} - {1})"),
    "multiply_decimal": Template("({0} * {1})"),
    "negate_decimal": Template("(- {0})"),
    "absolute_decimal": Template("abs({0})"),
    "round_decimal": Template("round({0}, {1})"),
    "divide_integer": Template("div(CAST({0} AS numeric), {1})", NOT_ZERO),
    "modulo_integer": Template("CAST(CAST({0} AS numeric) % {1} AS bigint)", NOT_ZERO),
    "modulo_decimal": Template("({0} % {1})", NOT_ZERO),
}

_LOGIC: Final[Templates] = {
    "and": Template("({0} AND {1})"),
    "or": Template("({0} OR {1})"),
    "not": Template("(NOT {0})"),
    "is_null": Template("({0} IS NULL)"),
    "is_not_null": Template("({0} IS NOT NULL)"),
    "is_true": Template("({0} IS TRUE)"),
    "is_false": Template("({0} IS FALSE)"),
}

_PARTS: Final[Templates] = {
    f"{part}_of": Template(f"CAST(extract({part} FROM {{0}}) AS bigint)") for part in PARTS
}


def _collated(kind: FieldType) -> str:
    return '{0} COLLATE "C"' if kind is FieldType.TEXT else "{0}"


_NULL_IFS: Final[Templates] = {
    f"null_if_{kind.value}": Template(f"NULLIF({_collated(kind)}, {{1}})") for kind in COMPARABLE
}

_TEMPLATES: Final[Templates] = {
    **_CASTS, **_TEXT, **_NUMBERS, **_LOGIC, **_PARTS, **_NULL_IFS,
    **comparisons(lambda kind, sign: f"({_collated(kind)} {sign} {{1}})", COMPARISONS),
}  # fmt: skip


def _regular(call: Call) -> Template:
    """Of a regular expression; the pattern is a constant, and so is what it is replaced with."""
    pattern, *replacement = [str(each.value) for each in call.args[1:] if isinstance(each, Literal)]
    text, quoted = '{0} COLLATE "C"', _quoted(regular.written(regular.parse(pattern), regular.POSTGRES))
    if call.name == "regexp_like":
        return Template(f"({text} ~ {quoted})")
    new = replacement[0].replace("\\", r"\\")
    return Template(f"regexp_replace({text}, {quoted}, {_quoted(new)}, 'g')")


def _surrogate(call: Call) -> Template:
    """See `strangler.mapping.surrogates`; in UTF-8 whatever the database's own encoding is. A uuid brings its own hyphens."""
    values = [
        f"',''' || replace({each} COLLATE \"C\", '''', '''''') || ''''" for each in places(len(call.args))[1:]
    ]
    written = " || ".join([_quoted(canonical.quoted_text(surrogate_name(call))), *values])
    digest = f"left(encode(sha256(convert_to({written}, 'UTF8')), 'hex'), 32)"
    marked = f"overlay(overlay({digest} PLACING '8' FROM 13 FOR 1) PLACING '8' FROM 17 FOR 1)"
    return Template(f"CAST(CAST({marked} AS uuid) AS text)")


def _quoted(value: str) -> str:
    return escaped(canonical.quoted_text(value))


def template(call: Call) -> Template:
    """How a call is written."""
    if call.name == "concat":
        return Template(f"concat({', '.join(places(len(call.args)))})")
    if call.name == "in_list":
        first, *others = places(len(call.args))
        return Template(f"({_collated(call.args[0].type).format(first)} IN ({', '.join(others)}))")
    if call.name == "surrogate":
        return _surrogate(call)
    if call.name.startswith("regexp_"):
        return _regular(call)
    return _TEMPLATES[call.name]
