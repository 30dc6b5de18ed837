"""The event log with sensitive values encrypted: whatever its kind, they are sealed before `append` and opened behind `read`.

Who reads it here has the clear values, the store among them; who reads it elsewhere has `{"sealed": …}` in their place. Each is bound to
its event and its field, of a line to its place in the list too. What isn't there (NULL) isn't sealed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from strangler.changes import Position
from strangler.encryption import Cipher
from strangler.events import Event, check_facts
from strangler.ports import Address, EventLog, Finding, Offset, Record, Share
from strangler.sensitive import Sensitive

SEALED: Final = "sealed"
"""The one member of the object that stands for a value. No canonical value is an object with this member alone."""


class SealedLog:
    """See `EventLog`. `sensitive`: (function, entity) → what of it is sealed, in its lines too; what is sealed is opened, whatever that
    is now."""

    def __init__(self, log: EventLog, cipher: Cipher, sensitive: Mapping[tuple[str, str], Sensitive]) -> None:
        self._log, self._cipher, self._sensitive = log, cipher, sensitive

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
        hidden = self._sensitive.get((event.function, event.entity))
        if hidden is None or not any(part.fields for part in hidden.parts()):
            return event
        return event._replace(data=self._sealed(event, hidden, event.data, ""))

    def _sealed(self, event: Event, hidden: Sensitive, data: Mapping[str, Any], path: str) -> dict[str, Any]:
        sealed = dict(data)
        for name in hidden.fields & data.keys():
            if data[name] is not None:
                text = orjson.dumps(data[name]).decode()
                sealed[name] = {SEALED: self._cipher.seal(text, _about(event, path + name))}
        for name in hidden.children.keys() & data.keys():
            sealed[name] = [
                self._sealed(event, hidden.below(name), line, f"{path}{name}.{place}.")
                for place, line in enumerate(data[name])
            ]
        return sealed

    def _open(self, event: Event) -> Event:
        opened = self._opened(event, event.data, "")
        return event if opened is event.data else event._replace(data=opened)

    def _opened(self, event: Event, data: Mapping[str, Any], path: str) -> Mapping[str, Any]:
        """The data with clear values; the same object where nothing was sealed."""
        opened = {}
        for name, value in data.items():
            if _is_sealed(value):
                opened[name] = orjson.loads(self._cipher.open(value[SEALED], _about(event, path + name)))
            elif isinstance(value, list):
                opened[name] = [
                    self._opened(event, line, f"{path}{name}.{place}.") for place, line in enumerate(value)
                ]
        return {**data, **opened} if opened else data


def _is_sealed(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {SEALED}


def _about(event: Event, field: str) -> str:
    return f"{event.function}.{field} of the event {event.id}"
