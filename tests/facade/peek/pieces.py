"""A body in pieces of any size says what it says whole."""

from __future__ import annotations

from collections.abc import Collection

from hypothesis import strategies as st

from strangler.facade.peek import Kind, Peek, scanner


def outcomes(kind: Kind, names: Collection[str], body: bytes, data: st.DataObject) -> Peek:
    """Read it whole and in drawn pieces, hold the two to each other, and give the one that read it whole."""
    whole, pieces = scanner(kind, names), scanner(kind, names)
    whole.whole(body)
    at = 0
    while at < len(body):
        size = data.draw(st.integers(1, max(7, len(body) // 3)))
        pieces.feed(body[at : at + size])
        at += size
    pieces.end()
    assert pieces.ambiguous == whole.ambiguous
    if not whole.ambiguous:
        assert pieces.broken == whole.broken
        if not whole.broken:
            assert pieces.values == whole.values
            assert pieces.settled == whole.settled
    return whole
