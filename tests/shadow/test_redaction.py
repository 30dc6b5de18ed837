"""What of a call and of a difference is kept: never a credential, a secret or a sensitive value."""

from __future__ import annotations

from typing import Any

import pytest

from strangler.facade.protocol import Request
from strangler.shadow.compare import Difference
from strangler.shadow.redaction import SHOWN, call, difference, is_credential

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF123"
JSON = [("content-type", "application/json")]
FORM = [("content-type", "application/x-www-form-urlencoded")]


def asked(
    target: str, headers: list[tuple[str, str]] = JSON, body: bytes = b"", *, hidden: tuple[str, ...] = ()
) -> str:
    return call(Request("POST", target, headers, body), "search", frozenset(hidden))


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("/parties/4711?page=2&name=M%C3%BCller", "POST /parties/4711?page=2&name=M%C3%BCller"),
        ("/parties?api_key=abc", "POST /parties?api_key=***"),
        ("/parties?X-API-Key=abc&a=1", "POST /parties?X-API-Key=***&a=1"),
        ("/parties?newPassword=a", "POST /parties?newPassword=***"),
        ("/parties?q=" + JWT, "POST /parties?q=***"),
        ("/parties?k=0123456789abcdef0123456789abcdef", "POST /parties?k=***"),
        ("/parties?k=Bearer%20abcdefgh", "POST /parties?k=***"),
        ("/parties?0123456789abcdef0123456789abcdef", "POST /parties?***"),
    ],
)
def test_the_query_keeps_its_names(target: str, kept: str) -> None:
    assert asked(target) == kept


@pytest.mark.parametrize(
    ("headers", "body", "kept"),
    [
        (JSON, b'{"method":"read","params":[[1.10]]}', '{"method": "read", "params": [["1.10"]]}'),
        (JSON, b'{"login":{"user":"a","password":"b"}}', '{"login": {"password": "***", "user": "a"}}'),
        (JSON, f'["{JWT}"]'.encode(), '["***"]'),
        (JSON, b'{"broken', "(8 bytes of application/json)"),
        (FORM, b"action=list&csrf_token=x", '{"action": "list", "csrf_token": "***"}'),
        ([("content-type", "text/xml")], b"<password>x</password>", "(22 bytes of text/xml)"),
        ([], b"\xff\xfe\x00", "(3 bytes of no known type)"),
    ],
)
def test_the_body_is_kept_where_it_can_be_read(headers: Any, body: bytes, kept: str) -> None:
    assert asked("/rpc", headers, body) == f"POST /rpc {kept}"


def test_where_there_are_sensitive_fields_no_value_of_a_call_is_kept() -> None:
    told = asked("/parties/1?mail=a@b.c&x", body=b'{"mail":"a@b.c"}', hidden=("mail",))
    assert told == "POST /parties/1?mail=***&*** search"


def test_a_difference_is_masked_where_it_is_sensitive_or_secret() -> None:
    hidden = frozenset(["mail"])

    def shown(steps: tuple[str | int, ...], legacy: Any, new: Any) -> tuple[Any, Any]:
        kept = difference(Difference(steps, "value", legacy, new), hidden)
        return kept["legacy"], kept["new"]

    assert shown(("rows", 0, "Mail"), "canary", None) == ("***", None)
    assert shown(("mail", "home"), "canary", "canary") == ("***", "***")
    assert shown(("born",), {"mail": "canary", "n": 1}, 1) == ('{"mail": "***", "n": 1}', 1)
    assert shown(("auth", "token"), "canary", "canary") == ("***", "***")
    assert shown(("note",), f"see {JWT}", "b") == ("see ***", "b")


@pytest.mark.parametrize(
    "name",
    ["password", "PASSWD", "newPassword", "x_api_key", "X-Api-Key", "accessToken", "JSESSIONID", "session_id", "csrf_token"],
)  # fmt: skip
def test_a_credential_is_known_by_its_name(name: str) -> None:
    assert is_credential(name)


@pytest.mark.parametrize(
    "name", ["author", "key", "name", "compass", "pinned", "tokens_used_by", "code", "signatory"]
)
def test_what_sounds_alike_is_none(name: str) -> None:
    assert not is_credential(name)


def test_a_sample_keeps_an_example_not_a_copy() -> None:
    found = difference(Difference(("a",), "value", ["x" * 1_000_000], "y"))
    assert len(found["legacy"]) == SHOWN
    assert found["new"] == "y"
