"""PostgreSQL's own text of a value, from the pieces that Debezium makes of it.

The direct connector hands over arrays, intervals, bit strings and the like as PostgreSQL writes them (`IntervalStyle` postgres,
`DateStyle` ISO, `TimeZone` UTC); a row has to look the same whichever way it came. Where a piece isn't what its type promises ValueError
is raised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import isnan
from typing import Any, Final

_PLAIN: Final = re.compile(r"[^\s{},\"\\]+")
_INTERVAL: Final = re.compile(r"P(-?\d+)Y(-?\d+)M(-?\d+)DT(-?\d+)H(-?\d+)M(-?\d+(?:\.\d+)?)S")
_MICROSECONDS: Final = {"hours": 3_600_000_000, "minutes": 60_000_000, "seconds": 1_000_000}


def array(items: Sequence[Any], element: Callable[[Any], str]) -> str:
    """`{1,2,NULL,"a b"}`. An array of several dimensions is a list of lists; `element` writes what isn't NULL."""
    return "{" + ",".join(_item(item, element) for item in items) + "}"


def _item(item: Any, element: Callable[[Any], str]) -> str:
    if item is None:
        return "NULL"
    if isinstance(item, list):
        return array(item, element)
    text = element(item)
    if _PLAIN.fullmatch(text) and text.upper() != "NULL":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def interval(iso: str) -> str:
    """From `P1Y2M3DT4H5M6.789S`, always with all its parts, to `1 year 2 mons 3 days 04:05:06.789`."""
    found = _INTERVAL.fullmatch(iso)
    if found is None:
        raise ValueError(f"not an interval: {iso!r}")
    years, months, days, hours, minutes = (int(each) for each in found.groups()[:5])
    micros = hours * _MICROSECONDS["hours"] + minutes * _MICROSECONDS["minutes"]
    micros += int(Decimal(found[6]) * _MICROSECONDS["seconds"])
    total = years * 12 + months
    years, months = (total // 12, total % 12) if total >= 0 else (-(-total // 12), -(-total % 12))
    parts, negative = [], False
    for count, unit in ((years, "year"), (months, "mon"), (days, "day")):
        if count:
            # A sign is written only where it turns: behind a negative part a positive one has a plus.
            sign = "+" if negative and count > 0 else ""
            parts.append(f"{sign}{count} {unit}{'' if count == 1 else 's'}")
            negative = count < 0
    if micros or not parts:
        sign = "-" if micros < 0 else "+" if negative else ""
        parts.append(sign + span(abs(micros)))
    return " ".join(parts)


def span(micros: int) -> str:
    """`04:05:06.789`, hours as many as there are; `micros` isn't negative."""
    seconds, fraction = divmod(micros, 1_000_000)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:06}".rstrip("0") if fraction else text


def double(value: float, digits: int = 15) -> str:
    """A float8 (`digits` 15) or float4 (6): the shortest text that reads back as the same, scientific from that many digits on."""
    if isnan(value):
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    sign, places, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    if not any(places):
        return "-0" if sign else "0"
    written = "".join(map(str, places))
    scientific = len(written) - 1 + exponent
    minus = "-" if sign else ""
    if -5 < scientific < digits:
        return minus + format(Decimal((0, places, exponent)), "f")
    mantissa = written[0] + ("." + written[1:] if len(written) > 1 else "")
    return f"{minus}{mantissa}e{'-' if scientific < 0 else '+'}{abs(scientific):02}"


def hstore(pairs: Mapping[str, Any]) -> str:
    """`"a"=>"1", "b"=>NULL`, shorter keys first, as hstore keeps them."""
    in_order = sorted(pairs.items(), key=lambda pair: (len(pair[0].encode()), pair[0].encode()))
    return ", ".join(f"{_quoted(key)}=>{'NULL' if v is None else _quoted(v)}" for key, v in in_order)


def _quoted(text: Any) -> str:
    if not isinstance(text, str):
        raise ValueError(f"not a text: {text!r}")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def money(amount: Decimal) -> str:
    """`-$1,234.56`: as `lc_monetary` C, en_US and their like have it."""
    return f"{'-' if amount < 0 else ''}${abs(amount):,.2f}"


def day(number: int) -> str:
    """The day that is `number` days after 1970-01-01, also where Python has none: `12345-01-01`, `0044-03-15 BC`."""
    year, month, day = _civil(number)
    return f"{year:04}-{month:02}-{day:02}" if year > 0 else f"{1 - year:04}-{month:02}-{day:02} BC"


def moment(micros: int, zone: str = "") -> str:
    """A timestamp by its microseconds since 1970, also where Python has none; `zone` is what follows the time (`+00`)."""
    days, rest = divmod(micros, 86_400_000_000)
    date, _, era = day(days).partition(" ")
    return f"{date} {span(rest)}{zone}{' ' + era if era else ''}"


def _civil(number: int) -> tuple[int, int, int]:
    """Days since 1970-01-01 → year (0 is 1 BC), month, day in the Gregorian calendar, which is taken to have held always.

    A year is counted from March, so that the leap day is its last: 146,097 days are 400 years.
    """
    era, of_era = divmod(number + 719_468, 146_097)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


def days_of(year: int, month: int, day: int) -> int:
    """The reverse of `_civil`: year (0 is 1 BC), month and day → days since 1970-01-01."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
