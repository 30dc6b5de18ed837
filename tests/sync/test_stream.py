"""The stream: it comes up for air, whatever the source sends."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from strangler.boundary import Boundary
from strangler.changes import Change, Position, Transaction
from strangler.control import sources
from strangler.control.store import Control
from strangler.ports import ChangeSource
from strangler.settings import Log
from strangler.shapes import Table
from strangler.sync import stream
from strangler.sync.schema import Schema
from strangler.sync.stream import Stream
from strangler_adapters import sql_log
from tests.sync.partners import TABLE, insert, mapping, position, row, settings, transaction


class Endless:
    """A source that never runs dry: each transaction is followed by another one at once. `stop` is set by an acknowledgement."""

    def __init__(self, stop: threading.Event, bad: bool) -> None:
        self._stop, self._bad, self._number = stop, bad, 0
        self.acknowledged: list[Position] = []

    def describe(self, tables: Sequence[str]) -> dict[str, Table]:
        return {TABLE.name: TABLE}

    def behind(self) -> int | None:
        return None

    def prepare(self, anew: bool = False) -> str:
        return "this one"

    def stream(self, after: Position, identity: str) -> Endless:
        return self

    def read(self, wait: float) -> Transaction:
        self._number += 1
        assert self._number < 1000, "nothing was made durable in 1000 transactions"
        return transaction(self._number, *self._changes())

    def _changes(self) -> Sequence[Change]:
        if not self._bad:
            return [Change(position(self._number), "other", insert(position(1), {}).operation, None, {})]
        return [insert(position(self._number), row(self._number, number="bad"))]

    def acknowledge(self, at: Position) -> None:
        self.acknowledged.append(at)
        self._stop.set()

    def close(self) -> None: ...
    def __enter__(self) -> Endless:
        return self

    def __exit__(self, *exc: object) -> None: ...


class Quiet(Endless):
    """A source in which something changed long ago; since then it says by heartbeats that nothing does."""

    def read(self, wait: float) -> Transaction | None:
        if not wait and self._number:
            return None
        self._number += 1
        return transaction(self._number, *self._changes() if self._number == 1 else ())

    def acknowledge(self, at: Position) -> None:
        self.acknowledged.append(at)
        if len(self.acknowledged) == 3:
            self._stop.set()


def ran(tmp_path: Path, bad: bool, kind: type[Endless] = Endless) -> Endless:
    stop = threading.Event()
    source = kind(stop, bad)

    def nothing() -> None: ...

    with (
        Control.open(f"sqlite:///{tmp_path}/control.db") as control,
        closing(sql_log.connect("log", Log(url=cast(Any, f"sqlite:///{tmp_path}/log.db")))) as log,
    ):
        boundary = Boundary([mapping()])
        schema = Schema("erp", settings(), control)
        Stream(
            "erp", cast(ChangeSource, source), schema, boundary, log, control, 20, {}, nothing, nothing
        ).run(stop)
        assert log.position("erp") == source.acknowledged[-1]
    return source


def test_a_source_that_sends_only_what_nobody_maps_is_acknowledged_batch_by_batch(tmp_path: Path) -> None:
    assert ran(tmp_path, bad=False).acknowledged == [position(20, 0xFFFFFFFF)]


def test_a_source_whose_every_row_is_held_is_acknowledged_batch_by_batch(tmp_path: Path) -> None:
    assert ran(tmp_path, bad=True).acknowledged == [position(20, 0xFFFFFFFF)]


def test_a_heartbeat_says_that_the_source_lives_and_not_that_something_was_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "NOTE_EVERY", -1.0)
    ran(tmp_path, False, Quiet)
    with Control.open(f"sqlite:///{tmp_path}/control.db") as control:
        found = sources.get(control, "erp")
    assert found is not None
    assert (found.position, found.changed_at) == (position(3, 0xFFFFFFFF), transaction(1).committed_at)
    assert found.committed_at == found.seen_at, "it has nothing more to tell"
