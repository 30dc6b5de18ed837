"""T-SQL's template for every operation of the language, or why there is none.

Text is counted under a collation that knows characters beyond U+FFFF, and compared with a full stop behind it under a binary one: SQL
Server pads what it compares with blanks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from strangler.mapping import canonical, patterns
from strangler.mapping.dialects.dialect import Inexpressible, Template, Templates, escaped
from strangler.mapping.dialects.digits import Bounds, Digits, constant, digits
from strangler.mapping.dialects.transpiled import BYTES, COMPARED, FLOATS, LOGIC, fails, of_divisor, sure
from strangler.mapping.language import COMPARISONS, PARTS, places
from strangler.mapping.nodes import Call, Literal, Node
from strangler.mapping.runtime import GREATEST, LEAST
from strangler.shapes import FieldType

BOUNDS: Final = Bounds("SQL Server", 38, 38)

_BINARY: Final = "Latin1_General_BIN2"
_COUNTING: Final = "Latin1_General_100_CS_AS_SC"


def quoted_text(text: str) -> str:
    """A literal."""
    return f"N{canonical.quoted_text(text)}"


def _collated(text: str, collation: str = _BINARY) -> str:
    return f"(CAST({text} AS nvarchar(max)) COLLATE {collation})"


def compared(text: str) -> str:
    """A text so that equal are those that are the same: no blanks are added behind the full stop."""
    return f"({_collated(text)} + N'.')"


_TEXT: Final = _collated("{0}")
_COUNTED: Final = _collated("{0}", _COUNTING)
_LENGTH: Final = f"(LEN({_COUNTED} + N'.') - 1)"
_TRIMMED: Final = f"TRIM({_TEXT})"
_RANGE: Final = f"BETWEEN {LEAST} AND {GREATEST}"
_UNSIGNED: Final = (
    f"CASE WHEN LEFT({_TRIMMED}, 1) IN (N'+', N'-') THEN STUFF({_TRIMMED}, 1, 1, N'') ELSE {_TRIMMED} END"
)
_WORD: Final = f"(TRANSLATE({_TRIMMED}, N'ABCDEFGHIJKLMNOPQRSTUVWXYZ', N'abcdefghijklmnopqrstuvwxyz') + N'.')"
_DIGIT: Final = "[0-9]"


def _of_text(value: str) -> Template:
    """A text of ASCII that isn't of a column."""
    return Template(f"(({value}) COLLATE {_BINARY})")


def _words(words: tuple[str, ...]) -> str:
    return ", ".join(quoted_text(f"{word}.") for word in words)


def _like(form: str) -> str:
    """A pattern for LIKE; `9` is a digit."""
    return quoted_text(form.replace("9", _DIGIT))


def _date(form: str, style: int, text: str = _TRIMMED, *more: str) -> Template:
    """A date of one form. The digits are looked at first, since SQL Server takes more forms than are named."""
    value = f"TRY_CONVERT(date, {text}, {style})"
    alike = " OR ".join(f"{_TRIMMED} LIKE {_like(each)}" for each in (form, *more))
    return Template(value, sure(f"({alike}) AND {value} IS NOT NULL"))


def _ordinal(text: str, *forms: str) -> Template:
    """A date by its day in the year, of seven digits."""
    first = f"TRY_CONVERT(date, LEFT({text}, 4) + N'0101', 112)"
    last = f"TRY_CONVERT(date, LEFT({text}, 4) + N'1231', 112)"
    day = f"TRY_CAST(RIGHT({text}, 3) AS int)"
    alike = " OR ".join(f"{_TRIMMED} LIKE {_like(each)}" for each in forms)
    return Template(
        f"DATEADD(day, {day} - 1, {first})",
        sure(f"({alike}) AND {day} BETWEEN 1 AND DATEPART(dayofyear, {last})"),
    )


def _since_1900(by: int) -> str:
    return f"CAST({by} + TRY_CAST(LEFT({_TRIMMED}, 7) AS int) AS nvarchar(8))"


_FULL: Final = (
    f"RIGHT(N'000' + CAST({{1}} + (TRY_CAST(LEFT({_TRIMMED}, 2) AS int) + 100 - {{1}} % 100) % 100 AS nvarchar(4)), 4)"
    f" + SUBSTRING({_TRIMMED}, 3, 4)"
)
"""A date whose year has two digits, with all four: in the hundred years from `{1}` on."""


_TIMESTAMP: Final = "STUFF(CONVERT(nvarchar(26), CAST({0} AS datetime2(6)), 121), 11, 1, N'T')"
_IN_UTC: Final = "CAST(SWITCHOFFSET({0}, N'+00:00') AS datetime2(6))"

FIXED: Final[Templates] = {
    **LOGIC,
    **COMPARED,
    **{f"{name}_time": Template(f"({{0}} {sign} {{1}})") for name, sign in COMPARISONS.items()},
    "null_if_time": Template("NULLIF({0}, {1})"),
    "text_to_integer": Template(
        f"TRY_CAST({_TRIMMED} AS bigint)",
        sure(
            f"LEN({_UNSIGNED}) BETWEEN 1 AND 40 AND {_UNSIGNED} NOT LIKE N'%[^0-9]%' AND TRY_CAST({_TRIMMED} AS bigint) IS NOT NULL"
        ),
    ),
    "text_to_boolean": Template(
        f"({_WORD} IN ({_words(patterns.TRUE)}))", sure(f"{_WORD} IN ({_words(patterns.TRUE + patterns.FALSE)})")
    ),
    "text_to_date": _date("9999-99-99", 23),
    "compact_text_to_date": _date("99999999", 112),
    "short_text_to_date": _date("999999", 112, _FULL),
    "day_first_text_to_date": _date("99.99.9999", 104),
    "month_first_text_to_date": _date("99/99/9999", 101),
    "since_1900_text_to_date": _date("999999", 112, _since_1900(19_000_000), "9999999"),
    "ordinal_text_to_date": _ordinal(_TRIMMED, "9999999"),
    "ordinal_since_1900_text_to_date": _ordinal(_since_1900(1_900_000), "99999", "999999"),
    "narrow": Template("TRY_CAST({0} AS bigint)", sure(f"{{0}} {_RANGE}")),
    "integer_to_boolean": Template("({0} <> 0)"),
    "integer_to_text": _of_text("CAST({0} AS nvarchar(20))"),
    "boolean_to_integer": Template("{0}"),
    "boolean_to_text": Template("CASE {0} WHEN 1 THEN N'true' WHEN 0 THEN N'false' END"),
    "date_to_timestamp": Template("CAST({0} AS datetime2(6))"),
    "timestamp_to_date": Template("CAST({0} AS date)"),
    "timestamp_to_time": Template("CAST({0} AS time(6))"),
    "instant_to_timestamp": Template(_IN_UTC),
    "timestamp_to_instant": Template("TODATETIMEOFFSET(CAST({0} AS datetime2(6)), N'+00:00')"),
    "date_to_text": _of_text("CONVERT(nvarchar(10), {0}, 23)"),
    "time_to_text": _of_text("CONVERT(nvarchar(15), CAST({0} AS time(6)), 121)"),
    "timestamp_to_text": _of_text(_TIMESTAMP),
    "instant_to_text": _of_text(f"({_TIMESTAMP.format(_IN_UTC)} + N'Z')"),
    "join": Template(f"({_TEXT} + {{1}})"),
    "upper": Template(f"TRANSLATE({_TEXT}, N'abcdefghijklmnopqrstuvwxyz', N'ABCDEFGHIJKLMNOPQRSTUVWXYZ')"),
    "lower": Template(f"TRANSLATE({_TEXT}, N'ABCDEFGHIJKLMNOPQRSTUVWXYZ', N'abcdefghijklmnopqrstuvwxyz')"),
    "length": Template(_LENGTH),
    "left": Template(f"(LEFT({_COUNTED}, {{1}}) COLLATE {_BINARY})"),
    "right": Template(f"(RIGHT({_COUNTED}, {{1}}) COLLATE {_BINARY})"),
    "replace": Template(f"REPLACE({_TEXT}, {{1}}, {{2}})"),
    **{f"{part}_of": Template(f"DATEPART({part}, {{0}})") for part in PARTS},
}  # fmt: skip

REFUSED: Final[Mapping[str, str]] = {
    **fails("SQL Server compares bytes with zeros behind the shorter ones", *BYTES),
    **FLOATS,
    **fails(
        "SQL Server orders texts with blanks behind the shorter one, and not by code points",
        *(f"{name}_text" for name in COMPARISONS if name not in ("equal", "unequal")),
    ),
    **fails("SQL Server 2022 has no regular expressions", "regexp_like", "regexp_replace"),
    **fails("a text may hold more digits than the 38 that SQL Server computes with", "text_to_decimal"),
    **fails(
        "SQL Server reads more forms of a time than the language does, and has no regular expressions to tell them apart",
        "text_to_time", "text_to_timestamp", "text_to_instant",
    ),
    **fails("SQL Server has no JSON that is kept as it stands", "json_to_text"),
    **fails("SQL Server hashes texts as UTF-16, or in the code page of their collation, not as UTF-8", "surrogate", "bytes_to_text"),
}  # fmt: skip


def _equal(form: str) -> Callable[[Call], Template]:
    """Of texts; `{0}` and `{1}` in the form are what is compared."""

    def template(call: Call) -> Template:
        sides = [
            escaped(quoted_text(f"{each.value}."))
            if isinstance(each, Literal) and each.value is not None
            else compared(place)
            for each, place in zip(call.args, places(2), strict=True)
        ]
        return Template(form.format(*sides))

    return template


def _fits(node: Node) -> Digits:
    return digits(node, BOUNDS)


def _sum(sign: str) -> Callable[[Call], Template]:
    return lambda call: Template(f"CAST(({{0}} {sign} {{1}}) AS {_fits(call).sql})")


def _product(call: Call) -> Template:
    """SQL Server cuts digits behind the point where a product of such sizes could have more than 38."""
    size = _fits(call)
    if sum(size) >= BOUNDS.most:
        raise Inexpressible(
            f"a product may need {sum(size) + 1} digits; SQL Server computes with {BOUNDS.most}"
        )
    return Template(f"CAST(({{0}} * {{1}}) AS {size.sql})")


def _whole(sign: str) -> Callable[[Call], Template]:
    """Of integers: without digits behind the point nothing is cut."""

    def template(call: Call) -> Template:
        _fits(call)
        return Template(f"(CAST({{0}} AS decimal(38, 0)) {sign} {{1}})")

    return template


def _of_whole(form: str) -> Callable[[Call], Template]:
    def template(call: Call) -> Template:
        _fits(call)
        return Template(form)

    return template


def _divide(call: Call) -> Template:
    """The least integer by -1 is beyond 64 bits."""
    quotient = "CAST(CAST({0} AS bigint) / CAST({1} AS bigint) AS decimal(38, 0))"
    match call.args[1]:
        case Literal(value=int() as by) if by != -1:
            return Template(quotient)
    opposite = "-CAST({0} AS decimal(38, 0))"
    return Template(f"CASE WHEN {{1}} = -1 THEN {opposite} ELSE {quotient} END", of_divisor(call))


def _to_decimal(call: Call) -> Template:
    return Template(f"CAST({{0}} AS {_fits(call).sql})")


def _rounded(call: Call, digits_after: Node) -> tuple[str, Digits, Digits]:
    given, places_after = _fits(call.args[0]), constant(digits_after)
    if given.after <= places_after:
        return "{0}", given, given
    wide = Digits(given.before + 1, given.after)
    if sum(wide) > BOUNDS.most:
        raise Inexpressible(f"rounding may need {sum(wide)} digits; SQL Server computes with {BOUNDS.most}")
    return f"ROUND(CAST({{0}} AS {wide.sql}), {places_after})", given, wide


def _round(call: Call) -> Template:
    rounded, _, _ = _rounded(call, call.args[1])
    return Template(rounded if rounded == "{0}" else f"CAST({rounded} AS {_fits(call).sql})")


def _fit(call: Call) -> Template:
    rounded, _, wide = _rounded(call, call.args[2])
    before = constant(call.args[1]) - constant(call.args[2])
    if wide.before <= before:
        return Template(f"CAST({rounded} AS {_fits(call).sql})")
    return Template(f"TRY_CAST({rounded} AS {_fits(call).sql})", sure(f"ABS({rounded}) < 1{'0' * before}"))


def _to_integer(call: Call) -> Template:
    rounded, _, _ = _rounded(call, Literal(0, FieldType.INTEGER))
    return Template(f"TRY_CAST({rounded} AS bigint)", sure(f"{rounded} {_RANGE}"))


def _decimal_text(call: Call) -> Template:
    """Without zeros at the end of what stands behind the point."""
    size = _fits(call.args[0])
    whole = f"CAST(CAST({{0}} AS {Digits(max(size.before, 1), 0).sql}) AS nvarchar(40))"
    if not size.after:
        return _of_text(whole)
    text = f"CAST(CAST({{0}} AS {size.sql}) AS nvarchar(50))"
    cut = f"LEFT({text}, LEN({text}) + 1 - PATINDEX(N'%[^0]%', REVERSE({text})))"
    return _of_text(f"CASE WHEN {{0}} = ROUND({{0}}, 0, 1) THEN {whole} ELSE {cut} END")


def _concat(call: Call) -> Template:
    first, *others = [f"COALESCE({each}, N'')" for each in places(len(call.args))]
    return Template(f"({' + '.join([_collated(first), *others])})")


def _substring(call: Call) -> Template:
    start, length = constant(call.args[1]), constant(call.args[2])
    first, behind = max(start, 1), max(start + length, 1)
    return Template(f"(SUBSTRING({_COUNTED}, {first}, {max(behind - first, 0)}) COLLATE {_BINARY})")


def _substring_from(call: Call) -> Template:
    return Template(f"(SUBSTRING({_COUNTED}, {max(constant(call.args[1]), 1)}, {_LENGTH}) COLLATE {_BINARY})")


def _trim(function: str) -> Callable[[Call], Template]:
    """Of characters up to U+FFFF: of any other, SQL Server would take either half."""

    def template(call: Call) -> Template:
        characters = call.args[1]
        if not isinstance(characters, Literal):
            raise Inexpressible("TRIM takes constant characters only, not those of a column")
        match characters.value:
            case None | "":
                return Template("{1}" if characters.value is None else "{0}")
            case " ":
                return Template(f"{function}({_TEXT})")
            case str() as given if max(given) <= "\uffff":
                if function == "TRIM":
                    return Template(f"TRIM({escaped(quoted_text(given))} FROM {_TEXT})")
                return Template(f"{function}({_TEXT}, {escaped(quoted_text(given))})")
        raise Inexpressible("TRIM takes characters up to U+FFFF")

    return template


def _pad(left: bool) -> Callable[[Call], Template]:
    def template(call: Call) -> Template:
        width, fill = constant(call.args[1]), call.args[2]
        if not isinstance(fill, Literal) or fill.value is None:
            raise Inexpressible("LPAD and RPAD take a constant text to fill with, not that of a column")
        if fill.value and max(fill.value) > "\uffff":
            raise Inexpressible("LPAD and RPAD fill with characters up to U+FFFF")
        cut = f"(LEFT({_COUNTED}, {width}) COLLATE {_BINARY})"
        if not fill.value:
            return Template(cut)
        filling = escaped(quoted_text((fill.value * width)[:width]))
        filled = f"LEFT({filling}, {width} - {_LENGTH})"
        both = f"{filled} + {_TEXT}" if left else f"{_TEXT} + {filled}"
        return Template(f"CASE WHEN {_LENGTH} >= {width} THEN {cut} ELSE {both} END")

    return template


MADE: Final[Mapping[str, Callable[[Call], Template]]] = {
    "equal_text": _equal("({0} = {1})"),
    "unequal_text": _equal("({0} <> {1})"),
    "null_if_text": _equal("CASE WHEN {0} = {1} THEN NULL ELSE {{0}} END"),
    "concat": _concat,
    "substring": _substring,
    "substring_from": _substring_from,
    "trim": _trim("TRIM"),
    "trim_left": _trim("LTRIM"),
    "trim_right": _trim("RTRIM"),
    "pad_left": _pad(left=True),
    "pad_right": _pad(left=False),
    "add_integer": _whole("+"),
    "subtract_integer": _whole("-"),
    "multiply_integer": _whole("*"),
    "negate_integer": _of_whole("(- CAST({0} AS decimal(38, 0)))"),
    "absolute_integer": _of_whole("ABS(CAST({0} AS decimal(38, 0)))"),
    "add_decimal": _sum("+"),
    "subtract_decimal": _sum("-"),
    "multiply_decimal": _product,
    "divide_integer": _divide,
    "modulo_integer": lambda call: Template(
        "CAST(CAST({0} AS decimal(38, 0)) % {1} AS bigint)", of_divisor(call)
    ),
    "modulo_decimal": lambda call: Template(f"CAST(({{0}} % {{1}}) AS {_fits(call).sql})", of_divisor(call)),
    "negate_decimal": _of_whole("(- {0})"),
    "absolute_decimal": _of_whole("ABS({0})"),
    "round_decimal": _round,
    "integer_to_decimal": _to_decimal,
    "decimal_to_integer": _to_integer,
    "decimal_to_text": _decimal_text,
    "fit_decimal": _fit,
}
"""What depends on the arguments."""
