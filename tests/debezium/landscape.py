"""Legacy databases behind a real Kafka Connect with Debezium: one of PostgreSQL, one of MariaDB."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pymysql
from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.protocol.consumer import OffsetSpec
from kafka.structs import TopicPartition
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from strangler.ports import ChangeSource
from strangler.settings import Source
from strangler.testing.change_source import Alteration, Capabilities, Write, alteration_statement, statement
from strangler_connectors.debezium import connect
from tests.sources.slots import drop_slot

SCHEMA = """
CREATE TABLE customer (id integer PRIMARY KEY, name text, note text, credit numeric(12,2));
CREATE TABLE "order-line" ("order" integer, "No" integer, "Text" text, PRIMARY KEY ("No", "order"));
CREATE TABLE scribble (text text);
"""


class Landscape:
    """A legacy database with Debezium before it; `prefix` names all that is made in Kafka and Kafka Connect."""

    capabilities: Capabilities

    def __init__(self, url: str, kafka: str, worker: str, prefix: str) -> None:
        self.url, self.kafka, self.worker, self.prefix = url, kafka, worker, prefix
        with self.cursor() as execute:
            for each in filter(str.strip, SCHEMA.split(";")):
                execute(each, [])

    def source(
        self, tables: Mapping[str, Sequence[str]], heartbeat: float = 30.0, **options: Any
    ) -> ChangeSource:
        given = {"kafka": self.kafka, "connect": self.worker, "connector": self.prefix} | options
        settings = Source(
            kind="debezium",
            url=SecretStr(self.url),
            heartbeat=timedelta(seconds=heartbeat),
            options={name: value for name, value in given.items() if value is not None},
        )
        return connect("erp", settings, tables)

    @contextmanager
    def cursor(self, commit_each: bool = True) -> Iterator[Callable[[str, list[Any]], Any]]:
        raise NotImplementedError
        yield

    @contextmanager
    def transaction(self) -> Iterator[Callable[[Write], None]]:
        with self.cursor(commit_each=False) as execute:
            yield lambda write: execute(*statement(write, "%s"))

    def alter(self, alteration: Alteration) -> None:
        with self.cursor() as execute:
            execute(alteration_statement(alteration), [])

    def rest(self, method: str, path: str, body: Any = None) -> Any:
        """Kafka Connect's answer; None for what isn't there."""
        request = urllib.request.Request(
            self.worker + path, method=method, headers={"Content-Type": "application/json"},
            data=None if body is None else json.dumps(body).encode(),
        )  # fmt: skip
        while True:
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    text = answer.read()
                return json.loads(text) if text else None
            except urllib.error.HTTPError as error:
                if error.code == 404:
                    return None
                if error.code != 409:
                    raise

    def until_state(self, state: str) -> None:
        """Wait until the connector says that it is in `state`."""
        deadline = time.monotonic() + 30
        while self.rest("GET", f"/connectors/{self.prefix}/status")["connector"]["state"] != state:
            assert time.monotonic() < deadline, f"the connector isn't {state}"

    def stop_connector(self) -> None:
        self.rest("PUT", f"/connectors/{self.prefix}/stop")
        self.until_state("STOPPED")
        deadline = time.monotonic() + 30
        while self.rest("GET", f"/connectors/{self.prefix}/status")["tasks"]:
            assert time.monotonic() < deadline, "the connector's task doesn't end"

    def until_known(self) -> None:
        """Wait until Kafka Connect has taken up the connector that was just registered."""
        deadline = time.monotonic() + 30
        while self.rest("GET", f"/connectors/{self.prefix}/status") is None:
            assert time.monotonic() < deadline, "the connector isn't taken up"

    def until_task(self, state: str) -> None:
        """Wait until the connector's task is in `state`."""
        deadline = time.monotonic() + 60
        while [t["state"] for t in self.rest("GET", f"/connectors/{self.prefix}/status")["tasks"]] != [state]:
            assert time.monotonic() < deadline, f"the connector's task isn't {state}"

    def resume_connector(self) -> None:
        self.rest("PUT", f"/connectors/{self.prefix}/resume")

    @contextmanager
    def admin(self) -> Iterator[KafkaAdminClient]:
        client = KafkaAdminClient(bootstrap_servers=self.kafka)
        try:
            yield client
        finally:
            client.close()

    def kafka_traces(self) -> object:
        with self.admin() as admin:
            ours = sorted(name for name in admin.list_topics() if name.startswith(self.prefix))
            groups = sorted(
                g["group_id"] for g in admin.list_groups() if g["group_id"].startswith(self.prefix)
            )
        return ours, groups, [name for name in self.rest("GET", "/connectors") if name == self.prefix]

    def remove_records(self, name: str) -> None:
        """Remove all records of a topic of one partition, as retention does."""
        with self.admin() as admin:
            at = TopicPartition(name, 0)
            end = admin.list_partition_offsets({at: OffsetSpec.LATEST})[at].offset
            admin.delete_records({at: end})

    def alter_notes(self, old: str, new: str) -> None:
        """Put `new` for `old` into what the consumer group remembers."""
        with self.admin() as admin:
            kept = admin.list_group_offsets({self.prefix: None})[self.prefix]
            altered = {
                at: each._replace(metadata=each.metadata.replace(old, new)) for at, each in kept.items()
            }
            assert altered != kept
            admin.alter_group_offsets(self.prefix, altered)

    def remake_topic(self, name: str, partitions: int = 1) -> None:
        """Delete a topic and make it anew under its old name."""
        with self.admin() as admin:
            admin.delete_topics([name])
            while admin.create_topics([NewTopic(name, partitions, 1)], raise_errors=False)["topics"][0][
                "error_code"
            ]:
                pass  # Deleting takes a moment.


class PostgresLandscape(Landscape):
    capabilities = Capabilities(unchanged=True, truncate=True, copy=True, load=True)

    @contextmanager
    def cursor(self, commit_each: bool = True) -> Iterator[Callable[[str, list[Any]], Any]]:
        with psycopg.connect(self.url, autocommit=commit_each) as connection:

            def execute(sql: str, parameters: list[Any]) -> Any:
                found = connection.execute(sql.encode(), parameters)
                return found.fetchall() if found.description else None

            yield execute

    @property
    def slot(self) -> str:
        return self.prefix

    def replace_capture(self) -> None:
        self.stop_connector()
        with self.cursor() as execute:
            drop_slot(execute, self.slot)
            execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [self.slot])
        self.resume_connector()

    def traces(self) -> object:
        with self.cursor() as execute:
            found = execute(
                """
                SELECT ARRAY(SELECT slot_name::text FROM pg_replication_slots WHERE database = current_database()),
                    ARRAY(SELECT pubname::text FROM pg_publication),
                    ARRAY(SELECT prrelid::regclass::text FROM pg_publication_rel ORDER BY 1),
                    ARRAY(SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1),
                    (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_proc)
                """,
                [],
            )
        return found, self.kafka_traces()


class MariadbLandscape(Landscape):
    capabilities = Capabilities(truncate=True, load=True)

    @contextmanager
    def cursor(self, commit_each: bool = True) -> Iterator[Callable[[str, list[Any]], Any]]:
        url = make_url(self.url)
        connection = pymysql.connect(
            host=url.host, port=url.port or 3306, user=url.username, password=str(url.password or ""),
            database=url.database, autocommit=commit_each, sql_mode="ANSI_QUOTES,STRICT_TRANS_TABLES",
            charset="utf8mb4",
        )  # fmt: skip
        with connection, connection.cursor() as cursor:

            def execute(sql: str, parameters: list[Any]) -> Any:
                cursor.execute(sql, parameters or None)
                return cursor.fetchall()

            yield execute
            connection.commit()

    def alter(self, alteration: Alteration) -> None:
        action, table, column, type = alteration
        how = {
            "add": f'ADD COLUMN "{column}" {type}',
            "drop": f'DROP COLUMN "{column}"',
            "retype": f'MODIFY COLUMN "{column}" {type}',
        }
        with self.cursor() as execute:
            execute(f'ALTER TABLE "{table}" {how[action]}', [])

    def replace_capture(self) -> None:
        self.stop_connector()
        self.remake_topic(f"{self.prefix}.changes")
        self.resume_connector()

    def traces(self) -> object:
        with self.cursor() as execute:
            found = execute("SHOW TABLES", [])
        return found, self.kafka_traces()
