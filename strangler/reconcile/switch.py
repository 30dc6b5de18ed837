"""What a switch of owners asks: did the last changes arrive, and what would a rollback lose?

Both are asked while writes are fenced and delivery has come to rest, so nothing is in flight and nothing
has to be confirmed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from strangler.control.store import Control
from strangler.mapping import EntityMapping
from strangler.owned import EVERYTHING, Owned
from strangler.parts import Part, parts_of
from strangler.reconcile import narrow
from strangler.reconcile.entity import How, numbers_of, sieve_of, whole_rows
from strangler.reconcile.narrow import Difference
from strangler.reconcile.numbers import number_of
from strangler.reconcile.pairing import pair
from strangler.reconcile.runs import compare_all
from strangler.reconcile.sides import Sides


class OnlyInNew(NamedTuple):
    """What new has done and legacy doesn't know of: whole entities (`extra`), other values (`different`), and removals
    (`removed`), which a rollback would bring back to life; counted, lines too, with the first of them as examples."""

    extra: int
    different: int
    removed: int
    examples: tuple[Difference, ...]

    @property
    def total(self) -> int:
        """How many keys would be lost by a rollback."""
        return self.extra + self.different + self.removed


def only_in_new(
    mappings: Sequence[EntityMapping],
    sides: Sides,
    control: Control,
    *,
    examples: int = 10,
    owned: Owned = EVERYTHING,
) -> OnlyInNew:
    """What a rollback of these rows would lose now. Raises what the two sides raise: what can't be counted must not be rolled back."""
    ours = list(filter(owned.concerns, mappings))
    outcomes = compare_all(ours, sides, control, How(limit=examples, owned=owned))
    shown = [each for outcome in outcomes for each in outcome.differences]
    return OnlyInNew(
        sum(outcome.extra for outcome in outcomes),
        sum(outcome.different for outcome in outcomes),
        sum(outcome.missing for outcome in outcomes),
        tuple(shown[:examples]),
    )


def delta_check(
    mappings: Sequence[EntityMapping],
    sides: Sides,
    keys: Mapping[str, Collection[str]],
    *,
    owned: Owned = EVERYTHING,
) -> list[Difference]:
    """Compare these keys (by entity) on both sides, whole rows and all that belongs to them, as far as they are among the `owned`; empty
    when all are equal, as far as the tolerances ask for it."""
    found: list[Difference] = []
    for mapping in filter(owned.concerns, mappings):
        if wanted := keys.get(mapping.shape.entity):
            for part in parts_of(mapping):
                found += _compare_keys(part, sides, wanted, owned)
    return found


def _compare_keys(part: Part, sides: Sides, keys: Collection[str], owned: Owned) -> list[Difference]:
    """Compare the rows of a part that belong to the aggregates with these keys."""
    shape, root = part.mapping.shape, part.root.shape
    pairing = pair(part, sides, owned=owned)
    numbers = numbers_of(part, sides, pairing, {number_of(root, key) for key in keys})
    rows = whole_rows(sides, pairing, numbers)
    found = narrow.differences(shape, *rows, part.mapping.sensitive)
    found = sieve_of(part.mapping).sift(found).drift
    return [each for each in found if part.aggregate(each.key) in keys]
