"""Where a stream begins in Kafka: shown to reach back far enough, or refused."""

from __future__ import annotations

import pytest
from kafka.structs import OffsetAndMetadata, TopicPartition

from strangler.changes import ORIGIN, Position
from strangler.errors import SourceLost
from strangler_connectors.debezium.offsets import Note, Start, Unacknowledged, start, topics_note
from strangler_connectors.debezium.options import Options
from strangler_connectors.debezium.topics import Layout, Topic

OPTIONS = Options(
    source="erp", url="postgresql://h/d", outage=1, kafka="k:9092", connector="c", topic_prefix="c", group="c",
    connect_to="h:1",
)  # fmt: skip
MARKS, ROWS = TopicPartition("c.transaction", 0), TopicPartition("c.public.party", 0)


def layout(rows_id: str = "bbbbbbbb", **more: str) -> Layout:
    ids = {"c.transaction": "aaaaaaaa", "c.public.party": rows_id} | {
        f"c.public.{n}": i for n, i in more.items()
    }
    found = {name: Topic(name, id, 1) for name, id in ids.items() if id}
    return Layout(tuple(sorted(ids)), "c.transaction", "c.public.strangler_heartbeat", found, "cluster")


def kept(position: str, offset: int = 10, beat: int = 3, of: Layout | None = None) -> OffsetAndMetadata:
    note = Note(Position(position), beat, topics_note(of or layout()))
    return OffsetAndMetadata(offset, str(note), -1)


def begin(
    after: str, remembered: dict[TopicPartition, OffsetAndMetadata], first: int = 0, reaches: bool = False,
    now: Layout | None = None,
) -> Start:  # fmt: skip
    now = now or layout()
    return start(
        OPTIONS, now, Position(after), remembered, dict.fromkeys(now.partitions, first), lambda at: reaches
    )


def test_what_is_remembered_is_taken_up() -> None:
    begun = begin("P5", {MARKS: kept("P5", 7), ROWS: kept("P4", 9)})
    assert begun == Start({MARKS: 7, ROWS: 9}, Position("P5"), beat=3)


def test_a_capture_that_begins_in_a_topic_that_was_there_leaves_out_what_came_before() -> None:
    note = str(Note(Position("P3"), topics=topics_note(layout()), begins=True))
    remembered = {at: OffsetAndMetadata(40, note, -1) for at in (MARKS, ROWS)}
    assert begin(ORIGIN, remembered) == Start({MARKS: 40, ROWS: 40}, Position("P3"), beat=-1)
    assert begin("P4", remembered).after == "P4"
    with pytest.raises(SourceLost, match="before offset 40"):
        begin("P2", remembered)


def test_what_was_acknowledged_can_not_be_had_again() -> None:
    with pytest.raises(SourceLost, match="acknowledged"):
        begin("P4", {MARKS: kept("P5"), ROWS: kept("P5")})
    with pytest.raises(SourceLost, match="acknowledged"):
        begin(ORIGIN, {MARKS: kept("P5"), ROWS: kept("P5")})


def test_retention_that_removed_what_was_not_read_is_a_loss() -> None:
    with pytest.raises(SourceLost, match="retention removed offsets 10 to 11"):
        begin("P5", {MARKS: kept("P5"), ROWS: kept("P5")}, first=12)


@pytest.mark.parametrize("after", [ORIGIN, "P5"])
def test_without_memory_the_beginning_will_do_where_nothing_was_removed(after: str) -> None:
    assert begin(after, {}) == Start({MARKS: 0, ROWS: 0}, Position(after), beat=-1)


def test_without_memory_the_beginning_has_to_be_shown_to_reach_back() -> None:
    assert begin("P5", {}, first=4, reaches=True).offsets == {MARKS: 4, ROWS: 4}
    with pytest.raises(SourceLost, match="nothing shows"):
        begin("P5", {}, first=4)


def test_an_offset_that_somebody_else_committed_shows_nothing() -> None:
    foreign = OffsetAndMetadata(90, "", -1)
    assert begin("P5", {MARKS: foreign, ROWS: foreign}).offsets == {MARKS: 0, ROWS: 0}


def test_a_topic_that_was_made_anew_is_a_loss_though_kafka_forgot_its_offsets() -> None:
    with pytest.raises(SourceLost, match="made anew"):
        begin("P5", {MARKS: kept("P5")}, now=layout(rows_id="cccccccc"))
    with pytest.raises(SourceLost, match="made anew"):
        begin("P5", {MARKS: kept("P5")}, now=layout(rows_id=""))


def test_a_topic_that_is_new_is_read_from_its_beginning() -> None:
    now = layout(sale="dddddddd")
    begun = begin("P5", {MARKS: kept("P5"), ROWS: kept("P5")}, now=now)
    assert begun.offsets == {MARKS: 10, ROWS: 10, TopicPartition("c.public.sale", 0): 0}


def test_a_topic_that_is_no_longer_wanted_may_go() -> None:
    once = layout(sale="dddddddd")
    remembered = {MARKS: kept("P5", of=once), ROWS: kept("P5", of=once)}
    assert begin("P5", remembered).offsets == {MARKS: 10, ROWS: 10}


def test_a_note_of_hundreds_of_topics_is_still_small_enough_for_kafka() -> None:
    many = layout(**{f"t{i}": f"{i:08x}" for i in range(1000)})
    assert len(str(Note(Position("F" * 60), 1 << 30, topics_note(many)))) <= 4096


def test_invariant_1_only_what_was_acknowledged_is_taken() -> None:
    given = Unacknowledged()
    for i in range(1, 4):
        given.give(Position(f"P{i}"), {0: i * 10}, i)
    assert given.take(Position("P0")) is None
    assert given.take(Position("P2")) == ("P2", {0: 20}, 2)
    assert given.take(Position("P2")) is None
    assert given.take(Position("P9")) == ("P3", {0: 30}, 3)
