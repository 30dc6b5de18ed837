"""The event log with sensitive values encrypted: whatever its kind, they are sealed before `append` and opened behind `read`.

Who reads it here has the clear values, the store among them; who reads it elsewhere has `{"sealed": …}` in their place. Each is bound to
its event and its field. What isn't there (NULL) isn't sealed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from strangler.changes import Position
from strangler.encryption import Cipher
from strangler.events import Event, check_facts
from strangler.ports import Address, EventLog, Finding, Offset, Record, Share

SEALED: Final = "sealed"
"""The one member of the object that stands for a value. No canonical value is an object with this member alone."""


class SealedLog:
    """See `EventLog`. `sensitive`: (function, entity) → the fields that are sealed; what is sealed is opened, whatever they are now."""

    def __init__(
        self, log: EventLog, cipher: Cipher, sensitive: Mapping[tuple[str, str], frozenset[str]]
    ) -> None:
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
        if not hidden or hidden.isdisjoint(event.data):
            return event
        data = dict(event.data)
        for name in hidden & data.keys():
            if data[name] is not None:
                text = orjson.dumps(data[name]).decode()
                data[name] = {SEALED: self._cipher.seal(text, _about(event, name))}
        return event._replace(data=data)

    def _open(self, event: Event) -> Event:
        sealed = [name for name, value in event.data.items() if _is_sealed(value)]
        if not sealed:
            return event
        opened = {
            name: orjson.loads(self._cipher.open(event.data[name][SEALED], _about(event, name)))
            for name in sealed
        }
        return event._replace(data={**event.data, **opened})


def _is_sealed(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {SEALED}


def _about(event: Event, field: str) -> str:
    return f"{event.function}.{field} of the event {event.id}"
