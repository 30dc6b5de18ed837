"""What every `EventLog` must do, as tests: subclass `EventLogSuite` and give it a fixture `open_log`.

    class TestMyLog(EventLogSuite):
        @pytest.fixture
        def open_log(self): ...      # returns a function that opens one more handle of the same, at first empty, log

Flags, for what a log may do in its own way:

- `HANDLES`: several handles may be open at once, in one process or in several.
- `SHARES`: readers can divide the partitions of a stream among them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple

import pytest

from strangler.changes import ORIGIN, Position
from strangler.errors import StoreError
from strangler.events import Effect, Event, encode_key
from strangler.ports import EventLog, Offset, Record, Share

PATIENCE = 60.0
"""Seconds after which a condition that doesn't come true fails the test."""


class Asked(NamedTuple):
    """What somebody wants, made up as if it had happened: it has all that an event has."""

    type: str
    function: str
    entity: str
    effect: Effect
    key: str
    position: Position
    time: float
    mapping: str
    data: Mapping[str, object]
    cohort: str | None
    cohort_before: str | None


OpenLog = Callable[[], EventLog]

DATA = {
    "text": 'Łódź, O\'Neil, Nippon 日本\nsecond line\ttab \\ "quoted" \x00',
    "integer": 9223372036854775807,
    "decimal": "4904.49",
    "float": 0.1,
    "true": True,
    "nothing": None,
    "instant": "2026-11-23T23:59:59.000000Z",
}


def event(
    number: int, key: object = None, stream: str = "party", data: Mapping[str, object] | None = None
) -> Event:
    """An event at position `number`, of the key of the same number when no other is given."""
    encoded = encode_key([number if key is None else key])
    made_by = "0123456789ab"
    return Event(
        "PartyChanged", stream, "party", Effect.UPSERT, encoded, at(number), 1.5 + number, made_by, data or {}
    )


def at(number: int) -> Position:
    """The position of this number: fixed width, so that text sorts as numbers do."""
    return Position(f"{number:08d}")


def everything(log: EventLog, stream: str, limit: int = 1000) -> list[Event]:
    """All events of a stream, read page by page, partition by partition."""
    events = []
    for partition in range(log.partitions(stream)):
        start = Offset(0)
        while records := log.read(stream, partition, start, limit):
            events += [record.event for record in records]
            start = records[-1].next
    return events


class EventLogSuite:
    """See the module."""

    HANDLES: ClassVar[bool] = True
    SHARES: ClassVar[bool] = False

    def test_each_stream_has_an_address_of_its_own(self, open_log: OpenLog) -> None:
        log = open_log()
        party, product = (log.address(stream) for stream in ("party", "product"))
        assert party.name
        assert product == party._replace(name=product.name)
        assert product.name != party.name

    def test_a_new_log_is_empty(self, open_log: OpenLog) -> None:
        log = open_log()
        assert log.position("erp") == ORIGIN
        assert log.partitions("party") >= 1
        assert log.read("party", 0, Offset(0), 10) == []
        assert log.end("party", 0) == 0

    def test_an_event_comes_back_as_it_was(self, open_log: OpenLog) -> None:
        log = open_log()
        removed = event(2)._replace(effect=Effect.REMOVE, type="PartyRemoved", data={"id": 1}, mapping="ffff")
        of_cohort = event(3, data=DATA)._replace(cohort='Łódź\t\\"1"\n', cohort_before="*")
        said = [event(1, data=DATA), removed, of_cohort, event(4)._replace(cohort="")]
        log.append("erp", said, at(4))
        assert sorted(everything(log, "party"), key=lambda e: e.position) == said

    def test_what_is_no_event_is_refused_and_nothing_with_it_is_appended(self, open_log: OpenLog) -> None:
        log = open_log()
        with pytest.raises(TypeError, match="Asked is no event"):
            log.append("erp", [event(1), Asked(*event(2)), event(3)], at(3))  # type: ignore[list-item]
        assert log.position("erp") == ORIGIN
        log.append("erp", [event(1)], at(1))
        assert everything(log, "party") == [event(1)]

    def test_events_of_a_key_keep_their_order(self, open_log: OpenLog) -> None:
        log = open_log()
        for batch in range(10):
            numbers = range(batch * 20, batch * 20 + 20)
            log.append("erp", [event(n, key=n % 7, data={"value": n}) for n in numbers], at(batch + 1))
        by_key: dict[str, list[object]] = {}
        for each in everything(log, "party", limit=13):
            by_key.setdefault(each.key, []).append(each.data["value"])
        assert by_key == {encode_key([k]): list(range(k, 200, 7)) for k in range(7)}

    def test_reading_goes_on_from_next(self, open_log: OpenLog) -> None:
        log = open_log()
        log.append("erp", [event(n, key="same") for n in range(10)], at(9))
        partition = next(n for n in range(log.partitions("party")) if log.end("party", n))
        first = log.read("party", partition, Offset(0), 4)
        rest = log.read("party", partition, first[-1].next, 100)
        assert [record.event.position for record in first + rest] == [at(n) for n in range(10)]
        assert rest[-1].next <= log.end("party", partition)
        assert log.read("party", partition, rest[-1].next, 100) == []

    def test_a_read_gives_nothing_only_at_the_end(self, open_log: OpenLog) -> None:
        log = open_log()
        log.append("erp", [event(n, key="same") for n in range(700)], at(699))
        partition = next(n for n in range(log.partitions("party")) if log.end("party", n))
        start, seen = Offset(0), []
        while records := log.read("party", partition, start, 50):
            assert len(records) <= 50
            start = records[-1].next
            seen += [record.event.position for record in records]
        assert seen == [at(n) for n in range(700)]

    def test_reading_begins_anywhere(self, open_log: OpenLog) -> None:
        log = open_log()
        log.append("erp", [event(n, key="same") for n in range(20)], at(19))
        partition = next(n for n in range(log.partitions("party")) if log.end("party", n))
        offsets = [Offset(0)]
        while records := log.read("party", partition, offsets[-1], 1):
            offsets.append(records[0].next)
        for number in (13, 2, 19, 0):
            [record] = log.read("party", partition, offsets[number], 1)
            assert record.event.position == at(number)

    def test_an_event_of_a_megabyte_comes_back(self, open_log: OpenLog) -> None:
        log = open_log()
        texts = ["日本" * 250_000, "x" * 1_000_000, "\x00" * 300_000]
        log.append("erp", [event(n, data={"text": text}) for n, text in enumerate(texts)], at(3))
        assert sorted(each.data["text"] for each in everything(log, "party")) == sorted(texts)

    def test_streams_are_apart(self, open_log: OpenLog) -> None:
        log = open_log()
        log.append("erp", [event(1), event(2, stream="sale"), event(3)], at(3))
        assert {e.position for e in everything(log, "party")} == {at(1), at(3)}
        assert [e.position for e in everything(log, "sale")] == [at(2)]
        assert everything(log, "nothing") == []

    def test_position_is_recorded_with_the_events(self, open_log: OpenLog) -> None:
        log = open_log()
        log.append("erp", [event(1)], at(1))
        log.append("other", [event(7)], at(7))
        assert (log.position("erp"), log.position("other")) == (at(1), at(7))

    def test_a_position_without_events_is_recorded(self, open_log: OpenLog) -> None:
        log = open_log()
        log.append("erp", [], at(5))
        assert log.position("erp") == at(5)

    @pytest.mark.parametrize("again", [at(4), at(5)])
    def test_a_repetition_appends_nothing(self, open_log: OpenLog, again: Position) -> None:
        log = open_log()
        log.append("erp", [event(5)], at(5))
        log.append("erp", [event(4), event(5)], again)
        assert len(everything(log, "party")) == 1
        assert log.position("erp") == at(5)

    def test_of_a_batch_that_is_there_in_part_only_the_rest_is_appended(self, open_log: OpenLog) -> None:
        log = open_log()
        log.append("erp", [event(n, key="same") for n in (1, 2, 3)], at(3))
        log.append("erp", [event(n, key="same") for n in (1, 2, 3, 4, 5)], at(5))
        assert [each.position for each in everything(log, "party")] == [at(n) for n in (1, 2, 3, 4, 5)]
        assert log.position("erp") == at(5)

    def test_a_released_event_leaves_the_position(self, open_log: OpenLog) -> None:
        log = open_log()
        log.append("erp", [event(5)], at(5))
        log.append("erp", [event(3)], None)
        assert log.position("erp") == at(5)
        assert {e.position for e in everything(log, "party")} == {at(3), at(5)}

    def test_what_cannot_be_written_leaves_nothing(self, open_log: OpenLog) -> None:
        log = open_log()
        with pytest.raises(StoreError):
            log.append("erp", [event(1), event(2, data={"value": object()}), event(3, stream="sale")], at(3))
        assert log.position("erp") == ORIGIN
        assert everything(log, "party") + everything(log, "sale") == []

    def test_another_handle_sees_what_was_appended(self, open_log: OpenLog) -> None:
        first = open_log()
        first.append("erp", [event(1, data=DATA)], at(1))
        if not self.HANDLES:
            first.close()
        second = open_log()
        assert everything(second, "party") == [event(1, data=DATA)]
        assert second.position("erp") == at(1)
        second.append("erp", [event(2)._replace(mapping="new")], at(2))
        assert len(everything(open_log(), "party")) == 2

    def test_a_kind_of_event_that_another_handle_wrote_can_be_read(self, open_log: OpenLog) -> None:
        if not self.HANDLES:
            return
        reader, writer = open_log(), open_log()
        writer.append("erp", [event(1)], at(1))
        assert len(everything(reader, "party")) == 1
        writer.append("erp", [event(2)._replace(type="PartyRenamed")], at(2))
        assert {e.type for e in everything(reader, "party")} == {"PartyChanged", "PartyRenamed"}

    def test_a_reader_skips_nothing_while_several_sources_append(self, open_log: OpenLog) -> None:
        if not self.HANDLES:
            return
        sources, batches, size = 4, 25, 8
        open_log().append("first", [], at(1))
        writers = [
            threading.Thread(target=_write, args=(open_log(), f"source{n}", batches, size))
            for n in range(sources)
        ]
        log = open_log()
        starts = {n: Offset(0) for n in range(log.partitions("party"))}
        seen: list[Record] = []
        for writer in writers:
            writer.start()
        while len(seen) < sources * batches * size:
            alive = any(writer.is_alive() for writer in writers)
            found = [(n, r) for n, start in starts.items() for r in log.read("party", n, start, 50)]
            for partition, record in found:
                starts[partition] = record.next
                seen.append(record)
            assert found or alive, f"{len(seen)} events were seen, the others were skipped"
        for writer in writers:
            writer.join()
        for source in range(sources):
            of_source = [r.event.position for r in seen if r.event.data["source"] == f"source{source}"]
            assert sorted(of_source) == [at(n) for n in range(1, batches * size + 1)]

    def test_what_a_position_says_is_there(self, open_log: OpenLog) -> None:
        """Who has read a position finds all events up to it in every partition, however young they are."""
        if not self.HANDLES:
            return
        batches, size = 30, 12
        writer = threading.Thread(target=_write, args=(open_log(), "erp", batches, size))
        log = open_log()
        writer.start()
        starts = {n: Offset(0) for n in range(log.partitions("party"))}
        seen: set[str] = set()
        position = ORIGIN
        while position < at(batches * size):
            position = log.position("erp")
            for partition in starts:
                while records := log.read("party", partition, starts[partition], 50):
                    starts[partition] = records[-1].next
                    seen |= {record.event.position for record in records}
            promised = {at(n) for n in range(1, int(position or 0) + 1)}
            assert promised <= seen, f"at {position} there is no {min(promised - seen)}"
        writer.join()

    def test_a_log_that_is_in_use_lacks_nothing(self, open_log: OpenLog) -> None:
        log = open_log()
        assert not [finding for finding in log.examine(["party"], 3600.0) if finding.blocks]
        log.append("erp", [event(1)], at(1))
        assert not [finding for finding in log.examine(["party"], 3600.0) if finding.blocks]

    def test_readers_divide_a_stream(self, open_log: OpenLog) -> None:
        log = open_log()
        if not self.SHARES:
            assert log.share("party") is None
            return
        everything = frozenset(range(log.partitions("party")))
        first = _joined(log)
        _until(lambda: first.partitions() == everything, "who is alone has all partitions")
        second = _joined(open_log())
        _until(lambda: _divided(everything, first, second), "each has a part")
        assert not first.partitions() & second.partitions()
        second.close()
        _until(lambda: first.partitions() == everything, "who stays takes over")
        first.close()

    def test_shares_of_two_streams_are_apart(self, open_log: OpenLog) -> None:
        if not self.SHARES:
            return
        log = open_log()
        party, sale = _joined(log), _joined(log, "sale")
        both = frozenset(range(log.partitions("party")))
        _until(
            lambda: party.partitions() == both and sale.partitions() == both, "each stream has its readers"
        )
        party.close()
        sale.close()


def _joined(log: EventLog, stream: str = "party") -> Share:
    share = log.share(stream)
    assert share is not None
    return share


def _divided(everything: frozenset[int], first: Share, second: Share) -> bool:
    one, other = first.partitions(), second.partitions()
    return bool(one and other) and one | other == everything


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"it never came true that {what}"


def _write(log: EventLog, source: str, batches: int, size: int) -> None:
    for batch in range(batches):
        first = batch * size + 1
        events = [event(n, key=f"{source}/{n}", data={"source": source}) for n in range(first, first + size)]
        log.append(source, events, at(first + size - 1))
    log.close()
