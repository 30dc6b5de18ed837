"""The blast radius of an entity over several tables: each part by itself, its rows read once by both mappings."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from strangler.blast import Change, Looking, changes, mapped
from strangler.cli.returning import returning_json
from strangler.mapping import compile_entity
from strangler.settings import Entity, Settings
from tests.mapping.sales import LOOSE, SALE, TABLES, Legacy

HELD: dict[str, list[tuple[Any, ...]]] = {
    "head": [("A1", 1, "p1", "open", "1.50"), ("b2", 2, None, "open", None)],
    "party": [("p1", "Ann", "de")],
    "lang": [("de", "German"), ("en", "English")],
    "line": [
        (1, "A1", 1, "x", "5"),
        (2, "A1", 1, "y", None),
        (3, "b2", 2, None, "7"),
        (4, None, None, "x", "7"),
    ],
    "product_text": [("x", "E", "one"), ("x", "D", "eins"), ("y", "D", "zwei")],
    "line_tax": [(1, "vat", 19)],
}


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def legacy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Legacy]:
    names = {"postgres": "postgres_url", "mysql": "mariadb_url"}
    name = names.get(request.param)
    url = request.getfixturevalue(name) if name else f"sqlite:///{tmp_path}/legacy.db"
    made = Legacy(request.param, url, LOOSE)
    made.hold(HELD)
    with closing(made.source):
        yield made


def found(legacy: Legacy, after: dict[str, Any], before: dict[str, Any] = SALE) -> dict[str, Change]:
    """What the change of the entity comes to, by part."""
    tables = legacy.source.describe(list(TABLES))
    sides = []
    for entity in (before, after):
        document = {
            "sources": {"erp": {"kind": legacy.dialect, "url": "sqlite:///x.db"}},
            "stores": {"service": {"url": "sqlite:///y.db"}},
            "functions": {"sales": {"source": "erp", "store": "service", "entities": {"sale": entity}}},
        }
        mapping = compile_entity(
            "sales", "sale", Entity.model_validate(entity), tables[entity["table"]], others=tables
        )
        sides.append(mapped(Settings.model_validate(document), [mapping]))
    looking = Looking(5, None)
    return {
        each.name.entity: each for each in changes(*sides, lambda source: legacy.source.reader(), looking)
    }


def changed() -> dict[str, Any]:
    return copy.deepcopy(SALE)


def test_nothing_is_found_where_nothing_is_changed(legacy: Legacy) -> None:
    assert found(legacy, changed()) == {}


def test_a_join_of_lines_on_something_else_touches_the_lines_and_what_stands_under_them(
    legacy: Legacy,
) -> None:
    after = changed()
    after["children"]["lines"]["join"]["text"]["on"]["lang"] = "'D'"
    both = found(legacy, after)
    assert list(both) == ["sale.lines", "sale.lines.taxes"]
    lines = both["sale.lines"]
    (how,) = lines.differences
    assert how.path == "join.text"
    assert how.words.endswith("lang = 'E' → product_text on product = product, lang = 'D'")
    assert lines.radius is not None
    assert (lines.radius.rows, lines.radius.differ, dict(lines.radius.fields)) == (3, 2, {"text": 2})
    assert {(each.key, each.before, each.after) for each in lines.radius.samples} == {
        ('["A1",1,1]', "one", "eins"), ('["A1",1,2]', None, "zwei"),
    }  # fmt: skip


def test_a_join_and_a_field_of_the_entity_leave_its_lines_alone(legacy: Legacy) -> None:
    after = changed()
    after["join"]["english"] = {"table": "lang", "on": {"code": "'en'"}}
    after["fields"]["lang"] = "COALESCE(lang.title, english.title)"
    both = found(legacy, after)
    assert list(both) == ["sale"]
    assert [each.path for each in both["sale"].differences] == ["join.english", "fields.lang"]
    radius = both["sale"].radius
    assert radius is not None
    assert (radius.rows, radius.differ) == (2, 1)
    assert [(each.before, each.after) for each in radius.samples] == [(None, "English")]


def test_lines_that_come_and_go_with_a_condition_are_counted(legacy: Legacy) -> None:
    after = changed()
    after["children"]["lines"]["where"] = "quantity = '5'"
    lines = found(legacy, after)["sale.lines"]
    assert [each.path for each in lines.differences] == ["where"]
    assert lines.radius is not None
    assert (lines.radius.rows, lines.radius.went) == (3, 2)


def test_lines_of_other_parents_are_not_compared_with_these(legacy: Legacy) -> None:
    before, after = (
        {"table": "line", "key": "id", "fields": {"id": "id"}, "children": {"taxes": child}}
        for child in (
            {"table": "line_tax", "on": {"line": "id"}, "key": "tax", "fields": {"tax": "tax"}},
            {"table": "line_tax", "on": {"rate": "id"}, "key": "tax", "fields": {"tax": "tax"}},
        )
    )
    tables = found(legacy, {**SALE, "children": {}})
    assert tables["sale.lines"].radius is None
    taxes = found(legacy, {**after, "into": "sale"}, {**before, "into": "sale"})["sale.taxes"]
    assert (taxes.differences[0].path, taxes.radius) == ("on", None)


def test_lines_that_are_new_are_said_to_be(legacy: Legacy) -> None:
    both = found(legacy, SALE, {**SALE, "children": {}})
    assert [(name, each.differences[0].words) for name, each in both.items()] == [
        ("sale.lines", "the lines are new"), ("sale.lines.taxes", "the lines are new"),
    ]  # fmt: skip


@pytest.mark.parametrize("legacy", ["sqlite"], indirect=True)
def test_the_way_back_is_listed_part_by_part_without_the_parents_key(legacy: Legacy) -> None:
    back = returning_json([legacy.mapping()])
    assert list(back) == ["sale", "sale.lines", "sale.lines.taxes"]
    assert {"text", "lang"} <= back["sale.lines"]["lost"].keys()
    assert {"state", "text"} <= back["sale.lines.taxes"]["lost"].keys()
    assert all({"company", "number"}.isdisjoint(part["lost"]) for part in back.values())
    assert "line" not in back["sale.lines.taxes"]["lost"]
