"""What the MySQL connector does beyond the contract: refusals with their cure, DDL, lost binlogs, crashes, large transactions."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import make_url

from strangler.changes import ORIGIN, PART, Change, Operation, Transaction
from strangler.errors import SourceError, SourceLost, StranglerError, Unavailable
from strangler.ports import ChangeSource, ChangeStream
from strangler.testing.change_source import read_changes, read_until
from strangler.testing.mariadb import Standing, server, standing_or_private
from strangler_connectors.mysql.positions import BEHIND, parse
from tests.sources.test_mysql_contract import erp, execute, source_of

CUSTOMER = "CREATE TABLE customer (id int PRIMARY KEY, name varchar(40)) ENGINE = InnoDB"


@pytest.fixture(scope="module")
def own() -> Iterator[Standing]:
    """A server whose settings may be changed and whose binlog may be purged."""
    with standing_or_private() as running:
        yield running


@pytest.fixture
def url(own: Standing, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"erp_{abs(hash(request.node.name)) % 10**9}"
    yield own.create_database(name)
    own.drop_database(name)


@pytest.fixture
def source(url: str) -> Iterator[ChangeSource]:
    """A source of the customers."""
    execute(url, CUSTOMER)
    with closing(source_of(url, {"customer": ["name"]})) as opened:
        yield opened


def ask(url: str, query: str) -> Any:
    with closing(erp(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def read_one(stream: ChangeStream) -> Transaction:
    """The next transaction that isn't a heartbeat."""
    return read_until(stream, lambda so_far: any(t.changes or t.altered for t in so_far))[-1]


def ids(changes: list[Change]) -> list[int]:
    return [change.after["id"] for change in changes if change.after]


# --- what is missing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value", "good"),
    [
        ("binlog_format", "MIXED", "ROW"),
        ("binlog_row_image", "MINIMAL", "FULL"),
        ("binlog_row_metadata", "MINIMAL", "FULL"),
    ],
)
def test_a_wrong_setting_is_refused_with_the_statement_that_mends_it(
    url: str, source: ChangeSource, setting: str, value: str, good: str
) -> None:
    execute(url, f"SET GLOBAL {setting} = '{value}'")
    try:
        with pytest.raises(SourceError, match=setting) as refused:
            source.prepare()
        assert f"{setting} = '{good}'" in refused.value.do
        (finding,) = source.examine(1.0)
        assert finding.blocks
        execute(url, finding.do.partition(" (")[0])
        assert source.examine(1.0) == []
        source.prepare()
    finally:
        execute(url, f"SET GLOBAL {setting} = '{good}'")


def test_a_server_without_binlog_is_refused() -> None:
    with server(skip_log_bin="ON") as running:
        url = running.create_database("erp")
        execute(url, CUSTOMER)
        with (
            closing(source_of(url, {"customer": ["name"]})) as source,
            pytest.raises(SourceError, match="no binlog") as refused,
        ):
            source.prepare()
        assert "log_bin" in refused.value.do


def test_privileges_are_asked_for_and_the_grants_that_are_told_are_enough(own: Standing, url: str) -> None:
    execute(url, CUSTOMER, "DROP USER IF EXISTS reader@'%'", "CREATE USER reader@'%' IDENTIFIED BY 'secret'")
    name = url.rsplit("/", 1)[1]
    execute(url, f"GRANT INSERT ON {name}.* TO reader@'%'")
    limited = make_url(url).set(username="reader", password="secret").render_as_string(hide_password=False)
    with closing(source_of(limited, {"customer": ["name"]})) as source:
        told: list[str] = []
        while needs := [need for need in source.examine(1.0) if need.blocks]:
            with pytest.raises(SourceError):
                source.prepare()
            fresh = [need.do for need in needs if need.do.startswith("GRANT") and need.do not in told]
            assert fresh, needs
            told += fresh
            execute(url, *fresh)
        assert len(told) >= 2
        identity = source.prepare()
        execute(url, "INSERT INTO customer VALUES (1, 'Ann')")
        with source.stream(ORIGIN, identity) as stream:
            assert ids(read_changes(stream, 1)) == [1]
        source.safe_position(5)
        with closing(source.reader()) as reader:
            assert list(reader.rows("SELECT id FROM customer")) == [(1,)]


@pytest.mark.parametrize(
    ("table", "what", "cure"),
    [
        ("CREATE TABLE odd (a int, b int)", "no primary key", "ADD PRIMARY KEY (…)"),
        ("CREATE TABLE odd (a int NOT NULL, b int, UNIQUE (a))", "no primary key", "ADD PRIMARY KEY (`a`)"),
        ("CREATE TABLE odd (a int PRIMARY KEY, b int AS (a + 1) VIRTUAL)", "computed", "its expression"),
        ("CREATE TABLE odd (a int PRIMARY KEY, b int) WITH SYSTEM VERSIONING", "system versioned", "plain table"),
        ("CREATE TABLE odd (a int PRIMARY KEY, b text COMPRESSED)", "logged compressed", "MODIFY `b` text"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_captured_is_refused(url: str, table: str, what: str, cure: str) -> None:
    execute(url, table)
    with (
        closing(source_of(url, {"odd": ["b"]})) as source,
        pytest.raises(SourceError, match=what) as refused,
    ):
        source.prepare()
    assert cure in refused.value.do


def test_a_binlog_that_is_purged_sooner_than_the_outage_is_said(url: str, source: ChangeSource) -> None:
    execute(url, "SET GLOBAL binlog_expire_logs_seconds = 3600")
    try:
        assert source.examine(3600.0) == []
        (finding,) = source.examine(86400.0)
        assert not finding.blocks
        execute(url, finding.do.partition(" (")[0])
        assert source.examine(86400.0) == []
    finally:
        execute(url, "SET GLOBAL binlog_expire_logs_seconds = 0")


def test_a_table_without_transactions_is_told_and_read(url: str) -> None:
    execute(url, "CREATE TABLE old (id int PRIMARY KEY, name text) ENGINE = MyISAM")
    with closing(source_of(url, {"old": ["name"]})) as source:
        (finding,) = source.examine(1.0)
        assert not finding.blocks
        assert "MyISAM" in finding.what
        identity = source.prepare()
        execute(url, "INSERT INTO old VALUES (1, 'a'), (2, 'b')", "DELETE FROM old WHERE id = 1")
        with source.stream(ORIGIN, identity) as stream:
            assert [c.operation.value for c in read_changes(stream, 3)] == ["insert", "insert", "delete"]


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("mysql+pymysql://u:s3cr3t@127.0.0.1:1/erp", Unavailable),
        ("mysql+pymysql://u:s3cr3t@127.0.0.1:x/erp", SourceError),
        ("mysql+pymysql://u:s3cr3t@127.0.0.1", SourceError),
        ("postgresql://u:s3cr3t@127.0.0.1/erp", SourceError),
    ],
)
def test_a_wrong_url_is_an_error_that_hides_the_password(url: str, error: type[StranglerError]) -> None:
    with pytest.raises(error) as raised:
        source_of(url, {}).describe(["customer"])
    assert "s3cr3t" not in str(raised.value)


def test_a_wrong_password_is_an_error_that_says_so(url: str) -> None:
    wrong = make_url(url).set(password="s3cr3t").render_as_string(hide_password=False)
    with pytest.raises(SourceError, match="can't connect") as raised:
        source_of(wrong, {}).describe(["customer"])
    assert "s3cr3t" not in str(raised.value)


# --- names -----------------------------------------------------------------------------------------------------------


def test_a_table_of_another_database_is_named_with_it(own: Standing, url: str, source: ChangeSource) -> None:
    other = own.create_database("other-db")
    try:
        execute(other, "CREATE TABLE `1st.order` (`group` int PRIMARY KEY)".replace("`", '"'), CUSTOMER)
        tables = {"customer": ["name"], "other-db.1st.order": [], "other-db.customer": ["name"]}
        with closing(source_of(url, tables)) as both:
            assert both.describe(list(tables))["other-db.1st.order"].key == ("group",)
            identity = both.prepare()
            execute(other, 'INSERT INTO "1st.order" VALUES (7)', "INSERT INTO customer VALUES (1, 'other')")
            execute(url, "INSERT INTO customer VALUES (2, 'own')")
            with both.stream(ORIGIN, identity) as stream:
                changes = read_changes(stream, 3)
        assert [c.table for c in changes] == ["other-db.1st.order", "other-db.customer", "customer"]
    finally:
        own.drop_database("other-db")


# --- DDL -------------------------------------------------------------------------------------------------------------


def test_a_table_that_is_dropped_and_made_anew_is_emptied_and_named(url: str, source: ChangeSource) -> None:
    identity = source.prepare()
    execute(url, "INSERT INTO customer VALUES (1, 'old')", "DROP TABLE customer")
    execute(url, "CREATE TABLE customer (name varchar(40), id bigint PRIMARY KEY)")
    execute(url, "INSERT INTO customer VALUES ('new', 1)")
    with source.stream(ORIGIN, identity) as stream:
        old, dropped, made, new = (read_one(stream) for _ in range(4))
    assert [t.altered for t in (old, dropped, made, new)] == [(), ("customer",), ("customer",), ()]
    assert [c.operation for c in dropped.changes] == [Operation.TRUNCATE]
    assert made.changes == []
    assert new.changes[0].after == {"name": "new", "id": 1}


def test_a_table_made_of_a_select_comes_with_its_rows(url: str, source: ChangeSource) -> None:
    identity = source.prepare()
    execute(url, "CREATE TABLE made (id int PRIMARY KEY) AS SELECT 1 AS id UNION SELECT 2")
    execute(url, "CREATE OR REPLACE TABLE customer (id int PRIMARY KEY) AS SELECT id, 'x' AS name FROM made")
    with source.stream(ORIGIN, identity) as stream:
        made = read_one(stream)
    assert made.altered == ("customer",)
    assert [c.operation.value for c in made.changes] == ["truncate", "insert", "insert"]


UNSEEN = [
    ["RENAME TABLE customer TO gone"],
    ["ALTER TABLE customer RENAME TO gone"],
    ["CREATE TABLE fresh LIKE customer", "RENAME TABLE customer TO gone, fresh TO customer"],
    ["SET SESSION binlog_format = 'STATEMENT'", "INSERT INTO customer VALUES (9, 'x')"],
]


@pytest.mark.parametrize("statements", UNSEEN)
def test_rows_that_the_binlog_does_not_show_are_a_loss(
    url: str, source: ChangeSource, statements: list[str]
) -> None:
    identity = source.prepare()
    with source.stream(ORIGIN, identity) as stream:
        execute(url, *statements)
        with pytest.raises(SourceLost, match="customer"):
            read_one(stream)
    with pytest.raises(SourceLost, match="customer"):
        reopened(source, identity)


def reopened(source: ChangeSource, identity: str) -> Transaction:
    """What a stream that is opened later meets first."""
    with source.stream(ORIGIN, identity) as stream:
        return read_one(stream)


def test_statements_on_other_tables_do_not_matter(url: str, source: ChangeSource) -> None:
    identity = source.prepare()
    execute(url, "CREATE TABLE other (id int PRIMARY KEY)", "ALTER TABLE other ADD x int", "DROP TABLE other")
    execute(url, "CREATE TEMPORARY TABLE customer (x int)", "TRUNCATE customer")
    execute(url, "INSERT INTO customer VALUES (1, 'Ann')")
    with source.stream(ORIGIN, identity) as stream:
        read = read_one(stream)
    assert (read.altered, ids(list(read.changes))) == ((), [1])


# --- odd transactions ------------------------------------------------------------------------------------------------


def test_savepoints_leave_only_what_was_kept(url: str, source: ChangeSource) -> None:
    identity = source.prepare()
    with closing(erp(url)) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO customer VALUES (1, 'kept')")
        cursor.execute("SAVEPOINT s")
        cursor.execute("INSERT INTO customer VALUES (2, 'undone')")
        cursor.execute("ROLLBACK TO SAVEPOINT s")
        cursor.execute("INSERT INTO customer VALUES (3, 'kept')")
        connection.commit()
    with source.stream(ORIGIN, identity) as stream:
        assert ids(list(read_one(stream).changes)) == [1, 3]


def test_a_prepared_xa_transaction_is_refused_rather_than_guessed(url: str, source: ChangeSource) -> None:
    identity = source.prepare()
    with closing(erp(url)) as connection, connection.cursor() as cursor:
        for statement in (
            "XA START 'x'",
            "INSERT INTO customer VALUES (1, 'x')",
            "XA END 'x'",
            "XA PREPARE 'x'",
        ):
            cursor.execute(statement)
        cursor.execute("XA ROLLBACK 'x'")
    with source.stream(ORIGIN, identity) as stream, pytest.raises(SourceError, match="XA"):
        read_one(stream)


def test_a_session_that_logs_parts_of_rows_is_noticed(url: str, source: ChangeSource) -> None:
    identity = source.prepare()
    with closing(erp(url)) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO customer VALUES (1, 'x')")
        cursor.execute("SET SESSION binlog_row_image = 'MINIMAL'")
        cursor.execute("UPDATE customer SET name = 'y'")
        connection.commit()
    with source.stream(ORIGIN, identity) as stream, pytest.raises(SourceError, match="part of their columns"):
        read_one(stream)


def test_a_compressed_binlog_and_times_of_old_tables_are_read(url: str) -> None:
    execute(url, "SET GLOBAL log_bin_compress = 1", "SET GLOBAL log_bin_compress_min_len = 10")
    execute(url, "SET GLOBAL mysql56_temporal_format = OFF")
    try:
        execute(url, "CREATE TABLE old (id int PRIMARY KEY, d datetime, t time, s timestamp NULL, n text)")
        columns = ["d", "t", "s", "n"]
        with closing(source_of(url, {"old": columns})) as source, closing(source.reader()) as reader:
            identity = source.prepare()
            row = "'2026-11-23 10:11:12', '-10:11:12', '2026-11-23 10:11:12', repeat('x', 5000)"
            execute(
                url, f"INSERT INTO old VALUES (1, {row})", "INSERT INTO old VALUES (2, 0, '23:59:59', 0, '')"
            )
            execute(url, "ALTER TABLE old COMMENT = 'a statement that is long enough to be compressed, too'")
            execute(url, "UPDATE old SET n = repeat('y', 6000)")
            by_sql = list(reader.rows("SELECT d, t, s, n FROM old ORDER BY id"))
            with source.stream(ORIGIN, identity) as stream:
                read = read_until(stream, lambda so_far: sum(len(t.changes) for t in so_far) >= 4)
        assert [table for t in read for table in t.altered] == ["old"]
        updated = [c.after for t in read for c in t.changes if c.operation is Operation.UPDATE]
        assert [tuple(after[c] for c in columns) for after in updated if after] == by_sql
    finally:
        execute(url, "SET GLOBAL log_bin_compress = 0", "SET GLOBAL mysql56_temporal_format = ON")


def test_a_transaction_of_200000_rows_keeps_memory_bounded(url: str, source: ChangeSource) -> None:
    rows = 200_000
    identity = source.prepare()
    execute(url, f"INSERT INTO customer SELECT seq, concat('customer number ', seq) FROM seq_1_to_{rows}")
    execute(url, "UPDATE customer SET name = 'last' WHERE id = 1")
    with source.stream(ORIGIN, identity) as stream:
        tracemalloc.start()
        try:
            seen, parts, last = 0, 0, ORIGIN
            while seen < rows + 1:
                part = read_one(stream)
                assert len(part.changes) <= PART
                assert last < part.changes[0].position
                last, seen, parts = part.position, seen + len(part.changes), parts + 1
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert parts == rows // PART + 1
    assert most < 40_000_000, f"{most} bytes at most"


def test_a_row_larger_than_a_packet_of_the_protocol_comes_whole(url: str) -> None:
    execute(url, "CREATE TABLE files (id int PRIMARY KEY, content longblob)")
    with closing(source_of(url, {"files": ["content"]})) as source:
        identity = source.prepare()
        execute(
            url, "INSERT INTO files VALUES (1, repeat('ab', 20000000))", "INSERT INTO files VALUES (2, 'c')"
        )
        with source.stream(ORIGIN, identity) as stream:
            large, small = read_changes(stream, 2)
    assert large.after is not None
    assert large.after["content"] == b"ab" * 20000000
    assert small.after == {"id": 2, "content": b"c"}


def test_what_happened_before_the_capture_began_does_not_matter(url: str, source: ChangeSource) -> None:
    """The last transaction before it comes again, as proof of the place; whatever it is, it isn't looked at."""
    identities = []
    for statement in (
        "RENAME TABLE customer TO fresh, fresh TO customer",
        "SET STATEMENT binlog_format = 'STATEMENT' FOR INSERT INTO customer VALUES (1, 'x')",
        "SET STATEMENT binlog_row_image = 'MINIMAL' FOR UPDATE customer SET name = 'y'",
    ):
        execute(url, statement)
        identities.append(source.prepare())
        with source.stream(ORIGIN, identities[-1]) as stream:
            assert stream.read(0.1) is None
    execute(url, "INSERT INTO customer VALUES (2, 'z')")
    with source.stream(ORIGIN, identities[-1]) as stream:
        assert ids(list(read_one(stream).changes)) == [2]


# --- what is lost, and what isn't ------------------------------------------------------------------------------------


def test_a_purged_binlog_is_a_loss(url: str, source: ChangeSource) -> None:
    identity = source.prepare()
    execute(url, "INSERT INTO customer VALUES (1, 'a')", "INSERT INTO customer VALUES (2, 'b')")
    with source.stream(ORIGIN, identity) as stream:
        first = read_one(stream)
    execute(url, "FLUSH BINARY LOGS", "INSERT INTO customer VALUES (3, 'c')")
    # With its place in the new file's head the old one isn't needed any more.
    last = ask(url, "SHOW BINARY LOGS")[-1][0]
    with source.stream(first.position, identity) as stream:
        assert ids(list(read_one(stream).changes)) == [2]
        third = read_one(stream)
    purge_to(url, last)
    with source.stream(third.position, identity) as stream:
        assert stream.read(0.1) is None
    for after in (ORIGIN, first.position):
        with pytest.raises(SourceLost):
            source.stream(after, identity)


def purge_to(url: str, file: str) -> None:
    """Purge all binlogs before `file`; the server keeps one for a moment while somebody may still need it."""
    deadline = time.monotonic() + 20
    while ask(url, "SHOW BINARY LOGS")[0][0] != file:
        assert time.monotonic() < deadline
        execute(url, f"PURGE BINARY LOGS TO '{file}'")


def test_a_binlog_that_was_begun_anew_is_a_loss_even_when_its_numbers_have_grown_past(
    url: str, source: ChangeSource
) -> None:
    identity = source.prepare()
    execute(url, "INSERT INTO customer VALUES (1, 'a')")
    with source.stream(ORIGIN, identity) as stream:
        last = read_one(stream).position
    wait_for_the_next_second(url)
    execute(url, "RESET MASTER")
    place = parse(last)
    execute(url, *(f"INSERT INTO customer VALUES ({100 + i}, 'b')" for i in range(place.sequence + 5)))
    assert int(ask(url, "SELECT @@gtid_binlog_pos")[0][0].split("-")[2]) > place.sequence
    for after in (last, ORIGIN):
        with pytest.raises(SourceLost, match="begun anew"):
            source.stream(after, identity)


def wait_for_the_next_second(url: str) -> None:
    """The binlog counts time in seconds; the server waits, not the test."""
    ask(url, "SELECT SLEEP(1.1)")


def test_another_server_with_the_same_tables_is_a_loss(url: str, source: ChangeSource) -> None:
    identity = source.prepare()
    execute(url, *(f"INSERT INTO customer VALUES ({i}, 'a')" for i in range(5)))
    with source.stream(ORIGIN, identity) as stream:
        last = read_until(stream, lambda so_far: sum(len(t.changes) for t in so_far) >= 5)[-1].position
    with server() as other:
        there = other.create_database("erp")
        execute(there, CUSTOMER)
        with closing(source_of(there, {"customer": ["name"]})) as moved, pytest.raises(SourceLost):
            moved.stream(last, identity)


def test_after_a_failover_reading_goes_on_with_the_new_server_s_transactions(
    own: Standing, url: str, source: ChangeSource
) -> None:
    """MariaDB's numbers go on in their domain under another server's id."""
    identity = source.prepare()
    execute(url, "INSERT INTO customer VALUES (1, 'a')")
    execute(url, "SET GLOBAL server_id = 77")
    try:
        execute(url, "INSERT INTO customer VALUES (2, 'b')", "INSERT INTO customer VALUES (3, 'c')")
        after, seen = ORIGIN, []
        for _ in range(3):
            with source.stream(after, identity) as stream:
                one = read_one(stream)
            seen += ids(list(one.changes))
            assert one.position > after
            after = one.position
        assert seen == [1, 2, 3]
        assert parse(after).server == 77
    finally:
        execute(url, "SET GLOBAL server_id = 1")


def test_transactions_of_another_domain_stop_the_stream(url: str, source: ChangeSource) -> None:
    with server() as running:
        there = running.create_database("erp")
        execute(there, CUSTOMER)
        with closing(source_of(there, {"customer": ["name"]})) as source:
            identity = source.prepare()
            with closing(erp(there)) as connection, connection.cursor() as cursor:
                cursor.execute("SET SESSION gtid_domain_id = 5")
                cursor.execute("INSERT INTO customer VALUES (1, 'x')")
                connection.commit()
            with pytest.raises(SourceError, match="domain") as refused:
                source.stream(ORIGIN, identity)
            assert refused.value.do
            assert any("domain" in finding.what for finding in source.examine(1.0))


def test_a_killed_server_is_unavailable_and_nothing_is_lost_or_doubled() -> None:
    with server() as running:
        url = running.create_database("erp")
        execute(url, CUSTOMER)
        with closing(source_of(url, {"customer": ["name"]})) as source:
            identity = source.prepare()
            execute(url, *(f"INSERT INTO customer VALUES ({i}, 'a')" for i in range(5)))
            with source.stream(ORIGIN, identity) as stream:
                read = read_until(stream, lambda so_far: sum(len(t.changes) for t in so_far) >= 2)
                running.kill()
                with pytest.raises(Unavailable):
                    read_until(stream, lambda _: False)
            with pytest.raises(Unavailable):
                source.safe_position(1)
            running.start()
            execute(url, "INSERT INTO customer VALUES (5, 'b')")
            with source.stream(read[-1].position, identity) as stream:
                rest = 6 - sum(len(t.changes) for t in read)
                after = read_changes(stream, rest)
    assert ids([c for t in read for c in t.changes]) + ids(after) == list(range(6))


def test_a_dead_readers_lock_is_free_soon(url: str, source: ChangeSource) -> None:
    """A process that dies doesn't tell the server; the dump's heartbeat finds out."""
    identity = source.prepare()
    stream: Any = source.stream(ORIGIN, identity)
    stream._dump._socket.shutdown(socket.SHUT_RDWR)
    with source.stream(ORIGIN, identity):
        pass


# --- safe positions --------------------------------------------------------------------------------------------------


def test_what_is_before_a_safe_position_is_seen_and_what_comes_later_is_behind_it(
    url: str, source: ChangeSource
) -> None:
    """The contract under writers: for every safe position, a read that begins then sees all that the stream has up to it."""
    identity = source.prepare()
    stop = threading.Event()

    def write(first: int) -> None:
        with closing(erp(url)) as connection, connection.cursor() as cursor:
            number = first
            while not stop.is_set():
                cursor.execute("INSERT INTO customer VALUES (%s, 'x')", (number,))
                connection.commit()
                number += 1
                stop.wait(0.002)

    writers = [threading.Thread(target=write, args=(i * 1_000_000,)) for i in range(4)]
    for writer in writers:
        writer.start()
    observed = []
    with closing(source.reader()) as reader:
        for _ in range(20):
            safe = source.safe_position(10)
            observed.append((safe, {row[0] for row in reader.rows("SELECT id FROM customer")}))
    stop.set()
    for writer in writers:
        writer.join()
    total = len(ask(url, "SELECT id FROM customer"))
    changes: list[Change] = []
    with source.stream(ORIGIN, identity) as stream:
        while len(changes) < total:
            changes += read_one(stream).changes
    assert total > 100
    for safe, seen in observed:
        before = {change.after["id"] for change in changes if change.after and change.position <= safe}
        assert before <= seen
        assert parse(safe).place == BEHIND
    assert len({safe for safe, _ in observed}) > 10


def test_a_safe_position_after_the_log_was_rotated(url: str, source: ChangeSource) -> None:
    source.prepare()
    before = source.safe_position(5)
    execute(url, "FLUSH BINARY LOGS")
    assert source.safe_position(5) == before
