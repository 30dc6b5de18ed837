"""What a record says, with schema and without, and that anything else is an error with a place."""

from __future__ import annotations

import json

import pytest

from strangler.changes import Operation
from strangler.errors import SourceError, SourceLost
from strangler_connectors.debezium.envelope import (
    Begin,
    End,
    Heartbeat,
    Logical,
    RowMessage,
    SchemaChange,
    Snapshot,
    Tombstone,
    Truncated,
    decode,
    decode_key,
    located,
)
from tests.debezium.recordings import MODES, records, rows

SOURCE = {
    "connector": "postgresql",
    "db": "erp",
    "schema": "public",
    "table": "party",
    "lsn": 7,
    "sequence": '["5","7"]',
}


def payload(**more: object) -> bytes:
    return json.dumps(
        {"before": None, "after": {"id": 1}, "source": SOURCE, "op": "c", "ts_ms": 1} | more
    ).encode()


@pytest.mark.parametrize("name", sorted(MODES))
def test_every_recorded_record_is_known(name: str) -> None:
    kinds = {type(record.message).__name__ for record in records(name)}
    assert kinds <= {
        "RowMessage",
        "Truncated",
        "Tombstone",
        "Heartbeat",
        "Begin",
        "End",
        "SchemaChange",
        "Logical",
    }
    assert "RowMessage" in kinds


def test_all_kinds_of_records_are_told_apart() -> None:
    messages = [record.message for record in records("pg_rendered")]
    counted = {
        kind: sum(isinstance(m, kind) for m in messages)
        for kind in (Heartbeat, Begin, End, Truncated, Logical)
    }
    assert counted[Heartbeat] == 3
    assert counted[Begin] == counted[End] > 20
    assert counted[Truncated] == counted[Logical] == 2
    assert sum(isinstance(record.message, Tombstone) for record in records("pg_default")) == 7
    altered = [
        record.message for record in records("my_rendered") if isinstance(record.message, SchemaChange)
    ]
    assert altered[-1].tables == (("shop", "line"),)
    assert altered[-1].ddl.startswith("ALTER TABLE")


def test_with_and_without_schema_the_same_is_said() -> None:
    plain, wrapped = rows("pg_default", "every")[0], rows("pg_default_schema", "every")[1]
    assert plain.fields is None
    assert wrapped.fields is not None
    assert wrapped.fields.columns["stamp"].name == "io.debezium.time.MicroTimestamp"
    assert wrapped.fields.columns["amount"].parameter("scale") == "4"
    assert plain.after is not None
    assert wrapped.after is not None
    assert {**plain.after, "id": 0} == {**wrapped.after, "id": 0}
    assert decode_key(plain.key)[0] == {"id": 1}
    values, fields = decode_key(wrapped.key)
    assert values == {"id": wrapped.after["id"]}
    assert fields is not None


def test_one_schema_is_one_object_however_often_it_comes() -> None:
    seen = {id(each.fields) for each in rows("pg_default_schema", "every")}
    assert len(seen) == 1


def test_a_table_with_columns_called_schema_and_payload() -> None:
    message = decode(b'{"schema":1}', payload(after={"schema": "x", "payload": 2, "op": "d"}))
    assert isinstance(message, RowMessage)
    assert message.after == {"schema": "x", "payload": 2, "op": "d"}
    assert decode_key(b'{"schema":1}')[0] == {"schema": 1}
    assert decode_key(b'{"schema":"x","payload":2}')[0] == {"schema": "x", "payload": 2}


@pytest.mark.parametrize(
    ("said", "op", "expected"),
    [
        (None, "c", Snapshot.NONE), (False, "c", Snapshot.NONE), ("false", "u", Snapshot.NONE), (True, "r", Snapshot.INITIAL),
        ("true", "c", Snapshot.INITIAL), ("first", "r", Snapshot.INITIAL), ("last", "r", Snapshot.INITIAL),
        ("first_in_data_collection", "r", Snapshot.INITIAL), ("incremental", "r", Snapshot.INCREMENTAL),
        (None, "r", Snapshot.INITIAL),
    ],
)  # fmt: skip
def test_snapshots_by_boolean_and_by_name(said: object, op: str, expected: Snapshot) -> None:
    message = decode(b"{}", payload(op=op, source=SOURCE | {"snapshot": said}))
    assert isinstance(message, RowMessage)
    assert message.snapshot is expected
    assert message.operation in (Operation.INSERT, Operation.UPDATE)


def test_the_id_of_a_transaction_is_the_same_in_marks_and_rows() -> None:
    block = {"id": "571:53195829", "total_order": 2, "data_collection_order": 1}
    message = decode(b"{}", payload(transaction=block))
    mark = decode(
        b"{}", b'{"status":"END","id":"571:53195832","ts_ms":5,"event_count":0,"data_collections":null}'
    )
    assert isinstance(message, RowMessage)
    assert isinstance(mark, End)
    assert message.transaction == mark.id == "571"
    for id in (
        "00000025:00000d08:0025",
        "0-1-22",
        "3e11fa47-71ca-11e1-9e33-c80aa9429562:7",
        "file=binlog.000001,pos=7",
    ):
        mark = decode(b"{}", json.dumps({"status": "BEGIN", "id": id, "ts_ms": 5}).encode())
        assert isinstance(mark, Begin)
        assert mark.id == id


@pytest.mark.parametrize(
    "value",
    [
        b"", b"\x00\x00\x00\x00\x07avro", b"5", b"[]", b'"x"', b"{}", b'{"id":1,"name":"Ann"}', b'{"op":"c"}', b"{\xff}",
        b'{"op":"x","source":{"connector":"postgresql"}}', b'{"status":"HALF","id":"1"}', b'{"status":"BEGIN"}',
        b"[" * 5000, b'{"after":' * 5000, payload(after=None), payload(op="u", after=None), payload(after=[1]),
        payload(source=None), payload(source={}), payload(source=SOURCE | {"snapshot": "perhaps"}), payload(op=1),
        payload(after={"id": 1})[:-5], b'{"schema":{"type":5},"payload":{"op":"c"}}', payload(ts_ms="now"),
    ],
)  # fmt: skip
def test_anything_else_is_one_clean_error(value: bytes) -> None:
    with pytest.raises(SourceError) as refused:
        decode(b"{}", value)
    assert refused.value.what


def test_a_delete_of_which_neither_row_nor_key_is_known_is_an_error() -> None:
    assert isinstance(decode(b'{"id":1}', payload(op="d", after=None)), RowMessage)
    with pytest.raises(SourceError, match=r"delete of table public\.party has no before"):
        decode(None, payload(op="d", after=None))


def test_no_value_is_a_tombstone() -> None:
    assert isinstance(decode(b"{}", None), Tombstone)
    assert isinstance(decode(b"{}", b"null"), Tombstone)
    assert isinstance(decode(b"{}", b'{"schema":null,"payload":null}'), Tombstone)


def test_an_error_can_be_told_its_place() -> None:
    error = located(SourceLost("it broke", why="w", do="d"), "topic t, partition 0, offset 17")
    assert isinstance(error, SourceLost)
    assert (error.what, error.why, error.do) == ("topic t, partition 0, offset 17: it broke", "w", "d")
