"""The language: the fixed list of operations that a mapping may use, each with one meaning in all three executions.

Every operation is a row of data: how it is written in Python, in PostgreSQL and in SQLite. Transpiling would not keep the
meaning; these templates do, and a property test holds them together. The SQL functions that users write
are resolved to operations by their argument types in `strangler.mapping.typing`.

Evaluation. An operation evaluates all of its arguments and is NULL when one of them is (`strict`), unless its row says
otherwise; only CASE and COALESCE evaluate no more than they must. An operation with a `guard` can fail: then
the row is untranslatable. The guard is SQL that is true for the arguments that the operation has a meaning for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strangler.mapping import patterns
from strangler.mapping.runtime import GREATEST, LEAST
from strangler.shapes import FieldType


@dataclass(frozen=True, slots=True)
class Operation:
    """`python`, `postgres` and `sqlite` are templates over `{0}`, `{1}`…; so is `guard`, PostgreSQL's, where it can fail.

    The template `*` is a call with all arguments: in `python` of the runtime's function of the operation's name, in `sqlite`
    of the very same function, registered there as `strangler_<name>` (and its guard as `strangler_can_<name>`).
    """

    python: str
    postgres: str
    sqlite: str
    guard: str | None = None
    strict: bool = True


def _stripped(pattern: str, longest: int | None = None) -> str:
    matches = f"btrim({{0}}, ' ') COLLATE \"C\" ~ '^(?:{_escaped(pattern)})$'"
    return f"({matches} AND char_length({{0}}) <= {longest})" if longest else matches


def _escaped(pattern: str) -> str:
    return pattern.replace("{", "{{").replace("}", "}}")


def _within(value: str, matches: str) -> str:
    return f"CASE WHEN {matches} THEN {value} BETWEEN {LEAST} AND {GREATEST} ELSE FALSE END"


def _float_range(value: str) -> str:
    return f"({value} = 0 OR abs({value}) BETWEEN 1e-300 AND 1e300)"


def _words(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


_TRIMMED: Final = "btrim({0}, ' ')"
_NUMERIC: Final = "CAST(btrim({0}, ' ') AS numeric)"
_WORD: Final = "lower(btrim({0}, ' ') COLLATE \"C\")"
_FITS_FLOAT: Final = _float_range(_NUMERIC)
_FITS_INSTANT: Final = (
    "CAST(btrim({0}, ' ') AS timestamptz) >= '0001-01-01 00:00:00+00'"
    " AND CAST(btrim({0}, ' ') AS timestamptz) < '10000-01-01 00:00:00+00'"
)
_FLOAT_TEXT: Final = _stripped(patterns.FLOAT, patterns.LONGEST_NUMBER)
_INSTANT_TEXT: Final = _stripped(patterns.INSTANT)
_DATE_TEXT: Final = "to_char({0}, 'YYYY-MM-DD')"
_TIMESTAMP_TEXT: Final = "to_char({0}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
_INSTANT_AS_TEXT: Final = "to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

_CASTS: Final = {
    "text_to_integer": Operation(
        "*",
        f"CAST({_TRIMMED} AS bigint)",
        "*",
        _within(_NUMERIC, _stripped(patterns.INTEGER)),
    ),
    "text_to_decimal": Operation("*", _NUMERIC, "*", _stripped(patterns.DECIMAL, patterns.LONGEST_NUMBER)),
    "text_to_float": Operation(
        "*",
        f"CAST({_NUMERIC} AS double precision)",
        "*",
        f"CASE WHEN {_FLOAT_TEXT} THEN {_FITS_FLOAT} ELSE FALSE END",
    ),
    "text_to_boolean": Operation(
        "*",
        f"({_WORD} IN ({_words(patterns.TRUE)}))",
        "*",
        f"{_WORD} IN ({_words(patterns.TRUE + patterns.FALSE)})",
    ),
    "text_to_date": Operation("*", f"CAST({_TRIMMED} AS date)", "*", _stripped(patterns.DATE)),
    "compact_text_to_date": Operation(
        "*", f"CAST({_TRIMMED} AS date)", "*", _stripped(patterns.COMPACT_DATE)
    ),
    "text_to_time": Operation("*", f"CAST({_TRIMMED} AS time)", "*", _stripped(patterns.TIME)),
    "text_to_timestamp": Operation("*", f"CAST({_TRIMMED} AS timestamp)", "*", _stripped(patterns.TIMESTAMP)),
    "text_to_instant": Operation(
        "*",
        f"CAST({_TRIMMED} AS timestamptz)",
        "*",
        f"CASE WHEN {_INSTANT_TEXT} THEN {_FITS_INSTANT} ELSE FALSE END",
    ),
    "narrow": Operation("*", "CAST({0} AS bigint)", "*", f"{{0}} BETWEEN {LEAST} AND {GREATEST}"),
    "integer_to_decimal": Operation("Decimal({0})", "CAST({0} AS numeric)", "CAST({0} AS TEXT)"),
    "integer_to_float": Operation("float({0})", "CAST({0} AS double precision)", "CAST({0} AS REAL)"),
    "integer_to_boolean": Operation("({0} != 0)", "({0} <> 0)", "({0} <> 0)"),
    "integer_to_text": Operation("str({0})", "CAST({0} AS text)", "CAST({0} AS TEXT)"),
    "boolean_to_integer": Operation("int({0})", "CAST({0} AS integer)", "{0}"),
    "boolean_to_text": Operation(
        "('true' if {0} else 'false')",
        "CAST({0} AS text)",
        "CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END",
    ),
    "decimal_to_integer": Operation(
        "*", "CAST(round({0}) AS bigint)", "*", f"round({{0}}) BETWEEN {LEAST} AND {GREATEST}"
    ),
    "decimal_to_float": Operation("*", "CAST({0} AS double precision)", "*", _float_range("{0}")),
    "decimal_to_text": Operation("decimal_text({0})", "CAST(trim_scale({0}) AS text)", "{0}"),
    "fit_decimal": Operation(
        "*", "round({0}, {2})", "*", "({0} = 'NaN' OR abs(round({0}, {2})) < 10 ^ CAST({1} - {2} AS numeric))"
    ),
    "float_to_decimal": Operation("*", "CAST({0} AS numeric)", "*", "{0} NOT IN ('Infinity', '-Infinity')"),
    "date_to_timestamp": Operation("*", "CAST({0} AS timestamp)", "({0} || 'T00:00:00.000000')"),
    "timestamp_to_date": Operation("{0}.date()", "CAST({0} AS date)", "substr({0}, 1, 10)"),
    "timestamp_to_time": Operation("{0}.time()", "CAST({0} AS time)", "substr({0}, 12)"),
    "instant_to_timestamp": Operation("*", "({0} AT TIME ZONE 'UTC')", "substr({0}, 1, 26)"),
    "timestamp_to_instant": Operation("*", "({0} AT TIME ZONE 'UTC')", "({0} || 'Z')"),
    "date_to_text": Operation("{0}.isoformat()", _DATE_TEXT, "{0}"),
    "time_to_text": Operation("time_text({0})", "to_char({0}, 'HH24:MI:SS.US')", "{0}"),
    "timestamp_to_text": Operation("timestamp_text({0})", _TIMESTAMP_TEXT, "{0}"),
    "instant_to_text": Operation("instant_text({0})", _INSTANT_AS_TEXT, "{0}"),
    "json_to_text": Operation("{0}", "{0}", "{0}"),
}

_TEXT: Final = {
    "join": Operation("({0} + {1})", "({0} || {1})", "({0} || {1})"),
    "trim": Operation("{0}.strip({1})", "btrim({0}, {1})", "trim({0}, {1})"),
    "trim_left": Operation("{0}.lstrip({1})", "ltrim({0}, {1})", "ltrim({0}, {1})"),
    "trim_right": Operation("{0}.rstrip({1})", "rtrim({0}, {1})", "rtrim({0}, {1})"),
    "upper": Operation("*", 'upper({0} COLLATE "C")', "*"),
    "lower": Operation("*", 'lower({0} COLLATE "C")', "*"),
    "length": Operation("len({0})", "char_length({0})", "*"),
    "substring": Operation("*", "substring({0}, {1}, {2})", "*"),
    "substring_from": Operation("*", "substring({0}, {1})", "*"),
    "left": Operation("*", "left({0}, {1})", "*"),
    "right": Operation("*", "right({0}, {1})", "*"),
    "replace": Operation("*", 'replace({0} COLLATE "C", {1}, {2})', "*"),
    "pad_left": Operation("*", "lpad({0}, {1}, {2})", "*"),
    "pad_right": Operation("*", "rpad({0}, {1}, {2})", "*"),
}

_NUMBERS: Final = {
    "add_integer": Operation("({0} + {1})", "(CAST({0} AS numeric) + {1})", "*"),
    "subtract_integer": Operation("({0} - {1})", "(CAST({0} AS numeric) - {1})", "*"),
    "multiply_integer": Operation("({0} * {1})", "(CAST({0} AS numeric) * {1})", "*"),
    "negate_integer": Operation("(-{0})", "(- CAST({0} AS numeric))", "*"),
    "absolute_integer": Operation("abs({0})", "abs(CAST({0} AS numeric))", "*"),
    "add_decimal": Operation("*", "({0} + {1})", "*"),
    "subtract_decimal": Operation("*", "({0} - {1})", "*"),
    "multiply_decimal": Operation("*", "({0} * {1})", "*"),
    "negate_decimal": Operation("*", "(- {0})", "*"),
    "absolute_decimal": Operation("{0}.copy_abs()", "abs({0})", "*"),
    "round_decimal": Operation("*", "round({0}, {1})", "*"),
}

_LOGIC: Final = {
    "and": Operation("both({0}, {1})", "({0} AND {1})", "({0} AND {1})", strict=False),
    "or": Operation("either({0}, {1})", "({0} OR {1})", "({0} OR {1})", strict=False),
    "not": Operation("(not {0})", "(NOT {0})", "(NOT {0})"),
    "is_null": Operation("({0} is None)", "({0} IS NULL)", "({0} IS NULL)", strict=False),
    "is_not_null": Operation("({0} is not None)", "({0} IS NOT NULL)", "({0} IS NOT NULL)", strict=False),
    "is_true": Operation("({0} is True)", "({0} IS TRUE)", "({0} IS 1)", strict=False),
    "is_false": Operation("({0} is False)", "({0} IS FALSE)", "({0} IS 0)", strict=False),
}

_PARTS: Final = {
    f"{part}_of": Operation(
        f"{{0}}.{part}",
        f"CAST(extract({part} FROM {{0}}) AS bigint)",
        f"CAST(substr({{0}}, {at}) AS INTEGER)",
    )
    for part, at in (
        ("year", "1, 4"),
        ("month", "6, 2"),
        ("day", "9, 2"),
        ("hour", "12, 2"),
        ("minute", "15, 2"),
    )
}

COMPARISONS: Final = {
    "equal": "=",
    "unequal": "<>",
    "less": "<",
    "at_most": "<=",
    "greater": ">",
    "at_least": ">=",
}

COMPARABLE: Final = tuple(kind for kind in FieldType if kind is not FieldType.JSON)


def _comparison(kind: FieldType, sign: str) -> Operation:
    """Text compares by code points, whatever the collation of the column; NaN equals itself and is greater than all."""
    python = {"=": "==", "<>": "!="}.get(sign, sign)
    native = f"({{0}} {sign} {{1}})"
    match kind:
        case FieldType.TEXT:
            return Operation(
                f"({{0}} {python} {{1}})",
                f'({{0}} COLLATE "C" {sign} {{1}})',
                f"({{0}} COLLATE BINARY {sign} {{1}})",
            )
        case FieldType.DECIMAL:
            compared = (
                native if sign in ("=", "<>") else f"(strangler_compare_decimal({{0}}, {{1}}) {sign} 0)"
            )
            return Operation(f"(compare_decimal({{0}}, {{1}}) {python} 0)", native, compared)
        case FieldType.FLOAT:
            return Operation(f"(compare_float({{0}}, {{1}}) {python} 0)", native, native)
        case _:
            return Operation(f"({{0}} {python} {{1}})", native, native)


_COMPARISONS: Final = {
    f"{name}_{kind.value}": _comparison(kind, sign)
    for name, sign in COMPARISONS.items()
    for kind in COMPARABLE
}


def _null_if(kind: FieldType) -> Operation:
    """NULLIF: equality is that of the comparison `=`."""
    postgres = ' COLLATE "C"' if kind is FieldType.TEXT else ""
    sqlite = " COLLATE BINARY" if kind is FieldType.TEXT else ""
    python = {FieldType.DECIMAL: "null_if_decimal", FieldType.FLOAT: "null_if_float"}.get(kind, "null_if")
    return Operation(
        f"{python}({{0}}, {{1}})",
        f"NULLIF({{0}}{postgres}, {{1}})",
        f"NULLIF({{0}}{sqlite}, {{1}})",
        strict=False,
    )


_NULL_IFS: Final = {f"null_if_{kind.value}": _null_if(kind) for kind in COMPARABLE}

OPERATIONS: Final = _CASTS | _TEXT | _NUMBERS | _LOGIC | _PARTS | _COMPARISONS | _NULL_IFS
"""By name. `concat` and `in_list`, which take any number of arguments, are spelled out below."""


def concat(count: int) -> Operation:
    """CONCAT of texts: NULL is left out."""
    arguments = ", ".join(f"{{{n}}}" for n in range(count))
    blank = " || ".join(f"COALESCE({{{n}}}, '')" for n in range(count))
    return Operation(f"concat({arguments})", f"concat({arguments})", f"({blank})", strict=False)


def in_list(kind: FieldType, count: int) -> Operation:
    """IN over constants, none of them NULL."""
    constants = ", ".join(f"{{{n}}}" for n in range(1, count + 1))
    postgres = ' COLLATE "C"' if kind is FieldType.TEXT else ""
    sqlite = " COLLATE BINARY" if kind is FieldType.TEXT else ""
    return Operation(
        f"({{0}} in ({constants},))",
        f"({{0}}{postgres} IN ({constants}))",
        f"({{0}}{sqlite} IN ({constants}))",
    )


def operation(name: str, kind: FieldType, count: int) -> Operation:
    """The operation of a call: its name, the type of its first argument, the number of its arguments."""
    if name == "concat":
        return concat(count)
    if name == "in_list":
        return in_list(kind, count - 1)
    return OPERATIONS[name]
