"""What is concluded from facts about slots, heartbeats, topics and connectors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strangler.errors import SourceLost
from strangler_connectors.debezium.beats import Beats
from strangler_connectors.debezium.envelope import Message, decode
from strangler_connectors.debezium.findings import connector_findings, topic_findings
from strangler_connectors.debezium.options import Options
from strangler_connectors.debezium.registration import State, Task
from strangler_connectors.debezium.slots import judge

OPTIONS = Options(
    source="erp", url="postgresql://h/d", outage=1, kafka="k:9092", connector="c", topic_prefix="c", group="c",
    connect_to="h:1",
)  # fmt: skip


def beat(
    number: int, source: str = "erp", table: str = "strangler_heartbeat", snapshot: str = "false"
) -> Message:
    row = {"source": source, "beat": number, "token": "-", "capture": "x"}
    origin = {"connector": "postgresql", "schema": "public", "table": table, "snapshot": snapshot, "lsn": 1}
    return decode(None, json.dumps({"op": "u", "before": None, "after": row, "source": origin}).encode())


def test_heartbeats_that_follow_each_other_or_come_twice_are_well() -> None:
    beats = Beats(OPTIONS, -1)
    for number in (5, 6, 7, 6, 7, 8):
        beats.see(beat(number))
    assert beats.last == 8


def test_a_heartbeat_that_was_left_out_is_a_loss() -> None:
    beats = Beats(OPTIONS, 7)
    with pytest.raises(SourceLost, match="8 to 9 never came"):
        beats.see(beat(10))


@pytest.mark.parametrize(
    "other", [beat(99, source="other"), beat(99, table="party"), beat(99, snapshot="incremental")]
)
def test_other_rows_are_no_heartbeats_of_ours(other: Message) -> None:
    beats = Beats(OPTIONS, 7)
    beats.see(other)
    assert beats.last == 7


OFFSET = {"lsn_proc": 500, "lsn_commit": 480, "lsn": 510, "txId": 7}


@pytest.mark.parametrize(
    ("slot", "offset"),
    [
        ((480, "reserved"), OFFSET),
        ((510, "extended"), OFFSET),
        ((900, "reserved"), None),
        ((None, "reserved"), OFFSET),
    ],
)
def test_a_slot_that_goes_no_further_than_debezium_is_the_one_it_reads(slot: Any, offset: Any) -> None:
    assert judge("s", slot, offset) == ""


@pytest.mark.parametrize(
    ("slot", "why"),
    [(None, "no longer there"), ((480, "lost"), "max_slot_wal_keep_size"), ((511, "reserved"), "made anew")],
)
def test_a_slot_that_can_not_have_all_is_noticed(slot: Any, why: str) -> None:
    assert why in judge("s", slot, OFFSET)


def test_a_compacted_topic_is_refused_and_short_retention_is_said() -> None:
    day = 86_400
    assert list(topic_findings({"t": {"cleanup.policy": "delete", "retention.ms": "-1"}}, day)) == []
    (compacted,) = topic_findings({"t": {"cleanup.policy": "compact,delete", "retention.ms": "-1"}}, day)
    assert compacted.blocks
    config = {"cleanup.policy": "delete", "retention.ms": "3600000", "retention.bytes": "1000"}
    short, small = topic_findings({"t": config}, day)
    assert not short.blocks
    assert "1 h" in short.what
    assert "retention.ms=86400000" in short.do
    assert "retention.bytes=-1" in small.do


def test_a_connector_that_does_not_run_is_said_with_its_reason() -> None:
    running = Task(0, "RUNNING", "w", "")
    assert list(connector_findings("c", None)) == []
    assert list(connector_findings("c", State("c", "RUNNING", "w", "", (running,)))) == []
    (paused,) = connector_findings("c", State("c", "PAUSED", "w", "", ()))
    assert not paused.blocks
    trace = (
        "org.apache.kafka.connect.errors.ConnectException: x\nCaused by: java.net.UnknownHostException: erp"
    )
    (failed,) = connector_findings("c", State("c", "RUNNING", "w", "", (Task(0, "FAILED", "w", trace),)))
    assert "host name" in failed.what
    assert failed.do
