"""Records: how an event, and the position of a source, stand in Kafka. Pure.

An event is a CloudEvent in structured mode: the value is the whole event as JSON (`application/cloudevents+json`), and
the headers say what one routes and traces by without reading it: its type, its cohort and its trace context. The record's
key is `entity:key`, so that everything about one entity stands in one partition, in order, and so that compaction
keeps its last event.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson

from strangler.changes import ORIGIN, Position
from strangler.errors import StoreError
from strangler.events import Effect, Event, to_cloudevent
from strangler_adapters.kafka_log.driver import Headers, Place

_CONTENT_TYPE: Final = ("content-type", b"application/cloudevents+json; charset=UTF-8")

_EFFECTS: Final = {effect.value: effect for effect in Effect}


def encode(event: Event) -> tuple[bytes, bytes, Headers]:
    """Key, value and headers of the event's record. Raises StoreError for data that JSON can't hold."""
    cloud = to_cloudevent(event)
    try:
        value = orjson.dumps(cloud)
    except orjson.JSONEncodeError as error:
        raise StoreError(f"the event {event.id} can't be written", why=str(error)) from error
    headers: Headers = [
        _CONTENT_TYPE,
        ("ce_type", event.type.encode()),
        ("traceparent", cloud["traceparent"].encode()),
    ]
    if event.cohort is not None:
        headers.append(("ce_cohort", event.cohort.encode()))
    return f"{event.entity}:{event.key}".encode(), value, headers


def decode(stream: str, value: bytes) -> Event:
    """The event of a record's value. Raises StoreError for one that isn't ours."""
    try:
        cloud = orjson.loads(value)
        parts = (
            cloud["type"],
            stream,
            cloud["entity"],
            _EFFECTS[cloud["effect"]],
            cloud["subject"],
            cloud["position"],
            datetime.fromisoformat(cloud["time"]).timestamp(),
            cloud["mappingversion"],
            cloud["data"],
            cloud.get("cohort"),
            cloud.get("cohortbefore"),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"the log of {stream} holds a record that is no event of this program",
            why=f"{type(error).__name__}: {error}",
            do="see that nobody else writes to its topic, and name another log or prefix",
        ) from error
    return tuple.__new__(
        Event, parts
    )  # Without the constructor in Python, which would cost as much as the rest.


class Reached(NamedTuple):
    """Up to where a source is in the log, and where its last events end: partition → the offset after the last of them.

    A commit becomes visible in one partition after the other. Who has seen this in the positions' topic knows by
    `ends` how far the others have to be read before they are as far.
    """

    position: Position
    ends: dict[Place, int]


NOWHERE: Final = Reached(ORIGIN, {})


def encode_reached(reached: Reached) -> bytes:
    ends: dict[str, dict[str, int]] = {}
    for place, end in reached.ends.items():
        ends.setdefault(place.topic, {})[str(place.partition)] = end
    return orjson.dumps(
        {
            "position": reached.position,
            "ends": ends,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
    )


def decode_reached(value: bytes) -> Reached:
    """Raises StoreError for what isn't ours."""
    try:
        said: dict[str, Any] = orjson.loads(value)
        ends = {
            Place(topic, int(partition)): int(end)
            for topic, each in said["ends"].items()
            for partition, end in each.items()
        }
        return Reached(Position(said["position"]), ends)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(
            "the topic of the sources' positions holds a record that isn't of this program",
            why=f"{type(error).__name__}: {error}",
            do="see that nobody else writes to it, and name another log or prefix",
        ) from error
