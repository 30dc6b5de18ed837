"""What is rendered for each of Debezium's six databases; no server is asked."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from strangler.errors import SourceError
from strangler.settings import Source
from strangler_connectors.databases import Place, address
from strangler_connectors.debezium.options import Options, read
from strangler_connectors.debezium.properties import HIDDEN, difference, shown
from strangler_connectors.debezium.rendering import CLASSES, render
from strangler_connectors.debezium.wanted import Captured, Wanted

URLS = {
    "postgresql": "postgresql://erp:s3cret@db.example/erp",
    "mysql": "mysql+pymysql://erp:s3cret@db.example/erp",
    "mariadb": "mariadb+pymysql://erp:s3cret@db.example:3307/erp",
    "mssql": "mssql+pyodbc://erp:s3cret@db.example/erp",
    "oracle": "oracle+oracledb://erp:s3cret@db.example/?service_name=ERP1",
    "db2": "db2+ibm_db://erp:s3cret@db.example/erp",
}
KINDS = list(URLS)
PORTS = {
    "postgresql": "5432",
    "mysql": "3306",
    "mariadb": "3307",
    "mssql": "1433",
    "oracle": "1521",
    "db2": "50000",
}
HISTORY = [kind for kind in KINDS if kind != "postgresql"]


def options(kind: str = "postgresql", **given: Any) -> Options:
    settings = Source(
        kind="debezium", url=SecretStr(URLS[kind]), outage=timedelta(days=30),
        options={"kafka": "kafka:9092", "connect": "http://connect:8083"} | given,
    )  # fmt: skip
    return read("erp", settings)


def rendered(kind: str, *tables: Captured, **given: Any) -> dict[str, str]:
    tables = tables or (Captured(Place("s", "party"), ("id", "name")),)
    wanted = Wanted(tables, Place("s", "strangler_heartbeat"), Place("s", "strangler_signal"), 10.0)
    return render(options(kind, **given), address.parse("erp", URLS[kind]), wanted)


def patterns(listed: str) -> list[str]:
    """A list of Debezium's, split as Debezium splits it: at commas that aren't escaped."""
    return re.split(r"(?<!\\),", listed)


@pytest.mark.parametrize("kind", KINDS)
def test_everything_goes_into_one_topic_of_one_partition(kind: str) -> None:
    config = rendered(kind)
    assert config["connector.class"] == CLASSES[kind]
    assert config["transforms.one.replacement"] == "strangler_erp.changes"
    assert re.fullmatch(config["transforms.one.regex"], "__debezium-heartbeat.strangler_erp")
    assert config["topic.creation.default.partitions"] == "1"
    assert config["tasks.max"] == "1"


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_out_or_put_right_in_silence(kind: str) -> None:
    config = rendered(kind)
    assert config["skipped.operations"] == "none"
    assert config["value.converter.replace.null.with.default"] == "false"
    assert config["decimal.handling.mode"] == "string"
    assert config["time.precision.mode"] == "microseconds"
    assert config["event.processing.failure.handling.mode"] == "fail"
    assert config["errors.tolerance"] == "none"
    assert config["snapshot.mode"] == "no_data"
    assert config["provide.transaction.metadata"] == "true"


@pytest.mark.parametrize("kind", KINDS)
def test_the_database_is_where_the_url_says(kind: str) -> None:
    config = rendered(kind)
    assert (config["database.hostname"], config["database.port"]) == ("db.example", PORTS[kind])
    assert (config["database.user"], config["database.password"]) == ("erp", "s3cret")
    name = config.get("database.dbname") or config.get("database.names") or config["database.include.list"]
    assert name in ("erp", "ERP1", "s")


def test_the_database_is_where_connect_sees_it() -> None:
    config = rendered("postgresql", connect_to="postgres.internal:6432")
    assert (config["database.hostname"], config["database.port"]) == ("postgres.internal", "6432")


@pytest.mark.parametrize("kind", HISTORY)
def test_definitions_are_kept_where_the_log_has_none_and_those_of_all_tables(kind: str) -> None:
    config = rendered(kind)
    assert config["schema.history.internal.kafka.topic"] == "strangler_erp.schema-history"
    assert config["schema.history.internal.kafka.bootstrap.servers"] == "kafka:9092"
    assert config["schema.history.internal.store.only.captured.tables.ddl"] == "false"


@pytest.mark.parametrize("kind", ["mysql", "mariadb", "oracle"])
def test_reading_the_definitions_locks_nobody_out(kind: str) -> None:
    assert rendered(kind)["snapshot.locking.mode"] == "none"


@pytest.mark.parametrize("kind", ["mssql", "db2"])
def test_reading_the_definitions_keeps_no_lock(kind: str) -> None:
    assert rendered(kind)["snapshot.isolation.mode"] == "read_committed"


def test_history_is_written_with_the_clients_security() -> None:
    client = {
        "security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "erp", "sasl_plain_password": 'pa"ss',
    }  # fmt: skip
    config = rendered("mysql", client=client)
    for side in ("producer", "consumer"):
        assert config[f"schema.history.internal.{side}.security.protocol"] == "SASL_SSL"
        jaas = config[f"schema.history.internal.{side}.sasl.jaas.config"]
        assert jaas.startswith("org.apache.kafka.common.security.scram.ScramLoginModule required")
        assert 'password="pa\\"ss";' in jaas
        assert shown(f"schema.history.internal.{side}.sasl.jaas.config", jaas) == HIDDEN


def test_slot_and_publication_are_ours_and_a_slot_that_was_made_anew_is_refused() -> None:
    config = rendered("postgresql")
    assert config["slot.name"] == config["publication.name"] == "strangler_erp"
    assert config["publication.autocreate.mode"] == "disabled"
    assert config["slot.drop.on.stop"] == "false"
    assert config["offset.mismatch.strategy"] == "trust_offset"


def test_slots_of_connectors_whose_names_differ_in_signs_only_differ() -> None:
    names = {options(connector=each).slot for each in ("ERP-1", "erp-1", "erp_1", "erp.1")}
    assert len(names) == 4
    assert all(re.fullmatch(r"[a-z0-9_]{1,63}", name) for name in names)


def test_a_table_is_named_exactly_whatever_it_is_called() -> None:
    place = Place("sales,eu", "sale.line-tax$")
    config = rendered("postgresql", Captured(place, ("id", "no,1")))
    tables = patterns(config["table.include.list"])
    assert [bool(re.fullmatch(tables[0], name)) for name in (str(place), "sales,eu.saleXline-tax$")] == [
        True,
        False,
    ]
    columns = patterns(config["column.include.list"])
    assert re.fullmatch(columns[0], f"{place}.no,1")
    assert not re.fullmatch(columns[0], f"{place}.note")


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_a_mapping_names_leaves_the_database(kind: str) -> None:
    config = rendered(kind, Captured(Place("s", "party"), ("id", "name")))
    columns = patterns(config["column.include.list"])
    allowed = [name for name in ("s.party.id", "s.party.name", "s.party.iban", "s.strangler_heartbeat.token")
               if any(re.fullmatch(each, name) for each in columns)]  # fmt: skip
    assert allowed == ["s.party.id", "s.party.name", "s.strangler_heartbeat.token"]


def test_a_table_without_a_primary_key_is_keyed_by_what_the_options_say() -> None:
    config = rendered("postgresql", Captured(Place("s", "log"), ("a", "b", "c"), key=("a", "b")))
    assert config["message.key.columns"] == r"s\.log:a,b"
    assert "message.key.columns" not in rendered("postgresql")


@pytest.mark.parametrize("kind", KINDS)
def test_the_heartbeat_writes_this_sources_row(kind: str) -> None:
    config = rendered(kind)
    quote = "`" if kind in ("mysql", "mariadb") else '"'
    table = f"{quote}s{quote}.{quote}strangler_heartbeat{quote}"
    assert config["heartbeat.action.query"] == f"UPDATE {table} SET beat = beat + 1 WHERE source = 'erp'"
    assert config["heartbeat.interval.ms"] == "10000"


@pytest.mark.parametrize(
    ("kind", "name"),
    [("postgresql", "s"), ("mysql", "s"), ("mssql", "erp.s"), ("oracle", "ERP1.s"), ("db2", "s")],
)
def test_signals_are_read_from_our_table(kind: str, name: str) -> None:
    assert rendered(kind)["signal.data.collection"] == f"{name}.strangler_signal"


def test_large_objects_of_oracle_are_asked_for_where_a_mapping_has_one() -> None:
    large = rendered("oracle", Captured(Place("S", "T"), ("ID", "DOC"), large=True))
    assert (large["lob.enabled"], large["log.mining.strategy"]) == ("true", "online_catalog")
    small = rendered("oracle")
    assert ("lob.enabled" in small, small["log.mining.strategy"]) == (False, "hybrid")


def test_connectors_of_one_server_have_different_replica_numbers() -> None:
    first, second = (rendered("mysql", connector=name)["database.server.id"] for name in ("a", "b"))
    assert first != second
    assert all(0 < int(each) < 1 << 32 for each in (first, second))


def test_the_topic_is_kept_for_twice_the_outage_and_a_week_at_least() -> None:
    assert rendered("postgresql")["topic.creation.default.retention.ms"] == str(60 * 86400 * 1000)


def test_what_the_user_configures_goes_first() -> None:
    config = rendered(
        "postgresql", config={"snapshot.mode": "initial", "max.batch.size": 100, "slot.failover": True}
    )
    assert (config["snapshot.mode"], config["max.batch.size"], config["slot.failover"]) == (
        "initial",
        "100",
        "true",
    )


def test_a_database_that_debezium_has_no_connector_for_is_refused() -> None:
    wanted = Wanted((), Place("", "h"), Place("", "s"), 10.0)
    with pytest.raises(SourceError, match="no connector for sqlite"):
        render(options(), address.parse("erp", "sqlite:///erp.db"), wanted)


@pytest.mark.parametrize(
    ("name", "value", "seen"),
    [
        ("database.password", "s3cret", HIDDEN),
        ("database.password", "${file:/secrets/erp:password}", "${file:/secrets/erp:password}"),
        ("database.ssl.keystore.password", "s3cret", HIDDEN),
        ("producer.override.sasl.jaas.config", "…", HIDDEN),
        ("database.password", "", ""),
        ("database.hostname", "db", "db"),
        ("message.key.columns", "a:b", "a:b"),
        ("key.converter", "J", "J"),
        ("slot.failover", "true", "true"),
        ("pin", "1234", HIDDEN),
        ("heartbeat.action.query", "CALL beat('http://erp:s3cret@h/')", "CALL beat('http://erp:***@h/')"),
    ],
)
def test_secrets_are_hidden(name: str, value: str, seen: str) -> None:
    assert shown(name, value) == seen


@pytest.mark.parametrize(
    "name",
    [
        "basic.auth.user.info",
        "value.converter.basic.auth.user.info",
        "value.converter.apicurio.registry.auth.client.secret",
        "database.url",
        "database.connection.url",
        "driver.trustStoreAuth",
        "transforms.mask.hmac",
        "schema.history.internal.jdbc.url",
        "something.of.tomorrow",
    ],
)
@pytest.mark.parametrize(
    "value",
    ["hunter2", "erp:hunter2", "postgresql://erp:hunter2@db/erp", "jdbc:oracle:thin:erp/hunter2@//db/erp",
     "${file:/secrets:user}:hunter2"],
)  # fmt: skip
def test_what_is_not_known_to_be_harmless_is_hidden(name: str, value: str) -> None:
    assert "hunter2" not in shown(name, value)


@pytest.mark.parametrize("kind", KINDS)
def test_of_what_is_rendered_only_secrets_are_hidden(kind: str) -> None:
    client = {
        "security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_plain_username": "me", "sasl_plain_password": "s3cret",
    }  # fmt: skip
    log = Captured(Place("s", "log"), ("at", "text"), ("at",))
    config = rendered(kind, log, client=client)
    hidden = {name for name, value in config.items() if shown(name, value) != value}
    assert hidden == {name for name in config if name.endswith((".password", "jaas.config"))}


def test_what_registering_changes_is_named() -> None:
    before = {"a": "1", "b": "2", "gone": "x"}
    assert difference({"a": "1", "b": "3", "new": "y"}, before) == {
        "b": ("2", "3"), "new": (None, "y"), "gone": ("x", None),
    }  # fmt: skip
    assert difference(before, before) == {}


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(SourceError) as caught:
        options(topics_prefix="x")
    assert "no option 'topics_prefix'" in caught.value.what
    assert "topic_prefix" in caught.value.do


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"connect": "connect:8083"}, "connect"),
        ({"connector": "no spaces"}, "connector"),
        ({"connect_to": "db"}, "connect_to"),
        ({"client": "plain"}, "client"),
        ({"keys": {"log": "id"}}, "keys.log"),
        ({"kafka": "localhost:port"}, "kafka"),
        ({"kafka": "kafka1:9092,:9092"}, "kafka"),
        ({"config": {"slot.failover": None}}, "config.slot.failover"),
    ],
)
def test_an_option_that_cannot_be_used_is_named_without_its_value(given: dict[str, Any], named: str) -> None:
    with pytest.raises(SourceError) as caught:
        options(**given)
    assert caught.value.why.startswith(f"{named}: ")
    assert "docs/sources.md" in caught.value.do


@pytest.mark.parametrize("servers", ["kafka", "kafka1:9092, kafka2:9092,", "[::1]:9092"])
def test_servers_are_taken_with_and_without_a_port(servers: str) -> None:
    assert options(kafka=servers).kafka == servers


def test_kafka_is_required() -> None:
    with pytest.raises(SourceError, match="`kafka` is missing"):
        options(kafka="")


def test_a_url_that_is_none_is_shown_without_its_password() -> None:
    with pytest.raises(SourceError) as caught:
        address.parse("erp", "postgresql://erp:s3cret@host:port/erp")
    assert "s3cret" not in str(caught.value)
