"""An entity's mapping, compiled: from a legacy row to the fields, the key and the name of an event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from strangler.changes import Operation, Row
from strangler.mapping.select import Select
from strangler.shapes import Shape, Table


@dataclass(frozen=True, slots=True)
class EntityMapping:
    """One entity's mapping, in its three executions.

    `columns` are the legacy columns that it needs, the legacy key included. `version` is 12 hex digits of a hash of
    everything that decides what comes out.

    `translate(row)` gives field name → canonical value, in the order of the shape. A field all of whose columns are
    UNCHANGED is absent. Raises Untranslatable.

    `key_of(row)` gives the entity's key as `encode_key` writes it, from a row that holds at least the columns that the key
    fields name. Raises Untranslatable.

    `event_name(operation, row)` gives the event's type; `row` is the new row, for a delete the old one. Raises Untranslatable
    when a condition can't be evaluated.

    `select(dialect)` gives the same mapping as SQL for `postgres` or `sqlite`.
    """

    shape: Shape
    table: Table
    columns: tuple[str, ...]
    version: str
    translate: Callable[[Row], dict[str, Any]]
    key_of: Callable[[Row], str]
    event_name: Callable[[Operation, Row], str]
    select: Callable[[str], Select]
