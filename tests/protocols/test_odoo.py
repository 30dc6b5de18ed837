"""Odoo: both addresses, domains, what isn't there, and its errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strangler.errors import StranglerError, UntranslatableRequest
from strangler.facade.protocol import Answer, Around, Request
from strangler.testing.service_protocol import ask, problem, service_answer
from strangler_adapters.protocols.jsonrpc import connect

OPTIONS: dict[str, Any] = {
    "dialect": "odoo",
    "model": "res.partner",
    "path": "/customers",
    "batch": 2,
    "fields": {
        "id": "id",
        "name": "name | text",
        "active": "active",
        "country_id": ["country", "country_name"],
        "credit_limit": "credit | decimal",
        "write_date": "changed_at | timestamp",
    },
    "operations": {
        "res.partner.block": {
            "ask": "POST /customers/{args.0.0}/block",
            "body": {"why": "kwargs.reason | text"},
            "answer": "done",
        },
    },
}
ITEM = {
    "id": 7, "name": "Łódź", "active": True, "country": 3, "country_name": "Poland",
    "credit": "4904.49", "changed_at": "2026-11-30T10:00:00.000000",
}  # fmt: skip


def protocol() -> Any:
    return connect(OPTIONS, Around())


def keyword_call(method: str, *args: Any, **named: Any) -> Request:
    params = {"model": "res.partner", "method": method, "args": args, "kwargs": named}
    body = {"jsonrpc": "2.0", "method": "call", "params": params, "id": 12}
    return Request("POST", "/web/dataset/call_kw/res.partner/read", [], json.dumps(body).encode())


def remote_call(method: str, *args: Any, **named: Any) -> Request:
    params = {
        "service": "object",
        "method": "execute_kw",
        "args": ["db", 2, "secret", "res.partner", method, args, named],
    }
    return Request(
        "POST",
        "/jsonrpc",
        [],
        json.dumps({"jsonrpc": "2.0", "method": "call", "params": params, "id": 12}).encode(),
    )


def result(answer: Answer) -> Any:
    told = json.loads(answer.body)
    assert (told["jsonrpc"], told["id"]) == ("2.0", 12)
    return told["result"]


def page(*items: Any) -> Answer:
    return service_answer({"items": items, "total": len(items)})


@pytest.mark.parametrize("call", [keyword_call, remote_call])
def test_both_addresses_call_the_same_methods(call: Any) -> None:
    told = ask(
        protocol(),
        call("read", [7], ["name", "country_id", "credit_limit", "write_date"], context={"lang": "en_US"}),
        [page(ITEM)],
    )
    assert told.steps[0].target == "/customers?ids=7"
    assert result(told.answer) == [
        {
            "id": 7,
            "name": "Łódź",
            "country_id": [3, "Poland"],
            "credit_limit": 4904.49,
            "write_date": "2026-11-30 10:00:00",
        }
    ]
    assert b'"credit_limit":4904.49' in told.answer.body
    assert b"secret" not in b"".join(step.body + str(step.headers).encode() for step in told.steps)


def test_what_isnt_there_is_false() -> None:
    bare = {
        **ITEM,
        "name": None,
        "country": None,
        "country_name": None,
        "credit": None,
        "changed_at": None,
        "active": False,
    }
    told = ask(protocol(), keyword_call("read", [7], list(OPTIONS["fields"])), [page(bare)])
    assert result(told.answer) == [
        {
            "id": 7,
            "name": False,
            "active": False,
            "country_id": False,
            "credit_limit": False,
            "write_date": False,
        }
    ]
    values = {"name": False, "credit_limit": False, "active": False, "write_date": "2026-11-30 10:00:00"}
    step = ask(protocol(), keyword_call("write", [7], values), [service_answer({})]).steps[0]
    assert json.loads(step.body) == {
        "name": None,
        "credit": None,
        "active": False,
        "changed_at": "2026-11-30T10:00:00.000000",
    }


SEARCHES: list[tuple[Request, str]] = [
    (keyword_call("search", [["name", "ilike", "od"]]), "name_like=%25od%25&active=true"),
    (
        keyword_call("search", ["&", ["name", "=ilike", "o%"], ["active", "in", [True, False]]]),
        "name_like=o%25",
    ),
    (keyword_call("search", [["name", "=", "a"]], context={"active_test": False}), "name=a"),
    (keyword_call("search", [], order="name desc, id", context={"active_test": False}), "order=-name%2Cid"),
    (keyword_call("search", [], 0, False, "name ASC", context={"active_test": False}), "order=name"),
]


@pytest.mark.parametrize(("request_", "query"), SEARCHES)
def test_domains_are_queries(request_: Request, query: str) -> None:
    told = ask(protocol(), request_, [page(ITEM)])
    path, _, asked = told.steps[0].target.partition("?")
    assert (path, result(told.answer)) == ("/customers", [7])
    assert set(asked.split("&")) - {"limit=1000", "offset=0"} == set(query.split("&"))


def test_searching_and_reading_at_once_and_counting() -> None:
    asked = keyword_call("search_read", domain=[["id", "in", [7, 8]]], fields=["name"], limit=1)
    told = ask(protocol(), asked, [page({**ITEM, "id": 8}, ITEM)])
    assert (told.steps[0].target, result(told.answer)) == ("/customers?ids=7,8", [{"id": 7, "name": "Łódź"}])
    assert result(ask(protocol(), keyword_call("search_count", []), [page(ITEM)]).answer) == 1


def test_records_are_created_changed_and_removed() -> None:
    assert (
        result(ask(protocol(), keyword_call("create", {"name": "a"}), [service_answer(ITEM, 201)]).answer)
        == 7
    )
    two = ask(
        protocol(), keyword_call("create", [{"name": "a"}, {"name": "b"}]), [service_answer(ITEM, 201)] * 2
    )
    assert result(two.answer) == [7, 7]
    assert (
        result(ask(protocol(), keyword_call("write", 7, {"country_id": 3}), [service_answer({})]).answer)
        is True
    )
    gone = ask(protocol(), keyword_call("unlink", [7, 8]), [Answer(204, [], b"")] * 2)
    assert ([step.target for step in gone.steps], result(gone.answer)) == (
        ["/customers/7", "/customers/8"],
        True,
    )


def test_other_methods_are_operations() -> None:
    told = ask(
        protocol(), keyword_call("block", [7], reason="unpaid", context={}), [service_answer({"done": True})]
    )
    assert (told.steps[0].target, told.steps[0].body, result(told.answer)) == (
        "/customers/7/block",
        b'{"why":"unpaid"}',
        True,
    )
    assert protocol().named(None, keyword_call("block", [7])) == ("res.partner.block", ("7",))


ERRORS = [
    (403, 200, "odoo.exceptions.AccessError"),
    (404, 200, "odoo.exceptions.MissingError"),
    (409, 200, "odoo.exceptions.ValidationError"),
    (418, 200, "odoo.exceptions.UserError"),
    (401, 100, "odoo.http.SessionExpiredException"),
]


@pytest.mark.parametrize(("status", "code", "name"), ERRORS)
def test_errors_are_odoos(status: int, code: int, name: str) -> None:
    told = ask(protocol(), keyword_call("write", [7], {"name": "a"}), [problem(status, "No", "why")]).answer
    error = json.loads(told.body)["error"]
    assert (told.status, error["code"], error["data"]["name"], error["data"]["message"]) == (
        200,
        code,
        name,
        "No\nwhy",
    )


def test_what_was_done_before_is_said() -> None:
    told = ask(
        protocol(), keyword_call("unlink", [7, 8]), [Answer(204, [], b""), problem(409, "Locked")]
    ).answer
    assert "1 of the records were done before" in json.loads(told.body)["error"]["data"]["message"]


UNSAID: list[Request] = [
    keyword_call("read", [7]),
    keyword_call("read", [7], []),
    keyword_call("read", ["7"], ["name"]),
    keyword_call("search", ["|", ["name", "=", "a"], ["name", "=", "b"]]),
    keyword_call("search", [["name", "!=", "a"]]),
    keyword_call("search", [["country_id.code", "=", "PL"]]),
    keyword_call("search", [], order="name desc nulls last"),
    keyword_call("search", [], limit=-1),
    keyword_call("web_search_read", []),
    keyword_call("write", [7], {"street": "x"}),
    keyword_call("write", [7], {"credit_limit": "much"}),
    keyword_call("write", [1, 2, 3], {"name": "a"}),
    keyword_call("read", [7], ["name"], load="_classic_read"),
    Request(
        "POST", "/jsonrpc", [], b'{"params":{"service":"common","method":"login","args":["db","u","p"]}}'
    ),
    Request("POST", "/jsonrpc", [], b'{"params":{"service":"object","method":"execute_kw","args":["db"]}}'),
    Request("POST", "/jsonrpc", [], b"[]"),
]


@pytest.mark.parametrize("request_", UNSAID)
def test_what_cant_be_said_is_untranslatable_before_anything_is_asked(request_: Request) -> None:
    with pytest.raises(UntranslatableRequest):
        ask(protocol(), request_, [])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"dialect": "sap"}, "dialect"),
        ({"path": None}, "path"),
        ({"fields": {"name": "name"}}, "id"),
        ({"dialect": "standard"}, "no models"),
    ],
)
def test_options_that_dont_fit_are_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(StranglerError) as error:
        connect({**OPTIONS, **change}, Around())
    assert named in str(error.value)
