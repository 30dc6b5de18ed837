"""JSON Schema (2020-12) of an event type: of its data, and of the whole CloudEvent. Pure.

The schema of an event holds that of its data, under an `$id` of its own; so each file stands alone. Data has no field that the
schema doesn't have: the fields are what the version of the mapping decides. An event may have further attributes, as CloudEvents
allows to whoever passes it on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any, Final

from strangler.aggregates import own_names
from strangler.contracts.contract import Contract
from strangler.contracts.values import DAY, SECONDS, value
from strangler.events import SPECVERSION, Effect
from strangler.shapes import Field, Shape

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

TIME: Final = "When the source committed the change; of one that quarantine released, when it was held."

_ABSENT: Final = "A field that is absent was not sent by the source, for it did not change: its value is what it was. NULL is null."
_LINES: Final = "All there are: what isn't here any more is no more. Each has another key ({key}), by which they are sorted."
_REMOVED: Final = "The entity is no more: `subject` says which one it was, and the data is empty."


def data_id(contract: Contract) -> str:
    return f"{contract.id}:data"


def data(contract: Contract) -> Schema:
    """Of the `data` of the event, to stand alone."""
    return {"$schema": DIALECT, "$id": data_id(contract), **data_body(contract)}


def whole(contract: Contract) -> Schema:
    """Of the whole CloudEvent, to stand alone."""
    inner = {"$id": data_id(contract), **data_body(contract)}
    body = event_body(contract, data_id(contract))
    return {"$schema": DIALECT, "$id": contract.id, **body, "$defs": {"data": inner}}


def document(migration: str, made: Sequence[Contract]) -> Schema:
    """All of them in one document, each under its own `$id`."""
    events = {each.name: whole(each) for each in made}
    title = f"The events of {migration}"
    anything = [{"$ref": each.id} for each in made]
    return {
        "$schema": DIALECT,
        "$id": f"urn:strangler:{migration}",
        "title": title,
        "oneOf": anything,
        "$defs": events,
    }


def data_body(contract: Contract) -> Schema:
    """The schema of the data, without dialect and `$id`."""
    nothing: Schema = {"type": "object", "maxProperties": 0, "description": _REMOVED}
    if contract.only_removes:
        return {"title": f"Data of {contract.type}", **nothing}
    row = _row(contract.fields, contract.children, contract.optional)
    if contract.optional:
        row["description"] = _ABSENT
    title = {"title": f"Data of {contract.type}"}
    return {**title, "anyOf": [row, nothing]} if contract.removes else {**title, **row}


def _row(
    fields: Iterable[Field], children: Iterable[tuple[str, Shape]], optional: Set[str] = frozenset()
) -> Schema:
    values = {field.name: value(field.type, field.nullable) for field in fields}
    properties = values | {name: _lines(shape) for name, shape in children}
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _lines(shape: Shape) -> Schema:
    names = own_names(shape)
    fields = [field for field in shape.fields if field.name in names]
    key = ", ".join(name for name in shape.key if name in names)
    return {"type": "array", "items": _row(fields, shape.children), "description": _LINES.format(key=key)}


def event_body(contract: Contract, data_at: str) -> Schema:
    """The schema of the CloudEvent, without dialect and `$id`; that of its data is found at the reference."""
    properties: Schema = {
        "specversion": {"const": SPECVERSION},
        "id": {
            "type": "string",
            "minLength": 1,
            "description": "The same however often the same change is translated.",
        },
        "source": {"const": f"/strangler/{contract.function}"},
        "type": {"const": contract.type},
        "subject": key(),
        "time": {
            "type": "string",
            "format": "date-time",
            "pattern": f"^{DAY}T{SECONDS}(\\.[0-9]{{6}})?Z$",
            "description": TIME,
        },
        "datacontenttype": {"const": "application/json"},
        "traceparent": trace(),
        "entity": {"const": contract.entity},
        "effect": effect(contract),
        "position": position(),
        "mappingversion": {"const": contract.version},
        "data": {"$ref": data_at},
    }
    schema: Schema = {
        "title": contract.type,
        "description": f"A CloudEvent about one {contract.entity}.",
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }
    if contract.cohorts:
        schema["properties"] = properties | {"cohort": cohort(), "cohortbefore": cohort_before()}
    if contract.removes and not contract.only_removes:
        schema["if"] = {"properties": {"effect": {"const": Effect.REMOVE.value}}}
        schema["then"] = {"properties": {"data": {"maxProperties": 0}}}
        schema["else"] = {"properties": {"data": {"minProperties": 1}}}
    return schema


def cohort() -> Schema:
    return {
        "type": "string",
        "description": "The cohort that the row is of, of a removed row the one that it was of. Absent: it is of none.",
    }


def cohort_before() -> Schema:
    return {
        "type": "string",
        "description": "The cohort that the row was of before the change, where that is another one; `*` where it was of none.",
    }


def effect(contract: Contract) -> Schema:
    if contract.only_removes:
        return {"const": Effect.REMOVE.value}
    return {"enum": [each.value for each in Effect]} if contract.removes else {"const": Effect.UPSERT.value}


def key() -> Schema:
    return {
        "type": "string",
        "pattern": r"^\[.+\]$",
        "contentMediaType": "application/json",
        "description": "The entity's key: the canonical values of its key fields as a JSON array without spaces.",
    }


def position() -> Schema:
    return {
        "type": "string",
        "minLength": 1,
        "description": "Where the change stands in its source. Of two events of one key the one whose position sorts behind, "
        "bytewise, is the newer.",
    }


def trace() -> Schema:
    return {
        "type": "string",
        "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-01$",
        "description": "W3C trace context: one trace for each transaction of the source.",
    }
