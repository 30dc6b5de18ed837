"""Rendering: the Debezium configuration that a migration needs, for each kind of database. Pure.

Everything of a connector goes into one topic of one partition: Debezium reads its log with one task anyway, and only
within a partition does the order stay. Rows are JSON without schemas, in the forms that lose nothing. Debezium takes
no snapshot: Strangler fills stores set-wise, by itself. What Debezium or Kafka Connect would leave out or put right in
silence is turned off.

A property of the option `config` goes before what is rendered here.
"""

from __future__ import annotations

from typing import Final

from strangler.errors import SourceError
from strangler_connectors.databases.address import Address
from strangler_connectors.debezium.kinds import OF_KIND, Properties
from strangler_connectors.debezium.options import Options
from strangler_connectors.debezium.wanted import Captured, Wanted, collection, escaped, exactly
from strangler_connectors.debezium.watermark import beat_statement

LARGEST: Final = 64 << 20
"""Bytes of the largest record: rows with a text of some megabytes are nothing odd in an ERP."""

WEEK: Final = 7 * 86400

CLASSES: Final = {
    "postgresql": "io.debezium.connector.postgresql.PostgresConnector",
    "mysql": "io.debezium.connector.mysql.MySqlConnector",
    "mariadb": "io.debezium.connector.mariadb.MariaDbConnector",
    "mssql": "io.debezium.connector.sqlserver.SqlServerConnector",
    "oracle": "io.debezium.connector.oracle.OracleConnector",
    "db2": "io.debezium.connector.db2.Db2Connector",
}
"""Kind of database → Debezium's connector."""


def render(options: Options, address: Address, wanted: Wanted) -> Properties:
    """The connector's whole configuration. Raises SourceError for a database that Debezium has no connector for."""
    if address.kind not in CLASSES:
        raise SourceError(
            f"source {options.source}: Debezium has no connector for {address.kind or 'this url'}",
            why=f"there are those for {', '.join(CLASSES)}",
            do="use a source of kind polling",
        )
    of_kind = OF_KIND[address.kind](options, address, wanted)
    return {
        "name": options.connector,
        "connector.class": CLASSES[address.kind],
        "tasks.max": "1",
        **_connection(options, address),
        **of_kind,
        **_tables(wanted),
        **_VALUES,
        **_behaviour(wanted, address, options),
        **_one_topic(options),
        **_PRODUCER,
        **options.config,
    }


def _connection(options: Options, address: Address) -> Properties:
    host, _, port = options.connect_to.rpartition(":")
    return {
        "database.hostname": host,
        "database.port": port,
        "database.user": address.user,
        "database.password": address.password,
        "topic.prefix": options.topic_prefix,
    }


def _tables(wanted: Wanted) -> Properties:
    own = (Captured(wanted.heartbeat_table, ()), Captured(wanted.signal_table, ()))
    every = (*wanted.tables, *own)
    properties = {
        "table.include.list": ",".join(exactly(each.place) for each in every),
        # What no mapping names never leaves the legacy database; nor does it cost anything on the way.
        "column.include.list": ",".join(
            f"{exactly(each.place)}\\.({'|'.join(map(escaped, each.columns))})"
            if each.columns
            else f"{exactly(each.place)}\\..*"
            for each in every
        ),
    }
    keys = [f"{exactly(each.place)}:{','.join(each.key)}" for each in wanted.tables if each.key]
    return properties | ({"message.key.columns": ";".join(keys)} if keys else {})


_VALUES: Final[Properties] = {
    "decimal.handling.mode": "string",
    # One unit for all, so that a number means the same whatever the column's precision.
    "time.precision.mode": "microseconds",
    "binary.handling.mode": "bytes",
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "key.converter.schemas.enable": "false",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
    # Otherwise a NULL becomes the column's default.
    "key.converter.replace.null.with.default": "false",
    "value.converter.replace.null.with.default": "false",
    # An unsigned 64-bit integer as digits, not as bytes.
    "key.converter.decimal.format": "NUMERIC",
    "value.converter.decimal.format": "NUMERIC",
    "header.converter": "org.apache.kafka.connect.json.JsonConverter",
    "header.converter.schemas.enable": "false",
}


def _behaviour(wanted: Wanted, address: Address, options: Options) -> Properties:
    return {
        "snapshot.mode": "no_data",
        "provide.transaction.metadata": "true",
        "tombstones.on.delete": "false",
        # By default Debezium leaves TRUNCATE out.
        "skipped.operations": "none",
        "include.schema.changes": "true",
        "heartbeat.interval.ms": str(max(1, int(wanted.heartbeat * 1000))),
        "heartbeat.action.query": beat_statement(address.kind, wanted.heartbeat_table, options.source),
        "signal.enabled.channels": "source",
        "signal.data.collection": collection(address.kind, address.database, wanted.signal_table),
        "event.processing.failure.handling.mode": "fail",
        "errors.tolerance": "none",
        "errors.log.enable": "true",
        # Rows don't belong into Connect's log.
        "errors.log.include.messages": "false",
        # A connector that tries for ever counts as running. One that has failed is seen, and started again by us.
        "errors.max.retries": "5",
        "retriable.restart.connector.wait.ms": "2000",
        # Headers that repeat with each row what the connector is called.
        "extended.headers.enabled": "false",
        "poll.interval.ms": "50",
        "max.batch.size": "8192",
        "max.queue.size": "32768",
        # Rows are counted above; large ones are bounded by what they weigh.
        "max.queue.size.in.bytes": str(2 * LARGEST),
    }


def _one_topic(options: Options) -> Properties:
    retention = max(WEEK, 2 * options.outage)
    return {
        "transforms": "one",
        "transforms.one.type": "org.apache.kafka.connect.transforms.RegexRouter",
        # Rows, marks of transactions, heartbeats and definitions: everything that comes through Connect.
        "transforms.one.regex": ".*",
        "transforms.one.replacement": options.topic,
        "topic.creation.default.partitions": "1",
        "topic.creation.default.replication.factor": "-1",
        "topic.creation.default.cleanup.policy": "delete",
        "topic.creation.default.retention.ms": str(int(retention * 1000)),
        "topic.creation.default.retention.bytes": "-1",
        "topic.creation.default.max.message.bytes": str(LARGEST),
    }


_PRODUCER: Final[Properties] = {
    "producer.override.acks": "all",
    # Keeps the order although several requests are on their way, and a retry doubles nothing.
    "producer.override.enable.idempotence": "true",
    "producer.override.max.in.flight.requests.per.connection": "5",
    "producer.override.max.request.size": str(LARGEST),
    "producer.override.buffer.memory": str(LARGEST),
    "producer.override.batch.size": str(256 << 10),
    "producer.override.linger.ms": "5",
}
