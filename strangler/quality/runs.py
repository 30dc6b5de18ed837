"""A run of all checks of a function on one side, recorded from its beginning to its end.

Whatever keeps a check from being made makes the run `unchecked`, with the reason, unless something critical failed: what couldn't be
checked never reads as passed (invariant 7).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

from strangler import assembly
from strangler.control import quality_runs, standings
from strangler.control.quality_runs import Judged, QualityRun, Result, Status
from strangler.control.store import Control
from strangler.errors import MappingError, Problem, StranglerError
from strangler.mapping import EntityMapping
from strangler.owned import Owned
from strangler.ports import ChangeSource
from strangler.quality import apart, by_cohort, events, legacy, store
from strangler.quality.checker import Answer, Order, Tested, Verdict
from strangler.quality.checks import Checked, checked, place, references
from strangler.quality.gathering import Asked, PartName, Picture, orders
from strangler.quality.scratch import Scratch
from strangler.settings import CheckedSide, Settings
from strangler.shapes import Shape

Told = Callable[[str], None]
"""Told in words what is being done now."""

Testing = Callable[[Sequence[Order]], list[Answer]]
"""Has orders tested; see `strangler.quality.apart.test`."""


def run(
    settings: Settings,
    control: Control,
    function: str,
    on: CheckedSide,
    *,
    told: Told = lambda words: None,
    testing: Testing = apart.test,
    clock: Callable[[], float] = time.time,
) -> QualityRun:
    """Make every check of the function on the side, and record the run.

    What can't be checked comes back as `unchecked`; it is raised only where the control store itself fails.
    """
    number = quality_runs.start(control, function, on, at=clock())
    cohorts = Owned.by_cohort(standings.snapshot(control), function)
    try:
        made = _made(settings, function, on, cohorts, told, testing, clock())
    except BaseException as error:
        reason = str(error) if isinstance(error, StranglerError) else f"ended by {type(error).__name__}"
        quality_runs.finish(control, number, Status.UNCHECKED, at=clock(), reason=reason)
        if not isinstance(error, StranglerError):
            raise
        return _recorded(control, number)
    results = [
        _result(*pair, number=place) for place, pair in enumerate(zip(made.asked, made.tested, strict=True))
    ]
    quality_runs.finish(
        control,
        number,
        judged(results),
        at=clock(),
        results=results,
        documents=made.documents,
        notes=made.notes,
        reason=_reason(results),
        told=made.by_cohort,
    )
    return _recorded(control, number)


def judged(results: Sequence[Result]) -> Status:
    """How a run with these results ended."""
    if any(each.verdict == Verdict.FAILED and each.severity == "critical" for each in results):
        return Status.FAILED
    if any(each.verdict == Verdict.UNMADE for each in results):
        return Status.UNCHECKED
    return Status.PASSED


class _Made(NamedTuple):
    asked: list[Asked]
    tested: list[Tested]
    documents: dict[str, str]
    notes: Sequence[str]
    by_cohort: Sequence[Judged] | None


def _made(
    settings: Settings,
    function: str,
    on: CheckedSide,
    cohorts: Mapping[str, Owned],
    told: Told,
    testing: Testing,
    now: float,
) -> _Made:
    section = settings.functions[function]
    with Scratch() as scratch, closing(assembly.source(settings, section.source)) as source:
        told("reading the mapping")
        parts, mappings = planned(settings, function, source)
        told(f"reading {on}")
        picture = _picture(settings, function, on, parts, mappings, source, scratch)
        scratch.flush()
        shapes = {name: mapping.shape for name, mapping in mappings.items()}
        asked, ordered = orders(function, parts, picture, shapes, now, settings.quality.samples)
        told(f"making {len(asked)} checks")
        answers = testing(ordered)
        by_number = {each.number: each for answer in answers for each in answer.tested}
        tested = [by_number[number] for number in range(len(asked))]

        def ordering(those: Sequence[Checked]) -> list[Order]:
            return orders(function, those, picture, shapes, now, settings.quality.samples)[1]

        judgement = _by_cohort(parts, asked, tested, on, cohorts, ordering, testing)
    documents = {each.title: each.body for answer in answers for each in answer.documents}
    return _Made(asked, tested, documents, picture.notes, judgement)


def _by_cohort(
    parts: Sequence[Checked],
    asked: Sequence[Asked],
    tested: Sequence[Tested],
    on: CheckedSide,
    cohorts: Mapping[str, Owned],
    ordering: Callable[[Sequence[Checked]], list[Order]],
    testing: Testing,
) -> Sequence[Judged] | None:
    """What failed by cohort; None where there are none."""
    if not cohorts:
        return None
    more = by_cohort.again(parts, asked, tested, on)
    ordered = {name: ordering(more.of(owned)) for name, owned in cohorts.items()} if more.numbers else {}
    answers = iter(testing([each for those in ordered.values() for each in those]) if ordered else ())
    found = {name: by_cohort.answered(more.numbers, those, answers) for name, those in ordered.items()}
    return by_cohort.judged(asked, tested, found)


def planned(
    settings: Settings, function: str, source: ChangeSource
) -> tuple[list[Checked], dict[PartName, EntityMapping]]:
    """The parts of a function with their checks, and the mappings of these and of what they refer to. Raises MappingError with
    everything that is wrong with the checks."""
    section = settings.functions[function]
    parts: list[Checked] = []
    problems: list[Problem] = []
    mappings: dict[PartName, EntityMapping] = {}
    for root in assembly.mappings(settings, function, source):
        found, wrong = checked(function, section.entities[root.shape.entity], root)
        parts += found
        problems += wrong
    mappings |= {(function, part.name): part.mapping for part in parts}
    named = {name for part in parts for each in part.checks if (name := references(function, each))}
    for other in sorted({name[0] for name in named - set(mappings)}):
        compiled = assembly.mappings(settings, other, source)
        mappings |= {
            (other, root.shape.entity): root for root in compiled if (other, root.shape.entity) in named
        }
    problems += _unlike(function, parts, mappings)
    if problems:
        raise MappingError.of(problems)
    return parts, mappings


def _unlike(
    function: str, parts: Sequence[Checked], mappings: Mapping[PartName, EntityMapping]
) -> Iterator[Problem]:
    """What is looked for in keys of other types, where it never is."""
    for part in parts:
        declared = (each for each in part.checks if not each.is_implied)
        for index, each in enumerate(declared):
            if name := references(function, each):
                ours, theirs = part.shape, mappings[name].shape
                given, there = types(ours, each.fields), types(theirs, theirs.key)
                if given != there:
                    what = f"{', '.join(each.fields)} is {', '.join(given)}, and the key of {name[1]} is {', '.join(there)}"
                    yield Problem("", None, place(part.at, index, "field"), what, "fields of the same types")


def types(shape: Shape, fields: Sequence[str]) -> list[str]:
    """The types of these fields."""
    named = {field.name: field.type.value for field in shape.fields}
    return [named[name] for name in fields]


def _picture(
    settings: Settings,
    function: str,
    on: CheckedSide,
    parts: Sequence[Checked],
    mappings: Mapping[PartName, EntityMapping],
    source: ChangeSource,
    scratch: Scratch,
) -> Picture:
    section = settings.functions[function]
    if on == "events":
        with closing(assembly.log(settings)) as log:
            return events.picture(function, parts, log, settings.quality.events, scratch)
    with closing(source.reader()) as reader:
        if on == "legacy":
            url = settings.sources[section.source].url.get_secret_value()
            return legacy.picture(function, parts, mappings, reader, url, scratch)
        url = settings.stores[section.store].url.get_secret_value()
        with closing(assembly.store(settings, section.store)) as opened, closing(opened.reader()) as side:
            return store.picture(parts, mappings, side, url, reader)


def _result(asked: Asked, tested: Tested, number: int) -> Result:
    check = asked.check
    return Result(
        number,
        asked.entity,
        check.kind,
        check.words,
        check.severity,
        check.is_implied,
        tested.verdict.value,
        tested.rows,
        tested.unexpected,
        tested.observed,
        tested.samples,
        tested.reason,
    )


def _reason(results: Sequence[Result]) -> str | None:
    """Why the first check that couldn't be made couldn't."""
    unmade = [each for each in results if each.verdict == Verdict.UNMADE]
    if not unmade:
        return None
    first = f"{unmade[0].entity}: {unmade[0].words}: {unmade[0].reason}"
    return first if len(unmade) == 1 else f"{first} (and {len(unmade) - 1} more)"


def _recorded(control: Control, number: int) -> QualityRun:
    found = quality_runs.get(control, number)
    assert found is not None
    return found
