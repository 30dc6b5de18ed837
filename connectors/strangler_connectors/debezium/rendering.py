"""Rendering: the Debezium configuration that a migration needs, for each kind of database. Pure.

Everything of a connector goes into one topic of one partition: Debezium reads its log with one task anyway, and only
within a partition does the order stay. Rows are JSON without schemas, in the forms that lose nothing. Debezium takes
no snapshot: Strangler fills stores set-wise, by itself. What Debezium or Kafka Connect would leave out or put right in
silence is turned off.

A property of the option `config` goes before what is rendered here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

from strangler.errors import SourceError
from strangler_connectors.databases import Place
from strangler_connectors.databases.address import Address
from strangler_connectors.debezium.options import Options
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

Properties = dict[str, str]


@dataclass(frozen=True, slots=True)
class Captured:
    """A place whose rows are captured, with the columns that are asked for. `key`: what identifies a row where the table has
    no primary key; else empty. `large`: it has large objects, which Oracle sends only when asked to."""

    place: Place
    columns: tuple[str, ...]
    key: tuple[str, ...] = ()
    large: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a connector is to do: which rows it captures, where our own two tables stand, seconds between two heartbeats."""

    tables: Sequence[Captured]
    heartbeat_table: Place
    signal_table: Place
    heartbeat: float


def render(options: Options, address: Address, wanted: Wanted) -> Properties:
    """The connector's whole configuration. Raises SourceError for a database that Debezium has no connector for."""
    if address.kind not in CLASSES:
        raise SourceError(
            f"source {options.source}: Debezium has no connector for {address.kind or 'this url'}",
            why=f"there are those for {', '.join(CLASSES)}",
            do="use a source of kind polling",
        )
    of_kind = _OF_KIND[address.kind](options, address, wanted)
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


def collection(kind: str, catalog: str, place: Place) -> str:
    """A table as Debezium's signals name it."""
    return f"{catalog}.{place}" if kind in ("mssql", "oracle") and catalog else str(place)


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
        "table.include.list": ",".join(_exactly(each.place) for each in every),
        # What no mapping names never leaves the legacy database; nor does it cost anything on the way.
        "column.include.list": ",".join(
            f"{_exactly(each.place)}\\.({'|'.join(map(_escaped, each.columns))})"
            if each.columns
            else f"{_exactly(each.place)}\\..*"
            for each in every
        ),
    }
    keys = [f"{_exactly(each.place)}:{','.join(each.key)}" for each in wanted.tables if each.key]
    return properties | ({"message.key.columns": ";".join(keys)} if keys else {})


_VALUES: Final[Properties] = {
    "decimal.handling.mode": "string",
    # One unit for all, so that a number means the same whatever the column's precision.
    "time.precision.mode": "microseconds",
    "binary.handling.mode": "base64",
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


def _postgresql(options: Options, address: Address, wanted: Wanted) -> Properties:
    return {
        "database.dbname": address.database,
        "plugin.name": "pgoutput",
        "slot.name": options.slot,
        "slot.drop.on.stop": "false",
        # A slot that was made anew is behind a gap: stop, instead of going on beyond it.
        "offset.mismatch.strategy": "trust_offset",
        # By default it tries for a minute before it says so.
        "slot.max.retries": "3",
        "slot.retry.delay.ms": "3000",
        "publication.name": options.slot,
        "publication.autocreate.mode": "disabled",
        "interval.handling.mode": "string",
        "hstore.handling.mode": "json",
        "include.unknown.datatypes": "true",
        # There are no messages of ours in this log, and others' aren't rows.
        "message.prefix.exclude.list": ".*",
    }


def _binlog(options: Options, address: Address, wanted: Wanted) -> Properties:
    places = [*(each.place for each in wanted.tables), wanted.heartbeat_table, wanted.signal_table]
    databases = dict.fromkeys(place.schema for place in places)
    return {
        "database.include.list": ",".join(_escaped(each) for each in databases),
        # Each replica of a server has a number of its own.
        "database.server.id": str(1 << 30 | crc32(options.connector.encode()) >> 2),
        "bigint.unsigned.handling.mode": "precise",
        # The server has put years of two digits right when it stored them; year 20 is the year 20.
        "enable.time.adjuster": "false",
        # The definitions are read without the lock that would stop the ERP's writers.
        "snapshot.locking.mode": "none",
        "event.deserialization.failure.handling.mode": "fail",
        "inconsistent.schema.handling.mode": "fail",
        **_history(options),
    }


def _sql_server(options: Options, address: Address, wanted: Wanted) -> Properties:
    return {
        "database.names": address.database,
        # Reading the definitions under the default would lock every captured table.
        "snapshot.isolation.mode": "read_committed",
        **_history(options),
    }


def _oracle(options: Options, address: Address, wanted: Wanted) -> Properties:
    large = any(each.large for each in wanted.tables)
    return {
        "database.dbname": address.database,
        # Which follows altered tables, but doesn't go together with large objects.
        "log.mining.strategy": "online_catalog" if large else "hybrid",
        **({"lob.enabled": "true"} if large else {}),
        "interval.handling.mode": "string",
        "snapshot.locking.mode": "none",
        **_history(options),
    }


def _db2(options: Options, address: Address, wanted: Wanted) -> Properties:
    return {
        "database.dbname": address.database,
        "snapshot.isolation.mode": "read_committed",
        **_history(options),
    }


_OF_KIND: Final = {
    "postgresql": _postgresql,
    "mysql": _binlog,
    "mariadb": _binlog,
    "mssql": _sql_server,
    "oracle": _oracle,
    "db2": _db2,
}


def _history(options: Options) -> Properties:
    """These logs don't say what their tables look like; Debezium keeps that in a topic of its own, past every transform.

    All tables' definitions are kept, not only the captured ones': a function that moves next brings new tables.
    """
    client = _java_client(options.client)
    return {
        "schema.history.internal.kafka.bootstrap.servers": options.kafka,
        "schema.history.internal.kafka.topic": f"{options.topic_prefix}.schema-history",
        "schema.history.internal.store.only.captured.tables.ddl": "false",
        **{f"schema.history.internal.{side}.{key}": value for side in ("producer", "consumer") for key, value in client.items()},
    }  # fmt: skip


def _java_client(client: Mapping[str, Any]) -> Properties:
    """kafka-python's security settings in Java's words, as far as they hold on another machine too (files don't)."""
    properties = {
        java: str(client[python])
        for python, java in (("security_protocol", "security.protocol"), ("sasl_mechanism", "sasl.mechanism"))
        if client.get(python)
    }
    user, mechanism = client.get("sasl_plain_username"), str(client.get("sasl_mechanism", ""))
    if user:
        module = "scram.ScramLoginModule" if mechanism.startswith("SCRAM") else "plain.PlainLoginModule"
        password = client.get("sasl_plain_password", "")
        properties["sasl.jaas.config"] = (
            f"org.apache.kafka.common.security.{module} required "
            f"username={_java_string(str(user))} password={_java_string(str(password))};"
        )
    return properties


def _java_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _exactly(place: Place) -> str:
    """A regular expression of Java's for this place and no other."""
    return f"{_escaped(place.schema)}\\.{_escaped(place.name)}"


def _escaped(name: str) -> str:
    """Debezium also splits its lists at commas that aren't escaped."""
    return re.sub(r"([^\w])", r"\\\1", name)


_SECRET: Final = re.compile(r"password|secret|jaas\.config|token|credential|\.key$", re.IGNORECASE)
_PROVIDED: Final = re.compile(r"^\$\{[^}]+\}$")

HIDDEN: Final = "****"


def shown(name: str, value: str) -> str:
    """The property's value as it may be printed: a secret is hidden, what names a place of Connect's config providers isn't."""
    return HIDDEN if _SECRET.search(name) and value and not _PROVIDED.match(value) else value


def difference(
    rendered: Mapping[str, str], registered: Mapping[str, str]
) -> dict[str, tuple[str | None, str | None]]:
    """What registering `rendered` would change: property → (as it is now, as it will be); None where it isn't."""
    return {
        name: (registered.get(name), rendered.get(name))
        for name in {**rendered, **registered}
        if registered.get(name) != rendered.get(name)
    }
