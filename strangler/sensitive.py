"""Sensitive: what of an entity is personal data, and how it is shown to people: not at all.

A field is marked in the configuration. The legacy columns that it reads are sensitive with it, in every entity over the same
table of the source: a raw change has them all. And so is every other field that reads one of them. What the key of the entity is made
of isn't: by the key a row is named, wherever something is said about it.

Everything here follows from the configuration alone, so that what waits in quarantine can be shown without the legacy database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from strangler.settings import Entity, Settings

MASK: Final = "***"
"""Stands for a value. All values look alike: of a birthday or a postal code even a hash would tell too much."""


def masked(value: Any) -> Any:
    """What is shown of a sensitive value: that there is one."""
    return None if value is None else MASK


@dataclass(frozen=True, slots=True)
class Sensitive:
    """What of an entity is sensitive: the names of its fields, and of columns of its legacy table in lower case."""

    fields: frozenset[str]
    columns: frozenset[str]
    children: Mapping[str, Sensitive] = field(default_factory=dict)

    def below(self, children: str) -> Sensitive:
        """The same of its children of this name."""
        return self.children.get(children, NOTHING)


NOTHING: Final = Sensitive(frozenset(), frozenset())


def of_entity(settings: Settings, function: str, entity: str) -> Sensitive:
    """What is sensitive about an entity of the configuration."""
    section = settings.functions[function]
    found = section.entities[entity]
    hidden = columns(settings, section.source, found.table)
    if not hidden:
        return NOTHING
    from strangler.mapping.parsing import column_names  # with it comes the SQL parser, which takes its time

    fields = {
        name
        for name, field in found.fields.items()
        if field.sensitive or (name not in found.key and not hidden.isdisjoint(column_names(field.value)))
    }
    return Sensitive(frozenset(fields), hidden)


def columns(settings: Settings, source: str, table: str) -> frozenset[str]:
    """The sensitive columns of a legacy table, in lower case."""
    return frozenset().union(
        *(own_columns(entity) for entity in _entities(settings, source) if _same(entity.table, table))
    )


def own_columns(entity: Entity) -> frozenset[str]:
    """The columns that an entity makes sensitive."""
    marked = [field.value for field in entity.fields.values() if field.sensitive]
    if not marked:
        return frozenset()
    from strangler.mapping.parsing import column_names

    return frozenset().union(*map(column_names, marked)) - key_columns(entity)


def key_columns(entity: Entity) -> frozenset[str]:
    """The columns that the entity's key is made of, in lower case."""
    from strangler.mapping.parsing import column_names

    return frozenset().union(
        *(column_names(entity.fields[name].value) for name in entity.key if name in entity.fields)
    )


def names(settings: Settings) -> dict[str, frozenset[str]]:
    """Function → what its sensitive values may be called in an answer, of the new service or of legacy, in lower case."""
    found = {}
    for function, section in settings.functions.items():
        each = [of_entity(settings, function, entity) for entity in section.entities]
        found[function] = frozenset().union(*(one.fields | one.columns for one in each))
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


def _same(one: str, other: str) -> bool:
    """Whether two names, with or without a schema, may be those of one table."""
    return one.rpartition(".")[2].lower() == other.rpartition(".")[2].lower()
