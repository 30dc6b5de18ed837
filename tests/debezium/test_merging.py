"""Messages of several partitions, in any mixture, become the transactions that were."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.changes import ORIGIN, Position
from strangler.errors import SourceError, SourceLost
from strangler_connectors.debezium import merging
from strangler_connectors.debezium.assembling import Assembled
from strangler_connectors.debezium.envelope import Message
from strangler_connectors.debezium.merging import Merger
from strangler_connectors.debezium.positions import WHOLE, point, position
from tests.debezium.messages import (
    HEARTBEAT,
    LINE,
    MODES,
    PARTY,
    SHOP,
    WANTED,
    begin,
    binlog,
    binlog_transaction,
    defined,
    end,
    row,
    truncate,
)

MARKS = 9
"""The partition of the transaction topic."""

Fed = tuple[int, int, Message]


def placed(messages: Iterable[tuple[int, Message]]) -> list[Fed]:
    """(partition, message) in the order in which Debezium wrote them, with the offsets that they get."""
    ends: dict[int, int] = {}
    given = []
    for partition, message in messages:
        offset = ends.get(partition, 0)
        ends[partition] = offset + 1
        given.append((partition, offset, message))
    return given


def written() -> list[Fed]:
    """Eight transactions of rows of two tables, each table with two partitions."""
    messages: list[tuple[int, Message]] = []
    for tx in range(1, 9):
        messages.append((MARKS, begin(tx)))
        counts = {"party": 0, "line": 0}
        for order in range(1, tx % 4 + 2):
            table = PARTY if order % 2 else LINE
            counts[table[1]] += 1
            partition = (order + tx) % 2 + (2 if table is LINE else 0)
            messages.append(
                (
                    partition,
                    row(tx, (tx * 100, tx * 100 - 50 + order), tx * 10 + order, order=order, table=table),
                )
            )
        messages.append((MARKS, end(tx, **{table: n for table, n in counts.items() if n})))
    messages.append((0, HEARTBEAT))
    return placed(messages)


EXPECTED = [[tx * 10 + order for order in range(1, tx % 4 + 2)] for tx in range(1, 9)]


def fed(into: Merger, messages: Iterable[Fed]) -> list[Assembled]:
    return [each for partition, offset, message in messages for each in into.feed(message, partition, offset)]


def merger(after: Position = ORIGIN) -> Merger:
    return Merger(WANTED, MODES, after)


def ids(given: Iterable[Assembled]) -> list[list[int]]:
    return [[(c.after or {})["id"] for c in each.transaction.changes] for each in given]


def mixed(messages: list[Fed], data: st.DataObject) -> list[Fed]:
    """As a consumer may see them: each partition in its order, the partitions among each other in any."""
    left: dict[int, list[Fed]] = {}
    for each in messages:
        left.setdefault(each[0], []).append(each)
    order = []
    while left:
        partition = data.draw(st.sampled_from(sorted(left)))
        order.append(left[partition].pop(0))
        if not left[partition]:
            del left[partition]
    return order


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_mixture_of_the_partitions_gives_the_same(data: st.DataObject) -> None:
    given = fed(merger(), mixed(written(), data))
    assert ids(given) == EXPECTED
    positions = [
        p
        for each in given
        for p in (*(c.position for c in each.transaction.changes), each.transaction.position)
    ]
    assert positions == sorted(positions)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_life_begun_where_it_may_be_read_on_neither_loses_nor_doubles(data: st.DataObject) -> None:
    """Acknowledged up to one transaction, handed out up to a later one: the position decides, the offsets only where to begin."""
    messages = written()
    first = fed(merger(), mixed(messages, data))
    acknowledged = data.draw(st.integers(0, len(first)))
    handed_out = data.draw(st.integers(acknowledged, len(first)))
    resume = first[acknowledged - 1].resume if acknowledged else {}
    after = first[handed_out - 1].transaction.position if handed_out else ORIGIN
    left = [each for each in messages if each[1] >= resume.get(each[0], 0)]
    assert ids(fed(merger(after), mixed(left, data))) == EXPECTED[handed_out:]


def test_what_debezium_repeats_is_dropped() -> None:
    messages = [(partition, message) for partition, _, message in written()]
    again = placed([*messages[:14], *messages[5:]])
    assert ids(fed(merger(), again)) == EXPECTED


def test_a_large_transaction_comes_in_parts_that_are_read_again_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("strangler_connectors.debezium.assembling.PART", 4)
    rows: list[tuple[int, Message]] = [(i % 3, row(1, (5, 10 + i), i, order=i)) for i in range(1, 11)]
    messages = placed(
        [
            (MARKS, begin(1)),
            *rows,
            (MARKS, end(1, party=10)),
            (0, row(2, (50, 60), 99, order=1)),
            (MARKS, end(2, party=1)),
        ]
    )
    whole = fed(merger(), messages)
    assert ids(whole) == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10], [99]]
    for cut in (1, 2):
        left = [each for each in messages if each[1] >= whole[cut - 1].resume.get(each[0], 0)]
        # The END before the rows: they are waited for, although the first of them are known.
        left.sort(key=lambda each: each[0] != MARKS)
        assert ids(fed(merger(whole[cut - 1].transaction.position), left)) == ids(whole[cut:])


def test_rows_of_other_tables_are_not_waited_for() -> None:
    messages = placed([(0, row(1, (5, 6), 1, order=1)), (MARKS, end(1, party=1, other=7))])
    assert ids(fed(merger(), messages)) == [[1]]


def test_a_truncate_counts() -> None:
    first, waiting = truncate(1, (5, 6), PARTY, 1), truncate(1, (5, 6), LINE, 2)
    into = merger()
    assert fed(into, placed([(0, first), (MARKS, end(1, party=1, line=1))])) == []
    (whole,) = into.feed(waiting, 2, 0)
    assert [c.table for c in whole.transaction.changes] == ["party", "line"]


def test_a_row_without_a_transaction_is_refused() -> None:
    with pytest.raises(SourceError, match="which transaction") as refused:
        merger().feed(row(1, (5, 6), 1), 0, 0)
    assert "provide.transaction.metadata=true" in refused.value.do


def test_a_transaction_that_was_numbered_anew_in_its_middle_is_refused() -> None:
    into = merger()
    fed(into, placed([(0, row(1, (5, 6), 1, order=1)), (0, row(1, (5, 7), 2, order=2))]))
    with pytest.raises(SourceError, match="counted anew"):
        into.feed(row(1, (5, 8), 3, order=1), 0, 2)


def test_a_transaction_that_never_becomes_whole_is_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "WAITING", 3)
    later: list[Any] = [(MARKS, end(tx)) for tx in range(2, 5)]
    with pytest.raises(SourceLost, match="of transaction 1 1 changes never came"):
        fed(merger(), placed([(MARKS, end(1, party=1)), *later]))


def test_an_initial_snapshot_comes_before_what_is_streamed() -> None:
    reads = [
        (0, row(None, (None, 2), id, op="r", snapshot=said)) for id, said in ((71, "first"), (72, "last"))
    ]
    given = fed(merger(), placed([*reads, (0, row(1, (5, 6), 1, order=1)), (MARKS, end(1, party=1))]))
    assert ids(given) == [[71, 72], [1]]


def test_another_servers_binlog_is_a_loss_though_its_places_are_lower() -> None:
    merger = Merger(WANTED, MODES)
    given = [
        each for message in binlog_transaction(120, 4711, 1, server=1) for each in merger.feed(message, 0, 0)
    ]
    assert len(given) == 1
    mark, lower, _ = binlog_transaction(3, 500, 2, server=2)
    merger.feed(mark, 0, 0)
    with pytest.raises(SourceLost, match="another server's binlog"):
        merger.feed(lower, 0, 0)


@pytest.mark.parametrize(
    ("ddl", "kind", "why"),
    [("DROP TABLE `party`", "DROP", "made anew"), ("RENAME TABLE party TO other", "ALTER", "party")],
)
def test_a_table_that_is_another_one_is_a_loss_since_several_topics_do_not_tell_which_rows_it_took(
    ddl: str, kind: str, why: str
) -> None:
    statement = defined(5, ddl, (kind, "party"))
    with pytest.raises(SourceLost, match=why):
        Merger(SHOP, MODES).feed(statement, 0, 0)
    behind = position(point(binlog(6, 1).origin), WHOLE)  # type: ignore[union-attr]
    assert Merger(SHOP, MODES, behind).feed(statement, 0, 0) == []
