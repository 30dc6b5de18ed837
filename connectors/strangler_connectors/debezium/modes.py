"""Modes: the properties of a Debezium connector that decide how it writes values, as far as they are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Modes:
    """How values are written. None: not known; then what can't be told from the value itself is refused, unless each message
    brings its schema. `placeholder` stands for a value that wasn't logged."""

    decimal: str | None = None
    time: str | None = None
    interval: str | None = None
    binary: str | None = None
    unsigned: str | None = None
    hstore: str | None = None
    placeholder: str = "__debezium_unavailable_value"

    @classmethod
    def of(cls, config: Mapping[str, str]) -> Modes:
        """The modes of a connector whose whole configuration is known: Debezium's defaults for what it doesn't name."""
        raise NotImplementedError
