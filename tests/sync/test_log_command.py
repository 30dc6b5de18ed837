"""`strangler log`: what the log holds, shown as lines and as CloudEvents, from every kind of log."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from strangler import assembly, browsing
from strangler.changes import Position
from strangler.cli.main import root
from strangler.configuration import load
from strangler.errors import StoreError
from strangler.events import Event, encode_key, to_cloudevent
from strangler.ports import EventLog, Offset, Record
from strangler.testing import event_log
from strangler.testing.kafka import Standing
from strangler.testing.memory_log import MemoryLog, MemoryRecords


class Estate:
    """A configuration with the functions `party` and `sale`, and their log, in `home`."""

    def __init__(self, home: Path, log: dict[str, Any]) -> None:
        entity = {"table": "t", "key": ["company", "id"], "fields": {"company": "c", "id": "i", "name": "n"}}
        section = {"source": "erp", "store": "s", "entities": {"party": entity}}
        document = {
            "sources": {"erp": {"kind": "sqlite", "url": f"sqlite:///{home}/legacy.db"}},
            "stores": {"s": {"url": f"sqlite:///{home}/s.db"}},
            "log": log,
            "functions": {"party": section, "sale": {**section, "entities": {"sale": entity}}},
        }
        self.path = home / "strangler.yaml"
        self.path.write_text(yaml.safe_dump(document))

    def append(self, *events: Event) -> None:
        with closing(assembly.log(load(self.path))) as log:
            log.append("erp", events, max(event.position for event in events))

    def run(self, *arguments: str) -> str:
        result = CliRunner().invoke(root, ["-c", str(self.path), "log", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    def shown(self, *arguments: str) -> list[str]:
        """The subjects of the events that are shown, in order."""
        return [json.loads(line)["subject"] for line in self.run(*arguments, "--json").splitlines()]


@pytest.fixture(params=["sqlite", "postgres", "kafka"])
def estate(request: pytest.FixtureRequest, tmp_path: Path) -> Estate:
    if request.param == "sqlite":
        return Estate(tmp_path, {"url": f"sqlite:///{tmp_path}/log.db"})
    if request.param == "postgres":
        return Estate(tmp_path, {"url": request.getfixturevalue("postgres_url")})
    kafka: Standing = request.getfixturevalue("kafka")
    options = {"prefix": request.getfixturevalue("prefix"), "partitions": 3, "replication": 1}
    return Estate(tmp_path, {"kind": "kafka", "url": f"kafka://{kafka.bootstrap}", "options": options})


@pytest.fixture
def small(tmp_path: Path) -> Estate:
    return Estate(tmp_path, {"url": f"sqlite:///{tmp_path}/log.db"})


def said(number: int, key: list[Any], stream: str = "party", **data: Any) -> Event:
    return event_log.event(number, stream=stream, data=data)._replace(key=encode_key(key))


def test_every_log_is_shown_in_the_order_of_the_source_and_its_last_events_too(estate: Estate) -> None:
    events = [said(n, ["BE01", n], name=f"name {n}") for n in range(1, 31)]
    estate.append(*events)
    assert [json.loads(line) for line in estate.run("show", "party", "--json").splitlines()] == [
        to_cloudevent(event) for event in events
    ]
    assert estate.shown("tail", "party", "--limit", "4") == [event.key for event in events[-4:]]
    lines = estate.run("show", "party").splitlines()
    assert len(lines) == 31
    assert 'name="name 30"' in lines[-1]


def test_sensitive_fields_are_masked(small: Estate) -> None:
    document = yaml.safe_load(small.path.read_text())
    fields = document["functions"]["party"]["entities"]["party"]["fields"]
    fields["name"] = {"value": "n", "sensitive": True}
    small.path.write_text(yaml.safe_dump(document))
    small.append(said(1, ["BE01", 1], name="canary", note="seen"))
    for shown in (small.run("show"), small.run("show", "--json"), small.run("tail")):
        assert "canary" not in shown
        assert "***" in shown
        assert "seen" in shown


def test_without_a_function_all_are_shown_together(small: Estate) -> None:
    small.append(said(1, [1]), said(2, [2], "sale"), said(3, [3]))
    assert small.shown("show") == ["[1]", "[2]", "[3]"]
    assert small.shown("show", "sale") == ["[2]"]
    assert small.shown("tail", "--limit", "2") == ["[2]", "[3]"]


@pytest.mark.parametrize(
    ("written", "found"),
    [("42", ["[42]", '["42"]']), ('["BE01","42"]', ['["BE01","42"]']), ('["BE01", "42"]', ['["BE01","42"]']),
     ("BE01", ['["BE01"]']), ("007", ['["007"]']), ("[42]", ["[42]"])],
)  # fmt: skip
def test_a_key_is_found_as_one_would_write_it(small: Estate, written: str, found: list[str]) -> None:
    keys = [[42], ["42"], ["BE01", "42"], ["BE01"], ["007"], [7]]
    small.append(*(said(number, key) for number, key in enumerate(keys, 1)))
    assert small.shown("show", "--key", written) == found


def test_what_is_shown_can_be_narrowed(small: Estate) -> None:
    events = [said(1, [1]), said(2, [2])._replace(entity="other"), said(3, [3]), said(4, [4])]
    small.append(*events)
    assert small.shown("show", "party", "--entity", "party") == ["[1]", "[3]", "[4]"]
    assert small.shown("show", "party", "--from", "2", "--partition", "0") == ["[3]", "[4]"]
    assert small.shown("show", "party", "--from", "9") == []


def test_that_there_is_more_is_said(small: Estate) -> None:
    small.append(said(1, [1]), said(2, [2]))
    assert "there are more" in small.run("show", "--limit", "1")
    assert "there are more" not in small.run("show", "--limit", "2")


def test_a_line_says_where_the_event_stands_and_what_it_carries_but_its_key(small: Estate) -> None:
    small.append(said(1, ["BE", 7], company="BE", id=7, name="x" * 100, note="a\n\x1b[31mred"))
    line = small.run("show", "party").splitlines()[1]
    assert "party/0@0" in line
    assert '["BE",7]' in line
    assert "company=" not in line
    assert "x" * 20 in line
    assert "x" * 40 not in line
    assert "\x1b" not in line
    assert 'note="a\\n\\u001b[31mred"' in line


def test_nothing_in_the_log_is_said(small: Estate) -> None:
    assert small.run("show") == "nothing in the log\n"
    assert small.run("tail", "--json") == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["show", "pary"], "did you mean 'party'"), (["show", "party", "--partition", "3"], "no partition 3")],
)
def test_what_is_not_there_is_said_in_words(small: Estate, arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(root, ["-c", str(small.path), "log", *arguments])
    assert result.exit_code == 2
    assert words in result.output


def test_tail_follows_what_is_appended(small: Estate) -> None:
    small.append(said(1, [1]))
    strangler = str(Path(sys.executable).with_name("strangler"))
    command = [strangler, "-c", str(small.path), "log", "tail", "-f", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        watchdog = threading.Timer(30, process.kill)
        watchdog.start()
        assert json.loads(process.stdout.readline())["subject"] == "[1]"
        small.append(said(2, [2], "sale"), said(3, [3]))
        assert [json.loads(process.stdout.readline())["subject"] for _ in range(2)] == ["[2]", "[3]"]
        process.terminate()
        watchdog.cancel()


@pytest.mark.parametrize("count", [0, 1, 7, 40, 1000])
def test_the_last_events_are_found_where_offsets_have_gaps_and_the_log_its_beginning(count: int) -> None:
    log: EventLog = Gappy()
    place = browsing.Place("party", 0)
    found, ends = browsing.last(log, [place], count)
    assert [entry.event.position for entry in found] == [
        event_log.at(n) for n in range(Gappy.FIRST, Gappy.LAST)
    ][max(0, Gappy.LAST - Gappy.FIRST - count) :]
    log.append("erp", [event_log.event(99)], event_log.at(99))
    assert [entry.event.position for entry in browsing.news(log, ends)] == [event_log.at(99)]
    assert browsing.news(log, ends) == []


def test_a_key_keeps_the_order_of_the_log_whatever_the_times_say() -> None:
    log = MemoryLog(MemoryRecords(partitions=3))
    events = [event_log.event(n, key=n % 5)._replace(time=float(100 - n)) for n in range(50)]
    log.append("erp", events, Position("x"))
    found = list(browsing.entries(log, browsing.places(log, ["party"]), Offset(0), browsing.Wanted()))
    assert len(found) == 50
    for key in range(5):
        of_key = [entry.event for entry in found if entry.event.key == encode_key([key])]
        assert of_key == [event for event in events if event.key == encode_key([key])]


class Gappy(MemoryLog):
    """Every event takes ten offsets, and what was before the thirtieth is gone, as in Kafka."""

    FIRST, LAST = 3, 60

    def __init__(self) -> None:
        super().__init__()
        self.append("erp", [event_log.event(n) for n in range(self.LAST)], event_log.at(self.LAST))

    def read(self, stream: str, partition: int, start: Offset, limit: int) -> list[Record]:
        if 0 < start < self.FIRST * 10:
            raise StoreError("the log begins behind it")
        first = max(self.FIRST, -(-start // 10))
        records = super().read(stream, partition, Offset(first), limit)
        return [Record(Offset(record.next * 10), record.event) for record in records]

    def end(self, stream: str, partition: int) -> Offset:
        return Offset(super().end(stream, partition) * 10)
