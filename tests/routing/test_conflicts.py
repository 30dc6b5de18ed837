"""Routes that stand in each other's way: what is one, and what only looks like one."""

from __future__ import annotations

from typing import Any

import pytest

from strangler.routing.conflicts import conflicts
from tests.routing.tables import table

Match = dict[str, Any]


def found(*matches: Match, kinds: tuple[str, ...] = ()) -> set[tuple[str, str, bool]]:
    kinds = kinds or ("read",) * len(matches)
    compiled = table({f"f{n}": [{"kind": kinds[n], "match": match}] for n, match in enumerate(matches)})
    return {(each.route.function, each.other.function, each.all) for each in conflicts(compiled)}


@pytest.mark.parametrize(
    ("one", "other", "all_of_it"),
    [
        ({"path": "/p/{id}"}, {"path": "/p/{number}"}, True),
        ({"path": "/p"}, {"path": "//p/"}, True),
        ({"path": "/p/{rest:path}"}, {"path": "/p/{any:path}"}, True),
        ({"path": "/p", "method": ["GET", "PUT"]}, {"path": "/p", "method": "PUT"}, True),
        ({"path": "/p", "method": "PUT"}, {"path": "/p", "method": ["GET", "PUT"]}, False),
        ({"path": "/p", "method": "PUT"}, {"path": "/p", "query": {"a": "1"}}, False),
        ({"path": "/p", "query": {"a": ["1", "2"]}}, {"path": "/p", "query": {"a": "2"}}, True),
        ({"path": "/p", "query": {"a": "1"}}, {"path": "/p", "query": {"b": "1"}}, False),
        ({"path": "/p", "headers": {"A": "*"}}, {"path": "/p", "headers": {"a": "*"}}, True),
        ({"path": "/p", "host": "*.example.com"}, {"path": "/p", "host": "*.Example.com"}, True),
        ({"path": "/p", "json": {"m": ["a", "b"]}}, {"path": "/p", "json": {"m": ["b", "c"]}}, False),
        ({"path": "/p", "odata": ["A", "B"]}, {"path": "/p", "odata": "B"}, True),
    ],
)
def test_routes_that_a_request_meets_equally_well_are_in_conflict(
    one: Match, other: Match, all_of_it: bool
) -> None:
    assert found(one, other) == {("f1", "f0", all_of_it)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"path": "/p/{id}"}, {"path": "/p/q"}),
        ({"path": "/p/{id}"}, {"path": "/p/{rest:path}"}),
        ({"path": "/p", "method": "GET"}, {"path": "/p", "method": "PUT"}),
        ({"path": "/p"}, {"path": "/p", "method": "GET"}),
        ({"path": "/p", "query": {"a": "1"}}, {"path": "/p", "query": {"a": "2"}}),
        ({"path": "/p", "query": {"a": "1"}}, {"path": "/p", "query": {"a": "*"}}),
        ({"path": "/p", "query": {"a": "1"}}, {"path": "/p", "query": {"a": "1", "b": "1"}}),
        ({"path": "/p", "host": "a.com"}, {"path": "/p", "host": "b.com"}),
        ({"path": "/p", "host": "a.b.com"}, {"path": "/p", "host": "*.b.com"}),
        ({"path": "/p", "json": {"m": "a"}}, {"path": "/p", "form": {"m": "a"}}),
        ({"path": "/p", "soap": "A"}, {"path": "/p", "soap": "B"}),
        ({"path": "/p", "odata": "A"}, {"path": "/p", "odata": "B"}),
    ],
)
def test_routes_that_can_be_told_apart_are_not(one: Match, other: Match) -> None:
    assert found(one, other) == set()


def test_a_write_stands_before_a_read_that_is_otherwise_alike() -> None:
    assert found({"path": "/p"}, {"path": "/p"}, kinds=("read", "write")) == {("f0", "f1", True)}


def test_routes_of_one_function_may_overlap_where_it_comes_to_the_same() -> None:
    def of_one(*routes: dict[str, Any]) -> int:
        return len(list(conflicts(table({"f": list(routes)}))))

    get = {"kind": "read", "match": {"path": "/p", "method": ["GET", "HEAD"]}}
    head = {"kind": "read", "match": {"path": "/p", "method": ["HEAD", "PUT"]}}
    assert of_one(get, head) == 0
    assert of_one(get, {**head, "kind": "write"}) == 1
    assert of_one(get, {**head, "operation": "other"}) == 1
    assert of_one(get, get) == 1, "the second is never reached"


def test_conflicts_of_thousands_of_routes_at_one_path_are_found_at_once() -> None:
    matches = [{"path": "/rpc", "json": {"method": [f"m{n}.read", f"m{n}.write"]}} for n in range(2000)]
    matches[1500] = {"path": "/rpc", "json": {"method": ["m7.write"]}}
    assert found(*matches) == {("f1500", "f7", True)}
