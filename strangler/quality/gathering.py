"""Gathering: the checks of one side become orders, one for each database that has to be asked. Pure but for numbering.

A side says of each part where its rows are (`Rows`); a check with a condition gets a relation of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from strangler.mapping.nodes import Node
from strangler.quality import expecting
from strangler.quality.checker import Batch, Expectation, Order, Test
from strangler.quality.checks import Checked, Planned, made_on, references
from strangler.settings import CheckedSide
from strangler.shapes import Shape

STAND_IN: Final = "strangler_checked_"
"""What the names of relations begin with; the SQL that a checker writes has them where the relation's own SQL is to be put."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Where the rows of a part are: the database, by its dialect and URL, and SQL of them, under a condition or all."""

    dialect: str
    url: str = field(repr=False)
    sql: Callable[[Node | None], str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Left:
    """Rows that are no rows of any part: what can't be translated, or stands under nothing. In the table of a scratch file."""

    dialect: str
    url: str = field(repr=False)
    table: str


_LEFT: Final = {
    "translated": "rows that can't be translated",
    "has parent": "rows without what they stand under",
}

PartName = tuple[str, str]
"""A function, and the name of an entity or of children of one."""


class Asked(NamedTuple):
    """A check that is made, of the part of this name; what comes of it has the number of its place in the list."""

    entity: str
    check: Planned


@dataclass(frozen=True, slots=True)
class Picture:
    """What a side is: the rows of each part, what is `left` of a part by the kind of check that is about it, how many rows of a part
    legacy has where that is asked for, and notes for people."""

    side: CheckedSide
    rows: Mapping[PartName, Rows]
    left: Mapping[tuple[str, str], Left] = field(default_factory=dict)
    legacy_rows: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()


def orders(
    function: str,
    parts: Sequence[Checked],
    picture: Picture,
    shapes: Mapping[PartName, Shape],
    now: float,
    samples: int,
) -> tuple[list[Asked], list[Order]]:
    """All that is to be asked of the side, and the orders that ask it. `shapes` are those of the parts and of what they refer to."""
    gathering = _Gathering(function, picture, shapes, now)
    for part in parts:
        for each in part.checks:
            if made_on(picture.side, each):
                gathering.add(part, each)
    return gathering.asked, gathering.orders(samples)


class _Gathering:
    def __init__(self, function: str, picture: Picture, shapes: Mapping[PartName, Shape], now: float) -> None:
        self._function, self._picture, self._shapes, self._now = function, picture, shapes, now
        self.asked: list[Asked] = []
        self._places: dict[tuple[str, str], _Place] = {}

    def add(self, part: Checked, each: Planned) -> None:
        number = len(self.asked)
        made = self._left(number, part, each) or self._expected(number, part, each)
        self.asked.append(Asked(part.name, replace(each, words=made.words)))

    def _left(self, number: int, part: Checked, each: Planned) -> Expectation | None:
        """Of a check that is about what is left; None: it is about the rows of the part."""
        left = self._picture.left.get((part.name, each.kind))
        if left is None:
            return None
        place = self._place(left.dialect, left.url)
        title = f"{part.name}: {_LEFT[each.kind]}"
        relation = place.relation((self._function, title), f"SELECT * FROM {left.table}")
        query = "SELECT * FROM {batch}"
        made = Expectation(number, Test.NO_ROWS, each.fields, each.words, each.severity, query=query)
        place.expect(title, relation, (), frozenset(), made)
        return made

    def _expected(self, number: int, part: Checked, each: Planned) -> Expectation:
        name = (self._function, part.name)
        rows = self._picture.rows[name]
        place = self._place(rows.dialect, rows.url)
        relation = place.relation((*name, str(each.where or "")), rows.sql(each.where))
        counted, target = self._picture.legacy_rows.get(part.name), self._target(place, part, each)
        context = expecting.Context(rows.dialect, self._now, counted, target)
        made = expecting.expected(number, each, part.shape, context)
        condition = each.declared.where if each.declared else None
        title = f"{part.name} where {condition}" if condition else part.name
        place.expect(title, relation, part.shape.key, part.mapping.sensitive, made)
        return made

    def _target(self, place: _Place, part: Checked, each: Planned) -> expecting.Target | None:
        if each.kind == "has parent":
            assert part.shape.under is not None
            above = (self._function, part.name.rpartition(".")[0])
            return expecting.Target(self._relation(place, above), part.shape.under.key)
        name = references(self._function, each)
        return None if name is None else expecting.Target(self._relation(place, name), self._shapes[name].key)

    def _relation(self, place: _Place, name: PartName) -> str:
        return place.relation((*name, ""), self._picture.rows[name].sql(None))

    def _place(self, dialect: str, url: str) -> _Place:
        return self._places.setdefault((dialect, url), _Place(dialect, url))

    def orders(self, samples: int) -> list[Order]:
        return [
            Order(
                self._function,
                self._picture.side,
                place.dialect,
                place.url,
                place.relations,
                place.batches(),
                samples,
            )
            for place in self._places.values()
        ]


class _Place:
    """What is asked of one database."""

    def __init__(self, dialect: str, url: str) -> None:
        self.dialect, self.url = dialect, url
        self.relations: dict[str, str] = {}
        self._names: dict[tuple[str, ...], str] = {}
        self._batches: dict[str, tuple[str, tuple[str, ...], frozenset[str], list[Expectation]]] = {}

    def relation(self, what: tuple[str, ...], sql: str) -> str:
        """The name of the relation, the same for the same."""
        name = self._names.setdefault(what, f"{STAND_IN}{len(self._names) + 1}")
        self.relations[name] = sql
        return name

    def expect(
        self, title: str, relation: str, key: tuple[str, ...], hidden: frozenset[str], made: Expectation
    ) -> None:
        self._batches.setdefault(title, (relation, key, hidden, []))[3].append(made)

    def batches(self) -> tuple[Batch, ...]:
        return tuple(
            Batch(title, relation, key, hidden, tuple(made))
            for title, (relation, key, hidden, made) in self._batches.items()
        )
