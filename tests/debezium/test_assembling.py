"""Messages of one partition become whole transactions, with marks and without, however often and in what pieces they come."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from strangler.changes import ORIGIN, UNCHANGED, Operation, Position, Transaction
from strangler.errors import SourceError, SourceLost
from strangler.shapes import Column, FieldType, Table
from strangler_connectors.debezium.assembling import Assembled, Assembler
from strangler_connectors.debezium.envelope import Message, RowMessage, SchemaChange, decode
from strangler_connectors.debezium.modes import Modes
from strangler_connectors.debezium.positions import SNAPSHOT, WHOLE, position, split
from strangler_connectors.debezium.values import Reading
from tests.debezium.messages import (
    BEAT,
    COLUMNS,
    HEARTBEAT,
    ID_AND_NAME,
    LINE,
    MODES,
    PARTY,
    SHOP,
    TOMBSTONE,
    WANTED,
    begin,
    binlog,
    binlog_transaction,
    defined,
    end,
    row,
    truncate,
)
from tests.debezium.recordings import records

I, T = FieldType.INTEGER, FieldType.TEXT  # noqa: E741


def assembler(after: Position = ORIGIN, **more: Any) -> Assembler:
    return Assembler(WANTED, MODES, after, **more)


def fed(into: Assembler, messages: Iterable[Message], start: int = 0) -> list[Assembled]:
    return [each for offset, message in enumerate(messages, start) for each in into.feed(message, 0, offset)]


def transactions(messages: Iterable[Message], **more: Any) -> list[Transaction]:
    return [each.transaction for each in fed(assembler(**more), messages)]


def ids(given: Iterable[Transaction]) -> list[list[int]]:
    return [[(c.after or c.before or {})["id"] for c in t.changes] for t in given]


MARKED = [
    begin(1), row(1, (None, 10), 1, order=1), HEARTBEAT, row(1, (None, 11), 2, order=2), end(1, party=2),
    begin(2), row(2, (20, 15), 3, order=1), end(2, party=1),
    begin(3), row(3, (30, 25), 4, order=1, table=LINE), row(3, (30, 31), 5, order=2), end(3, line=1, party=1),
]  # fmt: skip


def test_a_transaction_comes_with_its_end() -> None:
    into = assembler()
    given = [
        (offset, each) for offset, message in enumerate(MARKED) for each in into.feed(message, 4, offset)
    ]
    assert [offset for offset, _ in given] == [4, 7, 11]
    assert [each.resume for _, each in given] == [{4: 5}, {4: 8}, {4: 12}]
    read = [each.transaction for _, each in given]
    assert ids(read) == [[1, 2], [3], [4, 5]]
    assert [t.id for t in read] == ["1", "2", "3"]
    assert [c.table for c in read[2].changes] == ["line", "party"]
    assert read[0].committed_at == 1_795_425_962.0
    positions = [p for t in read for p in (*(c.position for c in t.changes), t.position)]
    assert positions == sorted(positions)
    assert len(set(positions)) == len(positions)


def test_without_marks_a_run_of_one_id_is_a_transaction_and_the_last_is_open() -> None:
    rows = [
        row(1, (None, 10), 1),
        row(1, (None, 11), 2),
        TOMBSTONE,
        HEARTBEAT,
        row(2, (20, 15), 3),
        row(3, (30, 25), 4),
    ]
    given = fed(assembler(), rows)
    assert ids(each.transaction for each in given) == [[1, 2], [3]]
    assert [each.resume for each in given] == [{0: 4}, {0: 5}]


def test_a_row_of_the_heartbeat_table_ends_everything_before_it_and_itself() -> None:
    given = transactions([row(1, (None, 10), 1), row(2, (20, 21), 1, table=BEAT)], heartbeat=BEAT)
    assert ids(given) == [[1], []]
    assert given[0].position < given[1].position == position(f"{20:016X}/{21:016X}", WHOLE)


def test_a_transaction_of_other_tables_is_a_heartbeat_and_an_empty_one_is_nothing() -> None:
    other = ("public", "other")
    given = transactions(
        [begin(1), row(1, (None, 10), 1, table=other, order=1), end(1, other=1), begin(2), end(2)]
    )
    assert ids(given) == [[]]
    assert given[0].position > ORIGIN


def test_of_several_databases_only_the_asked_one_is_read() -> None:
    def of(db: str, lsn: int) -> Message:
        lsns = {"commit_lsn": f"00000000:00000000:{lsn:04x}", "change_lsn": f"00000000:00000000:{lsn:04x}"}
        return row(lsn, (None, lsn), lsn, connector="sqlserver", db=db, **lsns)

    assert ids(transactions([of("shop", 1), of("test", 2), of("shop", 3)], database="shop")) == [[1], []]


def test_a_changed_key_is_one_update() -> None:
    halves = [
        row(1, (None, 10), 1, op="d", header="newkey"), TOMBSTONE, row(1, (None, 10), 2, "moved", header="oldkey"),
        row(1, (None, 12), 2, "again", op="u"),
    ]  # fmt: skip
    (given,) = transactions([begin(1), *halves, end(1)])
    moved, again = given.changes
    assert (moved.operation, moved.before, moved.after) == (
        Operation.UPDATE,
        {"id": 1},
        {"id": 2, "name": "moved"},
    )
    assert moved.position == position(f"{0:016X}/{10:016X}", 2)
    assert (again.operation, again.before) == (Operation.UPDATE, None)


def test_halves_of_a_changed_key_that_are_apart_stay_what_they_are() -> None:
    gone = row(1, (None, 10), 1, op="d", header="newkey")
    come = row(1, (None, 12), 2, header="oldkey")
    (given,) = transactions([begin(1), gone, row(1, (None, 11), 7, table=LINE), come, end(1)])
    assert [c.operation for c in given.changes] == [Operation.DELETE, Operation.INSERT, Operation.INSERT]
    # Half a row isn't an insert: what wasn't sent is known elsewhere.
    half = row(1, (None, 12), 2, "__debezium_unavailable_value", header="oldkey")
    (given,) = transactions([begin(1), half, end(1)])
    (change,) = given.changes
    assert (change.operation, change.after) == (Operation.UPDATE, {"id": 2, "name": UNCHANGED})


@pytest.mark.parametrize("removal", [("id",), None])
def test_the_old_row_is_handed_over_as_far_as_the_source_logs_it(removal: tuple[str, ...] | None) -> None:
    wanted = {PARTY: Reading(Table("party", COLUMNS, ("id",), removal), ID_AND_NAME)}
    old = {"id": 1, "name": "old" if removal is None else None}
    into = Assembler(wanted, MODES)
    gap = "__debezium_unavailable_value"
    messages = [
        begin(1),
        row(1, (None, 10), 1, gap, op="u", before=old),
        row(1, (None, 11), 1, op="d"),
        end(1),
    ]
    (given,) = fed(into, messages)
    update, delete = given.transaction.changes
    if removal is None:
        assert (update.before, update.after) == ({"id": 1, "name": "old"}, {"id": 1, "name": "old"})
        assert delete.before == {"id": 1, "name": None}
    else:
        assert (update.before, update.after) == (None, {"id": 1, "name": UNCHANGED})
        assert delete.before == {"id": 1}


def test_a_delete_without_old_row_has_its_key_from_the_record() -> None:
    value = (
        b'{"op":"d","before":null,"after":null,"source":{"connector":"postgresql","db":"erp","schema":"public",'
        b'"table":"party","sequence":"[null,\\"10\\"]","txId":1}}'
    )
    (given,) = transactions([decode(b'{"id":7}', value), row(2, (20, 21), 1)])
    assert (given.changes[0].operation, given.changes[0].before) == (Operation.DELETE, {"id": 7})
    with pytest.raises(SourceError, match="party has no column id"):
        transactions([decode(b'{"number":7}', value)])


def test_truncates_come_table_by_table() -> None:
    messages = [
        begin(1),
        truncate(1, (20, 30), PARTY, 1),
        truncate(1, (20, 30), LINE, 2),
        end(1, party=1, line=1),
    ]
    (given,) = transactions(messages)
    assert [(c.table, c.operation) for c in given.changes] == [
        ("party", Operation.TRUNCATE),
        ("line", Operation.TRUNCATE),
    ]
    assert given.changes[0].position < given.changes[1].position


def copy(tx: int, place: tuple[int, int], first: int, last: int) -> list[Message]:
    """Rows of one page of a COPY: they share one place."""
    return [row(tx, place, id, order=id) for id in range(first, last + 1)]


@pytest.mark.parametrize("again_from", [1, 3, 5])
@pytest.mark.parametrize("begun_again", [True, False])
def test_what_debezium_repeats_after_it_died_is_dropped(again_from: int, begun_again: bool) -> None:
    page = copy(2, (20, 25), 1, 6)
    died = [begin(2), *page[:4]]
    again = [*MARKED[:8]] if again_from == 1 else []
    rest = [
        *([begin(2)] if begun_again else []),
        *page[again_from - 1 :],
        end(2, party=6 if begun_again and again_from == 1 else 0),
    ]
    before = [begin(1), row(1, (None, 10), 9, order=1), end(1, party=1)]
    given = transactions([*before, *died, *(again and before), *rest])
    assert ids(given) == [[9], [1, 2, 3, 4, 5, 6]]


def test_rows_numbered_anew_by_an_older_debezium_are_not_lost() -> None:
    """It forgot its numbers with the restart and goes on in the middle of a page, which its log position can't tell."""
    page = copy(2, (20, 25), 1, 6)
    rest = [row(2, (20, 25), id, order=id - 3) for id in range(4, 7)]
    given = transactions([begin(2), *page[:3], begin(2), *rest, end(2, party=3)])
    assert ids(given) == [[1, 2, 3, 4, 5, 6]]


def test_a_row_whose_number_goes_on_is_new_wherever_it_stands() -> None:
    out_of_order = [row(1, (20, 30), 1, order=1), row(1, (20, 25), 2, order=2), row(1, (20, 31), 3, order=3)]
    (given,) = transactions([begin(1), *out_of_order, end(1, party=3)])
    assert ids([given]) == [[1, 2, 3]]
    positions = [c.position for c in given.changes]
    assert positions == sorted(positions)


@pytest.mark.parametrize("split_at", range(len(MARKED)))
@pytest.mark.parametrize("back", [0, 3, 99])
def test_a_life_begun_behind_a_position_neither_loses_nor_doubles(split_at: int, back: int) -> None:
    first = fed(assembler(), MARKED[:split_at])
    after = first[-1].transaction.position if first else ORIGIN
    resume = first[-1].resume[0] if first else 0
    start = max(0, resume - back)
    second = fed(assembler(after), MARKED[start:], start)
    assert ids(each.transaction for each in [*first, *second]) == [[1, 2], [3], [4, 5]]


def test_a_large_transaction_comes_in_parts_that_do_not_tear_a_page_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("strangler_connectors.debezium.assembling.PART", 10)
    pages = [
        message for page in range(8) for message in copy(2, (20, 100 + page), 7 * page + 1, 7 * page + 7)
    ]
    messages = [begin(2), *pages, end(2, party=56), *MARKED[8:]]
    whole = fed(assembler(), messages)
    parts = [each for each in whole if each.transaction.id == "2"]
    assert [len(each.transaction.changes) for each in parts] == [14, 14, 14, 14]
    assert [split(each.transaction.position)[1] for each in parts] == [7, 7, 7, WHOLE]
    for cut in range(1, 4):
        after, start = parts[cut - 1].transaction.position, parts[cut - 1].resume[0]
        for back in (0, 5, 99):
            at = max(0, start - back)
            again = [each for each in fed(assembler(after), messages[at:], at) if each.transaction.id == "2"]
            assert [c.position for e in again for c in e.transaction.changes] == [
                c.position for e in parts[cut:] for c in e.transaction.changes
            ]


def test_of_a_large_transaction_only_one_part_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strangler_connectors.debezium.assembling.PART", 500)
    into = assembler()
    into.feed(begin(2))
    counts: list[int] = []
    tracemalloc.start()
    for i in range(10_000):
        counts += [
            len(each.transaction.changes) for each in into.feed(row(2, (20, 100 + i), i, order=i + 1), 0, i)
        ]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    counts += [len(each.transaction.changes) for each in into.feed(end(2, party=10_000), 0, 10_000)]
    assert counts == [500] * 20
    assert most < 1_000_000


def test_rows_that_an_end_counts_and_that_never_came_are_a_loss() -> None:
    with pytest.raises(SourceLost, match=r"of transaction 1 1 of 3 changes of public\.party never came"):
        transactions(
            [begin(1), row(1, (None, 10), 1, order=1), row(1, (None, 12), 3, order=3), end(1, party=3)]
        )
    # Who begins to read in its middle can't tell.
    assert ids(transactions([row(1, (None, 12), 3, order=3), end(1, party=3)])) == [[3]]


def test_a_connector_that_lost_its_offsets_is_a_loss() -> None:
    with pytest.raises(SourceLost, match="began anew"):
        transactions([*MARKED, row(9, (None, 99), 1)])
    # The same as an old record that is only read again isn't.
    last = transactions(MARKED)[-1].position
    assert transactions(MARKED, after=last) == []


HERE, THERE = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "7c2d9b10-0a1b-11ef-8d2f-0242ac110002"

OTHER_BINLOGS = {
    "files of a MySQL with another number": ({"server": 1}, {"server": 2}),
    "GTIDs of a MySQL with another UUID": ({"gtid": f"{HERE}:812"}, {"gtid": f"{THERE}:3"}),
    "another member of a replication group": ({"gtid": f"{HERE}:812"}, {"gtid": f"{HERE}:813", "server": 2}),
    "a MySQL that writes no GTIDs": ({"gtid": f"{HERE}:812"}, {}),
    "another replication domain": (
        {"connector": "mariadb", "gtid": "0-1-812"},
        {"connector": "mariadb", "gtid": "1-2-3", "server": 2},
    ),
}


@pytest.mark.parametrize("file", [3, 121])
@pytest.mark.parametrize("other", OTHER_BINLOGS)
def test_another_binlog_whose_places_do_not_compare_is_a_loss(other: str, file: int) -> None:
    before, after = OTHER_BINLOGS[other]
    first = binlog_transaction(120, 4711, 1, **before)
    last = transactions(first)[-1].position
    failover = binlog_transaction(file, 500, 2, **after)
    with pytest.raises(SourceLost, match="another server's binlog") as lost:
        transactions([*first, *failover])
    assert "failover" in str(lost.value.why)
    with pytest.raises(SourceLost, match="another server's binlog"):
        transactions(failover, after=last)


def test_a_binlog_is_read_on_in_its_next_file() -> None:
    for gtid in (None, f"{HERE}:812"):
        given = [
            *binlog_transaction(120, 4711, 1, gtid=gtid),
            *binlog_transaction(121, 4, 2, gtid=gtid and f"{HERE}:813"),
        ]
        whole = transactions(given)
        assert ids(whole) == [[1], [2]]
        assert ids(transactions(given, after=whole[0].position)) == [[2]]
        assert transactions(given, after=whole[1].position) == []


def test_servers_of_one_replication_domain_are_read_on_after_a_failover() -> None:
    before = binlog_transaction(120, 4711, 1, connector="mariadb", gtid="0-1-812")
    after = binlog_transaction(3, 500, 2, connector="mariadb", gtid="0-2-813", server=2)
    assert ids(transactions([*before, *after])) == [[1], [2]]
    assert ids(transactions([*before, *after], after=transactions(before)[0].position)) == [[2]]


def test_an_initial_snapshot_comes_first_and_is_not_read_into_what_is_newer() -> None:
    def read(id: int, snapshot: str = "true", lsn: int = 5) -> Message:
        return row(None, (None, lsn), id, op="r", snapshot=snapshot)

    reads = [read(1, "first"), read(2), read(3, "last")]
    given = transactions([*reads, *MARKED])
    assert ids(given) == [[1, 2, 3], [1, 2], [3], [4, 5]]
    assert all(c.operation is Operation.INSERT for c in given[0].changes)
    assert given[0].position.startswith(SNAPSHOT)
    assert [t.position for t in given] == sorted(t.position for t in given)
    assert ids(transactions([*reads, *MARKED], after=given[1].position)) == [[3], [4, 5]]
    with pytest.raises(SourceLost, match="began anew"):
        transactions([*MARKED, read(1, lsn=99)])


def test_an_initial_snapshot_goes_on_where_it_was_left() -> None:
    reads = [row(None, (None, 5), id, op="r", snapshot="true") for id in range(1, 6)]
    first = fed(assembler(), [*reads[:3], MARKED[1]])[0].transaction
    second = transactions([*reads[3:], MARKED[1]], after=first.position)[0]
    assert ids([first, second]) == [[1, 2, 3], [4, 5]]
    assert first.position < second.changes[0].position


@pytest.mark.parametrize("name", ["pg_rendered", "pg_default"])
def test_an_incremental_snapshot_as_it_was_recorded(name: str) -> None:
    whole = line_of(name, ORIGIN)
    positions = [p for t in whole for p in (*(c.position for c in t.changes), t.position)]
    assert positions == sorted(positions)
    assert len(set(positions)) == len(positions)
    read = next(
        t
        for t in whole
        if t.changes and t.changes[0].after == {"No": 9, "Text": "z", "order": 9} and len(t.changes) == 2
    )
    assert [c.operation for c in read.changes] == [Operation.INSERT, Operation.INSERT]
    # Behind any transaction the rest comes again, and nothing that is older but what the snapshot read last: that is repeated.
    for i in range(0, len(whole), 7):
        again = line_of(name, whole[i].position)
        repeated = [t for t in again if t.id == "snapshot"]
        assert [t for t in again if t.id != "snapshot"] == whole[i + 1 :], i
        assert ids_read(repeated) == (ids_read([whole[i]]) if repeated else [])


def ids_read(given: Iterable[Transaction]) -> list[object]:
    return [change.after for transaction in given for change in transaction.changes]


def line_of(name: str, after: Position) -> list[Transaction]:
    """The transactions of the recorded table `line` behind a position; what was altered shows only beside the rows before."""
    into = Assembler({LINE: LINES}, MODES, after, heartbeat=BEAT)
    given = [each for record in records(name) for each in into.feed(record.message, 0, record.offset)]
    return [each.transaction._replace(altered=()) for each in given]


LINES = Reading(
    Table(
        "line",
        (
            Column("order", I, False, "integer"),
            Column("No", I, False, "integer"),
            Column("Text", T, True, "text"),
        ),
        ("No", "order"),
        ("No", "order"),
    ),
    frozenset(("order", "No", "Text")),
)


def test_a_recorded_stream_says_what_was_done() -> None:
    for name, schema, removal in (("pg_rendered", "public", ("No", "order")), ("my_rendered", "shop", None)):
        wanted = {
            (schema, "line"): Reading(
                replace(LINES.table, removal=removal), frozenset(("order", "No", "Text"))
            )
        }
        into = Assembler(wanted, MODES, heartbeat=(schema, "strangler_heartbeat"))
        given = [
            e.transaction for record in records(name) for e in into.feed(record.message, 0, record.offset)
        ]
        large = max(given, key=lambda t: len(t.changes))
        operations = [c.operation.value for c in large.changes]
        if name == "pg_rendered":
            assert operations == ["insert", "update", "update", "update", "update", "delete", "delete"]
            (page,) = (t for t in given if len(t.changes) == 5)
            assert len({split(c.position)[0] for c in page.changes}) == 1
        else:
            assert operations == ["insert"] * 2 + ["update"] * 5 + ["delete"] * 3
        moved = next(c for c in large.changes if c.operation is Operation.UPDATE)
        assert moved.before is not None
        assert moved.after is not None
        assert moved.before["No"] != moved.after["No"]
        (altered,) = (t for t in given if t.altered)
        assert altered.altered == ("line",)
        assert altered.changes[0].after == {"order": 9, "No": 9, "Text": "z"}
        assert sum(c.operation is Operation.TRUNCATE for t in given for c in t.changes) == 1


def test_a_definition_that_changed_is_told_before_its_rows() -> None:
    def with_columns(tx: int, **values: Any) -> Message:
        made = row(tx, (tx * 10, tx * 10 + 1), 1)
        assert isinstance(made, RowMessage)
        return msgspec.structs.replace(made, after={"id": 1, "name": "x", **values})

    rows = [
        with_columns(1),
        with_columns(2),
        with_columns(3, fresh=1),
        with_columns(4, fresh=2),
        with_columns(5, name=[1]),
        with_columns(6),
    ]
    assert [t.altered for t in transactions(rows)] == [(), (), ("party",), (), ("party",)]


def test_a_statement_that_changes_a_definition_names_its_tables() -> None:
    at = row(2, (20, 21), 1)

    def change(*tables: tuple[str, str]) -> SchemaChange:
        return SchemaChange(at.origin, tables, "ALTER TABLE …")  # type: ignore[union-attr]

    rows = [row(1, (None, 10), 1), row(2, (20, 21), 1), row(3, (30, 31), 1)]
    for tables, expected in (((PARTY,), ("party",)), ((("public", "other"),), ()), ((), ("party", "line"))):
        given = transactions([rows[0], change(*tables), *rows[1:]])
        assert given[0].altered == expected


def in_shop(messages: Iterable[Message], after: Position = ORIGIN) -> list[Transaction]:
    return [each.transaction for each in fed(Assembler(SHOP, MODES, after), messages)]


@pytest.mark.parametrize(
    ("ddl", "changes", "tables"),
    [
        ("DROP TABLE `party` /* generated by server */", [("DROP", "party")], ["party"]),
        ('DROP TABLE "party"', [("DROP", "party")], ["party"]),
        ("drop table Party", [("DROP", "party")], ["party"]),
        ('CREATE OR REPLACE TABLE "party" (id int)', [("CREATE", "party")], ["party"]),
        ("CREATE OR REPLACE TABLE PARTY (id int)", [("CREATE", "party")], ["party"]),
        ("CREATE TABLE party (id int)", [("CREATE", "party")], []),
        ("DROP TABLE other", [("DROP", "other")], []),
        ("DROP DATABASE shop", [], ["line", "party"]),
        ("DROP DATABASE bakery", [], []),
        ("ALTER TABLE party ADD x int", [("ALTER", "party")], []),
        ("TRUNCATE TABLE party", [], []),
    ],
)
def test_a_table_that_was_dropped_or_replaced_is_emptied(
    ddl: str, changes: list[tuple[str, str]], tables: list[str]
) -> None:
    messages = [binlog(1, 1), defined(2, ddl, *changes), binlog(3, 2), binlog(4, 3)]
    given = in_shop(messages)
    emptied = [(c.table, c.operation) for t in given for c in t.changes if c.after is None]
    assert emptied == [(table, Operation.TRUNCATE) for table in tables]
    assert [t.position for t in given] == sorted({t.position for t in given})
    # Where it was read once it isn't again, and where it is behind it is.
    assert in_shop(messages, given[-1].position) == []
    assert [t.changes for t in in_shop(messages, given[0].position)] == [t.changes for t in given[1:]]


def test_tables_that_one_statement_dropped_are_emptied_together() -> None:
    drops = [defined(2, f"DROP TABLE `{table}`", ("DROP", table)) for table in ("party", "line")]
    given = in_shop([binlog(1, 1), *drops, binlog(3, 2)])
    assert [[c.table for c in t.changes] for t in given] == [["party"], ["party", "line"]]
    assert given[1].altered == ("party", "line")


def test_what_a_connector_tells_of_tables_at_its_start_empties_none() -> None:
    told = defined(2, "DROP TABLE IF EXISTS `shop`.`party`", ("DROP", "party"), snapshot="true")
    assert ids(in_shop([binlog(1, 1), told, binlog(3, 2)])) == [[1]]


@pytest.mark.parametrize(
    "ddl",
    ["RENAME TABLE party TO other", "RENAME TABLE other TO party", "ALTER TABLE party DROP PARTITION p0"],
)
def test_a_table_whose_rows_came_or_went_unseen_is_a_loss(ddl: str) -> None:
    messages = [binlog(1, 1), defined(2, ddl, ("ALTER", "other")), binlog(3, 2)]
    with pytest.raises(SourceLost, match="party"):
        in_shop(messages)
    # Not for who begins behind it.
    assert ids(in_shop([*messages, binlog(4, 3)], in_shop([binlog(2, 1), binlog(3, 2)])[0].position)) == [[2]]


def test_rows_with_neither_key_nor_number_are_refused_where_several_stand_at_one_place() -> None:
    def copied(order: int | None = None, table: tuple[str, str] = PARTY) -> Message:
        made = row(1, (None, 10), 1, order=order, table=table)
        assert isinstance(made, RowMessage)
        return msgspec.structs.replace(made, key=None)

    with pytest.raises(SourceError, match="neither a key nor a number") as refused:
        transactions([copied()])
    assert "provide.transaction.metadata=true" in refused.value.do
    assert len(transactions([begin(1), copied(1), copied(2), copied(3), end(1)])[0].changes) == 3
    transactions([copied(table=("public", "other"))])


def test_a_column_that_is_gone_is_an_error_not_a_null() -> None:
    wanted = {
        PARTY: Reading(
            Table("party", (*COLUMNS, Column("gone", T, True, "text")), ("id",)), ID_AND_NAME | {"gone"}
        )
    }
    with pytest.raises(SourceError, match="table party has no column gone"):
        Assembler(wanted, MODES).feed(row(1, (None, 10), 1))


def test_rows_without_any_transaction_are_refused() -> None:
    place = {"connector": "mysql", "schema": None, "db": "public", "file": "b.000001", "pos": 1, "row": 0}
    with pytest.raises(SourceError, match="to which transaction") as refused:
        transactions([row(None, (None, 1), 1, **place)])
    assert "provide.transaction.metadata=true" in refused.value.do


def test_transactions_of_oracle_that_commit_at_one_scn_are_all_read() -> None:
    def of(tx: str, scn: int, id: int, order: int) -> Message:
        origin = {
            "connector": "oracle",
            "db": "XE",
            "schema": "public",
            "table": "party",
            "txId": tx,
            "commit_scn": "1000",
            "scn": str(scn),
            "rs_id": "0x1",
            "ssn": 0,
        }
        block = {"id": tx, "total_order": order}
        payload = {"op": "c", "after": {"id": id, "name": "x"}, "source": origin, "transaction": block}
        return decode(json.dumps({"id": id}).encode(), json.dumps(payload).encode())

    first = [begin(1), of("0b", 500, 1, 1), of("0b", 501, 2, 2), end(1)]
    # The marks of Oracle call the transaction as its rows do.
    first[0], first[3] = _mark("BEGIN", "0b"), _mark("END", "0b")
    second = [_mark("BEGIN", "0a"), of("0a", 5, 3, 1), _mark("END", "0a")]
    whole = transactions([*first, *second])
    assert ids(whole) == [[1, 2], [3]]
    assert whole[0].position < whole[1].changes[0].position
    assert ids(transactions([*first, *second], after=whole[0].position)) == [[3]]
    assert ids(transactions(second, after=whole[0].position)) == [[3]]


def _mark(status: str, id: str) -> Message:
    return decode(None, json.dumps({"status": status, "id": id, "ts_ms": 1}).encode())


def test_modes_that_are_not_known_are_asked_for_at_the_first_row() -> None:
    table = Table("party", (COLUMNS[0], Column("name", FieldType.DECIMAL, True, "numeric(12,2)")), ("id",))
    with pytest.raises(SourceError, match="column name of table party") as refused:
        Assembler({PARTY: Reading(table, ID_AND_NAME)}, Modes()).feed(row(1, (None, 10), 1, "4.20"))
    assert "decimal.handling.mode=string" in refused.value.do
