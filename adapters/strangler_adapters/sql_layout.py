"""How an entity's shape lies in a SQL table: names, keys, the statement that writes a row only when it is newer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, Final, NamedTuple, Protocol

from strangler.aggregates import Whole, whole
from strangler.changes import Position
from strangler.events import decode_key
from strangler.mapping.canonical import quote, quoted_text
from strangler.shapes import FieldType, Shape

POSITION: Final = "_position"
"""The column with the position of the event that last wrote the row; NULL when the service itself did."""


def quoted(names: Iterable[str]) -> str:
    """Names as a list in SQL."""
    return ", ".join(map(quote, names))


def values_of(names: Sequence[str] | Sequence[int]) -> Callable[[Any], tuple[Any, ...]]:
    """What takes the values of these names out of a mapping (or of these indexes out of a row), as a tuple."""
    if len(names) == 1:
        [name] = names
        return lambda row: (row[name],)
    return itemgetter(*names)


def entity_of(shape: Shape) -> str:
    """What the entity, or the part of one, is called in the store's own tables."""
    return f"{shape.function}/{shape.entity}"


def literal(dialect: str, kind: FieldType, value: Any) -> str:
    """A canonical value as SQL that a column of the store's table is compared with."""
    if isinstance(value, bool) and dialect == "sqlite":
        return str(int(value))
    if isinstance(value, bool | int):
        return str(value).lower()
    if kind is FieldType.BYTES and dialect == "postgres":
        return f"decode({quoted_text(value)}, 'hex')"
    return quoted_text(value)


class Row(Protocol):
    """What is to be written: values by name, more of them maybe than the table has, and the position. An event is one."""

    @property
    def data(self) -> Mapping[str, Any]: ...

    @property
    def position(self) -> Position: ...


class Line(NamedTuple):
    """A row below an aggregate's root."""

    data: Mapping[str, Any]
    position: Position


@dataclass(frozen=True, eq=False)
class Layout:
    """A shape with all that is computed from it once. `above`: that of what its rows stand under."""

    shape: Shape
    above: Layout | None = None

    @cached_property
    def root(self) -> Layout:
        """That of the aggregate."""
        return self.above.root if self.above else self

    @cached_property
    def children(self) -> tuple[Layout, ...]:
        return tuple(Layout(shape, self) for _, shape in self.shape.children)

    def parts(self) -> Iterator[Layout]:
        """It and all below it, parents first."""
        yield self
        yield from self.below

    @cached_property
    def below(self) -> tuple[Layout, ...]:
        """All below it, parents first."""
        return tuple(part for child in self.children for part in child.parts())

    @cached_property
    def entity(self) -> str:
        return entity_of(self.shape)

    @cached_property
    def table(self) -> str:
        return quote(self.shape.table)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.shape.fields)

    @cached_property
    def types(self) -> dict[str, FieldType]:
        return {field.name: field.type for field in self.shape.fields}

    @cached_property
    def is_whole(self) -> Whole:
        return whole(self.shape)

    @cached_property
    def key_of_row(self) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
        """Takes the key's values out of a row whose values stand in the order of the shape."""
        return values_of([self.names.index(name) for name in self.shape.key])

    @cached_property
    def own(self) -> str:
        """The name of the index over, and of the trigger that marks, rows that the service itself wrote. Short enough for any database."""
        return f"strangler_own_{hashlib.md5(self.shape.table.encode()).hexdigest()[:12]}"

    def key_is(self, dialect: str, key: str) -> str:
        """The condition that a row, of this part or of one below it, is of the one with this encoded key."""
        types = self.types
        return " AND ".join(
            f"{quote(name)} = {literal(dialect, types[name], value)}"
            for name, value in zip(self.shape.key, decode_key(key), strict=True)
        )

    def same_key(self, left: str, right: str) -> str:
        """The condition that two row sources have the same key; one may be of a part below, which has it too."""
        return " AND ".join(f"{left}.{quote(name)} = {right}.{quote(name)}" for name in self.shape.key)

    def upsert(self, rows: str) -> str:
        """Write `rows`, a SELECT or VALUES with all fields and the position; a row that is as new already stays.

        Invariant 3. A row of the service's own (position NULL) stays too: NULL is newer than nothing.
        """
        changing = [name for name in (*self.names, POSITION) if name not in self.shape.key]
        assignments = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in changing)
        return (
            f"INSERT INTO {self.table} AS t ({quoted(self.names)}, {POSITION}) {rows}"
            f" ON CONFLICT ({quoted(self.shape.key)}) DO UPDATE SET {assignments}"
            f" WHERE t.{POSITION} < excluded.{POSITION}"
        )
