"""What Kafka lacks to carry a source's changes, or throws away too soon. Pure: facts in, findings out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from strangler.durations import format_duration
from strangler.ports import Finding
from strangler_connectors.debezium.registration import State

_ALTER: Final = "kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config {setting}"


def topic_findings(topics: Mapping[str, Mapping[str, str]], outage: float) -> Iterator[Finding]:
    """`topics`: name → configuration. A topic that is compacted loses changes; one with short retention, those that nobody read."""
    for topic, config in topics.items():
        if "compact" in config.get("cleanup.policy", ""):
            yield Finding(
                f"the topic {topic} is compacted: of several changes of a row only the last stays",
                _ALTER.format(topic=topic, setting="cleanup.policy=delete"),
            )
        kept = int(config.get("retention.ms", -1)) / 1000
        if 0 <= kept < outage:
            yield Finding(
                f"the topic {topic} keeps its records for {format_duration(kept)} only, shorter than `outage`",
                _ALTER.format(topic=topic, setting=f"retention.ms={int(outage * 1000)}"),
                blocks=False,
            )
        if int(config.get("retention.bytes", -1)) >= 0:
            yield Finding(
                f"the topic {topic} keeps {config['retention.bytes']} bytes and no more, however long nobody reads",
                _ALTER.format(topic=topic, setting="retention.bytes=-1"),
                blocks=False,
            )


def connector_findings(name: str, state: State | None) -> Iterator[Finding]:
    """None: it isn't registered yet, which is no fault: `prepare` does it."""
    if state is None or state.running:
        return
    trouble = state.trouble
    why = trouble.why if trouble else f"it is {state.state}"
    do = trouble.do if trouble else "strangler connect apply resumes it"
    yield Finding(f"the connector {name} doesn't run: {why}", do, blocks=trouble is not None and trouble.lost)
