"""The image of a store: what it holds, as of one moment, told as marks and events that would bring the same.

The lines of an aggregate are gathered by the database, as JSON in a column of its root's row: arrays of arrays of texts. They stand in
blocks, since a function takes a hundred arguments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain
from typing import Any, Final, NamedTuple

import orjson

from strangler.changes import Position
from strangler.errors import StoreError
from strangler.events import Effect, Event, encode_key
from strangler.mapping import canonical_columns
from strangler.mapping.canonical import quoted_text, value_of
from strangler.ports import Mark, SqlSide
from strangler_adapters.sql_layout import POSITION, Layout
from strangler_adapters.sql_session import Side


def image(side: Side, layouts: Sequence[Layout], readers: Sequence[str]) -> Iterator[Mark | Event]:
    """See `ServiceStore.image`. Closes the connection."""
    with closing(side), side.one_moment():
        yield from _marks(side, readers)
        for layout in layouts:
            yield from _rows(side, layout)
            yield from _removals(side, layout)
            yield from _waiting(side, layout)


def _marks(side: SqlSide, readers: Sequence[str]) -> Iterator[Mark]:
    for reader in readers:
        sql = f"SELECT at, position FROM strangler_mark WHERE reader = {quoted_text(reader)}"
        for at, position in side.rows(sql):
            yield Mark(reader, at, Position(position))


class _Json(NamedTuple):
    """How a database makes an array of values, and an array of all rows of a FROM item."""

    array: str
    gathered: str


_JSON: Final[Mapping[str, _Json]] = {
    "postgres": _Json("json_build_array", "(SELECT coalesce(json_agg({row}), '[]'::json) FROM {source})"),
    "sqlite": _Json("json_array", "json((SELECT json_group_array({row}) FROM {source}))"),
}

_BLOCK: Final = 100
"""Arguments that a function takes in PostgreSQL."""


def _rows(side: SqlSide, layout: Layout) -> Iterator[Event]:
    for part in layout.parts():
        _refuse_own(side, part)
    collections = [f"CAST({each} AS text)" for each in _gathered(side.dialect, layout, "r")]
    columns = [*canonical_columns(layout.shape, side.dialect), *collections]
    sql = f"SELECT r.{POSITION}, {', '.join(columns)} FROM {layout.table} AS r"
    for position, *texts in side.rows(sql):
        inner = [orjson.loads(text) for text in texts[len(layout.names) :]]
        data = _data(layout, texts, inner)
        key = encode_key([data[name] for name in layout.shape.key])
        yield _event(layout, Effect.UPSERT, key, position)._replace(data=data)


def _refuse_own(side: SqlSide, layout: Layout) -> None:
    """Invariant 7: no event says what the service itself wrote."""
    shape = layout.shape
    columns = canonical_columns(shape, side.dialect)
    for texts in side.rows(
        f"SELECT {', '.join(columns)} FROM {layout.table} WHERE {POSITION} IS NULL LIMIT 1"
    ):
        row = _values(layout, texts)
        raise StoreError(
            f"the row {encode_key([row[name] for name in shape.key])} of {shape.table} was written by the service itself",
            why="an image holds what came from legacy; it would be lost in it",
            do=f"strangler reconcile run {shape.function}, and mend the row",
        )


def _gathered(dialect: str, layout: Layout, outer: str) -> list[str]:
    """For each collection of the rows `outer` an expression of its rows as JSON."""
    json = _JSON[dialect]
    found = []
    for number, child in enumerate(layout.children):
        name = f"{outer}_{number}"
        row = array(json.array, [*canonical_columns(child.shape, dialect), *_gathered(dialect, child, name)])
        source = f"{child.table} AS {name} WHERE {layout.same_key(name, outer)}"
        found.append(json.gathered.format(row=row, source=source))
    return found


def array(function: str, values: Sequence[str]) -> str:
    """Values as JSON, by the database's function that makes an array: an array of arrays, since it takes only so many."""
    blocks = [", ".join(values[start : start + _BLOCK]) for start in range(0, len(values), _BLOCK)]
    return f"{function}({', '.join(f'{function}({block})' for block in blocks)})"


def _data(layout: Layout, texts: Sequence[str | None], inner: Sequence[Any]) -> dict[str, Any]:
    """The data of an event, or of a line in it, from canonical texts and from what was gathered of each collection."""
    data = _values(layout, texts)
    for (name, _), child, rows in zip(layout.shape.children, layout.children, inner, strict=True):
        data[name] = [_line(child, list(chain.from_iterable(row))) for row in rows]
    return data


def _line(layout: Layout, values: Sequence[Any]) -> dict[str, Any]:
    count = len(layout.names)
    data = _data(layout, values[:count], values[count:])
    assert layout.above is not None
    return {name: value for name, value in data.items() if name not in layout.above.shape.key}


def _values(layout: Layout, texts: Sequence[str | None]) -> dict[str, Any]:
    return {
        name: value_of(text, type) for (name, type), text in zip(layout.types.items(), texts, strict=False)
    }


def _removals(side: SqlSide, layout: Layout) -> Iterator[Event]:
    for key, position in side.rows(
        f"SELECT key, position FROM strangler_tombstone WHERE entity = {quoted_text(layout.entity)}"
    ):
        yield _event(layout, Effect.REMOVE, key, position)


def _waiting(side: SqlSide, layout: Layout) -> Iterator[Event]:
    for key, position, data in side.rows(
        f"SELECT key, position, data FROM strangler_partial WHERE entity = {quoted_text(layout.entity)}"
    ):
        yield _event(layout, Effect.UPSERT, key, position)._replace(data=orjson.loads(data))


def _event(layout: Layout, effect: Effect, key: str, position: str) -> Event:
    """An event as far as a store needs it."""
    shape = layout.shape
    return Event("", shape.function, shape.entity, effect, key, Position(position), 0.0, "", {})
