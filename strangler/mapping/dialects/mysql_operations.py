r"""MySQL's template for every operation of the language.

Where MySQL answers in its own way, a guard keeps it from being asked: garbage in a CAST is 0, a sum beyond 64 bits an error that
ends the statement, a decimal with too many digits is cut. What a guard lets go is translated in Python. The guards are
therefore narrower than the language here and there: long numbers in text, floats on the edge, instants in the years 1 and 9999.

Text is UTF-8 under the collation utf8mb4_bin, compared as bytes; whatever is about time is canonical text. Regular expressions
begin with `\A` and end with `\z`, since `$` also stands before a last line feed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from strangler.mapping import canonical, patterns, regular
from strangler.mapping.dialects.dialect import Inexpressible, Template, Templates, comparisons, escaped
from strangler.mapping.dialects.digits import OF_FLOAT, OF_TEXT, constant, digits
from strangler.mapping.language import COMPARABLE, COMPARISONS, places
from strangler.mapping.nodes import Call, Literal, Node
from strangler.mapping.runtime import GREATEST, LEAST
from strangler.shapes import FieldType

TIMESTAMP_FORMAT: Final = "%Y-%m-%dT%H:%i:%s.%f"


def quoted_text(text: str) -> str:
    """A literal, as a session without NO_BACKSLASH_ESCAPES reads it."""
    return canonical.quoted_text(text.replace("\\", "\\\\"))


def template(call: Call) -> Template:
    """How a call is written. Raises Inexpressible, also where it may need more digits than MySQL has."""
    for each in (call, *call.args):
        if each.type is FieldType.DECIMAL or each.wide:
            digits(each)
    return MADE[call.name](call) if call.name in MADE else FIXED[call.name]


_INTEGER_RANGE: Final = f"BETWEEN {LEAST} AND {GREATEST}"
_TRIMMED: Final = "TRIM({0})"


def _regular(pattern: str) -> str:
    return escaped(quoted_text(rf"\A(?:{pattern})\z"))


def _matches(pattern: str, longest: int = patterns.LONGEST_NUMBER) -> str:
    return f"(CHAR_LENGTH({{0}}) <= {longest} AND {_TRIMMED} REGEXP {_regular(pattern)})"


def _where(matches: str, holds: str) -> str:
    return f"CASE WHEN {matches} THEN {holds} ELSE FALSE END"


# --- casts ---------------------------------------------------------------------------------------------------------------

_DECIMAL_TEXT: Final = (
    f"[+-]?(?:[0-9]{{1,{OF_TEXT.before}}}(?:[.][0-9]{{0,{OF_TEXT.after}}})?|[.][0-9]{{1,{OF_TEXT.after}}})"
)
_ZERO: Final = "[+-]?[0.]+(?:[eE][+-]?[0-9]+)?"
_FLOAT: Final = f"({_TRIMMED} + 0e0)"
_WORD: Final = f"LOWER({_TRIMMED})"

_MOMENT: Final = "0000-00-00T00:00:00.000000"


def _completed(text: str, whole: str = _MOMENT) -> str:
    """A moment with the parts that its text leaves out."""
    return f"INSERT('{whole}', 1, CHAR_LENGTH({text}), REPLACE({text}, ' ', 'T'))"


_FULL: Final = (
    f"CONCAT(LPAD({{1}} + (LEFT({_TRIMMED}, 2) + 100 - {{1}} % 100) % 100, 4, '0'), SUBSTR({_TRIMMED}, 3))"
)
"""A date whose year has two digits, with all four: in the hundred years from `{1}` on."""


def _dashed(text: str) -> str:
    """A date of eight digits as canonical text."""
    return f"INSERT(INSERT({text}, 7, 0, '-'), 5, 0, '-')"


def _year_last(month: str, day: str) -> str:
    """A date of ten characters whose year stands last, as canonical text."""
    parts = ", ".join(f"SUBSTR({_TRIMMED}, {place})" for place in ("7", month, day))
    return f"CONCAT_WS('-', {parts})"


def _day_of_year(text: str) -> str:
    """The day of a text like 2026327."""
    first = f"CAST(CONCAT(LEFT({text}, 4), '-01-01') AS DATE)"
    return f"DATE_FORMAT({first} + INTERVAL (RIGHT({text}, 3) - 1) DAY, '%Y-%m-%d')"


_ZONE: Final = f"REGEXP_SUBSTR(SUBSTR({_TRIMMED}, 12), '[Z+-].*')"
_LOCAL: Final = f"LEFT({_TRIMMED}, CHAR_LENGTH({_TRIMMED}) - CHAR_LENGTH({_ZONE}))"
_OFFSET: Final = f"(SUBSTR({_ZONE}, 2, 2) * 60 + CONCAT('0', SUBSTR(REPLACE({_ZONE}, ':', ''), 4, 2)))"
_UTC: Final = f"CAST({_LOCAL} AS DATETIME(6)) - INTERVAL (CASE LEFT({_ZONE}, 1) WHEN '-' THEN -1 ELSE 1 END * {_OFFSET}) MINUTE"
_IN_UTC: Final = (
    f"CASE WHEN {_TRIMMED} LIKE '%Z' THEN CONCAT({_completed(_LOCAL)}, 'Z')"
    f" ELSE DATE_FORMAT({_UTC}, '{TIMESTAMP_FORMAT}Z') END"
)
_SURELY_IN_CALENDAR: Final = f"({_TRIMMED} LIKE '%Z' OR LEFT({_TRIMMED}, 4) BETWEEN '0002' AND '9998')"

_PRINTED: Final = "CAST({0} AS CHAR)"
_SIZE: Final = "CAST(ABS({0}) AS CHAR)"
_KEPT: Final = (
    f"CASE WHEN ABS({{0}}) >= 1 THEN 15 - CHAR_LENGTH(SUBSTRING_INDEX({_SIZE}, '.', 1))"
    f" ELSE 15 + CHAR_LENGTH(SUBSTR({_SIZE}, 3)) - CHAR_LENGTH(TRIM(LEADING '0' FROM SUBSTR({_SIZE}, 3))) END"
)
"""Digits after the point that belong to the first 15 significant ones."""
_HALF: Final = "-?(?:0[.]0*)?[1-9](?:[.]?[0-9]){14}[.]?5"
"""16 significant digits, the last a 5: what MySQL printed may be the rounded form of a little less."""
_PLAIN_FLOAT: Final = f"-?[0-9]{{1,15}}(?:[.][0-9]{{1,{OF_FLOAT.after}}})?"

_CASTS: Final[Templates] = {
    "text_to_integer": Template(
        f"CAST({_TRIMMED} AS SIGNED)",
        _where(_matches(patterns.INTEGER), f"CAST({_TRIMMED} AS DECIMAL(65, 0)) {_INTEGER_RANGE}"),
    ),
    "text_to_decimal": Template(f"CAST({_TRIMMED} AS {OF_TEXT.sql})", _matches(_DECIMAL_TEXT)),
    "text_to_float": Template(
        _FLOAT,
        _where(
            _matches(patterns.FLOAT),
            f"({_TRIMMED} REGEXP {_regular(_ZERO)} OR ABS({_FLOAT}) BETWEEN 1e-299 AND 1e299)",
        ),
    ),
    "text_to_boolean": Template(
        f"({_WORD} IN ({', '.join(map(quoted_text, patterns.TRUE))}))",
        f"({_WORD} IN ({', '.join(map(quoted_text, patterns.TRUE + patterns.FALSE))}))",
    ),
    "text_to_date": Template(_TRIMMED, _matches(patterns.DATE)),
    "compact_text_to_date": Template(_dashed(_TRIMMED), _matches(patterns.COMPACT_DATE)),
    "short_text_to_date": Template(
        _dashed(_FULL),
        _where(_matches(patterns.SIX_DIGITS), f"{_FULL} REGEXP {_regular(patterns.COMPACT_DATE)}"),
    ),
    "day_first_text_to_date": Template(_year_last("4, 2", "1, 2"), _matches(patterns.DAY_FIRST_DATE)),
    "month_first_text_to_date": Template(_year_last("1, 2", "4, 2"), _matches(patterns.MONTH_FIRST_DATE)),
    "ordinal_text_to_date": Template(_day_of_year(_TRIMMED), _matches(patterns.ORDINAL_DATE)),
    "since_1900_text_to_date": Template(
        _dashed(f"(19000000 + {_TRIMMED})"), _matches(patterns.DATE_SINCE_1900)
    ),
    "ordinal_since_1900_text_to_date": Template(
        _day_of_year(f"CAST(1900000 + CAST({_TRIMMED} AS SIGNED) AS CHAR)"),
        _matches(patterns.ORDINAL_SINCE_1900),
    ),
    "text_to_time": Template(_completed(_TRIMMED, "00:00:00.000000"), _matches(patterns.TIME)),
    "text_to_timestamp": Template(_completed(_TRIMMED), _matches(patterns.TIMESTAMP)),
    "text_to_instant": Template(_IN_UTC, _where(_matches(patterns.INSTANT), _SURELY_IN_CALENDAR)),
    "narrow": Template("CAST({0} AS SIGNED)", f"{{0}} {_INTEGER_RANGE}"),
    "integer_to_decimal": Template("CAST({0} AS DECIMAL(65, 0))"),
    "integer_to_float": Template("({0} + 0e0)"),
    "integer_to_boolean": Template("({0} <> 0)"),
    "integer_to_text": Template("CAST({0} AS CHAR)"),
    "boolean_to_integer": Template("{0}"),
    "boolean_to_text": Template("CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"),
    "decimal_to_integer": Template("CAST(ROUND({0}) AS SIGNED)", f"ROUND({{0}}) {_INTEGER_RANGE}"),
    "decimal_to_float": Template("({0} + 0e0)"),
    "float_to_decimal": Template(
        f"ROUND(CAST({_PRINTED} AS {OF_FLOAT.sql}), {_KEPT})",
        f"({_PRINTED} REGEXP {_regular(_PLAIN_FLOAT)} AND {_PRINTED} NOT REGEXP {_regular(_HALF)})",
    ),
    "date_to_timestamp": Template("CONCAT({0}, 'T00:00:00.000000')"),
    "timestamp_to_date": Template("LEFT({0}, 10)"),
    "timestamp_to_time": Template("SUBSTR({0}, 12)"),
    "instant_to_timestamp": Template("LEFT({0}, 26)"),
    "timestamp_to_instant": Template("CONCAT({0}, 'Z')"),
    **{f"{kind}_to_text": Template("{0}") for kind in ("date", "time", "timestamp", "instant", "json")},
}

# --- text, numbers, conditions -------------------------------------------------------------------------------------------


def _ascii_case(function: str) -> str:
    """Upper or lower case of A to Z only: bytes read as Thai, whose other letters have no case."""
    thai = f"{function}(CONVERT(CAST({{0}} AS BINARY) USING tis620))"
    return f"(CONVERT(CAST({thai} AS BINARY) USING utf8mb4) COLLATE utf8mb4_bin)"


def compared(kind: FieldType, value: str) -> str:
    """What is compared: of a text its bytes, which have no collation and no padding."""
    return f"CAST({value} AS BINARY)" if kind is FieldType.TEXT else value


def _comparison(kind: FieldType, sign: str) -> str:
    return f"({compared(kind, '{0}')} {sign} {compared(kind, '{1}')})"


FIXED: Final[Templates] = {
    **_CASTS,
    "join": Template("CONCAT({0}, {1})"),
    "upper": Template(_ascii_case("UPPER")),
    "lower": Template(_ascii_case("LOWER")),
    "length": Template("CHAR_LENGTH({0})"),
    "left": Template("LEFT({0}, {1})"),
    "right": Template("RIGHT({0}, {1})"),
    **{
        f"{name}_integer": Template(f"(CAST({{0}} AS DECIMAL(65, 0)) {sign} {{1}})")
        for name, sign in (("add", "+"), ("subtract", "-"), ("multiply", "*"))
    },
    "negate_integer": Template("(- CAST({0} AS DECIMAL(65, 0)))"),
    "absolute_integer": Template("ABS(CAST({0} AS DECIMAL(65, 0)))"),
    "add_decimal": Template("({0} + {1})"),
    "subtract_decimal": Template("({0} - {1})"),
    "multiply_decimal": Template("({0} * {1})"),
    "negate_decimal": Template("(- {0})"),
    "absolute_decimal": Template("ABS({0})"),
    "and": Template("({0} AND {1})"),
    "or": Template("({0} OR {1})"),
    "not": Template("(NOT {0})"),
    "is_null": Template("({0} IS NULL)"),
    "is_not_null": Template("({0} IS NOT NULL)"),
    "is_true": Template("({0} IS TRUE)"),
    "is_false": Template("({0} IS FALSE)"),
    **{
        f"{part}_of": Template(f"CAST(SUBSTR({{0}}, {place}) AS SIGNED)")
        for part, place in (("year", "1, 4"), ("month", "6, 2"), ("day", "9, 2"), ("hour", "12, 2"), ("minute", "15, 2"))
    },
    **{
        f"null_if_{kind.value}": Template(f"CASE WHEN {_comparison(kind, '=')} THEN NULL ELSE {{0}} END")
        for kind in COMPARABLE
    },
    **comparisons(_comparison, COMPARISONS),
}  # fmt: skip


def _concat(call: Call) -> Template:
    blank = [f"COALESCE({each}, '')" for each in places(len(call.args))]
    return Template(f"CONCAT({', '.join(blank)})")


def _in_list(call: Call) -> Template:
    value, *listed = [compared(call.args[0].type, each) for each in places(len(call.args))]
    return Template(f"({value} IN ({', '.join(listed)}))")


def _substring(call: Call) -> Template:
    start, length = constant(call.args[1]), constant(call.args[2])
    first, behind = max(start, 1), max(start + length, 1)
    return Template(f"SUBSTR({{0}}, {first}, {max(behind - first, 0)})")


def _substring_from(call: Call) -> Template:
    return Template(f"SUBSTR({{0}}, {max(constant(call.args[1]), 1)})")


def _trimming(sides: str, pattern: str) -> Callable[[Call], Template]:
    """TRIM takes a word in MySQL, not a set of characters: for more than one it is a regular expression."""

    def template(call: Call) -> Template:
        characters = call.args[1]
        if not isinstance(characters, Literal):
            raise Inexpressible("TRIM takes constant characters only in MySQL, not those of a column")
        match characters.value:
            case None:
                return Template("{1}")
            case "":
                return Template("{0}")
            case str() as given if len(given) == 1:
                return Template(f"TRIM({sides} {{1}} FROM {{0}})")
            case given:
                listed = "".join(
                    each if each.isalnum() or not each.isascii() else f"\\{each}" for each in given
                )
                regular = escaped(quoted_text(pattern.format(f"[{listed}]+")))
                return Template(f"REGEXP_REPLACE({{0}}, {regular}, '')")

    return template


def _padding(function: str) -> Callable[[Call], Template]:
    def template(call: Call) -> Template:
        padded, cut = f"{function}({{0}}, {{1}}, {{2}})", "LEFT({0}, {1})"
        fill = call.args[2]
        if not isinstance(fill, Literal):
            return Template(f"CASE WHEN CHAR_LENGTH({{2}}) = 0 THEN {cut} ELSE {padded} END")
        return Template(cut if fill.value == "" else padded)

    return template


def _replace(call: Call) -> Template:
    """MariaDB asks for what to put in only where it finds something: otherwise NULL wouldn't be NULL."""
    replaced = "REPLACE({0}, {1}, {2})"
    if isinstance(call.args[2], Literal) and call.args[2].value is not None:
        return Template(replaced)
    return Template(f"CASE WHEN {{2}} IS NOT NULL THEN {replaced} END")


def _round(call: Call) -> Template:
    return Template("{0}" if digits(call.args[0]).after <= constant(call.args[1]) else "ROUND({0}, {1})")


def _fit(call: Call) -> Template:
    value, precision, scale = call.args
    given, before = digits(value), constant(precision) - constant(scale)
    if given.after <= constant(scale):
        rounded, most = "{0}", given.before
    else:
        rounded, most = "ROUND({0}, {2})", given.before + 1
    return Template(rounded, None if most <= before else f"ABS({rounded}) < 1{'0' * before}")


def decimal_text(node: Node) -> str:
    """Without zeros at the end of what stands behind the point."""
    found = digits(node)
    text = f"CAST(CAST({{0}} AS {found.sql}) AS CHAR)"
    return f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {text}))" if found.after else text


def _regexp_like(call: Call) -> Template:
    pattern, guard = _parsed(call)
    return Template(f"({{0}} REGEXP {pattern})", guard)


def _regexp_replace(call: Call) -> Template:
    """MariaDB and MySQL have different signs for what was matched; a replacement that holds one is left to Python."""
    pattern, guard = _parsed(call)
    replacement = call.args[2]
    assert isinstance(replacement, Literal)
    if any(sign in replacement.value for sign in "\\$"):
        raise Inexpressible(
            "REGEXP_REPLACE by a text with a backslash or a dollar isn't the same in MySQL and in MariaDB"
        )
    return Template(f"REGEXP_REPLACE({{0}}, {pattern}, {escaped(quoted_text(replacement.value))})", guard)


def _parsed(call: Call) -> tuple[str, str]:
    """The pattern as a literal, and the texts for which the engine doesn't give up."""
    pattern = call.args[1]
    assert isinstance(pattern, Literal)
    parsed = regular.parse(pattern.value)
    quoted = escaped(quoted_text(regular.written(parsed, regular.BACKTRACKING)))
    return quoted, f"CHAR_LENGTH({{0}}) <= {regular.longest(parsed)}"


MADE: Final[dict[str, Callable[[Call], Template]]] = {
    "concat": _concat,
    "in_list": _in_list,
    "substring": _substring,
    "substring_from": _substring_from,
    "trim": _trimming("BOTH", r"\A{0}|{0}\z"),
    "trim_left": _trimming("LEADING", r"\A{0}"),
    "trim_right": _trimming("TRAILING", r"{0}\z"),
    "pad_left": _padding("LPAD"),
    "pad_right": _padding("RPAD"),
    "replace": _replace,
    "regexp_like": _regexp_like,
    "regexp_replace": _regexp_replace,
    "round_decimal": _round,
    "fit_decimal": _fit,
    "decimal_to_text": lambda call: Template(decimal_text(call.args[0])),
}
"""What depends on the arguments."""
