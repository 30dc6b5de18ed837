"""The conformance suite of `ChangeSource`: what every connector must do, shown on a legacy database of three tables.

Subclass `ChangeSourceContract`, give it a fixture `legacy` that yields a `Legacy`, and pytest does the rest:

    class TestMine(ChangeSourceContract):
        @pytest.fixture
        def legacy(self): ...

What a kind of source can't do by its nature is said in `Capabilities`, never by skipping a test in silence.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple, Protocol

import pytest

from strangler.changes import ORIGIN, PART, UNCHANGED, Change, Operation, Position, Transaction
from strangler.errors import SourceError, SourceLost, StranglerError, Unavailable
from strangler.ports import Barring, ChangeSource, ChangeStream
from strangler.shapes import FieldType

PATIENCE: Final = 20.0
"""Seconds after which what should have come is taken for lost."""

CUSTOMER: Final = "customer"
"""Columns `id` integer, `name` text, `note` text, `credit` numeric(12,2); key `id`."""

LINE: Final = "order-line"
"""Columns `order` integer, `No` integer, `Text` text; key (`No`, `order`), not in the order of the columns."""

SCRIBBLE: Final = "scribble"
"""Column `text` text; no key."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a kind of source can do beyond the contract, or can't do by its nature."""

    boundaries: bool = True
    """Each legacy transaction is a transaction of its own; otherwise neighbours may come as one, always whole."""
    unchanged: bool = False
    """Large values that an update left alone aren't sent, and arrive as UNCHANGED."""
    truncate: bool = False
    """A truncated table is a change of its own."""
    copy: bool = False
    """The reader can write COPY text."""
    load: bool = False
    """The database tells how many statements run in it."""
    moves: bool = True
    """A changed key is one change; otherwise the row appears under the new key and is removed under the old one."""
    keeps: bool = False
    """The source creates nothing and reads a log that the database keeps for a time of its own: `prepare` begins a capture
    anew each time, one that was remembered stays good, and what was acknowledged can be read again."""
    alterations: frozenset[str] = frozenset({"add", "drop", "retype"})
    """What an ERP's upgrade may do to a captured table here: those of `Alteration.action` that the database allows and the
    source sees."""


class Write(NamedTuple):
    """One statement of the ERP. `where` names the row by its key (empty for an insert, and for a table without key: all);
    `others` are the further rows of an insert of several."""

    operation: Operation
    table: str
    where: Mapping[str, Any]
    values: Mapping[str, Any]
    others: Sequence[Mapping[str, Any]] = ()


class Alteration(NamedTuple):
    """What an ERP's upgrade does to one column of a table. `type` as the database declares it; empty where it is dropped."""

    action: Literal["add", "drop", "retype"]
    table: str
    column: str
    type: str = ""


class Legacy(Protocol):
    """A legacy database with the three tables, empty, and nothing captured yet."""

    capabilities: Capabilities

    def source(self, tables: Mapping[str, Sequence[str]], heartbeat: float) -> ChangeSource:
        """A new source object on this database; heartbeat in seconds."""
        ...

    def transaction(self) -> AbstractContextManager[Callable[[Write], None]]:
        """An open transaction of the ERP: writes are done at once, committed at the end, undone on an exception."""
        ...

    def alter(self, alteration: Alteration) -> None:
        """Alter a table as an upgrade of the ERP does, and commit; only what the capabilities name is asked for."""
        ...

    def replace_capture(self) -> None:
        """Remove the capture behind the source's back and make it again under the same name."""
        ...

    def traces(self) -> object:
        """All that capture could leave behind in the database, to be compared."""
        ...


def insert(table: str, **values: Any) -> Write:
    return Write(Operation.INSERT, table, {}, values)


def insert_all(table: str, rows: Sequence[Mapping[str, Any]]) -> list[Write]:
    """Inserts of many rows each: of a number of which `PART` is no multiple, so that a part ends within a statement."""
    parts = (rows[start : start + 300] for start in range(0, len(rows), 300))
    return [Write(Operation.INSERT, table, {}, first, others) for first, *others in parts]


def update(table: str, where: Mapping[str, Any], **values: Any) -> Write:
    return Write(Operation.UPDATE, table, where, values)


def delete(table: str, where: Mapping[str, Any]) -> Write:
    return Write(Operation.DELETE, table, where, {})


def statement(write: Write, mark: str) -> tuple[str, list[Any]]:
    """The write as SQL with its parameters; `mark` is the driver's placeholder, `?` or `%s`."""
    where = " AND ".join(f'"{name}" = {mark}' for name in write.where) or "1 = 1"
    if write.operation is Operation.INSERT:
        names = ", ".join(f'"{name}"' for name in write.values)
        rows = [write.values, *write.others]
        marks = ", ".join(f"({', '.join(mark for _ in row)})" for row in rows)
        return f'INSERT INTO "{write.table}" ({names}) VALUES {marks}', [
            v for row in rows for v in row.values()
        ]
    if write.operation is Operation.UPDATE:
        pairs = ", ".join(f'"{name}" = {mark}' for name in write.values)
        parameters = [*write.values.values(), *write.where.values()]
        return f'UPDATE "{write.table}" SET {pairs} WHERE {where}', parameters
    if write.operation is Operation.DELETE:
        return f'DELETE FROM "{write.table}" WHERE {where}', list(write.where.values())
    return f'TRUNCATE "{write.table}"', []


def alteration_statement(alteration: Alteration) -> str:
    """The alteration as SQL of PostgreSQL, and of SQLite but for `retype`."""
    action, table, column, type = alteration
    how = {
        "add": f'ADD COLUMN "{column}" {type}',
        "drop": f'DROP COLUMN "{column}"',
        "retype": f'ALTER COLUMN "{column}" TYPE {type}',
    }
    return f'ALTER TABLE "{table}" {how[action]}'


def commit(legacy: Legacy, *writes: Write) -> None:
    """Do the writes in one transaction."""
    with legacy.transaction() as write:
        for each in writes:
            write(each)


def read_until(
    stream: ChangeStream, enough: Callable[[list[Transaction]], bool], patience: float = PATIENCE
) -> list[Transaction]:
    """Read transactions until they are enough; fails when they don't come within `patience` seconds."""
    read: list[Transaction] = []
    deadline = time.monotonic() + patience
    while not enough(read):
        assert time.monotonic() < deadline, f"still not enough after {patience} s: {str(read)[:5000]}"
        transaction = stream.read(0.2)
        if transaction is not None:
            read.append(transaction)
    return read


def read_changes(stream: ChangeStream, count: int, patience: float = PATIENCE) -> list[Change]:
    """Read until `count` changes have come; fails when there are more or fewer, or not within `patience` seconds."""
    read = read_until(stream, lambda so_far: sum(len(t.changes) for t in so_far) >= count, patience)
    changes = [change for transaction in read for change in transaction.changes]
    assert len(changes) == count
    return changes


def read_to(stream: ChangeStream, position: Position) -> list[Transaction]:
    """Read until the stream has passed `position`."""
    return read_until(stream, lambda so_far: bool(so_far) and so_far[-1].position >= position)


def _last_id(read: Sequence[Transaction]) -> Any:
    rows = [change.after for transaction in read for change in transaction.changes if change.after]
    return rows[-1]["id"] if rows else None


class _Undo(Exception):
    """Ends a transaction without its commit."""


class ChangeSourceContract:
    """The tests. `opened` is a prepared source on the customers with its identity."""

    tables: Mapping[str, Sequence[str]] = {CUSTOMER: ["name", "note"], LINE: ["Text"]}

    @pytest.fixture
    def legacy(self) -> Iterator[Legacy]:
        raise NotImplementedError("give the suite a legacy database")

    @pytest.fixture
    def source(self, legacy: Legacy) -> Iterator[ChangeSource]:
        with closing(legacy.source(self.tables, 30.0)) as source:
            yield source

    def test_describes_columns_and_key_of_the_tables_that_exist(self, source: ChangeSource) -> None:
        described = source.describe([CUSTOMER, LINE, SCRIBBLE, "nowhere"])
        assert sorted(described) == [CUSTOMER, LINE, SCRIBBLE]
        assert [c.name for c in described[CUSTOMER].columns] == ["id", "name", "note", "credit"]
        types = [c.type for c in described[CUSTOMER].columns]
        assert types == [FieldType.INTEGER, FieldType.TEXT, FieldType.TEXT, FieldType.DECIMAL]
        assert described[CUSTOMER].key == ("id",)
        assert described[LINE].key == ("No", "order")
        assert described[SCRIBBLE].key == ()

    def test_prepare_is_idempotent(self, legacy: Legacy, source: ChangeSource) -> None:
        identity = source.prepare()
        traces = legacy.traces()
        again = source.prepare()
        assert legacy.traces() == traces
        commit(legacy, insert(CUSTOMER, id=1))
        if not legacy.capabilities.keeps:
            assert again == identity
        for each in (identity, again):
            with source.stream(ORIGIN, each) as stream:
                read_changes(stream, 1)

    def test_a_table_without_key_is_refused_before_anything_is_created(self, legacy: Legacy) -> None:
        before = legacy.traces()
        source = legacy.source({CUSTOMER: ["name"], SCRIBBLE: ["text"]}, 30.0)
        with closing(source), pytest.raises(SourceError, match=SCRIBBLE) as refused:
            source.prepare()
        assert refused.value.do
        assert legacy.traces() == before

    def test_a_table_or_column_that_is_not_there_is_refused(self, legacy: Legacy) -> None:
        before = legacy.traces()
        source = legacy.source({CUSTOMER: ["nmae"], "nowhere": ["x"]}, 30.0)
        with closing(source), pytest.raises(SourceError, match=r"nmae[\s\S]*nowhere"):
            source.prepare()
        assert legacy.traces() == before

    def test_what_prepare_would_refuse_blocks_and_looking_changes_nothing(self, legacy: Legacy) -> None:
        before = legacy.traces()
        with closing(legacy.source({CUSTOMER: ["name"]}, 30.0)) as source:
            assert [finding for finding in source.examine(3600.0) if finding.blocks] == []
        wrong = {CUSTOMER: ["nmae"], SCRIBBLE: ["text"], "nowhere": ["x"]}
        with closing(legacy.source(wrong, 30.0)) as source:
            blocking = [finding for finding in source.examine(3600.0) if finding.blocks]
        for name in ("nmae", SCRIBBLE, "nowhere"):
            assert any(name in finding.what for finding in blocking), name
        assert all(finding.do for finding in blocking)
        assert legacy.traces() == before

    def test_the_erps_own_writes_still_work_while_captured(
        self, legacy: Legacy, source: ChangeSource
    ) -> None:
        source.prepare()
        commit(legacy, insert(SCRIBBLE, text="a"), insert(CUSTOMER, id=1, name="Ann"))
        commit(legacy, update(SCRIBBLE, {}, text="b"), update(CUSTOMER, {"id": 1}, credit=7))
        commit(legacy, delete(SCRIBBLE, {}), delete(CUSTOMER, {"id": 1}))

    def test_only_the_columns_that_were_asked_for_and_the_key_are_read(
        self, legacy: Legacy, source: ChangeSource
    ) -> None:
        identity = source.prepare()
        commit(legacy, insert(CUSTOMER, id=1, name="Łódź", note=None, credit=9))
        commit(legacy, insert(LINE, order=7, No=2, Text=""))
        with source.stream(ORIGIN, identity) as stream:
            customer, line = read_changes(stream, 2)
        assert (customer.table, customer.operation, customer.before) == (CUSTOMER, Operation.INSERT, None)
        assert customer.after == {"id": 1, "name": "Łódź", "note": None}
        assert (line.table, line.after) == (LINE, {"order": 7, "No": 2, "Text": ""})

    def test_a_transaction_comes_whole_and_in_the_order_of_its_writes(
        self, legacy: Legacy, source: ChangeSource
    ) -> None:
        identity = source.prepare()
        for batch in range(3):
            commit(legacy, *(insert(CUSTOMER, id=batch * 10 + i, name=f"{batch}.{i}") for i in range(4)))
        with source.stream(ORIGIN, identity) as stream:
            read = read_until(stream, lambda so_far: sum(len(t.changes) for t in so_far) >= 12)
        names = [[c.after["name"] for c in t.changes if c.after] for t in read if t.changes]
        assert [name for batch in names for name in batch] == [f"{b}.{i}" for b in range(3) for i in range(4)]
        assert all(len(batch) % 4 == 0 for batch in names)
        if legacy.capabilities.boundaries:
            assert len(names) == 3

    def test_positions_grow_and_a_transactions_is_behind_those_of_its_changes(
        self, legacy: Legacy, source: ChangeSource
    ) -> None:
        identity = source.prepare()
        for batch in range(3):
            commit(legacy, *(insert(CUSTOMER, id=batch * 10 + i) for i in range(3)))
        with source.stream(ORIGIN, identity) as stream:
            read = read_until(stream, lambda so_far: sum(len(t.changes) for t in so_far) >= 9)
        last = ORIGIN
        for transaction in read:
            for change in transaction.changes:
                assert change.position > last
                last = change.position
            assert transaction.position >= last
            last = transaction.position

    def test_what_was_rolled_back_is_never_read(self, legacy: Legacy, source: ChangeSource) -> None:
        identity = source.prepare()
        with suppress(_Undo), legacy.transaction() as write:
            write(insert(CUSTOMER, id=1, name="undone"))
            raise _Undo
        commit(legacy, insert(CUSTOMER, id=2, name="done"))
        with source.stream(ORIGIN, identity) as stream:
            (change,) = read_changes(stream, 1)
        assert change.after is not None
        assert change.after["name"] == "done"

    def test_a_stream_behind_a_position_neither_loses_nor_doubles(
        self, legacy: Legacy, source: ChangeSource
    ) -> None:
        identity = source.prepare()
        after, ids = ORIGIN, []
        for i in range(6):
            commit(legacy, insert(CUSTOMER, id=i))
            with source.stream(after, identity) as stream:
                read = read_until(stream, lambda so_far: any(t.changes for t in so_far))
                ids += [c.after["id"] for t in read for c in t.changes if c.after]
                after = read[-1].position
                if i % 2:
                    stream.acknowledge(after)
        assert ids == list(range(6))

    def test_invariant_1_what_was_not_acknowledged_is_read_again(
        self, legacy: Legacy, source: ChangeSource
    ) -> None:
        identity = source.prepare()
        commit(legacy, insert(CUSTOMER, id=1))
        with source.stream(ORIGIN, identity) as stream:
            first = read_changes(stream, 1)
        with source.stream(ORIGIN, identity) as stream:
            assert read_changes(stream, 1) == first

    def test_what_was_acknowledged_is_gone_and_asking_for_it_is_an_error(
        self, legacy: Legacy, source: ChangeSource
    ) -> None:
        identity = source.prepare()
        commit(legacy, insert(CUSTOMER, id=1))
        with source.stream(ORIGIN, identity) as stream:
            stream.acknowledge(read_to(stream, source.safe_position(5))[-1].position)
        if legacy.capabilities.keeps:
            with source.stream(ORIGIN, identity) as stream:
                read_changes(stream, 1)
            return
        with pytest.raises(SourceLost):
            source.stream(ORIGIN, identity)

    def test_a_changed_key_comes_with_the_old_one(self, legacy: Legacy, source: ChangeSource) -> None:
        identity = source.prepare()
        commit(legacy, insert(CUSTOMER, id=1, name="Ann"))
        commit(legacy, update(CUSTOMER, {"id": 1}, id=2))
        if not legacy.capabilities.moves:
            with source.stream(ORIGIN, identity) as stream:
                _, come, gone = read_changes(stream, 3)
            assert (come.operation, come.after) == (Operation.INSERT, {"id": 2, "name": "Ann", "note": None})
            assert (gone.operation, gone.before) == (Operation.DELETE, {"id": 1})
            return
        with source.stream(ORIGIN, identity) as stream:
            _, moved = read_changes(stream, 2)
        assert moved.operation is Operation.UPDATE
        assert moved.before is not None
        assert moved.after is not None
        assert (moved.before["id"], moved.after["id"], moved.after["name"]) == (1, 2, "Ann")

    def test_a_delete_carries_the_key(self, legacy: Legacy, source: ChangeSource) -> None:
        identity = source.prepare()
        commit(legacy, insert(LINE, order=1, No=2, Text="x"))
        commit(legacy, delete(LINE, {"order": 1, "No": 2}))
        with source.stream(ORIGIN, identity) as stream:
            _, gone = read_changes(stream, 2)
        assert (gone.operation, gone.after) == (Operation.DELETE, None)
        assert gone.before is not None
        assert (gone.before["order"], gone.before["No"]) == (1, 2)

    def test_truncate_is_a_change_or_the_deletes_of_all_rows(
        self, legacy: Legacy, source: ChangeSource
    ) -> None:
        identity = source.prepare()
        commit(legacy, insert(CUSTOMER, id=1))
        commit(legacy, Write(Operation.TRUNCATE, CUSTOMER, {}, {}))
        with source.stream(ORIGIN, identity) as stream:
            _, emptied = read_changes(stream, 2)
        expected = Operation.TRUNCATE if legacy.capabilities.truncate else Operation.DELETE
        assert (emptied.table, emptied.operation, emptied.after) == (CUSTOMER, expected, None)

    def test_a_large_value_that_an_update_left_alone_is_not_null(
        self, legacy: Legacy, source: ChangeSource
    ) -> None:
        identity = source.prepare()
        large = "".join(hashlib.sha256(bytes([i])).hexdigest() for i in range(250))
        commit(legacy, insert(CUSTOMER, id=1, name="Ann", note=large))
        commit(legacy, update(CUSTOMER, {"id": 1}, name="Bob"))
        with source.stream(ORIGIN, identity) as stream:
            _, changed = read_changes(stream, 2)
        assert changed.after is not None
        assert changed.after["name"] == "Bob"
        assert changed.after["note"] == (UNCHANGED if legacy.capabilities.unchanged else large)

    def test_a_large_transaction_comes_in_parts_and_may_be_resumed_between_any_two(
        self, legacy: Legacy, source: ChangeSource
    ) -> None:
        identity = source.prepare()
        commit(legacy, insert(CUSTOMER, id=-1))
        commit(legacy, *insert_all(CUSTOMER, [{"id": i} for i in range(2 * PART + 5)]))
        commit(legacy, insert(CUSTOMER, id=-2))
        read: list[Transaction] = []
        while not read or _last_id(read) != -2:
            with source.stream(read[-1].position if read else ORIGIN, identity) as stream:
                read += read_until(stream, lambda so_far: any(t.changes for t in so_far))
                stream.acknowledge(read[-1].position)
        changes = [change for transaction in read for change in transaction.changes]
        assert [c.after["id"] for c in changes if c.after] == [-1, *range(2 * PART + 5), -2]
        assert max(len(transaction.changes) for transaction in read) <= PART
        positions = [position for t in read for position in (*(c.position for c in t.changes), t.position)]
        assert positions == sorted(positions)
        # So that what stands behind a position (`strangler.changes.behind`) stands before the next one.
        assert not any(later.startswith(earlier) for earlier, later in pairwise(dict.fromkeys(positions)))
        if legacy.capabilities.boundaries:
            ids = list(dict.fromkeys(t.id for t in read if t.changes))
            assert len(ids) == 3

    def test_a_part_that_was_not_acknowledged_is_read_again(
        self, legacy: Legacy, source: ChangeSource
    ) -> None:
        identity = source.prepare()
        commit(legacy, *insert_all(CUSTOMER, [{"id": i} for i in range(PART + 5)]))
        with source.stream(ORIGIN, identity) as stream:
            first = read_until(stream, lambda so_far: any(t.changes for t in so_far))[-1]
            stream.acknowledge(first.position)
            second = read_until(stream, lambda so_far: any(t.changes for t in so_far))[-1]
        with source.stream(first.position, identity) as stream:
            again = read_until(stream, lambda so_far: any(t.changes for t in so_far))[-1]
        assert (again.position, again.changes) == (second.position, second.changes)

    @pytest.mark.parametrize(
        "alteration",
        [
            Alteration("add", CUSTOMER, "email", "varchar(80)"),
            Alteration("drop", CUSTOMER, "credit"),
            Alteration("retype", CUSTOMER, "note", "varchar(2000)"),
        ],
        ids=lambda alteration: alteration.action,
    )
    def test_an_altered_table_is_named_before_its_first_row_of_the_new_shape(
        self, legacy: Legacy, source: ChangeSource, alteration: Alteration
    ) -> None:
        if alteration.action not in legacy.capabilities.alterations:
            return
        identity = source.prepare()
        commit(legacy, insert(CUSTOMER, id=1, name="old"))
        with source.stream(ORIGIN, identity) as stream:
            before = read_until(stream, lambda so_far: any(t.changes for t in so_far))
            # What came before somebody looked may be named once more than needed, but not twice.
            commit(legacy, insert(CUSTOMER, id=2, name="old"))
            before = read_until(stream, lambda so_far: any(t.changes for t in so_far))
            assert [t.altered for t in before if t.altered] == []
            legacy.alter(alteration)
            commit(legacy, insert(CUSTOMER, id=3, name="new"))
            after = read_until(stream, lambda so_far: any(t.changes for t in so_far))
        assert [table for t in after for table in t.altered] == [CUSTOMER]
        (change,) = after[-1].changes
        assert change.after == {"id": 3, "name": "new", "note": None}
        names = [column.name for column in source.describe([CUSTOMER])[CUSTOMER].columns]
        assert ("email" in names, "credit" in names) == (
            alteration.action == "add",
            alteration.action != "drop",
        )

    def test_a_table_added_later_is_captured_under_the_same_identity(self, legacy: Legacy) -> None:
        with closing(legacy.source({CUSTOMER: ["name"]}, 30.0)) as source:
            identity = source.prepare()
            commit(legacy, insert(CUSTOMER, id=1, name="a"), insert(LINE, order=1, No=1))
        with closing(legacy.source({CUSTOMER: ["name"], LINE: ["Text"]}, 30.0)) as source:
            assert source.prepare() == identity or legacy.capabilities.keeps
            commit(legacy, insert(LINE, order=2, No=2, Text="b"))
            # What the database logged of the table before is read too, where it did.
            expected = [CUSTOMER, LINE, LINE] if legacy.capabilities.keeps else [CUSTOMER, LINE]
            with source.stream(ORIGIN, identity) as stream:
                changes = read_changes(stream, len(expected))
        assert [change.table for change in changes] == expected

    def test_an_idle_source_gives_heartbeats_that_move_on(self, legacy: Legacy) -> None:
        with closing(legacy.source(self.tables, 0.1)) as source:
            identity = source.prepare()
            with source.stream(ORIGIN, identity) as stream:
                first, second = read_until(stream, lambda so_far: len(so_far) >= 2)
        assert not first.changes
        assert not second.changes
        assert ORIGIN < first.position < second.position
        assert abs(second.committed_at - time.time()) < 60

    def test_nothing_to_read_is_none(self, source: ChangeSource) -> None:
        identity = source.prepare()
        with source.stream(ORIGIN, identity) as stream:
            transaction = stream.read(0)
            assert transaction is None or not transaction.changes  # What comes may be a heartbeat.

    def test_a_capture_made_anew_is_noticed(self, legacy: Legacy, source: ChangeSource) -> None:
        identity = source.prepare()
        commit(legacy, insert(CUSTOMER, id=1))
        with source.stream(ORIGIN, identity) as stream:
            after = read_until(stream, lambda so_far: any(t.changes for t in so_far))[-1].position
        commit(legacy, insert(CUSTOMER, id=2))
        legacy.replace_capture()
        with pytest.raises(SourceLost):
            source.stream(after, identity)

    def test_dropped_and_prepared_again_is_another_identity(
        self, legacy: Legacy, source: ChangeSource
    ) -> None:
        identity = source.prepare()
        source.drop()
        if legacy.capabilities.keeps:  # Nothing was there to drop, so nothing is lost.
            commit(legacy, insert(CUSTOMER, id=1))
            with source.stream(ORIGIN, identity) as stream:
                read_changes(stream, 1)
            return
        with pytest.raises(SourceLost):
            source.stream(ORIGIN, identity)
        assert source.prepare() != identity
        with pytest.raises(SourceLost):
            source.stream(ORIGIN, identity)

    def test_a_second_stream_is_refused_while_the_first_is_open(self, source: ChangeSource) -> None:
        identity = source.prepare()
        with source.stream(ORIGIN, identity), pytest.raises(Unavailable):
            source.stream(ORIGIN, identity)
        source.stream(ORIGIN, identity).close()

    def test_a_read_after_a_safe_position_sees_all_that_is_before_it(
        self, legacy: Legacy, source: ChangeSource
    ) -> None:
        identity = source.prepare()
        commit(legacy, insert(CUSTOMER, id=1))
        safe = source.safe_position(5)
        with closing(source.reader()) as reader:
            assert list(reader.rows("SELECT id FROM customer")) == [(1,)]
        with source.stream(ORIGIN, identity) as stream:
            read = read_to(stream, safe)
        assert [c.after["id"] for t in read for c in t.changes if c.after] == [1]

    def test_an_open_stream_passes_a_safe_position_though_nobody_writes(self, source: ChangeSource) -> None:
        identity = source.prepare()
        last = ORIGIN
        with source.stream(ORIGIN, identity) as stream:
            for _ in range(3):
                safe = source.safe_position(5)
                if last < safe:  # Where nothing is written for it, it may be the same again.
                    last = read_to(stream, safe)[-1].position

    def test_a_safe_position_waits_for_open_transactions(self, legacy: Legacy, source: ChangeSource) -> None:
        source.prepare()
        with legacy.transaction() as write:
            write(insert(CUSTOMER, id=1))
            with pytest.raises(Unavailable):
                source.safe_position(0.2)
        source.safe_position(5)

    def test_one_safe_position_after_the_other_is_told_over_what_stays_open(
        self, legacy: Legacy, source: ChangeSource
    ) -> None:
        source.prepare()
        opened = closing(source.barrier()) if isinstance(source, Barring) else nullcontext(source)
        with opened as barrier, closing(source.reader()) as reader:
            for id in range(3):
                commit(legacy, insert(CUSTOMER, id=id))
                barrier.safe_position(5)
                assert len(list(reader.rows("SELECT id FROM customer"))) == id + 1
            with legacy.transaction() as write:
                write(insert(CUSTOMER, id=9))
                with pytest.raises(Unavailable):
                    barrier.safe_position(0.2)
            barrier.safe_position(5)

    def test_the_reader_streams_rows_and_refuses_to_write(self, legacy: Legacy, source: ChangeSource) -> None:
        commit(legacy, *(insert(CUSTOMER, id=i, name="Ö'x") for i in range(2500)))
        with closing(source.reader()) as reader:
            rows = list(reader.rows("SELECT id, name FROM customer WHERE name LIKE '%''x' ORDER BY id"))
            assert rows == [(i, "Ö'x") for i in range(2500)]
            with pytest.raises(StranglerError):
                list(reader.rows("DELETE FROM customer"))
            with pytest.raises(StranglerError):
                list(reader.rows("SELECT nothing FROM nowhere"))
            assert list(reader.rows("SELECT count(*) FROM customer")) == [(2500,)]

    def test_the_reader_tells_how_busy_its_database_is(self, legacy: Legacy, source: ChangeSource) -> None:
        with closing(source.reader()) as reader, closing(source.reader()) as other:
            rows = other.rows("SELECT id FROM customer")
            lag, running = reader.pressure()
            assert list(rows) == []
            assert list(reader.rows("SELECT id FROM customer")) == []
        assert lag is None  # It is no replica, and has none.
        assert (running is not None) == legacy.capabilities.load
        assert running is None or running >= 0

    def test_drop_leaves_nothing_and_may_be_repeated(self, legacy: Legacy, source: ChangeSource) -> None:
        before = legacy.traces()
        identity = source.prepare()
        commit(legacy, insert(CUSTOMER, id=1))
        with source.stream(ORIGIN, identity) as stream:
            stream.acknowledge(read_to(stream, source.safe_position(5))[-1].position)
        source.drop()
        source.drop()
        assert legacy.traces() == before
        commit(legacy, update(CUSTOMER, {"id": 1}, name="free"))
