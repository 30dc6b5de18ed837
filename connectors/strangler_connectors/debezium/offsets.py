"""Offsets: where in Kafka a stream behind a position begins, and how Kafka itself remembers it.

Beside each committed offset stands a note: up to which position everything before that offset is durable. So
it can be told whether what Kafka remembers reaches back to a position, and not merely hoped. Kafka forgets the offsets
of a group that nobody uses for a week; then the beginning of a partition must reach back.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

from kafka.structs import OffsetAndMetadata, TopicPartition

from strangler.changes import ORIGIN, Position
from strangler_connectors.debezium import client
from strangler_connectors.debezium.consumer import Offsets
from strangler_connectors.debezium.options import Options
from strangler_connectors.debezium.topics import Layout

_NAME: Final = 8
_ENTRY: Final = _NAME + 6
"""Letters for one topic: a digest of its name, then the beginning of its id."""

_TOPICS: Final = 280
"""So many topics are told in a note; Kafka keeps at most 4096 bytes beside an offset."""


@dataclass(frozen=True, slots=True)
class Note:
    """What stands beside an offset. `position`: all up to there is durable or, where the capture `begins` here, doesn't
    belong to it; `beat`: the last that was seen then, -1 for none; `topics`: those that were read, see `topics_note`."""

    position: Position = ORIGIN
    beat: int = -1
    topics: str = ""
    begins: bool = False

    def __str__(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Note | None:
        """None where somebody else committed the offset."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream begins: the offset of each partition that is there, the position behind which it reads, and the
    last beat of the heartbeat table before that."""

    offsets: dict[TopicPartition, int]
    after: Position
    beat: int


def topics_note(layout: Layout) -> str:
    """The names and ids of the layout's topics in brief, so that one that is made anew is known for it."""
    return "".join(digest + id for digest, id in sorted(_topics(layout).items())[:_TOPICS])


def _topics(layout: Layout) -> dict[str, str]:
    return {_digest(topic.name): topic.id[: _ENTRY - _NAME] for topic in layout.topics.values()}


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:_NAME]


def remembered(options: Options, layout: Layout) -> dict[TopicPartition, OffsetAndMetadata]:
    """What the group remembers of the layout's partitions."""
    with client.admin(options, "reading the group's offsets") as admin:
        kept = admin.list_group_offsets({options.group: None})[options.group]
    known = set(layout.partitions)
    return {at: offset for at, offset in kept.items() if at in known}


def durable(kept: Mapping[TopicPartition, OffsetAndMetadata]) -> list[Position]:
    """Up to where what the group remembers is durable, for each partition of which that is told."""
    notes = (Note.read(offset.metadata) for offset in kept.values())
    return [note.position for note in notes if note]


def ends(options: Options, layout: Layout) -> dict[TopicPartition, int]:
    """The ends of the layout's partitions as they are now."""
    with client.lone_consumer(options, "looking for the ends of the topics") as consumer:
        found: dict[TopicPartition, int] = consumer.end_offsets(layout.partitions, timeout_ms=10_000)
        return found


def begin(options: Options, layout: Layout, first: Offsets, reached: Position) -> None:
    """Have the group remember that the capture begins behind `reached`, and that no record before the offsets `first` is."""
    if first:
        note = str(Note(reached, topics=topics_note(layout), begins=True))
        with client.admin(options, "committing the first offsets") as admin:
            admin.alter_group_offsets(
                options.group, {at: OffsetAndMetadata(offset, note, -1) for at, offset in first.items()}
            )


def start(
    options: Options,
    layout: Layout,
    after: Position,
    kept: Mapping[TopicPartition, OffsetAndMetadata],
    beginnings: Mapping[TopicPartition, int],
    reaches: Callable[[TopicPartition], bool],
) -> Start:
    """Where to begin so that nothing behind `after` is missed; raises SourceLost where that can't be shown.

    `kept` is what the group remembers, `beginnings` the first offsets that Kafka still has; `reaches` says
    whether the first record of a partition stands at or before `after`.
    """
    notes = {at: Note.read(offset.metadata) for at, offset in kept.items()}
    _require_same_topics(options, layout, notes)
    offsets = {}
    for at in layout.partitions:
        note = notes.get(at)
        if note is None:
            if beginnings[at] > 0 and not reaches(at):
                why = f"nothing shows that {_name(at)}, whose first records retention removed, reaches back so far"
                raise client.lost(options, why)
            offsets[at] = beginnings[at]
        elif note.position > after and not (note.begins and after == ORIGIN):
            why = f"what stands in {_name(at)} before offset {kept[at].offset} was acknowledged"
            raise client.lost(options, why)
        elif kept[at].offset < beginnings[at]:
            why = f"retention removed offsets {kept[at].offset} to {beginnings[at] - 1} of {_name(at)}"
            raise client.lost(options, why)
        else:
            offsets[at] = kept[at].offset
    ours = [note for note in notes.values() if note]
    behind = max([after, *(note.position for note in ours if note.begins)])
    return Start(offsets, behind, max((note.beat for note in ours), default=-1))


def _require_same_topics(
    options: Options, layout: Layout, notes: Mapping[TopicPartition, Note | None]
) -> None:
    """Kafka forgets a topic's offsets with the topic; but other partitions' notes still know it."""
    there = dict.fromkeys(map(_digest, layout.names), "") | _topics(layout)
    for note in filter(None, notes.values()):
        for i in range(0, len(note.topics), _ENTRY):
            digest, id = note.topics[i : i + _NAME], note.topics[i + _NAME : i + _ENTRY]
            if there.get(digest, id) != id:
                raise client.lost(options, "a topic that was read was deleted or made anew")


def _name(at: TopicPartition) -> str:
    return f"topic {at.topic}, partition {at.partition}"


class Unacknowledged:
    """What was given out and isn't durable yet: positions in order, each with where to begin once it is."""

    def __init__(self) -> None:
        self._given: deque[tuple[Position, Mapping[int, int], int]] = deque()

    def give(self, position: Position, resume: Mapping[int, int], beat: int) -> None:
        self._given.append((position, resume, beat))

    def take(self, position: Position) -> tuple[Position, Mapping[int, int], int] | None:
        """The last of what stands at or before `position`, and forget all of that; None if there is nothing."""
        last = None
        while self._given and self._given[0][0] <= position:
            last = self._given.popleft()
        return last
