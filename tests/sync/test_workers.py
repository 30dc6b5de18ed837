"""Two worker processes on one Kafka log divide the work; what one leaves when it is killed, the other takes over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka import KafkaAdminClient
from kafka.errors import CoordinatorNotAvailableError

from strangler import assembly
from strangler.configuration import load
from strangler.control import standings
from strangler.cutover.stages import Side, Stage
from strangler.settings import Settings
from strangler.testing.event_log import everything
from strangler.testing.kafka import Standing

from .landscape import Landscape, until

pytestmark = pytest.mark.slow

PARTITIONS = 5

PATIENCE = 90.0
"""Seconds: a process has to start, a dead one has to be missed."""


class Shared(Landscape):
    """The landscape with its log in Kafka."""

    def __init__(self, home: Path, kafka: str, prefix: str) -> None:
        self.kafka, self.prefix = kafka, prefix
        super().__init__(home)

    def configure(self, *names: str, **more: str) -> Settings:
        super().configure(*names, **more)
        path = self.home / "strangler.yaml"
        document = yaml.safe_load(path.read_text())
        options = {"prefix": self.prefix, "partitions": PARTITIONS}
        document["log"] = {"kind": "kafka", "url": f"kafka://{self.kafka}", "options": options}
        document["console"] = {"port": 0}
        document["sync"] = {"batch": 50}
        path.write_text(yaml.safe_dump(document))
        self.settings = load(path)
        return self.settings

    @contextmanager
    def process(self) -> Iterator[subprocess.Popen[bytes]]:
        """`strangler worker`, with what it starts in a group of its own."""
        program = "from strangler.cli.main import main; main()"
        command = [sys.executable, "-c", program, "-c", str(self.home / "strangler.yaml"), "worker"]
        with (self.home / "worker.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            yield process
        finally:
            kill(process)

    def members(self) -> list[frozenset[int]]:
        """The partitions of each member of the group that delivers."""
        group = f"{self.prefix}.partners.delivery"
        with closing(KafkaAdminClient(bootstrap_servers=self.kafka)) as admin:
            try:
                members: list[dict[str, Any]] = admin.describe_groups([group])[group]["members"]
            except CoordinatorNotAvailableError:  # the first group of this Kafka: nobody keeps groups yet
                return []
        return [
            frozenset(
                n for part in member["member_assignment"]["assigned_partitions"] for n in part["partitions"]
            )
            for member in members
            if member["member_assignment"]
        ]

    def ids(self) -> Counter[str]:
        """How often each event is in the log."""
        with closing(assembly.log(self.settings)) as log:
            return Counter(event.id for event in everything(log, "partners"))


def kill(process: subprocess.Popen[bytes]) -> None:
    """The process and what it started, without a chance to say goodbye."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def landscape(tmp_path: Path, kafka: Standing, prefix: str) -> Shared:
    return Shared(tmp_path, kafka.bootstrap, prefix)


def test_two_workers_share_the_partitions_and_one_takes_over_from_the_other(landscape: Shared) -> None:
    expected: dict[int, tuple[str, int]] = {}

    def write(first: int, count: int) -> None:
        for key in range(first, first + count):
            landscape.write(f"INSERT INTO partner VALUES ({key}, 'n{key}', '{key}')")
            landscape.write(f"UPDATE partner SET name = 'm{key}' WHERE id = {key}")
            expected[key] = (f"m{key}", key)

    write(1, 20)
    landscape.put(Stage.SYNCING)
    with ExitStack() as stack:
        first = stack.enter_context(landscape.process())
        until(landscape.captured, "the first worker captures", PATIENCE)
        until(lambda: landscape.stored() == expected, "the store is filled", PATIENCE)
        second = stack.enter_context(landscape.process())
        until(lambda: divided(landscape), "both have partitions", PATIENCE)
        write(100, 60)
        until(lambda: landscape.stored() == expected, "both deliver", PATIENCE)
        write(200, 40)
        kill(first)
        write(300, 40)
        until(lambda: landscape.stored() == expected, "the second captures and delivers all", PATIENCE)
        assert [members for members in landscape.members() if members] == [frozenset(range(PARTITIONS))]
        third = stack.enter_context(landscape.process())
        until(lambda: divided(landscape), "they are divided anew", PATIENCE)
        write(400, 20)
        until(lambda: landscape.stored() == expected, "all is delivered", PATIENCE)
        assert set(landscape.ids().values()) == {1}, "nothing was appended twice"

        with closing(assembly.log(landscape.settings)) as log:
            end = log.position("erp")
        until(lambda: (d := landscape.delivered()) and d.position >= end, "the store is complete", PATIENCE)
        landscape.put(Stage.LIVE, owner=Side.NEW, sync_until=end)
        generation = standings.of(landscape.control, "partners").generation
        until(lambda: (d := landscape.delivered()) and d.generation >= generation, "both know", PATIENCE)
        landscape.write(*(f"UPDATE partner SET name = 'late' WHERE id = {key}" for key in range(1, 9)))
        until(
            lambda: (d := landscape.delivered()) and d.late_writes == 8, "late writes are counted", PATIENCE
        )
        assert landscape.stored() == expected
        kill(second)
        kill(third)


def divided(landscape: Shared) -> bool:
    """Whether two workers have all partitions between them, each a part and none in common."""
    members = [each for each in landscape.members() if each]
    return len(members) == 2 and sorted(n for each in members for n in each) == list(range(PARTITIONS))
