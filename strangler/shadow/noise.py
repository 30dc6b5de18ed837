"""Noise: fields that legacy itself doesn't answer the same twice, told from fields that the new service answers wrongly. Pure.

Of some reads, drawn beforehand, legacy is asked twice. Over these pairs each field is counted twice: how often new differed from
legacy (`raw`), and how often legacy did from itself (`noise`). A field whose two figures are about the same is noise, by the
figures of Diffy; where there is little to go by, it isn't. What differs in kind is another thing: that a moment has another value
each time doesn't excuse that it is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from strangler.control.comparisons import Field, Shape
from strangler.shadow.counting import OTHERS

LEAST_PAIRS: Final = 20
"""Fewest pairs of legacy's answers by which anything is called noise."""

LEAST_NOISE: Final = 5
"""Fewest of them that must have differed in a field: one that was written to once between two answers isn't noise."""

RELATIVE: Final = 0.20
ABSOLUTE: Final = 0.0003
"""Shares beyond which raw and noise are apart: of both together, and of all pairs."""


def is_noise(raw: int, noise: int, pairs: int) -> bool:
    """Whether a field that differed in `raw` of the pairs between both sides, in `noise` between legacy and legacy, is noise."""
    if pairs < LEAST_PAIRS or noise < LEAST_NOISE:
        return False
    apart = abs(raw - noise)
    return not (raw > noise and apart / (raw + noise) > RELATIVE and apart / pairs > ABSOLUTE)


def noise(fields: Iterable[Field], pairs: int) -> frozenset[tuple[str, str]]:
    """The (place, kind) of those that are; never of those that were counted together."""
    return frozenset(
        (each.place, each.kind)
        for each in fields
        if each.place != OTHERS and is_noise(each.raw, each.noise, pairs)
    )


def excused(shapes: Iterable[Shape], noise: frozenset[tuple[str, str]]) -> int:
    """How many answers differed in nothing but noise."""
    return sum(shape.calls for shape in shapes if shape.fields and noise.issuperset(shape.fields))
