"""The language: the fixed list of operations that a mapping may use, each with one meaning in every execution.

How an operation is written in Python stands here; how a database writes it, in `strangler.mapping.dialects`. Transpiling would
not keep the meaning; templates per dialect do, and a property test holds them together. The SQL functions that users write
are resolved to operations by their argument types in `strangler.mapping.typing`.

Evaluation. An operation evaluates all of its arguments and is NULL when one of them is (`strict`), unless its row says
otherwise; only CASE and COALESCE evaluate no more than they must. An operation that `fails` has no meaning for some arguments:
then the row is untranslatable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strangler.shapes import FieldType


@dataclass(frozen=True, slots=True)
class Operation:
    """`python` is a template over `{0}`, `{1}`…; `*` is a call of the runtime's function of the operation's name."""

    python: str = "*"
    fails: bool = False
    strict: bool = True


DATE_FORMS: Final = (
    "compact", "short", "day_first", "month_first", "ordinal", "since_1900", "ordinal_since_1900",
)  # fmt: skip
"""Forms of a date in text, besides that of a CAST; `<form>_text_to_date` reads one. `short` also takes the first year of a hundred."""

_CASTS: Final = {
    "text_to_integer": Operation(fails=True),
    "text_to_decimal": Operation(fails=True),
    "text_to_float": Operation(fails=True),
    "text_to_boolean": Operation(fails=True),
    "text_to_date": Operation(fails=True),
    **{f"{form}_text_to_date": Operation(fails=True) for form in DATE_FORMS},
    "text_to_time": Operation(fails=True),
    "text_to_timestamp": Operation(fails=True),
    "text_to_instant": Operation(fails=True),
    "narrow": Operation(fails=True),
    "integer_to_decimal": Operation("Decimal({0})"),
    "integer_to_float": Operation("float({0})"),
    "integer_to_boolean": Operation("({0} != 0)"),
    "integer_to_text": Operation("str({0})"),
    "boolean_to_integer": Operation("int({0})"),
    "boolean_to_text": Operation("('true' if {0} else 'false')"),
    "decimal_to_integer": Operation(fails=True),
    "decimal_to_float": Operation(fails=True),
    "decimal_to_text": Operation("decimal_text({0})"),
    "fit_decimal": Operation(fails=True),
    "float_to_decimal": Operation(fails=True),
    "date_to_timestamp": Operation(),
    "timestamp_to_date": Operation("{0}.date()"),
    "timestamp_to_time": Operation("{0}.time()"),
    "instant_to_timestamp": Operation(),
    "timestamp_to_instant": Operation(),
    "date_to_text": Operation("date_text({0})"),
    "time_to_text": Operation("time_text({0})"),
    "timestamp_to_text": Operation("timestamp_text({0})"),
    "instant_to_text": Operation("instant_text({0})"),
    "json_to_text": Operation("{0}"),
    "bytes_to_text": Operation("{0}.hex()"),
}

_TEXT: Final = {
    "join": Operation("({0} + {1})"),
    "trim": Operation("{0}.strip({1})"),
    "trim_left": Operation("{0}.lstrip({1})"),
    "trim_right": Operation("{0}.rstrip({1})"),
    "upper": Operation(),
    "lower": Operation(),
    "length": Operation("len({0})"),
    "substring": Operation(),
    "substring_from": Operation(),
    "left": Operation(),
    "right": Operation(),
    "replace": Operation(),
    "regexp_like": Operation(),
    "regexp_replace": Operation(),
    "pad_left": Operation(),
    "pad_right": Operation(),
}

_NUMBERS: Final = {
    "add_integer": Operation("({0} + {1})"),
    "subtract_integer": Operation("({0} - {1})"),
    "multiply_integer": Operation("({0} * {1})"),
    "negate_integer": Operation("(-{0})"),
    "absolute_integer": Operation("abs({0})"),
    "add_decimal": Operation(),
    "subtract_decimal": Operation(),
    "multiply_decimal": Operation(),
    "negate_decimal": Operation(),
    "absolute_decimal": Operation("{0}.copy_abs()"),
    "round_decimal": Operation(),
    "modulo_integer": Operation(fails=True),
    "modulo_decimal": Operation(fails=True),
    "divide_integer": Operation(fails=True),
}

_LOGIC: Final = {
    "and": Operation("both({0}, {1})", strict=False),
    "or": Operation("either({0}, {1})", strict=False),
    "not": Operation("(not {0})"),
    "is_null": Operation("({0} is None)", strict=False),
    "is_not_null": Operation("({0} is not None)", strict=False),
    "is_true": Operation("({0} is True)", strict=False),
    "is_false": Operation("({0} is False)", strict=False),
}

PARTS: Final = ("year", "month", "day", "hour", "minute")

_PARTS: Final = {f"{part}_of": Operation(f"{{0}}.{part}") for part in PARTS}

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
    match kind:
        case FieldType.DECIMAL | FieldType.FLOAT:
            return Operation(f"(compare_{kind.value}({{0}}, {{1}}) {python} 0)")
        case _:
            return Operation(f"({{0}} {python} {{1}})")


_COMPARISONS: Final = {
    f"{name}_{kind.value}": _comparison(kind, sign)
    for name, sign in COMPARISONS.items()
    for kind in COMPARABLE
}


def _null_if(kind: FieldType) -> Operation:
    """NULLIF: equality is that of the comparison `=`."""
    python = {FieldType.DECIMAL: "null_if_decimal", FieldType.FLOAT: "null_if_float"}.get(kind, "null_if")
    return Operation(f"{python}({{0}}, {{1}})", strict=False)


_NULL_IFS: Final = {f"null_if_{kind.value}": _null_if(kind) for kind in COMPARABLE}

OPERATIONS: Final = _CASTS | _TEXT | _NUMBERS | _LOGIC | _PARTS | _COMPARISONS | _NULL_IFS
"""By name. `concat`, `in_list` and `surrogate`, which take any number of arguments, are spelled out below."""


def operation(name: str, count: int) -> Operation:
    """The operation of a call: its name, and the number of its arguments."""
    if name == "concat":
        return Operation(f"concat({', '.join(places(count))})", strict=False)
    if name == "in_list":
        return Operation(f"({{0}} in ({', '.join(places(count)[1:])},))")
    if name == "surrogate":
        return Operation(f"surrogate({', '.join(places(count))})")
    return OPERATIONS[name]


def places(count: int) -> list[str]:
    """`{0}`, `{1}`… as a template has them."""
    return [f"{{{place}}}" for place in range(count)]
