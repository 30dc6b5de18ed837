"""Two answers, field by field."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.settings import ShadowRule
from strangler.shadow.compare import MOST, Compared, compare
from strangler.shadow.reading import parse
from strangler.shadow.rules import Rules, compiled

TODAY = date(2026, 11, 30)
MAPS = {"currency": {"001": "EUR", "002": 978}}


def rules(*written: dict[str, Any], today: date = TODAY) -> Rules:
    return compiled([ShadowRule(**{"owner": "me", "reason": "so", **each}) for each in written], MAPS, today)


def found(legacy: str, new: str, *written: dict[str, Any]) -> list[tuple[str, str]]:
    compared = compare(parse(legacy.encode()), parse(new.encode()), rules(*written))
    return [(each.path, each.kind) for each in compared.differences]


@pytest.mark.parametrize(
    ("legacy", "new", "expected"),
    [
        ('{"a":1}', '{"a":1}', []),
        ('{"a":1,"b":2}', '{"b":2,"a":1}', []),
        ('{"a":1.10}', '{"a":1.1}', []),
        ('{"a":1}', '{"a":1.0}', []),
        ('{"a":NaN}', '{"a":NaN}', []),
        ('{"a":0.1000000000000000055}', '{"a":0.1}', [("a", "value")]),
        ('{"a":9007199254740993}', '{"a":9007199254740992}', [("a", "value")]),
        ('{"a":1}', '{"a":"1"}', [("a", "type")]),
        ('{"a":true}', '{"a":1}', [("a", "type")]),
        ('{"a":[]}', '{"a":{}}', [("a", "type")]),
        ('{"a":null}', "{}", [("a", "missing")]),
        ("{}", '{"a":{"b":1}}', [("a", "extra")]),
        ('{"a":[1,2,3]}', '{"a":[3,2,1]}', [("a", "order")]),
        ('{"a":[true,1]}', '{"a":[1,true]}', [("a", "order")]),
        ('{"a":[true]}', '{"a":[1]}', [("a.0", "type")]),
        ('{"a":[1,2]}', '{"a":[1]}', [("a", "size"), ("a.1", "missing")]),
        ('{"a":[1,2,3]}', '{"a":[2,3]}', [("a", "size"), ("a.0", "missing")]),
        ('{"a":[2]}', '{"a":[1,2,1]}', [("a", "size"), ("a.0", "extra"), ("a.2", "extra")]),
        ('{"a":[{"b":1},{"b":2}]}', '{"a":[{"b":1},{"b":3}]}', [("a.1.b", "value")]),
        ('{"party.":{"a":1}}', '{"party.":{"a":2}}', [("party\\..a", "value")]),
        ("[1]", '{"0":1}', [("", "type")]),
    ],
)
def test_each_kind_of_difference_is_told(legacy: str, new: str, expected: list[tuple[str, str]]) -> None:
    assert found(legacy, new) == expected


def test_a_place_is_the_field_in_whatever_row() -> None:
    legacy: Any = {"rows": [{"by": {"4711": {"n.o": 1}}}]}
    compared = compare(legacy, {"rows": [{"by": {"4711": {"n.o": 2}}}]}, rules())
    assert [each.place for each in compared.differences] == ["rows.*.by.*.n\\.o"]


RULED = [
    ({"rule": "ignore", "path": "rows.*.at"}, '{"rows":[{"at":1},{"at":2}]}', '{"rows":[{"at":3},{}]}', []),
    ({"rule": "ignore", "path": "meta"}, '{"meta":{"x":1}}', '{"meta":{"y":[1]}}', []),
    ({"rule": "ignore", "path": "meta"}, '{"data":{"meta":1}}', '{"data":{"meta":2}}', [("data.meta", "value")]),
    ({"rule": "ignore", "path": "**.at"}, '{"at":1,"a":[{"b":{"at":1}}]}', '{"at":2,"a":[{"b":{"at":2}}]}', []),
    ({"rule": "ignore", "path": "a.**.at"}, '{"at":1,"a":{"at":1}}', '{"at":2,"a":{"at":2}}', [("at", "value")]),
    ({"rule": "ignore", "path": "party\\..at"}, '{"party.":{"at":1}}', '{"party.":{"at":2}}', []),
    ({"rule": "ignore", "path": ""}, "[1]", "{}", []),
    ({"rule": "unordered", "path": "a"}, '{"a":[1,2,2]}', '{"a":[2,1,2]}', []),
    ({"rule": "unordered", "path": "a"}, '{"a":[1,2,2]}', '{"a":[2,1,1]}', [("a.2", "value")]),
    ({"rule": "unordered", "path": "a"}, '{"a":[1,2]}', '{"a":[2]}', [("a", "size"), ("a.0", "missing")]),
    ({"rule": "unordered", "path": "", "by": "id"}, '[{"id":1,"n":1},{"id":2,"n":2}]',
     '[{"id":2,"n":2},{"id":1,"n":3}]', [("0.n", "value")]),
    ({"rule": "unordered", "path": "", "by": ["c", "id"]}, '[{"c":1,"id":1},{"c":2,"id":1}]',
     '[{"c":2,"id":1},{"c":1,"id":1}]', []),
    ({"rule": "unordered", "path": "", "by": "id"}, '[{"id":1},{"id":2}]', '[{"id":3},{"id":2}]',
     [("0", "missing"), ("0", "extra")]),
    ({"rule": "decimal", "path": "a"}, '{"a":"1.50"}', '{"a":1.5}', []),
    ({"rule": "decimal", "path": "a"}, '{"a":"1.50"}', '{"a":1.51}', [("a", "type")]),
    ({"rule": "decimal", "path": "a"}, '{"a":"1.5O"}', '{"a":1.5}', [("a", "type")]),
    ({"rule": "decimal", "path": "a"}, '{"a":true}', '{"a":1}', [("a", "type")]),
    ({"rule": "decimal", "path": "a"}, '{"a":0}', "{}", [("a", "missing")]),
    ({"rule": "decimal", "path": "a", "within": 0.01}, '{"a":0.10}', '{"a":0.11}', []),
    ({"rule": "decimal", "path": "a", "within": 0.01}, '{"a":0.10}', '{"a":0.1100000000000000001}', [("a", "value")]),
    ({"rule": "time", "path": "a"}, '{"a":"2026-11-30T12:00:00Z"}', '{"a":"2026-11-30 13:00:00+01:00"}', []),
    ({"rule": "time", "path": "a", "zone": "Europe/Berlin"}, '{"a":"2026-07-01 12:00:00"}',
     '{"a":"2026-07-01T10:00:00Z"}', []),
    ({"rule": "time", "path": "a"}, '{"a":"20261130120000"}', '{"a":1796040000}', []),
    ({"rule": "time", "path": "a"}, '{"a":"/Date(1796040000000)/"}', '{"a":1796040000000}', []),
    ({"rule": "time", "path": "a", "within": "1s"}, '{"a":"2026-11-30T12:00:00Z"}', '{"a":"2026-11-30T12:00:01Z"}', []),
    ({"rule": "time", "path": "a", "within": "1s"}, '{"a":"2026-11-30T12:00:00Z"}',
     '{"a":"2026-11-30T12:00:01.000001Z"}', [("a", "value")]),
    ({"rule": "time", "path": "a", "within": "1s"}, '{"a":"00000000"}', '{"a":null}', [("a", "type")]),
    ({"rule": "code map", "path": "a", "map": "currency"}, '{"a":"001"}', '{"a":"EUR"}', []),
    ({"rule": "code map", "path": "a", "map": "currency"}, '{"a":"002"}', '{"a":978}', []),
    ({"rule": "code map", "path": "a", "map": "currency"}, '{"a":"003"}', '{"a":"EUR"}', [("a", "value")]),
    ({"rule": "code map", "path": "a", "map": "currency"}, '{"a":null}', '{"a":"EUR"}', [("a", "type")]),
    ({"rule": "text", "path": "a", "ignore": ["blanks", "case"]}, '{"a":" Ab  c "}', '{"a":"ab C"}', []),
    ({"rule": "text", "path": "a", "ignore": "trailing blanks"}, '{"a":"ab  "}', '{"a":"ab"}', []),
    ({"rule": "text", "path": "a", "ignore": "trailing blanks"}, '{"a":" ab"}', '{"a":"ab"}', [("a", "value")]),
    ({"rule": "empty", "path": "a"}, '{"a":""}', "{}", []),
    ({"rule": "empty", "path": "a"}, '{"a":[]}', '{"a":null}', []),
    ({"rule": "empty", "path": "a"}, '{"a":0}', '{"a":null}', [("a", "type")]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "legacy", "new", "expected"), RULED)
def test_a_rule_hides_what_it_allows_and_nothing_else(
    rule: dict[str, Any], legacy: str, new: str, expected: list[tuple[str, str]]
) -> None:
    assert found(legacy, new, rule) == expected
    kept = compare(parse(legacy.encode()), parse(new.encode()), rules({**rule, "until": "2026-11-29"}))
    assert kept.differences, "a rule whose time is over hides nothing"


def test_a_rule_says_how_much_it_hid() -> None:
    ruled = rules(
        {"rule": "ignore", "path": "rows.*.at"},
        {"rule": "decimal", "path": "rows.*.n", "within": 1},
        {"rule": "unordered", "path": "rows", "by": "id"},
        {"rule": "ignore", "path": "never"},
    )
    legacy: Any = {"rows": [{"id": 1, "at": 1, "n": 1}, {"id": 2, "at": 1, "n": 1}]}
    new: Any = {"rows": [{"id": 2, "at": 2, "n": 2}, {"id": 1, "at": 2, "n": 1}]}
    assert compare(legacy, new, ruled) == Compared([], {0: 2, 1: 1, 2: 1})
    assert compare(legacy, legacy, ruled) == Compared([], {})


def test_a_row_that_is_missing_doesnt_make_the_others_move() -> None:
    ruled = rules({"rule": "unordered", "path": "", "by": "id"})
    compared = compare([{"id": 1}, {"id": 2}, {"id": 3}], [{"id": 1}, {"id": 3}], ruled)
    assert [(each.path, each.kind) for each in compared.differences] == [("", "size"), ("1", "missing")]
    assert compared.hidden == {}


def test_rules_below_a_list_without_order_tell_which_elements_are_alike() -> None:
    ruled = rules({"rule": "unordered", "path": ""}, {"rule": "decimal", "path": "*.n", "within": 0.01})
    legacy = [{"id": "a", "n": Decimal("1.00")}, {"id": "b", "n": Decimal("2.00")}]
    new = [{"id": "b", "n": Decimal("2.01")}, {"id": "a", "n": Decimal("1.01")}]
    assert compare(legacy, new, ruled) == Compared([], {0: 1, 1: 2})


def test_comparing_stops_when_enough_is_seen() -> None:
    assert len(compare({str(n): n for n in range(1000)}, {}, rules()).differences) == MOST


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False) | st.text(max_size=3),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=3), below, max_size=4),
    max_leaves=12,
)
MIRRORED = {"missing": "extra", "extra": "missing"}


@settings(max_examples=100, deadline=None)
@given(JSON)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert compare(value, value, rules()) == Compared([], {})


@settings(max_examples=100, deadline=None)
@given(JSON, JSON)
def test_what_differs_one_way_differs_the_other_way(one: Any, other: Any) -> None:
    there = {each.kind for each in compare(one, other, rules()).differences}
    back = {each.kind for each in compare(other, one, rules()).differences}
    assert {MIRRORED.get(kind, kind) for kind in there} == back


@settings(max_examples=100, deadline=None)
@given(st.lists(JSON, max_size=6), st.randoms(use_true_random=False))
def test_a_list_without_order_is_alike_however_it_is_shuffled(value: list[Any], random: Any) -> None:
    shuffled = random.sample(value, len(value))
    assert compare(value, shuffled, rules({"rule": "unordered", "path": ""})).differences == []


@settings(max_examples=100, deadline=None)
@given(JSON, JSON)
def test_what_is_ignored_is_counted_by_the_rule_or_there_was_nothing(one: Any, other: Any) -> None:
    raw = compare(one, other, rules())
    ignored = compare(one, other, rules({"rule": "ignore", "path": ""}))
    assert ignored.differences == []
    assert ignored.hidden == ({0: len(raw.differences)} if raw.differences else {})


@settings(max_examples=100, deadline=None)
@given(JSON, JSON)
def test_every_difference_stands_where_it_says(one: Any, other: Any) -> None:
    for each in compare(one, other, rules()).differences:
        again = compare(one, other, rules({"rule": "ignore", "path": each.path}))
        assert each not in again.differences
