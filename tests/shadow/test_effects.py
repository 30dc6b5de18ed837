"""What new foretold of a write against what sync derived from it: counterparts, differences, and what is missing or more."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from strangler.changes import Position
from strangler.control.sources import CLOCKS
from strangler.events import Effect, Event, encode_key
from strangler.settings import Entity, ShadowRule
from strangler.shadow.effects import Derived, Entities, Judgement, Write, judge
from strangler.shadow.foretold import Foretold, foretold, together
from strangler.shadow.rules import compiled

ENTITY = Entity.model_validate(
    {"table": "partner", "key": "id", "fields": {"id": "id", "name": "name", "credit": "credit"}}
)
ENTITIES = Entities({"partner": ENTITY})
AT = 1000.0
"""When legacy answered; it took a second."""


def event(key: Any, type: str = "PartnerChanged", *, at: float = AT - 0.5, place: str = "5/1", **data: Any) -> Event:  # fmt: skip
    effect = Effect.REMOVE if type == "PartnerRemoved" else Effect.UPSERT
    given = data if effect is Effect.REMOVE else {"id": key, **data}
    return Event(type, "partners", "partner", effect, encode_key([key]), Position(place), at, "m", given)


def told(key: str | None, type: str = "PartnerChanged", **data: Any) -> Foretold:
    return Foretold(type, None if key is None else (key,), data)


def judged(
    expected: list[Foretold], derived: list[Event], *, rules: list[dict[str, str]] | None = None, key: str | None = None, later: Any = None
) -> Judgement:  # fmt: skip
    written = compiled(
        [ShadowRule.model_validate({"owner": "me", "reason": "so", **rule}) for rule in rules or []],
        {},
        date(2026, 11, 30),
    )
    seen = [Derived(number, each, AT) for number, each in enumerate(derived)]
    return judge(Write(AT - 1, AT, expected, key), seen, ENTITIES, written, later or {})


FULL = {"id": 7, "name": "a", "credit": "1.5"}
A, B, C = ({"name": name, "credit": None} for name in "abc")
EXTRA, MISSING = ("PartnerChanged", "extra"), ("PartnerChanged", "missing")
NAME, CREDIT, COLOUR = (
    ("PartnerChanged.name", "value"),
    ("PartnerChanged.credit", "missing"),
    ("PartnerChanged.colour", "extra"),
)
SAME = event(7, name="a", credit="1.5")


@pytest.mark.parametrize(
    ("expected", "derived", "outcome", "differences"),
    [
        ([told("7", **FULL)], [SAME], "matched", []),
        ([told("7", **FULL)], [event(7, name="b", credit="1.5")], "mismatched", [NAME]),
        ([told("7", **FULL)], [], "missing", [EXTRA]),
        ([told("7", **FULL)], [event(8, name="a", credit="1.5")], "missing", [EXTRA]),
        # Another type of the same key, near by, is what legacy did instead; far away it is another one's.
        (
            [told("7", **FULL)],
            [event(7, "PartnerRemoved")],
            "missing",
            [EXTRA, ("PartnerRemoved", "missing")],
        ),
        ([told("7", **FULL)], [event(7, "PartnerRemoved", at=AT + CLOCKS + 1)], "missing", [EXTRA]),
        # What was done beside, in the same transaction.
        ([told("7", **FULL)], [SAME, event(8, name="x", place="5/2")], "unexpected", [MISSING]),
        ([told("7", **FULL)], [SAME, event(8, name="x", place="6/1")], "matched", []),
        # A field of which the source says nothing isn't compared; one that the mapping doesn't have is.
        ([told("7", **FULL)], [event(7, name="a")], "matched", []),
        ([told("7", **FULL, colour="red")], [SAME], "mismatched", [COLOUR]),
        ([told("7", id=7, name="a")], [SAME], "mismatched", [CREDIT]),
        ([told("7", "PartnerRemoved")], [event(7, "PartnerRemoved")], "matched", []),
        ([told("7", "PartnerRemoved", **FULL)], [event(7, "PartnerRemoved")], "matched", []),
        # The key is only made up when it is written: the event is found by what it says.
        ([told(None, id=99, **B)], [event(7, **A), event(8, place="6/1", **B)], "matched", []),
        ([told(None, **B)], [event(7, **A)], "mismatched", [NAME]),
        # Several of one transaction, also of one key.
        (
            [told("7", id=7, **A), told("8", id=8, **B)],
            [event(8, **B), event(7, place="5/2", **A)],
            "matched",
            [],
        ),
        ([told("7", **FULL), told("7", **FULL)], [SAME], "missing", [EXTRA]),
        # Of several the one that is alike, however far.
        ([told("7", id=7, **A)], [event(7, **B), event(7, place="6/1", at=AT + 9, **A)], "matched", []),
        ([], [], "matched", []),
    ],
)
def test_a_write_is_judged_by_what_became_of_it(
    expected: list[Foretold], derived: list[Event], outcome: str, differences: list[tuple[str, str]]
) -> None:
    found = judged(expected, derived)
    assert found.outcome == outcome
    assert sorted((each.place, each.kind) for each in found.differences) == sorted(differences)


def test_the_nearest_of_two_that_differ_is_taken_and_accounted_for() -> None:
    far, near = event(7, name="b", credit="1", place="4/1", at=AT - 9), event(7, name="c", credit="1")
    found = judged([told("7", **FULL)], [far, near])
    assert found.claimed == {1}
    assert "c" in [each.legacy for each in found.differences]


def test_what_a_later_write_foretells_is_not_held_against_an_earlier_one() -> None:
    removed = event(7, "PartnerRemoved")
    later = {("PartnerRemoved", ("7",)): 1}
    assert judged([told("7", **FULL)], [removed], later=later).unexpected == 0
    assert judged([told("7", **FULL)], [removed]).unexpected == 1


def test_a_write_of_which_nothing_was_foretold_is_known_by_its_key() -> None:
    assert judged([], [event(7, name="a")], key="7").outcome == "unexpected"
    assert judged([], [event(8, name="a")], key="7").outcome == "matched"


def test_the_rules_of_the_function_hold_below_the_type() -> None:
    rules = [{"rule": "decimal", "path": "PartnerChanged.credit"}, {"rule": "ignore", "path": "*.name"}]
    found = judged(
        [told("7", id=7, name="A", credit="1.50")], [event(7, name="a", credit="1.5")], rules=rules
    )
    assert (found.outcome, found.hidden) == ("matched", {0: 1, 1: 1})


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'[{"type":"A","key":7}]', ("7",)),
        (b'[{"type":"A","key":["7"]}]', ("7",)),
        (b'[{"type":"A","key":[7,"x"]}]', ("7", "x")),
        (b'[{"type":"A","key":null}]', None),
        (b'[{"type":"A"}]', None),
    ],
)
def test_keys_are_alike_however_they_are_written(body: bytes, key: tuple[str, ...] | None) -> None:
    assert foretold(body) == [Foretold("A", key, {})]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"{", "Expecting"),
        (b"{}", "no list"),
        (b"[1]", "no object"),
        (b'[{"key":1}]', "no type"),
        (b'[{"type":"a b"}]', "no type"),
        (b'[{"type":"A","data":[]}]', "data of A"),
        (b'[{"type":"A","key":{}}]', "key of A"),
        (b'[{"type":"A","key":[]}]', "key of A"),
        (b'[{"type":"A","key":[null]}]', "key of A"),
        (b'[{"type":"A","key":true}]', "key of A"),
        (b"[" * 5000, "nested"),
    ],
)
def test_what_is_no_list_of_events_is_refused_with_its_reason(body: bytes, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        foretold(body)


def test_several_answers_are_put_together_without_losing_a_digit() -> None:
    bodies = [b' [{"type":"A","data":{"n":90071992547409.9300000000000001}}]\n', b"[]", b'[{"type":"B"}]']
    events = foretold(together(bodies).encode())
    assert [each.type for each in events] == ["A", "B"]
    assert str(events[0].data["n"]) == "90071992547409.9300000000000001"
