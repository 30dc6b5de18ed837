"""OData: what a query asks for, what can't be said, tokens, errors, and what the two sides say about themselves."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from strangler.errors import StranglerError, UntranslatableRequest
from strangler.facade.protocol import Answer, Around, Request
from strangler.testing.service_protocol import ask, problem, service_answer
from strangler_adapters.protocols.odata import connect

ROOT = "/sap/opu/odata/sap/API"
SETS: dict[str, Any] = {
    "Partners": {
        "type": "API.PartnerType",
        "path": "/customers",
        "key": ["Partner"],
        "fields": {
            "Partner": "id | zeros(10)",
            "Name": "name",
            "Blocked": "blocked | boolean",
            "Since": "since | date",
            "Limit": "limit | decimal",
            "Country": "country",
        },
    },
    "Items": {
        "path": "/items",
        "record": "/orders/{Order | zeros(10)}/items/{Item}",
        "key": ["Order", "Item"],
        "fields": {"Order": "order | zeros(10)", "Item": "item", "Material": "sku"},
    },
}
OPERATIONS = {
    "Block": {
        "ask": "POST /customers/{query.Partner | zeros(10)}/block",
        "answer": {"Block": {"Done": "done"}},
    },
    "Release": {
        "ask": "POST /customers/{key.Partner | zeros(10)}/release",
        "body": {"note": "body.Note"},
        "answer": {"value": "done"},
    },
}
ITEM = {
    "id": "4711",
    "name": "O'Neil",
    "blocked": False,
    "since": "2026-11-30",
    "limit": "10.50",
    "country": "DE",
}


def protocol(version: int = 2, **changes: Any) -> Any:
    return connect(
        {"version": version, "root": ROOT, "sets": SETS, "operations": OPERATIONS, **changes}, Around()
    )


def request(method: str, below: str, body: Any = None, *headers: tuple[str, str]) -> Request:
    sent = [("accept", "application/json"), ("host", "erp:8000"), *headers]
    if body is None:
        return Request(method, f"{ROOT}/{below}", sent, b"")
    return Request(
        method, f"{ROOT}/{below}", [*sent, ("content-type", "application/json")], json.dumps(body).encode()
    )


def page(*items: Any, total: int | None = None) -> Answer:
    return service_answer({"items": list(items), "total": len(items) if total is None else total})


QUERIES = [
    ("$filter=Name eq 'O''Neil'", "name=O%27Neil"),
    ("$filter='DE' eq Country and (Name eq 'a')", "country=DE&name=a"),
    ("$filter=startswith(Name,'50%25_a')", "name_like=50%5C%25%5C_a%25"),
    ("$filter=startswith(Name,'a') eq true", "name_like=a%25"),
    ("$filter=endswith(Name,'a')", "name_like=%25a"),
    ("$filter=substringof('a',Name)", "name_like=%25a%25"),
    ("$filter=contains(Name,'a')", "name_like=%25a%25"),
    ("$filter=Blocked eq true", "blocked=true"),
    ("$filter=Blocked eq true or Blocked eq false", ""),
    ("$filter=Since eq datetime'2026-11-30T00:00:00'", "since=2026-11-30"),
    ("$filter=Since eq 2026-11-30", "since=2026-11-30"),
    ("$filter=Limit eq 10.5M", "limit=10.5"),
    ("$orderby=Name desc,Partner", "order=-name%2Cid"),
    ("$filter=Name eq 'a'&$format=json&sap-client=100&sap-language=EN", "name=a"),
]


@pytest.mark.parametrize(("query", "asked"), QUERIES)
def test_queries_are_put_to_the_service(query: str, asked: str) -> None:
    told = ask(
        protocol(), request("GET", f"Partners?{query.replace(' ', '%20')}&$top=5&$skip=2"), [page(ITEM)]
    )
    more = f"{asked}&" if asked else ""
    assert told.steps[0].target == f"/customers?{more}limit=5&offset=2"


@pytest.mark.parametrize(
    "query", ["Partner in ('0000000001','0000000002')", "(Partner eq '0000000001' or Partner eq '2')"]
)
def test_named_keys_are_asked_for_by_key(query: str) -> None:
    found = [{**ITEM, "id": "2"}, {**ITEM, "id": "1", "country": "AT"}]
    told = ask(
        protocol(),
        request("GET", f"Partners?$filter={query} and Country eq 'DE'".replace(" ", "%20")),
        [page(*found)],
    )
    assert told.steps[0].target == "/customers?ids=1,2"
    assert [each["Partner"] for each in json.loads(told.answer.body)["d"]["results"]] == ["0000000002"]


UNSAID = [
    "$filter=Name ne 'a'", "$filter=Limit gt 5", "$filter=not (Name eq 'a')", "$filter=Name eq 'a' or Country eq 'DE'",
    "$filter=Name eq Country", "$filter=tolower(Name) eq 'a'", "$filter=Name eq", "$filter=Name eq 'a", "$filter=Unknown eq 'a'",
    "$filter=Name eq 'a' and Name eq 'b'", "$filter=Name in ('a','b')", "$filter=" + "(" * 200, "$filter=Name eq 'a')",
    "$filter=Name eq null",
    "$filter=startswith(Name,5)", "$filter=startswith(Name,'a') eq false", "$filter=Since eq datetime'2026-11-30T10:00:00'",
    "$filter=" + "Name eq 'a' or " * 2000 + "Name eq 'a'",
    "$orderby=Unknown", "$orderby=Name sideways", "$select=Unknown", "$expand=to_Address", "$search=a", "$apply=x", "$top=-1", "$top=x",
    "$format=xml", "$format=atom", "$skiptoken=5", "$top=1&$top=2",
]  # fmt: skip


@pytest.mark.parametrize("query", UNSAID)
def test_what_a_plain_query_cant_say_is_untranslatable(query: str) -> None:
    with pytest.raises(UntranslatableRequest):
        ask(protocol(), request("GET", f"Partners?{query.replace(' ', '%20')}"), [page(ITEM)] * 2)


def test_lists_of_both_versions() -> None:
    told = ask(
        protocol(),
        request("GET", "Partners?$select=Partner,Since&$inlinecount=allpages&$top=1"),
        [page(ITEM, total=7)] * 2,
    )
    where = f"http://erp:8000{ROOT}/Partners('0000004711')"
    assert json.loads(told.answer.body) == {
        "d": {
            "results": [
                {
                    "__metadata": {"id": where, "uri": where, "type": "API.PartnerType"},
                    "Partner": "0000004711",
                    "Since": "/Date(1795996800000)/",
                }
            ],
            "__count": "7",
        }
    }
    told = ask(
        protocol(4),
        request("GET", "Partners?$select=Partner,Limit,Since&$count=true&$top=1"),
        [page(ITEM, total=7)] * 2,
    )
    assert json.loads(told.answer.body) == {
        "@odata.context": f"http://erp:8000{ROOT}/$metadata#Partners",
        "@odata.count": 7,
        "value": [{"Partner": "0000004711", "Limit": 10.5, "Since": "2026-11-30"}],
    }
    assert b'"Limit":10.50' in told.answer.body


def test_a_count_is_a_number() -> None:
    told = ask(
        protocol(), request("GET", "Partners/$count?$filter=Country%20eq%20'DE'"), [page(ITEM, total=41)]
    )
    assert (told.answer.body, told.answer.header("content-type")) == (b"41", "text/plain")
    assert told.steps[0].target == "/customers?country=DE&limit=1&offset=0"


def test_records_are_created_changed_and_removed() -> None:
    made = ask(
        protocol(),
        request("POST", "Partners", {"Name": "a", "Since": "/Date(1795996800000)/"}),
        [service_answer(ITEM, 201)],
    )
    assert (made.steps[0].method, json.loads(made.steps[0].body)) == (
        "POST",
        {"name": "a", "since": "2026-11-30"},
    )
    assert (made.answer.status, json.loads(made.answer.body)["d"]["Partner"]) == (201, "0000004711")
    for method, headers in (("PATCH", []), ("MERGE", []), ("POST", [("x-http-method", "MERGE")])):
        changed = ask(
            protocol(),
            request(method, "Partners('0000004711')", {"Name": "a"}, *headers),
            [service_answer(ITEM)],
        )
        assert (changed.steps[0].method, changed.steps[0].target) == ("PATCH", "/customers/4711")
        assert (changed.answer.status, changed.answer.body) == (204, b"")
    gone = ask(protocol(), request("DELETE", "Partners('4711')"), [Answer(204, [], b"")])
    assert (gone.steps[0].method, gone.steps[0].target, gone.answer.status) == (
        "DELETE",
        "/customers/4711",
        204,
    )


def test_a_put_must_say_everything() -> None:
    whole = {"Name": "a", "Blocked": True, "Since": None, "Limit": "5", "Country": "DE"}
    told = ask(protocol(), request("PUT", "Partners('4711')", whole), [service_answer(ITEM)])
    assert json.loads(told.steps[0].body) == {
        "name": "a",
        "blocked": True,
        "since": None,
        "limit": "5",
        "country": "DE",
    }
    with pytest.raises(UntranslatableRequest, match="Country"):
        ask(protocol(), request("PUT", "Partners('4711')", {"Name": "a"}), [])


def test_keys_of_several_names() -> None:
    told = ask(
        protocol(),
        request("GET", "Items(Order='0000000012',Item=10)"),
        [service_answer({"order": "12", "item": 10, "sku": "a"})],
    )
    assert told.steps[0].target == "/orders/12/items/10"
    assert json.loads(told.answer.body)["d"]["__metadata"]["uri"].endswith(
        "/Items(Order='0000000012',Item=10)"
    )
    assert protocol().named(None, request("GET", "Items(Order='0000000012',Item=10)")).keys == ("12|10",)
    for wrong in (
        "Items('1')",
        "Items(Order='1')",
        "Items(Order='1',Item=1,More=2)",
        "Items(Order='1' Item=1)",
        "Items()",
    ):
        with pytest.raises(UntranslatableRequest):
            ask(protocol(), request("GET", wrong), [])


def test_operations_of_both_versions() -> None:
    told = ask(protocol(), request("POST", "Block?Partner='0000004711'"), [service_answer({"done": True})])
    assert (told.steps[0].target, json.loads(told.answer.body)) == (
        "/customers/4711/block",
        {"d": {"Block": {"Done": True}}},
    )
    told = ask(
        protocol(4),
        request("POST", "Partners('0000004711')/API.Release", {"Note": "x"}),
        [service_answer({"done": True})],
    )
    assert (told.steps[0].target, told.steps[0].body) == ("/customers/4711/release", b'{"note":"x"}')
    assert json.loads(told.answer.body) == {"value": True}


REFUSED = [
    (request("POST", "$batch", {}), "$batch"),
    (request("GET", "$metadata"), "$metadata"),
    (request("GET", ""), "service document"),
    (request("GET", "Partners('1')/to_Address"), "to_Address"),
    (request("GET", "Partners('1')/to_Address('2')/City"), "steps"),
    (request("GET", "Partners", None, ("if-none-match", '"a"')), "stamps"),
    (request("PATCH", "Partners('1')", {"Name": "a"}, ("if-match", 'W/"1"')), "stamps"),
    (request("PATCH", "Partners('1')", {"Partner": "2"}), "key"),
    (request("PATCH", "Partners('1')", {"Street": "2"}), "Street"),
    (request("GET", "Partners('1')")._replace(headers=[]), "Atom"),
    (request("POST", "Partners")._replace(body=b"<entry/>"), "JSON"),
    (Request("GET", "/other", [], b""), "below"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "words"), REFUSED)
def test_what_cant_be_put_is_refused_in_words(asked: Request, words: str) -> None:
    with pytest.raises(UntranslatableRequest) as error:
        ask(protocol(), asked, [service_answer(ITEM)])
    assert words in str(error.value)
    assert protocol().refuse(asked, str(error.value)).status == 501


def test_errors_are_those_of_the_version_in_the_form_that_is_asked_for() -> None:
    told = ask(protocol(), request("GET", "Partners('1')"), [problem(404, "Not <found>", "1")]).answer
    assert (told.status, json.loads(told.body)) == (
        404,
        {"error": {"code": "404", "message": {"lang": "en", "value": "Not <found>: 1"}}},
    )
    told = ask(protocol(4), request("GET", "Partners('1')"), [problem(404, "Not found", "1")]).answer
    assert json.loads(told.body) == {"error": {"code": "404", "message": "Not found: 1"}}
    told = protocol().refuse(request("GET", "Partners('1')")._replace(headers=[]), "<no>\n  why: \0")
    error = etree.fromstring(told.body)
    assert etree.QName(error).localname == "error"
    assert [each.text for each in error] == ["501", "<no>: why:  "]
    coded = protocol(
        errors={409: {"code": "SAP/001", "message": "Locked by {user}", "answer": {"t100": "=X"}}}
    )
    told = ask(
        coded, request("GET", "Partners('1')"), [service_answer({"title": "x", "user": "ME"}, 409)]
    ).answer
    assert json.loads(told.body)["error"] == {
        "code": "SAP/001", "message": {"lang": "en", "value": "Locked by ME"}, "innererror": {"t100": "X"},
    }  # fmt: skip


def test_a_token_is_given_where_it_is_fetched_and_wanted_with_every_write() -> None:
    guarded, fetch = protocol(csrf=True), ("x-csrf-token", "Fetch")
    told = ask(guarded, request("GET", "Partners('4711')", None, fetch), [service_answer(ITEM)]).answer
    token = told.header("x-csrf-token")
    assert token
    for method in ("HEAD", "GET"):
        assert ask(guarded, request(method, "", None, fetch), []).answer.header("x-csrf-token") == token
    for headers in ([], [fetch]):
        refused = ask(guarded, request("DELETE", "Partners('4711')", None, *headers), []).answer
        assert (refused.status, refused.header("x-csrf-token")) == (403, "Required")
    done = ask(
        guarded, request("DELETE", "Partners('4711')", None, ("x-csrf-token", token)), [Answer(204, [], b"")]
    )
    assert done.answer.status == 204
    assert not ask(guarded, request("GET", "Partners('4711')"), [service_answer(ITEM)]).answer.header(
        "x-csrf-token"
    )


def test_the_description_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "api.xml").write_text("<edmx/>")
    options = {"version": 2, "root": ROOT, "sets": SETS, "metadata": "api.xml"}
    assert (
        ask(connect(options, Around(folder=tmp_path)), request("GET", "$metadata"), []).answer.body
        == b"<edmx/>"
    )
    with pytest.raises(StranglerError, match=r"none\.xml"):
        connect({**options, "metadata": "none.xml"}, Around(folder=tmp_path))


def test_what_the_sides_say_about_themselves_doesnt_count() -> None:
    asked = request("GET", "Partners?$select=Partner,Name")
    new = ask(protocol(), asked, [page(ITEM, {**ITEM, "id": "2"})]).answer
    legacy = {
        "d": {
            "results": [
                {"Name": "O'Neil", "Partner": "0000000002", "__metadata": {"etag": "x"}, "to_A": {"__deferred": {"uri": "x"}}},
                {"Partner": "0000004711", "Name": "O'Neil", "__metadata": {}},
            ]
        }
    }  # fmt: skip
    compare = protocol().comparable
    assert compare(None, asked, service_answer(legacy)) == compare(None, asked, new)
    ordered = request("GET", "Partners?$select=Partner,Name&$orderby=Name")
    assert compare(None, ordered, service_answer(legacy)) != compare(None, ordered, new)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"version": 3}, "version"),
        ({"sets": {"A": {"path": "/a", "key": ["B"], "fields": {"C": "c"}}}}, "B"),
        ({"sets": {"A": {"path": "/a", "key": ["B", "C"], "fields": {"B": "b", "C": "c"}}}}, "record"),
        ({"sets": {"A": {"path": "/a", "key": ["B"], "fields": {"B": "b.c"}}}}, "b.c"),
    ],
)
def test_options_that_dont_fit_are_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(StranglerError) as error:
        protocol(**change)
    assert named in str(error.value)


@settings(deadline=None)
@given(st.text(alphabet="Name'eqorand(),$= 5.%\\datetime", max_size=40))
def test_whatever_a_filter_is_it_is_read_or_untranslatable(filter: str) -> None:
    asked = request("GET", f"Partners?$filter={quote(filter)}&$top=1")
    with suppress(UntranslatableRequest):  # Any other error fails.
        ask(protocol(), asked, [page(ITEM)])
