"""A body in pieces of any size says what it says whole."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

from hypothesis import strategies as st

from strangler.facade.peek import Kind, Peek, scanner


def outcomes(kind: Kind, names: Collection[str], body: bytes, data: st.DataObject) -> Peek:
    """Read it whole, in drawn pieces, and where it is short byte by byte; hold them to each other, and give the one that read it whole."""
    whole = scanner(kind, names)
    whole.whole(body)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    _agrees(whole, kind, names, [body[a:b] for a, b in pairwise([0, *cuts, len(body)])])
    if len(body) < 200:
        _agrees(whole, kind, names, [body[at : at + 1] for at in range(len(body))])
    return whole


def _agrees(whole: Peek, kind: Kind, names: Collection[str], parts: list[bytes]) -> None:
    pieces = scanner(kind, names)
    for part in parts:
        pieces.feed(part)
    pieces.end()
    assert pieces.ambiguous == whole.ambiguous
    if not whole.ambiguous:
        assert pieces.broken == whole.broken
        if not whole.broken:
            assert pieces.values == whole.values
            assert pieces.settled == whole.settled
