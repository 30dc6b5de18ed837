"""Debezium as a `ChangeSource`: the legacy database, Kafka Connect and Kafka, put together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from kafka.structs import TopicPartition

from strangler.changes import Position
from strangler.errors import SourceError, SourceLost, Unavailable
from strangler.ports import Finding, SqlSide
from strangler.settings import Source
from strangler.shapes import Table
from strangler_connectors.databases import Place, open_database
from strangler_connectors.debezium import client, echo, offsets, registration, topics, watermark
from strangler_connectors.debezium.assembling import Assembler
from strangler_connectors.debezium.beats import Beats
from strangler_connectors.debezium.consumer import Consumer, require_free
from strangler_connectors.debezium.details import bases, filled
from strangler_connectors.debezium.envelope import Name, RowMessage, decode
from strangler_connectors.debezium.findings import connector_findings, topic_findings
from strangler_connectors.debezium.merging import Merger
from strangler_connectors.debezium.modes import Modes
from strangler_connectors.debezium.options import read
from strangler_connectors.debezium.positions import compare, point, position, split
from strangler_connectors.debezium.slots import slot_trouble
from strangler_connectors.debezium.stream import DebeziumStream, Putting
from strangler_connectors.debezium.values import Reading

_FIRST_ECHO: Final = 60.0
"""Seconds that a connector which was just registered has until the first change comes through."""

_LOOK_AGAIN: Final = 0.2

_PATIENCE: Final = 5.0
"""Least silence, in seconds, after which a stream looks whether its capture is still there."""


class DebeziumSource:
    """See `ChangeSource`. Every call but `stream` and `reader` opens connections of its own and closes them."""

    def __init__(self, name: str, settings: Source, tables: Mapping[str, Sequence[str]]) -> None:
        self._options = read(name, settings)
        self._tables = tables
        self._database = open_database(name, settings, tables, self._options.slot, self._options.keys)
        self._heartbeat = settings.heartbeat.total_seconds()

    def describe(self, tables: Sequence[str]) -> dict[str, Table]:
        keys = self._options.keys
        return {
            name: replace(table, key=keys[name]) if name in keys and not table.key else table
            for name, table in self._database.describe(tables).items()
        }

    def prepare(self, anew: bool = False) -> str:
        if not self._options.connect:
            self._rouse()
        if anew:
            require_free(self._options)
            registration.begin_anew(self._options, self._database)
        found = self._layout()
        self._refuse(self._kafka_findings(found, 0))
        ends = offsets.ends(self._options, found)
        registration.ensure(self._options, self._database, self._tables, self._heartbeat)
        reached = echo.echo(self._options, self._database, found.heartbeat, _FIRST_ECHO)
        stands = self._layout()
        topics.require(self._options, stands)
        if not watermark.begun(self._database, self._options.source):
            first = {at: ends.get(at, 0) for at in stands.partitions}
            offsets.begin(self._options, stands, first, reached)
            watermark.begin(self._database, self._options.source)
        identity = self._identity(stands)
        assert identity is not None, "capture and topic were just seen"
        return identity

    def examine(self, outage: float) -> list[Finding]:
        return [
            *self._database.needs(outage),
            *self._kafka_findings(self._layout(), outage),
            *registration.plugin_findings(self._options, self._database),
            *self._slot_findings(),
        ]

    def blind_spots(self) -> Sequence[str]:
        return ()

    def stream(self, after: Position, identity: str) -> DebeziumStream:
        require_free(self._options)
        stands = self._layout()
        self._require_same(stands, identity)
        begin = self._start(stands, after)
        # Before the tables are described: what is altered in between is seen by the first look.
        watch = self._database.watch(list(self._tables), ours=bool(self._options.connect))
        try:
            putting = self._putting(stands, begin.after)
            return DebeziumStream(
                Consumer(self._options, stands.names, begin.offsets),
                putting,
                Beats(self._options, begin.beat),
                stands,
                self._layout,
                lambda: self._look(identity),
                max(_PATIENCE, 1.5 * self._heartbeat),
                watch,
            )
        except BaseException:
            if watch is not None:
                watch.close()
            raise

    def safe_position(self, timeout: float) -> Position:
        stands = self._layout()
        safe = echo.echo(self._options, self._database, stands.heartbeat, timeout)
        for durable in offsets.durable(offsets.remembered(self._options, stands)):
            if not compare(split(safe)[0], split(durable)[0]):
                why = "what is written now stands in another server's binlog than what was read, perhaps after a failover"
                raise client.lost(self._options, why)
        return safe

    def reader(self) -> SqlSide:
        return self._database.reader()

    def drop(self) -> None:
        require_free(self._options)
        registration.remove(self._options, self._database)
        topics.delete(self._options)

    def close(self) -> None:
        """Nothing to close: streams and readers are closed by whoever opened them."""

    def _rouse(self) -> None:
        """A connector makes its topics with the first transaction that it sees; give one to that of somebody else."""
        registration.ensure(self._options, self._database, self._tables, self._heartbeat)
        deadline = time.monotonic() + _PATIENCE
        while True:
            watermark.write(self._database, self._options.source, "-")
            try:
                self._layout()
                return
            except SourceError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_LOOK_AGAIN)

    def _layout(self) -> topics.Layout:
        not_there_yet = Place("", watermark.HEARTBEAT)
        heartbeat = watermark.places(self._database).get(watermark.HEARTBEAT, not_there_yet)
        return topics.layout(
            self._options, self._database, self._database.places(list(self._tables)), heartbeat
        )

    def _identity(self, stands: topics.Layout) -> str | None:
        """What the capture is now; None when a part of it isn't there."""
        captured = watermark.capture(self._database, self._options.source)
        if not captured or stands.anchor not in stands.topics:
            return None
        return f"{captured}|{stands.identity}"

    def _require_same(self, stands: topics.Layout, identity: str) -> None:
        found = self._identity(stands)
        if found is None:
            why = f"the topic {stands.anchor}, or what Debezium needs in the legacy database, is no longer there"
        elif found != identity:
            why = "the topic, the slot or the heartbeat's row was made anew, or the Kafka cluster is another one"
        else:
            with _passing():
                why = slot_trouble(self._options, self._database)
        if why:
            raise client.lost(self._options, why)

    def _look(self, identity: str) -> None:
        """After a silence: is everything still there? And make the source be heard, whatever Debezium does about it."""
        self._require_same(self._layout(), identity)
        with _passing():
            registration.require_running(self._options)
        watermark.write(self._database, self._options.source, "-")

    def _start(self, stands: topics.Layout, after: Position) -> offsets.Start:
        kept = offsets.remembered(self._options, stands)
        with client.lone_consumer(self._options, "looking for the beginnings of the topics") as consumer:
            beginnings = consumer.beginning_offsets(stands.partitions, timeout_ms=10_000)

            def reaches(at: TopicPartition) -> bool:
                consumer.assign([at])
                consumer.seek(at, beginnings[at])
                for records in consumer.poll(timeout_ms=5_000).values():
                    for record in records:
                        message = decode(record.key, record.value, record.headers)
                        if isinstance(message, RowMessage):
                            return position(point(message.origin), 0) <= after
                return False

            return offsets.start(self._options, stands, after, kept, beginnings, reaches)

    def _putting(self, stands: topics.Layout, after: Position) -> Putting:
        make = Assembler if stands.ordered else Merger
        heartbeat = watermark.places(self._database)[watermark.HEARTBEAT]
        return make(
            self._wanted(), self._modes(), after, database=self._database.catalog, heartbeat=heartbeat
        )

    def _wanted(self) -> dict[Name, Reading]:
        described = self.describe(list(self._tables))
        return {
            place: Reading(
                described[name],
                frozenset(self._tables[name]) | set(described[name].key),
                bases(self._database, place),
                filled(self._database, place),
            )
            for place, name in self._database.places(list(self._tables)).items()
        }

    def _modes(self) -> Modes:
        """How the connector writes values; of one that isn't ours only what was told."""
        if not self._options.connect:
            return Modes.of(self._options.config) if self._options.config else Modes()
        with _passing():
            config = registration.configuration(self._options)
            if config is None:
                raise SourceError(
                    f"source {self._options.source}: Kafka Connect has no connector {self._options.connector}",
                    do="strangler connect apply registers it",
                )
        return Modes.of(config)

    def _kafka_findings(self, stands: topics.Layout, outage: float) -> list[Finding]:
        config = topics.settings(self._options, sorted(stands.topics))
        state = registration.state(self._options)
        return [*topic_findings(config, outage), *connector_findings(self._options.connector, state)]

    def _slot_findings(self) -> Iterator[Finding]:
        """A connector that isn't registered has no slot yet."""
        if registration.state(self._options) is None:
            return
        if trouble := slot_trouble(self._options, self._database):
            yield Finding(
                f"changes may be missing: {trouble}",
                "strangler source reset begins anew, with what the legacy database holds now",
            )

    def _refuse(self, findings: Sequence[Finding]) -> None:
        needs = [finding for finding in findings if finding.blocks]
        if needs:
            raise SourceError(
                f"source {self._options.source} can't be captured yet; nothing was created",
                why="; ".join(need.what for need in needs),
                do="; ".join(need.do for need in needs),
            )


@contextmanager
def _passing() -> Iterator[None]:
    """Whatever Kafka Connect says may pass, other than a loss: a worker that is just starting denies that it has the connector, or
    that it is Kafka Connect at all. A stream is opened again until it's well."""
    try:
        yield
    except SourceLost:
        raise
    except SourceError as error:
        raise Unavailable(error.what, why=error.why, do=error.do) from error
