"""What text a CAST accepts, as regular expressions that Python and PostgreSQL read in the same way.

They take whole values. Only what both engines know is used: no `\\d` (it means more than 0-9 in Python), no flags.
A date that the calendar doesn't have (`2026-02-31`, the year 0) doesn't match, so no engine is ever asked to parse one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from strangler.mapping.bad_value import BadValue, shown

_MONTH_AND_DAY: Final = (
    "(?:(?:0[13578]|1[02]){sep}(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11){sep}(?:0[1-9]|[12][0-9]|30)"
    "|02{sep}(?:0[1-9]|1[0-9]|2[0-8]))"
)
_LEAP_YEAR: Final = "(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"


_DAY_AND_MONTH: Final = "(?:(?:0[1-9]|1[0-9]|2[0-8]){sep}(?:0[1-9]|1[0-2])|(?:29|30){sep}(?:0[13-9]|1[0-2])|31{sep}(?:0[13578]|1[02]))"
_DAY_OF_YEAR: Final = "(?:00[1-9]|0[1-9][0-9]|[12][0-9][0-9]|3[0-5][0-9]|36[0-5])"
_LEAP_YEAR_SINCE_1900: Final = "(?:[0-9]?(?:0[48]|[2468][048]|[13579][26])|[159]00)"


def _year_last(day: str, leap_day: str, sep: str) -> str:
    year = f"{sep}(?!0000)"
    return f"(?:{day.format(sep=sep)}{year}[0-9]{{4}}|{leap_day.format(sep=sep)}{year}{_LEAP_YEAR})"


def _calendar(sep: str) -> str:
    return f"(?!0000)(?:[0-9]{{4}}{sep}{_MONTH_AND_DAY.format(sep=sep)}|{_LEAP_YEAR}{sep}02{sep}29)"


_CLOCK: Final = "(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,6})?)?"
_ZONE: Final = "(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)"

INTEGER: Final = "[+-]?[0-9]{1,40}"
DECIMAL: Final = "[+-]?(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+)"
FLOAT: Final = f"{DECIMAL}(?:[eE][+-]?[0-9]{{1,3}})?"
DATE: Final = _calendar("-")
COMPACT_DATE: Final = _calendar("")
SIX_DIGITS: Final = "[0-9]{6}"
DAY_FIRST_DATE: Final = _year_last(_DAY_AND_MONTH, "29{sep}02", "[.]")
MONTH_FIRST_DATE: Final = _year_last(_MONTH_AND_DAY, "02{sep}29", "/")
ORDINAL_DATE: Final = f"(?!0000)(?:[0-9]{{4}}{_DAY_OF_YEAR}|{_LEAP_YEAR}366)"
DATE_SINCE_1900: Final = f"(?:[0-9]{{2,3}}{_MONTH_AND_DAY.format(sep='')}|{_LEAP_YEAR_SINCE_1900}0229)"
ORDINAL_SINCE_1900: Final = f"(?:[0-9]{{2,3}}{_DAY_OF_YEAR}|{_LEAP_YEAR_SINCE_1900}366)"
TIME: Final = _CLOCK
TIMESTAMP: Final = f"{_calendar('-')}(?:[ T]{_CLOCK})?"
INSTANT: Final = f"{_calendar('-')}[ T]{_CLOCK}{_ZONE}"

LONGEST_NUMBER: Final = 1000
"""Characters of the longest text that is read as a decimal or a float."""

TRUE: Final = ("t", "true", "y", "yes", "on", "1")
FALSE: Final = ("f", "false", "n", "no", "off", "0")


def reader(pattern: str, meaning: str) -> Callable[[str], str]:
    """The function that gives a text without the blanks around it, if the pattern takes it. It raises BadValue."""
    compiled = re.compile(pattern)

    def read(value: str) -> str:
        stripped = value.strip(" ")
        if compiled.fullmatch(stripped) is None:
            raise BadValue(f"{shown(value)} is not {meaning}")
        return stripped

    return read
