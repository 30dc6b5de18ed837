"""How far a reconciliation is, and how long it will still take."""

from __future__ import annotations

import pytest

from strangler.cli.bar import in_words, share_done, time_left

PARTS = ["sale", "sale.lines"]


@pytest.mark.parametrize(
    ("part", "share", "done"),
    [
        ("sale", None, 0.0),
        ("sale", 0.5, 0.25),
        ("sale.lines", None, 0.5),
        ("sale.lines", 1.0, 1.0),
        ("other", 0.5, 0.25),
    ],
)
def test_what_is_done_are_the_parts_before_and_the_share_of_this_one(
    part: str, share: float | None, done: float
) -> None:
    assert share_done(PARTS, part, share) == done


@pytest.mark.parametrize(
    ("elapsed", "done", "left", "words"),
    [
        (2.0, 0.5, None, ""),
        (60.0, 0.0, None, ""),
        (60.0, 0.25, 180.0, "about 3 m left"),
        (60.0, 1.0, 0.0, "about 0.0 s left"),
    ],
)
def test_the_time_left_is_told_once_enough_is_done(
    elapsed: float, done: float, left: float | None, words: str
) -> None:
    assert time_left(elapsed, done) == left
    assert in_words(left) == words
