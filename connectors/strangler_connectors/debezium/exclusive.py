"""All or nothing: how a consumer group divides a source's topics among its members.

The order of transactions is to be had only by who reads every partition, so one member gets them all: the one
that has them already. Others wait with empty hands. Kafka refuses a member that doesn't know this way of dividing, so no
foreign consumer can join the group by mistake and take a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from kafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment, ConsumerProtocolSubscription

_VERSION: Final = 0
_EXCLUDED: Final = b"excluded"


class Exclusive(AbstractPartitionAssignor):  # type: ignore[misc]
    """Remembers since which generation of the group this member holds everything, and tells the others by it."""

    name = "strangler-exclusive"

    def __init__(self) -> None:
        self._held = 0
        self.excluded = False
        """Whether another member has everything."""

    def metadata(self, topics: Sequence[str]) -> Any:
        return ConsumerProtocolSubscription(_VERSION, sorted(topics), str(self._held).encode())

    def on_assignment(self, assignment: Any, generation: int) -> None:
        self.excluded = assignment.user_data == _EXCLUDED
        self._held = 0 if self.excluded else generation

    def assign(self, cluster: Any, members: Sequence[Any]) -> dict[str, Any]:
        holder = max(members, key=_claim)
        everything = [
            (topic, sorted(cluster.partitions_for_topic(topic) or ()))
            for topic in sorted(holder.metadata.topics)
        ]
        nothing = ConsumerProtocolAssignment(_VERSION, [], _EXCLUDED)
        return dict.fromkeys((member.member_id for member in members), nothing) | {
            holder.member_id: ConsumerProtocolAssignment(_VERSION, everything, b"")
        }


def _claim(member: Any) -> tuple[int, str]:
    """Who held it last holds it again; among those that never did any order will do."""
    return int(member.metadata.user_data or b"0"), member.member_id
