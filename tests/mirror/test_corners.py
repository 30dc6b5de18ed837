"""Corners of the mirror: parts through a log, two workers, what isn't sent, keys that move, and what can't be translated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from strangler.boundary import Boundary, Translation
from strangler.changes import ORIGIN, UNCHANGED, Change, Operation, Position, Row, Transaction
from strangler.errors import Unavailable
from strangler.events import Effect, Event
from strangler.mapping import EntityMapping, compile_entity
from strangler.mirror import Mirror
from strangler.mirror.file import MirrorFile
from strangler.outcomes import events_now
from strangler.settings import Entity
from strangler.testing.event_log import everything
from strangler.testing.memory_log import MemoryLog, MemoryRecords
from tests.mirror.sales import ENTITY, TABLES, sale

INSERT, UPDATE, DELETE = Operation.INSERT, Operation.UPDATE, Operation.DELETE


def opened(path: Path, mapping: EntityMapping) -> Boundary:
    mirror = Mirror(MirrorFile(path), [mapping])
    if not mirror.open("capture"):
        mirror.fill("capture", ORIGIN, lambda layout: ((name, []) for name in layout.tables), lambda: ORIGIN)
    return Boundary([mapping], mirror=mirror)


def a_sale(key: int, **values: Any) -> Row:
    return {"id": key, "party": None, "state": "open", "unmapped": 1} | values


def transaction(number: int, *changes: tuple[str, Operation, Row | None, Row | None]) -> Transaction:
    listed = [Change(Position(f"{number:04}/{index:04}"), *each) for index, each in enumerate(changes)]
    return Transaction(Position(f"{number:04}/{len(changes):04}"), str(number), float(number), listed)


def translated(boundary: Boundary, *batch: Transaction) -> Translation:
    into = Translation([], [])
    assert boundary.mirror is not None
    boundary.mirror.bring(batch)
    for each in batch:
        boundary.translate(each, into)
    boundary.mirror.commit(batch[-1].position)
    return into


def said(events: list[Event]) -> list[tuple[str, Effect]]:
    return [(event.key, event.effect) for event in events]


def by_state(tmp_path: Path) -> Boundary:
    """Sales whose key is their state, a text, of one table with a join that isn't used."""
    join = {"p": {"table": "party", "on": {"id": "party"}}}
    fields = {"state": "state", "party": "p.name"}
    return opened(
        tmp_path / "state.mirror.db", sale(children={}, join=join, fields=fields, events={}, key="state")
    )


def numbered(tmp_path: Path) -> Boundary:
    """Sales that can't be translated while their party's name isn't a number."""
    join = {"p": {"table": "party", "on": {"id": "party"}}}
    fields = {"id": "id", "number": "CAST(p.name AS INTEGER)"}
    return opened(
        tmp_path / "numbered.mirror.db", sale(children={}, join=join, fields=fields, events={}, key="id")
    )


def a_party(key: int, name: str | None) -> Row:
    return {"id": key, "name": name, "lang": None}


def test_every_part_of_a_transaction_comes_to_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strangler.mirror.mirror.PART", 3)
    boundary, log = opened(tmp_path / "erp.mirror.db", sale()), MemoryLog(MemoryRecords())
    whole = transaction(1, *(("sale", INSERT, None, a_sale(key)) for key in range(1, 9)))
    for start in (0, 3, 6):
        changes = whole.changes[start : start + 3]
        part = whole._replace(changes=changes, position=changes[-1].position if start < 6 else whole.position)
        log.append("erp", translated(boundary, part).events, part.position)
    assert {each.key for each in everything(log, "sales")} == {f"[{key}]" for key in range(1, 9)}


def test_a_last_part_that_is_full_is_said_with_what_comes_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strangler.mirror.mirror.PART", 2)
    boundary, log = opened(tmp_path / "erp.mirror.db", sale()), MemoryLog(MemoryRecords())
    full = transaction(1, ("sale", INSERT, None, a_sale(1)), ("sale", INSERT, None, a_sale(2)))
    for each in (full, transaction(2, ("sale", UPDATE, None, a_sale(2, state="done")))):
        log.append("erp", translated(boundary, each).events, each.position)
    assert [(each.key, each.data["state"]) for each in everything(log, "sales")] == [
        ("[1]", "open"),
        ("[2]", "done"),
    ]


def test_of_two_workers_with_one_file_only_one_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "erp.mirror.db"
    slow, quick = opened(path, sale()), opened(path, sale())
    translated(quick, transaction(1, ("sale", INSERT, None, a_sale(1))))
    with pytest.raises(Unavailable, match="another worker"):
        translated(slow, transaction(1, ("sale", INSERT, None, a_sale(2))))


def test_what_isnt_sent_when_the_key_changes_is_known_from_before(tmp_path: Path) -> None:
    boundary = opened(tmp_path / "erp.mirror.db", sale())
    translated(boundary, transaction(1, ("sale", INSERT, None, a_sale(1, state="done"))))
    moved = ("sale", UPDATE, {"id": 1}, a_sale(2, state=UNCHANGED))
    events = translated(boundary, transaction(2, moved)).events
    assert said(events) == [("[1]", Effect.REMOVE), ("[2]", Effect.UPSERT)]
    assert events[1].data["state"] == "done"


def test_a_key_that_goes_from_one_root_to_another_isnt_removed(tmp_path: Path) -> None:
    boundary = by_state(tmp_path)
    translated(boundary, transaction(1, ("sale", INSERT, None, a_sale(1, state="A"))))
    events = translated(
        boundary,
        transaction(
            2,
            ("sale", UPDATE, None, a_sale(1, state="B")),
            ("sale", INSERT, None, a_sale(2, state="A")),
            ("sale", UPDATE, None, a_sale(1, state="C")),
        ),
    ).events
    assert sorted(said(events)) == [('["A"]', Effect.UPSERT), ('["C"]', Effect.UPSERT)]


def test_what_couldnt_be_translated_is_removed_with_its_row(tmp_path: Path) -> None:
    boundary = numbered(tmp_path)
    rows = (("party", INSERT, None, a_party(1, "7")), ("sale", INSERT, None, a_sale(1, party=1)))
    assert said(translated(boundary, transaction(1, *rows)).events) == [("[1]", Effect.UPSERT)]
    [held] = translated(boundary, transaction(2, ("party", UPDATE, None, a_party(1, "x")))).held
    assert held.key.key == "[1]"
    boundary.held.clear()  # Dropped by a user.
    events = translated(boundary, transaction(3, ("sale", DELETE, {"id": 1}, None))).events
    assert said(events) == [("[1]", Effect.REMOVE)]


def test_what_is_released_is_as_it_is_now_and_alone(tmp_path: Path) -> None:
    boundary = numbered(tmp_path)
    rows = [("party", INSERT, None, a_party(1, "x"))]
    rows += [("sale", INSERT, None, a_sale(key, party=1)) for key in (1, 2)]
    held = translated(boundary, transaction(1, *rows)).held
    assert {each.key.key for each in held} == {"[1]", "[2]"}
    waiting = translated(boundary, transaction(2, ("party", UPDATE, None, a_party(1, "8")))).held
    changes = [each.change for each in (*held, *waiting) if each.key.key == "[1]"]
    mapping, mirror = boundary.mapping("sales", "sale"), boundary.mirror
    assert mapping is not None
    assert mirror is not None
    assert len(changes) == 2
    [event] = events_now(mirror, mapping, "[1]", changes, 0.0)
    assert (event.key, event.data["number"], event.position) == ("[1]", 8, mirror.position)


def test_of_an_entity_that_is_no_more_nothing_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strangler.mirror.mirror.PART", 1)
    path, mapping = tmp_path / "erp.mirror.db", sale()
    first = opened(path, mapping)
    translated(first, transaction(1, ("sale", INSERT, None, a_sale(1))))
    assert first.mirror is not None
    first.mirror.close()
    renamed = Boundary([mapping], mirror=Mirror(MirrorFile(path), [_renamed()]))
    assert renamed.mirror is not None
    assert renamed.mirror.open("capture")
    assert renamed.mirror.is_whole


def _renamed() -> EntityMapping:
    return compile_entity("sales", "order", Entity.model_validate(ENTITY), TABLES["sale"], others=TABLES)
