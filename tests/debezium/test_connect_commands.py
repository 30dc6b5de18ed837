"""`strangler connect` against a real Kafka Connect, with PostgreSQL and MariaDB as legacy databases."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from kafka import KafkaConsumer

from strangler.cli.main import root
from strangler.settings import Source
from strangler.testing import connect as kafka_connect
from strangler.testing import kafka as kafka_broker
from strangler.urls import kind
from strangler_connectors.databases import Database, open_database
from strangler_connectors.debezium import registration
from strangler_connectors.debezium.options import Options, read
from strangler_connectors.debezium.rest import Connect

PATIENCE = 60.0


class Erp:
    """A legacy database, and the commands with a configuration whose source `erp` it is."""

    def __init__(self, url: str, kafka: str, connect: str, prefix: str, folder: Path) -> None:
        self.url, self.kafka, self.prefix, self.folder = url, kafka, prefix, folder
        self.options = {"kafka": kafka, "connect": connect, "connector": prefix}
        self.fields = {"id": "id", "name": "name"}
        self.database.execute(
            "CREATE TABLE party (id integer PRIMARY KEY, name varchar(80), iban varchar(34))"
        )

    @property
    def settings(self) -> Source:
        return Source.model_validate({"kind": "debezium", "url": self.url, "options": self.options})

    @property
    def database(self) -> Database:
        return open_database("t_erp", self.settings, {}, self.read_options.slot)

    @property
    def read_options(self) -> Options:
        return read("t_erp", self.settings)

    @property
    def rest(self) -> Connect:
        return Connect("erp", self.options["connect"])

    def run(self, *arguments: str, input: str | None = None) -> Result:
        """Run `strangler connect …`; no password of the URL may ever be printed."""
        configuration = {
            "name": "t",
            "sources": {
                "erp": {"kind": "debezium", "url": self.url, "heartbeat": "1s", "options": self.options},
                "files": {"kind": "sqlite", "url": "sqlite:///erp.db"},
            },
            "stores": {"new": {"url": "sqlite:///new.db"}},
            "functions": {
                "party": {
                    "source": "erp",
                    "store": "new",
                    "entities": {"party": {"table": "party", "key": "id", "fields": self.fields}},
                }
            },
        }
        path = self.folder / "strangler.yaml"
        path.write_text(yaml.safe_dump(configuration))
        command = ["--config", str(path), "connect", *arguments]
        result = CliRunner(env={"COLUMNS": "200"}).invoke(root, command, input=input)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert self.url.split("@")[0].rpartition(":")[2] not in result.output
        return result

    def apply(self) -> None:
        """Register, and wait until what is written comes: Debezium's own heartbeat is the first to."""
        assert self.run("apply").exit_code == 0
        self.first(lambda each: "op" in each and each["source"]["table"] == "strangler_heartbeat")

    def messages(self) -> Iterator[dict[str, Any]]:
        """What stands in the connector's topic from its beginning, and what comes, for a while."""
        consumer = KafkaConsumer(
            f"{self.prefix}.changes",
            bootstrap_servers=self.kafka,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        try:
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                for records in consumer.poll(timeout_ms=500).values():
                    yield from (json.loads(record.value) for record in records)
        finally:
            consumer.close()

    def first(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        return next(each for each in self.messages() if wanted(each))


def of_party(message: dict[str, Any], op: str) -> bool:
    return message.get("op") == op and message["source"]["table"] == "party"


@pytest.fixture(params=["postgresql", "mariadb"])
def erp(
    request: pytest.FixtureRequest, kafka: kafka_broker.Standing, connect: kafka_connect.Standing, prefix: str, tmp_path: Path
) -> Iterator[Erp]:  # fmt: skip
    url = request.getfixturevalue("postgres_url" if request.param == "postgresql" else "mariadb_url")
    made = Erp(url, kafka.bootstrap, connect.url, prefix, tmp_path)
    yield made
    registration.remove(made.read_options, made.database)


@pytest.fixture
def pg(
    postgres_url: str, kafka: kafka_broker.Standing, connect: kafka_connect.Standing, prefix: str, tmp_path: Path
) -> Iterator[Erp]:  # fmt: skip
    made = Erp(postgres_url, kafka.bootstrap, connect.url, prefix, tmp_path)
    yield made
    registration.remove(made.read_options, made.database)


def test_a_connector_is_planned_registered_watched_and_removed(erp: Erp) -> None:
    planned = erp.run("plan")
    assert planned.exit_code == 0, planned.output
    assert "not registered yet" in planned.output
    assert "database.password" in planned.output
    assert "****" in planned.output
    assert "CREATE TABLE strangler_heartbeat" in planned.output
    assert ("CREATE PUBLICATION" in planned.output) is (kind(erp.url) == "postgresql")
    assert not erp.database.places(["strangler_heartbeat"]), "planning made something"
    assert erp.rest.config(erp.prefix) is None

    before = erp.run("status", "--json")
    assert before.exit_code == 1
    assert json.loads(before.output)[0]["state"] == "unregistered"

    applied = erp.run("apply")
    assert (applied.exit_code, applied.output) == (
        0,
        f"source erp: the connector {erp.prefix} is registered, and runs\n",
    )

    status = erp.run("status", "--json")
    assert status.exit_code == 0, status.output
    found = json.loads(status.output)[0]
    assert (found["connector"], found["state"], found["running"]) == (erp.prefix, "RUNNING", True)
    assert [task["state"] for task in found["tasks"]] == ["RUNNING"]
    assert "running" in erp.run("status").output

    again = erp.run("plan")
    assert "registered as it is to be" in again.output
    assert "CREATE" not in again.output
    assert erp.run("apply").output == f"source erp: the connector {erp.prefix} was up to date, and runs\n"

    removed = erp.run("remove", "erp", "--yes")
    assert removed.exit_code == 0, removed.output
    assert erp.rest.config(erp.prefix) is None
    assert not erp.database.places(["strangler_heartbeat", "strangler_signal"])
    assert erp.run("status").exit_code == 1
    assert erp.run("remove", "erp", "--yes").exit_code == 0


def test_only_mapped_columns_come_and_a_null_stays_one(erp: Erp) -> None:
    erp.database.execute("ALTER TABLE party ALTER COLUMN name SET DEFAULT 'nobody'")
    erp.apply()
    erp.database.execute("INSERT INTO party (id, name, iban) VALUES (1, NULL, 'DE00')")
    assert erp.first(lambda each: of_party(each, "c"))["after"] == {"id": 1, "name": None}


def test_truncating_is_seen(erp: Erp) -> None:
    erp.apply()
    erp.database.execute("INSERT INTO party (id) VALUES (1)")
    erp.database.execute("TRUNCATE TABLE party")
    assert erp.first(lambda each: of_party(each, "t"))


def test_a_table_is_read_anew_when_asked(erp: Erp) -> None:
    erp.database.execute("INSERT INTO party (id, name) VALUES (7, 'Ada')")
    erp.apply()
    asked = erp.run("snapshot", "erp")
    assert (asked.exit_code, asked.output) == (
        0, "source erp: asked Debezium to read party anew; changes go on meanwhile\n",
    )  # fmt: skip
    read = erp.first(lambda each: of_party(each, "r"))
    assert (read["after"], read["source"]["snapshot"]) == ({"id": 7, "name": "Ada"}, "incremental")
    stopped = erp.run("snapshot", "erp", "party", "--stop")
    assert stopped.output == "source erp: asked Debezium to leave off reading party\n"
    signals = erp.database.execute("SELECT type FROM strangler_signal WHERE type LIKE '%-snapshot'")
    assert sorted(row[0] for row in signals) == ["execute-snapshot", "stop-snapshot"]


def test_a_mapping_that_takes_another_column_is_seen_in_plan_and_brought_up_to_date(pg: Erp) -> None:
    assert pg.run("apply").exit_code == 0
    pg.fields["iban"] = "iban"
    pg.options["config"] = {"max.batch.size": 100}
    planned = pg.run("plan")
    assert "2 of its properties differ" in planned.output
    assert "~" in planned.output
    assert "column.include.list" in planned.output
    assert "topic.prefix" not in planned.output
    assert "topic.prefix" in pg.run("plan", "--all").output
    changed = [
        each for each in json.loads(pg.run("plan", "--json").output)[0]["properties"] if each["changes"]
    ]
    assert [(each["name"], each["now"], each["planned"]) for each in changed if "batch" in each["name"]] == [
        ("max.batch.size", "8192", "100")
    ]
    assert "is up to date, 2 properties changed, and runs" in pg.run("apply").output
    assert pg.run("plan").output.count("~") == 0
    pg.database.execute("INSERT INTO party (id, iban) VALUES (1, 'DE00')")
    assert pg.first(lambda each: of_party(each, "c"))["after"] == {"id": 1, "name": None, "iban": "DE00"}


def test_what_the_database_lacks_is_named_with_its_cure_and_nothing_is_made(pg: Erp) -> None:
    pg.database.execute("ALTER TABLE party REPLICA IDENTITY NOTHING")
    for command in ("plan", "apply"):
        refused = pg.run(command)
        assert refused.exit_code == 2
        assert 'ALTER TABLE "public"."party" REPLICA IDENTITY FULL' in refused.output
    assert not pg.database.places(["strangler_heartbeat"])
    assert pg.rest.config(pg.prefix) is None


def test_a_privilege_that_is_missing_is_planned_with_the_statement_that_grants_it(pg: Erp) -> None:
    owner, role = pg.url, f"clerk_{pg.prefix}"
    pg.database.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'quill-and-ink'")
    pg.database.execute(f"ALTER TABLE party OWNER TO {role}")
    pg.url = f"postgresql://{role}:quill-and-ink@{owner.partition('@')[2]}"
    try:
        planned = pg.run("plan")
        assert planned.exit_code == 1
        assert f'ALTER ROLE "{role}" REPLICATION' in planned.output
        assert json.loads(pg.run("plan", "--json").output)[0]["findings"][0]["blocks"]
        applied = pg.run("apply")
        assert applied.exit_code == 2
        assert "nothing was created" in applied.output
    finally:
        pg.url = owner
        pg.database.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
        pg.database.execute(f"DROP ROLE {role}")
    assert not pg.database.places(["strangler_heartbeat"])
    assert pg.rest.config(pg.prefix) is None


def test_a_table_without_a_primary_key_is_captured_by_the_columns_that_identify_it(pg: Erp) -> None:
    pg.database.execute("ALTER TABLE party DROP CONSTRAINT party_pkey")
    pg.database.execute("ALTER TABLE party REPLICA IDENTITY FULL")
    pg.options["keys"] = {"party": ["id"]}
    assert pg.run("apply").exit_code == 0
    assert pg.rest.config(pg.prefix)["message.key.columns"] == r"public\.party:id"


def test_a_lost_slot_is_said_with_what_to_do(pg: Erp) -> None:
    pg.apply()
    pg.database.execute("INSERT INTO party (id) VALUES (1)")
    pg.first(lambda each: of_party(each, "c"))
    pg.rest.stop(pg.prefix)
    until(lambda: drop_slot(pg))
    pg.rest.resume(pg.prefix)
    until(
        lambda: [t["state"] for t in json.loads(pg.run("status", "--json").output)[0]["tasks"]] == ["FAILED"]
    )
    status = pg.run("status")
    assert status.exit_code == 1
    assert "the server no longer has what is to be read next" in status.output
    assert "strangler source reset" in status.output
    assert "\tat " not in status.output


def test_a_password_that_the_database_refuses_is_told_by_property(pg: Erp) -> None:
    pg.options["config"] = {"database.password": "wrong"}
    applied = pg.run("apply")
    assert applied.exit_code == 2
    assert "doesn't accept the connector" in applied.output
    assert "password authentication failed" in applied.output
    assert pg.rest.config(pg.prefix) is None


def test_a_connector_that_connect_does_not_have_is_told(pg: Erp) -> None:
    pg.options["config"] = {"connector.class": "io.debezium.connector.oracle.OracleConnector"}
    applied = pg.run("apply")
    assert applied.exit_code == 2
    assert "doesn't have io.debezium.connector.oracle.OracleConnector" in applied.output
    assert "plugin.path" in applied.output


def test_a_connector_that_was_paused_or_stopped_runs_again(pg: Erp) -> None:
    assert pg.run("apply").exit_code == 0
    pg.rest.stop(pg.prefix)
    until(lambda: "stopped" in pg.run("status").output)
    assert pg.run("apply").exit_code == 0
    assert pg.run("status").exit_code == 0


def test_two_sources_of_one_database_share_our_tables(pg: Erp) -> None:
    assert pg.run("apply").exit_code == 0
    other = read(
        "other", pg.settings.model_copy(update={"options": pg.options | {"connector": f"{pg.prefix}_2"}})
    )
    database = open_database("other", pg.settings, {}, other.slot)
    registration.ensure(other, database, {"party": ["id"]}, 1.0)
    registration.remove(other, database)
    assert pg.database.execute("SELECT source FROM strangler_heartbeat") == [("t_erp",)]
    assert pg.run("status").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan", "files"], "source files isn't read through Kafka Connect"),
        (["remove", "files"], "source files isn't read through Kafka Connect"),
        (["status", "epr"], "did you mean 'erp'?"),
        (["snapshot", "erp", "partyy"], "did you mean 'party'?"),
        (["snapshot", "erp"], "has no connector"),
    ],
)
def test_a_mistake_is_told(pg: Erp, arguments: list[str], said: str) -> None:
    result = pg.run(*arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_connect_that_is_not_there_is_told(pg: Erp) -> None:
    standing = pg.options["connect"]
    pg.options["connect"] = "http://127.0.0.1:9"
    for command in ("plan", "apply", "status"):
        result = pg.run(command)
        assert result.exit_code == 2
        assert "Kafka Connect at http://127.0.0.1:9 doesn't answer" in result.output
    pg.options["connect"] = standing


def test_a_source_without_connect_is_told_what_is_missing(pg: Erp) -> None:
    standing = pg.options.pop("connect")
    result = pg.run("plan")
    assert "the option `connect` is missing" in result.output
    pg.options["connect"] = standing


def test_removing_asks_first(pg: Erp) -> None:
    assert pg.run("apply").exit_code == 0
    refused = pg.run("remove", "erp", input="n\n")
    assert "strangler source reset erp" in refused.output
    assert refused.exit_code == 1
    assert pg.rest.config(pg.prefix)


def drop_slot(erp: Erp) -> bool:
    dropped = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = :slot AND NOT active"
    return bool(erp.database.execute(dropped, slot=erp.read_options.slot))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it didn't come to that"
