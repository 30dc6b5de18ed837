"""By cohort: a check that found rows is made once more of the rows of each cohort, so that those of one don't speak against the others.

That is so of what is said row by row. A value that is there twice may be in two cohorts, and a count is of all rows: such checks, those of
lines and those of events are told of none, and count for all. So does a check whose rows aren't all found again (invariant 7).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from strangler.control.quality_runs import Judged
from strangler.mapping.cohorts import among
from strangler.mapping.conversions import call
from strangler.owned import Owned
from strangler.quality.checker import Answer, Order, Tested, Verdict
from strangler.quality.checks import Checked, Planned
from strangler.quality.gathering import Asked
from strangler.shapes import FieldType

ROW_BY_ROW: Final = frozenset({"not null", "in set", "between", "matches", "present in"})


class Again(NamedTuple):
    """Checks that are made once more: by their `numbers` in the first round, in the order of those in `parts`."""

    numbers: tuple[int, ...]
    parts: tuple[Checked, ...]

    def of(self, owned: Owned) -> list[Checked]:
        """The same of the rows of one cohort alone."""
        return [
            replace(part, checks=tuple(_within(part, each, owned) for each in part.checks))
            for part in self.parts
        ]


def again(parts: Sequence[Checked], asked: Sequence[Asked], tested: Sequence[Tested], side: str) -> Again:
    """The checks that found rows of which it can be told whose they are."""
    numbers: list[int] = []
    chosen: list[Checked] = []
    for part in parts:
        cohort = None if part.part.depth or side == "events" else part.mapping.plan.cohort
        mine = [
            number
            for number, (each, found) in enumerate(zip(asked, tested, strict=True))
            if cohort and each.entity == part.name and each.check.kind in ROW_BY_ROW and found.unexpected
        ]
        numbers += mine
        chosen.append(replace(part, checks=tuple(asked[number].check for number in mine)))
    return Again(tuple(numbers), tuple(chosen))


def judged(
    asked: Sequence[Asked], tested: Sequence[Tested], found: Mapping[str, Mapping[int, Tested]]
) -> tuple[Judged, ...]:
    """The checks that failed, of all rows or of those of a cohort; `found`: cohort → what came of the checks that were made once more."""
    return tuple(_judged(asked, tested, found))


def answered(numbers: Sequence[int], orders: Sequence[Order], answers: Iterator[Answer]) -> dict[int, Tested]:
    """What came of the checks of one cohort, by their numbers in the first round. Takes as many answers as there are orders."""
    found = (each for _ in orders for each in next(answers).tested)
    return {numbers[each.number]: each for each in found}


def _judged(
    asked: Sequence[Asked], tested: Sequence[Tested], found: Mapping[str, Mapping[int, Tested]]
) -> Iterator[Judged]:
    for number, whole in enumerate(tested):
        failed = whole.verdict is Verdict.FAILED
        by_cohort = {name: each[number] for name, each in found.items() if number in each}
        rows = sum(each.unexpected or 0 for each in by_cohort.values())
        unmade = any(each.verdict is Verdict.UNMADE for each in by_cohort.values())
        told = {name: each.verdict is Verdict.FAILED for name, each in by_cohort.items()}
        # Invariant 7: rows that no cohort has any more may be anybody's.
        if unmade or rows != whole.unexpected or (failed and not any(told.values())):
            if failed:
                yield Judged(asked[number].check.severity, None)
        elif any(told.values()):
            yield Judged(asked[number].check.severity, told)


def _within(part: Checked, each: Planned, owned: Owned) -> Planned:
    cohort = part.mapping.plan.cohort
    assert cohort is not None
    whose = among(cohort.of_fields, owned.cohorts, included=owned.included)
    where = whose if each.where is None else call("and", each.where, whose, gives=FieldType.BOOLEAN)
    return replace(each, where=where)
