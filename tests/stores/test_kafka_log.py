"""The Kafka log passes the suite of its port with both drivers, and keeps its word when things break."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from typing import ClassVar

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ACL, ACLFilter, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from pydantic import SecretStr

from strangler.changes import ORIGIN
from strangler.errors import StoreError, Unavailable
from strangler.ports import EventLog, Offset
from strangler.settings import Log
from strangler.testing.event_log import EventLogSuite, OpenLog, at, event, everything
from strangler.testing.kafka import Broker, Standing, broker
from strangler_adapters.kafka_log import options, topics
from strangler_adapters.kafka_log.driver import Driver, Place, Writer, load
from strangler_adapters.kafka_log.log import KafkaLog
from strangler_adapters.kafka_log.options import DRIVERS, Options

from . import kafka_victim as victim

KILLS = 2


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def read(kafka: Standing, prefix: str, driver: str) -> Options:
    """The options of a log of three partitions."""
    url = SecretStr(f"kafka://{kafka.bootstrap}")
    given = {"prefix": prefix, "driver": driver, "partitions": 3}
    return options.read("test", Log(kind="kafka", url=url, options=given))


@pytest.fixture
def open_log(kafka: Standing, prefix: str, driver: str) -> Iterator[OpenLog]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(victim.open_log(kafka.bootstrap, prefix, driver)))


class TestKafkaLog(EventLogSuite):
    SHARES: ClassVar[bool] = True


def test_records_that_are_gone_are_a_loss_wherever_one_was(
    open_log: OpenLog, kafka: Standing, read: Options
) -> None:
    log = open_log()
    log.append("erp", [event(n, key="same") for n in range(10)], at(9))
    partition = next(n for n in range(log.partitions("party")) if log.end("party", n))
    place = TopicPartition(topics.name_of_stream(read, "party"), partition)
    with closing(KafkaAdminClient(bootstrap_servers=kafka.bootstrap)) as admin:
        admin.delete_records({place: 4})
    reader = open_log()
    assert reader.begin("party", partition) == 4
    for lost in (Offset(0), Offset(3)):
        with pytest.raises(StoreError, match="begins at offset 4"):
            reader.read("party", partition, lost, 10)
    kept = reader.read("party", partition, reader.begin("party", partition), 10)
    assert [record.event.position for record in kept] == [at(n) for n in range(4, 10)]


def test_who_begins_to_write_for_a_source_fences_the_one_before_off(open_log: OpenLog) -> None:
    before, after = open_log(), open_log()
    before.append("erp", [event(1)], at(1))
    after.append("erp", [event(2)], at(2))
    for _ in range(2):
        with pytest.raises(Unavailable, match="may no longer write") as raised:
            before.append("erp", [event(3)], at(3))
        assert "another one has begun" in raised.value.why
    after.append("erp", [event(3)], at(3))
    before.append("other", [event(9)], at(9))
    assert sorted(each.position for each in everything(before, "party")) == [at(1), at(2), at(3), at(9)]


def test_a_log_that_another_driver_wrote_can_be_read(kafka: Standing, prefix: str) -> None:
    for number, name in enumerate(DRIVERS, 1):
        with closing(victim.open_log(kafka.bootstrap, prefix, name)) as log:
            victim.append(log, number)
    for name in DRIVERS:
        with closing(victim.open_log(kafka.bootstrap, prefix, name)) as log:
            assert _counted(log) == dict.fromkeys((at(1), at(2)), victim.ROWS)


def test_two_drivers_put_a_key_into_the_same_partition(kafka: Standing, prefix: str) -> None:
    for number, name in enumerate(DRIVERS, 1):
        with closing(victim.open_log(kafka.bootstrap, prefix, name)) as log:
            victim.append(log, number)
    with closing(victim.open_log(kafka.bootstrap, prefix, DRIVERS[0])) as log:
        for partition in range(3):
            keys = [record.event.key for record in log.read("party", partition, Offset(0), 1000)]
            assert set(Counter(keys).values()) == {2}


def test_drivers_share_a_stream_with_each_other(kafka: Standing, prefix: str) -> None:
    with ExitStack() as stack:
        logs = [
            stack.enter_context(closing(victim.open_log(kafka.bootstrap, prefix, name))) for name in DRIVERS
        ]
        shares = [log.share("party") for log in logs]
        for share in shares:
            assert share is not None
            stack.enter_context(closing(share))
        until(lambda: all(share is not None and share.partitions() for share in shares), "each has a part")


class Doubtful:
    """A driver whose first commit is in doubt: it `happens` or doesn't, and in either case no answer comes."""

    def __init__(self, true: Driver, happens: bool) -> None:
        self._true, self._happens, self._used = true, happens, False
        self.reader, self.admin, self.member = true.reader, true.admin, true.member

    def writer(self, id: str) -> Writer:
        writer = self._true.writer(id)
        if not self._used:
            self._used = True
            commit = writer.commit if self._happens else lambda: None

            def unanswered() -> None:
                commit()
                raise Unavailable("no answer")

            writer.commit = unanswered  # type: ignore[method-assign]
        return writer


@pytest.mark.parametrize("happens", [True, False])
def test_after_a_commit_without_an_answer_nothing_is_lost_or_doubled(read: Options, happens: bool) -> None:
    with closing(KafkaLog(read, Doubtful(load(read), happens))) as log:
        with pytest.raises(Unavailable):
            log.append("erp", [event(1), event(2)], at(2))
        log.append("erp", [event(1), event(2)], at(2))
        log.append("erp", [event(3)], at(3))
        assert _counted(log) == {at(1): 1, at(2): 1, at(3): 1}


def test_an_event_that_no_topic_takes_is_refused_with_the_way_out(read: Options) -> None:
    with closing(KafkaLog(read, load(read))) as log:
        with pytest.raises(StoreError, match="too large") as raised:
            log.append("erp", [event(1, data={"text": "x" * 20_000_000})], at(1))
        assert "max.message.bytes" in raised.value.do
        assert log.position("erp") == ORIGIN
        log.append("erp", [event(2)], at(2))
        assert _counted(log) == {at(2): 1}


def test_a_topic_that_would_lose_events_is_refused_with_the_command_that_mends_it(read: Options) -> None:
    wanted = topics.of_stream(read, "party")
    with closing(load(read).admin()) as admin:
        admin.create(wanted.name, 3, None, {"cleanup.policy": "compact"})
    with closing(KafkaLog(read, load(read))) as log:
        with pytest.raises(StoreError, match="old events of a key vanish") as raised:
            log.append("erp", [event(1)], at(1))
        [blocks] = [finding for finding in log.examine(["party"], 60.0) if finding.blocks]
    assert raised.value.do == blocks.do
    assert "--alter" in blocks.do
    assert "cleanup.policy=delete" in blocks.do


def test_what_differs_from_the_configuration_is_said(read: Options) -> None:
    wanted = topics.of_stream(read, "party")
    with closing(load(read).admin()) as admin:
        admin.create(wanted.name, 2, None, {**wanted.settings, "retention.ms": "7200000"})
    with closing(KafkaLog(read, load(read))) as log:
        log.append("erp", [event(1)], at(1))
        assert log.partitions("party") == 2
        said = {finding.what: finding for finding in log.examine(["party"], 3600.0)}
        short = {finding.what: finding for finding in log.examine(["party"], 86400.0)}
    partitions = said[f"topic {wanted.name} has 2 partitions, the configuration says 3"]
    assert not partitions.blocks
    assert "log.options.partitions: 2" in partitions.do
    assert any("keeps events for 2 h, which isn't as configured" in what for what in said)
    [too_short] = [each for what, each in short.items() if "shorter than the outage of 1 d" in what]
    assert too_short.blocks
    assert "retention.ms=-1" in too_short.do


def test_a_record_of_somebody_else_is_named(read: Options, driver: str) -> None:
    with closing(KafkaLog(read, load(read))) as log:
        log.append("erp", [event(1)], at(1))
        with closing(load(read).writer(f"{read.prefix}.stranger")) as writer:
            writer.begin()
            for partition in range(3):
                writer.send(topics_place(read, partition), b"key", b"not ours", [])
            writer.flush()
            writer.commit()
        with pytest.raises(StoreError, match="no event of this program"):
            until(lambda: not everything(log, "party"), "the stranger's record is met")


def test_a_log_without_a_broker_says_so_without_its_secrets(driver: str) -> None:
    client = {"kafka-python": "sasl_plain_password", "confluent": "sasl.password"}
    log = victim.open_log("127.0.0.1:1", "nowhere", driver, timeout="1s", client={client[driver]: "hunter2"})
    with closing(log), pytest.raises(Unavailable) as raised:
        log.position("erp")
    assert "127.0.0.1:1" in str(raised.value)
    assert "hunter2" not in str(raised.value) + repr(raised.value.__cause__) + repr(raised.value.__context__)


@pytest.mark.parametrize(
    ("driver", "client", "names"),
    [
        ("kafka-python", {"security.protocol": "SSL"}, "security_protocol"),
        ("kafka-python", {"retry_backoff_ms": 1, "api_version": "x"}, "security_protocol"),
        ("kafka-python", {"socket_options": 1, "request_timeout_ms": None, "api_version": 7}, "security_protocol"),
        ("confluent", {"security_protocol": "SSL"}, "security.protocol"),
        ("confluent", {"security.protocol": "SLL"}, "security.protocol"),
    ],
)  # fmt: skip
def test_a_setting_that_the_driver_cannot_use_is_told_with_whose_names_are_meant(
    driver: str, client: dict[str, object], names: str
) -> None:
    log = victim.open_log("127.0.0.1:1", "nowhere", driver, timeout="1s", client=client)
    with closing(log), pytest.raises(StoreError, match="client can't be used") as raised:
        log.position("erp")
    assert f"driver {driver}" in raised.value.what
    assert names in raised.value.do


@pytest.fixture(scope="module")
def own_broker() -> Iterator[Broker]:
    """A broker to be killed, and to be told what its users may not do: everything else they may."""
    settings = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
    }
    with broker(settings=settings) as running:
        yield running


@contextmanager
def allowed_only(
    bootstrap: str, operations: Sequence[ACLOperation], kind: ResourceType, name: str
) -> Iterator[None]:
    """Nobody may do anything else with it meanwhile."""
    pattern = ResourcePattern(kind, name)
    acls = [ACL("User:*", "*", operation, ACLPermissionType.ALLOW, pattern) for operation in operations]
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_acls(acls)
        anything = ACLFilter("User:*", "*", ACLOperation.ANY, ACLPermissionType.ANY, pattern)
        until(lambda: len(admin.describe_acls(anything)[0]) == len(acls), "the broker knows")
        yield
        admin.delete_acls(acls)
    finally:
        admin.close()


def test_a_topic_that_can_not_be_made_is_said_and_one_that_can_is_not(read: Options) -> None:
    with closing(KafkaLog(read, load(read))) as log:
        assert log.examine(["party"], 60.0) == []
    demanding = replace(read, replication=3)  # There is one broker.
    with closing(KafkaLog(demanding, load(demanding))) as log:
        first, _ = log.examine(["party"], 60.0)
    assert first.blocks
    assert f"topic {read.prefix}.party isn't there" in first.what
    assert "replication" in first.what.lower()
    with closing(load(read).admin()) as admin:
        assert admin.topics([f"{read.prefix}.party"]) == {}


def test_rights_that_are_missing_are_said(own_broker: Broker, prefix: str, driver: str) -> None:
    own_broker.start()
    with closing(victim.open_log(own_broker.bootstrap, prefix, driver)) as log:
        log.append("erp", [event(1)], at(1))
        topic = f"{prefix}.party"
        reading = [ACLOperation.READ, ACLOperation.DESCRIBE_CONFIGS]
        with allowed_only(own_broker.bootstrap, reading, ResourceType.TOPIC, topic):
            unwritable = [each for each in log.examine(["party"], 60.0) if each.blocks]
    [finding] = unwritable
    assert finding.what == f"topic {topic}: the user of log.options.client may not write"
    assert f"--operation Write --topic {topic}" in finding.do


def test_a_worker_that_may_not_join_the_group_says_so(own_broker: Broker, prefix: str, driver: str) -> None:
    own_broker.start()
    with closing(victim.open_log(own_broker.bootstrap, prefix, driver)) as log:
        log.append("erp", [event(1)], at(1))
        group = f"{prefix}.party.delivery"
        with allowed_only(own_broker.bootstrap, [ACLOperation.DESCRIBE], ResourceType.GROUP, group):
            share = log.share("party")
            assert share is not None
            with closing(share), pytest.raises(StoreError, match="refuses") as raised:
                until(lambda: bool(share.partitions()), "the worker has a part")
    assert "groups that begin with" in raised.value.do


def test_a_kill_of_the_broker_within_appends_loses_and_doubles_nothing(
    own_broker: Broker, prefix: str, driver: str
) -> None:
    log = victim.open_log(own_broker.bootstrap, prefix, driver, timeout="5s")
    done = threading.Event()
    failures: list[str] = []
    written = [0]

    def write() -> None:
        while not done.is_set():
            try:
                victim.append(log, written[0] + 1)
                written[0] += 1
            except Unavailable as error:
                failures.append(error.what)

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(KILLS):
        before = written[0]
        until(lambda before=before: written[0] > before + 3, "it is written")  # type: ignore[misc]
        own_broker.kill()
        own_broker.start()
    before = written[0]
    until(lambda: written[0] > before, "it goes on by itself")
    done.set()
    writer.join()
    assert log.position("erp") == at(written[0])
    assert _counted(log) == {at(number): victim.ROWS for number in range(1, written[0] + 1)}
    log.close()


def test_without_the_broker_a_log_is_unavailable_and_comes_back(
    own_broker: Broker, prefix: str, driver: str
) -> None:
    with closing(victim.open_log(own_broker.bootstrap, prefix, driver, timeout="2s")) as log:
        victim.append(log, 1)
        own_broker.kill()
        began = time.monotonic()
        for use in (
            lambda: victim.append(log, 2),
            lambda: log.position("erp"),
            lambda: everything(log, "party"),
        ):
            with pytest.raises(Unavailable, match=own_broker.bootstrap):
                use()
        assert time.monotonic() - began < 30
        own_broker.start()
        until(lambda: _appended(log, 2), "it goes on by itself")
        assert _counted(log) == dict.fromkeys((at(1), at(2)), victim.ROWS)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_writer_that_is_killed_or_frozen_leaves_whole_appends(
    kafka: Standing, prefix: str, driver: str, number: int
) -> None:
    command = [sys.executable, victim.__file__, kafka.bootstrap, prefix, driver]
    with closing(victim.open_log(kafka.bootstrap, prefix, driver)) as log:
        for _ in range(KILLS):
            before = log.position("erp")
            with subprocess.Popen(command) as process:
                until(lambda before=before: log.position("erp") > before, "it is written")  # type: ignore[misc]
                process.send_signal(number)
                with closing(victim.open_log(kafka.bootstrap, prefix, driver)) as next:
                    last = int(next.position("erp"))
                    victim.append(next, last + 1)
                    last = int(next.position("erp"))
                process.kill()
            counted = _counted(log)
            assert counted == {at(n): victim.ROWS for n in range(1, last + 1)}


def _appended(log: EventLog, number: int) -> bool:
    """Whether it could be appended now."""
    try:
        victim.append(log, number)
    except Unavailable:
        return False
    return True


def _counted(log: EventLog) -> dict[str, int]:
    """Position → how many events there are of it."""
    return dict(Counter(each.position for each in everything(log, "party")))


def topics_place(read: Options, partition: int) -> Place:
    return Place(topics.of_stream(read, "party").name, partition)


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"it never came true that {what}"
        time.sleep(0.002)
