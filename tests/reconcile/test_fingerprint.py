"""Between two PostgreSQL the server's own hash tells rows apart exactly as their canonical texts do; elsewhere texts are hashed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strangler.mapping import canonical_columns, native_columns
from strangler.mapping.dialects.postgres import native_constant
from strangler.parts import parts_of
from strangler.reconcile import fingerprint
from strangler.reconcile.pairing import pair
from strangler.reconcile.sides import Sides
from strangler.shapes import Field, FieldType, Shape
from strangler_adapters.sql_fit import POSTGRES_TYPES

from .conftest import Make
from .landscape import Landscape, partners

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
WRITTEN = {
    FieldType.TEXT: st.sampled_from(["a", "A", "a ", "", "é", "e\u0301", "ß", "ss"]) | TEXT,
    FieldType.INTEGER: st.sampled_from(["0", "-1", "9223372036854775807"]),
    FieldType.DECIMAL: st.sampled_from(
        ["1.0", "1.00", "1", "0", "-0.0", "NaN", "0.01", "1e-9", "0.000000001"]
    ),
    FieldType.FLOAT: st.sampled_from(["0", "-0", "0.1", "0.30000000000000004", "0.3", "NaN", "Infinity"]),
    FieldType.BOOLEAN: st.sampled_from(["t", "f"]),
    FieldType.DATE: st.sampled_from(["2026-11-30", "0001-01-01", "infinity", "-infinity"]),
    FieldType.TIME: st.sampled_from(["00:00", "24:00", "23:59:59.999999"]),
    FieldType.TIMESTAMP: st.sampled_from(["2026-11-30 01:02:03", "2026-11-30 01:02:03.000001", "infinity"]),
    FieldType.INSTANT: st.sampled_from(["2026-11-30 01:00+01", "2026-11-30 00:00Z", "2026-11-30 01:00Z"]),
    FieldType.BYTES: st.sampled_from(["\\x00", "\\x", "\\x0000"]),
    FieldType.JSON: st.sampled_from(['{"a":1}', '{"a": 1}', "null"]),
}
SHAPE = Shape(
    "f",
    "e",
    "natives",
    ("n",),
    (Field("n", FieldType.INTEGER, False), *(Field(kind.value, kind, True) for kind in WRITTEN)),
)
ROW = st.fixed_dictionaries({kind.value: st.none() | values for kind, values in WRITTEN.items()})


@pytest.fixture(scope="module")
def natives(postgres: Any) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a store's table with a column of each type."""
    name = "natives_of_all_types"
    with psycopg.connect(postgres.create_database(name), autocommit=True) as connection:
        columns = ", ".join(f'"{kind.value}" {POSTGRES_TYPES.fields[kind]}' for kind in WRITTEN)
        connection.execute(f"CREATE TABLE natives (n bigint, {columns})".encode())
        yield connection
    postgres.drop_database(name)


@given(ROW, ROW)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_have_the_same_hash_exactly_when_their_texts_are_the_same(
    natives: psycopg.Connection[Any], left: dict[str, str | None], right: dict[str, str | None]
) -> None:
    natives.execute("TRUNCATE natives")
    for row in (left, right):
        marks = ", ".join(["%s"] * len(row))
        natives.execute(
            f"INSERT INTO natives VALUES (1, {marks})".encode(), [row[kind.value] for kind in WRITTEN]
        )
    texts = ", ".join(canonical_columns(SHAPE, "postgres"))
    found = native_columns(SHAPE, "postgres")
    assert found is not None
    hashed = fingerprint.by_row(SHAPE, found).row
    one, other = natives.execute(f"SELECT {hashed}, ARRAY[{texts}] FROM natives".encode()).fetchall()
    assert (one[0] == other[0]) is (one[1] == other[1])


def test_a_value_that_is_translated_here_has_the_hash_that_it_has_in_a_table(make: Make) -> None:
    landscape = filled(make, "postgresql-postgresql")
    (part,) = parts_of(landscape.mappings[0])
    with Sides(landscape.source.reader, landscape.store.reader) as sides:
        found = pair(part, sides)
        assert found.native
        rows = list(landscape_rows(landscape))
    natives = landscape.mappings[0].select("postgres").pushed
    assert natives is not None
    assert natives.natives is not None
    by_row = fingerprint.by_row(part.mapping.shape, natives.natives)
    with closing(landscape.source.reader()) as side:
        expected = [int(row[0]) for row in side.rows(f"SELECT {by_row.row} FROM partner ORDER BY id")]
        assert by_row.of(side, rows) == expected


def landscape_rows(landscape: Landscape) -> Iterator[list[Any]]:
    """Every partner as canonical values, in the order of the ids, translated in Python."""
    mapping = landscape.mappings[0]
    with closing(landscape.source.reader()) as side:
        sql = mapping.select("redshift").rest_sql(None, order=True)  # a dialect that nothing is compiled to
        assert sql is not None
        for values in list(side.rows(sql)):
            yield list(mapping.translate(mapping.legacy_row("postgres", values)).values())


def filled(make: Make, names: str) -> Landscape:
    legacy, store = names.split("-")
    landscape = make(legacy, store)
    landscape.legacy.insert("partner", partners(300, legacy))
    landscape.fill()
    return landscape


@pytest.mark.parametrize(
    ("names", "native"),
    [("postgresql-postgresql", True), ("postgresql-sqlite", False), ("sqlite-postgresql", False)],
)
def test_only_two_postgresql_hash_by_themselves(make: Make, names: str, native: bool) -> None:
    landscape = filled(make, names)
    (part,) = parts_of(landscape.mappings[0])
    with Sides(landscape.source.reader, landscape.store.reader) as sides:
        assert pair(part, sides).native is native
        assert pair(part, sides, presence=True).native is False


def test_a_server_of_another_encoding_hashes_otherwise_and_is_compared_by_texts(
    make: Make, postgres: Any
) -> None:
    landscape = filled(make, "postgresql-postgresql")
    name = "latin_one"
    with psycopg.connect(landscape.legacy.url, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0".encode()
        )
    try:
        url = landscape.legacy.url.rsplit("/", 1)[0] + f"/{name}"
        with psycopg.connect(url, autocommit=True, client_encoding="utf8") as latin:
            sample = "SELECT hash_record_extended(ROW({}), 0)".format(native_constant(FieldType.TEXT, "Ü"))
            (there,) = latin.execute(sample.encode()).fetchone() or (None,)
        with closing(landscape.source.reader()) as side:
            assert list(side.rows(sample)) != [(there,)]
    finally:
        with psycopg.connect(landscape.legacy.url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name}".encode())


def test_rows_that_the_database_leaves_are_compared_beside_native_hashes(make: Make) -> None:
    """Nothing that the server can't translate is taken for equal, and nothing that it can is drawn into it."""
    landscape = filled(make, "postgresql-postgresql")
    landscape.legacy.run("UPDATE partner SET number = 'none' WHERE id IN (40, 41)")
    landscape.new.run("UPDATE partner SET name = 'x' WHERE id = 42", "DELETE FROM partner WHERE id = 41")
    outcome = landscape.compare()
    assert [each.key for each in outcome.differences] == ["[42]"]
    assert [each.key for each in outcome.quarantined] == ["[40]", "[41]"]
