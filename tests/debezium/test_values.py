"""Values look as the direct connectors hand them over, whatever the modes; or the table is refused with what mends it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from strangler.changes import UNCHANGED
from strangler.errors import SourceError
from strangler.mapping.bad_value import BadValue
from strangler.mapping.reading import read as read_by_mapping
from strangler.shapes import Column, FieldType, Table
from strangler_connectors.debezium.envelope import RowMessage
from strangler_connectors.debezium.inline import Fields, Written
from strangler_connectors.debezium.modes import Modes
from strangler_connectors.debezium.readers import ZERO_OR_EPOCH
from strangler_connectors.debezium.values import NULL_OR_GAP, Reading, compile_rows
from tests.debezium.recordings import MODES, modes, rows

F = FieldType

# Column, field type, declared type, what the direct connector gives.
POSTGRES: list[tuple[str, FieldType, str, Any]] = [
    ("id", F.INTEGER, "bigint", 1),
    ("small", F.INTEGER, "smallint", -1),
    ("amount", F.DECIMAL, "numeric(16,4)", Decimal("4904.4900")),
    ("freenum", F.DECIMAL, "numeric", Decimal("1000000000000000000000000000000")),
    ("bignum", F.DECIMAL, "numeric(40,10)", Decimal("0.0000000001")),
    ("ratio", F.FLOAT, "double precision", 0.1),
    ("single", F.FLOAT, "real", 0.1),
    ("yes", F.BOOLEAN, "boolean", True),
    ("name", F.TEXT, "character varying(9)", "Łódź'"),
    ("padded", F.TEXT, "character(5)", "ab   "),
    ("day", F.DATE, "date", date(2026, 11, 23)),
    ("at", F.TIME, "time without time zone", time(23, 59, 59, 500000)),
    ("at3", F.TIME, "time(3) without time zone", time(23, 59, 59, 123000)),
    ("stamp", F.TIMESTAMP, "timestamp without time zone", datetime(2026, 11, 23, 23, 59, 59, 123456)),
    ("stamp3", F.TIMESTAMP, "timestamp(3) without time zone", datetime(2026, 11, 23, 23, 59, 59, 123000)),
    ("stamp0", F.TIMESTAMP, "timestamp(0) without time zone", datetime(2026, 11, 23, 23, 59, 59)),
    ("instant", F.INSTANT, "timestamp with time zone", datetime(2026, 11, 24, 4, 59, 59, 123456, UTC)),
    ("instant3", F.INSTANT, "timestamp(3) with time zone", datetime(2026, 11, 24, 4, 59, 59, 120000, UTC)),
    ("raw", F.BYTES, "bytea", b"\x00\xff\x10"),
    ("doc", F.JSON, "json", '{"a":  1.10}'),
    ("docb", F.JSON, "jsonb", '{"a": 1.10, "b": 2}'),
    ("ints", F.TEXT, "integer[]", "{1,NULL,3}"),
    ("bigs", F.TEXT, "bigint[]", "{9223372036854775807,NULL}"),
    ("texts", F.TEXT, "text[]", '{a,NULL,"a b","q\\"x","",null2,"NULL","{,}"}'),
    ("nums", F.TEXT, "numeric[]", "{1.50,NULL,100}"),
    ("numsp", F.TEXT, "numeric(10,2)[]", "{1.50,2.25}"),
    ("days", F.TEXT, "date[]", "{2026-11-23,NULL,infinity}"),
    ("stamps", F.TEXT, "timestamp without time zone[]", '{"2026-11-23 23:59:59.123456",NULL}'),
    ("stampzs", F.TEXT, "timestamp with time zone[]", '{"2026-11-24 04:59:59+00"}'),
    ("flags", F.TEXT, "boolean[]", "{t,f,NULL}"),
    ("floats", F.TEXT, "double precision[]", "{0.1,NaN,Infinity,NULL,1e+100}"),
    ("uuids", F.TEXT, "uuid[]", "{00000000-0000-0000-0000-000000000001}"),
    ("raws", F.TEXT, "bytea[]", '{"\\\\x00ff"}'),
    ("docs", F.TEXT, "jsonb[]", '{"{\\"a\\": 1}"}'),
    ("ats", F.TEXT, "time without time zone[]", "{23:59:59.5}"),
    ("span", F.TEXT, "interval", "1 year 2 mons 3 days 04:05:06.789"),
    ("hue", F.TEXT, "colour", "red"),
    ("hues", F.TEXT, "colour[]", '{red,"gr,een"}'),
    ("key", F.TEXT, "uuid", "00000000-0000-0000-0000-000000000001"),
    ("addr", F.TEXT, "inet", "10.0.0.1/8"),
    ("b1", F.TEXT, "bit(1)", "1"),
    ("b12", F.TEXT, "bit(12)", "101100111000"),
    ("cash", F.TEXT, "money", "$1,234.56"),
    ("pt", F.TEXT, "point", "(1.5,2)"),
    ("rng", F.TEXT, "int4range", "[1,5)"),
    ("tsv", F.TEXT, "tsvector", "'a' 'cat' 'fat'"),
    ("hs", F.TEXT, "hstore", '"a"=>"1", "b"=>NULL'),
    ("o", F.INTEGER, "oid", 4294967295),
    ("nm", F.TEXT, "name", "nn"),
    ("bx", F.TEXT, "box", "(1,1),(0,0)"),
    ("ci", F.TEXT, "circle", "<(1,2),3>"),
    ("pth", F.TEXT, "path", "[(0,0),(1,1)]"),
    ("lq", F.TEXT, "regclass", "every"),
    ("xid_", F.TEXT, "xid", "5"),
]  # fmt: skip

REFUSED: dict[str, dict[str, str]] = {
    "pg_default_schema": {"nums": "decimal.handling.mode", "span": "interval.handling.mode", "nm": "include.unknown.datatypes"},
    "pg_default": {
        "amount": "decimal.handling.mode", "bignum": "decimal.handling.mode", "numsp": "decimal.handling.mode",
        "cash": "decimal.handling.mode", "nums": "decimal.handling.mode", "span": "interval.handling.mode",
        "nm": "include.unknown.datatypes",
    },
    "pg_rendered": {"raw": "binary.handling.mode", "raws": "binary.handling.mode"},
    "pg_iso": dict.fromkeys(("amount", "freenum", "bignum", "nums", "numsp", "cash"), "decimal.handling.mode")
    | dict.fromkeys(("at", "at3", "ats"), "time.precision.mode"),
    "pg_connect_schema": dict.fromkeys(("at", "stamp", "stamps", "ats"), "time.precision.mode")
    | {"raw": "binary.handling.mode", "raws": "binary.handling.mode", "span": "interval.handling.mode"}
    | {"nums": "decimal.handling.mode"},
    "pg_connect": dict.fromkeys(("at", "stamp", "stamps", "ats"), "time.precision.mode")
    | {"span": "interval.handling.mode"},
    "pg_nano": dict.fromkeys(("stamp", "stamp3", "stamp0", "stamps"), "time.precision.mode")
    | {"span": "interval.handling.mode", "nm": "include.unknown.datatypes"},
}  # fmt: skip
"""File → column → the property that the refusal has to name."""

UNKNOWN = ("bx", "ci", "pth", "lq", "xid_")
"""Columns that come only with include.unknown.datatypes."""


def described(columns: list[tuple[str, FieldType, str, Any]], nullable: bool = True) -> Table:
    return Table("every", tuple(Column(n, t, nullable, d) for n, t, d, _ in columns), ("id",), ("id",))


def value(row: RowMessage, column: Column, modes: Modes, changed: bool = False) -> Any:
    """The value of one column, read as the assembler does."""
    wanted = Reading(Table("every", (column,), ()), frozenset((column.name,)))
    read = compile_rows(wanted, [column.name], row.fields, row.origin.connector, modes)
    assert row.after is not None
    return (read.changed if changed else read.whole)(row.after)[column.name]


@pytest.mark.parametrize("name", [name for name in MODES if name.startswith("pg")])
def test_every_type_of_postgresql_in_every_mode(name: str) -> None:
    row = next(each for each in rows(name, "every") if each.after and each.after["id"] == 1)
    found = {}
    expected = {}
    for column, (each, _, _, direct) in zip(described(POSTGRES).columns, POSTGRES, strict=True):
        if each in REFUSED[name]:
            with pytest.raises(SourceError, match=f"column {each} of table every") as refused:
                value(row, column, modes(name))
            assert REFUSED[name][each] in refused.value.do
        elif each in UNKNOWN and modes(name).unknown != "true":
            with pytest.raises((SourceError, KeyError), match=each):
                value(row, column, modes(name))
        else:
            found[each], expected[each] = value(row, column, modes(name)), direct
    assert {n: (type(v), v) for n, v in found.items()} == {n: (type(v), v) for n, v in expected.items()}
    if "connect" not in name:
        assert len(found) > 40


ODD: dict[int, dict[str, Any]] = {
    3: {
        "amount": Decimal("NaN"), "freenum": Decimal("NaN"), "ratio": float("nan"), "single": float("inf"), "day": "infinity",
        "at": "24:00:00", "stamp": "infinity", "stamp3": "-infinity", "instant": "infinity",
        "span": "-1 years +2 days -03:04:05.5", "cash": "-$1,234,567.89",
    },
    4: {
        "freenum": Decimal("Infinity"), "ratio": float("-inf"), "day": "-infinity", "stamp": "-infinity",
        "instant": "-infinity", "span": "00:00:00",
    },
    5: {
        "freenum": Decimal("12345678901234567890.123456789012345"), "ratio": 1e-300, "day": "0044-03-15 BC",
        "stamp": "0044-03-15 00:00:00 BC", "instant": "0044-03-15 00:00:00+00 BC", "span": "1 mon",
    },
    6: {
        "day": date(9999, 12, 31), "stamp": datetime(9999, 12, 31, 23, 59, 59, 999999),
        "instant": datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), "span": "-00:00:00.000001",
    },
    7: {
        "freenum": Decimal("0.00000000000000000001"), "day": "12345-01-01", "stamp": "12345-01-01 00:00:00",
        "instant": datetime(1, 1, 1, tzinfo=UTC), "span": "1000:00:00",
    },
    8: {
        "freenum": Decimal("-0.5"), "day": date(1582, 10, 10), "stamp": datetime(1582, 10, 10),
        "instant": datetime(1582, 10, 10, tzinfo=UTC), "span": "-1 mons -1 days",
    },
    9: {
        "day": date(1969, 12, 31), "stamp": datetime(1969, 12, 31, 23, 59, 59, 999999),
        "instant": datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), "span": "1 day -00:00:01", "ratio": 1e22,
    },
}  # fmt: skip
"""Row → column → what PostgreSQL itself writes, or its Python value."""


@pytest.mark.parametrize("name", ["pg_rendered", "pg_default", "pg_default_schema", "pg_iso"])
def test_what_python_cant_hold_is_the_databases_own_text(name: str) -> None:
    types = {column.name: column for column in described(POSTGRES).columns}
    checked = 0
    for row in rows(name, "every"):
        odd = ODD.get(row.after["id"], {}) if row.after and row.operation.value == "insert" else {}
        for column, expected in odd.items():
            precise_loses = "default" in name and column in ("amount", "freenum") and not expected.is_finite()
            if column in REFUSED[name] or precise_loses:
                continue
            found = value(row, types[column], modes(name))
            assert (type(found), repr(found)) == (type(expected), repr(expected)), (row.after["id"], column)
            checked += 1
    assert checked > 15


MARIADB: list[tuple[str, FieldType, str, Any]] = [
    ("id", F.INTEGER, "bigint(20) unsigned", 18446744073709551615),
    ("ti", F.INTEGER, "tinyint(4)", -1),
    ("tu", F.INTEGER, "tinyint(3) unsigned", 255),
    ("b", F.INTEGER, "tinyint(1)", 1),
    ("m", F.INTEGER, "mediumint(8) unsigned", 16777215),
    ("iu", F.INTEGER, "int(10) unsigned", 4294967295),
    ("bs", F.INTEGER, "bigint(20)", -4),
    ("y", F.INTEGER, "year(4)", 2026),
    ("bit1", F.BOOLEAN, "bit(1)", True),
    ("bit12", F.BYTES, "bit(12)", b"\x0b\x38"),
    ("bit64", F.BYTES, "bit(64)", b"\x80\0\0\0\0\0\0\x01"),
    ("d", F.DECIMAL, "decimal(16,4)", Decimal("4904.4900")),
    ("dbig", F.DECIMAL, "decimal(65,30)", Decimal("12345678901234567890123456789012345.123456789012345678901234567890")),
    ("f", F.FLOAT, "float", 0.10000000149011612),
    ("f72", F.FLOAT, "float(7,2)", 12345.669921875),
    ("dbl", F.FLOAT, "double", 0.1),
    ("dz", F.DATE, "date", date(2026, 11, 23)),
    ("t", F.TIME, "time", time(23, 59, 59)),
    ("t6", F.TIME, "time(6)", time(23, 59, 59, 123456)),
    ("dt", F.TIMESTAMP, "datetime", datetime(2026, 11, 23, 23, 59, 59)),
    ("dt3", F.TIMESTAMP, "datetime(3)", datetime(2026, 11, 23, 23, 59, 59, 123000)),
    ("dt6", F.TIMESTAMP, "datetime(6)", datetime(2026, 11, 23, 23, 59, 59, 123456)),
    ("ts", F.INSTANT, "timestamp", datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC)),
    ("ts6", F.INSTANT, "timestamp(6)", datetime(2026, 11, 23, 23, 59, 59, 123456, UTC)),
    ("c", F.TEXT, "char(5)", "ab"),
    ("v", F.TEXT, "varchar(20)", "Łódź"),
    ("vl", F.TEXT, "varchar(20)", "é"),
    ("e", F.TEXT, "enum('a','b,c','d''e')", "b,c"),
    ("st", F.TEXT, "set('x','y','z')", "x,z"),
    ("bi", F.BYTES, "binary(5)", b"ab\0\0\0"),
    ("vb", F.BYTES, "varbinary(5)", b"ab"),
    ("bl", F.BYTES, "blob", b"\x00\xff\x10"),
    ("j", F.JSON, "longtext", '{"a":  1.10}'),
    ("p", F.BYTES, "point", b"\0\0\0\0\x01\x01\0\0\0\0\0\0\0\0\0\xf8\x3f\0\0\0\0\0\0\0\x40"),
]  # fmt: skip

REFUSED_OF_MARIADB: dict[str, set[str]] = {
    "my_default_schema": set(),
    "my_rendered": set(),
    "my_precise": {"d", "dbig"},
    "my_iso": {"d", "dbig", "t", "t6"},
    "my_connect_schema": {"t", "t6", "dt6"},
}


@pytest.mark.parametrize("name", [name for name in MODES if name.startswith("my")])
def test_every_type_of_mariadb_in_every_mode(name: str) -> None:
    row = next(
        each
        for each in rows(name, "every")
        if each.after and each.after["y"] == 2026 and each.after["id"] in (-1, "AP//////////")
    )
    for column, (each, _, _, direct) in zip(described(MARIADB).columns, MARIADB, strict=True):
        if each in REFUSED_OF_MARIADB[name]:
            with pytest.raises(SourceError, match=f"column {each} of table every"):
                value(row, column, modes(name))
        else:
            found = value(row, column, modes(name))
            assert (type(found), found) == (type(direct), direct), each


@pytest.mark.parametrize("name", ["my_rendered", "my_precise", "my_default_schema"])
def test_odd_values_of_mariadb(name: str) -> None:
    zero, partly, far = (
        each
        for each in rows(name, "every")
        if each.after
        and each.after["id"] in (2, 3, 4, "Ag==", "Aw==", "BA==")
        and each.operation.value == "insert"
    )

    def at(row: RowMessage, column: str, type: FieldType, declared: str, nullable: bool = True) -> Any:
        return value(row, Column(column, type, nullable, declared), modes(name))

    assert at(zero, "dz", F.DATE, "date") is None
    assert at(partly, "dz", F.DATE, "date") is None
    assert at(zero, "dn", F.DATE, "date", False) == ZERO_OR_EPOCH
    assert at(zero, "dtn", F.TIMESTAMP, "datetime", False) == ZERO_OR_EPOCH
    assert at(partly, "dn", F.DATE, "date", False) == ZERO_OR_EPOCH  # The epoch itself can't be told from it.
    assert at(zero, "ts", F.INSTANT, "timestamp", False) is None
    assert at(far, "dn", F.DATE, "date", False) == date(9999, 12, 31)
    assert at(far, "t", F.TIME, "time") == "838:59:59"
    assert at(far, "t6", F.TIME, "time(6)") == "-00:00:01.500000"
    assert at(far, "y", F.INTEGER, "year(4)") == 0
    assert at(far, "e", F.TEXT, "enum('a','b,c','d''e')") == ""
    assert at(far, "f", F.FLOAT, "float") == 1234567.25


@pytest.mark.parametrize("name", ["pg_default", "pg_nano", "pg_connect", "pg_iso", "pg_default_schema"])
def test_what_was_not_logged_is_unchanged_and_never_null(name: str) -> None:
    (row,) = (each for each in rows(name, "toasty") if each.operation.value == "update")
    types = {
        "t": (F.TEXT, "text"), "b": (F.BYTES, "bytea"), "j": (F.JSON, "jsonb"), "ta": (F.TEXT, "text[]"),
        "ia": (F.TEXT, "integer[]"), "ba": (F.TEXT, "bigint[]"), "h": (F.TEXT, "hstore"), "ua": (F.TEXT, "uuid[]"),
    }  # fmt: skip
    for column, (type, declared) in types.items():
        assert value(row, Column(column, type, True, declared), modes(name), changed=True) is UNCHANGED, (
            column
        )
    assert value(row, Column("name", F.TEXT, True, "text"), modes(name), changed=True) == "b"
    # For these Debezium has no stand-in but NULL, which is then no value that a mapping reads.
    column = Column("fa", F.TEXT, True, "double precision[]")
    assert value(row, column, modes(name), changed=True) == NULL_OR_GAP
    with pytest.raises(BadValue):
        read_by_mapping(column, NULL_OR_GAP)


def test_an_inserted_text_may_be_the_placeholder_itself() -> None:
    (row,) = (each for each in rows("pg_default", "toasty") if each.operation.value == "update")
    assert value(row, Column("t", F.TEXT, True, "text"), Modes.of({})) == "__debezium_unavailable_value"


def one(
    type: FieldType,
    declared: str,
    json: Any,
    modes: Modes,
    kind: str = "postgresql",
    written: Written | None = None,
) -> Any:
    """One value, as from a message without schema or as `written` in one."""
    wanted = Reading(Table("t", (Column("c", type, True, declared),), ()), frozenset("c"))
    fields = Fields({"c": written}) if written else None
    return compile_rows(wanted, ["c"], fields, kind, modes).whole({"c": json})["c"]


UNTOLD = Modes()
RENDERED = Modes.of(
    {
        "decimal.handling.mode": "string",
        "time.precision.mode": "microseconds",
        "interval.handling.mode": "string",
    }
)


@pytest.mark.parametrize(
    ("type", "declared", "property"),
    [
        (F.DECIMAL, "numeric(12,2)", "decimal.handling.mode"),
        (F.TIMESTAMP, "timestamp(6) without time zone", "time.precision.mode"),
        (F.TIME, "time without time zone", "time.precision.mode"),
        (F.BYTES, "bytea", "binary.handling.mode"),
        (F.TEXT, "money", "decimal.handling.mode"),
    ],
)
def test_what_cant_be_told_is_refused_with_the_property_that_mends_it(
    type: FieldType, declared: str, property: str
) -> None:
    with pytest.raises(SourceError, match="column c of table t") as refused:
        one(type, declared, None, UNTOLD)
    assert property in refused.value.do
    assert "options" in refused.value.do


@pytest.mark.parametrize("declared", ["time with time zone", "time(3) with time zone", "bit varying(20)"])
def test_what_debezium_does_not_keep_is_refused(declared: str) -> None:
    with pytest.raises(SourceError, match="Debezium doesn't keep") as refused:
        one(F.TEXT, declared, None, RENDERED)
    assert "leave the column out" in refused.value.do


@pytest.mark.parametrize("kind", ["sqlserver", "oracle", "mysql", "postgresql"])
def test_nanoseconds_of_a_timestamp_are_refused_since_they_wrap(kind: str) -> None:
    nanos = Written("int64", "io.debezium.time.NanoTimestamp")
    with pytest.raises(SourceError, match="2262"):
        one(F.TIMESTAMP, "timestamp(7)", 0, RENDERED, kind, nanos)
    with pytest.raises(SourceError, match="2262"):
        one(F.TIMESTAMP, "datetime2", 0, Modes.of({}), "sqlserver")


@pytest.mark.parametrize(
    ("declared", "json", "expected"),
    [
        ("DATETIME2", 1795478399123456, datetime(2026, 11, 23, 23, 59, 59, 123456)),
        ("DATETIME", 1795478399123000, datetime(2026, 11, 23, 23, 59, 59, 123000)),
        ("TIMESTAMP(9)", 1795478399123456, datetime(2026, 11, 23, 23, 59, 59, 123456)),
        ("DATE", 253402300799000000, datetime(9999, 12, 31, 23, 59, 59)),
    ],
)
def test_timestamps_of_other_databases_in_microseconds(declared: str, json: int, expected: datetime) -> None:
    assert one(F.TIMESTAMP, declared, json, RENDERED, "oracle") == expected


def test_adaptive_units_follow_the_declared_precision() -> None:
    adaptive = Modes.of({"decimal.handling.mode": "string"})
    moment = datetime(2026, 11, 23, 23, 59, 59)
    seconds = 1795478399
    for kind, declared, unit in (
        ("postgresql", "timestamp without time zone", 10**6), ("postgresql", "timestamp(3) without time zone", 1000),
        ("sqlserver", "DATETIME", 1000), ("sqlserver", "SMALLDATETIME", 1000), ("sqlserver", "DATETIME2(3)", 1000),
        ("oracle", "DATE", 1000), ("oracle", "TIMESTAMP(6)", 10**6), ("oracle", "TIMESTAMP", 10**6),
        ("mysql", "datetime", 1000), ("mysql", "datetime(6)", 10**6), ("db2", "TIMESTAMP", 10**6),
    ):  # fmt: skip
        assert one(F.TIMESTAMP, declared, seconds * unit, adaptive, kind) == moment, (kind, declared)
    with pytest.raises(SourceError, match="doesn't say in which unit"):
        one(F.TIMESTAMP, "moment", 0, adaptive)


@pytest.mark.parametrize("kind", ["sqlserver", "oracle"])
def test_instants_with_offsets_of_seven_digits(kind: str) -> None:
    found = one(F.INSTANT, "DATETIMEOFFSET", "2026-11-23T23:59:59.1234567-05:00", RENDERED, kind)
    assert found == datetime(2026, 11, 24, 4, 59, 59, 123456, UTC)


def test_numbers_of_oracle() -> None:
    assert one(F.DECIMAL, "NUMBER", "12.50", RENDERED, "oracle") == Decimal("12.50")
    assert one(F.INTEGER, "NUMBER(38, 0)", "12345678901234567890", RENDERED, "oracle") == 12345678901234567890
    assert one(F.INTEGER, "NUMBER(9, 0)", 7, RENDERED, "oracle") == 7
    precise = Modes.of({})
    assert one(F.DECIMAL, "NUMBER", {"scale": 2, "value": "BOI="}, precise, "oracle") == Decimal("12.50")
    with pytest.raises(SourceError, match="scale"):
        one(F.DECIMAL, "NUMBER(10, 2)", "BOI=", precise, "oracle")
    scale = Written("bytes", "org.apache.kafka.connect.data.Decimal", (("scale", "2"),))
    assert one(F.DECIMAL, "NUMBER(10, 2)", "BOI=", precise, "oracle", scale) == Decimal("12.50")
    assert (
        one(
            F.INTEGER,
            "NUMBER(38, 0)",
            "BOI=",
            precise,
            "oracle",
            replace(scale, parameters=(("scale", "0"),)),
        )
        == 1250
    )


def test_decimals_as_doubles_only_where_they_are_exact() -> None:
    double = Modes.of({"decimal.handling.mode": "double"})
    assert one(F.DECIMAL, "numeric(15,2)", 4904.49, double) == Decimal("4904.49")
    for declared in ("numeric(16,4)", "numeric"):
        with pytest.raises(SourceError, match="15 digits") as refused:
            one(F.DECIMAL, declared, 4904.49, double)
        assert "decimal.handling.mode=string" in refused.value.do
    numeric = Modes.of({"value.converter.decimal.format": "NUMERIC"})
    written = Written("bytes", "org.apache.kafka.connect.data.Decimal", (("scale", "2"),))
    assert one(F.DECIMAL, "numeric(12,2)", 4904.49, numeric, "postgresql", written) == Decimal("4904.49")
    with pytest.raises(SourceError, match="15 digits"):
        one(F.DECIMAL, "numeric(30,2)", 4904.49, numeric, "postgresql", written)


@pytest.mark.parametrize("json", [18446744073709551615, -1, "AP//////////"])
def test_unsigned_integers_of_64_bits_in_every_mode(json: Any) -> None:
    mode = Modes.of(
        {
            "connector.class": "MySqlConnector",
            "bigint.unsigned.handling.mode": "precise" if isinstance(json, str) else "long",
        }
    )
    assert one(F.INTEGER, "bigint unsigned", json, mode, "mysql") == 2**64 - 1


def test_json_of_mysql_is_spaced_as_the_server_writes_it() -> None:
    text = '{"a":[1,2.5,"x,y:z\\"q"],"b":{"c":null}}'
    assert one(F.JSON, "json", text, RENDERED, "mysql") == '{"a": [1, 2.5, "x,y:z\\"q"], "b": {"c": null}}'


def test_arrays_of_arrays_are_unreadable_since_debezium_writes_nulls() -> None:
    found = one(F.TEXT, "integer[]", [None, None], RENDERED)
    assert found == b"[null,null]"
    assert one(F.TEXT, "integer[]", [], RENDERED) == "{}"


@pytest.mark.parametrize(
    ("type", "declared", "json", "expected"),
    [
        (F.INTEGER, "integer", "x", "x"),
        (F.INTEGER, "integer", 1.5, "1.5"),
        (F.INTEGER, "integer", True, 1),
        (F.DECIMAL, "numeric(12,2)", "abc", "abc"),
        (F.DATE, "date", "yesterday", "yesterday"),
        (F.DATE, "date", 10**12, "1000000000000"),
        (F.DATE, "date", 10**30, str(10**30)),
        (F.TIMESTAMP, "timestamp without time zone", {"a": 1}, '{"a":1}'),
        (F.BOOLEAN, "boolean", 2, "2"),
        (F.BYTES, "bytea", "%%", "%%"),
        (F.TEXT, "text", 5, b"5"),
        (F.TEXT, "interval", "1 day", b'"1 day"'),
        (F.TEXT, "text", {"a": 1}, b'{"a":1}'),
        (F.JSON, "jsonb", [1], b"[1]"),
    ],
)
def test_what_cant_be_read_stays_what_no_mapping_reads(
    type: FieldType, declared: str, json: Any, expected: Any
) -> None:
    assert one(type, declared, json, replace(RENDERED, binary="bytes")) == expected
    if json is not True:
        with pytest.raises(BadValue):
            read_by_mapping(Column("c", type, True, declared), expected)


def test_a_column_of_another_kind_of_value_is_a_surprise() -> None:
    wanted = Reading(Table("t", (Column("c", F.INTEGER, True, "integer"),), ()), frozenset("c"))
    read = compile_rows(wanted, ["c"], None, "postgresql", RENDERED)
    assert read.whole({"c": 1}) == {"c": 1}
    assert not read.surprises
    read.whole({"c": [1]})
    assert read.surprises == {"c"}


@pytest.mark.parametrize("name", ["pg_default_schema", "pg_connect_schema"])
def test_numbers_that_count_something_else_by_their_schema_are_not_read(name: str) -> None:
    row = rows(name, "every")[1]
    known = modes(name)
    for column, others in (
        ("day", (F.INTEGER, F.FLOAT, F.TIMESTAMP)),
        ("stamp3", (F.INTEGER, F.DECIMAL, F.DATE, F.TIME)),
        ("id", (F.DATE, F.TIMESTAMP, F.TIME)),
    ):
        assert row.after is not None
        for type in others:
            declared = {F.TIMESTAMP: "timestamp(3) without time zone", F.TIME: "time(3) without time zone"}
            read = value(row, Column(column, type, True, declared.get(type, type.value)), known)
            assert read == str(row.after[column]), (column, type)


def test_a_domain_is_read_by_its_base() -> None:
    table = Table("t", (Column("c", F.TIMESTAMP, True, "moment"), Column("r", F.TEXT, True, "pair")), ())
    wanted = Reading(table, frozenset(("c", "r")), {"c": "timestamp(3) without time zone", "r": "record"})
    read = compile_rows(wanted, ["c", "r"], None, "postgresql", Modes.of({}))
    assert read.whole({"c": 1000, "r": "KDEseCk="}) == {"c": datetime(1970, 1, 1, 0, 0, 1), "r": "(1,x)"}
