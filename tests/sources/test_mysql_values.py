"""Odd values survive the trip, and are the same whether they come through the binlog or are read by SQL."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from strangler.changes import ORIGIN
from strangler.shapes import FieldType
from strangler.testing.change_source import read_changes
from tests.sources.test_mysql_contract import erp, execute, is_mariadb, source_of

# Declared type, what the ERP writes as SQL, the value.
BOTH: list[tuple[str, str, Any]] = [
    ("tinyint(1)", "1", 1),
    ("tinyint", "-128", -128),
    ("tinyint unsigned", "255", 255),
    ("smallint unsigned", "65535", 65535),
    ("mediumint", "-8388608", -8388608),
    ("mediumint unsigned", "16777215", 16777215),
    ("int", "-2147483648", -2147483648),
    ("int(5) unsigned zerofill", "42", 42),
    ("bigint", "-9223372036854775808", -(2**63)),
    ("bigint unsigned", "18446744073709551615", 2**64 - 1),
    ("year", "2026", 2026),
    ("year", "0", 0),
    ("bit(1)", "b'1'", True),
    ("bit(1)", "b'0'", False),
    ("bit(12)", "b'101'", b"\x00\x05"),
    ("bit(64)", "~0", b"\xff" * 8),
    ("decimal(65,30)", f"-{'9' * 35}.{'8' * 30}", Decimal(f"-{'9' * 35}.{'8' * 30}")),
    ("decimal(12,2)", "-0.01", Decimal("-0.01")),
    ("decimal(12,2)", "1234567890.12", Decimal("1234567890.12")),
    ("decimal(10,0)", "-42", Decimal("-42")),
    ("decimal(5,5)", "0.00001", Decimal("0.00001")),
    ("decimal(18,9)", "123456789.000000001", Decimal("123456789.000000001")),
    ("float", "0.1", 0.10000000149011612),
    ("float", "16777216", 16777216.0),
    ("double", "0.1", 0.1),
    ("double", "-1.7976931348623157e308", -1.7976931348623157e308),
    ("date", "'9999-12-31'", date(9999, 12, 31)),
    ("date", "'0001-01-01'", date(1, 1, 1)),
    ("date", "'0000-00-00'", None),
    ("date not null", "'0000-00-00'", None),
    ("date", "'2026-00-10'", None),
    ("date", "'2026-02-31'", "2026-02-31"),
    ("time", "'23:59:59'", time(23, 59, 59)),
    ("time(6)", "'00:00:00.000001'", time(0, 0, 0, 1)),
    ("time(3)", "'10:11:12.125'", time(10, 11, 12, 125000)),
    ("time", "'-00:00:01'", "-00:00:01"),
    ("time(2)", "'-838:59:58.25'", "-838:59:58.25"),
    ("time(1)", "'-00:00:00.5'", "-00:00:00.5"),
    ("time(6)", "'-12:00:00.000001'", "-12:00:00.000001"),
    ("time", "'838:59:59'", "838:59:59"),
    ("time", "'24:00:00'", "24:00:00"),
    ("datetime", "'9999-12-31 23:59:59'", datetime(9999, 12, 31, 23, 59, 59)),
    ("datetime(6)", "'2026-11-23 10:11:12.123456'", datetime(2026, 11, 23, 10, 11, 12, 123456)),
    ("datetime(2)", "'2026-11-23 10:11:12.12'", datetime(2026, 11, 23, 10, 11, 12, 120000)),
    ("datetime not null", "'0000-00-00 00:00:00'", None),
    ("datetime(3)", "'2026-02-31 10:11:12.5'", "2026-02-31 10:11:12.500"),
    ("timestamp null", "'2026-07-01 12:00:00'", datetime(2026, 7, 1, 10, 0, tzinfo=UTC)),
    ("timestamp(6) null", "'2026-01-01 12:00:00.5'", datetime(2026, 1, 1, 10, 0, 0, 500000, tzinfo=UTC)),
    ("timestamp not null default '2000-01-01'", "'0000-00-00 00:00:00'", None),
    ("timestamp null", "'2038-01-19 05:14:07'", datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)),
    ("char(10)", "'ab  '", "ab"),
    ("char(10)", "'  ab'", "  ab"),
    ("char(255)", "'Łódź'", "Łódź"),
    ("varchar(10)", "'ab  '", "ab  "),
    ("varchar(10)", "''", ""),
    ("varchar(10)", "null", None),
    ("varchar(4000)", "'Łódź 🚲'", "Łódź 🚲"),
    ("varchar(20) charset latin1", "'Söhne € \u0081'", "Söhne € \u0081"),
    ("varchar(20) charset latin2", "'Łódź'", "Łódź"),
    ("varchar(20) charset cp850", "'Grüße'", "Grüße"),
    ("varchar(20) charset utf16", "'Łódź 🚲'", "Łódź 🚲"),
    ("char(20) charset utf16", "'Łódź'", "Łódź"),
    ("char(20) charset utf32", "'Łódź'", "Łódź"),
    ("varchar(20) charset ucs2", "'Łódź'", "Łódź"),
    ("varchar(20) charset sjis", "'日本'", "日本"),
    ("varchar(20) charset gbk", "'中文'", "中文"),
    ("varchar(20) charset utf8mb3 collate utf8mb3_bin", "'ä'", "ä"),
    ("varchar(20) charset latin1 collate latin1_german2_ci", "'SÃ¶hne &amp; Co'", "SÃ¶hne &amp; Co"),
    ("tinytext", "'t'", "t"),
    ("text charset latin1", "'é'", "é"),
    ("mediumtext", "repeat('x', 70000)", "x" * 70000),
    ("longtext", "repeat('ä', 500000)", "ä" * 500000),
    ("enum('a','b','ö')", "'ö'", "ö"),
    ("enum('a','b') charset latin1", "'b'", "b"),
    ("enum('a','b')", "'nothing'", ""),
    ("enum('a','b')", "null", None),
    ("set('x','y','ü')", "'ü,x'", "x,ü"),
    ("set('x','y')", "''", ""),
    ("binary(8)", "x'0100'", b"\x01\x00" + b"\x00" * 6),
    ("binary(8)", "x'0000000000000000'", b"\x00" * 8),
    ("binary(255)", "x'ff'", b"\xff" + b"\x00" * 254),
    ("varbinary(8)", "x'0100'", b"\x01\x00"),
    ("varbinary(8)", "x''", b""),
    ("varbinary(300)", "x'00ff'", b"\x00\xff"),
    ("tinyblob", "x'00'", b"\x00"),
    ("blob", "x'ff00'", b"\xff\x00"),
    ("mediumblob", "repeat(x'00', 70000)", b"\x00" * 70000),
    ("longblob", "repeat(x'ff', 1000000)", b"\xff" * 1000000),
    ("int invisible default 7", "8", 8),
    ("int as (1 + 2) stored", "default", 3),
    ("point", "point(1, 2)", bytes.fromhex("000000000101000000000000000000f03f0000000000000040")),
]
MARIADB: list[tuple[str, str, Any]] = [
    ("json", '\'{"b": 1,  "a":[1.0,2]}\'', '{"b": 1,  "a":[1.0,2]}'),
    ("uuid", "'123e4567-e89b-12d3-a456-426655440000'", "123e4567-e89b-12d3-a456-426655440000"),
    ("uuid", "'00000000-0000-0000-0000-000000000000'", "00000000-0000-0000-0000-000000000000"),
    ("inet6", "'2001:db8::ff00:42:8329'", "2001:db8::ff00:42:8329"),
    ("inet4", "'192.168.0.1'", "192.168.0.1"),
    ("inet6", "'::'", "::"),
]
_DOCUMENT = (
    '{"bb": 1, "a": [1.5, -1, 0.1, 1e25, 1e-7, 123456789012345680000.0, 18446744073709551615, -9223372036854775808],'
    ' "t": true, "f": false, "n": null, "s": "\\\\"ä\\\\n\\\\u0001/\\\\\\\\", "big": 70000, "o": {}, "e": []}'
)
MYSQL: list[tuple[str, str, Any]] = [
    ("json", f"'{_DOCUMENT}'", ...),
    ("json", "cast(1.50 as json)", ...),
    ("json", "json_object('d', cast('2026-01-02' as date), 't', cast('-10:11:12.5' as time(1)))", ...),
    (
        "json",
        "json_object('m', cast('2026-01-02 03:04:05.000006' as datetime(6)), 'b', x'00ff', 'y', 1.10)",
        ...,
    ),
    ("json", "json_array(repeat('x', 70000), 1, 70000, true)", ...),
    ("json", "'null'", "null"),
    ("json", "null", None),
]


@pytest.fixture
def values(mariadb_url: str) -> list[tuple[str, str, Any]]:
    """The types that this server has."""
    return BOTH + (MARIADB if is_mariadb(mariadb_url) else MYSQL)


def test_every_type_comes_alike_through_the_binlog_and_by_sql(
    mariadb_url: str, values: list[tuple[str, str, Any]]
) -> None:
    names = [f"c{i}" for i in range(len(values))]
    columns = ", ".join(f"{name} {type}" for name, (type, _, _) in zip(names, values, strict=True))
    with closing(erp(mariadb_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+02:00'")
        cursor.execute(f"CREATE TABLE odd (id int PRIMARY KEY, {columns}) charset utf8mb4 row_format=dynamic")
        with closing(source_of(mariadb_url, {"odd": names})) as source:
            identity = source.prepare()
            cursor.execute(
                f"INSERT INTO odd (id, {', '.join(names)}) VALUES (1, {', '.join(sql for _, sql, _ in values)})"
            )
            connection.commit()
            with source.stream(ORIGIN, identity) as stream:
                (change,) = read_changes(stream, 1)
            read = ", ".join(
                f"{name} + 0e0" if type == "float" else name
                for name, (type, _, _) in zip(names, values, strict=True)
            )
            with closing(source.reader()) as reader:
                (row,) = reader.rows(f"SELECT {read} FROM odd")
            described = source.describe(["odd"])["odd"]
    assert change.after is not None
    streamed = {values[i][:2]: change.after[name] for i, name in enumerate(names)}
    by_sql = {values[i][:2]: value for i, value in enumerate(row)}
    assert streamed == by_sql
    expected = {(type, sql): by_sql[(type, sql)] if value is ... else value for type, sql, value in values}
    assert {key: (value, type(value)) for key, value in streamed.items()} == {
        key: (value, type(value)) for key, value in expected.items()
    }
    _fits(described.columns[1:], row)


def _fits(columns: Any, row: tuple[Any, ...]) -> None:
    """What the catalog says of a column holds for its value."""
    types = {
        FieldType.TEXT: str, FieldType.INTEGER: int, FieldType.DECIMAL: Decimal, FieldType.FLOAT: float,
        FieldType.BOOLEAN: bool, FieldType.DATE: date, FieldType.TIME: time, FieldType.TIMESTAMP: datetime,
        FieldType.INSTANT: datetime, FieldType.BYTES: bytes, FieldType.JSON: str,
    }  # fmt: skip
    for column, value in zip(columns, row, strict=True):
        if value is None:
            assert column.nullable, column
        elif not isinstance(value, str):  # What can't be held is text.
            assert type(value) is types[column.type], column


def test_a_bare_float_is_refused_by_the_reader(mariadb_url: str) -> None:
    execute(mariadb_url, "CREATE TABLE t (f float)", "INSERT INTO t VALUES (16777216)")
    with (
        closing(source_of(mariadb_url, {})) as source,
        closing(source.reader()) as reader,
        pytest.raises(Exception, match="six digits"),
    ):
        list(reader.rows("SELECT f FROM t"))
