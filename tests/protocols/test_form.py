"""Forms: fields that say a thing twice, parts, pages, redirects, scraps of JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strangler.errors import StranglerError, UntranslatableRequest
from strangler.facade.protocol import Around, Request
from strangler.testing.service_protocol import ask, problem, service_answer
from strangler_adapters.protocols.form import connect

OPTIONS: dict[str, Any] = {
    "operation": "action",
    "operations": {
        "add": {
            "ask": "POST /customers",
            "body": {"name": "name", "tags[tag]": ".", "limit": "limit | decimal(comma)"},
            "ignore": ["token"],
            "answer": {"location": "/card.php?id={id}&name={name}"},
        },
        "list": {
            "ask": "GET /customers",
            "query": {"name_like": "search"},
            "answer": {"json": {"rows[items]": {"label": "name"}}},
        },
        "confirm_delete": {"ask": "DELETE /customers/{id}", "answer": {"type": "text/plain", "text": "1"}},
    },
    "errors": {409: {"answer": {"status": 200, "text": "<div class='error'>{title}</div>"}}},
}
FORM = ("content-type", "application/x-www-form-urlencoded; charset=UTF-8")


def protocol() -> Any:
    return connect(OPTIONS, Around())


def posted(fields: str) -> Request:
    return Request("POST", "/card.php", [FORM], fields.encode())


def test_a_form_becomes_a_call_and_its_answer_a_redirect() -> None:
    told = ask(
        protocol(),
        posted("action=add&name=S%C3%B6hne+%26+Co&tag[]=a&tag%5B%5D=b&limit=1.234%2C50&token=x&empty="),
        [service_answer({"id": 7, "name": "a&b=c"})],
    )
    assert json.loads(told.steps[0].body) == {"name": "Söhne & Co", "tags": ["a", "b"], "limit": "1234.50"}
    assert (told.answer.status, told.answer.header("location")) == (302, "/card.php?id=7&name=a%26b%3Dc")


def test_a_form_with_parts_says_the_same() -> None:
    body = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("action", "add"), ("name", "Söhne\r\n& Co"), ("limit", "5"))
    )
    asked = Request(
        "POST",
        "/card.php",
        [("content-type", "multipart/form-data; boundary=b")],
        f"{body}--b--\r\n".encode(),
    )
    told = ask(protocol(), asked, [service_answer({"id": 7, "name": "a"})])
    assert json.loads(told.steps[0].body) == {"name": "Söhne\r\n& Co", "limit": "5"}
    with_file = body.replace('name="name"', 'name="name"; filename="a.txt"')
    with pytest.raises(UntranslatableRequest, match="file"):
        ask(protocol(), asked._replace(body=f"{with_file}--b--\r\n".encode()), [])


def test_scraps_of_json_and_of_text() -> None:
    told = ask(
        protocol(),
        Request("GET", "/ajax.php?action=list&search=%25a", [], b""),
        [service_answer({"items": [{"name": "a"}]})],
    )
    assert (told.steps[0].target, json.loads(told.answer.body)) == (
        "/customers?name_like=%25a",
        {"rows": [{"label": "a"}]},
    )
    told = ask(protocol(), posted("action=confirm_delete&id=7"), [service_answer({})])
    assert (told.answer.body, told.answer.header("content-type")) == (b"1", "text/plain")


def test_what_the_service_says_is_escaped_in_a_page() -> None:
    told = ask(
        protocol(), posted("action=confirm_delete&id=7"), [problem(409, "<script>alert(1)</script>")]
    ).answer
    assert (told.status, told.body) == (
        200,
        b"<div class='error'>&lt;script&gt;alert(1)&lt;/script&gt;</div>",
    )
    told = ask(protocol(), posted("action=confirm_delete&id=7"), [problem(404, "<b>")]).answer
    assert (told.status, told.header("content-type"), told.body) == (404, "text/plain; charset=utf-8", b"<b>")


@pytest.mark.parametrize(
    "request_",
    [
        posted("action=confirm_delete&id=7&id=8"),
        posted("action=list&action=confirm_delete"),
        posted("action=confirm_delete&id[]=7"),
        Request("POST", "/card.php?id=8", [FORM], b"action=confirm_delete&id=7"),
        posted("action=add&name=a&discount=5"),
        posted("action=add&name=%FF"),
        posted("action=other"),
        posted("id=7"),
        posted("&".join(f"f{n}=1" for n in range(2000))),
        Request("POST", "/card.php", [("content-type", "application/json")], b"{}"),
        Request("POST", "/card.php", [("content-type", "multipart/form-data")], b"--b"),
        posted("action=confirm_delete&id=.."),
    ],
)
def test_what_servers_may_read_differently_is_untranslatable(request_: Request) -> None:
    with pytest.raises(UntranslatableRequest):
        ask(protocol(), request_, [])


def test_pages_are_compared_by_their_words() -> None:
    asked = posted("action=confirm_delete&id=7")

    def compared(page: str) -> Any:
        answer = ask(protocol(), asked, [service_answer({})]).answer
        return protocol().comparable(
            None, asked, answer._replace(headers=[("content-type", "text/html")], body=page.encode())
        )

    assert compared("<h1>A &amp; B</h1>\n<script>1</script>") == compared("<p class='x'>A & B</p>")
    assert compared("<h1>A</h1>") != compared("<h1>B</h1>")


def test_an_answer_is_one_thing() -> None:
    with pytest.raises(StranglerError, match="not several"):
        connect({"operations": {"a": {"ask": "GET /a", "answer": {"text": "a", "location": "/a"}}}}, Around())
