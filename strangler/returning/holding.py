"""Holding: what is put before somebody of an aggregate that doesn't return."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from strangler.control.conflicts import Conflict, Kind
from strangler.mapping import EntityMapping
from strangler.ports import Outgoing
from strangler.returning.comparing import digest, unlike


class Holding:
    """Of the aggregates of these mappings, as of the time that `clock` tells, in seconds since the epoch."""

    def __init__(self, mappings: Iterable[EntityMapping], clock: Callable[[], float]) -> None:
        self._mappings = {mapping.shape.entity: mapping for mapping in mappings}
        self._clock = clock

    def of(self, each: Outgoing, legacy: Mapping[str, Any] | None, kind: Kind, reason: str) -> Conflict:
        """What is to be held of an aggregate, `legacy` being what legacy has."""
        mapping = self._mappings[each.entity]
        fields = tuple(map(tuple, unlike(mapping, legacy, each.now)))
        where = mapping.shape.function, each.entity, each.key
        return Conflict(*where, kind, reason, fields, digest(mapping, legacy), self._clock())
