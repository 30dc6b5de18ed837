"""Rehearsal: the way back is tried before anybody needs it. Writes nothing.

Both sides are read, the legacy database is asked whether it may be written to, and a sample of rows is led back by the inverse of the
mapping and read forwards again: each has to come to what it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import Any, NamedTuple

from strangler import assembly
from strangler.changes import Row
from strangler.control.rehearsals import Rehearsal
from strangler.errors import Refused, StranglerError, Untranslatable
from strangler.mapping import EntityMapping
from strangler.mapping.rest import translated
from strangler.ports import SqlSide
from strangler.settings import Settings


class Tried(NamedTuple):
    """What came of it, and for people why the first row of each part didn't come back."""

    rehearsal: Rehearsal
    why: Mapping[str, str]


def rehearse(settings: Settings, function: str, *, rows: int, at: float) -> Tried:
    """Try the way back of a function with so many rows of each entity and its children. Raises Refused where none is configured, and what
    the sides raise that can't be read."""
    section = settings.functions[function]
    if section.return_ is None:
        raise Refused(
            f"{function} has no way back to rehearse",
            why="nothing says that what the new service writes returns to legacy",
            do=f"functions.{function}.return: {{}}, as docs/cutover.md has it",
        )
    with (
        closing(assembly.source(settings, section.source)) as source,
        closing(assembly.store(settings, section.store)) as store,
    ):
        store.reader().close()
        roots = assembly.mappings(settings, function, source)
        mappings = [part for each in roots for part in each.parts()]
        missing = _missing(settings, function, roots)
        with closing(source.reader()) as side:
            return _tried(mappings, side, rows, missing, at)


def _missing(settings: Settings, function: str, mappings: list[EntityMapping]) -> list[str]:
    """What stands in the way of writing to legacy, each with what mends it."""
    try:
        found = assembly.examined_way_back(settings, function, mappings)
        return [f"{each.what}: {each.do}" for each in found if each.blocks]
    except StranglerError as error:
        return [error.what]


def _tried(mappings: list[EntityMapping], side: SqlSide, rows: int, missing: list[str], at: float) -> Tried:
    tried: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    why: dict[str, str] = {}
    for mapping in mappings:
        part = mapping.shape.entity
        for row, data in islice(_rows(mapping, side), rows):
            tried[part] += 1
            if reason := trouble(mapping, row, data, side.dialect):
                failed[part] += 1
                why.setdefault(part, reason)
    lost = {
        each.shape.entity: [one.field for one in each.inverse.lost] for each in mappings if each.inverse.lost
    }
    return Tried(Rehearsal(at, dict(tried), dict(failed), lost, missing), why)


def _rows(mapping: EntityMapping, side: SqlSide) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Rows as legacy has them, each with what they mean; what can't be translated waits in quarantine and is another matter."""
    found = side.rows(mapping.select(side.dialect).legacy_sql())
    for each in translated(mapping, side.dialect, found):
        if each.fault is None:
            yield each.row, each.data


def trouble(mapping: EntityMapping, row: Row, data: Mapping[str, Any], dialect: str) -> str:
    """Why a row wouldn't come back as what it is; empty when it does. Pure."""
    try:
        again = mapping.translate({**row, **mapping.inverse.row(data, dialect)})
    except Untranslatable as error:
        return f"{error.what}: {error.why}"
    unlike = [name for name in data if again.get(name) != data[name]]
    return f"{', '.join(unlike)} would read otherwise afterwards" if unlike else ""
