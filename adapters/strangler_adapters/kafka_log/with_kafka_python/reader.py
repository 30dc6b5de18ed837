"""The reader on kafka-python: a consumer of partitions that are assigned by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from kafka import TopicPartition, errors

from strangler_adapters.kafka_log.driver import Arrival, Fetched, Place
from strangler_adapters.kafka_log.limits import CLOSE_WITHIN, FETCH_WAIT
from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.with_kafka_python.connection import consumer, translated

FETCH: Final = 5000
"""Most records taken from the client at once."""


class Reader:
    """See `driver.Reader`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._assigned: set[TopicPartition] = set()
        self._consumer = consumer(
            options,
            group_id=None,
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_max_wait_ms=int(FETCH_WAIT * 1000),
        )

    def seek(self, place: Place, offset: int) -> None:
        partition = TopicPartition(*place)
        with translated(self._options):
            if partition not in self._assigned:
                self._assigned.add(partition)
                self._consumer.assign(self._assigned)
            self._consumer.seek(partition, offset)

    def poll(self, place: Place, wait: float) -> Iterable[Arrival]:
        with translated(self._options):
            arrived = self._consumer.poll(timeout_ms=wait * 1000, max_records=FETCH)
            for partition in {TopicPartition(*place), *arrived}:
                records = [Fetched(each.offset, each.key, each.value) for each in arrived.get(partition, ())]
                yield Arrival(Place(*partition), records, self._consumer.position(partition))

    def pause(self, place: Place) -> None:
        self._consumer.pause(TopicPartition(*place))

    def resume(self, place: Place) -> None:
        self._consumer.resume(TopicPartition(*place))

    def ends(self, places: Sequence[Place]) -> dict[Place, int]:
        partitions = [TopicPartition(*place) for place in places]
        with translated(self._options):
            return self._offsets(self._consumer.end_offsets, partitions)

    def beginnings(self, places: Sequence[Place]) -> dict[Place, int]:
        partitions = [TopicPartition(*place) for place in places]
        with translated(self._options):
            return self._offsets(self._consumer.beginning_offsets, partitions)

    def _offsets(
        self, ask: Callable[..., dict[Any, int]], partitions: list[TopicPartition]
    ) -> dict[Place, int]:
        milliseconds = self._options.timeout * 1000
        try:
            found = ask(partitions, timeout_ms=milliseconds)
        except KeyError:
            # Asked of several partitions, the library leaves out those whose leader it has to find first, and trips over it.
            found = {}
            for partition in partitions:
                found |= ask([partition], timeout_ms=milliseconds)
        return {Place(*partition): offset for partition, offset in found.items()}

    def close(self) -> None:
        with suppress(errors.KafkaError):
            self._consumer.close(timeout_ms=CLOSE_WITHIN * 1000)
