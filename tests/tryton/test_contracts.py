"""What the services of the cutover example are asked for calls of Tryton's, and what its callers are told. No server runs here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner

from examples.tryton.cutover import contracts
from examples.tryton.cutover.contracts import Contract
from strangler.cli.main import root
from strangler.errors import UntranslatableRequest
from strangler.facade.protocol import Answer, Around, Request, ServiceRequest
from strangler_adapters.protocols.jsonrpc import connect

CONTEXT = {"company": 1}
CONFIGURATION = Path(contracts.__file__).with_name("strangler.yaml")
OUTSIDE = {
    **{f"{name}_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none" for name in ("TRYTON", "PARTY", "PRODUCT", "SALE", "LEDGER")},
    **{f"{name}_URL": "http://127.0.0.1:1" for name in ("TRYTON", "PARTY_SERVICE", "PRODUCT_SERVICE", "SALE_SERVICE")},
}  # fmt: skip


def request(method: str, *params: Any, context: Mapping[str, Any] = CONTEXT) -> Request:
    body = {"id": 7, "method": f"model.{method}", "params": [*params, context]}
    return Request("POST", "/tryton/rpc/", [("content-type", "application/json")], json.dumps(body).encode())


def asked(function: str, call: Request, *answers: Any, status: int = 200) -> tuple[list[ServiceRequest], Any]:
    """What the service is asked when it answers so, and what the caller is told."""
    exchange = connect({}, Around(own=Contract(function))).translate(None, call)
    made = [next(exchange)]
    try:
        for answer in answers:
            made.append(exchange.send(Answer(status, [], json.dumps(answer).encode())))
    except StopIteration as end:
        return made, json.loads(end.value.body)
    raise AssertionError(f"it asks for more: {made[-1]}")


def test_the_configuration_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OUTSIDE.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(root, ["-c", str(CONFIGURATION), "config", "check", "--offline"])
    assert result.exit_code == 0, result.output


def test_a_record_is_told_with_its_stamp_and_the_ids_of_its_lines() -> None:
    item = {
        "party_id": 5, "name": "Łódź", "addresses": [{"address_id": 8}], "created_at": "2026-11-30T12:00:00.000000",
        "changed_at": "2026-11-30T12:00:01.500000",
    }  # fmt: skip
    call = request("party.party.read", [5], ["name", "addresses", "write_date", "_timestamp"])
    (made,), told = asked("party", call, {"items": [item], "total": 1})
    assert made.target == "/parties?ids=5"
    (record,) = told["result"]
    assert record.pop("write_date")["__class__"] == "datetime"
    assert record == {"id": 5, "name": "Łódź", "addresses": [8], "_timestamp": "1796040001.500000"}


def test_commands_on_lists_and_what_the_caller_has_seen_are_put_to_the_service() -> None:
    lines = [
        ["add", [3]],
        ["write", [3], {"quantity": 5.0}],
        ["create", [{"product": 9, "taxes": [["add", [2]]]}]],
        ["delete", [4]],
    ]
    seen = {"_timestamp": {"sale.sale,1": "1.5", "sale.line,3": "1.0", "party.party,5": "2.0"}}
    (made,), told = asked(
        "sale", request("sale.sale.write", [1], {"lines": lines}, context=CONTEXT | seen), {}
    )
    assert (made.method, made.target) == ("PATCH", "/sales")
    assert json.loads(made.body) == {
        "changes": [{
            "sale_id": 1,
            "lines": {
                "keep": [3], "remove": [4], "change": [{"line_id": 3, "quantity": 5.0}],
                "create": [{"product_id": 9, "taxes": {"link": [{"tax_id": 2}], "unlink": []}}],
            },
        }],
        "stamps": {"": {"1": "1.5"}, "lines": {"3": "1.0"}},
        "within": {"company": [1]},
    }  # fmt: skip
    assert told == {"id": 7, "result": None}


def test_a_price_is_that_of_the_company_that_the_call_is_made_for() -> None:
    prices = [{"company": 2, "price": "7.00"}, {"company": 1, "price": "12.50"}]
    _, told = asked(
        "product",
        request("product.template.read", [1], ["list_price"]),
        {"items": [{"template_id": 1, "prices": prices}]},
    )
    assert told["result"] == [{"id": 1, "list_price": {"__class__": "Decimal", "decimal": "12.50"}}]


@pytest.mark.parametrize(
    ("domain", "where"),
    [
        ([["code", "=", "7"]], [["code", "in", ["7"]], ["active", "in", [True]]]),
        ([["active", "in", [True, False]]], [["active", "in", [True, False]]]),
    ],
)
def test_an_inactive_party_is_found_only_by_who_asks_for_it(domain: list[Any], where: list[Any]) -> None:
    call = request("party.party.search", domain, 0, 5, None)
    (made,), told = asked("party", call, {"items": [{"party_id": 4}], "total": 1})
    query = json.loads(parse_qs(urlsplit(made.target).query)["query"][0])
    assert query == {"where": where, "order": [], "offset": 0, "limit": 5}
    assert told["result"] == [4]


def test_what_somebody_else_has_written_meanwhile_is_told_as_tryton_tells_it() -> None:
    problem = {"title": "Precondition Failed", "detail": "sale 1 was written by somebody else meanwhile"}
    _, told = asked("sale", request("sale.sale.write", [1], {"reference": "x"}), problem, status=412)
    assert told["error"][0] == "ConcurrencyException"


@pytest.mark.parametrize("field", ["receivable", "no_such_field"])
def test_what_the_service_doesnt_have_is_left_to_legacy(field: str) -> None:
    with pytest.raises(UntranslatableRequest, match=field):
        asked("party", request("party.party.read", [5], ["name", field]))


def test_an_order_is_told_to_go_on() -> None:
    (made,), _ = asked("sale", request("sale.sale.quote", [1, 2]), {})
    assert (made.method, made.target, json.loads(made.body)["ids"]) == ("POST", "/sales/quote", [1, 2])


def test_an_order_of_another_company_isnt_shown() -> None:
    item = {"sale_id": 1, "company": 2, "state": "draft"}
    _, told = asked("sale", request("sale.sale.read", [1], ["state"]), {"items": [item]})
    assert told["error"][1][0] == "You are trying to read records that don't exist."
    (made,), _ = asked("sale", request("sale.sale.search", [], 0, None, None), {"items": [], "total": 0})
    assert json.loads(parse_qs(urlsplit(made.target).query)["query"][0])["where"] == [["company", "in", [1]]]
