r"""MySQL's templates for conversions, and for dates in the forms of legacy systems.

Regular expressions begin with `\A` and end with `\z`, since `$` also stands before a last line feed.
"""

from __future__ import annotations

from typing import Final

from strangler.mapping import canonical, patterns
from strangler.mapping.dialects.dialect import Template, Templates, escaped
from strangler.mapping.dialects.digits import OF_FLOAT, OF_TEXT
from strangler.mapping.runtime import GREATEST, LEAST

TIMESTAMP_FORMAT: Final = "%Y-%m-%dT%H:%i:%s.%f"


def quoted_text(text: str) -> str:
    """A literal, as a session without NO_BACKSLASH_ESCAPES reads it."""
    return canonical.quoted_text(text.replace("\\", "\\\\"))


def joining(delimiter: str) -> str:
    """A delimiter for CONCAT_WS that makes UTF-8 of whatever stands beside it, in whichever character set and collation."""
    return f"CONVERT({quoted_text(delimiter)} USING utf8mb4) COLLATE utf8mb4_bin"


_INTEGER_RANGE: Final = f"BETWEEN {LEAST} AND {GREATEST}"
_TRIMMED: Final = "TRIM({0})"


def _regular(pattern: str) -> str:
    return escaped(quoted_text(rf"\A(?:{pattern})\z"))


def _matches(pattern: str, longest: int = patterns.LONGEST_NUMBER) -> str:
    return f"(CHAR_LENGTH({{0}}) <= {longest} AND {_TRIMMED} REGEXP {_regular(pattern)})"


def _where(matches: str, holds: str) -> str:
    return f"CASE WHEN {matches} THEN {holds} ELSE FALSE END"


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

CASTS: Final[Templates] = {
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
    "bytes_to_text": Template("LOWER(HEX({0}))"),
}
