"""A connector that somebody else registered, as Debezium makes it by default: a topic for each table, of several partitions, and rows with
their schema. The transaction topic then puts together what belongs together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from strangler.changes import ORIGIN, Transaction
from strangler.errors import SourceError, SourceLost
from strangler.settings import Source
from strangler.testing.change_source import commit, delete, insert, read_until, update
from strangler.testing.connect import Standing as StandingConnect
from strangler.testing.kafka import Standing as StandingKafka
from strangler_connectors.databases import open_database
from strangler_connectors.debezium import watermark
from tests.debezium.landscape import PostgresLandscape

TABLES = {"customer": ["name", "credit"], "order-line": ["Text"]}
PUBLISHED = 'customer, "order-line", strangler_heartbeat'


class Foreign(PostgresLandscape):
    """PostgreSQL behind a connector of somebody else's."""

    marks = True
    partitions_of_marks = "1"

    def register(self) -> None:
        url = make_url(self.url)
        settings = Source(kind="debezium", url=SecretStr(self.url), heartbeat=timedelta(seconds=1))
        watermark.create(open_database("erp", settings, {}), "erp")
        with self.cursor() as execute:
            execute(f'CREATE PUBLICATION "{self.prefix}" FOR TABLE {PUBLISHED}', [])
            execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [self.prefix])
        config = {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "database.hostname": url.host,
            "database.port": str(url.port),
            "database.user": url.username,
            "database.password": str(url.password),
            "database.dbname": url.database,
            "topic.prefix": self.prefix,
            "plugin.name": "pgoutput",
            "slot.name": self.prefix,
            "publication.name": self.prefix,
            "snapshot.mode": "no_data",
            "provide.transaction.metadata": str(self.marks).lower(),
            "poll.interval.ms": "50",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter.schemas.enable": "true",
            "topic.creation.default.partitions": "3",
            "topic.creation.default.replication.factor": "1",
            "topic.creation.groups": "marks",
            "topic.creation.marks.include": r".*\.transaction",
            "topic.creation.marks.partitions": self.partitions_of_marks,
        }
        self.rest("PUT", f"/connectors/{self.prefix}/config", config)
        self.until_known()
        self.until_task("RUNNING")

    def theirs(self) -> Any:
        return self.source(
            TABLES, heartbeat=1.0, connect=None, connector=None, topic_prefix=self.prefix, group=self.prefix
        )

    def unregister(self) -> None:
        self.stop_connector()
        self.rest("DELETE", f"/connectors/{self.prefix}")


@pytest.fixture
def foreign(
    postgres_url: str, kafka: StandingKafka, connect: StandingConnect, prefix: str
) -> Iterator[Foreign]:
    landscape = Foreign(postgres_url, kafka.bootstrap, connect.url, prefix)
    landscape.register()
    yield landscape
    landscape.unregister()


def count(read: list[Transaction]) -> int:
    return sum(len(transaction.changes) for transaction in read)


def test_transactions_come_whole_and_in_order_from_topics_of_several_partitions(foreign: Foreign) -> None:
    with closing(foreign.theirs()) as source:
        identity = source.prepare()
        for i in range(40):
            # Both tables and all partitions in each transaction.
            rows = [insert("customer", id=i * 10 + n, name=f"{i}.{n}", credit="12.30") for n in range(5)]
            commit(
                foreign,
                *rows,
                insert("order-line", order=i, No=i, Text="x"),
                update("customer", {"id": i * 10}, name="y"),
            )
        with source.stream(ORIGIN, identity) as stream:
            read = read_until(stream, lambda so_far: count(so_far) >= 280)
            half = [t for t in read if t.changes][19].position
            stream.acknowledge(half)
        whole = [t for t in read if t.changes]
        assert [len(t.changes) for t in whole] == [7] * 40
        assert [t.changes[0].after["name"] for t in whole if t.changes[0].after] == [
            f"{i}.0" for i in range(40)
        ]
        assert [t.changes[6].after["name"] for t in whole if t.changes[6].after] == ["y"] * 40
        with source.stream(half, identity) as stream:
            again = read_until(stream, lambda so_far: count(so_far) >= 140)
        assert [t for t in again if t.changes] == whole[20:]
        source.drop()


def test_a_topic_of_a_table_that_was_made_anew_is_noticed(foreign: Foreign) -> None:
    with closing(foreign.theirs()) as source:
        identity = source.prepare()
        commit(foreign, insert("customer", id=1, name="a"), delete("customer", {"id": 1}))
        with source.stream(ORIGIN, identity) as stream:
            after = read_until(stream, lambda so_far: count(so_far) >= 2)[-1].position
            stream.acknowledge(after)
        foreign.remake_topic(f"{foreign.prefix}.public.customer", 3)
        with pytest.raises(SourceLost, match="made anew"):
            source.stream(after, identity)
        source.drop()


def test_a_table_that_was_made_anew_is_a_loss_though_its_topic_goes_on(foreign: Foreign) -> None:
    with closing(foreign.theirs()) as source:
        identity = source.prepare()
        commit(foreign, insert("customer", id=1, name="a"))
        with source.stream(ORIGIN, identity) as stream:
            read_until(stream, lambda so_far: count(so_far) >= 1)
            with foreign.cursor() as execute:
                execute("DROP TABLE customer", [])
                execute(
                    "CREATE TABLE customer (id integer PRIMARY KEY, name text, note text, credit numeric(12,2))",
                    [],
                )
                execute(f'ALTER PUBLICATION "{foreign.prefix}" ADD TABLE customer', [])
            with pytest.raises(SourceLost, match="made anew"):
                read_until(stream, lambda _: False)
        source.drop()


def test_several_topics_without_marks_of_transactions_are_refused(
    postgres_url: str, kafka: StandingKafka, connect: StandingConnect, prefix: str
) -> None:
    landscape = Foreign(postgres_url, kafka.bootstrap, connect.url, prefix)
    with closing(landscape.theirs()) as source:
        with pytest.raises(SourceError, match="put together") as refused:
            source.prepare()
        assert "provide.transaction.metadata=true" in refused.value.do


def test_a_transaction_topic_of_several_partitions_is_refused(
    postgres_url: str, kafka: StandingKafka, connect: StandingConnect, prefix: str
) -> None:
    landscape = Foreign(postgres_url, kafka.bootstrap, connect.url, prefix)
    landscape.partitions_of_marks = "3"
    landscape.register()
    with closing(landscape.theirs()) as source:
        with pytest.raises(SourceError, match="3 partitions") as refused:
            source.prepare()
        assert "--partitions 1" in refused.value.do
    landscape.unregister()
