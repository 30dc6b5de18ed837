"""Shapes: the typed columns of a legacy table and the typed fields of an entity.

Both sides of the boundary speak in the same few field types. Every type has one canonical value, which is what
an event carries in JSON, what a store binds and what a checksum hashes; so two databases that hold the
same fact write it in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class FieldType(StrEnum):
    """The type of a field, with its canonical value in JSON.

    | type | canonical value |
    | --- | --- |
    | text | string, as it stands |
    | integer | integer |
    | decimal | string without exponent, without trailing zeros after the point, no `-0`: `"4904.49"`, `"0"`; `"NaN"` |
    | float | number; `"NaN"`, `"Infinity"`, `"-Infinity"` as strings |
    | boolean | true, false |
    | date | `"2026-11-23"` |
    | time | `"23:59:59.000000"`, always six digits |
    | timestamp | `"2026-11-23T23:59:59.000000"`, no zone, always six digits |
    | instant | `"2026-11-23T23:59:59.000000Z"`, in UTC |
    | bytes | lower-case hex |
    | json | string: the text as it stands in the database |

    NULL is null for every type.
    """

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    INSTANT = "instant"
    BYTES = "bytes"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a legacy table. `declared` is the type as the database writes it, e.g. `numeric(16,4)`. `default`: the database
    fills it itself in a new row that leaves it out; that makes it no other column."""

    name: str
    type: FieldType
    nullable: bool
    declared: str
    default: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Table:
    """A legacy table. `name` as the configuration writes it (`party_party` or `public.party_party`);
    `key` is the primary key in its own column order, empty when there is none. `removal` are the columns whose old values
    the source sends when a row is removed or its identity changes; None: all of them. `whole_removal` is the statement after
    which it sends all."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    removal: tuple[str, ...] | None = None
    whole_removal: str = ""

    def column(self, name: str) -> Column | None:
        return next((c for c in self.columns if c.name == name), None)

    def column_like(self, name: str) -> Column | None:
        """The column of this name, in any case where only one is meant."""
        alike = [each for each in self.columns if each.name.lower() == name.lower()]
        return self.column(name) or (alike[0] if len(alike) == 1 else None)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an entity, in the shape of the new store."""

    name: str
    type: FieldType
    nullable: bool


@dataclass(frozen=True, slots=True)
class Under:
    """What rows stand under: the store's table of their parents, and the names of its key fields."""

    table: str
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """What an entity looks like on the new side: `table` in the store, its fields in order, the names of its key fields.

    `children` are the lines inside of the aggregate, by the name under which an event carries them: each has a table of its own,
    and the parent's key fields, under the same names, before its own key. In an event's data they are lists of objects without the
    parent's key. A shape of children is called `sale.lines`, and has `under`.
    """

    function: str
    entity: str
    table: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    children: tuple[tuple[str, Shape], ...] = ()
    under: Under | None = None

    def types(self, names: Iterable[str] | None = None) -> list[FieldType]:
        """The types of the fields with these names, in their order; of all."""
        known = {field.name: field.type for field in self.fields}
        return [known[name] for name in (known if names is None else names)]

    def parts(self) -> Iterator[Shape]:
        """The shape and those of all its children, parents first."""
        yield self
        for _, shape in self.children:
            yield from shape.parts()
