"""What of an answer is compared, by the kind of text it is."""

from __future__ import annotations

import gzip
from decimal import Decimal
from typing import Any

import pytest

from strangler.facade.protocol import Answer
from strangler.shadow.reading import PLAIN, plain, read


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/json", b'{"a":1.10}', {"a": Decimal("1.10")}),
        ("application/problem+json; charset=utf-8", b"[1]", [1]),
        ("text/html", b'{"a":1}', {"a": 1}),
        ("", b"[]", []),
        ("application/json", b"", None),
        ("text/plain; charset=iso-8859-1", b"M\xfcller", "Müller"),
        ("application/x-www-form-urlencoded", b"a=1&b=2&b=3&c=", {"a": "1", "b": ["2", "3"], "c": ""}),
        (
            "text/xml",
            b'<s:E xmlns:s="urn:s"><s:r n="1">a</s:r><s:r>b</s:r><x/></s:E>',
            {"E": {"r": [{"@n": "1", "#": "a"}, "b"], "x": ""}},
        ),
        ("application/soap+xml", b'<e xmlns="urn:s">1</e>', {"e": "1"}),
    ],
)
def test_an_answer_is_read_by_its_kind(kind: str, body: bytes, expected: Any) -> None:
    assert read(Answer(200, [("content-type", kind)], body)) == expected


def test_what_has_no_text_is_compared_by_its_digest() -> None:
    one, other = (
        read(Answer(200, [("content-type", "image/png")], body)) for body in (b"\x89PNG1", b"\x89PNG2")
    )
    assert one["bytes"] == other["bytes"] == 5
    assert one["sha256"] != other["sha256"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[" * 100_000),
        ("text/xml", b"<a>"),
        ("text/xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'),
        ("text/xml", b"<a>" * 1000 + b"</a>" * 1000),
        ("text/plain", b"M\xfcller"),
        ("text/plain; charset=klingon", b"a"),
    ],
)
def test_what_isnt_what_it_says_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(ValueError):
        read(Answer(200, [("content-type", kind)], body))


def test_an_answer_is_decompressed_by_its_bytes() -> None:
    told = [("content-encoding", "gzip")]
    assert plain(Answer(200, told, gzip.compress(b"{}"))).body == b"{}"
    assert plain(Answer(200, told, b"{}")).body == b"{}", "Tryton says gzip of what it sends plain"
    with pytest.raises(ValueError, match="decompressed"):
        plain(Answer(200, told, gzip.compress(b"{}" * 1000)[:-9]))
    with pytest.raises(ValueError, match="compressed by br"):
        plain(Answer(200, [("content-encoding", "br")], b"{}"))


def test_a_short_answer_that_stands_for_a_very_long_one_is_not_compared() -> None:
    bomb = gzip.compress(b"0" * (PLAIN + 1))
    with pytest.raises(ValueError, match="longer than"):
        plain(Answer(200, [("content-encoding", "gzip")], bomb))
    members = gzip.compress(b"[1,") + gzip.compress(b"2]")
    assert plain(Answer(200, [("content-encoding", "gzip")], members)).body == b"[1,2]"
    with pytest.raises(ValueError, match="breaks off"):
        plain(Answer(200, [("content-encoding", "gzip")], gzip.compress(b"[1,2]" * 100)[:-9]))
