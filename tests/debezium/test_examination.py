"""What `strangler doctor` is told of a debezium source: what Kafka Connect lacks, and a slot that is gone."""

from __future__ import annotations

from contextlib import closing

import pytest

from strangler.ports import ChangeSource, Finding
from strangler.testing import connect as kafka_connect
from strangler.testing import kafka as kafka_broker
from tests.debezium.landscape import PostgresLandscape
from tests.sources.slots import drop_slot

TABLES = {"customer": ["name"]}


@pytest.fixture
def landscape(
    postgres_url: str, kafka: kafka_broker.Standing, connect: kafka_connect.Standing, prefix: str
) -> PostgresLandscape:
    return PostgresLandscape(postgres_url, kafka.bootstrap, connect.url, prefix)


def blocking(source: ChangeSource) -> list[Finding]:
    return [each for each in source.examine(1.0) if each.blocks]


def test_a_plugin_that_kafka_connect_does_not_have_is_said(landscape: PostgresLandscape) -> None:
    config = {"connector.class": "io.debezium.connector.oracle.OracleConnector"}
    with closing(landscape.source(TABLES)) as source:
        assert blocking(source) == []
    with closing(landscape.source(TABLES, config=config)) as source:
        [finding] = blocking(source)
    assert "doesn't have io.debezium.connector.oracle.OracleConnector" in finding.what
    assert "PostgresConnector" in finding.what
    assert "plugin.path" in finding.do


def test_a_slot_that_is_gone_is_said_before_the_connector_misses_it(landscape: PostgresLandscape) -> None:
    with closing(landscape.source(TABLES, heartbeat=1.0)) as source:
        source.prepare()
        try:
            assert blocking(source) == []
            landscape.stop_connector()
            with landscape.cursor() as execute:
                drop_slot(execute, landscape.slot)
            found = blocking(source)
        finally:
            source.drop()
    [finding] = [each for each in found if "no longer there" in each.what]
    assert landscape.slot in finding.what
    assert "strangler source reset" in finding.do
