"""The blast radius of a changed mapping: which entities would read otherwise if another configuration were deployed.

Both mappings read the same rows of one SELECT, so that nothing that changes meanwhile looks like a difference; they are
translated here, as the stream would. Reads the legacy database, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from strangler.mapping import EntityMapping, translated
from strangler.mapping.difference import Difference, Mapped, Radius, comparable, differences
from strangler.mapping.legacy import quoted
from strangler.outcomes import key_of
from strangler.ports import SqlSide
from strangler.settings import Children, Entity, Settings


class Name(NamedTuple):
    """What an entity is called; of children `entity` is `sale.lines`."""

    function: str
    entity: str


@dataclass(frozen=True, slots=True)
class Change:
    """An entity that isn't as it was. A version is empty where the configuration doesn't have the entity. `radius` is None when
    no rows were compared: there is nothing to compare with."""

    name: Name
    before: str
    after: str
    differences: tuple[Difference, ...]
    radius: Radius | None


class Looking(NamedTuple):
    """How to look: samples of each field, most rows of each entity (None: all), and whom to tell how many rows are done."""

    samples: int
    limit: int | None
    told: Callable[[Name, int], None] = lambda name, rows: None


TOLD_EVERY = 1000
"""Rows between two words on how far it is."""


def mapped(settings: Settings, mappings: Iterable[EntityMapping]) -> dict[Name, Mapped]:
    """The compiled entities of a configuration and their children, each with its settings."""
    found = {}
    for each in mappings:
        function = settings.functions[each.shape.function]
        for name, section, mapping in _parts(function.entities[each.shape.entity], each):
            found[name] = Mapped(function.source, section, mapping)
    return found


def _parts(
    section: Entity | Children, mapping: EntityMapping
) -> Iterator[tuple[Name, Entity | Children, EntityMapping]]:
    yield Name(mapping.shape.function, mapping.shape.entity), section, mapping
    for child in mapping.children:
        yield from _parts(section.children[child.name], child.mapping)


def changes(
    before: Mapping[Name, Mapped],
    after: Mapping[Name, Mapped],
    side: Callable[[str], SqlSide],
    looking: Looking,
) -> Iterator[Change]:
    """Every entity whose version differs, its children by themselves. `side(source)`: a new connection to that legacy database."""
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            what = "lines are" if "." in name.entity else "entity is"
            words = f"the {what} new" if old is None else f"the {what} dropped"
            yield Change(name, _version(old), _version(new), (Difference("", words),), None)
        elif found := differences(old, new):
            radius = None
            if comparable(old, new):
                with closing(side(old.source)) as opened:
                    radius = measure(opened, old.mapping, new.mapping, name, looking)
            yield Change(name, _version(old), _version(new), tuple(found), radius)


def _version(each: Mapped | None) -> str:
    return each.mapping.version if each else ""


def measure(side: SqlSide, old: EntityMapping, new: EntityMapping, name: Name, looking: Looking) -> Radius:
    """Read the rows once, and count what reads otherwise. In constant memory."""
    dialect = side.dialect
    width = len(old.columns)
    radius = Radius(looking.samples, old.sensitive | new.sensitive)
    for values in islice(side.rows(_both(old, new, dialect)), looking.limit):
        first = next(translated(old, dialect, [values[:width]]), None)
        second = next(translated(new, dialect, [values[width:]]), None)
        keys = (
            key_of(old, old.legacy_row(dialect, values[:width])),
            key_of(new, new.legacy_row(dialect, values[width:])),
        )
        radius.add(first, second, keys)
        if radius.rows % TOLD_EVERY == 0:
            looking.told(name, radius.rows)
    return radius


def _both(old: EntityMapping, new: EntityMapping, dialect: str) -> str:
    """The rows of both in one statement. Where rows are joined each mapping has joins of its own; the table's key says which belong
    together."""
    one, other = old.select(dialect), new.select(dialect)
    if not (old.plan.origin.joins or new.plan.origin.joins):
        return f"SELECT {', '.join((*one.legacy, *other.legacy))} FROM {one.from_}"
    before, after = (
        [quoted(f"{side}{place}", dialect) for place in range(len(each.columns))]
        for side, each in (("before", old), ("after", new))
    )
    tables = (
        f"(SELECT {', '.join(f'{value} AS {name}' for value, name in zip(each.legacy, names, strict=True))} FROM {each.from_}) {alias}"
        for each, names, alias in ((one, before, "old_rows"), (other, after, "new_rows"))
    )
    same = " AND ".join(
        f"{before[old.columns.index(key)]} = {after[new.columns.index(key)]}" for key in old.table.key
    )
    return f"SELECT {', '.join((*before, *after))} FROM {' JOIN '.join(tables)} ON {same}"
