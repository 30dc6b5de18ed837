"""Modes: the properties of a Debezium connector that decide how it writes values, as far as they are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PLACEHOLDER: Final = "__debezium_unavailable_value"


@dataclass(frozen=True, slots=True)
class Modes:
    """How values are written. None: not known; then what can't be told from the value itself is refused, unless each message
    brings its schema. `format` is that of decimals in JSON, a property of the converter. `placeholder` stands for a value that
    wasn't logged."""

    decimal: str | None = None
    time: str | None = None
    interval: str | None = None
    binary: str | None = None
    unsigned: str | None = None
    unknown: str | None = None
    format: str | None = None
    placeholder: str = PLACEHOLDER

    @property
    def known(self) -> bool:
        return self.decimal is not None

    @classmethod
    def of(cls, config: Mapping[str, str]) -> Modes:
        """The modes of a connector whose whole configuration is known: Debezium's defaults for what it doesn't name."""
        connector = config.get("connector.class", "").lower()
        binlog = "mysql" in connector or "mariadb" in connector

        def mode(name: str, default: str) -> str:
            return config.get(name, default).strip().lower()

        return cls(
            decimal=mode("decimal.handling.mode", "precise"),
            time=mode("time.precision.mode", "adaptive_time_microseconds" if binlog else "adaptive"),
            interval=mode("interval.handling.mode", "numeric"),
            binary=mode("binary.handling.mode", "bytes"),
            unsigned=mode("bigint.unsigned.handling.mode", "long"),
            unknown=mode("include.unknown.datatypes", "false"),
            format=mode("value.converter.decimal.format", "base64"),
            placeholder=config.get("unavailable.value.placeholder", PLACEHOLDER),
        )
