"""Inline schemas: what Kafka Connect's JSON converter writes beside a payload when `schemas.enable` is on.

They say more than the catalog does: not what a column is, but how this message writes it. Each is kilobytes long and the same for
every row of a table, so it is parsed once and found again by its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec


@dataclass(frozen=True, slots=True)
class Written:
    """How a field is written. `type` is Connect's (`int32`, `string`, …), `name` the meaning that Debezium or Connect gave it
    (`io.debezium.time.Date`; empty: just its type), `parameters` belong to the name (`scale`), `items` are those of an array."""

    type: str
    name: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    items: Written | None = None

    def parameter(self, name: str) -> str | None:
        return next((value for each, value in self.parameters if each == name), None)


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """The columns of a row as a message writes them. Equal only to itself: one instance for each distinct schema."""

    columns: Mapping[str, Written]


class _Schema(msgspec.Struct, gc=False):
    type: str
    name: str | None = None
    field: str | None = None
    parameters: dict[str, str] | None = None
    items: _Schema | None = None
    fields: list[_Schema] = []

    def written(self) -> Written:
        parameters = tuple(sorted((self.parameters or {}).items()))
        return Written(self.type, self.name or "", parameters, self.items.written() if self.items else None)


_decoder: Final = msgspec.json.Decoder(_Schema | None)
_rows: Final[dict[bytes, Fields | None]] = {}
_keys: Final[dict[bytes, Fields | None]] = {}
_KNOWN: Final = 1_000
"""Most distinct schemas that are remembered; a source has about as many as it has tables."""


def row_fields(schema: bytes) -> Fields | None:
    """The columns in the schema of an envelope; None where it isn't one of a row. Raises msgspec.DecodeError."""
    try:
        return _rows[schema]
    except KeyError:
        envelope = _decoder.decode(schema)
        row = next((f for f in envelope.fields if f.field in ("after", "before")), None) if envelope else None
        return _remember(_rows, schema, row)


def key_fields(schema: bytes) -> Fields | None:
    """The columns in the schema of a key. Raises msgspec.DecodeError."""
    try:
        return _keys[schema]
    except KeyError:
        return _remember(_keys, schema, _decoder.decode(schema))


def _remember(known: dict[bytes, Fields | None], schema: bytes, struct: _Schema | None) -> Fields | None:
    fields = Fields({f.field or "": f.written() for f in struct.fields}) if struct and struct.fields else None
    if len(known) >= _KNOWN:
        known.clear()
    known[schema] = fields
    return fields
