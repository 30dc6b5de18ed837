"""Taking over with a mirror: whoever reads a source on makes its aggregates of what legacy has, whatever mirror is found there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from strangler.boundary import Boundary
from strangler.changes import Position
from strangler.control import backfills
from strangler.control.store import Control
from strangler.mapping import compile_entity
from strangler.mirror import Mirror
from strangler.mirror.file import MirrorFile
from strangler.ports import EventLog
from strangler.settings import Entity, Function, Log, Settings, Source
from strangler.shapes import Column, FieldType, Table
from strangler.sync.schema import Schema
from strangler.sync.stream import Stream
from strangler.testing.memory_source import MemoryDatabase, MemorySource
from strangler_adapters import sql_log

INTEGER = Column("id", FieldType.INTEGER, False, "integer")

TABLES = {
    "sale": Table("sale", (INTEGER, Column("party", FieldType.INTEGER, True, "integer")), ("id",)),
    "party": Table("party", (INTEGER, Column("name", FieldType.TEXT, True, "text")), ("id",)),
}

ENTITY = Entity.model_validate(
    {
        "table": "sale",
        "key": "id",
        "join": {"party": {"table": "party", "on": {"id": "party"}}},
        "fields": {"id": "id", "name": "party.name"},
    }
)

MAPPING = compile_entity("sales", "sale", ENTITY, TABLES["sale"], others=TABLES)

CAPTURED = {"sale": ["id", "party"], "party": ["id", "name"]}


class Watched(MemorySource):
    """The source, of which is known how many backfills were asked for when a safe position was."""

    control: Control

    def __init__(self, database: MemoryDatabase) -> None:
        super().__init__("erp", database, CAPTURED, heartbeat=0.0)
        self.asked_before: list[int] = []

    def safe_position(self, timeout: float) -> Position:
        record = backfills.get(self.control, "sales", "sale")
        self.asked_before.append(record.run if record else 0)
        return super().safe_position(timeout)


class Scene:
    """A legacy database, and what outlives the workers that read it."""

    def __init__(self, path: Path, control: Control, log: EventLog) -> None:
        self._path, self.control, self._log = path, control, log
        self.database = MemoryDatabase(list(TABLES.values()))
        self.source = Watched(self.database)
        self.source.control = control

    def write(self, name: str) -> None:
        """One more sale, and another name for the party of all of them."""
        with self.database.transaction() as transaction:
            transaction.delete("party", {})
            transaction.insert("party", {"id": 1, "name": name})
            transaction.insert("sale", {"id": len(self.database.rows["sale"]) + 1, "party": 1})

    def work(self, host: str) -> None:
        """A worker of this host, with a mirror of its own, reads what there is."""
        stop, until = threading.Event(), self.database.number
        mirror = Mirror(MirrorFile(self._path / host / "mirror.db"), [MAPPING])
        section = Source(kind="memory", url=SecretStr("memory://"))
        function = Function(source="erp", store="service", entities={"sale": ENTITY})
        settings = Settings(sources={"erp": section}, functions={"sales": function})
        source = self.source

        class Once(Stream):
            def _note(self, *seen: Any) -> None:
                if self._position >= f"{until:016}/":
                    stop.set()

        with closing(mirror):
            Once(
                "erp", source, Schema("erp", settings, self.control), Boundary([MAPPING], mirror=mirror),
                self._log, self.control, 100, {}, lambda: None, lambda: None,
            ).run(stop)  # fmt: skip

    def known(self) -> dict[str, Any]:
        """Key → name, as the log's last event of each has it."""
        return {
            record.event.key: record.event.data["name"]
            for record in self._log.read("sales", 0, cast(Any, 0), 1000)
        }


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with (
        Control.open(f"sqlite:///{tmp_path}/control.db") as control,
        closing(sql_log.connect("log", Log(url=cast(Any, f"sqlite:///{tmp_path}/log.db")))) as log,
    ):
        yield Scene(tmp_path, control, log)


def test_a_mirror_of_an_earlier_time_is_filled_again(scene: Scene) -> None:
    scene.work("one")
    scene.write("ann")
    scene.work("one")
    scene.write("bob")
    scene.work("two")
    backfills.request(scene.control, "sales", "sale")
    scene.write("eve")
    scene.work("two")
    scene.write("zoe")
    scene.work("one")  # What it missed was acknowledged by the other one, and is no more.
    asked = backfills.get(scene.control, "sales", "sale")
    assert asked is not None
    assert asked.run == 2, "what its mirror passed over in silence is filled again"
    scene.write("joy")
    scene.work("one")
    assert scene.known() == {f"[{key}]": "joy" for key in range(1, 6)}


def test_backfills_are_asked_for_behind_what_a_new_mirror_passes_over(scene: Scene) -> None:
    scene.work("one")
    backfills.request(scene.control, "sales", "sale")
    scene.source.asked_before.clear()
    scene.work("two")
    record = backfills.get(scene.control, "sales", "sale")
    assert record is not None
    assert record.run == 2
    assert set(scene.source.asked_before) == {1}
