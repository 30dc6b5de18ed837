"""The image of a store: what it holds, as of one moment, told as marks and events that would bring the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

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


def _rows(side: SqlSide, layout: Layout) -> Iterator[Event]:
    shape = layout.shape
    columns = ", ".join(canonical_columns(shape, side.dialect))
    for position, *texts in side.rows(f"SELECT {POSITION}, {columns} FROM {layout.table}"):
        data = {
            field.name: value_of(text, field.type) for field, text in zip(shape.fields, texts, strict=True)
        }
        key = encode_key([data[name] for name in shape.key])
        if position is None:
            raise StoreError(
                f"the row {key} of {shape.table} was written by the service itself",
                why="an image holds what came from legacy; it would be lost in it",
                do=f"strangler reconcile {shape.function}, and mend the row",
            )
        yield _event(layout, Effect.UPSERT, key, position)._replace(data=data)


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
