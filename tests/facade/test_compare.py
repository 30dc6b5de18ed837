"""Two answers, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from strangler.facade.compare import MOST, differences, parse


@pytest.mark.parametrize(
    ("legacy", "new", "expected"),
    [
        ('{"a":1}', '{"a":1}', []),
        ('{"a":1,"b":2}', '{"b":2,"a":1}', []),
        ('{"a":1.10}', '{"a":1.1}', []),
        ('{"a":1}', '{"a":1.0}', []),
        ('{"a":0.1000000000000000055}', '{"a":0.1}', [("a", "value")]),
        ('{"a":9007199254740993}', '{"a":9007199254740992}', [("a", "value")]),
        ('{"a":1}', '{"a":"1"}', [("a", "type")]),
        ('{"a":true}', '{"a":1}', [("a", "type")]),
        ('{"a":null}', "{}", [("a", "missing")]),
        ("{}", '{"a":{"b":1}}', [("a", "extra")]),
        ('{"a":[1,2,3]}', '{"a":[3,2,1]}', [("a", "order")]),
        ('{"a":[1,2]}', '{"a":[1]}', [("a.1", "missing")]),
        ('{"a":[{"b":1},{"b":2}]}', '{"a":[{"b":1},{"b":3}]}', [("a.1.b", "value")]),
        ("[1]", '{"0":1}', [("", "type")]),
    ],
)
def test_each_kind_of_difference_is_told(legacy: str, new: str, expected: list[tuple[str, str]]) -> None:
    assert [(d.path, d.kind) for d in differences(parse(legacy.encode()), parse(new.encode()))] == expected


def test_ignored_paths_hide_themselves_and_what_is_below() -> None:
    legacy: Any = {"id": 1, "rows": [{"at": 1, "n": 1}, {"at": 2, "n": 2}], "meta": {"x": 1}}
    new: Any = {"id": 1, "rows": [{"at": 3, "n": 1}, {"n": 2}], "meta": {"y": 1}}
    assert differences(legacy, new, ["rows.*.at", "meta"]) == []
    assert [d.path for d in differences(legacy, new, ["meta"])] == ["rows.0.at", "rows.1.at"]


def test_comparing_stops_when_enough_is_seen() -> None:
    assert len(differences({str(n): n for n in range(1000)}, {})) == MOST
