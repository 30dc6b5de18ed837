"""The parts of the Kafka log that need no broker: its options, its records, where a key stands, and how partitions are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as library_murmur2
from pydantic import SecretStr

from strangler.changes import Position
from strangler.errors import StoreError, Unavailable
from strangler.events import Effect, Event, encode_key
from strangler.settings import Log
from strangler.testing.event_log import DATA, event
from strangler_adapters.kafka_log import connect, options, reading, records, topics
from strangler_adapters.kafka_log.driver import Arrival, Fetched, Place, Topic
from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.partitioning import murmur2, partition_of
from strangler_adapters.kafka_log.records import Reached

HERE = Options(servers=("one:9092", "two:9092"), prefix="erp")


def read(url: str | None = "kafka://one:9092", **given: Any) -> Options:
    return options.read("erp", Log(kind="kafka", url=SecretStr(url) if url else None, options=given))


def test_options_have_defaults_and_take_what_is_written() -> None:
    assert read() == Options(servers=("one:9092",), prefix="erp")
    given = read(
        "kafka://one:9092,[::1]:9093/",
        prefix="other-1",
        partitions=3,
        replication=2,
        retention="90d",
        compaction=True,
        timeout="2s",
        driver="confluent",
        client={"security_protocol": "SSL"},
    )
    assert given.servers == ("one:9092", "[::1]:9093")
    assert (given.retention, given.timeout, given.driver) == (timedelta(days=90), 2.0, "confluent")
    assert read(retention="forever").retention is None
    assert "hunter2" not in repr(read(client={"sasl_plain_password": "hunter2"}))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"url": None}, "write kafka://host:9092"),
        ({"url": "postgresql://host/db"}, "doesn't name Kafka brokers"),
        ({"url": "kafka://"}, "doesn't name Kafka brokers"),
        ({"partition": 3}, "write partitions"),
        ({"colour": "red"}, "one of: client, compaction, driver"),
        ({"partitions": 0}, "log.options.partitions: 0"),
        ({"partitions": True}, "a whole number"),
        ({"replication": "three"}, "a whole number"),
        ({"retention": "soon"}, "log.options.retention: 'soon'"),
        ({"timeout": "0s"}, "isn't zero"),
        ({"compaction": "yes"}, "true or false"),
        ({"driver": "java"}, "kafka-python or confluent"),
        ({"prefix": "a.b"}, "without a dot"),
        ({"client": ["SSL"]}, "isn't a mapping"),
    ],
)
def test_an_option_that_cannot_be_is_refused_in_words(given: dict[str, Any], told: str) -> None:
    with pytest.raises(StoreError) as raised:
        read(**given)
    assert told in str(raised.value)


def test_a_password_in_the_url_is_not_shown() -> None:
    with pytest.raises(StoreError) as raised:
        connect("erp", Log(kind="kafka", url=SecretStr("kafka://me:hunter2@one:9092")))
    assert "hunter2" not in str(raised.value)
    assert "log.options.client" in raised.value.why


@given(st.binary(max_size=400))
def test_a_key_is_hashed_as_kafka_does(key: bytes) -> None:
    assert murmur2(key) == library_murmur2(key) & 0xFFFFFFFF
    assert partition_of(key, 7) == (library_murmur2(key) & 0x7FFFFFFF) % 7


@pytest.mark.parametrize(
    ("key", "hashed"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)],
)
def test_a_key_is_hashed_as_the_java_client_says(key: bytes, hashed: int) -> None:
    """Values from the tests of Kafka's own client."""
    assert murmur2(key) == hashed & 0xFFFFFFFF


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(
    key=st.lists(st.integers(0, 10**9) | st.text('äö"\\:/[],', max_size=5), min_size=1, max_size=3),
    data=st.dictionaries(st.text(min_size=1, max_size=5, alphabet="abcd"), JSON, max_size=4),
    microseconds=st.integers(0, 4 * 10**15),
    effect=st.sampled_from(Effect),
)
def test_an_event_comes_back_from_its_record(
    key: list[Any], data: dict[str, Any], microseconds: int, effect: Effect
) -> None:
    said = Event(
        "PartyChanged",
        "party",
        "party",
        effect,
        encode_key(key),
        Position("0/1"),
        microseconds / 1e6,
        "m",
        data,
    )
    _, value, _ = records.encode(said)
    assert records.decode("party", value) == said


def test_a_record_is_a_cloudevent_that_others_can_route_and_trace() -> None:
    key, value, headers = records.encode(event(7, data=DATA))
    cloud = orjson.loads(value)
    assert key == b"party:[7]"
    assert (cloud["specversion"], cloud["type"], cloud["subject"]) == ("1.0", "PartyChanged", "[7]")
    assert (cloud["position"], cloud["mappingversion"]) == ("00000007", "0123456789ab")
    told = dict(headers)
    assert told["content-type"] == b"application/cloudevents+json; charset=UTF-8"
    assert told["ce_type"] == b"PartyChanged"
    assert told["traceparent"] == cloud["traceparent"].encode()


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b'{"type": "x"}', b'{"position": 1, "ends": {"t": 3}}'])
def test_what_is_not_ours_is_said_to_be_not_ours(value: bytes) -> None:
    with pytest.raises(StoreError, match="no event of this program"):
        records.decode("party", value)
    with pytest.raises(StoreError, match="isn't of this program"):
        records.decode_reached(value)


def test_a_position_comes_back_with_the_ends_of_its_events() -> None:
    reached = Reached(Position("0/9"), {Place("erp.party", 3): 17, Place("erp.sale", 0): 2})
    assert records.decode_reached(records.encode_reached(reached)) == reached


SAFE = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}


def found(wanted: topics.Wanted, partitions: int = 12, replication: int = 3, **settings: str) -> Topic:
    given = {key.replace("_", "."): value for key, value in settings.items()}
    return Topic(partitions, replication, {"retention.bytes": "-1", **wanted.settings, **SAFE, **given})


def test_a_topic_as_wanted_lacks_nothing() -> None:
    for configured in (
        HERE,
        read(compaction=True),
        read(retention="30d"),
        read(compaction=True, retention="30d"),
    ):
        for wanted, partitions in (
            (topics.of_stream(configured, "party"), 12),
            (topics.of_positions(configured), 16),
        ):
            assert topics.check(configured, wanted, found(wanted, partitions), outage=3600.0) == []


@pytest.mark.parametrize(
    ("differs", "what", "do", "blocks"),
    [
        ({"cleanup_policy": "compact"}, "old events of a key vanish", "cleanup.policy=delete", True),
        ({"retention_ms": "60000"}, "shorter than the outage of 1 h to", "retention.ms=-1", True),
        ({"retention_ms": "864000000"}, "isn't as configured", "retention.ms=-1", False),
        ({"retention_bytes": "5000"}, "keeps only 5,000 bytes", "retention.bytes=-1", False),
        (
            {"max_message_bytes": "1048588"},
            "no event beyond 1,048,588 bytes",
            "max.message.bytes=16777216",
            False,
        ),
        ({"min_insync_replicas": "1"}, "can be lost", "min.insync.replicas=2", False),
        ({"replication": 1}, "is kept once", "to three replicas", False),
        ({"unclean_leader_election_enable": "true"}, "lets a replica lead", "enable=false", False),
        ({"partitions": 6}, "has 6 partitions, the configuration says 12", "--partitions 12", False),
        ({"partitions": 24}, "has 24 partitions", "can't be taken away", False),
    ],
)
def test_what_a_topic_lacks_is_said_with_what_mends_it(
    differs: dict[str, Any], what: str, do: str, blocks: bool
) -> None:
    wanted = topics.of_stream(HERE, "party")
    [finding] = topics.check(HERE, wanted, found(wanted, **differs), outage=3600.0)
    assert what in finding.what
    assert do in finding.do
    assert finding.blocks is blocks


def test_what_is_thinned_out_before_an_outage_ends_is_said() -> None:
    thinned = read(compaction=True)
    wanted = topics.of_stream(thinned, "party")
    [finding] = topics.check(thinned, wanted, found(wanted, min_compaction_lag_ms="0"), outage=3600.0)
    assert finding.blocks
    assert "min.compaction.lag.ms=604800000" in finding.do


def test_positions_that_could_vanish_block() -> None:
    wanted = topics.of_positions(HERE)
    [removed] = topics.check(HERE, wanted, found(wanted, 16, cleanup_policy="delete"), 0.0)
    [elsewhere] = topics.check(HERE, wanted, found(wanted, 12), 0.0)
    assert removed.blocks
    assert "cleanup.policy=compact" in removed.do
    assert elsewhere.blocks
    assert "--bootstrap-server one:9092" in removed.do


P = Place("erp.party", 0)
Q = Place("erp.party", 1)


class Scripted:
    """A client's reader of two partitions whose log grows and becomes visible as the test says."""

    def __init__(self) -> None:
        self.logs: dict[Place, list[Fetched]] = {P: [], Q: []}
        self.visible: dict[Place, int] = {P: 0, Q: 0}
        self.at: dict[Place, int] = {}
        self.paused: set[Place] = set()
        self.most = 3
        self.first = 0
        self.asked = 0
        self.when_polled: list[Any] = []

    def grow(self, place: Place, count: int, size: int = 1) -> None:
        start = len(self.logs[place])
        self.logs[place] += [Fetched(start + n, b"k", b"v" * size) for n in range(count)]
        self.visible[place] = start + count

    def seek(self, place: Place, offset: int) -> None:
        self.at[place] = offset

    def poll(self, place: Place, wait: float) -> Iterable[Arrival]:
        if self.when_polled:
            self.when_polled.pop(0)()
        arrivals = []
        for each in self.at.keys() - self.paused:
            some = self.logs[each][self.at[each] : min(self.visible[each], self.at[each] + self.most)]
            self.at[each] += len(some)
            arrivals.append(Arrival(each, some, self.at[each]))
        return arrivals

    def pause(self, place: Place) -> None:
        self.paused.add(place)

    def resume(self, place: Place) -> None:
        self.paused.discard(place)

    def ends(self, places: Sequence[Place]) -> dict[Place, int]:
        self.asked += 1
        return {place: self.visible[place] for place in places}

    def beginnings(self, places: Sequence[Place]) -> dict[Place, int]:
        return dict.fromkeys(places, self.first)

    def close(self) -> None:
        self.at.clear()


@pytest.fixture
def client() -> Scripted:
    return Scripted()


@pytest.fixture
def partitions(client: Scripted) -> reading.Reading:
    return reading.Reading(read(timeout="1s"), lambda: client)


def offsets(fetched: tuple[list[Fetched], int]) -> list[int]:
    return [record.offset for record in fetched[0]]


def test_reading_gives_what_has_arrived_and_nothing_only_at_the_end(
    client: Scripted, partitions: reading.Reading
) -> None:
    assert partitions.read(P, 0, 10) == ([], 0)
    client.grow(P, 5)
    seen, start = [], 0
    while (fetched := partitions.read(P, start, 2))[0]:
        seen += offsets(fetched)
        start = fetched[1]
    assert seen == [0, 1, 2, 3, 4]


def test_a_partition_is_not_at_its_end_before_what_a_position_promised_is_visible(
    client: Scripted, partitions: reading.Reading
) -> None:
    client.logs[P] = [Fetched(0, b"k", b"v")]
    assert partitions.read(P, 0, 10) == ([], 0), "it isn't committed"
    partitions.expect({P: 1})
    client.when_polled = [lambda: None, lambda: client.visible.update({P: 1})]
    assert offsets(partitions.read(P, 0, 10)) == [0]


def test_what_was_promised_and_never_comes_is_said(client: Scripted, partitions: reading.Reading) -> None:
    partitions.read(P, 0, 10)
    partitions.expect({P: 1})
    with pytest.raises(Unavailable, match="one:9092"):
        partitions.read(P, 0, 10)


def test_a_round_over_the_partitions_asks_once_where_they_end(
    client: Scripted, partitions: reading.Reading
) -> None:
    for place in (P, Q):
        partitions.read(place, 0, 10)
    for _ in range(5):
        before = client.asked
        partitions.expect({})
        for place in (P, Q):
            partitions.read(place, 0, 10)
        assert client.asked == before + 1


def test_what_was_appended_between_two_reads_is_seen(client: Scripted, partitions: reading.Reading) -> None:
    partitions.read(Q, 0, 10)
    partitions.read(P, 0, 10)
    for number in range(5):
        client.grow(P, 1)
        assert offsets(partitions.read(P, number, 10)) == [number]
        assert partitions.read(P, number + 1, 10) == ([], number + 1)


def test_a_partition_that_nobody_asks_for_does_not_fill_the_memory(
    client: Scripted, partitions: reading.Reading
) -> None:
    partitions.read(Q, 0, 10)
    client.grow(Q, 100, size=1_000_000)
    client.grow(P, 100)
    start = 0
    while (fetched := partitions.read(P, start, 10))[0]:
        start = fetched[1]
    assert client.at[Q] <= reading.AHEAD // 1_000_000 + client.most
    seen, start = 0, 0
    while (fetched := partitions.read(Q, start, 50))[0]:
        assert len(fetched[0]) <= 16, "no more at once than fits"
        seen, start = seen + len(fetched[0]), fetched[1]
    assert seen == 100


def test_reading_begins_anew_where_it_is_told_to(client: Scripted, partitions: reading.Reading) -> None:
    client.grow(P, 20)
    partitions.read(P, 0, 10)
    assert offsets(partitions.read(P, 15, 2)) == [15, 16]
    assert offsets(partitions.read(P, 3, 1)) == [3]


def test_what_retention_took_is_said_and_where_the_log_begins_now(
    client: Scripted, partitions: reading.Reading
) -> None:
    client.grow(P, 20)
    client.first = 12
    for gone in (0, 5):
        with pytest.raises(StoreError, match=f"begins at offset 12, behind {gone}") as raised:
            partitions.read(P, gone, 2)
        assert "strangler backfill" in raised.value.do
    assert offsets(partitions.read(P, partitions.begin(P), 2)) == [12, 13]
