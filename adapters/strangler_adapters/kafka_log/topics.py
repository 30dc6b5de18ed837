"""Topics: what those of the log have to be like, and what to do about one that is otherwise. Pure.

One topic for each stream, `<prefix>.<function>`; and one for the positions of the sources, whose name has a hyphen, so that
no function can be called like it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from strangler.durations import format_duration
from strangler.ports import Address, Finding
from strangler_adapters.kafka_log.driver import Topic
from strangler_adapters.kafka_log.limits import LARGEST_EVENT
from strangler_adapters.kafka_log.options import Options

FOREVER: Final = "-1"

POSITIONS: Final = 16
"""Partitions of the topic of positions. Not one: where a writer was killed, whoever reads the partition waits before its open
transaction, and sources shouldn't wait for each other."""


LAG: Final = 7 * 86_400_000
"""Milliseconds for which compaction leaves an event alone. An event may hold only what changed: a store that is further behind than
that would miss what an earlier one of the same key held."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A topic as it should be. `events`: it holds those, and not positions."""

    name: str
    partitions: int
    settings: Mapping[str, str]
    events: bool


def name_of_stream(options: Options, stream: str) -> str:
    """The topic of a function's events."""
    return f"{options.prefix}.{stream}"


def address(options: Options, stream: str) -> Address:
    """Where others find a function's events."""
    secure = str(options.client.get("security_protocol", options.client.get("security.protocol", ""))).upper()
    return Address(
        protocol="kafka-secure" if secure.endswith("SSL") else "kafka",
        hosts=options.servers,
        path="",
        name=name_of_stream(options, stream),
        words="A topic. All records of one key are in one partition, in order. Written in transactions: read with "
        "isolation.level=read_committed.",
        cloudevents=True,
    )


def name_of_positions(options: Options) -> str:
    """The topic of the sources' positions."""
    return f"{options.prefix}.source-positions"


def of_stream(options: Options, stream: str) -> Wanted:
    """The topic of a function's events. Kept for ever, and never thinned out, unless the options say so: what a store is
    filled from again has to be whole."""
    retention = FOREVER
    if options.retention is not None:
        retention = str(int(options.retention.total_seconds() * 1000))
    settings = {
        "cleanup.policy": "compact" if options.compaction else "delete",
        "retention.ms": retention,
        "retention.bytes": FOREVER,
        "max.message.bytes": str(LARGEST_EVENT),
        "message.timestamp.type": "CreateTime",
    }
    if options.compaction:
        settings["min.compaction.lag.ms"] = str(LAG)
        if options.retention is not None:
            settings["cleanup.policy"] = "compact,delete"
    return Wanted(name_of_stream(options, stream), options.partitions, settings, True)


def of_positions(options: Options) -> Wanted:
    """The topic of positions, of which only the last record of each source is of use. Its segments are small and soon
    compacted, since whoever begins reads a partition from its beginning."""
    settings = {
        "cleanup.policy": "compact",
        "segment.bytes": str(1024 * 1024),
        "segment.ms": str(600_000),
        "min.cleanable.dirty.ratio": "0.1",
        "delete.retention.ms": "60000",
    }
    return Wanted(name_of_positions(options), POSITIONS, settings, False)


def check(options: Options, wanted: Wanted, topic: Topic, outage: float) -> list[Finding]:
    """What of the topic isn't as it should be. `blocks`: it would lose events or positions."""
    findings = list(_policy(options, wanted, topic))
    findings += _partitions(options, wanted, topic)
    if wanted.events:
        findings += _retention(options, wanted, topic, outage)
        findings += _size(options, wanted, topic)
        findings += _lag(options, wanted, topic, outage)
    return findings + list(_copies(options, wanted, topic))


def rights(options: Options, wanted: Wanted, topic: Topic) -> Iterator[Finding]:
    """What this user may not do with a topic, and has to."""
    missing = sorted({"READ", "WRITE"} - topic.may) if topic.may is not None else []
    if missing:
        operations = " ".join(f"--operation {each.title()}" for each in missing)
        yield Finding(
            f"topic {wanted.name}: the user of log.options.client may not {' or '.join(missing).lower()}",
            f"kafka-acls.sh --bootstrap-server {options.servers[0]} --add --allow-principal User:… {operations}"
            f" --topic {wanted.name}",
        )


def unmakeable(options: Options, wanted: Wanted, why: str) -> Finding:
    """A topic isn't there, and the broker wouldn't make it."""
    return Finding(
        f"topic {wanted.name} isn't there, and can't be made: {why}",
        f"kafka-acls.sh --bootstrap-server {options.servers[0]} --add --allow-principal User:… --operation Create"
        f" --topic {wanted.name}; or correct log.options.replication, if that is what the broker says",
    )


def _policy(options: Options, wanted: Wanted, topic: Topic) -> Iterator[Finding]:
    is_, should = (frozenset(each["cleanup.policy"].split(",")) for each in (topic.settings, wanted.settings))
    if is_ == should:
        return
    if wanted.events:
        harm = (
            "old events of a key vanish"
            if "compact" in is_ - should
            else "it isn't thinned out as configured"
        )
    else:
        harm = "positions of idle sources vanish" if "delete" in is_ else "it only grows"
    policy = ",".join(sorted(is_))
    blocks = "compact" in is_ - should if wanted.events else "delete" in is_
    yield Finding(
        f"topic {wanted.name} has cleanup.policy={policy}: {harm}",
        alter(options, wanted, "cleanup.policy"),
        blocks,
    )


def _partitions(options: Options, wanted: Wanted, topic: Topic) -> Iterator[Finding]:
    if topic.partitions == wanted.partitions:
        return
    if not wanted.events:
        what = f"topic {wanted.name} has {topic.partitions} partitions: positions would be looked for in the wrong one"
        yield Finding(what, "stop the workers, and name another log.options.prefix, or empty stores and log")
        return
    what = (
        f"topic {wanted.name} has {topic.partitions} partitions, the configuration says {wanted.partitions}"
    )
    grow = (
        f"; or, while nothing is left to deliver, kafka-topics.sh --bootstrap-server {options.servers[0]} --alter"
        f" --topic {wanted.name} --partitions {wanted.partitions}, and start the workers again"
    )
    more = grow if topic.partitions < wanted.partitions else " (partitions can't be taken away)"
    yield Finding(what, f"write log.options.partitions: {topic.partitions}{more}", blocks=False)


def _retention(options: Options, wanted: Wanted, topic: Topic, outage: float) -> Iterator[Finding]:
    if topic.settings["cleanup.policy"] == "compact":
        return
    kept = int(topic.settings["retention.ms"])
    if kept >= 0 and kept < outage * 1000:
        yield Finding(
            f"topic {wanted.name} keeps events for {format_duration(kept / 1000)}, shorter than the outage of"
            f" {format_duration(outage)} to survive",
            alter(options, wanted, "retention.ms"),
        )
    elif str(kept) != wanted.settings["retention.ms"]:
        said = "for ever" if kept < 0 else f"for {format_duration(kept / 1000)}"
        yield Finding(
            f"topic {wanted.name} keeps events {said}, which isn't as configured",
            alter(options, wanted, "retention.ms"),
            blocks=False,
        )
    if topic.settings["retention.bytes"] != FOREVER:
        yield Finding(
            f"topic {wanted.name} keeps only {int(topic.settings['retention.bytes']):,} bytes of a partition, however young",
            alter(options, wanted, "retention.bytes"),
            blocks=False,
        )


def _lag(options: Options, wanted: Wanted, topic: Topic, outage: float) -> Iterator[Finding]:
    if not options.compaction or "compact" not in topic.settings["cleanup.policy"]:
        return
    lag = int(topic.settings["min.compaction.lag.ms"])
    if lag < max(outage * 1000, 1):
        yield Finding(
            f"topic {wanted.name} thins out events after {format_duration(lag / 1000)}, shorter than the outage of"
            f" {format_duration(outage)} to survive: what an event that is gone held of its row would be missed",
            alter(options, wanted, "min.compaction.lag.ms", str(max(LAG, int(outage * 1000)))),
        )


def _size(options: Options, wanted: Wanted, topic: Topic) -> Iterator[Finding]:
    largest = int(topic.settings["max.message.bytes"])
    if largest < LARGEST_EVENT:
        yield Finding(
            f"topic {wanted.name} takes no event beyond {largest:,} bytes: a larger one would stop its source",
            alter(options, wanted, "max.message.bytes"),
            blocks=False,
        )


def _copies(options: Options, wanted: Wanted, topic: Topic) -> Iterator[Finding]:
    least = int(topic.settings["min.insync.replicas"])
    if topic.replication == 1:
        yield Finding(
            f"topic {wanted.name} is kept once: it is lost with its broker's disk",
            "with three brokers or more: kafka-reassign-partitions.sh, to three replicas; then min.insync.replicas=2",
            blocks=False,
        )
    elif least < 2:
        yield Finding(
            f"topic {wanted.name} has min.insync.replicas={least}: what one broker alone confirmed can be lost",
            alter(options, wanted, "min.insync.replicas", "2"),
            blocks=False,
        )
    if topic.settings["unclean.leader.election.enable"] == "true":
        yield Finding(
            f"topic {wanted.name} lets a replica lead that is behind (unclean.leader.election.enable): events can be lost",
            alter(options, wanted, "unclean.leader.election.enable", "false"),
            blocks=False,
        )


def alter(options: Options, wanted: Wanted, key: str, value: str | None = None) -> str:
    """The command that sets it."""
    value = wanted.settings[key] if value is None else value
    listed = f"[{value}]" if "," in value else value
    return (
        f"kafka-configs.sh --bootstrap-server {options.servers[0]} --alter --entity-type topics"
        f" --entity-name {wanted.name} --add-config {key}={listed}"
    )
