"""The last event of a key is found from the log's end backwards, whatever log it is, and a bound that was reached is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from strangler.changes import ORIGIN
from strangler.events import Effect, Event
from strangler.ports import EventLog
from strangler.reconcile import history
from strangler.reconcile.history import Last, look_back
from strangler.settings import Log
from strangler.testing.event_log import at, event
from strangler.testing.kafka import Standing
from strangler.testing.memory_log import MemoryLog, MemoryRecords
from strangler_adapters.sql_log import connect as sql_log


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "WINDOW", 3)


@pytest.fixture(params=["sqlite", "memory", "kafka"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    """A log of one partition or of three."""
    if request.param == "memory":
        yield MemoryLog(MemoryRecords(partitions=3))
    elif request.param == "sqlite":
        with closing(sql_log("test", Log(url=SecretStr(f"sqlite:///{tmp_path}/log.db")))) as opened:
            yield opened
    else:
        from strangler_adapters.kafka_log import connect

        kafka: Standing = request.getfixturevalue("kafka")
        options = {"prefix": request.getfixturevalue("prefix"), "partitions": 3}
        url = SecretStr(f"kafka://{kafka.bootstrap}")
        with closing(connect("test", Log(kind="kafka", url=url, options=options))) as opened:
            yield opened


def removal(number: int, key: object) -> Event:
    return event(number, key)._replace(effect=Effect.REMOVE, data={})


def key(value: object) -> tuple[str, str]:
    return "party", f"[{value}]"


def test_the_last_event_of_each_key_is_found(log: EventLog) -> None:
    for number in range(20):
        log.append("erp", [event(number, number % 4, data={"n": number})], at(number))
    log.append("erp", [removal(20, 0), event(21, 9, data={"n": 1}), event(22, 9, data={"n": 2})], at(22))
    found = look_back(log, "party", {key(0): {"n"}, key(1): {"n"}, key(9): {"n"}, key(77): {"n"}})
    assert {each: (last.event.position, last.data) for each, last in found.last.items()} == {
        key(0): (at(20), None),
        key(1): (at(17), {"n": 17}),
        key(9): (at(22), {"n": 2}),
    }
    assert found.searched == ORIGIN
    assert found.read >= 23  # Some may come twice: offsets have gaps.


def test_what_an_event_leaves_out_older_ones_say(log: EventLog) -> None:
    says: list[Mapping[str, Any]] = [{"a": 1, "b": 1}, {"a": 2, "b": 2}, {"a": 3}, {"b": None}, {"a": 4}]
    log.append("erp", [event(n, 7, data=data) for n, data in enumerate(says)], at(4))
    assert look_back(log, "party", {key(7): {"a", "b"}}).last[key(7)].data == {"a": 4, "b": None}


def test_what_was_said_before_a_removal_counts_no_more(log: EventLog) -> None:
    log.append("erp", [event(1, 7, data={"a": 1, "b": 1}), removal(2, 7), event(3, 7, data={"a": 2})], at(3))
    last = look_back(log, "party", {key(7): {"a", "b"}}).last[key(7)]
    assert (last.event.position, last.data) == (at(3), {"a": 2})


def test_nothing_is_read_once_all_is_found_and_not_more_than_the_bound(log: EventLog) -> None:
    log.append("erp", [event(n, n) for n in range(60)], at(59))
    last = look_back(log, "party", {key(59): ()})
    assert last.last[key(59)].event.position == at(59)
    assert last.read <= 9
    bounded = look_back(log, "party", {key(0): ()}, most=30)
    assert (bounded.last, 30 <= bounded.read <= 40) == ({}, True)
    assert bounded.searched is not None
    # What is claimed to have been looked at was.
    after = {key(n): () for n in range(60) if at(n) > bounded.searched}
    assert look_back(log, "party", after, most=30).last.keys() == after.keys()


def test_of_a_log_of_nothing_everything_was_looked_at(log: EventLog) -> None:
    assert look_back(log, "party", {key(1): {"a"}}) == history.History({}, ORIGIN, 0)


def test_an_old_change_that_was_released_late_claims_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog()
    log.append("erp", [event(n, n) for n in range(10, 30)], at(29))
    log.append("erp", [event(1, "old")], None)
    found = look_back(log, "party", {key(0): ()}, most=1)
    assert (found.searched, found.read) == (at(29), 3)


events = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", "ab", "-"])), min_size=1, max_size=40
)


@settings(deadline=None)
@given(events, st.integers(1, 3))
def test_whatever_was_appended_the_last_is_what_reading_it_all_gives(
    said: list[tuple[int, str]], partitions: int
) -> None:
    log = MemoryLog(MemoryRecords(partitions=partitions))
    expected: dict[tuple[str, str], Last] = {}
    for number, (name, what) in enumerate(said):
        data = {} if what == "-" else dict.fromkeys(what, number)
        each = removal(number, name) if what == "-" else event(number, name, data=data)
        before = expected.get(key(name))
        expected[key(name)] = Last(
            each, None if what == "-" else {**((before and before.data) or {}), **data}
        )
        log.append("erp", [each], at(number))
    found = look_back(log, "party", {key(name): {"a", "b"} for name in range(6)})
    assert found.last == expected
