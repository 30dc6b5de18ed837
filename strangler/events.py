"""Events: facts in the past tense about one entity, and how they are written as CloudEvents 1.0.

An event says what became of an entity at a position of the source; it never asks for anything, and a log refuses what isn't an event. What
people ask of a worker (a backfill, a retry, to go on) isn't sent: it is marked beside what it is about, in the control store. An event's
id is made of what it says, so the same change translated twice gives the same event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from hashlib import md5
from typing import Any, Final, NamedTuple

import orjson

from strangler.changes import Position


class Effect(StrEnum):
    """What an event does to a store: the row is as `data` says, or it is no more."""

    UPSERT = "upsert"
    REMOVE = "remove"


class Event(NamedTuple):
    """One fact about one entity.

    `type` is in the past tense (`PartyRegistered`). `function` names the stream of the log it belongs to. `key`
    is `encode_key(...)` of the entity's key. `position` is the change's position at the source. `time` is the source's commit
    time in seconds since the epoch. `mapping` is the version of the mapping that made it. `data` maps field
    names to canonical values (see `FieldType`); a field that the source didn't send is absent; a removal carries none.
    `cohort` is the one that the row is of, of a removed row the one that it was of; None: of none. `cohort_before` is the one
    that it was of before the change, EVERYONE for none; None: the same one.
    """

    type: str
    function: str
    entity: str
    effect: Effect
    key: str
    position: Position
    time: float
    mapping: str
    data: Mapping[str, Any]
    cohort: str | None = None
    cohort_before: str | None = None

    @property
    def id(self) -> str:
        """Deterministic: the same change of the same entity has the same id, however often it is translated."""
        return f"{self.entity}:{self.key}:{self.position}"


def check_facts(given: Sequence[object]) -> None:
    """Raise TypeError unless each is an event. A log asks this before it does anything: whatever reads it takes all of it for facts."""
    strange = next((each for each in given if not isinstance(each, Event)), None)
    if strange is not None:
        raise TypeError(
            f"{type(strange).__name__} is no event: the log holds what has happened, and nothing else"
        )


def encode_key(values: Sequence[Any]) -> str:
    """Write the canonical values of a key as one text: a JSON array without spaces. Delimited and null-safe."""
    return orjson.dumps(values).decode()


def decode_key(key: str) -> list[Any]:
    """The key's values, as they were given to `encode_key`."""
    values: list[Any] = orjson.loads(key)
    return values


SPECVERSION: Final = "1.0"


def traceparent(event: Event) -> str:
    """A W3C trace context for the event: one trace per source transaction, one span per event."""
    trace = _trace(event.function, event.position.split("/", 1)[0])
    return f"00-{trace}-{md5(event.id.encode(), usedforsecurity=False).hexdigest()[:16]}-01"


@lru_cache(maxsize=16)  # The events of a transaction come one after the other; so do their times.
def _trace(function: str, transaction: str) -> str:
    return md5(f"{function}:{transaction}".encode(), usedforsecurity=False).hexdigest()


@lru_cache(maxsize=16)
def _moment(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat().replace("+00:00", "Z")


def to_cloudevent(event: Event) -> dict[str, Any]:
    """The event as a CloudEvents 1.0 JSON object; position, mapping version and cohorts are extension attributes."""
    cloud = {
        "specversion": SPECVERSION,
        "id": event.id,
        "source": f"/strangler/{event.function}",
        "type": event.type,
        "subject": event.key,
        "time": _moment(event.time),
        "datacontenttype": "application/json",
        "traceparent": traceparent(event),
        "entity": event.entity,
        "effect": event.effect.value,
        "position": event.position,
        "mappingversion": event.mapping,
        "data": dict(event.data),
    }
    if event.cohort is not None:
        cloud["cohort"] = event.cohort
    if event.cohort_before is not None:
        cloud["cohortbefore"] = event.cohort_before
    return cloud
