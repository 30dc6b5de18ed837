"""Rows that are added up are the same in both databases, whatever is in their texts, and one that comes twice at once is added twice."""

from __future__ import annotations

from sqlalchemy import select

from strangler.control import tables
from strangler.control.store import Control
from strangler.control.traffic import Traffic
from strangler.control.upsert import add_up

TEXTS = ("plain", "it's", 'a "quote"', "back\\slash", "Größe 🏭", "\n\t", "", "null", "1e3", "[1]", "$.x")
COUNTS = ("calls", "errors", "fenced", "seconds")


def kept(control: Control) -> dict[str, tuple[object, ...]]:
    table = tables.traffic
    query = select(table.c.function, *(table.c[name] for name in ("minute", *COUNTS)))
    with control.read() as connection:
        return {row[0]: tuple(row[1:]) for row in connection.execute(query)}


def add(control: Control, rows: list[Traffic]) -> None:
    with control.begin() as connection:
        add_up(connection, tables.traffic, Traffic._fields, rows, COUNTS)


def test_texts_and_numbers_come_as_they_are(control: Control) -> None:
    rows = [Traffic(29_800_000, "f", text, "*", "read", "new", 3, 2, 1, 0.1) for text in TEXTS]
    add(control, rows)
    add(control, rows)
    found = kept(control)
    assert found == dict.fromkeys(TEXTS, (29_800_000, 6, 4, 2, 0.2))
    assert {tuple(map(type, row)) for row in found.values()} == {(int, int, int, int, float)}


def test_a_row_that_comes_twice_at_once_is_added_twice(control: Control) -> None:
    row = Traffic(1, "f", "party", "*", "read", "new", 1, 0, 0, 0.5)
    add(control, [row, row._replace(calls=2)])
    assert kept(control) == {"party": (1, 3, 0, 0, 1.0)}


def test_nothing_is_nothing(control: Control) -> None:
    add(control, [])
    assert kept(control) == {}
