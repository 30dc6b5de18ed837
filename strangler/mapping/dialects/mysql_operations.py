r"""MySQL's template for every operation of the language.

Where MySQL answers in its own way, a guard keeps it from being asked: garbage in a CAST is 0, a sum beyond 64 bits an error that
ends the statement, a decimal with too many digits is cut. What a guard lets go is translated in Python. The guards are
therefore narrower than the language here and there: long numbers in text, floats on the edge, instants in the years 1 and 9999.

Text is UTF-8 under the collation utf8mb4_bin, compared as bytes; whatever is about time is canonical text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from strangler.mapping import canonical, regular
from strangler.mapping.dialects.dialect import (
    NOT_ZERO,
    Inexpressible,
    Template,
    Templates,
    comparisons,
    escaped,
    surrogate_name,
)
from strangler.mapping.dialects.digits import constant, digits
from strangler.mapping.dialects.mysql_casts import CASTS, quoted_text
from strangler.mapping.language import COMPARABLE, COMPARISONS, places
from strangler.mapping.nodes import Call, Literal, Node, Reference
from strangler.shapes import FieldType


def template(call: Call) -> Template:
    """How a call is written. Raises Inexpressible, also where it may need more digits than MySQL has."""
    for each in (call, *call.args):
        if each.type is FieldType.DECIMAL or each.wide:
            digits(each)
    return MADE[call.name](call) if call.name in MADE else FIXED[call.name]


def _ascii_case(function: str) -> str:
    """Upper or lower case of A to Z only: bytes read as Thai, whose other letters have no case."""
    thai = f"{function}(CONVERT(CAST({{0}} AS BINARY) USING tis620))"
    return f"(CONVERT(CAST({thai} AS BINARY) USING utf8mb4) COLLATE utf8mb4_bin)"


def compared(kind: FieldType, value: str) -> str:
    """What is compared: of a text its bytes, which have no collation and no padding."""
    return f"CAST({value} AS BINARY)" if kind is FieldType.TEXT else value


def _comparison(kind: FieldType, sign: str) -> str:
    return f"({compared(kind, '{0}')} {sign} {compared(kind, '{1}')})"


_REST: Final = "(CAST({0} AS DECIMAL(65, 0)) % {1})"
"""What remains of a division; without it, MySQL's is exact."""

FIXED: Final[Templates] = {
    **CASTS,
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
    "divide_integer": Template(f"CAST((CAST({{0}} AS DECIMAL(65, 0)) - {_REST}) / {{1}} AS DECIMAL(65, 0))", NOT_ZERO),
    "modulo_integer": Template(f"CAST({_REST} AS SIGNED)", NOT_ZERO),
    "modulo_decimal": Template("({0} % {1} + 0)", NOT_ZERO),
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
    # A column is of its own size already.
    sized = "{0}" if isinstance(node, Reference) else f"CAST({{0}} AS {found.sql})"
    text = f"CAST({sized} AS CHAR)"
    return f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {text}))" if found.after else text


def _surrogate(call: Call) -> Template:
    """See `strangler.mapping.surrogates`; the hyphens are put in from the right."""
    name = escaped(quoted_text(canonical.quoted_text(surrogate_name(call))))
    values = [f"',''', REPLACE({each}, '''', ''''''), ''''" for each in places(len(call.args))[1:]]
    made = f"LEFT(SHA2(CONCAT({', '.join([name, *values])}), 256), 32)"
    for place, replaced, by in ((21, 0, "-"), (17, 1, "-8"), (13, 1, "-8"), (9, 0, "-")):
        made = f"INSERT({made}, {place}, {replaced}, '{by}')"
    return Template(made)


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
    "surrogate": _surrogate,
    "decimal_to_text": lambda call: Template(decimal_text(call.args[0])),
}
"""What depends on the arguments."""
