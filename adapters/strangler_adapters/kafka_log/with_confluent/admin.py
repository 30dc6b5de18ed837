"""Topics, looked at and made with confluent-kafka."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaError, KafkaException, TopicCollection

from strangler_adapters.kafka_log.driver import Topic
from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.with_confluent.connection import LOOK_AGAIN, admin, settings, translated
from strangler_adapters.kafka_log.wording import unanswered


class Admin:
    """See `driver.Admin`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._client = admin.AdminClient(settings(options))

    def topics(self, names: Sequence[str]) -> dict[str, Topic]:
        with translated(self._options):
            known = self._client.list_topics(timeout=self._options.timeout).topics
            found = {name: known[name].partitions.values() for name in names if name in known}
            if not found:
                return {}
            wanted = [admin.ConfigResource(admin.ResourceType.TOPIC, name) for name in found]
            answers = self._client.describe_configs(wanted, request_timeout=self._options.timeout)
            given = {resource.name: answer.result() for resource, answer in answers.items()}
            may = self._may(list(found))
        return {
            name: Topic(
                len(partitions),
                min(len(each.replicas) for each in partitions),
                {key: entry.value or "" for key, entry in given[name].items()},
                may[name],
            )
            for name, partitions in found.items()
        }

    def create(
        self, name: str, partitions: int, replication: int | None, settings: Mapping[str, str]
    ) -> None:
        topic = admin.NewTopic(name, partitions, replication or -1, config=dict(settings))
        timeout = self._options.timeout
        with translated(self._options):
            answers = self._client.create_topics([topic], operation_timeout=timeout, request_timeout=timeout)
            try:
                answers[name].result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
            deadline = time.monotonic() + timeout
            while not self._leads(name):
                if time.monotonic() > deadline:
                    raise unanswered(
                        self._options, f"topic {name} isn't there {timeout:g} s after it was made"
                    )
                time.sleep(LOOK_AGAIN)

    def rehearse(
        self, name: str, partitions: int, replication: int | None, settings: Mapping[str, str]
    ) -> None:
        topic = admin.NewTopic(name, partitions, replication or -1, config=dict(settings))
        with translated(self._options):
            asked = self._client.create_topics(
                [topic], validate_only=True, request_timeout=self._options.timeout
            )
            asked[name].result()

    def _may(self, names: Sequence[str]) -> dict[str, frozenset[str] | None]:
        """What this user may do with each of the topics."""
        answers = self._client.describe_topics(
            TopicCollection(list(names)),
            include_authorized_operations=True,
            request_timeout=self._options.timeout,
        )
        said = {name: answer.result().authorized_operations for name, answer in answers.items()}
        return {
            name: frozenset(each.name for each in operations) if operations else None
            for name, operations in said.items()
        }

    def _leads(self, name: str) -> bool:
        """Whether each partition of the topic has a leader by now."""
        topic = self._client.list_topics(timeout=self._options.timeout).topics.get(name)
        return topic is not None and all(each.leader >= 0 for each in topic.partitions.values())

    def close(self) -> None:
        """Nothing to say goodbye to."""
