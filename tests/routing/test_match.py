"""What a route may ask of a request: one table for each place that is looked at."""

from __future__ import annotations

import pytest

from strangler.cutover.stages import Side, Stage
from strangler.routing import OPERATION, Asked, BadPath
from tests.routing.tables import ask, function_of, standings, table

HOSTS = table(
    {
        "one": [{"kind": "read", "match": {"path": "/p", "host": "erp.example.com"}}],
        "below": [{"kind": "read", "match": {"path": "/p", "host": "*.example.com"}}],
        "deeper": [{"kind": "read", "match": {"path": "/p", "host": "*.eu.example.com"}}],
        "any": [{"kind": "read", "match": {"path": "/p"}}],
    }
)


@pytest.mark.parametrize(
    ("host", "function"),
    [
        ("erp.example.com", "one"),
        ("ERP.Example.com:8080", "one"),
        ("erp.example.com.", "one"),
        ("crm.example.com", "below"),
        ("a.b.example.com", "below"),
        ("crm.eu.example.com", "deeper"),
        ("example.com", "any"),
        ("notexample.com", "any"),
        ("[::1]:8080", "any"),
        ("a." * 4000 + "example.com", "any"),
    ],
)
def test_the_closest_host_wins(host: str, function: str) -> None:
    assert function_of(HOSTS, "GET", "/p", host=host) == function


ACTIONS = table(
    {
        "order": [
            {"kind": "write", "match": {"path": "/card.php", "query": {"action": ["create", "update"]}}}
        ],
        "listing": [{"kind": "read", "match": {"path": "/card.php", "query": {"action": "list"}}}],
        "other": [{"kind": "read", "match": {"path": "/card.php", "query": {"action": "*"}}}],
        "bare": [{"kind": "read", "match": {"path": "/card.php"}}],
    }
)


@pytest.mark.parametrize(
    ("target", "function"),
    [
        ("/card.php?action=create", "order"),
        ("/card.php?id=7&action=update", "order"),
        ("/card.php?%61ction=cre%61te", "order"),
        ("/card.php?id=7;action=create", "order"),
        ("/card.php?action=create&action=unknown", "order"),
        ("/card.php?action=create&action=update", "order"),
        ("/card.php?+action=create", "order"),
        ("/card.php?action[]=create", "order"),
        ("/card.php?action%5Bx%5D=create", "order"),
        ("/card.php?action=list", "listing"),
        ("/card.php?action=delete", "other"),
        ("/card.php?action=", "other"),
        ("/card.php?Action=create", "bare"),
        ("/card.php", "bare"),
    ],
)
def test_a_value_in_the_query_picks_the_route(target: str, function: str) -> None:
    assert function_of(ACTIONS, "GET", target) == function


@pytest.mark.parametrize(
    "target", ["/card.php?action=create&action=list", "/card.php?action=list;action=create"]
)
def test_a_query_that_asks_for_two_routes_is_refused(target: str) -> None:
    with pytest.raises(BadPath, match="action twice"):
        ACTIONS.find(Asked("GET", target, {}))


PLACES = table(
    {
        "seven": [{"kind": "read", "match": {"path": "/p", "headers": {"X-Org": "7"}}}],
        "eight": [{"kind": "read", "match": {"path": "/p", "headers": {"X-Org": ["8", "9"]}}}],
        "german": [{"kind": "read", "match": {"path": "/q", "cookies": {"lang": "de"}}}],
        "french": [{"kind": "read", "match": {"path": "/q", "cookies": {"lang": "fr"}}}],
    }
)


def test_a_header_that_comes_twice_is_met_by_either_and_refused_where_they_part() -> None:
    assert function_of(PLACES, "GET", "/p", x_org="7") == "seven"
    assert function_of(PLACES, "GET", "/p", x_org="5, 7") == "seven"
    assert function_of(PLACES, "GET", "/p", x_org="8, 9") == "eight"
    assert function_of(PLACES, "GET", "/p", x_org="5") is None
    with pytest.raises(BadPath, match="x-org twice"):
        PLACES.find(Asked("GET", "/p", {"x-org": "7, 8"}))


def test_a_cookie_picks_the_route_and_two_of_a_name_are_refused_where_they_part() -> None:
    assert function_of(PLACES, "GET", "/q", cookie="a@b=1; lang=fr") == "french"
    assert function_of(PLACES, "GET", "/q", cookie="lang=de; lang=de") == "german"
    with pytest.raises(BadPath, match="lang twice"):
        PLACES.find(Asked("GET", "/q", {"cookie": "lang=de; lang=fr"}))


def test_a_method_in_a_header_is_met_where_servers_heed_it() -> None:
    compiled = table(
        {
            "gone": [{"kind": "write", "match": {"path": "/p/{id}", "method": "DELETE"}}],
            "posted": [{"kind": "write", "match": {"path": "/q/{id}", "method": "POST"}}],
        }
    )
    for header in ("x_http_method_override", "x_http_method", "x_method_override"):
        assert function_of(compiled, "POST", "/p/1", **{header: "delete"}) == "gone"
        assert function_of(compiled, "POST", "/q/1", **{header: "delete"}) == "posted"
        assert function_of(compiled, "GET", "/p/1", **{header: "delete"}) is None
    assert function_of(compiled, "POST", "/p/1") is None


SOAP = table(
    {
        "party": [
            {"kind": "read", "match": {"path": "/soap", "soap": ["ReadParty"]}},
            {"kind": "write", "match": {"path": "/soap", "soap": ["ChangeParty", "urn:erp/DropParty"]}},
        ],
        "sale": [{"kind": "write", "match": {"path": "/soap", "soap": "BookSale"}}],
    }
)


@pytest.mark.parametrize(
    ("element", "headers", "function"),
    [
        ("ReadParty", {}, "party"),
        ("BookSale", {"soapaction": '""'}, "sale"),
        ("BookSale", {"soapaction": '"urn:anything"'}, "sale"),
        ("BookSaleRequest", {"soapaction": '"http://erp.example.com/sales#BookSale"'}, "sale"),
        (None, {"soapaction": "urn:sales:BookSale"}, "sale"),
        ("Anything", {"soapaction": '"urn:erp/DropParty"'}, "party"),
        (
            "Anything",
            {"content-type": 'application/soap+xml; charset=utf-8; action="urn:x/ReadParty"'},
            "party",
        ),
        ("Unknown", {"soapaction": '"urn:unknown"'}, None),
    ],
)
def test_a_soap_call_is_told_by_its_body_or_its_action(
    element: str | None, headers: dict[str, str], function: str | None
) -> None:
    asked = Asked("POST", "/soap", headers)
    assert SOAP.find(asked).wanted == {"xml": {OPERATION}}
    assert ask(SOAP, asked, {("xml", OPERATION): element}).function == function


def test_invariant_4_a_soap_call_that_names_two_operations_is_held_for_a_write_to_both() -> None:
    asked = Asked("POST", "/soap", {"soapaction": "urn:x/ReadParty"})
    values = {("xml", OPERATION): "BookSale"}
    passed = ask(SOAP, asked, values)
    assert (passed.kind, passed.side, passed.status) == ("write", Side.LEGACY, None)
    refused = ask(SOAP, asked, values, standings(sale=Stage.LIVE))
    assert refused.status == 422
    assert "SOAPAction" in refused.why


ODATA = table(
    {
        "order": [
            {
                "kind": "read",
                "match": {"path": "/odata/v4", "odata": ["Orders", "OrderLines"], "method": "GET"},
            },
            {"kind": "write", "match": {"path": "/odata/v4", "odata": ["Orders", "OrderLines"]}},
        ],
        "party": [{"kind": "read", "match": {"path": "/odata/v4", "odata": "Parties"}}],
        "tuned": [{"kind": "read", "match": {"path": "/odata/v4/Orders/$count"}}],
    }
)


@pytest.mark.parametrize(
    ("path", "function"),
    [
        ("/odata/v4/Orders", "order"),
        ("/odata/v4/Orders('1')", "order"),
        ("/odata/v4/Orders(Key=1,Other='x')/Items", "order"),
        ("/odata/v4/Orders%28%271%27%29", "order"),
        ("/odata/v4/Orders('a%2Fb')", "order"),
        ("/odata/v4/Default.Orders(1)", "order"),
        ("/odata;v=2/v4/Orders(1)", "order"),
        ("/odata/v4/OrderLines", "order"),
        ("/odata/v4/Orders/$count", "tuned"),
        ("/odata/v4/Parties(1)/Orders", "party"),
        ("/odata/v4/OrdersOfToday", None),
        ("/odata/v4/$metadata", None),
        ("/odata/v4", None),
    ],
)
def test_an_entity_set_is_met_with_and_without_its_key(path: str, function: str | None) -> None:
    assert function_of(ODATA, "GET", path) == function


def test_invariant_4_a_batch_passes_only_while_legacy_owns_every_set_of_its_service() -> None:
    batch = Asked("POST", "/odata/v4/$batch", {})
    assert ask(ODATA, batch).status is None
    assert ask(ODATA, batch).kind == "write"
    assert ask(ODATA, batch, at=standings(tuned=Stage.LIVE)).status is None
    for function in ("order", "party"):
        refused = ask(ODATA, batch, at=standings(**{function: Stage.LIVE}))
        assert refused.status == 422
        assert function in refused.why


FORMS = table(
    {
        "order": [{"kind": "write", "match": {"path": "/card.php", "form": {"action": ["add", "set"]}}}],
        "party": [{"kind": "write", "match": {"path": "/card.php", "json": {"call.name": "party"}}}],
        "call": [
            {"kind": "write", "match": {"path": "/card.php", "xml": {"methodCall.methodName": "party.write"}}}
        ],
    }
)


def test_values_of_each_kind_of_body_pick_the_route() -> None:
    found = FORMS.find(Asked("POST", "/card.php", {}))
    assert found.wanted == {"form": {"action"}, "json": {"call.name"}, "xml": {"methodCall.methodName"}}
    for key, value, function in (
        (("form", "action"), "set", "order"),
        (("json", "call.name"), "party", "party"),
        (("xml", "methodCall.methodName"), "party.write", "call"),
        (("json", "action"), "set", None),
    ):
        assert function_of(FORMS, "POST", "/card.php", {key: value}) == function


def test_invariant_4_what_may_be_behind_a_hidden_body_counts_with_what_asks_nothing_of_it() -> None:
    compiled = table(
        {
            "named": [{"kind": "write", "match": {"path": "/rpc", "json": {"method": "a"}}}],
            "others": [{"kind": "write", "match": {"path": "/{any:path}"}}],
        }
    )
    hidden = ask(compiled, Asked("POST", "/rpc", {}), None, standings(others=Stage.LIVE))
    assert hidden.status == 422


def test_invariant_4_a_path_that_is_two_functions_passes_only_while_legacy_owns_both() -> None:
    compiled = table(
        {
            "item": [{"kind": "write", "match": {"path": "/items/{id}"}}],
            "stock": [{"kind": "write", "match": {"path": "/items/{id}/stock"}}],
        }
    )
    asked = Asked("PUT", "/items/7%2Fstock", {})
    assert ask(compiled, asked).status is None
    assert ask(compiled, asked, at=standings(stock=Stage.LIVE)).status == 422
    assert ask(compiled, asked, at=standings(item=Stage.LIVE)).status == 422
    assert ask(compiled, Asked("PUT", "/items/7%2Fx", {}), at=standings(item=Stage.LIVE)).side is Side.NEW


def test_case_is_nothing_where_the_configuration_says_so() -> None:
    routes = {
        "party": [{"kind": "write", "match": {"path": "/Parties/{id}"}}],
        "order": [{"kind": "read", "match": {"path": "/OData", "odata": "Orders"}}],
    }
    for path, function in (("/parties/1", "party"), ("/PART%49ES/1", "party"), ("/odata/ORDERS(1)", "order")):
        assert function_of(table(routes, ignore_case=True), "PUT", path) == function
        assert function_of(table(routes), "PUT", path) is None


@pytest.mark.parametrize(
    "path", ["/a%", "/a%zz", "/%u0070arties", "/partiés", "parties", "http://host/p", "/a%7f"]
)
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(BadPath):
        HOSTS.find(Asked("GET", path, {}))


def test_a_request_for_the_server_itself_is_no_functions() -> None:
    assert function_of(HOSTS, "OPTIONS", "*") is None


def test_a_caller_is_told_by_the_first_of_its_headers_and_cookies() -> None:
    compiled = table({}, sticky={"headers": ["X-User"], "cookies": ["session@1", "sid"]})
    assert compiled.identify(Asked("GET", "/", {"x-user": "anna", "cookie": "sid=1"}), "10.0.0.1") == "anna"
    assert compiled.identify(Asked("GET", "/", {"cookie": "sid=1; session@1=2"}), "10.0.0.1") == "2"
    assert compiled.identify(Asked("GET", "/", {"cookie": "sid="}), "10.0.0.1") == "10.0.0.1"
