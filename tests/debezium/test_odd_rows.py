"""Rows with everything odd come alike through the direct connector and through Debezium: the same operations, keys and values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pytest
from pydantic import SecretStr

from strangler.changes import ORIGIN, Change
from strangler.errors import SourceError
from strangler.ports import ChangeSource
from strangler.settings import Source
from strangler.testing.change_source import read_changes
from strangler.testing.connect import Standing as StandingConnect
from strangler.testing.kafka import Standing as StandingKafka
from strangler_connectors import mysql, postgres
from strangler_connectors.debezium.readers import ZERO_OR_EPOCH
from tests.debezium.landscape import Landscape, MariadbLandscape, PostgresLandscape
from tests.sources.test_mysql_values import BOTH

POSTGRES: list[tuple[str, str]] = [
    ("smallint", "-32768"),
    ("bigint", "9223372036854775807"),
    ("numeric", "'NaN'"),
    ("numeric", "'Infinity'"),
    ("numeric", "1e-20"),
    ("numeric(65,30)", f"-{'9' * 35}.{'8' * 30}"),
    ("numeric(12,2)", "-0.00"),
    ("numeric(5,-2)", "12345"),
    ("real", "'NaN'"),
    ("real", "0.1"),
    ("double precision", "'-Infinity'"),
    ("double precision", "1.7976931348623157e308"),
    ("double precision", "'NaN'"),
    ("money", "'-12.34'"),
    ("boolean", "false"),
    ("char(10)", "'ab  '"),
    ('"char"', "'x'"),
    ("varchar(10)", "'ab  '"),
    ("text", "'Łódź 🚲 ''\"\\'"),
    ("text", "''"),
    ("text", "repeat('ä', 1000000)"),
    ("bytea", "'\\x00ff'"),
    ("bytea", "''"),
    ("date", "'9999-12-31'"),
    ("date", "'0001-01-01'"),
    ("date", "'infinity'"),
    ("date", "'0044-03-15 BC'"),
    ("date", "'12026-01-01'"),
    ("time", "'23:59:59.999999'"),
    ("time", "'24:00:00'"),
    ("time(0)", "'12:00:00'"),
    ("timestamp", "'9999-12-31 23:59:59.999999'"),
    ("timestamp", "'-infinity'"),
    ("timestamp", "'0001-01-01'"),
    ("timestamp(3)", "'1969-12-31 23:59:59.999'"),
    ("timestamptz", "'2026-07-01 12:00:00.000001+02'"),
    ("timestamptz", "'infinity'"),
    ("timestamptz(0)", "'1900-01-01 00:00:00Z'"),
    ("interval", "'1 year 2 mons -3 days 04:05:06.7'"),
    ("interval", "'-1 mon'"),
    ("interval", "'0'"),
    ("interval", "'-00:00:00.000001'"),
    ("integer[]", "'{1,NULL,3}'"),
    ("integer[]", "'{}'"),
    ("text[]", "array['a b', 'c\"d', NULL, 'NULL', '', '\\', 'e,f', '{x}']"),
    ("numeric(12,2)[]", "'{1.50,-0.01}'"),
    ("timestamptz[]", "array['2026-07-01 12:00:00.5+02'::timestamptz]"),
    ("date[]", "array['2026-07-01'::date, NULL]"),
    ("boolean[]", "'{t,f}'"),
    ("uuid[]", "array['123e4567-e89b-12d3-a456-426655440000'::uuid]"),
    ("json", '\'{"b": 1,  "a":[1.0,2]}\''),
    ("jsonb", '\'{"b": 1,  "a":[1.0,2], "b": 1e400}\''),
    ("jsonb", "'null'"),
    ("uuid", "'123e4567-e89b-12d3-a456-426655440000'"),
    ("inet", "'2001:db8::1/64'"),
    ("inet", "'10.0.0.1'"),
    ("cidr", "'10.0.0.0/8'"),
    ("macaddr", "'08:00:2b:01:02:03'"),
    ("bit(1)", "B'1'"),
    ("bit(12)", "B'000000000101'"),
    ("mood", "'sö good'"),
    ("mood[]", "array['sö good', 'bad']::mood[]"),
    ("amount", "12.50"),
    ("int4range", "'[1,10)'"),
    ("tsvector", "'a:1 b:2'"),
    ("point", "'(1.5,-2)'"),
    ("pair", "row(1, 'x')"),
    ("integer", "NULL"),
]


STOPS = {("date", "'2026-02-31'"), ("datetime(3)", "'2026-02-31 10:11:12.5'")}
"""What stops Debezium: the table of losses in docs/sources.md has the types."""

LOST = {
    ("date not null", "'0000-00-00'"): ZERO_OR_EPOCH,
    ("datetime not null", "'0000-00-00 00:00:00'"): ZERO_OR_EPOCH,
    ("varchar(20) charset latin1", "'Söhne € \u0081'"): "Söhne € \ufffd",
}
"""What Debezium doesn't keep, and what is given instead: what no mapping can read, but for the character that latin1 doesn't have."""


class Ways(NamedTuple):
    """One database, captured twice."""

    direct: ChangeSource
    debezium: ChangeSource
    execute: Callable[..., None]

    def changes(
        self, count: int, *statements: str, lost: Mapping[str, tuple[Any, Any]] | None = None
    ) -> list[Change]:
        """The changes that the statements make, the same on both ways but for their positions. `lost`: column → what it is on
        the direct way, and on Debezium's."""
        lost = {f"after.{name}": tuple(map(repr, both)) for name, both in (lost or {}).items()}
        identities = self.direct.prepare(), self.debezium.prepare()
        self.execute(*statements)
        read = []
        for source, identity in zip((self.direct, self.debezium), identities, strict=True):
            with source.stream(ORIGIN, identity) as stream:
                read.append(
                    [change._replace(position=ORIGIN) for change in read_changes(stream, count, patience=60)]
                )
        direct, debezium = read
        for one, other in zip(direct, debezium, strict=True):
            assert differing(one, other) == lost
        return direct


def differing(one: Change, other: Change) -> dict[str, Any]:
    """What isn't the same, by column; types count."""
    found: dict[str, Any] = {}
    if (one.table, one.operation) != (other.table, other.operation):
        found["operation"] = (one.table, one.operation), (other.table, other.operation)
    for side, a, b in (("before", one.before, other.before), ("after", one.after, other.after)):
        if (a is None) != (b is None):
            found[side] = a, b
        for name in sorted({*(a or {}), *(b or {})}):
            values = [
                (type(row.get(name, "absent")), repr(row.get(name, "absent"))) for row in (a or {}, b or {})
            ]
            if a is not None and b is not None and values[0] != values[1]:
                found[f"{side}.{name}"] = tuple(text[:200] for _, text in values)
    return found


@pytest.fixture
def on_postgres(postgres_url: str, kafka: StandingKafka, connect: StandingConnect, prefix: str) -> Any:
    landscape = PostgresLandscape(postgres_url, kafka.bootstrap, connect.url, prefix)
    yield from _ways(landscape, "postgres", {"slot": f"{prefix}_direct"}, postgres.connect)


@pytest.fixture
def on_mariadb(mariadb_url: str, kafka: StandingKafka, connect: StandingConnect, prefix: str) -> Any:
    landscape = MariadbLandscape(mariadb_url, kafka.bootstrap, connect.url, prefix)
    yield from _ways(landscape, "mysql", {}, mysql.connect)


def _ways(
    landscape: Landscape, kind: str, options: dict[str, Any], connect: Callable[..., ChangeSource]
) -> Any:
    """Both ways, to be opened for tables once these are there."""
    opened: list[ChangeSource] = []

    def open_ways(tables: Mapping[str, Sequence[str]]) -> Ways:
        section = Source(kind=kind, url=SecretStr(landscape.url), options=options)
        opened.extend((connect("erp", section, tables), landscape.source(tables)))
        return Ways(opened[-2], opened[-1], execute)

    def execute(*statements: str) -> None:
        with landscape.cursor() as run:
            for each in statements:
                run(each, [])

    open_ways.execute = execute  # type: ignore[attr-defined]
    yield open_ways
    for source in opened:
        source.drop()


def table_of(name: str, types: Sequence[str]) -> str:
    columns = ", ".join(f"c{i} {type}" for i, type in enumerate(types))
    return f"CREATE TABLE {name} (id integer PRIMARY KEY, {columns})"


def insert_of(name: str, values: Sequence[str]) -> str:
    columns = ", ".join(f"c{i}" for i in range(len(values)))
    return f"INSERT INTO {name} (id, {columns}) VALUES (1, {', '.join(values)})"


def test_every_type_of_postgresql(on_postgres: Any) -> None:
    on_postgres.execute(
        "CREATE TYPE mood AS ENUM ('sö good', 'bad')",
        "CREATE DOMAIN amount AS numeric(12,2)",
        "CREATE TYPE pair AS (a integer, b text)",
        table_of("odd", [type for type, _ in POSTGRES]),
    )
    ways = on_postgres({"odd": [f"c{i}" for i in range(len(POSTGRES))]})
    (change,) = ways.changes(1, insert_of("odd", [value for _, value in POSTGRES]))
    assert change.after is not None
    assert len(change.after) == len(POSTGRES) + 1


def test_every_type_of_mariadb(on_mariadb: Any) -> None:
    values = [each for each in BOTH if each[:2] not in STOPS]
    on_mariadb.execute(table_of("odd", [type for type, _, _ in values]) + " charset utf8mb4")
    ways = on_mariadb({"odd": [f"c{i}" for i in range(len(values))]})
    lenient = "SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+02:00'"
    lost = {
        f"c{i}": (value, LOST[type, sql])
        for i, (type, sql, value) in enumerate(values)
        if (type, sql) in LOST
    }
    (change,) = ways.changes(1, lenient, insert_of("odd", [sql for _, sql, _ in values]), lost=lost)
    assert len(lost) == len(LOST)
    assert change.after is not None
    assert len(change.after) == len(values) + 1


KEYS = (
    "INSERT INTO pairs VALUES ('b ', 2, 'x'), ('a', 1, 'y')",
    "UPDATE pairs SET text = 'z' WHERE number = 1",
    "UPDATE pairs SET code = 'c', text = 'moved' WHERE number = 2",
    "UPDATE pairs SET code = 'd', number = 7 WHERE number = 1",
    "DELETE FROM pairs WHERE number = 2",
)
PAIRS = "CREATE TABLE pairs (number integer, text varchar(100), code varchar(10), PRIMARY KEY (code, number))"


@pytest.mark.parametrize("where", ["on_postgres", "on_mariadb"])
def test_composite_and_text_keys_and_their_changes(where: str, request: pytest.FixtureRequest) -> None:
    open_ways = request.getfixturevalue(where)
    open_ways.execute(PAIRS)
    ways = open_ways({"pairs": ["text"]})
    statements = [each.replace("VALUES", "(code, number, text) VALUES") for each in KEYS]
    changes = ways.changes(6, *statements)
    assert changes[3].before is not None
    assert changes[3].before["code"] == "b "
    assert changes[3].after == {"code": "c", "number": 2, "text": "moved"}


@pytest.mark.parametrize("where", ["on_postgres", "on_mariadb"])
def test_a_table_without_a_key_is_refused_on_both_ways(where: str, request: pytest.FixtureRequest) -> None:
    open_ways = request.getfixturevalue(where)
    for source in open_ways({"scribble": ["text"]})[:2]:
        with pytest.raises(SourceError, match="scribble") as refused:
            source.prepare()
        assert refused.value.do


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("on_postgres", "SELECT i, CONCAT('row ', i) FROM generate_series(1, 200000) i"),
        ("on_mariadb", "SELECT seq, CONCAT('row ', seq) FROM seq_1_to_200000"),
    ],
)
def test_two_hundred_thousand_rows_in_one_transaction(
    where: str, rows: str, request: pytest.FixtureRequest
) -> None:
    open_ways = request.getfixturevalue(where)
    open_ways.execute("CREATE TABLE many (id integer PRIMARY KEY, text varchar(100))")
    changes = open_ways({"many": ["text"]}).changes(200_000, f"INSERT INTO many {rows}")
    assert [change.after["id"] for change in changes if change.after] == list(range(1, 200_001))
