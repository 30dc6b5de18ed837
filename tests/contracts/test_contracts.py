"""Events as contracts: what is exported is what the boundary makes, seen by validators that know nothing of this program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import validator_for
from pydantic import SecretStr

from strangler.boundary import Boundary, Translation
from strangler.changes import ORIGIN, UNCHANGED, Operation, Transaction
from strangler.cli.main import root
from strangler.contracts import asyncapi, schemas
from strangler.contracts.contract import Contract, contracts, version
from strangler.cutover.stages import Stage
from strangler.events import Effect, Event, to_cloudevent
from strangler.mapping import compile_entity
from strangler.ports import Address
from strangler.settings import Entity, Log, Source
from strangler.testing.aggregate_history import SALE, sale
from strangler.testing.aggregate_store import FIRST
from strangler_adapters import kafka_log, sql_log
from strangler_adapters.kafka_log import records
from strangler_connectors import postgres
from tests.sync.landscape import Landscape, until
from tests.sync.partners import ENTITY, TABLE, delete, insert, mapping, position, row, transaction, update

META = json.loads((Path(__file__).parent / "asyncapi" / "3.0.0.json").read_text())

ODD = """
    CREATE TABLE odd (
        id bigint PRIMARY KEY, name text, amount numeric, weight double precision, active boolean NOT NULL, born date,
        opens time, seen timestamp, stamped timestamptz, raw bytea, doc jsonb)
"""

LONG = "(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 400) i)"
"""A text that PostgreSQL doesn't send again when it didn't change."""

WRITES = (
    f"""INSERT INTO odd VALUES (1, {LONG}, 4904.490, 'NaN', true, '0001-01-01', '00:00', '9999-12-31 23:59:59.999999',
        '2026-11-23 01:00+02', '\\x00ff', '{{"a": 1}}')""",
    "UPDATE odd SET amount = 'NaN', weight = '-Infinity'",
    "UPDATE odd SET amount = -0.00, weight = -0.0",
    "UPDATE odd SET amount = 1e30, weight = 5e-324, raw = ''",
    "UPDATE odd SET amount = -0.000001, weight = 1",
    "INSERT INTO odd (id, active) VALUES (-9223372036854775808, false)",
    "DELETE FROM odd WHERE id = 1",
)


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())


def valid(schema: dict[str, Any], value: object) -> bool:
    return bool(validator(schema).is_valid(value))


def json_of(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(records.encode(event)[1])
    return found


def contract_of(event: Event, made: list[Contract]) -> Contract:
    wanted = (event.function, event.entity, event.type, event.mapping)
    (found,) = [each for each in made if (each.function, each.entity, each.type, each.version) == wanted]
    return found


@pytest.fixture(scope="module")
def of_partners() -> list[Contract]:
    return contracts("shop", [mapping()])


@pytest.fixture
def landscape(tmp_path: Path) -> Iterator[Landscape]:
    made = Landscape(tmp_path)
    yield made
    made.control.close()


def export(home: Path, *arguments: str) -> str:
    result = CliRunner().invoke(root, ["-c", str(home / "strangler.yaml"), "export", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_every_event_of_a_running_worker_fulfils_the_exported_contract(landscape: Landscape) -> None:
    document = json.loads(export(landscape.home, "jsonschema"))
    with landscape.worker():
        landscape.put(Stage.SYNCING)
        until(landscape.filled, "the store is filled")
        landscape.write(
            "INSERT INTO partner VALUES (1, ' a ', '7')", "INSERT INTO partner VALUES (2, NULL, NULL)"
        )
        until(lambda: set(landscape.stored()) == {1, 2}, "both are in the store")
        landscape.write("UPDATE partner SET number = '8' WHERE id = 1", "DELETE FROM partner WHERE id = 2")
        until(lambda: landscape.stored() == {1: ("a", 8)}, "everything is in the store")
    events = [record.event for record in landscape.logged()]
    assert {event.type for event in events} == {"PartnerCreated", "PartnerChanged", "PartnerRemoved"}
    for event in events:
        validator(document).validate(json_of(event))


def test_every_type_of_a_real_postgresql_fulfils_its_contract_and_another_value_does_not(
    postgres_url: str,
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(ODD)
        columns = {"odd": [c.name for c in connection.execute("SELECT * FROM odd").description or ()]}
        with closing(postgres.connect("erp", Source(kind="postgres", url=postgres_url), columns)) as source:
            entity = Entity(table="odd", key=["id"], fields={name: name for name in columns["odd"]})
            odd = compile_entity("f", "odd", entity, source.describe(["odd"])["odd"])
            boundary, result = Boundary([odd]), Translation([], [])
            with source.stream(ORIGIN, source.prepare()) as stream:
                for statement in WRITES:
                    connection.execute(statement.encode())

                def came() -> bool:
                    transaction: Transaction | None = stream.read(0.2)
                    if transaction is not None:
                        boundary.translate(transaction, result)
                    return len(result.events) == len(WRITES)

                until(came, "every change came")
            source.drop()
    made = contracts("shop", [odd])
    assert any("name" not in event.data for event in result.events if event.type == "OddChanged")
    for event in result.events:
        cloud, schema = json_of(event), schemas.whole(contract_of(event, made))
        validator(schema).validate(cloud)
        validator(schemas.data(contract_of(event, made))).validate(cloud["data"])
        for name in cloud["data"]:
            assert not valid(schema, {**cloud, "data": {**cloud["data"], name: {"not": "canonical"}}}), name


OF_SALES = Contract(
    "shop",
    "sale",
    "sale",
    "SaleChanged",
    "0123456789ab",
    frozenset({Operation.UPDATE, Operation.DELETE}),
    SALE.fields,
    frozenset(),
    SALE.children,
)


def test_an_aggregate_s_lines_are_lists_of_objects_without_the_key_of_what_they_stand_under() -> None:
    schema = schemas.data(OF_SALES)
    for each in (FIRST, sale(1, None), {}):
        validator(schema).validate(each)
    [first, *_] = FIRST["lines"]
    for wrong in (
        {name: value for name, value in FIRST.items() if name != "labels"},
        {**FIRST, "labels": None},
        {**FIRST, "labels": [{"label": None}]},
        {**FIRST, "labels": [{"label": "a", "id": 1}]},
        {**FIRST, "lines": [{name: value for name, value in first.items() if name != "taxes"}]},
        {**FIRST, "lines": [{name: value for name, value in first.items() if name != "due"}]},
        {**FIRST, "lines": [{**first, "taxes": [{"tax": "vat", "rate": "0.1"}]}]},
        {**FIRST, "lines": [{**first, "taxes": [{"tax": "vat", "rate": 0.1, "line": 1}]}]},
    ):
        assert not valid(schema, wrong), wrong


def test_the_log_of_aggregates_is_described_with_their_lines() -> None:
    address = Address("kafka", ("localhost:9092",), "", "shop.sale", "A topic.", cloudevents=True)
    document = asyncapi.document("shop", {"sale": "Sales"}, [OF_SALES], lambda function: address)
    validator_for(META)(META).validate(document)
    body = document["components"]["schemas"][f"{OF_SALES.name}.data"]
    assert valid(body, FIRST)
    assert not valid(body, {**FIRST, "lines": [{"line": 1}]})


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", "7"), ("integer", 2**63), ("integer", 0.5), ("decimal", 4904.49), ("decimal", "4904.490"), ("decimal", "-0"),
        ("decimal", "1E3"), ("decimal", "Infinity"), ("decimal", "007"), ("float", "nan"), ("float", "1.5"), ("boolean", 1),
        ("date", "2026-13-01"), ("date", "2026-02-30"), ("date", "23.11.2026"), ("time", "24:00:00.000000"), ("time", "23:59:59"),
        ("timestamp", "2026-11-23T23:59:59.000000Z"), ("timestamp", "2026-11-23 23:59:59.000000"),
        ("instant", "2026-11-23T23:59:59.000000"), ("instant", "2026-11-23T23:59:59.000000+01:00"), ("bytes", "0F"), ("bytes", "0"),
        ("text", 7), ("json", {"a": 1}), ("text", None),
    ],
)  # fmt: skip
def test_what_is_not_canonical_is_no_value_of_its_type(kind: str, value: object) -> None:
    from strangler.contracts.values import value as schema_of
    from strangler.shapes import FieldType

    assert not valid(schema_of(FieldType(kind), nullable=False), value)
    assert valid(schema_of(FieldType(kind), nullable=True), None)


@pytest.fixture(scope="module")
def registered() -> Event:
    result = Translation([], [])
    Boundary([mapping()]).translate(transaction(1, insert(position(1), row(1))), result)
    return result.events[0]


@pytest.mark.parametrize(
    "mutation",
    [
        {"type": "PartnerChanged"}, {"effect": "remove"}, {"mappingversion": "000000000000"}, {"subject": "1"}, {"source": "/other"},
        {"entity": "party"}, {"time": "yesterday"}, {"traceparent": "00"}, {"specversion": "0.3"}, {"data": {}}, {"position": ""},
    ],
)  # fmt: skip
def test_an_event_that_says_something_else_does_not_fulfil_the_contract(
    of_partners: list[Contract], registered: Event, mutation: dict[str, object]
) -> None:
    schema, cloud = schemas.whole(contract_of(registered, of_partners)), json_of(registered)
    assert valid(schema, cloud)
    assert not valid(schema, {**cloud, **mutation})
    (name,) = mutation
    assert not valid(schema, {each: value for each, value in cloud.items() if each != name})


def test_a_registered_entity_is_whole_and_a_changed_one_may_lack_what_was_not_sent(
    of_partners: list[Contract],
) -> None:
    result = Translation([], [])
    boundary = Boundary([mapping()])
    boundary.translate(transaction(1, update(position(1), row(1, note=UNCHANGED))), result)
    (changed,) = result.events
    required = {each.type: schemas.data(each).get("required") for each in of_partners}
    assert required["PartnerRegistered"] == ["id", "name", "number", "active", "note"]
    assert required["PartnerChanged"] == required["PartnerDeactivated"] == ["id"]
    assert required["PartnerRemoved"] is None
    validator(schemas.whole(contract_of(changed, of_partners))).validate(json_of(changed))
    registered = next(each for each in of_partners if each.type == "PartnerRegistered")
    with pytest.raises(ValidationError, match="'note' is a required property"):
        validator(schemas.data(registered)).validate(json_of(changed)["data"])


def test_a_type_that_is_made_of_everything_that_happens_says_so_by_its_effect() -> None:
    events = {"created": "PartyHappened", "changed": "PartyHappened", "removed": "PartyHappened"}
    given = {
        "table": "partner",
        "key": "id",
        "fields": {"id": "id", "name": "name", "kind": "'x'"},
        "events": events,
    }
    one = compile_entity("f", "party", Entity.model_validate(given), mapping().table)
    (made,) = contracts("shop", [one])
    result = Translation([], [])
    steps = insert(position(1), row(1)), update(position(2), row(1, name=UNCHANGED)), delete(position(3), 1)
    for number, change in enumerate(steps, 1):
        Boundary([one]).translate(transaction(number, change), result)
    clouds = [json_of(event) for event in result.events]
    for cloud in clouds:
        validator(schemas.whole(made)).validate(cloud)
    assert clouds[1]["data"] == {"id": 1, "kind": "x"}
    assert not valid(schemas.whole(made), {**clouds[0], "effect": "remove"})
    assert not valid(schemas.whole(made), {**clouds[2], "effect": "upsert"})


def test_a_name_that_never_applies_has_no_contract() -> None:
    events = {
        "changed": ["PartyChanged", {"name": "PartyMoved", "when": "active"}],
        "removed": {"name": "PartyLost", "when": "TRUE"},
    }
    given = {"table": "partner", "key": "id", "fields": {"id": "id"}, "events": events}
    made = contracts("shop", [compile_entity("f", "party", Entity.model_validate(given), mapping().table)])
    assert {each.type for each in made} == {"PartyCreated", "PartyChanged", "PartyLost", "PartyRemoved"}


def test_ids_are_the_same_until_the_mapping_is_another(of_partners: list[Contract]) -> None:
    again = contracts("shop", [mapping()])
    assert [each.id for each in again] == [each.id for each in of_partners]
    assert of_partners[0].id == f"urn:strangler:shop:partners:partner:PartnerRegistered:{mapping().version}"
    given = {"table": "partner", "key": "id", "fields": {"id": "id"}}
    other = contracts(
        "shop", [compile_entity("partners", "partner", Entity.model_validate(given), mapping().table)]
    )
    assert not {each.id for each in other} & {each.id for each in of_partners}
    assert version(other) != version(of_partners) == version(again)


def kafka_address(**options: object) -> Any:
    log = kafka_log.connect(
        "shop", Log(kind="kafka", url=SecretStr("kafka://a:9092,b:9093"), options=options)
    )
    return log.address


def sql_address(url: str) -> Any:
    return sql_log.connect("shop", Log(url=SecretStr(url))).address


ADDRESSES = {
    "kafka": lambda: kafka_address(prefix="erp"),
    "postgresql": lambda: sql_address("postgresql://me:secret@db:5433/events"),
    "sqlite": lambda: sql_address("sqlite:///events.db"),
}


@pytest.mark.parametrize("log", ADDRESSES)
def test_the_description_of_a_log_is_asyncapi(of_partners: list[Contract], log: str) -> None:
    document = asyncapi.document("shop", {"partners": "Partners"}, of_partners, ADDRESSES[log]())
    validator_for(META)(META).validate(document)
    assert "secret" not in json.dumps(document)
    for reference in references(document):
        assert resolved(document, reference), reference
    with pytest.raises(ValidationError):
        validator_for(META)(META).validate({**document, "channels": {"partners": {"adress": "x"}}})


def test_the_description_names_servers_and_addresses_as_the_log_is_configured(
    of_partners: list[Contract],
) -> None:
    described = {
        log: asyncapi.document("shop", {"partners": "Partners"}, of_partners, address())
        for log, address in ADDRESSES.items()
    }
    assert [each["channels"]["partners"]["address"] for each in described.values()] == [
        "erp.partners",
        "partners",
        "partners",
    ]
    assert described["kafka"]["servers"] == {
        "log1": {"host": "a:9092", "protocol": "kafka"},
        "log2": {"host": "b:9093", "protocol": "kafka"},
    }
    assert described["postgresql"]["servers"] == {
        "log1": {"host": "db:5433", "pathname": "/events", "protocol": "postgresql"}
    }
    assert "servers" not in described["sqlite"]
    assert kafka_address(client={"security_protocol": "SASL_SSL"})("partners").protocol == "kafka-secure"


def test_a_record_in_kafka_is_as_described(of_partners: list[Contract], registered: Event) -> None:
    document = asyncapi.document("shop", {"partners": "Partners"}, of_partners, ADDRESSES["kafka"]())
    message = document["components"]["messages"][contract_of(registered, of_partners).name]
    key, value, headers = records.encode(registered)
    texts = {name: text.decode() for name, text in headers}
    assert within(document, message["headers"]).is_valid(texts)
    assert within(document, message["payload"]).is_valid(json.loads(value))
    assert not within(document, message["payload"]).is_valid(json.loads(value) | {"data": {"id": "1"}})
    assert valid(message["bindings"]["kafka"]["key"], key.decode())
    assert message["contentType"] in texts["content-type"]


def test_a_row_in_sql_is_as_described(of_partners: list[Contract], registered: Event, tmp_path: Path) -> None:
    import sqlite3

    url = f"sqlite:///{tmp_path}/events.db"
    with closing(sql_log.connect("shop", Log(url=SecretStr(url)))) as log:
        log.append("erp", [registered], registered.position)
        document = asyncapi.document("shop", {"partners": "Partners"}, of_partners, log.address)
    message = document["components"]["messages"][contract_of(registered, of_partners).name]
    reading = """
        SELECT type, entity, effect, key, position, time, mapping, data FROM strangler_event JOIN strangler_kind ON number = kind
        WHERE stream = (SELECT number FROM strangler_stream WHERE name = ?) ORDER BY "offset"
    """
    with closing(sqlite3.connect(tmp_path / "events.db")) as connection:
        connection.row_factory = sqlite3.Row
        (found,) = map(dict, connection.execute(reading, [document["channels"]["partners"]["address"]]))
    data = json.loads(found.pop("data"))
    assert within(document, message["headers"]).is_valid(found)
    assert not within(document, message["headers"]).is_valid(found | {"effect": "remove"})
    assert within(document, message["payload"]).is_valid(data)


def test_the_cohorts_of_rows_are_described_where_there_are_any(registered: Event) -> None:
    made = contracts("shop", [compile_entity("partners", "partner", ENTITY, TABLE, cohort="note")])
    went, none = registered._replace(cohort="A", cohort_before="*"), registered
    for event in (went, none):
        schema = schemas.whole(contract_of(event, made))
        assert valid(schema, json_of(event))
        assert not valid(schema, json_of(event) | {"cohort": 7})
        document = asyncapi.document("shop", {"partners": "Partners"}, made, ADDRESSES["kafka"]())
        headers = document["components"]["messages"][contract_of(event, made).name]["headers"]
        texts = {name: text.decode() for name, text in records.encode(event)[2]}
        assert texts.get("ce_cohort") == event.cohort
        assert within(document, headers).is_valid(texts)
        assert not within(document, headers).is_valid(texts | {"ce_cohort": 7})
        rows = asyncapi.document("shop", {"partners": "Partners"}, made, ADDRESSES["sqlite"]())
        columns = rows["components"]["schemas"][f"{contract_of(event, made).name}.headers"]["properties"]
        assert valid(columns["cohort"], event.cohort)
        assert valid(columns["cohort_before"], event.cohort_before)
        assert not valid(columns["cohort"], 7)


def within(document: dict[str, Any], reference: dict[str, str]) -> Draft202012Validator:
    """A validator of what the reference in the document leads to."""
    return Draft202012Validator({**document, **reference}, format_checker=FormatChecker())


def references(node: object) -> Iterator[str]:
    for name, value in (
        node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    ):
        if name == "$ref":
            yield value
        yield from references(value)


def resolved(document: Any, reference: str) -> object:
    for name in reference.removeprefix("#/").split("/"):
        document = document[name]
    return document


def test_the_schemas_are_written_to_a_folder_that_is_made(landscape: Landscape) -> None:
    folder = landscape.home / "new" / "schemas"
    export(landscape.home, "jsonschema", "--function", "partners", "--output", str(folder))
    written = {path.name: json.loads(path.read_text()) for path in folder.iterdir()}
    assert len(written) == 6
    document = json.loads(export(landscape.home, "jsonschema"))
    assert document["$defs"] == {
        name.removesuffix(".json"): schema
        for name, schema in written.items()
        if not name.endswith(".data.json")
    }


@pytest.mark.parametrize(
    ("ending", "read"), [("yaml", yaml.safe_load), ("yml", yaml.safe_load), ("json", json.loads)]
)
def test_the_description_is_written_as_the_files_name_ends(
    landscape: Landscape, ending: str, read: Any
) -> None:
    path = landscape.home / f"log.{ending}"
    export(landscape.home, "asyncapi", "--output", str(path))
    assert read(path.read_text()) == yaml.safe_load(export(landscape.home, "asyncapi"))


def test_an_ending_that_says_nothing_is_refused(landscape: Landscape) -> None:
    arguments = ["-c", str(landscape.home / "strangler.yaml"), "export", "asyncapi", "--output", "log.txt"]
    result = CliRunner().invoke(root, arguments)
    assert result.exit_code == 2
    assert ".yaml, .yml or .json" in result.output


def test_what_is_described_of_an_event_is_what_it_has(registered: Event, of_partners: list[Contract]) -> None:
    schema = schemas.whole(contract_of(registered, of_partners))
    assert list(schema["properties"]) == list(to_cloudevent(registered))


def test_every_log_tells_its_address_without_being_reached() -> None:
    for address in ADDRESSES.values():
        assert isinstance(address()("partners"), Address)


def test_the_documented_event_is_as_events_are_written() -> None:
    page = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
    written = json.loads(page.split("```json\n", 1)[1].split("```", 1)[0])
    event = Event(
        written["type"], "party", "party", Effect.UPSERT, "[7]", written["position"],
        datetime.fromisoformat(written["time"]).timestamp(), written["mappingversion"], written["data"],
    )  # fmt: skip
    assert to_cloudevent(event) == written
