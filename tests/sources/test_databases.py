"""Legacy databases behind sources that are read otherwise: PostgreSQL, MariaDB and SQLite as they are, others by SQLAlchemy.

SQLAlchemy's way is run on PostgreSQL and SQLite; what only Oracle, SQL Server and Db2 have is held to their catalogs' answers.
"""

from __future__ import annotations

import sqlite3
import threading
import tracemalloc
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy import types as sa
from sqlalchemy.dialects import mssql, oracle

from strangler.errors import SourceError, Unavailable
from strangler.ports import Finding
from strangler.settings import Source
from strangler.shapes import FieldType
from strangler_connectors.databases import Database, Place, open_database
from strangler_connectors.databases.casing import normal, stored
from strangler_connectors.databases.generic import GenericDatabase
from strangler_connectors.databases.logs import enabling, log_needs
from strangler_connectors.databases.types import field_type, python_value


def settings(url: str) -> Source:
    return Source.model_validate({"kind": "debezium", "url": url})


@pytest.fixture(params=["postgresql", "mariadb", "sqlite", "generic on postgresql", "generic on sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A database of each kind with a table `party`."""
    kind = request.param.rpartition(" ")[2]
    if kind == "sqlite":
        sqlite3.connect(tmp_path / "erp.db").close()
        url = f"sqlite:///{tmp_path}/erp.db"
    else:
        url = request.getfixturevalue("postgres_url" if kind == "postgresql" else "mariadb_url")
    tables = {"party": ["id", "name"]}
    opened = open_database("erp", settings(url), tables)
    if "generic" in request.param:
        opened = GenericDatabase("erp", settings(url), tables)
    opened.execute(
        "CREATE TABLE party (id integer PRIMARY KEY, name varchar(80) NOT NULL, credit numeric(12,2), born date)"
    )
    return opened


def test_a_table_is_described_and_one_that_is_not_there_is_left_out(database: Database) -> None:
    found = database.describe(["party", "partyy"])
    assert list(found) == ["party"]
    party = found["party"]
    assert (party.name, party.key) == ("party", ("id",))
    assert [(column.name, column.type) for column in party.columns] == [
        ("id", FieldType.INTEGER), ("name", FieldType.TEXT), ("credit", FieldType.DECIMAL), ("born", FieldType.DATE),
    ]  # fmt: skip
    assert not party.columns[1].nullable
    assert party.columns[2].nullable


def test_a_table_stands_where_a_table_is_made(database: Database) -> None:
    assert database.places(["party", "partyy"]) == {Place(database.home(), "party"): "party"}


def test_what_is_written_is_read(database: Database) -> None:
    insert = "INSERT INTO party (id, name, credit, born) VALUES (:id, :name, 1.50, '2026-11-23')"
    assert database.execute(insert, id=1, name="O'Hara: \\ 100 %") == []
    found = database.execute("SELECT name FROM party WHERE id = :id", id=1)
    assert found == [("O'Hara: \\ 100 %",)]
    with closing(database.reader()) as reader:
        assert list(reader.rows("SELECT id, name FROM party")) == [(1, "O'Hara: \\ 100 %")]


def test_each_read_sees_what_was_committed_before_it(database: Database) -> None:
    with closing(database.reader()) as reader:
        assert list(reader.rows("SELECT id FROM party")) == []
        database.execute("INSERT INTO party (id, name) VALUES (1, 'Ada')")
        assert list(reader.rows("SELECT id FROM party")) == [(1,)]


def test_a_read_that_is_left_early_is_no_hindrance(database: Database) -> None:
    for id in range(3):
        database.execute("INSERT INTO party (id, name) VALUES (:id, 'Ada')", id=id)
    with closing(database.reader()) as reader:
        first = reader.rows("SELECT id FROM party ORDER BY id")
        assert next(first) == (0,)
        first.close()  # type: ignore[attr-defined]  # it is a generator
        assert list(reader.rows("SELECT count(*) FROM party")) == [(3,)]


def test_a_wrong_statement_is_told_in_the_databases_words(database: Database) -> None:
    with pytest.raises(SourceError) as caught:
        database.execute("SELECT * FROM nowhere")
    assert "source erp: running 'SELECT * FROM nowhere' failed" in caught.value.what
    assert "nowhere" in caught.value.why
    with closing(database.reader()) as reader, pytest.raises(SourceError):
        list(reader.rows("SELECT * FROM nowhere"))


def test_settling_ends_where_nothing_is_open(database: Database) -> None:
    database.settle(5.0)


@pytest.mark.parametrize("fixture", ["postgres_url", "sqlite"])
def test_settling_waits_for_who_writes(fixture: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/erp.db" if fixture == "sqlite" else request.getfixturevalue(fixture)
    sqlite3.connect(tmp_path / "erp.db").close()
    database = open_database("erp", settings(url), {})
    database.execute("CREATE TABLE party (id integer PRIMARY KEY)")
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as writer:
        writer.execute(text("INSERT INTO party VALUES (1)"))
        with pytest.raises(Unavailable):
            database.settle(0.1)
        settled = threading.Thread(target=database.settle, args=[30.0])
        settled.start()
        writer.commit()
        settled.join(30.0)
        assert not settled.is_alive()
    engine.dispose()


def test_a_schema_may_be_named(postgres_url: str) -> None:
    for database in (
        open_database("erp", settings(postgres_url), {}),
        GenericDatabase("erp", settings(postgres_url), {}),
    ):
        database.execute("CREATE SCHEMA IF NOT EXISTS crm")
        database.execute('CREATE TABLE IF NOT EXISTS crm."Lead.x" (id integer PRIMARY KEY)')
        assert database.places(["crm.Lead.x"]) == {Place("crm", "Lead.x"): "crm.Lead.x"}
        assert database.describe(["crm.Lead.x"])["crm.Lead.x"].key == ("id",)
        assert database.places(["crm.lead.x"]) == {}


def test_heirs_in_postgresql_are_places_of_their_parent(postgres_url: str) -> None:
    database = open_database("erp", settings(postgres_url), {})
    database.execute("CREATE TABLE party (id integer PRIMARY KEY)")
    database.execute("CREATE TABLE customer () INHERITS (party)")
    assert database.places(["party"]) == {
        Place("public", "party"): "party",
        Place("public", "customer"): "party",
    }


def test_another_database_of_a_mariadb_may_be_named(mariadb_url: str) -> None:
    database = open_database("erp", settings(mariadb_url), {})
    database.execute("CREATE TABLE party (id integer PRIMARY KEY)")
    name = f"{database.catalog}.party"
    assert database.places([name, "party"]) == {Place(database.catalog, "party"): "party"} or database.places(
        [name]
    )
    assert database.places([name]) == {Place(database.catalog, "party"): name}


def test_every_kind_of_value_is_a_row_s(postgres_url: str) -> None:
    """SQLAlchemy's way gives what PostgreSQL's own connector gives."""
    query = """SELECT 1, 1.50::numeric, 0.5::float8, true, 'Ä'::text, '\\x00ff'::bytea, '2026-11-23'::date,
        '23:59:59.000001'::time, '2026-11-23 12:00'::timestamp, '2026-11-23 12:00+02'::timestamptz, NULL"""
    expected = (
        1, Decimal("1.50"), 0.5, True, "Ä", b"\x00\xff", date(2026, 11, 23), time(23, 59, 59, 1),
        datetime(2026, 11, 23, 12), datetime(2026, 11, 23, 10, tzinfo=UTC), None,
    )  # fmt: skip
    for database in (
        open_database("erp", settings(postgres_url), {}),
        GenericDatabase("erp", settings(postgres_url), {}),
    ):
        with closing(database.reader()) as reader:
            rows = list(reader.rows(query))
        assert rows == [expected]
        assert [type(value) for value in rows[0]] == [type(value) for value in expected]


def test_sqlalchemys_rows_are_streamed(postgres_url: str) -> None:
    database = GenericDatabase("erp", settings(postgres_url), {})
    with closing(database.reader()) as reader:
        tracemalloc.start()
        count = sum(
            1 for _ in reader.rows("SELECT n, repeat('x', 1000) FROM generate_series(1, 100000) AS n")
        )
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 100_000
    assert peak < 20 << 20, "100 MB of rows were held at once"


def test_types_of_postgresql_are_the_same_by_sqlalchemy(postgres_url: str) -> None:
    own, generic = (
        open_database("erp", settings(postgres_url), {}),
        GenericDatabase("erp", settings(postgres_url), {}),
    )
    own.execute(
        "CREATE TABLE odd (a smallint, b bigint, c numeric, d real, e double precision, f boolean, g char(3), h text, i bytea, "
        "j date, k time, l timestamp, m timestamptz, n jsonb, o uuid, p interval, q integer[])"
    )
    types = [[column.type for column in each.describe(["odd"])["odd"].columns] for each in (own, generic)]
    assert types[0] == types[1]


def test_a_server_that_is_not_there_may_come() -> None:
    for scheme in ("postgresql", "mariadb+pymysql"):
        database = open_database("erp", settings(f"{scheme}://erp:s3cret@127.0.0.1:9/erp"), {})
        for call in (lambda d=database: d.execute("SELECT 1"), lambda d=database: d.describe(["party"])):
            with pytest.raises(Unavailable) as caught:
                call()
            assert "s3cret" not in str(caught.value)


def test_a_privilege_that_is_missing_is_told(postgres_url: str) -> None:
    owner = open_database("erp", settings(postgres_url), {})
    owner.execute("CREATE TABLE party (id integer)")
    owner.execute("CREATE ROLE clerk_of_databases LOGIN PASSWORD 'pw'")
    try:
        _, _, host = postgres_url.partition("@")
        clerk = open_database("erp", settings(f"postgresql://clerk_of_databases:pw@{host}"), {})
        with pytest.raises(SourceError) as caught:
            clerk.execute("INSERT INTO party VALUES (1)")
        assert caught.value.why == "permission denied for table party"
        assert "grant" in caught.value.do
    finally:
        owner.execute("DROP ROLE clerk_of_databases")


def test_a_driver_that_is_missing_is_told() -> None:
    database = open_database("erp", settings("oracle+oracledb://erp:s3cret@host/?service_name=ERP"), {})
    assert (database.kind, database.catalog) == ("oracle", "ERP")
    with pytest.raises(SourceError) as caught:
        database.execute("SELECT 1 FROM dual")
    assert "oracledb" in caught.value.why
    assert "s3cret" not in str(caught.value)


def test_opening_touches_nothing() -> None:
    assert open_database("erp", settings("db2+ibm_db://erp:s3cret@nowhere/erp"), {}).kind == "db2"


def test_what_has_no_log_says_so(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "erp.db").close()
    url = f"sqlite:///{tmp_path}/erp.db"
    for database in (open_database("erp", settings(url), {}), GenericDatabase("erp", settings(url), {})):
        assert [finding.blocks for finding in database.needs(0)] == [True]


def test_slot_and_publication_are_planned_made_and_removed(postgres_url: str) -> None:
    database = open_database("erp", settings(postgres_url), {"party": ["id"]}, "strangler_test_databases")
    database.execute("CREATE TABLE party (id integer PRIMARY KEY)")
    planned = database.making(["party", "later"])
    assert planned == [
        'CREATE PUBLICATION "strangler_test_databases" FOR TABLE ONLY "public"."party", ONLY later '
        "WITH (publish_via_partition_root = true)",
        "SELECT pg_create_logical_replication_slot('strangler_test_databases', 'pgoutput')",
    ]
    assert database.unread() is None
    identity = database.capture(["party"])
    assert identity
    assert database.capture(["party"]) == identity
    assert database.making(["party"]) == []
    before = database.unread()
    database.execute("INSERT INTO party SELECT generate_series(1, 1000)")
    assert before is not None
    assert (database.unread() or 0) > before
    database.release()
    database.release()
    assert len(database.making(["party"])) == 2
    assert database.capture(["party"]) != identity
    database.release()


@pytest.mark.parametrize(
    ("type", "dialect", "expected"),
    [
        (oracle.NUMBER(10, 0), "oracle", FieldType.INTEGER),
        (oracle.NUMBER(12, 2), "oracle", FieldType.DECIMAL),
        (oracle.NUMBER(), "oracle", FieldType.DECIMAL),
        (oracle.BINARY_DOUBLE(), "oracle", FieldType.FLOAT),
        (oracle.DATE(), "oracle", FieldType.TIMESTAMP),
        (oracle.TIMESTAMP(), "oracle", FieldType.TIMESTAMP),
        (oracle.TIMESTAMP(timezone=True), "oracle", FieldType.INSTANT),
        (oracle.RAW(16), "oracle", FieldType.BYTES),
        (oracle.CLOB(), "oracle", FieldType.TEXT),
        (oracle.BLOB(), "oracle", FieldType.BYTES),
        (oracle.INTERVAL(), "oracle", FieldType.TEXT),
        (mssql.BIT(), "mssql", FieldType.BOOLEAN),
        (mssql.TINYINT(), "mssql", FieldType.INTEGER),
        (mssql.MONEY(), "mssql", FieldType.DECIMAL),
        (mssql.REAL(), "mssql", FieldType.FLOAT),
        (mssql.DATETIME2(7), "mssql", FieldType.TIMESTAMP),
        (mssql.DATETIMEOFFSET(7), "mssql", FieldType.INSTANT),
        (mssql.TIME(7), "mssql", FieldType.TIME),
        (mssql.ROWVERSION(), "mssql", FieldType.BYTES),
        (mssql.TIMESTAMP(), "mssql", FieldType.BYTES),
        (mssql.VARBINARY(8), "mssql", FieldType.BYTES),
        (mssql.IMAGE(), "mssql", FieldType.BYTES),
        (mssql.NTEXT(), "mssql", FieldType.TEXT),
        (mssql.UNIQUEIDENTIFIER(), "mssql", FieldType.TEXT),
        (mssql.XML(), "mssql", FieldType.TEXT),
        (sa.DECIMAL(31, 0), "ibm_db_sa", FieldType.DECIMAL),
        (sa.DATE(), "ibm_db_sa", FieldType.DATE),
        (sa.NullType(), "ibm_db_sa", FieldType.TEXT),
    ],
    ids=repr,
)
def test_types_that_one_vendor_has(type: sa.TypeEngine[Any], dialect: str, expected: FieldType) -> None:
    assert field_type(type, dialect) is expected


def test_large_objects_are_read() -> None:
    class Lob:
        def read(self) -> str:
            return "a long text"

    assert python_value(Lob()) == "a long text"
    assert python_value(memoryview(b"\x00")) == b"\x00"


def test_names_are_those_of_the_catalog() -> None:
    capitals, plain = oracle.dialect(), mssql.dialect()
    for name in ("PARTY", "party", "Party", "ORDER", "order-line"):
        assert stored(capitals, normal(capitals, name)) == name
        assert stored(plain, normal(plain, name)) == name
    assert normal(capitals, "PARTY") == "party"


class Catalog:
    """Answers a catalog's queries by a word that stands in them; what isn't known is refused."""

    def __init__(self, answers: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
        self._answers = answers

    def __call__(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        for word, rows in self._answers.items():
            if word in statement:
                return list(rows)
        raise SourceError("running it failed", why=f"no privilege for {statement}")


PARTY, ORDERS = Place("dbo", "party"), Place("dbo", "o'rders")
SQL_SERVER = {
    "sys.databases": [(1,)], "sys.tables": [("dbo", "party")], "dm_server_services": [(4,)], "cdc_jobs": [(4320,)],
}  # fmt: skip


def test_sql_server_that_is_ready_lacks_nothing() -> None:
    assert log_needs("mssql", Catalog(SQL_SERVER), [PARTY], 86400) == []


@pytest.mark.parametrize(
    ("changed", "what", "do", "blocks"),
    [
        ({"sys.databases": []}, "isn't enabled", "EXEC sys.sp_cdc_enable_db", True),
        ({"dm_server_services": [(1,)]}, "Agent doesn't run", "start", True),
        ({"cdc_jobs": [(60,)]}, "kept for 60 minutes", "@retention = 1441", False),
        ({"sys.tables": []}, "aren't logged", "@source_name = N'party'", True),
    ],
)
def test_what_sql_server_lacks_is_named(changed: dict[str, Any], what: str, do: str, blocks: bool) -> None:
    found = log_needs("mssql", Catalog(SQL_SERVER | changed), [PARTY], 86400)
    assert len(found) == 1
    assert what in found[0].what
    assert do in found[0].do
    assert found[0].blocks is blocks


def test_what_oracle_lacks_is_named() -> None:
    ready = {"v$database": [("ARCHIVELOG", "YES")], "all_log_groups": [("ERP", "PARTY")]}
    assert log_needs("oracle", Catalog(ready), [Place("ERP", "PARTY")], 0) == []
    bare = {"v$database": [("NOARCHIVELOG", "NO")], "all_log_groups": []}
    assert [each.do[:8] for each in log_needs("oracle", Catalog(bare), [], 0)] == ["SHUTDOWN", "ALTER DA"]
    assert enabling("oracle", Catalog(ready), [Place("ERP", "ORDERS")]) == [
        'ALTER TABLE "ERP"."ORDERS" ADD SUPPLEMENTAL LOG DATA (ALL) COLUMNS'
    ]


def test_db2_takes_up_what_was_added() -> None:
    registered = {"ibmsnap_register": [("ERP     ", "PARTY")]}
    assert log_needs("db2", Catalog(registered), [Place("ERP", "PARTY")], 0) == []
    assert enabling("db2", Catalog(registered), [Place("ERP", "ORDERS")]) == [
        "CALL ASNCDC.ADDTABLE('ERP', 'ORDERS')", "VALUES ASNCDC.ASNCDCSERVICES('reinit', 'asncdc')",
    ]  # fmt: skip


def test_a_name_with_an_apostrophe_stays_within_its_quotes() -> None:
    assert "N'o''rders'" in enabling("mssql", Catalog({"sys.tables": []}), [ORDERS])[0]


def test_what_may_not_be_looked_at_blocks_nothing() -> None:
    found: list[Finding] = log_needs("oracle", Catalog({}), [], 0)
    assert [each.blocks for each in found] == [False]
    assert "no privilege" in found[0].what


def test_who_may_not_in_is_told_what_to_correct(postgres_url: str) -> None:
    _, _, host = postgres_url.partition("@")
    for url in (f"postgresql://nobody:s3cret@{host}", f"{postgres_url}_not_there"):
        with pytest.raises(SourceError) as caught:
            open_database("erp", settings(url), {}).execute("SELECT 1")
        assert "can't connect to postgresql://" in caught.value.what
        assert "s3cret" not in str(caught.value)
