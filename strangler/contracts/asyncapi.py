"""AsyncAPI 3.0 of the whole log: a channel for each function, a message for each event type, schemas by reference. Pure.

Where the channels are and in what form an event stands there, the log tells (`Address`). In Kafka the record is the CloudEvent.
In SQL the columns of a row are its attributes; they are described as the message's headers, and its payload is the data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from strangler.contracts import schemas
from strangler.contracts.contract import Contract, version
from strangler.ports import Address

Document = dict[str, Any]

ASYNCAPI: Final = "3.0.0"

_BINDING: Final = "0.5.0"
"""Version of AsyncAPI's Kafka bindings."""

_TRACING: Final = {
    "description": "W3C trace context: one trace for each transaction of the source.",
    "location": "$message.header#/traceparent",
}


def document(
    migration: str, titles: Mapping[str, str], made: Sequence[Contract], address: Callable[[str], Address]
) -> Document:
    """The description of the log. `titles`: every function → what people call it."""
    addresses = {function: address(function) for function in titles}
    by_function = {function: [each for each in made if each.function == function] for function in titles}
    servers = _servers(addresses)
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": f"The events of {migration}",
            "version": version(made),
            "description": "Facts in the past tense about the entities that move from the legacy system to new services. "
            "Events of one key are in the order in which they happened.",
        },
        "defaultContentType": "application/json",
        **({"servers": servers} if servers else {}),
        "channels": {
            function: _channel(titles[function], addresses[function], by_function[function], list(servers))
            for function in titles
        },
        "operations": {
            f"send.{function}": _operation(function, by_function[function]) for function in titles
        },
        "components": {
            "messages": {each.name: _message(each, addresses[each.function]) for each in made},
            "schemas": {name: body for each in made for name, body in _schemas(each, addresses).items()},
            "correlationIds": {"trace": _TRACING},
        },
    }


def _servers(addresses: Mapping[str, Address]) -> Document:
    """The hosts of the log, which is one for all functions."""
    address = next(iter(addresses.values()))
    path = {"pathname": address.path} if address.path else {}
    return {
        f"log{number}": {"host": host, **path, "protocol": address.protocol}
        for number, host in enumerate(address.hosts, 1)
    }


def _channel(title: str, address: Address, made: Sequence[Contract], servers: Sequence[str]) -> Document:
    channel: Document = {
        "address": address.name,
        "title": title,
        "description": address.words,
        "messages": {each.name: {"$ref": f"#/components/messages/{each.name}"} for each in made},
    }
    if servers:
        channel["servers"] = [{"$ref": f"#/servers/{name}"} for name in servers]
    return channel


def _operation(function: str, made: Sequence[Contract]) -> Document:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{function}"},
        "messages": [{"$ref": f"#/channels/{function}/messages/{each.name}"} for each in made],
    }


def _message(contract: Contract, address: Address) -> Document:
    message: Document = {
        "name": contract.type,
        "title": f"{contract.type} ({contract.entity})",
        "contentType": "application/cloudevents+json" if address.cloudevents else "application/json",
        "headers": {"$ref": _at(f"{contract.name}.headers")},
        "payload": {"$ref": _at(contract.name if address.cloudevents else f"{contract.name}.data")},
    }
    if address.cloudevents:
        key = {
            "type": "string",
            "pattern": rf"^{contract.entity}:\[.+\]$",
            "description": "`entity:subject`.",
        }
        message["correlationId"] = {"$ref": "#/components/correlationIds/trace"}
        message["bindings"] = {"kafka": {"key": key, "bindingVersion": _BINDING}}
    return message


def _schemas(contract: Contract, addresses: Mapping[str, Address]) -> Document:
    """Without `$id`, from which the document's own references would be resolved otherwise."""
    data = {f"{contract.name}.data": schemas.data_body(contract)}
    if not addresses[contract.function].cloudevents:
        return {f"{contract.name}.headers": _columns(contract), **data}
    event = schemas.event_body(contract, _at(f"{contract.name}.data"))
    return {f"{contract.name}.headers": _headers(contract), contract.name: event, **data}


def _headers(contract: Contract) -> Document:
    """Those of a record in Kafka."""
    return _object(
        {
            "content-type": {"const": "application/cloudevents+json; charset=UTF-8"},
            "ce_type": {"const": contract.type},
            "traceparent": schemas.trace(),
        },
        {"ce_cohort": schemas.cohort()} if contract.cohorts else {},
    )


def _columns(contract: Contract) -> Document:
    """What stands beside the data of an event in SQL."""
    return _object(
        {
            "type": {"const": contract.type},
            "entity": {"const": contract.entity},
            "effect": schemas.effect(contract),
            "key": schemas.key(),
            "position": schemas.position(),
            "time": {
                "type": "number",
                "description": f"{schemas.TIME} In seconds since the epoch.",
            },
            "mapping": {"const": contract.version},
        },
        {name: {**body, "type": ["string", "null"]} for name, body in _COHORTS.items()}
        if contract.cohorts
        else {},
    )


_COHORTS: Final = {"cohort": schemas.cohort(), "cohort_before": schemas.cohort_before()}


def _object(properties: Document, optional: Document) -> Document:
    return {"type": "object", "properties": properties | optional, "required": list(properties)}


def _at(name: str) -> str:
    return f"#/components/schemas/{name}"
