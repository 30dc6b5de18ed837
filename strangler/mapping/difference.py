"""The difference between two mappings of one entity: what is written otherwise, and what then reads otherwise. Pure.

`differences` compares what was written, blind to layout as versions are. `Radius` takes the same legacy rows translated by both,
one by one, and counts; it keeps no more than a few samples, however many rows there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from strangler.mapping.entity import EntityMapping
from strangler.mapping.names import KINDS
from strangler.mapping.plans import version
from strangler.mapping.rest import Translated
from strangler.sensitive import masked
from strangler.settings import Children, Entity

ABSENT: Final = object()
"""The value of a field that one of the two mappings doesn't have. Not NULL."""


class Mapped(NamedTuple):
    """An entity, or children of it, as written and as compiled; `source` has its rows."""

    source: str
    entity: Entity | Children
    mapping: EntityMapping

    @property
    def own(self) -> str:
        """Its version, whatever its children are."""
        return version(self.mapping.shape.function, self.mapping.shape.table, self.mapping.plan)


class Difference(NamedTuple):
    """One thing that is written otherwise. `path` is below the entity's: `fields.name`."""

    path: str
    words: str


def differences(old: Mapped, new: Mapped) -> list[Difference]:
    """What sets the two apart, but for their children; nothing when they have the same version and source."""
    if old.own == new.own and old.source == new.source:
        return []
    found = [*_places(old, new), *_joins(old, new), *_fields(old, new), *_events(old, new)]
    return found or [Difference("", "what its expressions stand on has changed (columns, or codes)")]


def comparable(old: Mapped, new: Mapped) -> bool:
    """Whether both read the same legacy rows: of the same table, and lines of the same parents."""
    return (old.source, old.mapping.table.name, _above(old)) == (
        new.source,
        new.mapping.table.name,
        _above(new),
    )


def _above(each: Mapped) -> list[object]:
    return [(join.table.name, join.on) for join in each.mapping.plan.origin.joins if join.required]


def _places(old: Mapped, new: Mapped) -> Iterator[Difference]:
    before, after = old.mapping, new.mapping
    if old.source != new.source:
        yield Difference("source", f"{old.source} → {new.source}")
    if before.table.name != after.table.name:
        yield Difference("table", f"{before.table.name} → {after.table.name}")
    if before.shape.key != after.shape.key:
        yield Difference("key", f"{', '.join(before.shape.key)} → {', '.join(after.shape.key)}")
    if str(before.plan.where) != str(after.plan.where) and old.entity.where != new.entity.where:
        yield Difference("where", f"{old.entity.where or 'every row'} → {new.entity.where or 'every row'}")
    if before.shape.table != after.shape.table:
        yield Difference("into", f"{before.shape.table} → {after.shape.table}")


def _joins(old: Mapped, new: Mapped) -> Iterator[Difference]:
    if (
        isinstance(old.entity, Children)
        and isinstance(new.entity, Children)
        and old.entity.on != new.entity.on
    ):
        yield Difference("on", f"{_on(old.entity.on)} → {_on(new.entity.on)}")
    before, after = old.entity.join, new.entity.join
    for alias in dict.fromkeys((*before, *after)):
        path = f"join.{alias}"
        if alias not in after:
            yield Difference(path, f"dropped; was {before[alias].table} on {_on(before[alias].on)}")
        elif alias not in before:
            yield Difference(path, f"added: {after[alias].table} on {_on(after[alias].on)}")
        elif before[alias] != after[alias]:
            one, other = (f"{each.table} on {_on(each.on)}" for each in (before[alias], after[alias]))
            yield Difference(path, f"{one} → {other}")


def _on(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{column} = {origin}" for column, origin in columns.items())


def _fields(old: Mapped, new: Mapped) -> Iterator[Difference]:
    before, after = (
        {field.name: field.node for field in each.mapping.plan.fields if field.name in each.entity.fields}
        for each in (old, new)
    )
    for name in dict.fromkeys((*before, *after)):
        path = f"fields.{name}"
        if name not in after:
            yield Difference(path, f"dropped; was {old.entity.fields[name].value}")
        elif name not in before:
            yield Difference(path, f"added: {new.entity.fields[name].value}")
        else:
            if before[name].type is not after[name].type:
                yield Difference(path, f"type: {before[name].type.value} → {after[name].type.value}")
            if str(before[name]) != str(after[name]):
                written = f"{old.entity.fields[name].value} → {new.entity.fields[name].value}"
                yield Difference(path, f"expression: {written}")
    if list(before) != list(after) and set(before) == set(after):
        yield Difference("fields", "in another order")


def _events(old: Mapped, new: Mapped) -> Iterator[Difference]:
    if not (isinstance(old.entity, Entity) and isinstance(new.entity, Entity)):
        return
    for operation, kind in KINDS.items():
        before, after = (
            [(rule.name, str(rule.when)) for rule in each.mapping.plan.rules[operation]]
            for each in (old, new)
        )
        if before != after:
            yield Difference(f"events.{kind}", f"{_named(old.entity, kind)} → {_named(new.entity, kind)}")


def _named(entity: Entity, kind: str) -> str:
    names = [
        f"{each.name} when {each.when}" if each.when else each.name for each in getattr(entity.events, kind)
    ]
    return "; ".join(names) or "the default"


class Sample(NamedTuple):
    """One entity that reads otherwise. `field` is None where it is about the whole row: `before` or `after` is then why it
    can't be translated, the other one None. A field that a mapping doesn't have is `ABSENT` in it."""

    key: str
    field: str | None
    before: Any
    after: Any


@dataclass
class Radius:
    """How many entities read otherwise, by field; `rows` is how many were looked at. `most`: samples of each field; the values of
    fields that are `hidden` are masked in them. `came` and `went` are rows that meet only the new, or only the old, `where`."""

    most: int
    hidden: frozenset[str] = frozenset()
    rows: int = 0
    differ: int = 0
    came: int = 0
    went: int = 0
    keys: int = 0
    translatable: int = 0
    untranslatable: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    _kept: Counter[str | None] = field(default_factory=Counter)

    def add(self, old: Translated | None, new: Translated | None, keys: tuple[str, str]) -> None:
        """A legacy row as both mappings translate it, None where it isn't the entity's, and the key of the entity in both."""
        self.rows += 1
        if old is None or new is None:
            self.came += old is None and new is not None
            self.went += new is None and old is not None
            self.differ += (old is None) != (new is None)
            return
        if old.fault or new.fault:
            self._add_fault(old, new, keys[0])
            return
        names = _different(old.data, new.data)
        moved = keys[0] != keys[1]
        self.keys += moved
        self.differ += bool(names) or moved
        for name in names:
            self.fields[name] += 1
            self._keep(Sample(keys[0], name, self._shown(old.data, name), self._shown(new.data, name)))

    def _shown(self, data: Mapping[str, Any], name: str) -> Any:
        value = data.get(name, ABSENT)
        return masked(value) if name in self.hidden and value is not ABSENT else value

    def _add_fault(self, old: Translated, new: Translated, key: str) -> None:
        if old.fault and new.fault:
            return
        self.differ += 1
        self.untranslatable += new.fault is not None
        self.translatable += old.fault is not None
        why = [None if each.fault is None else _why(each) for each in (old, new)]
        self._keep(Sample(key, None, *why))

    def _keep(self, sample: Sample) -> None:
        if self._kept[sample.field] < self.most:
            self._kept[sample.field] += 1
            self.samples.append(sample)


def _why(each: Translated) -> str:
    assert each.fault is not None
    return f"{each.fault.what}: {each.fault.why}" if each.fault.why else each.fault.what


def _different(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The fields whose canonical values differ; 1, 1.0 and true are different values."""
    return [
        name
        for name in dict.fromkeys((*old, *new))
        if (a := old.get(name, ABSENT)) != (b := new.get(name, ABSENT)) or type(a) is not type(b)
    ]
