"""REST: which operation a path is, what its query says, and the headers that are passed back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strangler.errors import StranglerError, UntranslatableRequest
from strangler.facade.protocol import Around, Request
from strangler.testing.service_protocol import ask, problem, service_answer
from strangler_adapters.protocols.rest import connect

OPTIONS: dict[str, Any] = {
    "operations": {
        "GET /api/{kind}/{no}": {"ask": "GET /{path.kind}/{path.no}", "answer": {"a": "a"}},
        "GET /api/customers/mine": {"ask": "GET /me", "answer": {"me": "a"}},
        "GET /api/customers": {
            "ask": "GET /customers",
            "query": {"name": "query.q", "limit": "query.max | integer"},
            "answer": {"[items]": "id"},
        },
        "DELETE /api/customers/{no}": {"ask": "DELETE /customers/{path.no}"},
        "lookup": {"ask": "GET /lookup/{path.1}", "answer": {"a": "a"}},
    }
}


def protocol() -> Any:
    return connect(OPTIONS, Around())


def request(method: str, target: str) -> Request:
    return Request(method, target, [], b"")


def test_the_most_literal_path_is_taken() -> None:
    assert (
        ask(protocol(), request("GET", "/api/customers/mine"), [service_answer({"a": 1})]).steps[0].target
        == "/me"
    )
    assert (
        ask(protocol(), request("GET", "/api/x%2Fy/a%20b"), [service_answer({"a": 1})]).steps[0].target
        == "/x%2Fy/a%20b"
    )
    assert (
        ask(protocol(), request("GET", "/any/4"), [service_answer({"a": 1})], "lookup").steps[0].target
        == "/lookup/4"
    )


def test_queries_are_put_and_lists_told() -> None:
    told = ask(
        protocol(),
        request("GET", "/api/customers?q=a%20b&max=5"),
        [service_answer({"items": [{"id": 1}, {"id": 2}]})],
    )
    assert (told.steps[0].target, json.loads(told.answer.body)) == ("/customers?name=a%20b&limit=5", [1, 2])


@pytest.mark.parametrize(
    "target",
    [
        "/api/customers?q=a&q=b",
        "/api/customers?other=1",
        "/api/customers?max=many",
        "/api/a/b/c",
        "/api/customers/..",
    ],
)
def test_what_cant_be_put_is_untranslatable(target: str) -> None:
    with pytest.raises(UntranslatableRequest):
        ask(protocol(), request("GET", target), [])


def test_nothing_is_told_of_nothing() -> None:
    told = ask(protocol(), request("DELETE", "/api/customers/7"), [service_answer({})])
    assert (told.answer.status, told.answer.body) == (204, b"")


def test_a_caller_that_must_log_in_or_wait_is_told_how() -> None:
    for status, name, value in ((401, "www-authenticate", "Bearer"), (429, "retry-after", "7")):
        refused = problem(status, "No")._replace(headers=[(name, value), ("server", "x")])
        told = ask(protocol(), request("GET", "/api/customers"), [refused]).answer
        assert (told.status, told.header(name), told.header("server")) == (status, value, "")


def test_a_name_that_is_no_operation_is_refused() -> None:
    with pytest.raises(StranglerError, match="no operation"):
        connect({"operations": {"GET api": {"ask": "GET /a"}}}, Around())
