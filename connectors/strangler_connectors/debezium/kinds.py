"""What only one kind of database needs of its connector: how its log is read, and how its tables' definitions are known. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from zlib import crc32

from strangler_connectors.databases.address import Address
from strangler_connectors.debezium.options import Options
from strangler_connectors.debezium.wanted import Wanted, escaped

Properties = dict[str, str]


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
        "database.include.list": ",".join(escaped(each) for each in databases),
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


OF_KIND: Final = {
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
