"""What the sides show: what the mapping implies, what can't be translated, lines without their parent, rows that are translated here,
events; and nothing of what is sensitive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from strangler import assembly
from strangler.changes import Position
from strangler.configuration import load
from strangler.control import quality_runs
from strangler.events import Effect, Event, encode_key
from strangler.quality import site
from strangler.quality.checker import Checker
from tests.quality.conftest import Check, Make, entity, rewrite
from tests.reconcile.landscape import Landscape

TABLE = "CREATE TABLE partner (id INTEGER PRIMARY KEY, name varchar(40), born varchar(20), kind varchar(5))"
FIELDS = {
    "id": "id",
    "name": "name",
    "born": "CAST(born AS DATE)",
    "kind": "CASE kind WHEN 'c' THEN 'customer' WHEN 's' THEN 'supplier' END",
    "code": "LOOKUP(kinds, kind)",
}


@pytest.fixture(params=["postgresql", "mysql", "sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def partners(make: Make, kind: str, *rows: tuple[Any, ...], **more: Any) -> Landscape:
    fields = {name: value for name, value in FIELDS.items() if name != "code"}
    landscape = make(
        kind, "sqlite", TABLE, entity=entity(fields | more.pop("fields", {}), more.pop("checks", ()))
    )
    if rows:
        landscape.legacy.insert("partner", rows)
    return landscape


def test_what_cannot_be_translated_is_counted_as_such(make: Make, check: Check, kind: str) -> None:
    landscape = partners(
        make, kind, (1, "Ann", "1980-01-01", "c"), (2, "Bob", "19801313", "c"), (3, "Eve", "?", None)
    )
    found = check(landscape)
    result = found.of("every row can be translated")
    assert (result.verdict, result.severity, result.unexpected, result.implied) == (
        "failed",
        "critical",
        2,
        True,
    )
    assert [row["key"] for row in result.samples] == ["[2]", "[3]"]
    assert "born" in result.samples[0]["reason"]
    assert found.of("id is not null").rows == 1
    assert found.run.status == "failed"


def test_what_the_mapping_says_is_checked_in_the_store(make: Make, check: Check) -> None:
    landscape = partners(make, "sqlite", (1, "Ann", None, "c"), (2, "Bob", None, "s"))
    rewrite(landscape, _with_code_map)
    landscape.fill()
    landscape.new.run("ALTER TABLE partner ADD COLUMN code TEXT")
    landscape.new.run(
        "UPDATE partner SET code = CASE id WHEN 1 THEN 'K' ELSE 'X' END, kind = 'other' WHERE id = 2"
    )
    found = check(landscape, "store")
    assert found.failed == {"kind is one of customer, supplier": 1, "code is one of K, L": 1}
    assert found.of("id is unique").implied


def _with_code_map(document: dict[str, Any]) -> None:
    document["code_maps"] = {"kinds": {"values": {"c": "K", "s": "L"}}}
    document["functions"]["partners"]["entities"]["partner"]["fields"]["code"] = FIELDS["code"]


def test_a_declared_check_takes_the_place_of_an_implied_one(make: Make, check: Check) -> None:
    checks = [{"field": "id", "check": "unique", "severity": "info"}]
    found = check(partners(make, "sqlite", (1, "Ann", None, "c"), checks=checks))
    (unique,) = [each for each in found.results if each.kind == "unique"]
    assert (unique.severity, unique.implied) == ("info", False)


def test_lines_without_their_parent_are_found_on_both_sides(make: Make, check: Check, kind: str) -> None:
    lines = {
        "table": "line",
        "on": {"partner": "id"},
        "key": "number",
        "fields": {"number": "number", "text": "text"},
        "quality": [{"field": "text", "check": "not null", "severity": "warning"}],
    }
    document = entity({"id": "id"}, (), children={"lines": lines})
    table = "CREATE TABLE line (number INTEGER PRIMARY KEY, partner INTEGER, text varchar(10))"
    landscape = make(kind, "sqlite", TABLE, table, entity=document)
    landscape.legacy.insert("partner", [(1, "Ann", None, None)])
    landscape.legacy.insert("line", [(10, 1, "a"), (11, 1, None), (12, 7, "c"), (13, None, "d")])
    found = check(landscape)
    told = found.of("what it stands under is there (id)", "partner.lines")
    assert (told.verdict, told.severity, told.unexpected) == ("failed", "warning", 1)
    assert told.samples == [{"number": "12"}]
    assert found.of("text is not null", "partner.lines").samples == [{"id": 1, "number": 11, "text": None}]
    assert found.run.status == "passed"
    landscape.fill()
    landscape.new.run("INSERT INTO partner_lines (id, number, text) VALUES (9, 20, 'x')")
    told = check(landscape, "store").of("what it stands under is there (id)", "partner.lines")
    assert (told.severity, told.samples) == ("critical", [{"id": 9, "number": 20}])


def test_rows_that_are_translated_here_are_checked_like_others(
    make: Make, check: Check, kind: str, tmp_path: Path
) -> None:
    (tmp_path / "my_mappings.py").write_text("def shout(text):\n    return text and text.upper()\n")
    checks = [
        {"field": "name", "check": "in set", "values": ["ANN", "BOB"]},
        {"field": "boss", "check": "present in", "entity": "partner"},
        {"field": "born", "check": "between", "min": "1990-01-01", "where": "name = 'BOB'"},
    ]
    landscape = partners(
        make, kind, (1, "Ann", "1980-01-01", "c"), (2, "Bob", "1985-01-01", "c"), (3, "Eve", "x", None), checks=checks,
        fields={"boss": "id - 1"},
    )  # fmt: skip

    def shouting(document: dict[str, Any]) -> None:
        document["python"] = {"shout": {"call": "my_mappings:shout", "takes": ["text"], "gives": "text"}}
        document["functions"]["partners"]["entities"]["partner"]["fields"]["name"] = "shout(name)"

    rewrite(landscape, shouting)
    found = check(landscape)
    assert found.failed == {
        "every row can be translated": 1,
        "boss is present in partner": 1,
        "born is at least 1990-01-01, where name = 'BOB'": 1,
    }
    assert found.run.notes == ("partner was translated row by row, into a scratch file",)
    assert found.of("name is one of ANN, BOB").rows == 2


def test_the_newest_events_are_checked_as_a_sample(make: Make, check: Check) -> None:
    checks = [
        {"field": "name", "check": "not null", "on": ["events"]},
        {"field": "kind", "check": "in set", "values": ["customer"], "on": ["events"], "severity": "warning"},
        {"field": "name", "check": "unique"},
    ]
    landscape = partners(make, "sqlite", checks=checks)
    nothing = check(landscape, "events")
    assert (nothing.run.status, nothing.run.checks) == ("unchecked", 0)
    assert "there are no events of partners" in (nothing.run.reason or "")
    _append(
        landscape,
        _event(1, 1, name="Ann", born=None, kind="customer"),
        _event(2, 1, name=None, born=None, kind="customer"),  # the newer one of the key counts
        _event(3, 2, name="Bob", born=None, kind="spy"),
        _event(4, 3, name="Eve"),  # says only a part
        _event(5, 4, effect=Effect.REMOVE),
    )
    found = check(landscape, "events")
    assert found.failed == {"name is not null": 1, "kind is one of customer": 1}
    assert found.of("name is not null").samples == [{"id": 1, "name": None}]
    assert not any(each.kind == "unique" for each in found.results)
    (note,) = found.run.notes
    assert (
        note
        == "a sample: the last 5 events, which say 3 entities; 1 of these say only a part and weren't looked at"
    )


def _event(number: int, id: int, effect: Effect = Effect.UPSERT, **data: Any) -> Event:
    key = encode_key([id])
    said = {"id": id, **data} if effect is Effect.UPSERT else {}
    return Event(
        "PartnerChanged",
        "partners",
        "partner",
        effect,
        key,
        Position(f"{number:04}"),
        1.0 + number,
        "m",
        said,
    )


def _append(landscape: Landscape, *events: Event) -> None:
    log = assembly.log(landscape.settings)
    log.append("erp", events, events[-1].position)
    log.close()


SECRET = "Zaphod"


ANYWHERE = [
    {"field": "name", "check": "in set", "values": ["Ann"], "on": ["legacy", "store", "events"]},
    {"field": "name", "check": "matches", "pattern": "^A", "on": ["legacy", "store", "events"]},
    {"field": "born", "check": "between", "min": "2000-01-01", "on": ["legacy", "store", "events"]},
]
TOGETHER = [
    {"field": "name", "check": "unique"},
    {"field": ["name", "kind"], "check": "unique"},
    {"field": "name", "check": "present in", "entity": "named"},
    {"field": "born", "check": "fresh", "within": "1d"},
]


def _hide(document: dict[str, Any]) -> None:
    entities = document["functions"]["partners"]["entities"]
    fields = entities["partner"]["fields"]
    fields |= {name: {"value": fields[name], "sensitive": True} for name in ("name", "born")}
    entities["partner"]["quality"] = [*ANYWHERE, *TOGETHER]
    entities["named"] = {"table": "country", "key": "name", "fields": {"name": "name"}}


@pytest.fixture
def secretive(make: Make) -> Landscape:
    """Partners whose names and birthdays nobody may see, on all sides."""
    rows = [(1, SECRET, "1942-04-02", "c"), (2, SECRET, "1942-04-02", "c"), (3, SECRET, "19420402x", "c")]
    landscape = partners(make, "sqlite", *rows)
    landscape.fill()
    landscape.legacy.run("CREATE TABLE country (name TEXT PRIMARY KEY)")
    landscape.new.run("CREATE TABLE named (name TEXT PRIMARY KEY)")
    _append(landscape, _event(1, 1, name=SECRET, born="1942-04-02", kind="customer"))
    rewrite(landscape, _hide)
    return landscape


@pytest.mark.parametrize("on", ["legacy", "store", "events"])
def test_nothing_sensitive_is_kept_or_shown(
    secretive: Landscape, check: Check, checker: Checker, on: str
) -> None:
    found = check(secretive, on)
    wrong = {"name is one of Ann", "name matches ^A", "born is at least 2000-01-01"}
    if on != "events":
        wrong |= {"name is unique", "name, kind are unique together", "name is present in named"}
        wrong |= {"the newest born is no older than 1d"}
    assert wrong <= set(found.failed)
    kept = orjson.dumps([[each.samples, each.reason, each.observed] for each in found.results]).decode()
    page = site.build(load(secretive.path), secretive.control, limit=9, making=_making(checker))
    kept += "".join(body for _, _, body in quality_runs.documents(secretive.control, [found.run.id]))
    kept += "".join(each.read_text() for each in page.parent.rglob("*.html"))
    assert kept.count("***") > 5
    assert "born is at least 2000-01-01" in kept
    for secret in (SECRET, "1942", "19420402"):
        assert secret not in kept


def _making(checker: Checker) -> Any:
    return lambda shown, folder: checker.site(tuple(shown), folder)
