"""The inverse of an entity's mapping: from the fields of the new service back to the legacy row.

What comes back is held to the mapping itself: a row is given only when the mapping reads every field from it as the new service has it. A
value without such a row is an error, never another legacy value.

Who fills a column: the one `reverse:` that names it; otherwise the fields that lead back to it, whose values have to agree. A field that
has no way back itself, but whose columns are filled all the same, isn't lost: it is read from them, and has to read as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from strangler.changes import UNCHANGED
from strangler.mapping.inverse.reverse import Fill
from strangler.mapping.inverse.sources import Back, Backwards, Reading, Said
from strangler.mapping.inverse.steps import NoWay
from strangler.mapping.inverse.ways import way
from strangler.mapping.nodes import columns
from strangler.mapping.origin import Origin
from strangler.mapping.rows import Named, Plan
from strangler.settings import EntityField
from strangler.shapes import Column, FieldType


class Lost(NamedTuple):
    """A field that has no way back, and why."""

    field: str
    why: str


class Through(NamedTuple):
    """A field that isn't undone itself and isn't lost: the legacy columns that it reads are filled by these other fields."""

    field: str
    others: tuple[str, ...]


@dataclass(frozen=True)
class Inverse:
    """From the fields, as `EntityMapping.translate` gives them, to the legacy row.

    `columns` are the legacy columns that have a way back, in the table's order. `lost` are the fields that have none, `through`
    those that come back with others.
    `respelled` are the fields of which legacy may get another value than it had, one that reads alike: a text without the blanks that
    the mapping trims, a number without the zeros behind its point. `empty` are the columns that are NOT NULL and get nothing, neither
    from a field nor, as far as the connector knows, from the database itself.
    """

    columns: tuple[str, ...]
    lost: tuple[Lost, ...]
    through: tuple[Through, ...]
    respelled: tuple[str, ...]
    empty: tuple[str, ...]
    _compiled: _Compiled

    def row(self, data: Mapping[str, Any], dialect: str = "") -> dict[str, Any]:
        """The legacy row, as far as it has a way back, as `strangler.changes.Row` has it; absent fields leave their columns out.

        `dialect` is that of the legacy database, by sqlglot's name: with it, what a type means only there is held to as well.
        Raises Untranslatable, naming field and value, when no row would be read as these fields.
        """
        made = {}
        for source in self._compiled.sources:
            value = source.value(data, dialect)
            if value is not UNCHANGED:
                made[source.column.name] = value
        for reading in self._compiled.together:
            if all(column.name in made for column in reading.columns):
                reading.require(made, data)
        return {name: made[name] for name in self.columns if name in made}


class _Compiled:
    """The parts of an inverse as functions, made when the first row comes: many mappings are compiled for their columns alone."""

    def __init__(
        self, plan: Plan, fills: Sequence[Fill], backs: Mapping[str, Sequence[Back]], judges: Sequence[Named]
    ) -> None:
        self._plan, self._fills, self._backs, self._judges = plan, fills, backs, judges

    @cached_property
    def sources(self) -> list[Said | Backwards]:
        """What fills the columns."""
        fields = {field.name: field for field in self._plan.fields}
        said = [Said(self._plan.entity, fill, fields) for fill in self._fills]
        return [*said, *self._backwards]

    @cached_property
    def together(self) -> list[Reading]:
        """The fields that are read when the row is whole: the others are while their column is filled."""
        return [each for each in self._readings if not self._alone(each)]

    @cached_property
    def _backwards(self) -> list[Backwards]:
        return [
            Backwards(
                self._plan.entity,
                backs,
                [each for each in self._readings if self._alone(each) and each.columns[0].name == column],
            )
            for column, backs in self._backs.items()
        ]

    @cached_property
    def _readings(self) -> list[Reading]:
        return [Reading(self._plan.entity, field) for field in self._judges]

    def _alone(self, reading: Reading) -> bool:
        return len(reading.columns) == 1 and reading.columns[0].name in self._backs


def compile_inverse(plan: Plan, fields: Mapping[str, EntityField], fills: Sequence[Fill]) -> Inverse:
    """The inverse of the plan; `fields` are its fields' settings, `fills` what their `reverse:` say."""
    said = {fill.column.name for fill in fills}
    backs: dict[str, list[Back]] = {}
    why: dict[str, str] = {}
    for field in plan.fields:
        if fields[field.name].reverse is None:
            try:
                back = _back(field, plan.origin)
            except NoWay as none:
                why[field.name] = str(none)
            else:
                if back.way.column.name not in said:
                    backs.setdefault(back.way.column.name, []).append(back)
    filled = said | backs.keys()
    return Inverse(
        columns=tuple(each.name for each in plan.origin.root.columns if each.name in filled),
        lost=tuple(_lost(plan, fields, why, filled)),
        through=tuple(_through(plan, why, fills, backs, filled)),
        respelled=tuple(
            back.field.name
            for listed in backs.values()
            for back in listed
            if not any(each.way.exact for each in listed) or _is_spelled_freely(back.way.column)
        ),
        empty=tuple(
            each.name
            for each in plan.origin.root.columns
            if not (each.nullable or each.default or each.name in filled)
        ),
        _compiled=_Compiled(
            plan, fills, backs, [field for field in plan.fields if fields[field.name].reverse != {}]
        ),
    )


def _is_spelled_freely(column: Column) -> bool:
    """PostgreSQL's numeric without a scale keeps zeros behind the point, of which fields know nothing."""
    return column.type is FieldType.DECIMAL and column.declared == "numeric"


def _back(field: Named, origin: Origin) -> Back:
    """The field's way back. Raises NoWay, also for one that might change the legacy key."""
    found = way(field.node)
    column = _own(found.column, origin)
    if not found.exact and column.name in origin.root.key:
        raise NoWay(f"{column.name} is part of the legacy key, and several of its values would be read alike")
    return Back(field, replace(found, column=column))


def _own(column: Column, origin: Origin) -> Column:
    """The column of the table itself; of a joined row what it is found by stands there too. Raises NoWay for the rest of it."""
    join, there = origin.places[column.name]
    if join is None:
        return column
    by = dict(join.on).get(there.name)
    if not isinstance(by, str):
        raise NoWay(f"{column.name} is of another table, {join.table.name}")
    own = origin.places[by][1]
    if (own.type, own.declared) != (there.type, there.declared):
        raise NoWay(f"{column.name} is of another table, where it is {there.declared}")
    return _own(origin.table.column(by) or own, origin)


def _lost(
    plan: Plan, fields: Mapping[str, EntityField], why: Mapping[str, str], filled: set[str]
) -> list[Lost]:
    lost = []
    for field in plan.fields:
        if fields[field.name].reverse == {}:
            lost.append(Lost(field.name, "`reverse: false`"))
        elif field.name in why and not {column.name for column in columns(field.node)} <= filled:
            lost.append(Lost(field.name, why[field.name]))
    return lost


def _through(
    plan: Plan,
    why: Mapping[str, str],
    fills: Sequence[Fill],
    backs: Mapping[str, Sequence[Back]],
    filled: set[str],
) -> Iterator[Through]:
    fillers: dict[str, list[str]] = {fill.column.name: [fill.field] for fill in fills}
    for name, listed in backs.items():
        fillers[name] = [back.field.name for back in listed]
    for field in plan.fields:
        used = [column.name for column in columns(field.node)]
        if field.name in why and used and set(used) <= filled:
            yield Through(field.name, tuple(dict.fromkeys(other for name in used for other in fillers[name])))
