"""What a tolerance allows is counted by rule and isn't drift; everything else stays drift."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from click.testing import CliRunner, Result

from strangler.cli.main import root
from strangler.control import reconciliations
from strangler.control.reconciliations import Status
from strangler.progress.measuring import measure
from strangler.reconcile.checkpoint import Checkpoint
from strangler.reconcile.entity import Outcome, Quarantined
from strangler.reconcile.jobs import Job
from strangler.reconcile.narrow import Difference, Kind
from strangler.reconcile.runs import reconcile
from strangler.reconcile.sides import Sides
from strangler.reconcile.switch import delta_check
from strangler.reconcile.tolerances import Sieve, Tolerated, is_within
from strangler.sensitive import MASK, Covered
from strangler.settings import Tolerance
from tests.mapping import sales

from .conftest import Make
from .landscape import FIELDS, Landscape, partners
from .test_parts import HELD, landscape_of

PAIRS = ["postgresql-postgresql", "sqlite-sqlite", "mysql-postgresql", "postgresql/by row-sqlite"]


def rule(field: str = "f", **says: Any) -> Tolerance:
    return Tolerance(**{"field": field, "owner": "finance", "reason": "known", **says})


@pytest.mark.parametrize(
    ("says", "legacy", "store", "allowed"),
    [
        ({"within": 0.01}, "10.01", "10.02", True),
        ({"within": 0.01}, "10.01", "10.021", False),
        ({"within": 1}, 7, 8, True),
        ({"within": 1}, 7, 9, False),
        ({"within": 0.1}, 0.1, 0.2, True),
        ({"within": 0.01}, "NaN", "1", False),
        ({"within": 0.01}, None, "0", False),
        ({"within": "1s"}, "2026-11-23T05:00:00.000000", "2026-11-23T05:00:01.000000", True),
        ({"within": "1s"}, "2026-11-23T05:00:00.000000Z", "2026-11-23T05:00:01.000001Z", False),
        ({"within": "1h"}, "23:30:00.000000", "00:30:00.000000", True),
        ({"within": "1d"}, "2026-11-30", "2026-12-01", True),
        ({"within": "1d"}, "2026-11-30", "2026-12-02", False),
        ({"within": "1d"}, "2026-11-30", "soon", False),
        ({"ignore": "trailing blanks"}, "Ann", "Ann  ", True),
        ({"ignore": "trailing blanks"}, "Ann", " Ann", False),
        ({"ignore": "trailing blanks"}, "", "  ", True),
        ({"ignore": "trailing blanks"}, None, "  ", False),
        ({"ignore": "blanks"}, " Ann  Lee", "Ann Lee ", True),
        ({"ignore": "blanks"}, "AnnLee", "Ann Lee", False),
        ({"ignore": "case"}, "Straße", "STRASSE", True),
        ({"ignore": "case"}, "Ann", "ANN ", False),
        ({"ignore": ["case", "trailing blanks"]}, "Ann", "ANN ", True),
        ({"ignore": "case"}, "7", 7, False),
    ],
)
def test_a_rule_allows_what_it_says(says: dict[str, Any], legacy: Any, store: Any, allowed: bool) -> None:
    assert is_within(rule(**says), legacy, store) is allowed
    assert is_within(rule(**says), store, legacy) is allowed


def test_a_rule_is_told_as_it_is_written() -> None:
    rules = [rule(within=0.01), rule(within="90s"), rule(ignore=["case", "blanks"])]
    assert [each.allows for each in rules] == ["within 0.01", "within 90s", "ignore case, blanks"]


def different(key: int, **fields: tuple[Any, Any]) -> Difference:
    return Difference("e", f"[{key}]", Kind.DIFFERENT, fields)


RULES = [
    rule("total", within=0.01),
    rule("name", ignore="case"),
    rule("name", ignore="blanks"),
    rule("note", ignore="case"),
]


def test_a_key_is_tolerated_when_every_field_is_and_counted_at_each_rule_that_it_took() -> None:
    sieve = Sieve(RULES, (), date(2026, 11, 30))
    found = [
        different(1, total=("1", "1.01")),
        different(2, total=("1", "1.01"), name=("a", "A")),
        different(3, total=("1", "1.01"), other=(1, 2)),
        different(4, total=("1", "1.02")),
        different(5, name=("a", " a")),
        Difference("e", "[6]", Kind.MISSING, {"name": ("a", None)}),
        Difference("e", "[7]", Kind.EXTRA, {"total": (None, "0")}),
        different(8, **{"(rows)": (2, 1)}),
    ]
    sifted = sieve.sift(found)
    assert [each.key for each in sifted.drift] == ["[3]", "[4]", "[6]", "[7]", "[8]"]
    assert sifted.tolerated == 3
    assert [(each.field, each.allows, each.keys) for each in sieve.tolerated] == [
        ("total", "within 0.01", 2),
        ("name", "ignore case", 1),
        ("name", "ignore blanks", 1),
        ("note", "ignore case", 0),
    ]


def test_a_rule_whose_time_is_over_hides_nothing() -> None:
    last = rule(within=0.01, until="2026-11-30")
    found = [different(1, f=("1", "1.01"))]
    assert Sieve([last], (), date(2026, 11, 30)).sift(found).tolerated == 1
    after = Sieve([last], (), date(2026, 12, 1))
    assert (after.sift(found).tolerated, after.hides, after.tolerated) == (0, False, ())


def test_a_sensitive_value_is_tolerated_by_what_it_is_and_never_unseen() -> None:
    sieve = Sieve([rule(ignore="case")], {"f"}, date(2026, 11, 30))
    assert sieve.sift([different(1, f=(Covered.of("a"), Covered.of("A")))]).tolerated == 1
    assert sieve.sift([different(1, f=(Covered.of("a"), Covered.of("B")))]).tolerated == 0
    assert sieve.sift([different(1, f=(MASK, MASK))]).tolerated == 0


TOLERANCES = [
    {"field": "credit", "within": 0.01, "owner": "finance", "reason": "rounded by line"},
    {
        "field": "name",
        "ignore": ["case", "blanks"],
        "owner": "sales",
        "reason": "typed anew",
        "until": "2999-12-31",
    },
    {"field": "seen", "within": "1s", "owner": "it", "reason": "no fractions there"},
    {"field": "number", "within": 1000, "owner": "it", "reason": "long ago", "until": "2020-01-31"},
]

ENTITY = {"table": "partner", "key": "id", "fields": FIELDS, "tolerances": TOLERANCES}


@pytest.fixture(params=PAIRS)
def landscape(request: pytest.FixtureRequest, make: Make) -> Landscape:
    """Some 1,200 partners, so that whole rows are read in more than one go."""
    legacy, store = request.param.split("-")
    made = make(legacy, store, entity=ENTITY)
    made.legacy.insert("partner", partners(1200, legacy.partition("/")[0]))
    made.fill()
    return made


def test_what_is_within_is_tolerated_by_rule_and_the_rest_is_drift(landscape: Landscape) -> None:
    landscape.new.run(
        "UPDATE partner SET name = ' O''NEIL ' WHERE name = 'O''Neil'",
        "UPDATE partner SET credit = '43.44' WHERE id = 43",
        "UPDATE partner SET credit = '44.46' WHERE id = 44",
        "UPDATE partner SET credit = '48.49', name = 'o''neil' WHERE id = 48",
        "UPDATE partner SET number = 51 WHERE id = 50",
        "UPDATE partner SET name = 'other' WHERE id IN (1191, 1199)",
        "DELETE FROM partner WHERE id = 1190",
    )
    outcome = landscape.compare(limit=2)
    # Every twelfth is O'Neil; 44 and what ended in 2020 are beyond what is tolerated.
    assert (outcome.missing, outcome.extra, outcome.different) == (1, 0, 4)
    assert outcome.tolerated == 101
    assert len(outcome.differences) == 2
    assert outcome.tolerances == (
        Tolerated("credit", "within 0.01", "finance", "rounded by line", None, 2),
        Tolerated("name", "ignore case, blanks", "sales", "typed anew", "2999-12-31", 100),
        Tolerated("seen", "within 1s", "it", "no fractions there", None, 0),
    )


def test_a_run_of_nothing_but_tolerated_keys_is_clean_and_says_how_many(make: Make) -> None:
    landscape = make("sqlite", "sqlite", entity=ENTITY)
    landscape.legacy.insert("partner", partners(50, "sqlite"))
    landscape.fill()
    landscape.new.run("UPDATE partner SET name = 'łÓDź' WHERE id = 13")
    found = reconcile(landscape.settings, landscape.control, Job("partners", confirm=False))
    run = reconciliations.get(landscape.control, found.run)
    assert run is not None
    assert (run.status, run.tolerated, run.drift) == (Status.CLEAN, 1, 0)
    (part,) = run.parts
    assert [(each["field"], each["owner"], each["keys"]) for each in part["tolerances"]] == [
        ("credit", "finance", 0),
        ("name", "sales", 1),
        ("seen", "it", 0),
    ]
    keys = {"partner": {"[13]", "[14]"}}
    with Sides(landscape.source.reader, landscape.store.reader) as sides:
        assert delta_check(landscape.mappings, sides, keys) == []


def test_lines_have_tolerances_of_their_own(make: Make) -> None:
    tolerances = [{"field": "quantity", "within": 1, "owner": "a", "reason": "b"}]
    lines = {**sales.SALE["children"]["lines"], "tolerances": tolerances}
    landscape = landscape_of(make, "sqlite-sqlite", HELD, {**sales.SALE, "children": {"lines": lines}})
    landscape.new.run(
        "UPDATE partner_lines SET quantity = quantity + 1 WHERE line = 1",
        "UPDATE partner_lines SET quantity = 9 WHERE line = 3",
    )
    found = landscape.compare_parts()["partner.lines"]
    assert (found.tolerated, [each.key for each in found.differences]) == (1, ['["A1",2,3]'])


def with_tolerances(landscape: Landscape, *rules: str) -> int:
    """Write tolerances, each a YAML mapping, into the configuration; the line of the first."""
    lines = landscape.path.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("        fields:"))
    written = ["        tolerances:", *(f"        - {{owner: a, reason: because, {rule}}}" for rule in rules)]
    landscape.path.write_text("\n".join([*lines[:at], *written, *lines[at:]]))
    return at + 2


def test_tolerances_leave_the_version_of_the_mapping_alone(make: Make) -> None:
    landscape = make("sqlite", "sqlite")
    version = landscape.mappings[0].version
    with_tolerances(landscape, "field: name, ignore: case")
    landscape.open()
    (mapping,) = landscape.mappings
    assert mapping.tolerances
    assert mapping.version == version


def test_an_outcome_comes_back_from_a_checkpoint_as_it_was() -> None:
    hidden = Tolerated("total", "within 0.01", "finance", "known", None, 7)
    found = Difference("e", "[1]", Kind.DIFFERENT, {"f": (Covered.of("secret"), None), "g": (1, 2)})
    outcome = Outcome(
        "e", 9, 0, 0, 1, 0, 1, (found,), (Quarantined("e", "[2]", "broken"),), None, 7, None, "v", (hidden,)
    )
    text = Checkpoint({"e": "v"}, 1, done=[outcome]).text()
    assert "secret" not in text
    (back,) = Checkpoint.read(text).done
    assert back == outcome
    assert back.differences[0].clear({"f"}) == {"g": (1, 2)}
    assert found.clear({"f"}) == {"f": ("secret", None), "g": (1, 2)}


@pytest.mark.parametrize(
    ("says", "path", "what", "instead"),
    [
        (
            {"field": "name", "within": 0.01},
            "within",
            "name is text, which isn't off by a number",
            "ignore: trailing blanks",
        ),
        (
            {"field": "credit", "within": "1s"},
            "within",
            "credit is decimal, which isn't off by a duration",
            "within: 0.01",
        ),
        ({"field": "born", "within": 1}, "within", "born is date, which isn't off by a number", "within: 1d"),
        ({"field": "active", "within": 1}, "within", "active is boolean", "leave the tolerance out"),
        (
            {"field": "seen", "ignore": "case"},
            "ignore",
            "seen is timestamp, which has neither blanks nor case",
            "within: 1s",
        ),
    ],
)
def test_what_does_not_fit_the_type_is_told_with_its_place(
    make: Make, says: dict[str, Any], path: str, what: str, instead: str
) -> None:
    landscape = make("sqlite", "sqlite")
    line = with_tolerances(landscape, ", ".join(f"{key}: {value}" for key, value in says.items()))
    result = checked(landscape)
    assert result.exit_code == 2
    assert f":{line}: functions.partners.entities.partner.tolerances[0].{path}: {what}" in result.stderr
    assert instead in result.stderr


@pytest.mark.parametrize("arguments", [(), ("--offline",)])
def test_config_check_warns_of_a_rule_whose_time_is_over(make: Make, arguments: tuple[str, ...]) -> None:
    landscape = make("sqlite", "sqlite")
    with_tolerances(
        landscape,
        "field: name, ignore: case, until: 2999-01-31",
        "field: name, ignore: blanks, until: 2020-01-31",
    )
    result = checked(landscape, *arguments)
    assert result.exit_code == 0, result.output
    warned = [line for line in result.output.splitlines() if line.startswith("! ")]
    assert warned == [
        "! partners.partner: the tolerance of name (ignore blanks) held until 2020-01-31 and hides nothing any more; ask a"
    ]


def test_what_a_person_should_look_at_names_a_rule_whose_time_is_over(make: Make) -> None:
    landscape = make("sqlite", "sqlite")
    with_tolerances(landscape, "field: name, ignore: blanks, until: 2020-01-31")
    landscape.open()
    (found,) = (
        each for each in measure(landscape.settings, landscape.control).attention if "tolerance" in each.words
    )
    assert (found.function, found.wrong) == ("partners", False)
    assert found.words.startswith("partner: the tolerance of name (ignore blanks) held until 2020-01-31")


def checked(landscape: Landscape, *arguments: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "300"})
    return runner.invoke(root, ["-c", str(landscape.path), "config", "check", *arguments])


def test_every_form_says_what_is_hidden_by_whom_and_why(make: Make) -> None:
    landscape = make("sqlite", "sqlite", entity=ENTITY)
    landscape.legacy.insert("partner", partners(50, "sqlite"))
    landscape.fill()
    landscape.new.run("UPDATE partner SET name = 'łÓDź' WHERE id = 13")
    said = {}
    for form in ("table", "json", "html"):
        runner = CliRunner(env={"COLUMNS": "300"})
        path = landscape.path.with_name(f"said.{form}")
        given = ["run", "partners", "--no-confirm", "--format", form, "--output", str(path)]
        result = runner.invoke(root, ["-c", str(landscape.path), "reconcile", *given])
        assert result.exit_code == 0, result.output
        said[form] = path.read_text()
    for each in said.values():
        assert "ignore case, blanks" in each
        assert "typed anew" in each
        assert "2999-12-31" in each
    assert "within 0.01" not in said["table"], "it hid nothing"
    (entity,) = json.loads(said["json"])["entities"]
    assert (entity["tolerated"], entity["tolerances"][1]["keys"]) == (1, 1)
