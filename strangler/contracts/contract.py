"""A contract: one event type of one entity, as one version of its mapping makes it. What can be in its data. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from strangler.changes import Operation
from strangler.mapping import EntityMapping
from strangler.mapping.names import KINDS
from strangler.mapping.nodes import columns
from strangler.shapes import Column, Field, Shape


@dataclass(frozen=True, slots=True)
class Contract:
    """What is promised of the events of `type`. `operations` are what can have happened to the entity when one is made.

    `optional` are the fields that may be absent from its data, because the source may not send what didn't change. `children` are the
    lists of lines in it, by name: an aggregate that has them is always whole. `cohorts`: whether the entity's rows are of cohorts.
    """

    migration: str
    function: str
    entity: str
    type: str
    version: str
    operations: frozenset[Operation]
    fields: tuple[Field, ...]
    optional: frozenset[str]
    children: tuple[tuple[str, Shape], ...] = ()
    cohorts: bool = False

    @property
    def name(self) -> str:
        """`party.party.PartyRegistered.0123456789ab`: told apart from every other's, and good for a file."""
        return f"{self.function}.{self.entity}.{self.type}.{self.version}"

    @property
    def id(self) -> str:
        """The same from export to export, and another one when the mapping is another."""
        return f"urn:strangler:{self.migration}:{self.function}:{self.entity}:{self.type}:{self.version}"

    @property
    def removes(self) -> bool:
        """Whether such an event can say that the entity is no more; its data is empty then."""
        return Operation.DELETE in self.operations

    @property
    def only_removes(self) -> bool:
        return self.operations == {Operation.DELETE}


def contracts(migration: str, mappings: Iterable[EntityMapping]) -> list[Contract]:
    """Every event type that the mappings can make."""
    return [each for mapping in mappings for each in _of_entity(migration, mapping)]


def version(made: Iterable[Contract]) -> str:
    """12 hex digits that are others as soon as one of the contracts is."""
    return sha256("\n".join(sorted(each.id for each in made)).encode()).hexdigest()[:12]


def _of_entity(migration: str, mapping: EntityMapping) -> Iterator[Contract]:
    shape = mapping.shape
    operations: dict[str, set[Operation]] = {}
    for operation in KINDS:
        for name in _names(mapping, operation):
            operations.setdefault(name, set()).add(operation)
    for name, possible in operations.items():
        partial = Operation.UPDATE in possible and not shape.children
        absent = _may_be_absent(mapping) if partial else frozenset()
        yield Contract(
            migration,
            shape.function,
            shape.entity,
            name,
            mapping.version,
            frozenset(possible),
            shape.fields,
            absent,
            shape.children,
            mapping.cohort_of is not None,
        )


def _names(mapping: EntityMapping, operation: Operation) -> Iterator[str]:
    """What an event can be called: up to the first name that always applies, or else to the default one."""
    for rule in mapping.plan.rules[operation]:
        yield rule.name
        if rule.when is None:
            return
    yield mapping.plan.default[operation]


def _may_be_absent(mapping: EntityMapping) -> frozenset[str]:
    """A field is absent when none of its columns was sent; those of the key always are."""
    plan = mapping.plan
    sent: set[Column] = {column for field in plan.key_fields for column in columns(field.node)}
    return frozenset(
        field.name
        for field in plan.fields
        if (used := columns(field.node)) and field.name not in plan.key and sent.isdisjoint(used)
    )
