"""The private Kafka and Kafka Connect that other tests stand on: they come up, recover from a kill, and leave nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import psutil
import psycopg
import pymysql
import pytest
import yaml
from kafka import KafkaConsumer, KafkaProducer

from strangler.errors import StranglerError, Unavailable
from strangler.testing import connect as kafka_connect
from strangler.testing import kafka as kafka_broker
from strangler.testing import kafka_jars
from strangler.testing.shared import Run

WITHIN = 60.0

POSTGRES = "io.debezium.connector.postgresql.PostgresConnector"
MYSQL = "io.debezium.connector.mysql.MySqlConnector"
MARIADB = "io.debezium.connector.mariadb.MariaDbConnector"
SINK = "io.debezium.connector.jdbc.JdbcSinkConnector"


def eventually(found: Callable[[], Any]) -> Any:
    until = time.monotonic() + WITHIN
    while not (answer := found()):
        assert time.monotonic() < until, "it never came to hold"
        time.sleep(0.05)
    return answer


def call(url: str, method: str = "GET", body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    producer.send(topic, value).get(WITHIN)
    producer.close()


def values(bootstrap: str, topic: str) -> Iterator[bytes]:
    """What a topic holds from its start; fails when nothing comes any more."""
    consumer = KafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest",
        consumer_timeout_ms=int(WITHIN * 1000), metadata_max_age_ms=500,
    )  # fmt: skip
    try:
        yield from (record.value for record in consumer if record.value is not None)
    finally:
        consumer.close()


def runs(url: str, connector: str) -> bool:
    try:
        tasks = call(f"{url}/connectors/{connector}/status")["tasks"]
    except urllib.error.HTTPError:
        return False  # registered, but not with a state yet
    assert all(task["state"] != "FAILED" for task in tasks), tasks
    return bool(tasks) and all(task["state"] == "RUNNING" for task in tasks)


def register(url: str, connector: str, config: dict[str, str]) -> None:
    call(f"{url}/connectors/{connector}/config", "PUT", config)
    eventually(lambda: runs(url, connector))


def source(kind: str, url: str, prefix: str) -> dict[str, str]:
    """What every source connector is told of its database."""
    at = urlsplit(url)
    return {
        "connector.class": kind, "topic.prefix": prefix, "database.hostname": str(at.hostname),
        "database.port": str(at.port), "database.user": str(at.username), "database.password": str(at.password),
    }  # fmt: skip


def java_below(pid: int) -> list[psutil.Process]:
    return [each for each in psutil.Process(pid).children(recursive=True) if each.name() == "java"]


def test_what_is_in_kafka_outlives_a_kill() -> None:
    with kafka_broker.broker() as broker:
        produce(broker.bootstrap, "facts", b"before")
        broker.kill()
        assert broker.pid is None
        broker.start()
        produce(broker.bootstrap, "facts", b"after")
        facts = values(broker.bootstrap, "facts")
        assert [next(facts), next(facts)] == [b"before", b"after"]
        facts.close()


def test_a_connector_and_where_it_was_outlive_a_kill(
    kafka: kafka_broker.Standing, postgres_url: str, prefix: str
) -> None:
    config = source(POSTGRES, postgres_url, prefix) | {
        "database.dbname": urlsplit(postgres_url).path[1:], "plugin.name": "pgoutput", "slot.name": prefix,
        "publication.name": prefix, "slot.drop.on.stop": "true", "snapshot.mode": "no_data",
    }  # fmt: skip
    with psycopg.connect(postgres_url, autocommit=True) as legacy, kafka_connect.worker(kafka) as worker:
        legacy.execute("CREATE TABLE party (id integer PRIMARY KEY)")
        register(worker.url, prefix, config)
        legacy.execute("INSERT INTO party VALUES (1)")
        changes = values(kafka.bootstrap, f"{prefix}.public.party")
        assert json.loads(next(changes))["after"] == {"id": 1}
        worker.kill()
        legacy.execute("INSERT INTO party VALUES (2)")
        worker.start()
        assert any(json.loads(change)["after"] == {"id": 2} for change in changes)
        changes.close()
        call(f"{worker.url}/connectors/{prefix}", "DELETE")
        eventually(lambda: not legacy.execute("SELECT FROM pg_replication_slots").fetchall())


def test_a_row_of_mariadb_reaches_postgres_through_source_and_sink(
    kafka: kafka_broker.Standing,
    connect: kafka_connect.Standing,
    mariadb_url: str,
    postgres_url: str,
    prefix: str,
) -> None:
    old, new = urlsplit(mariadb_url), urlsplit(postgres_url)
    json_converter = "org.apache.kafka.connect.json.JsonConverter"
    schemas = {"key.converter": json_converter, "value.converter": json_converter} | {
        "key.converter.schemas.enable": "true", "value.converter.schemas.enable": "true",
    }  # fmt: skip
    reader = source(MARIADB, mariadb_url, prefix) | schemas | {
        "database.server.id": "4711", "database.include.list": old.path[1:],
        "schema.history.internal.kafka.bootstrap.servers": kafka.bootstrap,
        "schema.history.internal.kafka.topic": f"{prefix}.history",
    }  # fmt: skip
    writer = schemas | {
        "connector.class": SINK, "topics": f"{prefix}.{old.path[1:]}.party",
        "connection.url": f"jdbc:postgresql://{new.hostname}:{new.port}{new.path}",
        "connection.username": str(new.username), "connection.password": str(new.password),
        "insert.mode": "upsert", "primary.key.mode": "record_key", "schema.evolution": "basic",
        "collection.name.format": "party",
    }  # fmt: skip
    legacy = pymysql.connect(
        host=old.hostname,
        port=old.port or 0,
        user=old.username,
        password=old.password or "",
        database=old.path[1:],
    )
    with legacy, psycopg.connect(postgres_url, autocommit=True) as store:
        with legacy.cursor() as cursor:
            cursor.execute("CREATE TABLE party (id integer PRIMARY KEY, name varchar(20))")
            cursor.execute("INSERT INTO party VALUES (1, 'Ödipus')")
            legacy.commit()
        register(connect.url, f"{prefix}-reader", reader)
        register(connect.url, f"{prefix}-writer", writer)
        party = "SELECT count(*) FROM pg_tables WHERE tablename = 'party'"
        eventually(lambda: runs(connect.url, f"{prefix}-writer") and store.execute(party).fetchone() == (1,))
        assert eventually(lambda: store.execute("SELECT id, name FROM party").fetchall()) == [(1, "Ödipus")]
        for connector in (f"{prefix}-writer", f"{prefix}-reader"):
            call(f"{connect.url}/connectors/{connector}", "DELETE")


@pytest.mark.parametrize("kind", [POSTGRES, MYSQL, MARIADB, SINK])
def test_connect_has_each_connector_whole(connect: kafka_connect.Standing, kind: str) -> None:
    assert kind in [plugin["class"] for plugin in call(f"{connect.url}/connector-plugins")]
    # It is loaded with all that it stands on, and says by itself what it would still have to know.
    url = f"{connect.url}/connector-plugins/{kind}/config/validate"
    assert call(url, "PUT", {"connector.class": kind})["error_count"] > 0


def test_a_server_that_cant_start_says_why(tmp_path: Path, kafka: kafka_broker.Standing) -> None:
    wrong = kafka_broker.broker(tmp_path / "wrong", settings={"log.retention.hours": "soon"})
    with pytest.raises(Unavailable, match="can't prepare") as caught, wrong:
        pass
    assert "soon" in caught.value.why
    odd = kafka_connect.worker(kafka, tmp_path / "odd", settings={"offset.flush.interval.ms": "often"})
    with pytest.raises(Unavailable, match="exit code") as caught, odd:
        pass
    assert "often" in caught.value.why
    taken = kafka_broker.broker(tmp_path / "taken", port=int(kafka.bootstrap.rpartition(":")[2]))
    with pytest.raises(Unavailable) as caught, taken:
        pass
    assert "another one answers" in caught.value.why


def test_a_server_dies_with_its_parent(tmp_path: Path) -> None:
    announced = tmp_path / "address"
    parent = subprocess.Popen(
        [kafka_jars.DEPLOY / "run", "kafka", "--directory", tmp_path, "--announce", announced]
    )
    eventually(announced.exists)
    (server,) = java_below(parent.pid)
    parent.kill()
    parent.wait()
    server.wait(WITHIN)


def test_a_run_has_one_server_until_it_ends(tmp_path: Path) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as the_run:
        ask = f"print(Run(Path({str(tmp_path)!r}), {the_run.pid}).server('kafka'))"
        command = [sys.executable, "-c", f"from strangler.testing.shared import *; {ask}"]
        askers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        (bootstrap,) = {asker.communicate()[0].strip() for asker in askers}
        # All that asked have ended, the one that started it too.
        produce(bootstrap, "facts", b"it serves")
        keepers = [
            each for each in psutil.process_iter() if str(tmp_path / "kafka.address") in each.cmdline()
        ]
        (server,) = java_below(keepers[0].pid)
    for each in (server, *keepers):
        each.wait(WITHIN)


def test_who_asks_for_a_server_that_cant_start_hears_why_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(Unavailable, match="this run has no kafka") as first:
        Run(tmp_path, 1).server("kafka")
    assert "no Java" in first.value.why
    monkeypatch.undo()
    with pytest.raises(Unavailable) as second:
        Run(tmp_path, 1).server("kafka")
    assert second.value.why == first.value.why


def maven(folder: Path, *lines: str) -> str:
    """A PATH on which Maven is these lines of shell, each run noted in `calls`; the registry is never asked."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "mvn"
    program.write_text(
        "\n".join(
            ["#!/bin/sh", f"echo called >> {folder}/calls", 'for to; do :; done; to="${to#-Dto=}"', *lines]
        )
    )
    program.chmod(0o755)
    return f"{folder / 'bin'}:/usr/bin:/bin"


def test_the_jars_are_fetched_once_however_many_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", maven(tmp_path, 'mkdir "$to" "$to/server" "$to/plugins"'))
    with ThreadPoolExecutor(4) as pool:
        (jars,) = set(pool.map(lambda _: kafka_jars.resolve(), range(4)))
    assert jars.server.is_dir()
    assert jars.plugins.is_dir()
    assert (tmp_path / "calls").read_text() == "called\n"


def test_half_fetched_jars_are_no_jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", maven(tmp_path, 'mkdir "$to" "$to/server"', "echo 'no such artifact'; exit 1"))
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            kafka_jars.resolve()
        assert caught.value.why == "no such artifact"
    assert (tmp_path / "calls").read_text() == "called\ncalled\n"
    assert [each for each in (tmp_path / "cache" / "strangler" / "kafka").iterdir() if each.is_dir()] == []


def test_where_there_is_no_maven_the_way_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StranglerError) as caught:
        kafka_jars.resolve()
    assert "maven" in caught.value.do


def test_the_containers_are_of_the_versions_that_are_tested() -> None:
    pom = ElementTree.parse(kafka_jars.POM)
    versions = {name: pom.findtext(f".//{{*}}properties/{{*}}{name}") for name in ("kafka", "debezium")}
    services = yaml.safe_load((kafka_jars.DEPLOY.parents[1] / "compose.yaml").read_text())["services"]
    assert services["kafka"]["image"].split(":")[1] == versions["kafka"]
    assert services["connect"]["image"].split(":")[1] == versions["debezium"]
    assert all("healthcheck" in service for service in services.values())
