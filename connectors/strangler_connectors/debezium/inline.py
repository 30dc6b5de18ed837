"""Inline schemas: what Kafka Connect's JSON converter writes beside a payload when `schemas.enable` is on.

They say more than the catalog does: not what a column is, but how this message writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Written:
    """How a field is written. `type` is Connect's (`int32`, `string`, …), `name` the meaning that Debezium or Connect gave it
    (`io.debezium.time.Date`; empty: just its type), `parameters` belong to the name (`scale`), `items` are those of an array."""

    type: str
    name: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    items: Written | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """The columns of a row as a message writes them. Equal only to itself: one instance for each distinct schema."""

    columns: Mapping[str, Written]
