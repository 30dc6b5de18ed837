"""Options: what `log` says of a Kafka log, read into one frozen object, or refused in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from strangler import urls
from strangler.durations import parse_duration
from strangler.errors import StoreError
from strangler.names import nearest
from strangler.settings import Log

DRIVERS: Final = ("kafka-python", "confluent")

_SERVERS: Final = re.compile(r"^kafka://([^/?#@,\s]+(?:,[^/?#@,\s]+)*)/?$")
_PREFIX: Final = re.compile(r"^[A-Za-z0-9_-]{1,80}$")


@dataclass(frozen=True)
class Options:
    """A Kafka log as configured.

    `servers` are the brokers to begin with. `partitions` and `replication` are those of a topic that has to be made
    (replication None: as the broker does it). `retention` is how long events are kept, None for ever. `compaction`:
    keep at least the last event of each key, and forget older ones. `timeout` is how many seconds a broker is waited
    for. `client` goes to the Kafka client as it is (security).
    """

    servers: tuple[str, ...]
    prefix: str
    partitions: int = 12
    replication: int | None = None
    retention: timedelta | None = None
    compaction: bool = False
    timeout: float = 15.0
    driver: str = "kafka-python"
    client: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return ",".join(self.servers)


def read(name: str, settings: Log) -> Options:
    """The options of the log `name`, which is its topics' prefix unless another is given. Raises StoreError."""
    given = dict(settings.options)
    _refuse_unknown(given)
    return Options(
        servers=_servers(settings),
        prefix=_prefix(given.get("prefix", name)),
        partitions=_count("partitions", given.get("partitions", Options.partitions)),
        replication=None if given.get("replication") is None else _count("replication", given["replication"]),
        retention=_retention(given.get("retention")),
        compaction=_flag("compaction", given.get("compaction", False)),
        timeout=_duration(
            "timeout", given.get("timeout", timedelta(seconds=Options.timeout))
        ).total_seconds(),
        driver=_driver(given.get("driver", Options.driver)),
        client=_client(given.get("client", {})),
    )


_KNOWN: Final = frozenset(Options.__dataclass_fields__) - {"servers"}


def _refuse_unknown(given: Mapping[str, Any]) -> None:
    for key in given:
        if key not in _KNOWN:
            meant = nearest(key, _KNOWN)
            raise StoreError(
                f"log.options.{key}: a log of kind kafka has no such option",
                do=f"write {meant}" if meant else f"one of: {', '.join(sorted(_KNOWN))}",
            )


def _servers(settings: Log) -> tuple[str, ...]:
    url = settings.url.get_secret_value() if settings.url else ""
    match = _SERVERS.match(url)
    if match is None:
        raise StoreError(
            f"log.url: {urls.display(url) or 'nothing'} doesn't name Kafka brokers",
            why="credentials and encryption are set in log.options.client, not in the URL",
            do="write kafka://host:9092 or kafka://host:9092,host2:9092",
        )
    return tuple(match[1].split(","))


def _prefix(value: object) -> str:
    if isinstance(value, str) and _PREFIX.match(value):
        return value
    raise _wrong("prefix", value, "letters, digits, - and _, at most 80, without a dot")


def _count(key: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise _wrong(key, value, "a whole number from 1 on")


def _flag(key: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _wrong(key, value, "true or false")


def _retention(value: object) -> timedelta | None:
    return None if value in (None, "forever") else _duration("retention", value)


def _duration(key: str, value: object) -> timedelta:
    try:
        duration: timedelta = parse_duration(value)
    except ValueError as error:
        raise _wrong(key, value, str(error)) from None
    if duration <= timedelta(0):
        raise _wrong(key, value, "a duration that isn't zero")
    return duration


def _driver(value: object) -> str:
    if value in DRIVERS:
        return str(value)
    raise _wrong("driver", value, " or ".join(DRIVERS))


def _client(value: object) -> Mapping[str, Any]:
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return value
    raise StoreError("log.options.client isn't a mapping", do="client: {security_protocol: SSL, …}")


def _wrong(key: str, value: object, instead: str) -> StoreError:
    return StoreError(f"log.options.{key}: {value!r} can't be", do=f"write {instead}")
