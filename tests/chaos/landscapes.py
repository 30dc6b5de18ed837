"""Landscapes: a legacy database, what lies between, and what of it may be killed; described to Strangler in one file."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from strangler.configuration import load
from strangler.settings import Settings
from strangler.testing import connect, kafka, mariadb, postgres
from tests.chaos import database
from tests.chaos.victims import Mortal

SOURCE, FUNCTION, STORE = "erp", "partners", "service"

ENTITIES: Final = {
    "partner": {
        "table": "partner",
        "key": "id",
        "fields": {name: name for name in database.PARTNER} | {"name": "TRIM(name)"},
    },
    "clerk": {"table": "clerk", "key": "id", "fields": {"id": "id", "entries": "entries"}},
}

PARTITIONS: Final = 4
"""Of the log in Kafka: more than one, so that keys go different ways."""


@dataclass(frozen=True)
class Landscape:
    """`url` is the legacy database; `mortals` all that is killed, beside our worker, by name."""

    home: Path
    url: str
    kind: database.Kind
    mortals: dict[str, Mortal]
    source: dict[str, Any]
    log: dict[str, Any]
    store: str

    @cached_property
    def configuration(self) -> Path:
        """The file that describes it to Strangler."""
        function = {"source": SOURCE, "store": STORE, "entities": ENTITIES}
        document = {
            "name": "chaos",
            "sources": {SOURCE: {"url": self.url, "heartbeat": "1s", **self.source}},
            "stores": {STORE: {"url": self.store}},
            "log": self.log,
            "sync": {"batch": 200, "chunk": 3000},
            "console": {"port": 0},
            "functions": {FUNCTION: function},
        }
        path = self.home / "strangler.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    @cached_property
    def settings(self) -> Settings:
        return load(self.configuration)


@dataclass(frozen=True)
class Servers:
    """Starts private servers that may be killed, each when it is first asked for; `stack` stops them."""

    home: Path
    stack: ExitStack

    @cached_property
    def broker(self) -> kafka.Broker:
        return self.stack.enter_context(kafka.broker(self.home / "kafka"))

    @cached_property
    def connect(self) -> connect.Worker:
        return self.stack.enter_context(connect.worker(self.broker, self.home / "connect"))

    def postgres(self) -> postgres.Server:
        """A new one, durable."""
        return self.stack.enter_context(postgres.server(self._new("postgres"), fsync="on"))

    def mariadb(self) -> mariadb.Server:
        """A new one, durable."""
        settings = {"sync_binlog": "1", "innodb_flush_log_at_trx_commit": "1"}
        return self.stack.enter_context(mariadb.server(self._new("mariadb"), **settings))

    def _new(self, name: str) -> Path:
        return self.home / f"{name}-{secrets.token_hex(3)}"


def of_postgres(home: Path, servers: Servers, store: str) -> Landscape:
    """PostgreSQL, read directly; the log in SQLite."""
    legacy = servers.postgres()
    url = legacy.create_database("legacy")
    return Landscape(
        home, url, database.POSTGRES, {"legacy": legacy}, {"kind": "postgres"}, {"kind": "sql"}, store
    )


def of_mysql(home: Path, servers: Servers, store: str) -> Landscape:
    """MariaDB, its binlog read directly; the log in Kafka."""
    legacy, broker = servers.mariadb(), servers.broker
    mortals: dict[str, Mortal] = {"legacy": legacy, "kafka": broker}
    url = legacy.create_database("legacy")
    return Landscape(home, url, database.MARIADB, mortals, {"kind": "mysql"}, _log(broker), store)


def of_debezium(home: Path, servers: Servers, store: str) -> Landscape:
    """PostgreSQL, read by Debezium; the log in Kafka."""
    legacy, broker, worker = servers.postgres(), servers.broker, servers.connect
    mortals: dict[str, Mortal] = {"legacy": legacy, "kafka": broker, "connect": worker}
    options = {"kafka": broker.bootstrap, "connect": worker.url, "connector": f"chaos_{secrets.token_hex(3)}"}
    source = {"kind": "debezium", "options": options}
    url = legacy.create_database("legacy")
    return Landscape(home, url, database.POSTGRES, mortals, source, _log(broker), store)


WAYS: Final = {"postgres": of_postgres, "mysql": of_mysql, "debezium": of_debezium}


def _log(broker: kafka.Broker) -> dict[str, Any]:
    options = {"prefix": f"chaos-{secrets.token_hex(3)}", "partitions": PARTITIONS}
    return {"kind": "kafka", "url": f"kafka://{broker.bootstrap}", "options": options}
