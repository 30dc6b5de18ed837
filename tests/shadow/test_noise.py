"""Noise is told from mistakes by counting both, and only where there is enough to count."""

from __future__ import annotations

import pytest

from strangler.control.comparisons import Field, Shape
from strangler.shadow.counting import OTHERS
from strangler.shadow.noise import excused, is_noise, noise


@pytest.mark.parametrize(
    ("raw", "noisy", "pairs", "expected"),
    [
        (100, 100, 100, True),
        (90, 100, 100, True),
        (14, 10, 100, True),  # 4 of 24 is 17 %
        (16, 10, 100, False),  # 6 of 26 is 23 %
        (100, 5, 100, False),
        (100, 0, 100, False),
        (0, 100, 100, True),
        (8, 5, 20_000, True),  # 3 of 20,000 are too few to be told from chance
        (20, 5, 20_000, False),
        (4, 4, 100, False),  # too little noise
        (19, 19, 19, False),  # too few pairs
        (20, 20, 20, True),
    ],
)
def test_a_field_is_noise_when_legacy_differs_from_itself_as_often(
    raw: int, noisy: int, pairs: int, expected: bool
) -> None:
    assert is_noise(raw, noisy, pairs) is expected


def test_noise_excuses_answers_that_differ_in_nothing_else() -> None:
    at, price = ("rows.*.at", "value"), ("rows.*.price", "value")
    fields = [Field(*at, calls=400, raw=40, noise=39), Field(*price, calls=3, raw=0, noise=0)]
    others = Field(OTHERS, "value", calls=400, raw=40, noise=40)
    found = noise([*fields, others], pairs=50)
    assert found == {at}
    shapes = [Shape(frozenset([at]), 397), Shape(frozenset([at, price]), 3), Shape(frozenset(), 5)]
    assert excused(shapes, found) == 397
    assert excused([Shape(frozenset([("rows.*.at", "missing")]), 1)], found) == 0
