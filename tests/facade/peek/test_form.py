"""A form's fields are found however it is cut, and what servers read differently is called ambiguous."""

from __future__ import annotations

import tracemalloc
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.facade.peek import scanner
from tests.facade.peek.pieces import outcomes

FIELDS = st.lists(
    st.tuples(st.sampled_from(["action", "id", "a b", "x", "ä"]), st.text(max_size=6)), max_size=6
)


@settings(deadline=None)
@given(fields=FIELDS, data=st.data())
def test_what_it_finds_is_what_a_whole_parse_finds(
    fields: list[tuple[str, str]], data: st.DataObject
) -> None:
    body = urlencode(fields, errors="surrogatepass").encode()
    parsed = parse_qs(body.decode(), keep_blank_values=True, errors="surrogatepass")
    found = outcomes("form", ["action", "ä"], body, data)
    assert found.ambiguous == any(len(parsed.get(name, [])) > 1 for name in ("action", "ä"))
    if not found.ambiguous:
        assert found.values == {name: parsed[name][0] for name in ("action", "ä") if name in parsed}


PARTS = st.sampled_from(
    [
        b"action",
        b"%61ction",
        b"id",
        b"=",
        b"&",
        b";",
        b"[]",
        b"+",
        b"%00",
        b"%",
        b"view",
        b"x" * 2100,
        b"\xff",
        b"order.id",
        b"order_id",
    ]
)


@settings(deadline=None)
@given(parts=st.lists(PARTS, max_size=12), data=st.data())
def test_whole_or_in_pieces_it_finds_the_same_whatever_it_is_given(
    parts: list[bytes], data: st.DataObject
) -> None:
    outcomes("form", ["action", "order_id"], b"".join(parts), data)


@pytest.mark.parametrize(
    "body",
    [
        "action=view&action=delete",
        "action=view&%61ction=delete",
        "action=view&+action=delete",
        "action=view&action[]=delete",
        "action=view&action%5Bx%5D=delete",
        "action=view&action%00x=delete",
        "action=view;action=delete",
        "action=view;id=1",
        "id=1;action=delete",
        "action[]=view",
        "order_id=1&order.id=2",
        "order_id=1&order+id=2",
        "action=view&" + "+" * 5000 + "action=delete",
    ],
)
def test_what_servers_read_differently_is_ambiguous(body: str) -> None:
    found = scanner("form", ["action", "order_id"])
    found.whole(body.encode())
    assert found.ambiguous


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ("", {}),
        ("action", {"action": ""}),
        ("a=1&action=vi+e%77&b=action&x[action]=3&actions=4&reaction=5", {"action": "vi ew"}),
        ("note=a;b&action=view", {"action": "view"}),
        ("action=%FF", {"action": None}),
        ("action=" + "x" * 5000 + "&b=1", {"action": None}),
        ("b=" + "x" * 100_000 + "&action=view", {"action": "view"}),
        ("Action=1&action=2", {"action": "2"}),
    ],
)
def test_fields_are_found_among_others(body: str, values: dict[str, str | None]) -> None:
    found = scanner("form", ["action"])
    found.whole(body.encode())
    assert (found.values, found.ambiguous, found.broken) == (values, False, False)


def test_memory_stays_flat_over_a_huge_field() -> None:
    found, piece = scanner("form", ["action"]), b"x" * 65_536
    found.feed(b"data=")
    tracemalloc.start()
    for _ in range(200):
        found.feed(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    found.feed(b"&action=late")
    found.end()
    assert peak < 1_000_000
    assert found.values == {"action": "late"}
