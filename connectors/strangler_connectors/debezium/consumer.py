"""The consumer: one member of a group that holds every partition of a source's topics, or nothing.

Membership is the lock that lets one stream be open at once, wherever its process runs; it costs no round trip, since the
client's own thread keeps it up while the caller is busy, and goes by itself when the process dies. Where to
read is not left to the group: positions are set here, so that a rebalance (another member comes and goes, the
broker restarts) goes on exactly where it was interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import kafka
from kafka import errors
from kafka.structs import OffsetAndMetadata, TopicPartition

from strangler.errors import Unavailable
from strangler_connectors.debezium import client
from strangler_connectors.debezium.exclusive import Exclusive
from strangler_connectors.debezium.options import Options

SESSION: Final = 10.0
"""Seconds after which a member that was killed counts as gone, so that the next stream can be opened."""

JOINING: Final = 20.0
"""Longest wait, in seconds, for the group to settle."""

SILENCE: Final = 5.0
"""Seconds without a record after which the broker is asked whether it is still there, and how long it may take to say so."""

SETTLING: Final = 1.0
"""Seconds that one look may take part in a rebalance that is under way."""

COMMIT_INTERVAL: Final = 1.0
"""Least seconds between two commits of offsets."""

_DAY: Final = 86_400_000

Offsets = Mapping[TopicPartition, int]
"""Partition → the offset to read from next."""


class Consumer:
    """Reads `topics` from `starts` on; a partition that isn't there yet is read from its beginning once it is.

    Raises Unavailable while another stream holds the group, SourceLost where Kafka no longer has what was to be read next.
    """

    def __init__(self, options: Options, topics: Sequence[str], starts: Offsets) -> None:
        self._options = options
        self._next = dict(starts)
        self._division = Exclusive()
        self._pending: dict[TopicPartition, OffsetAndMetadata] = {}
        self._sent: dict[TopicPartition, OffsetAndMetadata] = {}
        self._committing: Any = None
        self._committed = 0.0
        self._heard = time.monotonic()
        self._resuming = _Resuming(self._next)
        self._consumer = client.consumer(
            options,
            group_id=options.group,
            partition_assignment_strategy=(self._division,),
            session_timeout_ms=int(SESSION * 1000),
            heartbeat_interval_ms=int(SESSION * 200),
            # A caller may be busy for as long as it likes: that its process lives is enough.
            max_poll_interval_ms=_DAY,
            # So soon a topic that Debezium makes with a table's first row is found.
            metadata_max_age_ms=10_000,
        )
        try:
            self._resuming.consumer = self._consumer
            self._consumer.subscribe(list(topics), listener=self._resuming)
            self._join()
        except BaseException:
            self._leave()
            raise

    def poll(self, wait: float) -> list[Any]:
        """The records that are here, or come within `wait` seconds; per partition in order, each once."""
        with client.translated(self._options, "reading"):
            polled = self._consumer.poll(timeout_ms=int(wait * 1000)) or self._settle()
            self._require_hold()
            self._commit_when_due()
            records = [record for batch in polled.values() for record in batch]
            for record in records:
                self._next[TopicPartition(record.topic, record.partition)] = record.offset + 1
            self._require_broker(bool(records), wait)
        return records

    def commit(self, offsets: Offsets, note: str) -> None:
        """Have the group remember where to go on, with a `note` beside it; done lazily, at the latest by `close`."""
        self._pending.update({at: OffsetAndMetadata(offset, note, -1) for at, offset in offsets.items()})
        self._commit_when_due()

    def behind(self) -> int:
        """Records in Kafka that haven't been given out, as of the last fetch."""
        ends = ((at, self._consumer.highwater(at)) for at in self._consumer.assignment())
        return sum(max(0, end - self._next.get(at, 0)) for at, end in ends if end is not None)

    def close(self) -> None:
        """Commit what is due and leave the group, so that the next stream can be opened at once."""
        due = (self._sent if self._committing else {}) | self._pending
        try:
            if due:
                self._consumer.commit(due, timeout_ms=int(SILENCE * 1000))
        except errors.KafkaError:
            pass  # What isn't committed is read again, and dropped by its position.
        finally:
            self._leave()

    def _settle(self) -> Any:
        """Take part in a rebalance for a moment, where one is under way.

        One that ends while nobody polls is lost on the client: it begins another, or after a change of the topics waits for ever,
        and nothing is read. So it is polled meanwhile, and given up where it takes too long; the next stream begins anew.
        """
        deadline = time.monotonic() + SETTLING
        while not self._resuming.settled and time.monotonic() < deadline:
            if polled := self._consumer.poll(timeout_ms=50):
                return polled
        if self._resuming.unsettled_for() > JOINING:
            raise occupied(self._options, "its members don't settle")
        return {}

    def _leave(self) -> None:
        self._consumer.close(autocommit=False, timeout_ms=int(SILENCE * 1000))

    def _join(self) -> None:
        with client.translated(self._options, "joining the consumer group"):
            # The leader divides what it knows: without this it would know of no partition yet and divide a second time.
            self._consumer.topics()
            while not self._resuming.settled:
                # What this gives is read again: below it is said where to begin.
                self._consumer.poll(timeout_ms=100, max_records=1)
                self._require_hold()
                if self._resuming.unsettled_for() > JOINING:
                    raise occupied(self._options, "its members don't settle")
        for at in self._consumer.assignment():
            self._consumer.seek(at, self._next.setdefault(at, 0))

    def _require_hold(self) -> None:
        if self._division.excluded:
            raise occupied(self._options, "another member holds it")

    def _require_broker(self, heard: bool, wait: float) -> None:
        """A poll says nothing of a broker that is gone; so it is asked when there was silence."""
        now = time.monotonic()
        if heard:
            self._heard = now
        elif wait and now - self._heard > SILENCE:
            self._consumer.end_offsets(list(self._next), timeout_ms=int(SILENCE * 1000))
            self._heard = time.monotonic()

    def _commit_when_due(self) -> None:
        if self._committing is not None and self._committing.is_done:
            self._settle_commit(self._committing)
        if not self._pending or self._committing or time.monotonic() - self._committed < COMMIT_INTERVAL:
            return
        self._committed = time.monotonic()
        self._sent, self._pending = self._pending, {}
        self._committing = self._consumer.commit_async(self._sent)

    def _settle_commit(self, outcome: Any) -> None:
        """What couldn't be committed, because the broker was away or the group unsettled, is committed next time."""
        self._committing = None
        if outcome.failed():
            self._pending = self._sent | self._pending
            if isinstance(outcome.exception, errors.AuthorizationError | errors.OffsetMetadataTooLargeError):
                with client.translated(self._options, "committing offsets"):
                    raise outcome.exception


class _Resuming(kafka.ConsumerRebalanceListener):  # type: ignore[misc]
    """After a rebalance every partition goes on behind the last record that was given out. `settled`: none is under way."""

    consumer: kafka.KafkaConsumer

    def __init__(self, offsets: dict[TopicPartition, int]) -> None:
        self._offsets = offsets
        self._since: float | None = time.monotonic()

    @property
    def settled(self) -> bool:
        return self._since is None

    def unsettled_for(self) -> float:
        """Seconds since the rebalance began that is under way."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    def on_partitions_revoked(self, revoked: Any) -> None:
        self._since = time.monotonic()

    def on_partitions_assigned(self, assigned: Any) -> None:
        for at in assigned:
            self.consumer.seek(at, self._offsets.setdefault(at, 0))
        if assigned:
            self._since = None


def occupied(options: Options, why: str) -> Unavailable:
    """The error of a second stream."""
    return Unavailable(
        f"source {options.source}: the consumer group {options.group} is in use", why=why,
        do="only one stream may read a source: end the other one; one that was killed is gone after "
        f"{SESSION:.0f} s",
    )  # fmt: skip


def require_free(options: Options) -> None:
    """Raise Unavailable while somebody is in the consumer group. Asking disturbs nobody, other than joining."""
    with client.admin(options, "looking into the consumer group") as admin:
        members = admin.describe_groups([options.group])[options.group]["members"]
    if members:
        raise occupied(options, f"a member at {members[0]['client_host']} holds it")
