"""What two values of a field look like beside each other. Pure.

A pattern names the one change of writing that would make both sides equal; where it takes two (a case and a blank) it is another value.
The patterns are tried in this order, and the first that fits is taken:

| pattern | of | the two sides |
| --- | --- | --- |
| swapped | all types but boolean | two fields of the row hold each other's value |
| blank | all types | one is NULL, the other empty: blanks, zero, false, the first day of a calendar |
| rounding | numbers | differ by a cent at most |
| rounding | numbers, times | one has fewer decimal places; they differ by one unit of its last place at most |
| time zone | times | differ by whole quarter hours, at most 14 hours |
| time zone | dates | are one day apart, and another field of the row is a time zone off |
| padding | texts | are equal without blanks around them; letters and digits also without zeros before them |
| padding | bytes | are equal without zeros, or blanks, behind them |
| case | texts | are equal in lower case |
| encoding | texts | are equal in a Unicode normal form, or with HTML's escapes undone |
| encoding | texts | one is the other, written in one encoding and read in another |
| encoding | texts | one has a replacement for letters that an encoding doesn't have |
| truncated | texts, bytes | one is the beginning of the other |
| value | all types | anything else |
"""

from __future__ import annotations

import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any, Final

from strangler.reconcile.explanation import Pattern
from strangler.shapes import FieldType

Pairs = Mapping[str, tuple[Any, Any]]
"""Field → (legacy, store), as canonical values that differ."""

CENT: Final = Decimal("0.01")

SINGLE: Final = Decimal("1e-7")
"""What two floats may differ by in proportion, and still be one number: a little more than what single precision keeps."""

QUARTER, WIDEST = timedelta(minutes=15), timedelta(hours=14)
"""Time zones are whole quarter hours from UTC, and none is farther away."""

EMPTY_DATES: Final = frozenset(
    {"0001-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01"}
)
"""What databases and spreadsheets write where there is no date: the first day that they know."""

ENCODINGS: Final = ("utf-8", "cp1252", "latin-1", "cp1250", "iso8859-2", "iso8859-15", "cp850", "cp437")
"""What Western and Central European systems write texts in."""

_REPLACEMENT: Final = frozenset("?\ufffd\u00bf\x1a")
"""What stands for a letter that an encoding doesn't have."""

_CODE: Final = re.compile(r"[0-9A-Za-z]+")
"""What zeros are put before."""

_NUMBERS: Final = (FieldType.INTEGER, FieldType.DECIMAL, FieldType.FLOAT)
_TIMES: Final = (FieldType.TIMESTAMP, FieldType.INSTANT, FieldType.TIME)
_TEXTS: Final = (FieldType.TEXT, FieldType.JSON)


def patterns(pairs: Pairs, types: Mapping[str, FieldType]) -> dict[str, Pattern]:
    """Field → what its two values look like beside each other; `types` are those of the fields."""
    swapped = set(_swapped(pairs, types))
    found = {
        name: Pattern.SWAPPED if name in swapped else _pattern(types[name], *pair)
        for name, pair in pairs.items()
    }
    if Pattern.TIME_ZONE in found.values():
        days = (name for name, pair in pairs.items() if types[name] is FieldType.DATE and _a_day_apart(*pair))
        found |= {name: Pattern.TIME_ZONE for name in days if found[name] is Pattern.VALUE}
    return found


def _swapped(pairs: Pairs, types: Mapping[str, FieldType]) -> Iterator[str]:
    for (one, left), (_, right) in permutations(pairs.items(), 2):
        if types[one] is not FieldType.BOOLEAN and _alike(left, right[::-1]):
            yield one


def _alike(left: Any, right: Any) -> bool:
    """Equal, and of the same types: in Python 1 is True."""
    return bool(left == right) and [type(each) for each in left] == [type(each) for each in right]


def _pattern(kind: FieldType, legacy: Any, store: Any) -> Pattern:
    if legacy is None or store is None:
        there = store if legacy is None else legacy
        return Pattern.BLANK if _is_blank(kind, there) else Pattern.VALUE
    try:
        looks = (pattern for pattern, fits in _LOOKS.get(kind, ()) if fits(legacy, store))
        return next(looks, Pattern.VALUE)
    except (ValueError, ArithmeticError, TypeError, AttributeError):
        # NaN, or what a service wrote into a column that takes anything.
        return Pattern.VALUE


def _is_blank(kind: FieldType, value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip().strip("0") or (kind in (FieldType.DATE, *_TIMES) and _no_moment(value))
    return not value


def _no_moment(value: str) -> bool:
    """Midnight, and of an empty date if of any."""
    day, _, rest = value.rpartition("T") if ":" in value else (value, "", "")
    return day in {*EMPTY_DATES, ""} and not rest.strip("0:.Z")


def _rounded_number(left: Any, right: Any) -> bool:
    one, other = Decimal(str(left)), Decimal(str(right))
    apart = abs(one - other)
    return apart <= CENT or bool(one and other and apart <= _coarser_unit(one, other))


def _rounded_float(left: Any, right: Any) -> bool:
    one, other = Decimal(str(left)), Decimal(str(right))
    proportion = SINGLE * max(abs(one), abs(other))
    return _rounded_number(left, right) or (proportion.is_finite() and abs(one - other) <= proportion)


def _coarser_unit(one: Decimal, other: Decimal) -> Decimal:
    """One unit of the last place of the side that has fewer of them; nothing where both have as many."""
    places = sorted(_places(each) for each in (one, other))
    return Decimal(0) if places[0] == places[1] else Decimal(1).scaleb(-places[0])


def _places(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _rounded_moment(left: str, right: str) -> bool:
    seconds = Decimal(apart(left, right) // timedelta(microseconds=1)).scaleb(-6)
    unit = _coarser_unit(*(Decimal("0." + each.rstrip("Z").rpartition(".")[2]) for each in (left, right)))
    return seconds <= unit


def _in_another_zone(left: str, right: str) -> bool:
    off = apart(left, right)
    return off <= WIDEST and not off % QUARTER


def apart(left: str, right: str) -> timedelta:
    """The time between two canonical moments, or two days; of times of day the shorter way around the clock. Raises ValueError for
    what is none."""
    off = abs(_moment(left) - _moment(right))
    return off if "-" in left else min(off, timedelta(days=1) - off)


def _moment(text: str) -> datetime:
    if "-" in text:
        return datetime.fromisoformat(text.removesuffix("Z"))
    return datetime.combine(date.min, time.fromisoformat(text))


def _a_day_apart(legacy: Any, store: Any) -> bool:
    try:
        return apart(legacy, store) == timedelta(days=1)
    except (ValueError, TypeError):
        return False


def _padded(left: str, right: str) -> bool:
    one, other = left.strip(), right.strip()
    return one == other or (all(map(_CODE.fullmatch, (one, other))) and one.lstrip("0") == other.lstrip("0"))


def _padded_bytes(left: str, right: str) -> bool:
    return any(_stripped(left, byte) == _stripped(right, byte) for byte in ("00", "20"))


def _stripped(text: str, byte: str) -> str:
    while text.endswith(byte) and not len(text) % 2:
        text = text[:-2]
    return text


def _in_another_case(left: str, right: str) -> bool:
    return left.casefold() == right.casefold() and not _same_letters(left, right)


def _same_letters(left: str, right: str) -> bool:
    """Equal in a Unicode normal form."""
    return unicodedata.normalize("NFKC", left) == unicodedata.normalize("NFKC", right)


def _in_another_encoding(left: str, right: str) -> bool:
    return (
        _same_letters(left, right)
        or html.unescape(left) == right
        or html.unescape(right) == left
        or _misread(left, right)
        or _misread(right, left)
        or _replaced(left, right)
        or _replaced(right, left)
    )


def _misread(clear: str, strange: str) -> bool:
    """Whether `strange` is what one sees who reads `clear` in another encoding than it was written in."""
    if clear.isascii():
        return False
    return any(
        _is_read(written, read, strange)
        for write in ENCODINGS
        if (written := _encoded(clear, write))
        for read in ENCODINGS
        if read != write
    )


def _encoded(text: str, encoding: str) -> bytes:
    """The text's bytes; none where the encoding doesn't have all of its letters."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return b""


def _is_read(written: bytes, encoding: str, text: str) -> bool:
    """Whether the bytes say the text. Those that a table of 256 leaves undefined are as Latin-1 has them, as browsers and MySQL read
    them."""
    if encoding == "utf-8":
        return written == _encoded(text, encoding)
    return len(written) == len(text) and written.decode(encoding, _AS_LATIN) == text


_AS_LATIN: Final = "strangler-as-latin-1"


def _as_latin(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error(_AS_LATIN, _as_latin)


def _replaced(clear: str, lossy: str) -> bool:
    """Whether `lossy` is `clear` with a replacement for some of its letters beyond ASCII: one for each, or for each byte in UTF-8."""
    if clear.isascii() or _REPLACEMENT.isdisjoint(lossy):
        return False
    return any(_is_with_marks(clear, lossy, width) for width in (len, lambda letter: len(letter.encode())))


def _is_with_marks(clear: str, lossy: str, width: Callable[[str], int]) -> bool:
    at = 0
    for letter in clear:
        if lossy.startswith(letter, at):
            at += 1
            continue
        marks = lossy[at : at + width(letter)]
        if letter.isascii() or len(marks) < width(letter) or not _REPLACEMENT.issuperset(marks):
            return False
        at += len(marks)
    return at == len(lossy)


def _cut_off(left: str, right: str) -> bool:
    shorter, longer = sorted((left, right), key=len)
    return bool(shorter) and longer.startswith(shorter)


_Look = tuple[Pattern, Callable[[Any, Any], bool]]

_OF_MOMENTS: Final[tuple[_Look, ...]] = (
    (Pattern.ROUNDING, _rounded_moment),
    (Pattern.TIME_ZONE, _in_another_zone),
)
_OF_TEXTS: Final[tuple[_Look, ...]] = (
    (Pattern.PADDING, _padded),
    (Pattern.CASE, _in_another_case),
    (Pattern.ENCODING, _in_another_encoding),
    (Pattern.TRUNCATED, _cut_off),
)
_LOOKS: Final[dict[FieldType, tuple[_Look, ...]]] = {
    FieldType.INTEGER: (),
    FieldType.DECIMAL: ((Pattern.ROUNDING, _rounded_number),),
    FieldType.FLOAT: ((Pattern.ROUNDING, _rounded_float),),
    **dict.fromkeys(_TIMES, _OF_MOMENTS),
    **dict.fromkeys(_TEXTS, _OF_TEXTS),
    FieldType.BYTES: ((Pattern.PADDING, _padded_bytes), (Pattern.TRUNCATED, _cut_off)),
}
"""What a field of each type may look like, in the order in which it is tried."""
