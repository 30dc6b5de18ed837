"""The event log with sensitive values encrypted: whatever its kind, they are sealed before `append` and opened behind `read`.

Who reads it here has the clear values, the store among them; who reads it elsewhere has `{"sealed": …}` in their place. Each is bound to
its event and its field, in the lines of an aggregate also to the line. What isn't there (NULL) isn't sealed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from strangler.changes import Position
from strangler.encryption import Cipher
from strangler.events import Event, check_facts
from strangler.ports import Address, EventLog, Finding, Offset, Record, Share

SEALED: Final = "sealed"
"""The one member of the object that stands for a value. No canonical value is an object; those in lists are lines."""


class SealedLog:
    """See `EventLog`. `sensitive`: (function, entity) → the fields that are sealed, of lines under (function, `sale.lines`); what is
    sealed is opened, whatever they are now."""

    def __init__(
        self, log: EventLog, cipher: Cipher, sensitive: Mapping[tuple[str, str], frozenset[str]]
    ) -> None:
        self._log, self._cipher, self._sensitive = log, cipher, sensitive
        self._concerned = {
            (function, above)
            for (function, entity), names in sensitive.items()
            if names
            for above in _chain(entity)
        }

    def append(self, source: str, events: Sequence[Event], position: Position | None) -> None:
        check_facts(events)
        self._log.append(source, [self._seal(event) for event in events], position)

    def position(self, source: str) -> Position:
        return self._log.position(source)

    def partitions(self, stream: str) -> int:
        return self._log.partitions(stream)

    def read(self, stream: str, partition: int, start: Offset, limit: int) -> list[Record]:
        records = self._log.read(stream, partition, start, limit)
        return [record._replace(event=self._open(record.event)) for record in records]

    def begin(self, stream: str, partition: int) -> Offset:
        return self._log.begin(stream, partition)

    def end(self, stream: str, partition: int) -> Offset:
        return self._log.end(stream, partition)

    def share(self, stream: str) -> Share | None:
        return self._log.share(stream)

    def address(self, stream: str) -> Address:
        return self._log.address(stream)

    def examine(self, streams: Sequence[str], outage: float) -> list[Finding]:
        return self._log.examine(streams, outage)

    def close(self) -> None:
        self._log.close()

    def _seal(self, event: Event) -> Event:
        if (event.function, event.entity) not in self._concerned:
            return event
        return event._replace(data=self._sealed(event, event.entity, "", event.data))

    def _sealed(self, event: Event, entity: str, path: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """What is said at a path of the event: by itself, or of a line."""
        hidden = self._sensitive.get((event.function, entity), frozenset())
        found = dict(data)
        for name, value in data.items():
            if name in hidden and value is not None:
                text = orjson.dumps(value).decode()
                found[name] = {SEALED: self._cipher.seal(text, _about(event, path + name))}
            elif isinstance(value, list) and (event.function, inner := f"{entity}.{name}") in self._concerned:
                found[name] = [
                    self._sealed(event, inner, each, line) for each, line in _lines(path + name, value)
                ]
        return found

    def _open(self, event: Event) -> Event:
        if not any(isinstance(value, dict | list) for value in event.data.values()):
            return event
        return event._replace(data=self._opened(event, "", event.data))

    def _opened(self, event: Event, path: str, data: Mapping[str, Any]) -> dict[str, Any]:
        found = dict(data)
        for name, value in data.items():
            if _is_sealed(value):
                found[name] = orjson.loads(self._cipher.open(value[SEALED], _about(event, path + name)))
            elif isinstance(value, list):
                found[name] = [self._opened(event, each, line) for each, line in _lines(path + name, value)]
        return found


def _chain(entity: str) -> Iterator[str]:
    """`sale.lines`, and `sale`, in whose events it is."""
    while entity:
        yield entity
        entity = entity.rpartition(".")[0]


def _lines(path: str, lines: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Each line with where it stands."""
    return ((f"{path}.{number}.", line) for number, line in enumerate(lines))


def _is_sealed(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {SEALED}


def _about(event: Event, field: str) -> str:
    return f"{event.function}.{field} of the event {event.id}"
