"""Random and mutated records: a clean error or a quarantine, never a crash and never a wrong value."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strangler.changes import ORIGIN
from strangler.errors import SourceError
from strangler.shapes import Column, FieldType, Table
from strangler_connectors.debezium.envelope import decode, decode_key
from strangler_connectors.debezium.inline import Fields, Written
from strangler_connectors.debezium.modes import Modes
from strangler_connectors.debezium.readers import reader
from strangler_connectors.debezium.values import Reading, compile_rows
from strangler_connectors.debezium.writing import Declared
from tests.debezium.fuzzing import check_row, check_value, recorded, transactions
from tests.debezium.recordings import MODES, Record

FILES = st.sampled_from(sorted(MODES))
TELLING = [
    "", "NaN", "-Infinity", "infinity", "0", "1e5", "1_0", "2026-11-23T23:59:59Z", "23:59:59Z", "AP8Q", "P0Y1M0DT0H0M0S",
    "__debezium_unavailable_value", 0, -1, 1 << 31, 1 << 63, -(1 << 63), 1 << 64, 1.5, 1e300, 10**40, 9223372036825200000,
]  # fmt: skip
"""Values at which something changes."""

NAMED = st.sampled_from(["x", "y", "scale", "value", "wkb", "srid"]) | st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(TELLING),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMED, inner, max_size=3),
    max_leaves=6,
)
RELAXED = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)


@RELAXED
@given(
    st.binary(max_size=200),
    st.binary(max_size=200) | st.none(),
    st.lists(st.tuples(st.text(), st.binary() | st.none()), max_size=2),
)
def test_random_bytes(value: bytes, key: bytes | None, headers: list[tuple[str, bytes | None]]) -> None:
    for read in (lambda: decode(key, value, headers), lambda: decode_key(key)):
        with suppress(SourceError):
            read()


@RELAXED
@given(FILES, st.data())
def test_a_record_with_bytes_changed(name: str, data: st.DataObject) -> None:
    record = data.draw(st.sampled_from(recorded(name)))
    value = bytearray(record.value or b"")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(value)))
        value[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    check_row(name, record._replace(value=bytes(value)))


def paths(tree: Any, so_far: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    branches: Any = (
        tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    )
    return [so_far, *(path for key, branch in branches for path in paths(branch, (*so_far, key)))]


@RELAXED
@given(FILES, st.data())
def test_a_record_with_a_part_replaced_or_gone(name: str, data: st.DataObject) -> None:
    record = data.draw(st.sampled_from([each for each in recorded(name) if each.value]))
    tree = {"": json.loads(record.value or b"null")}
    path = ("", *data.draw(st.sampled_from(paths(tree[""]))))
    branch: Any = tree
    for key in path[:-1]:
        branch = branch[key]
    if data.draw(st.booleans()) and len(path) > 1:
        del branch[path[-1]]
    else:
        branch[path[-1]] = data.draw(JSON)
    check_row(
        name,
        record._replace(
            value=json.dumps(tree[""], ensure_ascii=data.draw(st.booleans())).encode("utf-8", "replace")
        ),
    )


@RELAXED
@given(st.sampled_from(["pg_rendered", "my_rendered", "pg_default"]), st.booleans(), st.data())
def test_a_stream_with_records_gone_doubled_and_exchanged(
    name: str, merging: bool, data: st.DataObject
) -> None:
    stream = list(recorded(name))
    for _ in range(data.draw(st.integers(1, 5))):
        at, to = (data.draw(st.integers(0, len(stream) - 1)) for _ in range(2))
        match data.draw(st.sampled_from(["gone", "doubled", "exchanged", "repeated"])):
            case "gone":
                del stream[at]
            case "doubled":
                stream.insert(to, stream[at])
            case "exchanged":
                stream[at], stream[to] = stream[to], stream[at]
            case "repeated":
                stream[max(at, to) : max(at, to)] = stream[min(at, to) : max(at, to)]
    transactions(name, stream, merging=merging and name != "pg_default")


@RELAXED
@given(st.sampled_from(["pg_rendered", "my_rendered", "pg_default"]), st.data())
def test_a_repetition_of_any_stretch_changes_nothing(name: str, data: st.DataObject) -> None:
    stream = [each for each in recorded(name) if b'"incremental"' not in (each.value or b"")]
    expected = transactions(name, stream)
    at = data.draw(st.integers(1, len(stream)))
    since = data.draw(st.integers(0, at))
    again = transactions(name, stream[:at] + stream[since:])
    # That a definition changed may be said once more.
    assert [repr(each._replace(altered=())) for each in again] == [
        repr(each._replace(altered=())) for each in expected
    ]


@RELAXED
@given(st.sampled_from(["pg_rendered", "my_rendered", "pg_default"]), st.data())
def test_a_life_that_ends_anywhere_goes_on_where_it_was(name: str, data: st.DataObject) -> None:
    stream = [each for each in recorded(name) if b'"incremental"' not in (each.value or b"")]
    expected = [change.position for each in transactions(name, stream) for change in each.changes]
    first = transactions(name, stream[: data.draw(st.integers(0, len(stream)))])
    second = transactions(name, stream, first[-1].position if first else ORIGIN)
    assert [change.position for each in (*first, *second) for change in each.changes] == expected


DECLARED = st.sampled_from(
    [
        "integer", "bigint unsigned", "year(4)", "numeric(12,2)", "numeric", "numeric(5,-2)", "NUMBER(38, 0)", "real",
        "float(7,2)", "boolean", "bit(12)", "bit(1)", "bytea", "binary(5)", "point", "date", "date[]", "time(3)",
        "time without time zone", "timestamp(0) without time zone", "datetime(6)", "timestamp with time zone", "interval",
        "hstore", "money", "geometry", "text", "character(5)", "enum('a','b,c')", "jsonb", "text[]", "numeric(10,2)[]",
        "timestamp with time zone[]", "box", "record", "uuid", "colour", "", "(", "a(b", "[]", "varchar(20)",
    ]
)  # fmt: skip
NAMES = st.sampled_from(
    ["", "io.debezium.time.Date", "io.debezium.time.MicroTime", "io.debezium.time.NanoTime", "io.debezium.time.MicroTimestamp",
     "io.debezium.time.Timestamp", "io.debezium.time.IsoDate", "io.debezium.time.IsoTimestamp", "io.debezium.time.Interval",
     "io.debezium.time.ZonedTimestamp", "io.debezium.data.Bits", "io.debezium.data.Json", "io.debezium.data.VariableScaleDecimal",
     "org.apache.kafka.connect.data.Decimal", "org.apache.kafka.connect.data.Timestamp", "made.up"]
)  # fmt: skip
TOLD = st.builds(
    Modes,
    decimal=st.sampled_from([None, "precise", "double", "string", "x"]),
    time=st.sampled_from(
        [
            None,
            "adaptive",
            "adaptive_time_microseconds",
            "connect",
            "isostring",
            "microseconds",
            "nanoseconds",
        ]
    ),
    interval=st.sampled_from([None, "numeric", "string"]),
    binary=st.sampled_from([None, "bytes", "base64", "base64-url-safe", "hex"]),
    unsigned=st.sampled_from([None, "long", "precise"]),
    unknown=st.sampled_from([None, "true", "false"]),
    format=st.sampled_from([None, "base64", "numeric"]),
)


@settings(RELAXED, max_examples=1500)
@given(
    st.sampled_from(list(FieldType)), DECLARED, st.booleans(), JSON, TOLD,
    st.sampled_from(["postgresql", "mysql", "mariadb", "sqlserver", "oracle", "db2"]),
    st.sampled_from(["int32", "int64", "float", "double", "string", "bytes", "boolean", "array", "struct"]), NAMES, st.booleans(),
)  # fmt: skip
def test_any_value_in_any_column(
    type: FieldType, declared: str, nullable: bool, value: Any, told: Modes, kind: str, written: str, name: str, inline: bool,
) -> None:  # fmt: skip
    column = Column("c", type, nullable, declared)
    items = Written("string") if written == "array" else None
    fields = Fields({"c": Written(written, name, (("scale", "2"),), items)}) if inline else None
    try:
        rows = compile_rows(Reading(Table("t", (column,), ()), frozenset("c")), ["c"], fields, kind, told)
    except SourceError:
        return
    for read in (rows.whole, rows.changed):
        found = read({"c": value})["c"]
        if fields is None and type not in (FieldType.TEXT, FieldType.JSON) and name == "":
            check_value(column, value, found, told)


@RELAXED
@given(st.text())
def test_any_declared_type_is_taken_apart(declared: str) -> None:
    column = Column("c", FieldType.TEXT, True, declared)
    assert Declared(declared).name is not None
    assert callable(reader(column, Written("string"), "postgresql"))
    check = Record(0, None, declared.encode("utf-8", "replace"), [])
    check_row("pg_rendered", check)
