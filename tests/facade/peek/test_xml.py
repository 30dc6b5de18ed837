"""What a document says at the wanted places is found however it is cut; attacks end it."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.facade.peek import scanner
from strangler.routing import OPERATION
from tests.facade.peek.pieces import outcomes

PATHS = ["a.b", "a.b.c", "a.*", "a.*.d", "a.b.*"]
TEXT = st.sampled_from(["", " ", "x", "4711", "ä & <ö>", " y\n"])
TREES: st.SearchStrategy[Any] = st.recursive(
    st.tuples(st.sampled_from("abcd"), TEXT, st.just([])),
    lambda inner: st.tuples(st.sampled_from("abcd"), TEXT, st.lists(inner, max_size=3)),
    max_leaves=10,
)


def written(tree: Any) -> str:
    name, text, children = tree
    return f"<p:{name}>{escape(text)}{''.join(map(written, children))}</p:{name}>"


def places(element: ElementTree.Element, path: list[str]) -> Iterator[ElementTree.Element]:
    """The elements that a path leads to, from an element that is its first step."""
    if path[0] in ("*", element.tag.rpartition("}")[2]):
        if len(path) == 1:
            yield element
        for child in element if len(path) > 1 else ():
            yield from places(child, path[1:])


def told(element: ElementTree.Element, path: str) -> str | None:
    if path.endswith("*"):
        return element.tag.rpartition("}")[2]
    return None if len(element) else (element.text or "").strip()


@settings(deadline=None)
@given(tree=TREES, data=st.data())
def test_what_it_finds_is_what_a_whole_parse_finds(tree: Any, data: st.DataObject) -> None:
    text = f"<p:a xmlns:p='urn:p'>{written(tree)}</p:a>"
    root = ElementTree.fromstring(text)
    for path in PATHS:
        found = outcomes("xml", [path], text.encode(), data)
        assert not found.broken
        steps = path.split(".")
        above = [len(list(places(root, steps[:length]))) for length in range(1, len(steps) + 1)]
        assert found.ambiguous == any(count > 1 for count in above)
        if not found.ambiguous:
            assert list(found.values.values()) == [told(element, path) for element in places(root, steps)]


PARTS = st.sampled_from(
    [
        "<a>",
        "</a>",
        "<b>",
        "</b>",
        "<b/>",
        "x",
        "<!-- -->",
        "<?p i?>",
        "<![CDATA[<a>]]>",
        "&lt;",
        "&e;",
        "&#52;",
        "<b id='1'/>",
        "<!DOCTYPE a>",
        "<",
        "\xe4",
    ]
)


@settings(deadline=None)
@given(parts=st.lists(PARTS, max_size=12), data=st.data())
def test_whole_or_in_pieces_it_finds_the_same_whatever_it_is_given(
    parts: list[str], data: st.DataObject
) -> None:
    outcomes("xml", ["a.b", "a.*"], f"<a>{''.join(parts)}</a>".encode(), data)


def envelope(body: str, head: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        f' xmlns:urn="urn:sap"><soapenv:Header>{head}</soapenv:Header><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>'
    ).encode()


def test_a_soap_call_tells_its_operation_and_values() -> None:
    found = scanner(
        "xml",
        [OPERATION, "Envelope.Body.*.CustomerNo", "Envelope.Body.*.Head.Plant", "Envelope.Body.*.None"],
    )
    body = "<urn:GetCustomer><CustomerNo> <![CDATA[00000]]>04711\n</CustomerNo><Head><Plant>10&amp;0</Plant></Head></urn:GetCustomer>"
    found.whole(envelope(body, "<urn:Body><urn:Delete/></urn:Body>"))
    assert found.values == {
        "Envelope.Body.*": "GetCustomer",
        "Envelope.Body.*.CustomerNo": "0000004711",
        "Envelope.Body.*.Head.Plant": "10&0",
    }
    assert (found.settled, found.broken, found.ambiguous) == (False, False, False)


@pytest.mark.parametrize(
    "body",
    [
        "<urn:Get/><urn:Delete/>",
        "<urn:Get/><urn:Get/>",
        "<urn:Get><No>1</No><No>2</No></urn:Get>",
        "<urn:Get><No>1<!-- -->2</No></urn:Get>",
        "<urn:Get><No>1<?x y?>2</No></urn:Get>",
        "<urn:Get/></soapenv:Body><soapenv:Body><urn:Delete/>",
        "<urn:Get/></soapenv:Body><urn:Body><urn:Delete/></urn:Body><soapenv:Body>",
    ],
)
def test_a_call_that_says_a_value_twice_is_ambiguous(body: str) -> None:
    found = scanner("xml", [OPERATION, "Envelope.Body.*.No"])
    found.whole(envelope(body))
    assert found.ambiguous


@pytest.mark.parametrize(
    "mark", ['id="id0"', 'soapenc:root="0" xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/"']
)
def test_what_an_encoded_call_refers_to_is_no_second_call(mark: str) -> None:
    found = scanner("xml", [OPERATION, "Envelope.Body.*.No"])
    found.whole(
        envelope(f'<urn:Get><p href="#id0"/><No>1</No></urn:Get><multiRef {mark}><No>2</No></multiRef>')
    )
    assert found.values == {"Envelope.Body.*": "Get", "Envelope.Body.*.No": "1"}
    assert not found.ambiguous


BOMB = (
    "<!DOCTYPE a [<!ENTITY a0 'x'>"
    + "".join(f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 12))
    + "]>"
)


@pytest.mark.parametrize(
    "document",
    [
        BOMB + "<a><b>&a11;</b></a>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a><b>1</b></a>",
        "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a><b>&e;</b></a>",
        "<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://127.0.0.1:9/x'> %p;]><a><b>1</b></a>",
        "<!DOCTYPE a><a><b>1</b></a>",
        "<?xml version='1.0' encoding='utf-7'?><a><b>1</b></a>",
        "<?xml version='1.0' encoding='rot13'?><a><b>1</b></a>",
        "<a><b>&unknown;</b></a>",
        "<a><b>1</b>",
        '{"a":{"b":1}}',
        "",
    ],
)
def test_what_is_no_document_or_an_attack_is_broken(document: str) -> None:
    found, began = scanner("xml", ["a.b"]), time.monotonic()
    found.whole(document.encode())
    assert found.broken
    assert found.values in ({}, {"a.b": "1"})
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings_are_read_as_declared(encoding: str) -> None:
    found = scanner("xml", ["a.b"])
    found.whole(f'<?xml version="1.0" encoding="{encoding}"?><a><b>Söhne</b></a>'.encode(encoding))
    assert found.values == {"a.b": "Söhne"}


UNBOUNDED = {
    "a long tag": (b"<c d='", b"x" * 8192),
    "a long comment": (b"<!--", b"x" * 8192),
    "depth": (b"", b"<c>" * 2000),
}


@pytest.mark.parametrize(("begin", "piece"), UNBOUNDED.values(), ids=UNBOUNDED.keys())
def test_what_would_have_to_be_held_is_given_up(begin: bytes, piece: bytes) -> None:
    found = scanner("xml", ["a.b"])
    found.feed(b"<a><b>1</b>" + begin)
    tracemalloc.start()
    for _ in range(2000):
        found.feed(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.values, found.broken, found.ambiguous) == ({"a.b": "1"}, True, True)
    assert peak < 2_000_000


def test_names_without_end_are_given_up() -> None:
    found = scanner("xml", ["a.b"])
    found.feed(b"<a><b>1</b>")
    for page in range(100):
        found.feed(b"".join(b"<n%d/>" % number for number in range(page * 1000, page * 1000 + 1000)))
    assert found.ambiguous


def test_a_long_attachment_passes_and_a_second_value_behind_it_is_seen() -> None:
    found = scanner("xml", [OPERATION])
    found.feed(envelope("<Get><file>").partition(b"</file>")[0].partition(b"</soapenv:Body>")[0])
    tracemalloc.start()
    for _ in range(300):
        found.feed(b"QUJD" * 16_384)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.settled, found.broken, found.ambiguous) == (True, False, False)
    assert peak < 1_000_000
    found.feed(b"</file></Get><Delete/></soapenv:Body></soapenv:Envelope>")
    found.end()
    assert (found.broken, found.ambiguous) == (False, True)
