"""What is particular to PostgreSQL: types, replica identities, who may what, and what a server goes through."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from strangler.changes import ORIGIN, UNCHANGED, Operation, Position
from strangler.errors import SourceError, SourceLost, Unavailable
from strangler.ports import ChangeSource
from strangler.settings import Source
from strangler.testing.change_source import read_changes, read_to, read_until
from strangler.testing.postgres import Server, server
from strangler_connectors.postgres import connect
from strangler_connectors.postgres.positions import WHOLE, confirmed, format_lsn, parse_lsn, position

Connection = psycopg.Connection[Any]


def _source(url: str, tables: Mapping[str, Sequence[str]], heartbeat: float = 30.0) -> ChangeSource:
    settings = Source(
        kind="postgres",
        url=SecretStr(url),
        heartbeat=timedelta(seconds=heartbeat),
        options={"slot": "strangler_" + url.rsplit("/", 1)[1]},
    )
    return connect("erp", settings, tables)


@pytest.fixture
def erp(postgres_url: str) -> Iterator[Connection]:
    """The ERP's own connection to a fresh database; what was captured there is removed at the end."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection
    _source(postgres_url, {}).drop()


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _confirmed(erp: Connection, source: ChangeSource) -> int:
    slot = "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE database = current_database()"
    row = erp.execute(slot).fetchone()
    assert row is not None
    return parse_lsn(row[0])


def test_positions_sort_as_they_follow_each_other() -> None:
    lsn = 0x16_0000_00FF
    in_order = [ORIGIN, position(lsn, 0), position(lsn, 1), position(lsn, WHOLE), position(lsn + 1, 0)]
    assert sorted(in_order) == in_order
    assert [confirmed(at) for at in in_order] == [0, lsn, lsn, lsn + 1, lsn + 1]
    assert parse_lsn(format_lsn(lsn)) == lsn


def test_every_type_has_the_same_value_in_stream_and_reader(erp: Connection, postgres_url: str) -> None:
    erp.execute("CREATE DOMAIN money_amount AS numeric(16,4); CREATE TYPE colour AS ENUM ('red')")
    erp.execute(
        """
        CREATE TABLE every (id bigint PRIMARY KEY, small smallint, amount money_amount, ratio float8, single real,
            yes boolean, name varchar(9), padded char(5), day date, at time, stamp timestamp, instant timestamptz,
            raw bytea, doc jsonb, list int[], span interval, hue colour, key uuid, never date, long_ago timestamp)
        """
    )
    every = _source(postgres_url, {}).describe(["every"])["every"]
    source = _source(postgres_url, {"every": [column.name for column in every.columns]})
    identity = source.prepare()
    erp.execute(
        """
        SET timezone = 'America/New_York'; SET datestyle = 'German';
        INSERT INTO every VALUES (9223372036854775807, -1, 4904.4900, 0.1, 0.1, true, 'Łódź''', 'ab', '2026-11-23',
            '23:59:59.5', '2026-11-23 23:59:59.123456', '2026-11-23 23:59:59-05', '\\x00ff', '{"a": 1}', '{1,NULL}',
            '1 day 2 hours', 'red', '00000000-0000-0000-0000-000000000001', 'infinity', '0044-03-15 00:00 BC')
        """
    )
    expected = {
        "id": 9223372036854775807,
        "small": -1,
        "amount": Decimal("4904.4900"),
        "ratio": 0.1,
        "single": 0.1,
        "yes": True,
        "name": "Łódź'",
        "padded": "ab   ",
        "day": date(2026, 11, 23),
        "at": clock(23, 59, 59, 500000),
        "stamp": datetime(2026, 11, 23, 23, 59, 59, 123456),
        "instant": datetime(2026, 11, 24, 4, 59, 59, tzinfo=UTC),
        "raw": b"\x00\xff",
        "doc": '{"a": 1}',
        "list": "{1,NULL}",
        "span": "1 day 02:00:00",
        "hue": "red",
        "key": "00000000-0000-0000-0000-000000000001",
        "never": "infinity",
        "long_ago": "0044-03-15 00:00:00 BC",
    }
    with source.stream(ORIGIN, identity) as stream:
        (change,) = read_changes(stream, 1)
    assert change.after == expected
    with closing(source.reader()) as reader:
        assert list(reader.rows("SELECT * FROM every")) == [tuple(expected.values())]


def test_full_replica_identity_fills_in_what_was_not_sent(erp: Connection, postgres_url: str) -> None:
    erp.execute("CREATE TABLE party (id int PRIMARY KEY, name text, note text)")
    erp.execute("ALTER TABLE party ALTER note SET STORAGE EXTERNAL")
    source = _source(postgres_url, {"party": ["name", "note"]})
    identity = source.prepare()
    erp.execute("INSERT INTO party VALUES (1, 'a', repeat('x', 9000))")
    erp.execute("UPDATE party SET name = 'b'")
    erp.execute("ALTER TABLE party REPLICA IDENTITY FULL")
    erp.execute("UPDATE party SET name = 'c'")
    erp.execute("DELETE FROM party")
    with source.stream(ORIGIN, identity) as stream:
        _, key_only, full, gone = read_changes(stream, 4)
    assert key_only.after == {"id": 1, "name": "b", "note": UNCHANGED}
    assert full.before == {"id": 1, "name": "b", "note": "x" * 9000}
    assert full.after == {"id": 1, "name": "c", "note": "x" * 9000}
    assert gone.before == {"id": 1, "name": "c", "note": "x" * 9000}


def test_the_erp_may_change_its_schema_while_captured(erp: Connection, postgres_url: str) -> None:
    erp.execute("CREATE TABLE party (old text, id int PRIMARY KEY, name text)")
    source = _source(postgres_url, {"party": ["name"]})
    identity = source.prepare()
    erp.execute("INSERT INTO party VALUES ('x', 1, 'a')")
    erp.execute("ALTER TABLE party DROP COLUMN old, ADD COLUMN fresh text DEFAULT 'f'")
    erp.execute("UPDATE party SET name = 'b'")
    with source.stream(ORIGIN, identity) as stream:
        before, after = read_changes(stream, 2)
    assert (before.after, after.after) == ({"id": 1, "name": "a"}, {"id": 1, "name": "b"})


def test_a_column_that_is_gone_is_an_error_not_a_null(erp: Connection, postgres_url: str) -> None:
    erp.execute("CREATE TABLE party (id int PRIMARY KEY, name text)")
    source = _source(postgres_url, {"party": ["name"]})
    identity = source.prepare()
    erp.execute("ALTER TABLE party DROP COLUMN name")
    erp.execute("INSERT INTO party VALUES (1)")
    with (
        source.stream(ORIGIN, identity) as stream,
        pytest.raises(SourceError, match="no column name any more"),
    ):
        read_changes(stream, 1)


def test_partitions_and_descendants_come_under_the_name_of_their_table(
    erp: Connection, postgres_url: str
) -> None:
    erp.execute(
        """
        CREATE TABLE parted (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
        CREATE TABLE parent (id int PRIMARY KEY, name text);
        CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
        """
    )
    source = _source(postgres_url, {"parted": ["name"], "public.parent": ["name"]})
    identity = source.prepare()
    erp.execute("INSERT INTO parted VALUES (1, 'a')")
    erp.execute("INSERT INTO child VALUES (2, 'b')")
    with source.stream(ORIGIN, identity) as stream:
        changes = read_changes(stream, 2)
    assert [(c.table, c.after) for c in changes] == [
        ("parted", {"id": 1, "name": "a"}),
        ("public.parent", {"id": 2, "name": "b"}),
    ]


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE bare (id int NOT NULL, name text)",
        "CREATE TABLE bare (code text NOT NULL UNIQUE, name text)",
        "CREATE TABLE bare (id int PRIMARY KEY, name text); ALTER TABLE bare REPLICA IDENTITY NOTHING",
        "CREATE UNLOGGED TABLE bare (id int PRIMARY KEY, name text)",
    ],
)
def test_the_statement_in_the_refusal_mends_the_table(erp: Connection, postgres_url: str, table: str) -> None:
    erp.execute(table.encode())
    source = _source(postgres_url, {"bare": ["name"]})
    with pytest.raises(SourceError, match="bare") as refused:
        source.prepare()
    erp.execute(refused.value.do.encode())
    identity = source.prepare()
    erp.execute("INSERT INTO bare VALUES ('7', 'a'); UPDATE bare SET name = 'b'; DELETE FROM bare")
    with source.stream(ORIGIN, identity) as stream:
        _, _, gone = read_changes(stream, 3)
    assert gone.operation is Operation.DELETE
    assert str(next(iter((gone.before or {}).values()))) == "7"


def test_what_the_role_may_not_do_is_said_with_the_grants(erp: Connection, postgres_url: str) -> None:
    role = "modest_" + postgres_url.rsplit("/", 1)[1]
    erp.execute("CREATE TABLE party (id int PRIMARY KEY, name text)")
    erp.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'pw'".encode())
    host = postgres_url.split("@")[1]
    source = _source(f"postgresql+psycopg2://{role}:pw@{host}", {"party": ["name"]})
    with pytest.raises(SourceError, match="may not replicate") as refused:
        source.prepare()
    for grant in refused.value.do.split("; "):
        erp.execute(grant.encode())
    identity = source.prepare()
    with source.stream(ORIGIN, identity) as stream:
        read_to(stream, source.safe_position(5))
    source.drop()
    erp.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


@pytest.mark.parametrize(
    ("wrong", "error", "hint"),
    [
        (lambda url: url.replace("127.0.0.1", "nowhere.invalid"), Unavailable, "host"),
        (lambda url: url.replace(url.split(":")[3].split("/")[0], "1"), Unavailable, "port"),
        (lambda url: url.replace("postgres:", "postgres:hunter2"), SourceError, "password"),
        (lambda url: url.rsplit("/", 1)[0] + "/nowhere", SourceError, "database"),
        (lambda url: "postgresql://u:hunter2%zz@h/d", SourceError, "url"),
    ],
)
def test_a_wrong_url_is_one_clear_message_without_the_password(
    postgres_url: str, wrong: Callable[[str], str], error: type[Exception], hint: str
) -> None:
    secret = postgres_url.split(":")[2].split("@")[0]
    with pytest.raises(error) as raised:
        _source(wrong(postgres_url), {}).describe(["x"])
    text = str(raised.value)
    assert hint in text
    assert "hunter2" not in text
    assert secret not in text


def test_a_table_taken_out_of_the_publication_is_a_gap(erp: Connection, postgres_url: str) -> None:
    erp.execute("CREATE TABLE party (id int PRIMARY KEY, name text); CREATE TABLE other (id int PRIMARY KEY)")
    source = _source(postgres_url, {"party": ["name"], "other": []})
    identity = source.prepare()
    erp.execute("DROP TABLE party; CREATE TABLE party (id int PRIMARY KEY, name text)")
    assert source.prepare() != identity
    with pytest.raises(SourceLost):
        source.stream(ORIGIN, identity)


def test_invariant_1_only_an_acknowledgement_moves_what_is_confirmed(
    erp: Connection, postgres_url: str
) -> None:
    erp.execute("CREATE TABLE party (id int PRIMARY KEY); CREATE TABLE other (id int)")
    source = _source(postgres_url, {"party": []}, heartbeat=0.05)
    identity = source.prepare()
    start = _confirmed(erp, source)
    with source.stream(ORIGIN, identity) as stream:
        erp.execute("INSERT INTO party VALUES (1)")
        first = read_until(stream, lambda so_far: any(t.changes for t in so_far))
        # Keepalives with later positions and reports of the stream, many of each.
        for _ in range(5):
            erp.execute("INSERT INTO other SELECT generate_series(1, 1000)")
            read_to(stream, source.safe_position(5))
        read_until(stream, lambda so_far: len(so_far) >= 20)
        assert _confirmed(erp, source) == start
        stream.acknowledge(first[-1].position)
        # Nobody reads now: the stream reports by itself.
        _wait_for(lambda: _confirmed(erp, source) == confirmed(first[-1].position))


def test_concurrent_writers_are_read_once_and_in_order_between_heartbeats(
    erp: Connection, postgres_url: str
) -> None:
    erp.execute("CREATE TABLE party (id int PRIMARY KEY); CREATE TABLE other (id int)")
    source = _source(postgres_url, {"party": []}, heartbeat=0.01)
    identity = source.prepare()

    def write(worker: int) -> None:
        with psycopg.connect(postgres_url) as connection:
            for i in range(40):
                connection.execute("INSERT INTO party VALUES (%s)", [worker * 1000 + i])
                connection.execute("INSERT INTO other VALUES (1)")
                connection.commit()

    writers = [threading.Thread(target=write, args=[worker]) for worker in range(4)]
    for writer in writers:
        writer.start()
    with source.stream(ORIGIN, identity) as stream:
        read = read_until(stream, lambda so_far: sum(len(t.changes) for t in so_far) >= 160)
    for writer in writers:
        writer.join()
    positions = [t.position for t in read]
    assert positions == sorted(set(positions))
    ids = [c.after["id"] for t in read for c in t.changes if c.after]
    assert sorted(ids) == sorted(worker * 1000 + i for worker in range(4) for i in range(40))


def test_a_safe_position_names_the_transaction_that_blocks(erp: Connection, postgres_url: str) -> None:
    erp.execute("CREATE TABLE party (id int PRIMARY KEY)")
    source = _source(postgres_url, {"party": []})
    with psycopg.connect(postgres_url, application_name="month-end") as blocking:
        blocking.execute("INSERT INTO party VALUES (1)")
        with pytest.raises(Unavailable, match="month-end") as raised:
            source.safe_position(0.1)
        assert str(blocking.info.backend_pid) in raised.value.do


def test_transactions_of_another_database_block_nothing(
    erp: Connection, postgres: Server, postgres_url: str
) -> None:
    erp.execute("CREATE TABLE party (id int PRIMARY KEY)")
    with psycopg.connect(postgres.url()) as elsewhere:
        elsewhere.execute("SELECT pg_current_xact_id()")
        _source(postgres_url, {"party": []}).safe_position(0.2)


def test_copy_out_writes_postgresqls_copy_text(erp: Connection, postgres_url: str, tmp_path: Any) -> None:
    erp.execute("CREATE TABLE party (id int, name text); INSERT INTO party VALUES (1, E'a\\tb'), (2, NULL)")
    with closing(_source(postgres_url, {}).reader()) as reader, (tmp_path / "out").open("wb") as out:
        assert reader.copy_out("SELECT id, name FROM party WHERE name IS NULL OR name LIKE '%b'", out)
    assert (tmp_path / "out").read_bytes() == b"1\ta\\tb\n2\t\\N\n"


def test_a_server_without_logical_decoding_is_refused_with_the_setting() -> None:
    with server(wal_level="replica") as running:
        url = running.create_database("erp")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE party (id int PRIMARY KEY)")
        with pytest.raises(SourceError, match="wal_level") as refused:
            _source(url, {"party": []}).prepare()
    assert "ALTER SYSTEM SET wal_level" in refused.value.do


def test_a_killed_server_loses_nothing_and_an_unread_stream_lets_it_stop() -> None:
    with server(max_slot_wal_keep_size="1MB") as running:
        url = running.create_database("erp")
        source = _source(url, {"party": []})
        with psycopg.connect(url, autocommit=True) as erp:
            erp.execute("CREATE TABLE party (id int PRIMARY KEY)")
            identity = source.prepare()
            erp.execute("INSERT INTO party VALUES (1)")
        with source.stream(ORIGIN, identity) as stream:
            first = read_changes(stream, 1)
            running.kill()
            with pytest.raises(Unavailable):
                read_changes(stream, 1)
        with pytest.raises(Unavailable):
            source.stream(ORIGIN, identity)
        running.start()
        with source.stream(ORIGIN, identity) as stream:
            assert read_changes(stream, 1) == first
            stopping = threading.Thread(target=running.stop)
            began = time.monotonic()
            stopping.start()
            with pytest.raises(Unavailable):
                read_until(stream, lambda so_far: False)
            stopping.join()
            assert time.monotonic() - began < 9
        running.start()
        _lose_the_slot(url)
        with pytest.raises(SourceLost, match="changes may be missing"):
            source.stream(Position(first[0].position), identity)


def _lose_the_slot(url: str) -> None:
    """Write so much that the server throws away what the slot needs."""
    with psycopg.connect(url, autocommit=True) as erp:
        for _ in range(3):
            erp.execute("SELECT pg_logical_emit_message(true, 'x', repeat('x', 900000))")
            erp.execute("SELECT pg_switch_wal()")
        erp.execute("CHECKPOINT")
        status = erp.execute("SELECT wal_status FROM pg_replication_slots").fetchone()
    assert status == ("lost",)
