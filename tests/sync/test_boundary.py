"""The boundary: one event per entity and transaction, the right name, and quarantine per key."""

from __future__ import annotations

from strangler.boundary import WAITING, Boundary, HeldKey, Translation
from strangler.changes import UNCHANGED, Change, Operation, Transaction
from strangler.events import Effect, Event
from strangler.mapping import compile_entity
from strangler.quarantine import release, to_record
from strangler.settings import EventName
from tests.sync.partners import ENTITY, TABLE, delete, insert, mapping, position, row, transaction, update


def translated(*transactions: Transaction, boundary: Boundary | None = None) -> Translation:
    result = Translation([], [])
    at = boundary or Boundary([mapping()])
    for each in transactions:
        at.translate(each, result)
    return result


def types(events: list[Event]) -> list[str]:
    return [event.type for event in events]


def test_a_change_becomes_an_event_with_its_position_and_the_commit_time() -> None:
    (event,) = translated(transaction(5, insert(position(5), row(1, name=" A "))))[0]
    assert event == Event(
        "PartnerRegistered", "partners", "partner", Effect.UPSERT, "[1]", position(5), 1005.0, mapping().version,
        {"id": 1, "name": "A", "number": 7, "active": True, "note": None},
    )  # fmt: skip


def test_names_follow_operation_and_condition() -> None:
    result = translated(
        transaction(1, update(position(1), row(1))),
        transaction(2, update(position(2), row(1, active=False))),
        transaction(3, delete(position(3), 1)),
    )
    assert types(result.events) == ["PartnerChanged", "PartnerDeactivated", "PartnerRemoved"]
    assert result.events[2].effect is Effect.REMOVE


def test_a_placeholder_filled_in_by_its_transaction_is_one_event() -> None:
    result = translated(
        transaction(
            1,
            insert(position(1, 0), row(1, name="2026-11-23 10:00")),
            update(position(1, 1), row(1, name="ACME")),
        )
    )
    assert [(e.type, e.data["name"], e.position) for e in result.events] == [
        ("PartnerRegistered", "ACME", position(1, 1))
    ]


def test_a_transition_is_from_before_the_transaction_to_after_it() -> None:
    when = "name = 'C' AND before.name = 'A'"
    events = ENTITY.events.model_copy(update={"changed": [EventName(name="PartnerRenamed", when=when)]})
    renaming = compile_entity("partners", "partner", ENTITY.model_copy(update={"events": events}), TABLE)
    a, b, c = (row(1, name=name) for name in "ABC")
    changes = update(position(1, 0), b, old=a), update(position(1, 1), c, old=b)
    (event,) = translated(transaction(1, *changes), boundary=Boundary([renaming])).events
    assert event.type == "PartnerRenamed"


def test_what_came_and_went_in_one_transaction_is_no_event() -> None:
    assert translated(transaction(1, insert(position(1, 0), row(1)), delete(position(1, 1), 1))).events == []


def test_deleted_and_inserted_again_is_a_change() -> None:
    result = translated(transaction(1, delete(position(1, 0), 1), insert(position(1, 1), row(1))))
    assert types(result.events) == ["PartnerChanged"]


def test_what_came_went_and_came_again_is_registered_once() -> None:
    changes = (
        insert(position(1, 0), row(1)),
        delete(position(1, 1), 1),
        insert(position(1, 2), row(1, name="B")),
    )
    result = translated(transaction(1, *changes))
    assert [(e.type, e.data["name"]) for e in result.events] == [("PartnerRegistered", "B")]


def test_a_new_key_is_a_removal_and_a_registration() -> None:
    result = translated(transaction(1, update(position(1), row(2), old={"id": 1})))
    assert [(e.type, e.key) for e in result.events] == [
        ("PartnerRemoved", "[1]"),
        ("PartnerRegistered", "[2]"),
    ]
    assert len({e.id for e in result.events}) == 2


def test_a_change_of_nothing_that_is_mapped_is_no_event() -> None:
    assert translated(transaction(1, update(position(1), row(1), old=row(1)))).events == []


def test_an_unchanged_column_is_absent_and_not_null() -> None:
    (event,) = translated(transaction(1, update(position(1), row(1, note=UNCHANGED))))[0]
    assert "note" not in event.data


def test_an_unchanged_column_keeps_what_the_same_transaction_wrote_before() -> None:
    changes = update(position(1, 0), row(1, note="long")), update(position(1, 1), row(1, note=UNCHANGED))
    (event,) = translated(transaction(1, *changes))[0]
    assert event.data["note"] == "long"


def test_translating_again_gives_the_same_event() -> None:
    one, two = (translated(transaction(1, insert(position(1), row(1)))).events for _ in range(2))
    assert one == two
    assert one[0].id == two[0].id


def test_invariant_7_what_cannot_be_translated_is_held_and_its_key_waits_while_others_go_on() -> None:
    boundary = Boundary([mapping()])
    result = translated(
        transaction(1, update(position(1), row(1, number="seven"))),
        transaction(2, update(position(2), row(1, number="8"))),
        transaction(3, update(position(3), row(2))),
        boundary=boundary,
    )
    assert [event.key for event in result.events] == ["[2]"]
    assert [(held.key.key, held.change.position) for held in result.held] == [
        ("[1]", position(1)),
        ("[1]", position(2)),
    ]
    assert "number" in result.held[0].reason
    assert result.held[1].reason == WAITING
    assert boundary.held == {HeldKey("partners", "partner", "[1]")}


def test_invariant_7_a_truncate_is_held_and_never_passed_over() -> None:
    change = Change(position(1), "partner", Operation.TRUNCATE, None, None)
    result = translated(transaction(1, change))
    assert result.events == []
    assert "TRUNCATE" in result.held[0].reason


def test_invariant_7_a_row_under_a_new_key_that_was_not_sent_whole_is_held() -> None:
    moved = update(position(1), row(2, note=UNCHANGED), old={"id": 1})
    result = translated(transaction(1, moved))
    assert [(e.type, e.key) for e in result.events] == [("PartnerRemoved", "[1]")]
    (held,) = result.held
    assert held.key.key == "[2]"
    assert "REPLICA IDENTITY FULL" in held.reason


def test_invariant_7_it_is_held_too_where_it_takes_the_place_of_a_row_that_just_went() -> None:
    moved = update(position(1, 1), row(2, note=UNCHANGED), old={"id": 1})
    boundary = Boundary([mapping()])
    result = translated(transaction(1, delete(position(1, 0), 2), moved), boundary=boundary)
    assert [held.key.key for held in result.held] == ["[2]"]
    assert release(mapping(), [to_record(held, 0.0) for held in result.held]).events == []


def test_a_table_that_no_mapping_names_passes_by() -> None:
    change = Change(position(1), "other", Operation.INSERT, None, {"id": 1})
    assert translated(transaction(1, change)) == Translation([], [])
