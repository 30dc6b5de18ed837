"""The mirror: aggregates follow every change of every table, whole, once a transaction, and only where something is seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strangler.boundary import Boundary, Translation
from strangler.changes import ORIGIN, Position, Transaction
from strangler.events import Effect, Event
from strangler.mirror import Mirror
from strangler.mirror.file import MirrorFile
from tests.mirror.sales import Erp, sale

CAPTURE = "capture 1"


def opened(path: Path, erp: Erp | None = None, **changes: Any) -> Boundary:
    """A boundary with the mirror of the file; filled from the ERP where it has to be."""
    mapping = sale(**changes)
    mirror = Mirror(MirrorFile(path), [mapping])
    if not mirror.open(CAPTURE):
        mirror.fill(
            CAPTURE,
            ORIGIN,
            lambda layout: ((name, erp.read(name) if erp else []) for name in layout.tables),
            lambda: ORIGIN,
        )
    return Boundary([mapping], mirror=mirror)


def translated(boundary: Boundary, *batch: Transaction) -> list[Event]:
    """The events of a batch; the mirror is durable behind it."""
    into = Translation([], [])
    assert boundary.mirror is not None
    boundary.mirror.bring(batch)
    for transaction in batch:
        boundary.translate(transaction, into)
    boundary.mirror.commit(batch[-1].position)
    assert into.held == []
    return into.events


def followed(known: dict[str, dict[str, Any]], events: list[Event]) -> None:
    """Do to `known` what a store does."""
    for event in events:
        if event.effect is Effect.REMOVE:
            del known[event.key]  # What isn't there can't be removed.
        else:
            known[event.key] = dict(event.data)


@pytest.mark.parametrize("seed", range(12))
def test_aggregates_are_what_the_database_makes_of_their_parts(seed: int, tmp_path: Path) -> None:
    erp, path = Erp(seed), tmp_path / "erp.mirror.db"
    boundary, mapping = opened(path), sale()
    known: dict[str, dict[str, Any]] = {}
    for number in range(250):
        before = erp.aggregates(mapping)
        transaction = erp.work()
        events = translated(boundary, transaction)
        followed(known, events)
        after = erp.aggregates(mapping)
        assert known == after
        assert len({event.key for event in events}) == len(events), "one event an aggregate and transaction"
        seen = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        assert {event.key for event in events} == seen, "an event where something is seen, and only there"
        if number % 40 == 39:
            assert boundary.mirror is not None
            boundary.mirror.close()
            boundary = opened(path)


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_gives_what_its_transactions_give_one_by_one(seed: int, tmp_path: Path) -> None:
    erp = Erp(seed)
    transactions = [erp.work() for _ in range(300)]
    one_by_one = opened(tmp_path / "one.mirror.db")
    in_batches = opened(tmp_path / "batches.mirror.db")
    singly = [event for each in transactions for event in translated(one_by_one, each)]
    batched = [
        event
        for start in range(0, 300, 25)
        for event in translated(in_batches, *transactions[start : start + 25])
    ]
    assert batched == singly


def test_what_was_filled_is_gone_on_from(tmp_path: Path) -> None:
    erp, mapping = Erp(3), sale()
    for _ in range(100):
        erp.work()
    boundary, known = opened(tmp_path / "erp.mirror.db", erp), erp.aggregates(mapping)
    for _ in range(100):
        followed(known, translated(boundary, erp.work()))
    assert known == erp.aggregates(mapping)


def test_a_batch_that_wasnt_committed_is_applied_again(tmp_path: Path) -> None:
    erp, path, mapping = Erp(5), tmp_path / "erp.mirror.db", sale()
    boundary = opened(path)
    known: dict[str, dict[str, Any]] = {}
    for _ in range(50):
        followed(known, translated(boundary, erp.work()))
    lost = [erp.work() for _ in range(20)]
    assert boundary.mirror is not None
    boundary.mirror.bring(lost)
    first = Translation([], [])
    for each in lost:
        boundary.translate(each, first)
    boundary.mirror.close()
    events = translated(opened(path), *lost)
    assert events == first.events
    followed(known, events)
    assert known == erp.aggregates(mapping)


def test_up_to_the_horizon_nothing_is_said(tmp_path: Path) -> None:
    erp, mapping = Erp(8), sale()
    early = [erp.work() for _ in range(30)]
    mirror = Mirror(MirrorFile(tmp_path / "erp.mirror.db"), [mapping])
    assert not mirror.open(CAPTURE)
    mirror.fill(
        CAPTURE,
        ORIGIN,
        lambda layout: ((name, erp.read(name)) for name in layout.tables),
        lambda: early[-1].position,
    )
    boundary, known = Boundary([mapping], mirror=mirror), erp.aggregates(mapping)
    assert translated(boundary, *early) == []
    for _ in range(60):
        followed(known, translated(boundary, erp.work()))
    assert known == erp.aggregates(mapping)


def test_a_transaction_in_parts_is_one_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strangler.mirror.mirror.PART", 3)
    erp, path, mapping = Erp(11), tmp_path / "erp.mirror.db", sale()
    boundary = opened(path)
    known: dict[str, dict[str, Any]] = {}
    for number in range(80):
        parts = list(in_parts(erp.work(12), 3))
        events = []
        for part in parts:
            events += translated(boundary, part)
            if number % 10 == 0:
                assert boundary.mirror is not None
                boundary.mirror.close()
                boundary = opened(path)
        heartbeat = Transaction(Position(parts[-1].position + "/z"), "", 0.0, [])
        events += translated(boundary, heartbeat)
        followed(known, events)
        assert len({event.key for event in events}) == len(events)
        assert known == erp.aggregates(mapping)


def in_parts(transaction: Transaction, size: int) -> Iterator[Transaction]:
    changes = transaction.changes
    for start in range(0, len(changes), size):
        part = changes[start : start + size]
        last = start + size >= len(changes)
        yield transaction._replace(changes=part, position=transaction.position if last else part[-1].position)


def test_another_mapping_or_capture_wants_another_mirror(tmp_path: Path) -> None:
    path = tmp_path / "erp.mirror.db"
    boundary = opened(path)
    assert boundary.mirror is not None
    boundary.mirror.close()
    assert Mirror(MirrorFile(path), [sale()]).open(CAPTURE)
    assert not Mirror(MirrorFile(path), [sale()]).open("capture 2")
    assert not Mirror(
        MirrorFile(path), [sale(join={}, fields={"sale_id": "id"}, events={}, children={})]
    ).open(CAPTURE)
