"""The Debezium connector passes the conformance suite of its port, on PostgreSQL and on MariaDB, through real Kafka Connect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from strangler.testing.change_source import ChangeSourceContract
from strangler.testing.connect import Standing as StandingConnect
from strangler.testing.kafka import Standing as StandingKafka
from tests.debezium.landscape import MariadbLandscape, PostgresLandscape

pytestmark = pytest.mark.slow


class TestPostgres(ChangeSourceContract):
    @pytest.fixture
    def legacy(
        self, postgres_url: str, kafka: StandingKafka, connect: StandingConnect, prefix: str
    ) -> Iterator[PostgresLandscape]:
        landscape = PostgresLandscape(postgres_url, kafka.bootstrap, connect.url, prefix)
        yield landscape
        landscape.source({"customer": ["name"]}).drop()


class TestMariadb(ChangeSourceContract):
    @pytest.fixture
    def legacy(
        self, mariadb_url: str, kafka: StandingKafka, connect: StandingConnect, prefix: str
    ) -> Iterator[MariadbLandscape]:
        landscape = MariadbLandscape(mariadb_url, kafka.bootstrap, connect.url, prefix)
        yield landscape
        landscape.source({"customer": ["name"]}).drop()
