"""Driver: the seam between the log and a client library of Kafka. What the log asks of one, and no more.

Implementations raise only errors of `strangler.errors`: `Unavailable` when the broker doesn't answer in time. All waiting is
bounded by the options' `timeout`. An object belongs to one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from strangler.errors import Unavailable
from strangler_adapters.kafka_log.options import Options


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


Headers = list[tuple[str, str | bytes | None]]
"""In bytes, in fact; the hints of a client library ask for more."""


class Fenced(Unavailable):
    """Another process has begun to write for the same source, or the broker gave this one up; it must write no more."""


class Writer(Protocol):
    """Writes for one source, in transactions. Making one ends whatever an earlier writer of the same id left open, and
    keeps that one from writing ever again: it meets `Fenced`. After an error it is good for nothing but `abort` and `close`."""

    def begin(self) -> None: ...

    def send(self, place: Place, key: bytes, value: bytes, headers: Headers) -> None:
        """Send a record; may be under way when this returns."""
        ...

    def flush(self) -> None:
        """Wait until the broker has all that was sent since `begin`."""
        ...

    def ends(self, places: Sequence[Place]) -> Mapping[Place, int]:
        """The offset after the last record of each, whether or not it is committed."""
        ...

    def commit(self) -> None:
        """After an error here nobody knows whether it was committed, until another writer of the same id is made."""
        ...

    def abort(self) -> None: ...
    def close(self) -> None: ...


class Fetched(NamedTuple):
    """A record as it came."""

    offset: int
    key: bytes
    value: bytes


class Arrival(NamedTuple):
    """What arrived of one partition: records in order, and from which offset it goes on, behind gaps."""

    place: Place
    records: Sequence[Fetched]
    next: int


class Reader(Protocol):
    """Reads committed records of partitions."""

    def seek(self, place: Place, offset: int) -> None:
        """Fetch `place` from here on. Raises StoreError, now or with the next `poll`, when the log no longer reaches back so far."""
        ...

    def poll(self, place: Place, wait: float) -> Iterable[Arrival]:
        """What has arrived, of any partition that isn't paused; waits up to `wait` seconds for something of `place`."""
        ...

    def pause(self, place: Place) -> None: ...
    def resume(self, place: Place) -> None: ...

    def ends(self, places: Sequence[Place]) -> dict[Place, int]:
        """The offset after the last committed record of each, before the first transaction that is open."""
        ...

    def beginnings(self, places: Sequence[Place]) -> dict[Place, int]:
        """The offset of the first record that is still there, of each."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is: number of partitions, copies of each, and all its settings. `may`: what this user may do with it, in
    Kafka's words (`READ`, `WRITE`, …); None where the broker doesn't tell."""

    partitions: int
    replication: int
    settings: Mapping[str, str]
    may: frozenset[str] | None = None


class Admin(Protocol):
    """Looks at topics and makes them."""

    def topics(self, names: Sequence[str]) -> dict[str, Topic]:
        """Those of the topics that exist."""
        ...

    def create(
        self, name: str, partitions: int, replication: int | None, settings: Mapping[str, str]
    ) -> None:
        """Make a topic and wait until it can be used; nothing happens when it is there by now."""
        ...

    def rehearse(
        self, name: str, partitions: int, replication: int | None, settings: Mapping[str, str]
    ) -> None:
        """Raise StoreError where the broker wouldn't make such a topic; makes none."""
        ...

    def close(self) -> None: ...


class Member(Protocol):
    """A member of a consumer group that reads one topic. Fetches nothing; it only takes part in dividing."""

    def partitions(self) -> frozenset[int]:
        """Those that are this member's now; takes part in a division that is under way."""
        ...

    def close(self) -> None: ...


class Driver(Protocol):
    """A client library. Its methods connect."""

    def writer(self, id: str) -> Writer: ...
    def reader(self) -> Reader: ...
    def admin(self) -> Admin: ...
    def member(self, group: str, topic: str) -> Member: ...


class Library(NamedTuple):
    """A client library: what makes each kind of client, which connects then, and what turns its errors into ours."""

    translated: Callable[[Options], AbstractContextManager[None]]
    writer: Callable[[Options, str], Writer]
    reader: Callable[[Options], Reader]
    admin: Callable[[Options], Admin]
    member: Callable[[Options, str, str], Member]


class LibraryDriver:
    """The `Driver` of a library."""

    def __init__(self, options: Options, library: Library) -> None:
        self._options, self._library = options, library

    def writer(self, id: str) -> Writer:
        with self._library.translated(self._options):
            return self._library.writer(self._options, id)

    def reader(self) -> Reader:
        with self._library.translated(self._options):
            return self._library.reader(self._options)

    def admin(self) -> Admin:
        with self._library.translated(self._options):
            return self._library.admin(self._options)

    def member(self, group: str, topic: str) -> Member:
        with self._library.translated(self._options):
            return self._library.member(self._options, group, topic)


def load(options: Options) -> Driver:
    """The driver that the options name; its library is imported only now. Raises ImportError when it isn't there."""
    if options.driver == "confluent":
        from strangler_adapters.kafka_log.with_confluent import LIBRARY
    else:
        from strangler_adapters.kafka_log.with_kafka_python import LIBRARY
    return LibraryDriver(options, LIBRARY)
