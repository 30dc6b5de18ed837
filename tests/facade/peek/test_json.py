"""The scanner finds what a whole parse finds, however the document is cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.facade.answers import BadRequest
from strangler.facade.look import Look, glance
from strangler.facade.peek.json import Scanner
from strangler.routing import Asked
from tests.facade.peek.pieces import outcomes

PATHS = ["method", "a.method", "a.0", "params.1.name"]
KEYS = st.sampled_from(["method", "a", "params", "name", "x", 'méth"od\\', ""])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def looked_up(document: Any, path: str) -> Any:
    """The value at a dotted path as a whole parse has it: text for plain values, None for others."""
    for step in path.split("."):
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list) and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
        else:
            return None
    if isinstance(document, str):
        return document
    return None if isinstance(document, dict | list) else json.dumps(document)


@settings(deadline=None)
@given(document=VALUES, indent=st.sampled_from([None, 1]), ascii=st.booleans(), data=st.data())
def test_what_it_finds_is_what_a_whole_parse_finds(
    document: Any, indent: int | None, ascii: bool, data: Any
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii).encode()
    scanner = outcomes("json", PATHS, text, data)
    assert isinstance(scanner, Scanner)
    assert scanner.complete
    assert not scanner.broken
    assert not scanner.ambiguous
    assert {p: scanner.values.get(p) for p in PATHS} == {p: looked_up(document, p) for p in PATHS}


@pytest.mark.parametrize(
    "text",
    [
        '{"method":"a","params":[],"method":"b"}',
        '{"method":"a","\\u006dethod":"b"}',
        '{"a":{"method":1},"a":{"method":2}}',
    ],
)
def test_a_value_that_is_said_twice_is_ambiguous(text: str) -> None:
    scanner = Scanner(["method", "a.method"])
    for byte in text.encode():
        scanner.feed(bytes([byte]))
    assert scanner.ambiguous


def test_the_same_word_elsewhere_is_not_the_value() -> None:
    scanner = Scanner(["method"])
    scanner.feed(b'{"params":[{"method":"x"},"method",":\\"method\\":"],"method":"y"}')
    assert scanner.values == {"method": "y"}
    assert not scanner.ambiguous


@pytest.mark.parametrize(
    "text", ["", "<methodCall/>", '{"method":"a"', '{"method":"a"}{"method":"b"}', "a=1&b=2", "\ufeff{}"]
)
def test_what_is_no_json_document_is_broken(text: str) -> None:
    scanner = Scanner(["method"])
    scanner.feed(text.encode())
    scanner.end()
    assert scanner.broken


PAIRS = st.recursive(
    st.sampled_from(
        ['"method"', "0", "-0", "12", "1.50", "true", "null", '"a\\nb"', '"\\u00fc"', '"\\u006d"', "", "{"]
    ),
    lambda inner: (
        st.lists(
            st.tuples(st.sampled_from(['"method"', '"a"', '"\\u006dethod"', '"params"', '"0"']), inner),
            max_size=4,
        ).map(lambda pairs: "{" + ",".join(f"{key}: {value}" for key, value in pairs) + "}")
        | st.lists(inner, max_size=3).map(lambda values: "[" + ",".join(values) + "]")
    ),
    max_leaves=10,
)


@settings(deadline=None)
@given(text=PAIRS, data=st.data())
def test_whole_or_in_pieces_it_finds_the_same_whatever_it_is_given(text: str, data: st.DataObject) -> None:
    outcomes("json", [*PATHS, "params.method"], text.encode(), data)


@settings(deadline=None)
@given(text=PAIRS, media=st.sampled_from(["application/json", "application/json-rpc", "text/plain", ""]))
def test_a_glance_sees_what_a_look_sees(text: str, media: str) -> None:
    asked = Asked("POST", "/", {"content-type": media} if media else {})
    wanted = {"json": frozenset([*PATHS, "params.method"])}
    seen = glance(asked, wanted, text.encode())
    look = Look(asked, wanted, 65536)
    try:
        look.feed(text.encode(), only=True)
    except BadRequest:
        assert seen is None
    else:
        assert seen is None or seen == look.values


def test_a_glance_is_enough_for_what_erps_send() -> None:
    asked = Asked("POST", "/", {"content-type": "application/json"})
    seen = glance(
        asked, {"json": frozenset(["method"])}, b'{"method": "model.party.read", "params": [[1], {}]}'
    )
    assert seen == {("json", "method"): "model.party.read"}


@settings(deadline=None)
@given(noise=st.binary(max_size=80), data=st.data())
def test_noise_is_read_alike_too(noise: bytes, data: st.DataObject) -> None:
    outcomes("json", ["method"], b'{"method":"a",' + noise, data)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"method":"read","params":["method"]}', {"method": "read"}),
        ('{"params":{"method":"x"},"method":"a\\nb"}', {"method": "a\nb", "params.method": "x"}),
        ('{"method":12345678901234567890123}', {"method": "12345678901234567890123"}),
        ('{"method":1.50}', {"method": "1.50"}),
        ('{"method":-0}', {"method": "-0"}),
        ('{"method":"' + "x" * 4097 + '"}', {"method": None}),
        ('{"method":"' + "x" * 4096 + '"}', {"method": "x" * 4096}),
        ('{"method":' + "1" * 5000 + "}", {"method": None}),
        ('{"method":[1]}', {"method": None}),
    ],
)
def test_values_are_told_as_they_stand_there(text: str, found: dict[str, str | None]) -> None:
    whole, pieces = Scanner(["method", "params.method"]), Scanner(["method", "params.method"])
    whole.whole(text.encode())
    for byte in text.encode():
        pieces.feed(bytes([byte]))
    pieces.end()
    assert whole.values == pieces.values == found
    assert (whole.broken, pieces.broken, whole.ambiguous, pieces.ambiguous) == (False,) * 4


def test_memory_stays_flat_over_a_huge_string() -> None:
    scanner = Scanner(["method"])
    scanner.feed(b'{"data":"')
    for _ in range(100):
        scanner.feed(b"x" * 100_000)
        assert scanner._text is not None
        assert len(scanner._text) < 200_000
    scanner.feed(b'","method":"late"}')
    assert scanner.values == {"method": "late"}
