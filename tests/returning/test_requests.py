"""The request that brings an aggregate back by legacy's own API, as it is made of what is configured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from strangler.errors import Untranslatable
from strangler.mapping import EntityMapping
from strangler.ports import Outgoing
from strangler.returning.requests import Asked, request, unknown
from strangler.settings import Api
from tests.returning.orders import Orders

LINE = {"position": 1, "article": "x", "quantity": "1.5", "price": None}
ORDER = {
    "number": "SO 1/2",
    "customer": 'A "B" {C}',
    "state": "draft",
    "total": "12345678901234567.89",
    "ordered": None,
    "shouted": 'A "B" {C}',
    "remark": None,
    "lines": [LINE],
}


@pytest.fixture
def mapping(tmp_path: Path) -> Iterator[EntityMapping]:
    (tmp_path / "legacy.db").touch()
    orders = Orders(tmp_path, f"sqlite:///{tmp_path}/legacy.db", f"sqlite:///{tmp_path}/service.db")
    orders.create()
    with orders.mapping() as mapping:
        yield mapping
    orders.control.close()


def api(act: str, **section: Any) -> Api:
    given = {"method": "POST", "path": "/orders"} | section
    return Api.model_validate({"url": "http://erp", "requests": {"order": {act: given}}})


def asked(
    mapping: EntityMapping, api: Api, now: dict[str, Any] | None, legacy: dict[str, Any] | None = None
) -> Asked:
    outgoing = Outgoing("order", '["SO 1/2"]', legacy, now, frozenset({"token"}))
    return request(api, mapping, outgoing, legacy, {"id": 7} if legacy else {}, "sqlite")


def test_without_a_template_all_that_leads_back_is_sent_with_every_digit(mapping: EntityMapping) -> None:
    made = asked(mapping, api("insert"), ORDER)
    assert made.body is not None
    assert b'"total": 12345678901234567.89' in made.body
    body = json.loads(made.body)
    assert (body["code"], body["customer"], body["state"], body["ordered"]) == (
        "SO 1/2",
        'A "B" {C}',
        "D",
        None,
    )
    [line] = body["lines"]
    assert (line["pos"], line["quantity"], line["price"]) == (1, 1.5, None)
    assert "note" not in body
    assert made.headers["Content-Type"] == "application/json"
    assert not made.repeatable


def test_a_template_says_where_each_value_stands(mapping: EntityMapping) -> None:
    body = {
        "method": "order.{{create}}",
        "params": [{"code": "{code}", "text": "{code} of {customer}", "total": "{total!s}"}],
        "lines": {"each": "lines", "as": ["{pos}", "{article}", "{code}"]},
    }
    made = asked(mapping, api("insert", body=body), ORDER)
    assert json.loads(made.body or b"") == {
        "method": "order.{create}",
        "params": [{"code": "SO 1/2", "text": 'SO 1/2 of A "B" {C}', "total": "12345678901234567.89"}],
        "lines": [[1, "x", "SO 1/2"]],
    }


def test_what_changes_is_patched_and_the_path_has_the_key_of_the_row(mapping: EntityMapping) -> None:
    patch = api("update", method="PATCH", path="/orders/{id}?code={code}")
    made = asked(mapping, patch, ORDER | {"state": "confirmed"}, ORDER)
    assert (made.target, json.loads(made.body or b"")) == ("/orders/7?code=SO%201%2F2", {"state": "C"})


def test_a_form_says_nothing_of_what_is_null(mapping: EntityMapping) -> None:
    form = api("insert", form=True, body={"code": "{code}", "when": "{ordered}", "total": "{total}"})
    made = asked(mapping, form, ORDER)
    assert parse_qs((made.body or b"").decode()) == {"code": ["SO 1/2"], "total": ["12345678901234567.89"]}
    assert made.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_one_that_is_removed_is_known_by_its_key(mapping: EntityMapping) -> None:
    made = asked(mapping, api("delete", method="DELETE", path="/orders/{code}"), None, ORDER)
    assert (made.target, made.body, made.repeatable) == ("/orders/SO%201%2F2", None, True)


def test_the_key_is_that_of_the_changes(mapping: EntityMapping) -> None:
    one, same, other = (
        asked(mapping, api("insert"), each).headers["Idempotency-Key"]
        for each in (ORDER, dict(ORDER), ORDER | {"state": "confirmed"})
    )
    assert one == same != other


def test_what_nothing_is_said_of_or_has_no_way_back_is_refused(mapping: EntityMapping) -> None:
    with pytest.raises(Untranslatable, match="nothing says how legacy's API is to update a order"):
        asked(mapping, api("insert"), ORDER, ORDER | {"state": None})
    with pytest.raises(Untranslatable):
        asked(mapping, api("insert"), ORDER | {"state": "unheard of"})


def test_names_without_a_value_are_found_beforehand(mapping: EntityMapping) -> None:
    body = {"a": "{code}", "b": "{number}", "c": {"each": "lines", "as": "{pos} {code} {wrong}"}}
    found = [each.what for each in unknown(api("insert", body=body, path="/{id}"), [mapping])]
    assert found == [
        f"{{{name}}} in return.api.requests.order.insert has no value" for name in ("id", "number", "wrong")
    ]
