"""What two values look like beside each other, and what only nearly looks so."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from strangler.mapping.canonical import decimal_text, timestamp_text
from strangler.reconcile.explanation import Cause as C
from strangler.reconcile.explanation import Explanation, Pattern
from strangler.reconcile.patterns import patterns
from strangler.shapes import FieldType as T

P = Pattern

CASES: list[tuple[T, Any, Any, Pattern]] = [
    (T.DECIMAL, "10.01", "10", P.ROUNDING),
    (T.DECIMAL, "10.01", "10.02", P.ROUNDING),
    (T.DECIMAL, "10.01", "10.03", P.VALUE),
    (T.DECIMAL, "1234.5678", "1234.57", P.ROUNDING),
    (T.DECIMAL, "1234.5678", "1234.56", P.ROUNDING),
    (T.DECIMAL, "1234.5678", "1234.55", P.VALUE),
    (T.DECIMAL, "100.4", "100", P.ROUNDING),
    (T.DECIMAL, "101", "100", P.VALUE),
    (T.DECIMAL, "0.4", "0", P.VALUE),
    (T.DECIMAL, "0.004", "0", P.ROUNDING),
    (T.DECIMAL, "-0.01", "0", P.ROUNDING),
    (T.DECIMAL, "12", "-12", P.VALUE),
    (T.DECIMAL, "NaN", "1", P.VALUE),
    (T.INTEGER, 7, 8, P.VALUE),
    (T.FLOAT, 1 / 3, 0.33, P.ROUNDING),
    (T.FLOAT, 0.1, 0.10000000149011612, P.ROUNDING),
    (T.FLOAT, 123456789.123, 123456789.125, P.ROUNDING),
    (T.FLOAT, 1.5, 1.6, P.VALUE),
    (T.FLOAT, "Infinity", 1.6, P.VALUE),
    (T.INSTANT, "2026-03-29T01:00:00.000000Z", "2026-03-29T02:00:00.000000Z", P.TIME_ZONE),
    (T.TIMESTAMP, "2026-11-23T05:00:00.000000", "2026-11-23T10:45:00.000000", P.TIME_ZONE),
    (T.TIMESTAMP, "2026-11-23T05:00:00.000000", "2026-11-23T19:00:00.000000", P.TIME_ZONE),
    (T.TIMESTAMP, "2026-11-23T05:00:00.000000", "2026-11-23T19:15:00.000000", P.VALUE),
    (T.TIMESTAMP, "2026-11-23T05:00:00.000000", "2026-11-23T06:00:01.000000", P.VALUE),
    (T.TIMESTAMP, "2026-11-23T05:00:00.000000", "2026-11-23T05:10:00.000000", P.VALUE),
    (T.TIMESTAMP, "2026-11-23T05:00:00.123456", "2026-11-23T05:00:00.123000", P.ROUNDING),
    (T.TIMESTAMP, "2026-11-23T05:00:00.600000", "2026-11-23T05:00:01.000000", P.ROUNDING),
    (T.TIMESTAMP, "2026-11-23T05:00:00.100000", "2026-11-23T05:00:00.200000", P.VALUE),
    (T.TIMESTAMP, "2026-11-23T05:00:00.000000", "2026-11-23T05:00:01.000000", P.VALUE),
    (T.TIME, "23:30:00.000000", "00:30:00.000000", P.TIME_ZONE),
    (T.TIME, "23:30:00.000000", "00:31:00.000000", P.VALUE),
    (T.DATE, "2026-11-23", "2026-11-24", P.VALUE),
    (T.TEXT, "Ann", "Ann  ", P.PADDING),
    (T.TEXT, " Ann", "Ann\t", P.PADDING),
    (T.TEXT, "4711", "0000004711", P.PADDING),
    (T.TEXT, "A1", "00A1", P.PADDING),
    (T.TEXT, "47 11", "0047 11", P.VALUE),
    (T.TEXT, "4711", "47110", P.TRUNCATED),
    (T.TEXT, "a b", "a  b", P.VALUE),
    (T.TEXT, "Ann", "ANN", P.CASE),
    (T.TEXT, "Straße", "STRASSE", P.CASE),
    (T.TEXT, "Ann ", "ANN", P.VALUE),
    (T.TEXT, "Anna", "ANN", P.VALUE),
    (T.TEXT, "Łódź", "ŁÃ³dÅº", P.VALUE),
    (T.TEXT, "Łódź", "Åódź".encode().decode("latin-1"), P.VALUE),
    (T.TEXT, "Łódź", "Łódź".encode().decode("latin-1"), P.ENCODING),
    (T.TEXT, "Müller", "MÃ¼ller", P.ENCODING),
    (T.TEXT, "MÃ¼ller", "Müller", P.ENCODING),
    (T.TEXT, "Á propos", "Ã\x81 propos", P.ENCODING),
    (T.TEXT, "Łódź", "£ódŸ", P.ENCODING),
    (T.TEXT, "Müller", "M\x81ller", P.ENCODING),
    (T.TEXT, "Müller", "M?ller", P.ENCODING),
    (T.TEXT, "Müller", "M??ller", P.ENCODING),
    (T.TEXT, "Müller", "M\ufffdller", P.ENCODING),
    (T.TEXT, "Zoë Łuk", "Zoë ?uk", P.ENCODING),
    (T.TEXT, "Muller", "M?ller", P.VALUE),
    (T.TEXT, "What!", "What?", P.VALUE),
    (T.TEXT, "é" * 3000, "?" * 7000, P.VALUE),
    (T.TEXT, "O'Neil & Co", "O&#39;Neil &amp; Co", P.ENCODING),
    (T.TEXT, "é", "e\u0301", P.ENCODING),
    (T.TEXT, "Å", "\u212b", P.ENCODING),
    (T.TEXT, "ｱﾝﾅ", "アンナ", P.ENCODING),
    (T.TEXT, "Müller", "Moeller", P.VALUE),
    (T.TEXT, "Nippon Corporation", "Nippon Corp", P.TRUNCATED),
    (T.TEXT, "Nippon", "Corp", P.VALUE),
    (T.TEXT, "", "Corp", P.VALUE),
    (T.TEXT, None, "", P.BLANK),
    (T.TEXT, "  ", None, P.BLANK),
    (T.TEXT, None, "00000000", P.BLANK),
    (T.TEXT, None, "Ann", P.VALUE),
    (T.INTEGER, 0, None, P.BLANK),
    (T.INTEGER, 1, None, P.VALUE),
    (T.DECIMAL, None, "0", P.BLANK),
    (T.DECIMAL, None, "0.01", P.VALUE),
    (T.FLOAT, None, 0.0, P.BLANK),
    (T.BOOLEAN, None, False, P.BLANK),
    (T.BOOLEAN, None, True, P.VALUE),
    (T.BOOLEAN, False, True, P.VALUE),
    (T.DATE, None, "1900-01-01", P.BLANK),
    (T.DATE, None, "1900-01-02", P.VALUE),
    (T.TIMESTAMP, "1970-01-01T00:00:00.000000", None, P.BLANK),
    (T.INSTANT, "1970-01-01T00:00:00.000000Z", None, P.BLANK),
    (T.TIMESTAMP, "1970-01-01T00:00:01.000000", None, P.VALUE),
    (T.TIME, "00:00:00.000000", None, P.BLANK),
    (T.BYTES, "ab00", "ab", P.PADDING),
    (T.BYTES, "ab2020", "ab", P.PADDING),
    (T.BYTES, "abcd", "ab", P.TRUNCATED),
    (T.BYTES, "ab", "ac", P.VALUE),
    (T.JSON, '{"a":1}', '{"a":1} ', P.PADDING),
    (T.TEXT, "7", 7, P.VALUE),
    (T.TEXT, "\ud800", "?", P.ENCODING),
    (T.DATE, "2026-11-23", "not a date", P.VALUE),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "legacy", "store", "expected"), CASES, ids=lambda each: repr(each)[:30])
def test_a_pair_of_values_has_its_pattern_whichever_side_they_are_on(
    kind: T, legacy: Any, store: Any, expected: Pattern
) -> None:
    assert patterns({"f": (legacy, store)}, {"f": kind}) == {"f": expected}
    assert patterns({"f": (store, legacy)}, {"f": kind}) == {"f": expected}


def test_fields_that_hold_each_others_values_are_swapped_before_anything_else() -> None:
    types = {"first": T.TEXT, "last": T.TEXT, "net": T.DECIMAL, "gross": T.DECIMAL, "other": T.TEXT}
    pairs = {
        "first": ("Ann", "ANN"),
        "last": ("ANN", "Ann"),
        "net": ("1", None),
        "gross": (None, "1"),
        "other": ("ANN", "ann"),
    }
    found = patterns(pairs, types)
    assert found == {**dict.fromkeys(("first", "last", "net", "gross"), P.SWAPPED), "other": P.CASE}


def test_two_flags_that_turned_or_a_number_beside_a_flag_are_not_swapped() -> None:
    flags = {"a": (True, False), "b": (False, True)}
    assert patterns(flags, dict.fromkeys("ab", T.BOOLEAN)) == {"a": P.VALUE, "b": P.VALUE}
    mixed = {"a": (1, 2), "b": (2, True)}
    assert patterns(mixed, dict.fromkeys("ab", T.INTEGER)) == {"a": P.VALUE, "b": P.VALUE}


def test_three_values_that_went_around_are_not_swapped() -> None:
    around = {"a": ("x", "z"), "b": ("y", "x"), "c": ("z", "y")}
    assert set(patterns(around, dict.fromkeys("abc", T.TEXT)).values()) == {P.VALUE}


def test_a_date_is_a_time_zone_off_only_next_to_a_time_that_is() -> None:
    types = {"day": T.DATE, "at": T.TIMESTAMP, "far": T.DATE}
    off = {"at": ("2026-11-23T23:30:00.000000", "2026-11-24T00:30:00.000000")}
    days = {"day": ("2026-11-23", "2026-11-24"), "far": ("2026-11-23", "2026-11-25")}
    assert patterns({**off, **days}, types) == {"at": P.TIME_ZONE, "day": P.TIME_ZONE, "far": P.VALUE}
    rounded = {"at": ("2026-11-23T23:59:59.900000", "2026-11-24T00:00:00.000000")}
    assert patterns({**rounded, **days}, types)["day"] is P.VALUE


def test_an_explanation_has_one_pattern_where_all_fields_have_it() -> None:
    assert Explanation(C.UNKNOWN, {"a": P.CASE, "b": P.CASE}, "").pattern is P.CASE
    assert Explanation(C.UNKNOWN, {"a": P.CASE, "b": P.PADDING}, "").pattern is P.VALUE
    assert Explanation(C.UNKNOWN, {"": P.MISSING}, "").pattern is P.MISSING


def of_text(legacy: str, store: str) -> Pattern:
    return patterns({"f": (legacy, store)}, {"f": T.TEXT})["f"]


@given(st.text(min_size=1))
def test_any_text_in_another_case_is_a_case(text: str) -> None:
    changed = text.swapcase()
    assume(changed != text and changed.casefold() == text.casefold())
    assume(unicodedata.normalize("NFKC", changed) != unicodedata.normalize("NFKC", text))
    assert of_text(text, changed) is P.CASE


@given(st.text(min_size=1), st.text(" \t\n", min_size=1))
def test_any_text_with_blanks_behind_it_is_padded(text: str, blanks: str) -> None:
    assume(text.strip())
    assert of_text(text, text + blanks) is P.PADDING


@given(
    st.text("äöüßéèłóźåñçÄÖÜ -abcXYZ09", min_size=1),
    st.sampled_from(["latin-1", "cp1252", "cp1250", "cp850"]),
)
def test_any_text_read_in_the_wrong_encoding_is_an_encoding(text: str, read: str) -> None:
    assume(not text.isascii())
    # What an encoding leaves undefined is as Latin-1 has it.
    strange = "".join(bytes([byte]).decode(read, "ignore") or chr(byte) for byte in text.encode())
    assume(strange.strip() == strange)
    assert of_text(text, strange) is P.ENCODING


@given(st.text(), st.text())
def test_any_two_texts_have_some_pattern_and_the_same_from_either_side(left: str, right: str) -> None:
    assume(left != right)
    assert of_text(left, right) is of_text(right, left)


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-1000, max_value=1000),
    st.integers(1, 5),
)
def test_any_number_rounded_to_fewer_places_is_rounded(number: Decimal, places: int) -> None:
    rounded = round(number, places)
    assume(rounded != number and rounded != 0)
    pair = (decimal_text(number), decimal_text(rounded))
    assert patterns({"f": pair}, {"f": T.DECIMAL})["f"] is P.ROUNDING


@given(st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)), st.integers(-56, 56))
def test_any_time_in_another_zone_is_a_time_zone(at: datetime, quarters: int) -> None:
    assume(quarters)
    pair = (timestamp_text(at), timestamp_text(at + timedelta(minutes=15 * quarters)))
    assert patterns({"f": pair}, {"f": T.TIMESTAMP})["f"] is P.TIME_ZONE
