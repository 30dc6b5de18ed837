"""Sensitive: what of an entity is personal data, and how it is shown to people: not at all.

A field is marked in the configuration. The legacy columns that it reads, of joined tables too, are sensitive with it, in whatever
entity of the source names their table: a raw change has them all. And so is every other field that reads one of them. What the keys of
the entity and its children are made of isn't: by them a row is named, wherever something is said about it.

Everything here follows from the configuration alone, so that what waits in quarantine can be shown without the legacy database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from strangler.settings import Children, Entity, Settings

if TYPE_CHECKING:
    from strangler.mapping.uses import Part

MASK: Final = "***"
"""Stands for a value. All values look alike: of a birthday or a postal code even a hash would tell too much."""


def masked(value: Any) -> Any:
    """What is shown of a sensitive value: that there is one."""
    return None if value is None else MASK


class Covered(str):
    """The mask together with the value under it, for what is computed of the value. Wherever it is written it is the mask."""

    clear: Any

    @classmethod
    def of(cls, value: Any) -> Covered | None:
        """The value covered; NULL is shown as it is."""
        if value is None:
            return None
        covered = cls(MASK)
        covered.clear = value
        return covered


def uncovered(value: Any) -> Any:
    """The value under a mask; any other as it is."""
    return value.clear if isinstance(value, Covered) else value


Column = tuple[str, str]
"""A column of a legacy table: the table without its schema, and the column, both in lower case."""


@dataclass(frozen=True, slots=True)
class Sensitive:
    """What of an entity, or of its children, is sensitive: the names of its fields, and of columns of its flat rows in lower case."""

    fields: frozenset[str]
    columns: frozenset[str]
    children: Mapping[str, Sensitive] = field(default_factory=dict)

    def below(self, children: str) -> Sensitive:
        """The same of its children of this name."""
        return self.children.get(children, NOTHING)

    def named(self, name: str) -> Iterator[tuple[str, Sensitive]]:
        """It, of the entity of this name, and those of its children of all levels: `sale`, `sale.lines`."""
        yield name, self
        for each, child in self.children.items():
            yield from child.named(f"{name}.{each}")

    def parts(self) -> Iterator[Sensitive]:
        """It and those of its children of all levels."""
        return (part for _, part in self.named(""))

    @property
    def all_columns(self) -> frozenset[str]:
        """The columns of the flat rows of any part."""
        return frozenset().union(*(part.columns for part in self.parts()))

    def hidden(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """An event's data as people may see it, its lines too."""
        return {name: self._hidden(name, value) for name, value in data.items()}

    def _hidden(self, name: str, value: Any) -> Any:
        if name in self.children and isinstance(value, list):
            return [self.children[name].hidden(line) for line in value]
        return masked(value) if name in self.fields else value


NOTHING: Final = Sensitive(frozenset(), frozenset())


def of_entity(settings: Settings, function: str, entity: str) -> Sensitive:
    """What is sensitive about an entity of the configuration."""
    section = settings.functions[function]
    hidden = columns(settings, section.source)
    if not hidden:
        return NOTHING
    from strangler.mapping.uses import parts  # with it comes the SQL parser, which takes its time

    return _of_part({part.path: part for part in parts(section.entities[entity])}, "", hidden)


def _of_part(parts: Mapping[str, Part], path: str, hidden: frozenset[Column]) -> Sensitive:
    part = parts[path]
    section = part.section
    fields = {
        name
        for name, field in section.fields.items()
        if field.sensitive
        or (name not in section.key and not hidden.isdisjoint(read_columns(part, field.value)))
    }
    columns = {
        f"{alias}.{column}" if alias else column
        for alias, table in part.tables.items()
        for where, column in hidden
        if where == _bare(table)
    }
    below = {name: _of_part(parts, part.at(f"children.{name}"), hidden) for name in section.children}
    return Sensitive(frozenset(fields), frozenset(columns), below)


def columns(settings: Settings, source: str) -> frozenset[Column]:
    """The sensitive columns of the legacy tables of a source."""
    return frozenset().union(*(own_columns(entity) for entity in _entities(settings, source)))


def own_columns(entity: Entity) -> frozenset[Column]:
    """The columns that an entity and its children make sensitive."""
    if not any(field.sensitive for section in _sections(entity) for field in section.fields.values()):
        return frozenset()
    from strangler.mapping.uses import parts

    marked = (
        read_columns(part, field.value)
        for part in parts(entity)
        for field in part.section.fields.values()
        if field.sensitive
    )
    return frozenset().union(*marked) - key_columns(entity)


def key_columns(entity: Entity) -> frozenset[Column]:
    """The columns that the keys of the entity and its children are made of."""
    from strangler.mapping.uses import parts

    return frozenset().union(*map(part_key_columns, parts(entity)))


def part_key_columns(part: Part) -> frozenset[Column]:
    """Those of one part."""
    fields = part.section.fields
    return frozenset().union(
        *(read_columns(part, fields[name].value) for name in part.section.key if name in fields)
    )


def names(settings: Settings) -> dict[str, frozenset[str]]:
    """Function → what its sensitive values may be called in an answer, of the new service or of legacy, in lower case."""
    found = {}
    for function, section in settings.functions.items():
        each = [part for entity in section.entities for part in of_entity(settings, function, entity).parts()]
        fields = frozenset().union(*(one.fields for one in each))
        found[function] = fields | {column.rpartition(".")[2] for one in each for column in one.columns}
    return found


def hide(value: Any, hidden: frozenset[str]) -> Any:
    """A JSON value without what stands anywhere in it under one of these names (in lower case)."""
    if isinstance(value, Mapping):
        return {
            name: masked(each) if str(name).lower() in hidden else hide(each, hidden)
            for name, each in value.items()
        }
    return [hide(each, hidden) for each in value] if isinstance(value, list) else value


def _entities(settings: Settings, source: str) -> Iterator[Entity]:
    for function in settings.functions.values():
        if function.source == source:
            yield from function.entities.values()


def _sections(section: Entity | Children) -> Iterator[Entity | Children]:
    yield section
    for children in section.children.values():
        yield from _sections(children)


def read_columns(part: Part, expression: str) -> frozenset[Column]:
    """The columns that an expression of the part reads."""
    return frozenset((_bare(used.table), used.column) for used in part.columns(expression))


def _bare(table: str) -> str:
    """One name for what may be written with or without a schema."""
    return table.rpartition(".")[2].lower()
