"""Numbers that are handed over with the ownership: none comes twice, on real counters of legacy and of stores."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from strangler.control import handings, ledger
from strangler.control.store import Control
from strangler.cutover.outside import outside
from strangler.cutover.stages import EVERYONE, Side
from strangler.errors import Refused
from strangler.numbering.handing import Numbering
from strangler.settings import Counter, Settings
from tests.fencing.legacies import Legacy

SEQUENCE = {"legacy": "party_code", "new": "party_code"}
ROW = {"legacy": {"table": "counter", "column": "last", "where": "object = 'PARTY'"}, "new": "party_code"}
LARGEST = {"legacy": {"table": "party", "column": "id"}, "new": "party_code"}


@pytest.fixture
def counting(legacy: Legacy) -> Legacy:
    """A legacy with a counter of every kind, at 40, and a store whose own is at 3."""
    legacy.run("CREATE TABLE counter (object VARCHAR(20), last VARCHAR(20))")
    legacy.run("INSERT INTO counter VALUES ('PARTY', '0000000040'), ('SALE', '7')")
    legacy.run("INSERT INTO party VALUES (40, 'the last', 1)")
    if legacy.kind == "postgres":
        legacy.run("CREATE SEQUENCE party_code", "SELECT setval('party_code', 40)")
    elif legacy.kind == "mysql":
        legacy.run("CREATE SEQUENCE party_code START WITH 41 NOCACHE")
    else:
        legacy.run("CREATE TABLE party_code (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        legacy.run("INSERT INTO party_code VALUES (40)")
    with closing(sqlite3.connect(legacy.home / "new.db")) as store:
        store.execute("CREATE TABLE party_code (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        store.execute("INSERT INTO party_code VALUES (3)")
        store.commit()
    return legacy


def draw_new(legacy: Legacy) -> int:
    with closing(sqlite3.connect(legacy.home / "new.db")) as store:
        number = store.execute("INSERT INTO party_code DEFAULT VALUES RETURNING id").fetchone()[0]
        store.commit()
        return int(number)


def draw_legacy(legacy: Legacy) -> int:
    draw = {
        "postgres": "SELECT nextval('party_code')",
        "mysql": "SELECT NEXTVAL(party_code)",
        "sqlite": "INSERT INTO party_code DEFAULT VALUES RETURNING id",
    }[legacy.kind]
    return int(legacy.run(draw)[0][0])


class Handing:
    """The numbers of the function, each act with connections of its own."""

    def __init__(self, legacy: Legacy, control: Control, numbers: list[dict[str, Any]]) -> None:
        self._moving = partial(legacy.moving, control, numbers=numbers)

    def ready(self) -> None:
        with self._moving() as moving:
            Numbering(moving).ready()

    def hand_over(self, to: Side) -> None:
        with self._moving() as moving:
            Numbering(moving).hand_over(to)

    def take_back(self) -> None:
        with self._moving() as moving:
            Numbering(moving).take_back()


def numbering(legacy: Legacy, control: Control, *numbers: dict[str, Any]) -> Handing:
    return Handing(legacy, control, list(numbers))


@pytest.mark.parametrize("numbers", [SEQUENCE, ROW, LARGEST])
def test_new_goes_on_beyond_what_legacy_has_given(
    counting: Legacy, control: Control, numbers: dict[str, Any]
) -> None:
    handing = numbering(counting, control, {**numbers, "gap": 100})
    for _ in range(2):
        handing.hand_over(Side.NEW)
    assert draw_new(counting) == 141
    said = ledger.entries(control)[0].body["numbers"]
    assert [(each["last"], each["before"], each["after"]) for each in said] == [(40, 3, 140)]


def test_legacy_goes_on_beyond_what_new_has_given_and_a_row_keeps_its_zeros(
    counting: Legacy, control: Control
) -> None:
    handing = numbering(counting, control, {**SEQUENCE, "gap": 10}, {**ROW, "gap": 10}, LARGEST)
    handing.hand_over(Side.NEW)
    handings.forget(control, "party", EVERYONE)
    assert draw_new(counting) == 1041  # The widest gap of the three counts.
    handing.hand_over(Side.LEGACY)
    assert draw_legacy(counting) == 1052
    rows = dict(counting.run("SELECT object, last FROM counter"))
    assert rows == {"PARTY": "0000001051", "SALE": "7"}


def test_a_switch_that_is_undone_puts_the_counter_back_unless_somebody_has_drawn(
    counting: Legacy, control: Control
) -> None:
    handing = numbering(counting, control, SEQUENCE)
    handing.hand_over(Side.NEW)
    for _ in range(2):
        handing.take_back()
    assert draw_new(counting) == 4
    handing.hand_over(Side.NEW)
    assert draw_new(counting) == 1041
    handing.take_back()
    assert draw_new(counting) == 1042
    words = [entry.body["numbers"] for entry in ledger.entries(control) if entry.kind == "numbers taken back"]
    assert words == ["1 of 1 set back", "0 of 1 set back"]


def test_a_legacy_counter_is_put_back_too(counting: Legacy, control: Control) -> None:
    handing = numbering(counting, control, {**SEQUENCE, "gap": 100}, {**ROW, "gap": 100})
    handing.hand_over(Side.LEGACY)
    handing.take_back()
    assert draw_legacy(counting) == 41
    assert dict(counting.run("SELECT object, last FROM counter"))["PARTY"] == "0000000040"


def test_a_store_that_is_away_is_not_waited_for(counting: Legacy, control: Control) -> None:
    handing = numbering(counting, control, SEQUENCE)
    handing.hand_over(Side.NEW)
    counting.run("DROP TABLE party_code" if counting.kind == "sqlite" else "DROP SEQUENCE party_code")
    with closing(sqlite3.connect(counting.home / "new.db")) as store:
        store.execute("DROP TABLE party_code")
    (counting.home / "new.db").write_bytes(b"no database" * 200)
    handing.take_back()
    assert "left as they are, which is a gap" in ledger.entries(control)[-1].body["numbers"]
    assert handings.of(control, "party", EVERYONE) == []


def ask_for_the_way_back(settings: Settings, control: Control) -> None:
    with closing(outside(settings, control, "party", EVERYONE)) as world:
        world.way_back()


def test_a_counter_that_is_none_is_refused_before_the_switch(counting: Legacy, control: Control) -> None:
    settings = counting.settings(numbers=[{**ROW, "legacy": {**ROW["legacy"], "where": "1 = 1"}}])  # type: ignore[dict-item]
    with pytest.raises(Refused, match="is no counter: 2 rows of counter are so"):
        ask_for_the_way_back(settings, control)
    counting.run("UPDATE counter SET last = 'A7' WHERE object = 'PARTY'")
    with pytest.raises(Refused, match="'A7', which is no number"):
        ask_for_the_way_back(counting.settings(numbers=[ROW]), control)


def test_a_store_that_has_never_drawn_goes_on_beyond_legacy_too(counting: Legacy, control: Control) -> None:
    with closing(sqlite3.connect(counting.home / "new.db")) as store:
        store.execute("CREATE TABLE fresh (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        numbering(counting, control, {**SEQUENCE, "new": "fresh", "gap": 100}).hand_over(Side.NEW)
        assert store.execute("INSERT INTO fresh DEFAULT VALUES RETURNING id").fetchone() == (141,)


def test_a_key_of_which_sqlite_keeps_no_last_number_is_refused(counting: Legacy, control: Control) -> None:
    with closing(sqlite3.connect(counting.home / "new.db")) as store:
        store.execute("CREATE TABLE plain (id INTEGER PRIMARY KEY)")
    for name in ("plain", "none"):
        with pytest.raises(Refused, match=f"no table {name} whose key is AUTOINCREMENT"):
            numbering(counting, control, {**SEQUENCE, "new": name}).ready()


@pytest.mark.parametrize(
    ("counter", "words"),
    [
        ({}, "write `sequence`, or `table` and `column`"),
        ({"table": "t"}, "`table` needs `column`"),
        ({"sequence": "s", "where": "x"}, "go with `table`"),
    ],
)
def test_a_counter_is_one_of_three(counter: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Counter.model_validate(counter)
