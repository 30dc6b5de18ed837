"""Oracle's template for every operation of the language, or why there is none. The empty text is seen to in `oracle_empty`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from strangler.mapping import canonical, patterns
from strangler.mapping.dialects.dialect import Inexpressible, Template, Templates, escaped
from strangler.mapping.dialects.digits import Bounds, constant, digits
from strangler.mapping.dialects.transpiled import BYTES, COMPARED, FLOATS, LOGIC, fails, of_divisor, sure
from strangler.mapping.language import COMPARISONS, places
from strangler.mapping.nodes import Call, Literal
from strangler.mapping.runtime import GREATEST, LEAST

BOUNDS: Final = Bounds("Oracle", 38, 38)

LONGEST_TEXT: Final = 4000
"""Bytes of a VARCHAR2."""

_FILLED: Final = 1000
"""Characters of a text that is filled: they have 4 bytes at most."""

_TRIMMED: Final = "TRIM({0})"
_DIGITS: Final = "'0123456789'"
_RANGE: Final = f"BETWEEN {LEAST} AND {GREATEST}"
_UNSIGNED: Final = (
    f"CASE WHEN SUBSTR({_TRIMMED}, 1, 1) IN ('+', '-') THEN SUBSTR({_TRIMMED}, 2) ELSE {_TRIMMED} END"
)
_CAPITALS, _SMALL = "'ABCDEFGHIJKLMNOPQRSTUVWXYZ'", "'abcdefghijklmnopqrstuvwxyz'"
_WORD: Final = f"TRANSLATE({_TRIMMED}, {_CAPITALS}, {_SMALL})"
_FIRST_DAY: Final = "DATE '1582-10-15'"


def _words(words: tuple[str, ...]) -> str:
    return ", ".join(map(canonical.quoted_text, words))


def _where(matches: str, holds: str) -> str:
    """The second condition is asked only where the first one holds."""
    return f"(CASE WHEN {matches} THEN CASE WHEN {holds} THEN 1 ELSE 0 END ELSE 0 END = 1)"


def _all_digits(*lengths: int) -> str:
    listed = ", ".join(map(str, lengths))
    return f"LENGTH({_TRIMMED}) IN ({listed}) AND LTRIM({_TRIMMED}, {_DIGITS}) IS NULL"


def _date(form: str, text: str, looks: str) -> Template:
    """A date of one form: first how it looks, then whether the calendar has it, and since when it is the same calendar."""
    value = f"TO_DATE({text}, 'FX{form}')"
    known = f"VALIDATE_CONVERSION({text} AS DATE, 'FX{form}') = 1"
    return Template(value, _where(looks, f"CASE WHEN {known} THEN {value} END >= {_FIRST_DAY}"))


def _marked(mark: str) -> str:
    """Ten characters, of which all but the two marks are digits."""
    return f"TRANSLATE({_TRIMMED}, '0123456789', '9999999999') = '{mark}'"


def _since_1900(by: int) -> str:
    return f"TO_CHAR({by} + TO_NUMBER({_TRIMMED}))"


_FULL: Final = (
    f"LPAD(TO_CHAR({{1}} + MOD(TO_NUMBER(SUBSTR({_TRIMMED}, 1, 2)) + 100 - MOD({{1}}, 100), 100)), 4, '0')"
    f" || SUBSTR({_TRIMMED}, 3)"
)
"""A date whose year has two digits, with all four: in the hundred years from `{1}` on."""

_NUMBER: Final = "TO_CHAR({0}, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''')"
_MOMENT: Final = "'YYYY-MM-DD\"T\"HH24:MI:SS.FF6'"
_MOMENT_IN_UTC: Final = '\'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"\''

FIXED: Final[Templates] = {
    **LOGIC,
    **COMPARED,
    "equal_text": Template("({0} = {1})"),
    "unequal_text": Template("({0} <> {1})"),
    "text_to_integer": Template(
        f"TO_NUMBER({_TRIMMED})",
        _where(
            f"LENGTH({_UNSIGNED}) <= 40 AND LTRIM({_UNSIGNED}, {_DIGITS}) IS NULL", f"TO_NUMBER({_TRIMMED}) {_RANGE}"
        ),
    ),
    "text_to_boolean": Template(
        f"({_WORD} IN ({_words(patterns.TRUE)}))", sure(f"{_WORD} IN ({_words(patterns.TRUE + patterns.FALSE)})")
    ),
    "text_to_date": _date("YYYY-MM-DD", _TRIMMED, _marked("9999-99-99")),
    "compact_text_to_date": _date("YYYYMMDD", _TRIMMED, _all_digits(8)),
    "short_text_to_date": _date("YYYYMMDD", _FULL, _all_digits(6)),
    "day_first_text_to_date": _date("DD.MM.YYYY", _TRIMMED, _marked("99.99.9999")),
    "month_first_text_to_date": _date("MM/DD/YYYY", _TRIMMED, _marked("99/99/9999")),
    "since_1900_text_to_date": _date("YYYYMMDD", _since_1900(19_000_000), _all_digits(6, 7)),
    "ordinal_text_to_date": _date("YYYYDDD", _TRIMMED, _all_digits(7)),
    "ordinal_since_1900_text_to_date": _date("YYYYDDD", _since_1900(1_900_000), _all_digits(5, 6)),
    "narrow": Template("{0}", sure(f"{{0}} {_RANGE}")),
    "integer_to_boolean": Template("({0} <> 0)"),
    "integer_to_text": Template("TO_CHAR({0})"),
    "integer_to_decimal": Template("{0}"),
    "boolean_to_integer": Template("{0}"),
    "boolean_to_text": Template("CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"),
    "decimal_to_integer": Template("ROUND({0})", sure(f"ROUND({{0}}) {_RANGE}")),
    "decimal_to_text": Template(
        f"CASE WHEN {{0}} > -1 AND {{0}} < 1 THEN REPLACE({_NUMBER}, '.', '0.') ELSE {_NUMBER} END"
    ),
    "date_to_timestamp": Template("CAST({0} AS TIMESTAMP)"),
    "timestamp_to_date": Template("TO_DATE(TO_CHAR({0}, 'YYYY-MM-DD'), 'YYYY-MM-DD')"),
    "instant_to_timestamp": Template("SYS_EXTRACT_UTC({0})"),
    "timestamp_to_instant": Template("FROM_TZ(CAST({0} AS TIMESTAMP), '+00:00')"),
    "date_to_text": Template("TO_CHAR({0}, 'YYYY-MM-DD')"),
    "timestamp_to_text": Template(f"TO_CHAR(CAST({{0}} AS TIMESTAMP), {_MOMENT})"),
    "instant_to_text": Template(f"TO_CHAR(SYS_EXTRACT_UTC({{0}}), {_MOMENT_IN_UTC})"),
    "upper": Template(f"TRANSLATE({{0}}, {_SMALL}, {_CAPITALS})"),
    "lower": Template(f"TRANSLATE({{0}}, {_CAPITALS}, {_SMALL})"),
    "length": Template("LENGTH4({0})"),
    "left": Template("SUBSTR4({0}, 1, {1})"),
    "negate_integer": Template("(- {0})"),
    "absolute_integer": Template("ABS({0})"),
    "negate_decimal": Template("(- {0})"),
    "absolute_decimal": Template("ABS({0})"),
    "year_of": Template("EXTRACT(YEAR FROM {0})"),
    "month_of": Template("EXTRACT(MONTH FROM {0})"),
    "day_of": Template("EXTRACT(DAY FROM {0})"),
    "hour_of": Template("EXTRACT(HOUR FROM CAST({0} AS TIMESTAMP))"),
    "minute_of": Template("EXTRACT(MINUTE FROM CAST({0} AS TIMESTAMP))"),
}  # fmt: skip

REFUSED: Final[Mapping[str, str]] = {
    **fails("Oracle doesn't compare a BLOB", *BYTES),
    **fails("Oracle hashes texts in the database's own character set, which needn't be UTF-8", "surrogate", "bytes_to_text"),
    **FLOATS,
    **fails(
        "Oracle orders texts by the bytes of its character set, which needn't be the order of code points",
        *(f"{name}_text" for name in COMPARISONS if name not in ("equal", "unequal")),
    ),
    **fails(
        "Oracle has no type for a time of the day",
        "text_to_time", "timestamp_to_time", "time_to_text", "null_if_time", *(f"{name}_time" for name in COMPARISONS),
    ),
    **fails("what a class of characters holds depends on the session in Oracle's regular expressions", "regexp_like", "regexp_replace"),
    **fails("a text may hold more digits than the 38 that Oracle computes with", "text_to_decimal"),
    **fails(
        "Oracle reads more forms of a time than the language does", "text_to_timestamp", "text_to_instant"
    ),
    **fails("Oracle has no JSON that is kept as it stands", "json_to_text"),
}  # fmt: skip


def _sized(form: str) -> Callable[[Call], Template]:
    def template(call: Call) -> Template:
        digits(call, BOUNDS)
        return Template(form)

    return template


def _modulo(call: Call) -> Template:
    digits(call, BOUNDS)
    return Template("MOD({0}, {1})", of_divisor(call))


def _fit(call: Call) -> Template:
    digits(call.args[0], BOUNDS)
    before = constant(call.args[1]) - constant(call.args[2])
    return Template("ROUND({0}, {2})", sure(f"ABS(ROUND({{0}}, {{2}})) < 1{'0' * before}"))


def _null_if_text(call: Call) -> Template:
    other = call.args[1]
    if isinstance(other, Literal) and other.value == "":
        return Template("{0}")
    return Template("CASE WHEN {0} = {1} THEN NULL ELSE {0} END")


def _concat(call: Call) -> Template:
    return Template(f"({' || '.join(places(len(call.args)))})")


def _join(call: Call) -> Template:
    """Oracle takes NULL for an empty text, and leaves it out."""
    asked = [place for place, node in zip(places(2), call.args, strict=True) if node.nullable]
    if not asked:
        return Template("({0} || {1})")
    return Template(
        f"CASE WHEN {' AND '.join(f'{each} IS NOT NULL' for each in asked)} THEN {{0}} || {{1}} END"
    )


def _substring(call: Call) -> Template:
    start, length = constant(call.args[1]), constant(call.args[2])
    first, behind = max(start, 1), max(start + length, 1)
    return Template(f"SUBSTR4({{0}}, {first}, {max(behind - first, 0)})")


def _substring_from(call: Call) -> Template:
    return Template(f"SUBSTR4({{0}}, {max(constant(call.args[1]), 1)})")


def _right(call: Call) -> Template:
    length = constant(call.args[1])
    if length == 0:
        return Template("SUBSTR4({0}, 1, 0)")
    return Template(f"CASE WHEN LENGTH4({{0}}) <= {length} THEN {{0}} ELSE SUBSTR4({{0}}, -{length}) END")


def _trim(*functions: str) -> Callable[[Call], Template]:
    def template(call: Call) -> Template:
        characters = call.args[1]
        if not isinstance(characters, Literal):
            raise Inexpressible("TRIM takes constant characters only, not those of a column")
        if characters.value in (None, ""):
            return Template("{1}" if characters.value is None else "{0}")
        value = "{0}"
        for function in functions:
            value = f"{function}({value}, {escaped(canonical.quoted_text(characters.value))})"
        return Template(value)

    return template


def _replace(call: Call) -> Template:
    """NULL in place of what is put in would be taken for an empty text."""
    if not all(isinstance(each, Literal) and each.value is not None for each in call.args[1:]):
        raise Inexpressible("REPLACE takes constant texts only, not those of a column")
    return Template("REPLACE({0}, {1}, {2})")


def _pad(left: bool) -> Callable[[Call], Template]:
    """Oracle's own counts columns on a screen, of which a character may take two."""

    def template(call: Call) -> Template:
        width, fill = constant(call.args[1]), call.args[2]
        if not isinstance(fill, Literal) or fill.value is None:
            raise Inexpressible("LPAD and RPAD take a constant text to fill with, not that of a column")
        if width > _FILLED:
            raise Inexpressible(f"LPAD and RPAD fill to {_FILLED:,} characters in Oracle")
        cut = f"SUBSTR4({{0}}, 1, {width})"
        if not width or not fill.value:
            return Template(cut)
        filling = escaped(canonical.quoted_text((fill.value * width)[:width]))
        filled = f"SUBSTR4({filling}, 1, {width} - LENGTH4({{0}}))"
        both = f"{filled} || {{0}}" if left else f"{{0}} || {filled}"
        return Template(f"CASE WHEN {{0}} IS NULL OR LENGTH4({{0}}) >= {width} THEN {cut} ELSE {both} END")

    return template


MADE: Final[Mapping[str, Callable[[Call], Template]]] = {
    "concat": _concat,
    "join": _join,
    "divide_integer": lambda call: Template("TRUNC({0} / {1})", of_divisor(call)),
    "modulo_integer": lambda call: Template("MOD({0}, {1})", of_divisor(call)),
    "substring": _substring,
    "substring_from": _substring_from,
    "right": _right,
    "trim": _trim("LTRIM", "RTRIM"),
    "trim_left": _trim("LTRIM"),
    "trim_right": _trim("RTRIM"),
    "replace": _replace,
    "pad_left": _pad(left=True),
    "pad_right": _pad(left=False),
    "null_if_text": _null_if_text,
    "add_integer": _sized("({0} + {1})"),
    "subtract_integer": _sized("({0} - {1})"),
    "multiply_integer": _sized("({0} * {1})"),
    "add_decimal": _sized("({0} + {1})"),
    "subtract_decimal": _sized("({0} - {1})"),
    "multiply_decimal": _sized("({0} * {1})"),
    "modulo_decimal": _modulo,
    "round_decimal": _sized("ROUND({0}, {1})"),
    "fit_decimal": _fit,
}
"""What depends on the arguments."""
