"""What Kafka lacks to carry a source's changes, or throws away too soon. Pure: facts in, findings out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from strangler.durations import format_duration
from strangler.ports import Finding
from strangler_connectors.debezium.registration import State
from strangler_connectors.debezium.troubles import explain

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
    traces = [state.trace, *(task.trace for task in state.tasks)]
    trouble = explain(next((trace for trace in traces if trace), ""))
    states = ", ".join([state.state, *(task.state for task in state.tasks)])
    yield Finding(
        f"the connector {name} doesn't run ({states}): {trouble.why}", trouble.do, blocks=trouble.lost
    )
