"""Topics, looked at and made with kafka-python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from kafka import KafkaAdminClient, errors
from kafka.admin import ConfigResource

from strangler_adapters.kafka_log.driver import Topic
from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.with_kafka_python.connection import settings, translated


class Admin:
    """See `driver.Admin`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._client = KafkaAdminClient(**settings(options))

    def topics(self, names: Sequence[str]) -> dict[str, Topic]:
        with translated(self._options):
            found = {
                each["name"]: each
                for each in self._client.describe_topics(list(names))
                if not _error_of(each)
            }
            if not found:
                return {}
            wanted = [ConfigResource("TOPIC", name) for name in found]
            given = self._client.describe_configs(wanted, config_filter="all")["topic"]
        return {
            name: Topic(
                len(topic["partitions"]),
                min(len(each["replica_nodes"]) for each in topic["partitions"]),
                {key: said["value"] or "" for key, said in given[name].items()},
                frozenset(topic["authorized_operations"]) if topic["authorized_operations"] else None,
            )
            for name, topic in found.items()
        }

    def create(
        self, name: str, partitions: int, replication: int | None, settings: Mapping[str, str]
    ) -> None:
        wanted = _wanted(partitions, replication, settings)
        with translated(self._options):
            with suppress(errors.TopicAlreadyExistsError):
                self._client.create_topics({name: wanted})
            self._client.wait_for_topics([name], timeout_ms=self._options.timeout * 1000)

    def rehearse(
        self, name: str, partitions: int, replication: int | None, settings: Mapping[str, str]
    ) -> None:
        with translated(self._options):
            # What the library raises by itself has the whole request in it.
            said = self._client.create_topics(
                {name: _wanted(partitions, replication, settings)}, validate_only=True, raise_errors=False
            )
            for each in said["topics"]:
                if each["error_code"]:
                    raise errors.for_code(each["error_code"])(each["error_message"])

    def close(self) -> None:
        with suppress(errors.KafkaError):
            self._client.close()


def _wanted(partitions: int, replication: int | None, settings: Mapping[str, str]) -> dict[str, Any]:
    return {
        "num_partitions": partitions,
        "replication_factor": replication or -1,
        "configs": dict(settings),
    }


def _error_of(topic: Mapping[str, Any]) -> bool:
    """Whether the topic isn't there. Raises what else is wrong with it."""
    kind = errors.for_code(topic["error_code"])
    if kind not in (errors.NoError, errors.UnknownTopicOrPartitionError, errors.LeaderNotAvailableError):
        raise kind(topic["name"])
    return kind is errors.UnknownTopicOrPartitionError
