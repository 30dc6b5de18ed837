"""Whether a cohort is there at all: a name that is misspelled would get a standing of its own, and move nothing.

It is known by the configuration, by a standing of its own, or by a row of it in the store or in legacy. Databases are asked only about a
name that isn't known otherwise, and only until one row of it is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import Any, Final

from strangler.control import standings
from strangler.control.store import Control
from strangler.cutover.kept import Kept, Opened
from strangler.cutover.stages import EVERYONE, named
from strangler.errors import Refused, StranglerError, Untranslatable
from strangler.mapping import EntityMapping
from strangler.mapping.rest import translated
from strangler.names import nearest
from strangler.owned import Owned
from strangler.ports import SqlSide
from strangler.settings import Settings
from strangler.sync.backfill import Chunk

SAMPLE: Final = 10_000
"""Rows of an entity in legacy whose cohorts are named to whoever named none of them."""

SHOWN: Final = 10
"""Cohorts that a refusal names."""


def refuse_unseen(settings: Settings, control: Control, function: str, cohort: str) -> None:
    """Refuse a cohort that nobody and nothing knows. Raises Refused with those that were seen, and also where that can't be told."""
    section = settings.functions[function].cohorts
    if cohort == EVERYONE or section is None or section.names:
        return
    picture = standings.snapshot(control)
    own = [each.cohort for each in picture.cohorts(function)]
    if cohort in own:
        return
    try:
        with closing(Kept(settings, function)) as kept:
            if _is_in_store(kept.opened, cohort, begun=picture.has_begun(function)):
                return
            with closing(kept.opened.source.reader()) as legacy:
                if _is_in_legacy(kept.opened.mappings, legacy, cohort):
                    return
                seen = sorted({*own, *_in_legacy(kept.opened.mappings, legacy)})
    except StranglerError as error:
        raise _refused(function, cohort, f"whether there is one can't be told: {error.what}", own) from error
    raise _refused(
        function, cohort, "no row is of it in legacy or in the store, and it never moved on its own", seen
    )


def _is_in_store(opened: Opened, cohort: str, *, begun: bool) -> bool:
    if not begun:  # There are no tables yet.
        return False
    owned = Owned(frozenset({cohort}), included=True)
    with closing(opened.store.reader()) as store:
        for mapping in _in_cohorts(opened.mappings):
            shape = mapping.shape
            condition = owned.stored(mapping, shape, store.dialect)
            if _any(store.rows(f'SELECT 1 FROM "{shape.table}" WHERE {condition} LIMIT 1')):
                return True
    return False


def _is_in_legacy(mappings: Iterable[EntityMapping], legacy: SqlSide, cohort: str) -> bool:
    owned = Owned(frozenset({cohort}), included=True)
    return any(
        _any(Chunk(mapping, legacy, None, lambda faulty: None, owned).rows())
        for mapping in _in_cohorts(mappings)
    )


def _in_legacy(mappings: Iterable[EntityMapping], legacy: SqlSide) -> Iterator[str]:
    """The cohorts of the first rows of each entity."""
    for mapping in _in_cohorts(mappings):
        assert mapping.cohort_of is not None
        rows = legacy.rows(mapping.select(legacy.dialect).legacy_sql())
        for each in islice(translated(mapping, legacy.dialect, rows), SAMPLE):
            try:
                cohort = mapping.cohort_of(each.row)
            except Untranslatable:
                continue
            if cohort is not None:
                yield cohort


def _in_cohorts(mappings: Iterable[EntityMapping]) -> Iterator[EntityMapping]:
    return (each for each in mappings if each.cohort_of is not None)


def _any(rows: Iterable[Any]) -> bool:
    return next(iter(rows), None) is not None


def _refused(function: str, cohort: str, why: str, seen: list[str]) -> Refused:
    shown = ", ".join(seen[:SHOWN]) + (", …" if len(seen) > SHOWN else "")
    meant = nearest(cohort, seen)
    return Refused(
        f"nobody knows {named(function, cohort)}",
        why=f"{why}; {f'seen are: {shown}' if seen else 'no other cohort was seen'}",
        do=(f"did you mean {meant!r}? " if meant else "")
        + "If it is meant, although nothing is of it yet: --new-cohort; "
        + f"functions.{function}.cohorts.names says once for all which there are",
    )
