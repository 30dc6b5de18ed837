"""Each kind of check holds where it should and fails where it should, with the rows that fail, on real databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from strangler.configuration import load
from strangler.quality import runs
from strangler.quality.checker import Checker
from tests.quality.conftest import Check, Make, entity
from tests.reconcile.landscape import Landscape

TABLE = {
    "postgresql": "CREATE TABLE partner (id integer PRIMARY KEY, name text, state text NOT NULL, amount numeric, born date,"
    " seen timestamp, boss integer, code varchar(10))",
    "mysql": "CREATE TABLE partner (id integer PRIMARY KEY, name varchar(40) COLLATE utf8mb4_general_ci, state varchar(10) NOT NULL,"
    " amount decimal(16, 4), born date, seen datetime, boss integer, code varchar(10) CHARACTER SET latin1)",
    "sqlite": "CREATE TABLE partner (id INTEGER PRIMARY KEY, name TEXT, state TEXT NOT NULL, amount NUMERIC, born DATE,"
    " seen TIMESTAMP, boss INTEGER, code TEXT)",
}

RECENT = (datetime.now(UTC) - timedelta(hours=3)).strftime("%Y-%m-%d %H:%M:%S")

ROWS: list[tuple[Any, ...]] = [
    (1, "Ann", "draft", "0.1", "1980-01-01", RECENT, None, "A1"),
    (2, "Bob ", "draft", "10", "1980-01-02", "2020-01-01 00:00:00", 1, "B2"),
    (3, "Bob", "done", "10.5", "1999-12-31", "2020-01-01 00:00:00", 1, "b3"),
    (4, "bob", "Done", "-0.01", "2000-01-01", "2020-01-01 00:00:00", 99, "A1"),
    (5, None, "done ", "1000000.01", None, "2020-01-01 00:00:00", 2, None),
]

FIELDS = {each: each for each in ("id", "name", "state", "amount", "born", "seen", "boss", "code")}

HOLD: list[dict[str, Any]] = [
    {"field": "state", "check": "not null"},
    {"field": "name", "check": "not null", "mostly": "80%"},
    {"field": "name", "check": "unique"},
    {"field": ["name", "code"], "check": "unique"},
    {"field": "state", "check": "in set", "values": ["draft", "done", "Done", "done "]},
    {"field": "amount", "check": "in set", "values": [0.1, 10, "10.5", -0.01, 1000000.01]},
    {"field": "amount", "check": "between", "min": -0.01, "max": 1000000.01},
    {"field": "born", "check": "between", "min": "1980-01-01", "max": "2000-01-01"},
    {"field": "seen", "check": "between", "min": "2020-01-01T00:00:00"},
    {"field": "code", "check": "matches", "pattern": "^[A-Za-z][0-9]$"},
    {"field": "boss", "check": "present in", "entity": "partner", "where": "boss < 50"},
    {"field": "seen", "check": "fresh", "within": "1d"},
    {"check": "row count near", "as": 5, "within": "0%"},
    {
        "field": "amount",
        "check": "between",
        "min": 10,
        "where": "state = 'draft' AND born > CAST('1980-01-01' AS DATE)",
    },
]

FAIL: list[tuple[dict[str, Any], str, list[Any] | None]] = [
    ({"field": "name", "check": "not null"}, "name is not null", [5]),
    ({"field": "name", "check": "not null", "mostly": "81%"}, "name is not null, for 81%", [5]),
    ({"field": "code", "check": "unique"}, "code is unique", [1, 4]),
    (
        {"field": "state", "check": "in set", "values": ["draft", "done"]},
        "state is one of draft, done",
        [4, 5],
    ),
    (
        {"field": "amount", "check": "between", "min": 0, "max": 1000000},
        "amount is from 0 to 1000000",
        [4, 5],
    ),
    ({"field": "amount", "check": "between", "min": 0.11}, "amount is at least 0.11", [1, 4]),
    ({"field": "born", "check": "between", "max": "1999-12-31"}, "born is at most 1999-12-31", [4]),
    (
        {"field": "seen", "check": "between", "max": "2020-01-01T00:00:00"},
        "seen is at most 2020-01-01T00:00:00",
        [1],
    ),
    ({"field": "code", "check": "matches", "pattern": "^[A-Z]"}, "code matches ^[A-Z]", [3]),
    ({"field": "boss", "check": "present in", "entity": "partner"}, "boss is present in partner", [4]),
    ({"field": "seen", "check": "fresh", "within": "2h"}, "the newest seen is no older than 2h", None),
    ({"check": "row count near", "as": 7, "within": "20%"}, "there are as many rows as 7, within 20%", None),
    (
        {"field": "amount", "check": "between", "min": 10, "where": "state = 'draft'"},
        "amount is at least 10, where state = 'draft'",
        [1],
    ),
]

KINDS = ["postgresql-postgresql", "mysql-postgresql", "sqlite-sqlite"]


@pytest.fixture(params=KINDS)
def landscape(request: pytest.FixtureRequest, make: Make) -> Landscape:
    """Five partners on both sides."""
    legacy, store = request.param.split("-")
    checks = HOLD + [check for check, _, _ in FAIL]
    found = make(legacy, store, TABLE[legacy], entity=entity(FIELDS, checks))
    found.legacy.insert("partner", ROWS)
    found.fill()
    return found


@pytest.mark.parametrize("on", ["legacy", "store"])
def test_each_check_holds_or_fails_by_what_is_there(landscape: Landscape, check: Check, on: str) -> None:
    found = check(landscape, on)
    assert found.run.reason is None
    expected = {words: keys for _, words, keys in FAIL}
    assert set(found.failed) == set(expected)
    for words, keys in expected.items():
        if keys is not None:
            result = found.of(words)
            assert result.unexpected == len(keys)
            assert sorted(row["id"] for row in result.samples) == keys
    assert found.of("there are as many rows as 7, within 20%").observed == "5 rows"
    assert found.of("name is not null").rows == 5
    assert found.of("born is at most 1999-12-31").samples == [{"id": 4, "born": "2000-01-01"}]
    assert found.of("boss is present in partner").samples == [{"id": 4, "boss": 99}]
    assert all(each.verdict == "passed" for each in found.results if each.implied)
    assert found.run.status == "failed"


def test_the_store_is_counted_against_legacy(make: Make, check: Check) -> None:
    near = [{"check": "row count near", "as": "legacy", "within": "10%"}]
    landscape = make("sqlite", "sqlite", TABLE["sqlite"], entity=entity(FIELDS, near))
    landscape.legacy.insert("partner", ROWS)
    landscape.fill()
    words = "there are as many rows as legacy has, within 10%: 5"
    assert check(landscape, "store").of(words).verdict == "passed"
    landscape.new.run("DELETE FROM partner WHERE id = 5")
    found = check(landscape, "store")
    assert (found.of(words).verdict, found.of(words).observed) == ("failed", "4 rows")
    assert not any(each.kind == "row count near" for each in check(landscape, "legacy").results)


def test_no_more_rows_are_fetched_than_are_shown(make: Make, checker: Checker) -> None:
    """Of PostgreSQL, whose driver holds whatever it fetches in memory."""
    landscape = make(
        "postgresql",
        "postgresql",
        TABLE["postgresql"],
        entity=entity(FIELDS, [check for check, _, _ in FAIL]),
    )
    landscape.legacy.insert("partner", [(number, *ROWS[number % 5][1:]) for number in range(1, 501)])
    fetched = []

    def counted(connection: Any, cursor: Any, *rest: Any) -> None:
        fetched.append(cursor.rowcount)

    event.listen(Engine, "after_cursor_execute", counted)
    try:
        settings = load(landscape.path)
        run = runs.run(
            settings,
            landscape.control,
            "partners",
            "legacy",
            testing=lambda orders: [checker.test(each) for each in orders],
        )
    finally:
        event.remove(Engine, "after_cursor_execute", counted)
    assert run.critical > 5
    assert max(fetched) == settings.quality.samples
