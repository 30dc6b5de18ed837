"""Conversions: what is done to a value on its way between the legacy contract and the new service. Each goes both ways.

| written | legacy | service |
| --- | --- | --- |
| `text`, `integer`, `boolean`, `bytes` | as the contract spells it | text, number, true or false, lower-case hex |
| `decimal`, `decimal(2)`, `decimal(2, comma)` | as the contract spells it; with two digits; with a comma | text: `"4904.49"` |
| `number`, `number(2)` | the same | a JSON number with these very digits |
| `date`, `date(YYYYMMDD)`, `date(DD.MM.YYYY)` | as the contract spells it; so; zeros and blanks are none | `"2026-11-23"` |
| `time`, `time(HHMMSS)` | the same | `"23:59:59.000000"` |
| `timestamp`, `timestamp(YYYYMMDDHHMMSS)` | the same | `"2026-11-23T23:59:59.000000"` |
| `zeros(10)` | a number as text, filled with zeros to ten places | without them; what isn't all digits stays |
| `flag`, `flag(Y, N)` | `X` or blank; `Y` or `N` | true or false |
| `map(countries)` | a code | what the code map of the configuration says it means |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any, Final, NamedTuple

from strangler.errors import StranglerError
from strangler_adapters.protocols.contract.spelling import SERVICE, TYPES, Spelling, Type, text

CodeMaps = Mapping[str, Mapping[str, str | int]]
"""Name → code → meaning."""


class Conversion(NamedTuple):
    """`read` from legacy's value to the service's, `write` back. Both raise ValueError, TypeError, KeyError or ArithmeticError for
    a value that doesn't fit."""

    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


_TOKENS: Final = {"YYYY": "%Y", "MM": "%m", "DD": "%d", "HH": "%H", "SS": "%S"}
_TOKEN: Final = re.compile("YYYY|MM|DD|HH|SS")


def conversion(name: str, arguments: list[str], spelling: Spelling, code_maps: CodeMaps) -> Conversion:
    """The conversion that is written so. Raises StranglerError for one that there isn't."""
    match name, arguments:
        case ("decimal" | "number") as type, [_, *_]:
            return _decimal(type, arguments, spelling)
        case ("date" | "time" | "timestamp") as type, [format]:
            return _formatted(type, format, spelling)
        case type, [] if type in TYPES:
            return _typed(type, spelling)
        case "zeros", [places] if places.isdigit() and 0 < int(places) <= 100:
            return Conversion(_bare, partial(_filled, int(places)))
        case "flag", []:
            return _flag("X", "")
        case "flag", [yes, no] if yes != no:
            return _flag(yes, no)
        case "map", [map]:
            return _mapped(map, code_maps)
    raise StranglerError(
        f"there is no conversion {name}({', '.join(arguments)})",
        do=f"{', '.join(TYPES)}, zeros(10), flag, flag(Y, N), map(name), default(text), optional",
    )


def _typed(type: Type, spelling: Spelling) -> Conversion:
    return Conversion(
        lambda raw: SERVICE.write(type, spelling.read(type, raw)),
        lambda told: spelling.write(type, SERVICE.read(type, told)),
    )


def _decimal(type: Type, arguments: list[str], spelling: Spelling) -> Conversion:
    places = next((int(each) for each in arguments if each.isdigit()), None)
    comma = "comma" in arguments
    if sorted(arguments) != sorted([str(places)] * (places is not None) + ["comma"] * comma):
        written = f"{type}({', '.join(arguments)})"
        raise StranglerError(
            f"{written} isn't understood", do=f"{type}(2), {type}(comma) or {type}(2, comma)"
        )

    def read(raw: Any) -> Any:
        return SERVICE.write(type, spelling.read(type, _with_point(raw) if comma else raw))

    def write(told: Any) -> Any:
        number = SERVICE.read(type, told)
        if number is None:
            return spelling.nothing
        exact = _with_places(number, places)
        return f"{exact:f}".replace(".", ",") if comma else spelling.write(type, exact)

    return Conversion(read, write)


_WITH_COMMA: Final = re.compile(r"([+-]?)([0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)(,[0-9]+)?")


def _with_point(raw: Any) -> Any:
    """`1.234,50` as `1234.50`. Raises ValueError where the points don't stand between thousands."""
    shown = text(raw).strip() if raw is not None else ""
    if not shown:
        return None
    found = _WITH_COMMA.fullmatch(shown)
    if not found:
        raise ValueError(f"{shown[:60]!r} is no number with a decimal comma")
    return found[1] + found[2].replace(".", "") + (found[3] or "").replace(",", ".")


def _with_places(number: Decimal, places: int | None) -> Decimal:
    """With so many digits behind the point. Raises ValueError where that would round."""
    if places is None:
        return number
    exact = number.quantize(Decimal(1).scaleb(-places))
    if exact != number:
        raise ValueError(f"{number} has more than {places} digits behind the point")
    return exact


def _formatted(type: Type, format: str, spelling: Spelling) -> Conversion:
    pattern = _pattern(type, format)

    def read(raw: Any) -> Any:
        shown = (str(raw) if isinstance(raw, int) else text(raw)).strip() if raw is not None else ""
        if not shown.strip("0 .:/-"):
            return None
        return SERVICE.write(type, _parsed(type, pattern, format, shown))

    def write(told: Any) -> Any:
        value = SERVICE.read(type, told)
        if value is None:
            return "0" * len(format) if format.isalpha() else ""
        return _shown(value, format)

    return Conversion(read, write)


def _pattern(type: Type, format: str) -> str:
    """As `strptime` takes it: `MM` are minutes behind an hour."""
    seen_hour = False

    def token(found: re.Match[str]) -> str:
        nonlocal seen_hour
        seen_hour = seen_hour or found[0] == "HH"
        return "%M" if found[0] == "MM" and seen_hour else _TOKENS[found[0]]

    pattern = _TOKEN.sub(token, format.replace("%", "%%"))
    needed = {"date": "%Y%m%d", "time": "%H%M%S", "timestamp": "%Y%m%d%H%M%S"}[type]
    if sorted(re.findall("%[YmdHMS]", pattern)) != sorted(re.findall("%[YmdHMS]", needed)):
        raise StranglerError(f"the format {format!r} isn't that of a {type}", do=f"{type}({_EXAMPLES[type]})")
    return pattern


_EXAMPLES: Final = {"date": "YYYYMMDD", "time": "HHMMSS", "timestamp": "YYYYMMDDHHMMSS"}


def _parsed(type: Type, pattern: str, format: str, shown: str) -> date | time | datetime:
    if len(shown) != len(format):
        raise ValueError(f"{shown[:60]!r} isn't written {format}")
    moment = datetime.strptime(shown, pattern)
    if type == "date":
        return moment.date()
    return moment.time() if type == "time" else moment


def _shown(value: Any, format: str) -> str:
    """As `strftime`, but for years before 1000, which it writes short. Raises ValueError for parts of a second, which would be lost."""
    if getattr(value, "microsecond", 0):
        raise ValueError(f"{value} has parts of a second, and {format} has no place for them")
    seen_hour = False

    def token(found: re.Match[str]) -> str:
        nonlocal seen_hour
        seen_hour = seen_hour or found[0] == "HH"
        match found[0]:
            case "YYYY":
                return f"{value.year:04}"
            case "MM":
                return f"{value.minute if seen_hour else value.month:02}"
            case "DD":
                return f"{value.day:02}"
            case "HH":
                return f"{value.hour:02}"
        return f"{value.second:02}"

    return _TOKEN.sub(token, format)


def _bare(raw: Any) -> Any:
    shown = str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw
    if shown is None or not text(shown).isdecimal():
        return shown
    return shown.lstrip("0") or ("0" if shown else "")


def _filled(places: int, told: Any) -> Any:
    shown = str(told) if isinstance(told, int) and not isinstance(told, bool) else told
    if shown is None or not text(shown).isdecimal():
        return shown
    if len(shown) > places:
        raise ValueError(f"{shown[:60]!r} has more than {places} places")
    return shown.zfill(places)


def _flag(yes: str, no: str) -> Conversion:
    def read(raw: Any) -> bool:
        shown = "" if raw is None else text(raw).strip()
        if shown not in (yes, no):
            raise ValueError(f"{shown[:60]!r} is neither {yes!r} nor {no!r}")
        return shown == yes

    def write(told: Any) -> str:
        return yes if SERVICE.read("boolean", told) else no

    return Conversion(read, write)


def _mapped(name: str, code_maps: CodeMaps) -> Conversion:
    held = code_maps.get(name)
    if held is None:
        known = (
            f"one of: {', '.join(code_maps)}"
            if code_maps
            else "code_maps: {countries: {values: {DE: germany}}}"
        )
        raise StranglerError(f"there is no code map {name!r} with values or a file", do=known)
    back = {meaning: code for code, meaning in held.items()}
    twice = sorted({str(meaning) for code, meaning in held.items() if back[meaning] != code})

    def read(raw: Any) -> Any:
        code = str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw
        if code is not None and code not in held:
            raise ValueError(f"the code map {name!r} doesn't hold {code!r}")
        return None if code is None else held[code]

    def write(told: Any) -> Any:
        if told is None:
            return None
        if str(told) in twice:
            raise ValueError(f"the code map {name!r} has several codes that mean {told!r}")
        if told not in back:
            raise ValueError(f"the code map {name!r} has no code that means {told!r}")
        return back[told]

    return Conversion(read, write)
