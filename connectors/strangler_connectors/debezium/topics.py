"""Topics: where Debezium writes a source's changes, and what Kafka says of them.

A connector that we register writes everything into one topic of one partition, since nothing else keeps the order.
Somebody else's connector has a topic for each table, perhaps of several partitions; then only the transaction topic
tells what belongs together, so it must be there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.structs import TopicPartition

from strangler.errors import SourceError, Unavailable
from strangler_connectors.databases import Database, Place
from strangler_connectors.debezium import client
from strangler_connectors.debezium.options import Options

_UNWRITABLE: Final = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as Kafka has it. `id` is another one when a topic of this name is made anew."""

    name: str
    id: str
    partitions: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the changes of one source stand. `names` are all topics that are to be read, whether they are there yet or
    not; `anchor` is the one without which nothing can be read; `heartbeat` has the rows of the heartbeat table."""

    names: tuple[str, ...]
    anchor: str
    heartbeat: str
    topics: Mapping[str, Topic]
    cluster: str

    @property
    def partitions(self) -> list[TopicPartition]:
        """All partitions that are there, in an order that is always the same."""
        return [
            TopicPartition(topic.name, i)
            for topic in sorted(self.topics.values(), key=lambda t: t.name)
            for i in range(topic.partitions)
        ]

    @property
    def ordered(self) -> bool:
        """Whether one partition has everything, so that what it has is in order."""
        return self.names == (self.anchor,) and self.topics[self.anchor].partitions == 1

    @property
    def identity(self) -> str:
        """Changes when the cluster is another one, or the anchor was made anew."""
        return f"{self.cluster}/{self.topics[self.anchor].id}"


def layout(options: Options, database: Database, places: Iterable[Place], heartbeat: Place) -> Layout:
    """How the changes of the tables at `places`, and of our heartbeat table, stand in Kafka now.

    Raises SourceError where what is there can't be put in order: several partitions without a transaction topic of one.
    """
    beats = _table_topic(options, database, heartbeat)
    tables = {_table_topic(options, database, place) for place in places} | {beats}
    marks, definitions = f"{options.topic_prefix}.transaction", options.topic_prefix
    with client.admin(options, "looking for the topics") as admin:
        cluster = str(admin.describe_cluster()["cluster_id"])
        found = _describe(admin, [options.topic, marks, definitions, *sorted(tables)])
    if options.connect or options.topic in found:
        one = {options.topic: found[options.topic]} if options.topic in found else {}
        return Layout((options.topic,), options.topic, options.topic, one, cluster)
    if marks not in found:
        raise SourceError(
            f"source {options.source}: transactions can't be put together from several topics",
            why=f"Kafka has neither {options.topic}, with everything in order, nor the transaction topic {marks}",
            do=f"set provide.transaction.metadata=true in the connector that writes {options.topic_prefix}, "
            "or name Kafka Connect in options.connect so that one is registered",
        )
    if found[marks].partitions > 1:
        raise SourceError(
            f"source {options.source}: the transaction topic {marks} has {found[marks].partitions} partitions",
            why="which transaction came first is told by its order only, and only one partition keeps it",
            do=f"delete it and make it with one (topic.creation.groups, or kafka-topics.sh --create --topic {marks}"
            " --partitions 1) while the connector is stopped",
        )
    names = tables | {marks} | ({definitions} & set(found))
    there = {name: topic for name, topic in found.items() if name in names}
    return Layout(tuple(sorted(names)), marks, beats, there, cluster)


def require(options: Options, stands: Layout) -> None:
    """Raise SourceError unless what is to be read is there and can be put in order."""
    anchor = stands.topics.get(stands.anchor)
    if anchor is None:
        raise SourceError(
            f"source {options.source}: Kafka {options.kafka} has no topic {stands.anchor}",
            do="run `strangler connect apply`, or correct options.topic_prefix",
        )
    if stands.names == (stands.anchor,) and anchor.partitions > 1:
        raise SourceError(
            f"source {options.source}: the topic {anchor.name} has {anchor.partitions} partitions",
            why="only one partition keeps the order of transactions",
            do=f"kafka-topics.sh --delete --topic {anchor.name}, then `strangler connect apply` makes it with one",
        )


def delete(options: Options) -> None:
    """Remove the consumer group, and what our own connector wrote into. What isn't there is no error."""
    with client.admin(options, "removing topic and consumer group") as admin:
        if admin.delete_groups([options.group]).get(options.group) == "NonEmptyGroupError":
            raise Unavailable(
                f"source {options.source}: the consumer group {options.group} is in use",
                why="a stream is still open", do="end it first",
            )  # fmt: skip
        ours = [options.topic, f"{options.topic_prefix}.schema-history"] if options.connect else []
        for topic in _describe(admin, ours):
            admin.delete_topics([topic])


def settings(options: Options, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Topic → its configuration, of the topics that are there."""
    with client.admin(options, "reading the topics' configuration") as admin:
        found = admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name) for name in names], config_filter="all"
        )
        return {
            name: {key: each["value"] for key, each in config.items()}
            for name, config in found.get("topic", {}).items()
        }


def _describe(admin: Any, names: Sequence[str]) -> dict[str, Topic]:
    if not names:
        return {}  # Kafka would tell of all topics.
    return {
        topic["name"]: Topic(topic["name"], str(topic["topic_id"]), len(topic["partitions"]))
        for topic in admin.describe_topics(list(names))
        if topic["error_code"] == 0
    }


def _table_topic(options: Options, database: Database, place: Place) -> str:
    """Debezium's own name for a table's topic; SQL Server's has the database in it too."""
    catalog = (database.catalog,) if database.kind == "mssql" else ()
    return _UNWRITABLE.sub("_", ".".join((options.topic_prefix, *catalog, *place)))
