"""Foretold: what a new service answers to a write that it is only to think through: the events that it would have emitted. Pure.

docs/shadow.md has the contract.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from strangler.shadow.reading import parse

_TYPE: Final = re.compile(r"\w[\w.-]{0,119}")


class Foretold(NamedTuple):
    """An event that the new service would have emitted. `key`: its values as texts, None for one that the service would only then
    make up; `data` has JSON values with exact numbers."""

    type: str
    key: tuple[str, ...] | None
    data: dict[str, Any]


def foretold(body: bytes) -> list[Foretold]:
    """The events of an answer. Raises ValueError saying what is wrong with it."""
    told = parse(body)
    if not isinstance(told, list):
        raise ValueError("the answer to a dry run is no list of events")
    return [_event(each) for each in told]


def together(bodies: Sequence[bytes]) -> str:
    """Several such answers as one, word for word: reading a number and writing it again might cost digits."""
    lists = (body.decode().strip()[1:-1].strip() for body in bodies)
    return f"[{','.join(each for each in lists if each)}]"


def key_of(values: Sequence[Any]) -> tuple[str, ...]:
    """A key as it is compared: a number and its text are the same."""
    return tuple(str(value) for value in values)


def _event(told: Any) -> Foretold:
    if not isinstance(told, dict):
        raise ValueError("an event is no object")
    kind, key, data = told.get("type"), told.get("key"), told.get("data", {})
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise ValueError("an event has no type")
    if not isinstance(data, dict):
        raise ValueError(f"the data of {kind} is no object")
    return Foretold(kind, _key(kind, key), data)


def _key(kind: str, key: Any) -> tuple[str, ...] | None:
    values = key if isinstance(key, list) else [key]
    if key is None:
        return None
    if not values or any(isinstance(each, dict | list | bool | None) for each in values):
        raise ValueError(f"the key of {kind} is neither a text or number nor a list of them")
    return key_of(values)
