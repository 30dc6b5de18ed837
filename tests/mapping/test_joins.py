"""Entities over several tables: what their rows are is the same for every database and for Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from strangler.configuration.document import read
from strangler.errors import MappingError
from strangler.mapping import EntityMapping, compile_entity, translated
from strangler.mapping.origin import Constant
from strangler.settings import Entity
from strangler.shapes import Column, FieldType, Shape, Table
from tests.mapping import sales
from tests.mapping.sales import Legacy

UNKNOWN = {"postgres": "redshift", "mysql": "starrocks", "sqlite": "duckdb"}
"""Dialect → one that mappings aren't compiled to, and that quotes and joins in the same way."""


@pytest.fixture(params=["sqlite", "postgres", "mysql", "mysql exact"])
def legacy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Legacy]:
    dialect, _, exact = request.param.partition(" ")
    names = {"postgres": "postgres_url", "mysql": "mariadb_url"}
    in_file = f"sqlite:///{tmp_path}/legacy.db"
    url = request.getfixturevalue(names[dialect]) if dialect in names else in_file
    made = Legacy(dialect, url, sales.EXACT if exact else sales.LOOSE)
    with closing(made.source):
        yield made


def by_database(part: EntityMapping, side: Any) -> list[tuple[Any, ...]]:
    """The rows of a part as a backfill moves them: those that the database translates, and the rest."""
    select = part.select(side.dialect)
    pushed, rest = select.rows_sql(), select.rest_sql()
    found = [tuple(row) for row in side.rows(pushed)] if pushed else []
    return found + (by_python(part, side, side.dialect) if rest else [])


def by_python(part: EntityMapping, side: Any, dialect: str) -> list[tuple[Any, ...]]:
    """The rows of a part, translated here, as a database of the dialect gives them."""
    sql = part.select(dialect).rest_sql()
    assert sql is not None
    rows = translated(part, side.dialect, side.rows(sql))
    return [tuple(each.data.values()) for each in rows if each.fault is None]


def same(legacy: Legacy, look: Callable[[EntityMapping, Any], list[tuple[Any, ...]]]) -> None:
    """Assert that a look at the parts sees what there is, whatever that may be."""
    mapping = legacy.mapping()
    for seed in range(10):
        held = sales.rows(seed)
        legacy.hold(held)
        with closing(legacy.source.reader()) as side:
            for part in mapping.parts():
                wanted = sales.seen(held)[part.shape.entity]
                assert sorted(look(part, side), key=repr) == sorted(wanted, key=repr), (
                    seed,
                    part.shape.entity,
                )


def test_every_database_sees_the_same_sales(legacy: Legacy) -> None:
    same(legacy, by_database)


@pytest.mark.parametrize("legacy", ["sqlite", "postgres", "mysql exact"], indirect=True)
def test_python_sees_the_same_sales_where_the_database_only_joins(legacy: Legacy) -> None:
    same(legacy, lambda part, side: by_python(part, side, UNKNOWN[side.dialect]))


KINDS = {"integer": FieldType.INTEGER, "text": FieldType.TEXT, "float": FieldType.FLOAT}


def table(name: str, key: tuple[str, ...], /, **columns: str) -> Table:
    made = (Column(each, KINDS[kind], each not in key, kind) for each, kind in columns.items())
    return Table(name, tuple(made), key)


OTHERS = {
    each.name: each
    for each in (
        table("sale", ("id",), id="integer", party="integer", state="text", rate="float"),
        table("party", ("id",), id="integer", name="text", lang="text"),
        table("product_text", ("product", "lang"), product="text", lang="text", title="text"),
        table("line", ("id",), id="integer", sale="integer", product="text", quantity="integer"),
        table("bare", (), sale="integer", note="text"),
    )
}


def wrong(entity: dict[str, Any]) -> list[tuple[str, str]]:
    """Where something is wrong with the entity, and the words."""
    given = {"table": "sale", "key": "id", "fields": {"id": "id"}} | entity
    with pytest.raises(MappingError) as raised:
        compile_entity("sales", "sale", Entity.model_validate(given), OTHERS["sale"], others=OTHERS)
    return [
        (each.path.removeprefix("functions.sales.entities.sale."), f"{each.what} | {each.instead}")
        for each in raised.value.problems
    ]


def lines(**changed: Any) -> dict[str, Any]:
    section = {"table": "line", "on": {"sale": "id"}, "key": "line", "fields": {"line": "id"}}
    return {"children": {"lines": section | changed}}


def join(**on: str) -> dict[str, Any]:
    return {"join": {"party": {"table": "party", "on": on}}}


TEXT = {"table": "product_text", "on": {"product": "product"}}


@pytest.mark.parametrize(
    ("entity", "path", "says"),
    [
        (join(idd="party"), "join.party.on", "there is no column 'idd' in party | id"),
        (join(id="partty"), "join.party.on.id", "there is no column 'partty' in sale\n    partty\n    ^^^^^^ | party"),
        (join(id="party + 1"), "join.party.on.id", "rows are joined by columns as they stand\n    party + 1"),
        (join(id="state"), "join.party.on.id", "id of party is integer, and state is text: they never match"),
        (join(id="rate"), "join.party.on.id", "id of party is integer, and rate is float: they never match"),
        (join(name="state"), "join.party.on", "several rows of party may be meant: its primary key is id"),
        (lines(join={"text": TEXT}), "children.lines.join.text.on", "its primary key is product, lang | a condition for lang too"),
        ({"join": {"bare": {"table": "bare", "on": {"sale": "id"}}}}, "join.bare.on", "it has no primary key | a table with one"),
        (
            {"join": {**join(id="party")["join"], "text": {"table": "product_text", "on": {"product": "state", "lang": "party.lang"}}}},
            "join.text.on",
            "it needs columns of several rows, party and sale | columns of one of them, and constants",
        ),
        (
            lines(join={"party": {"table": "party", "on": {"id": "parent.party"}}}),
            "children.lines.join.party.on",
            "it leads on from parent, not from the line | the same join at the parent, and its columns as parent.…",
        ),
        *(
            ({"join": {name: {"table": "party", "on": {"id": "party"}}}}, f"join.{name}", f"'{name}' has a meaning of its own here")
            for name in ("parent", "before", "self")
        ),
        (lines(on={"sal": "id"}), "children.lines.on", "there is no column 'sal' in line | sale"),
        (lines(on={"sale": "idd"}), "children.lines.on", "there is no column 'idd' in sale | id"),
        (lines(on={"sale": "party"}), "children.lines.on", "is told by its primary key, id | columns of line for just these"),
        (lines(on={"product": "id"}), "children.lines.on", "product of line is text, and id of sale is integer: they never match"),
        (lines(key="number"), "children.lines.key", "the key field 'number' isn't in `fields` | one of line"),
        (lines(table="bare", fields={"line": "note"}), "children.lines.table", "bare has no primary key"),
        (lines(fields={"line": "id", "id": "sale"}), "children.lines.fields.id", "id is part of the key of what it stands under"),
        (
            {"fields": {"id": "id", "lines": "state"}} | lines(), "children.lines", "there is a field lines too | another name",
        ),
        (
            {"fields": {"id": "id", "who": "parti.name"}} | join(id="party"),
            "fields.who",
            "the mapping is over sale with party; there is no 'parti' here\n    parti.name\n    ^^^^^^^^^^ | party.name",
        ),
        (
            {"fields": {"id": "id", "text": "article.title"}},
            "fields.text",
            "there is no 'article' here\n    article.title\n    ^^^^^^^^^^^^^ | a join article, which stands before what names it",
        ),
        (
            lines(fields={"line": "id", "state": "parent.stat"}),
            "children.lines.fields.state",
            "there is no column 'stat' in parent\n    parent.stat\n           ^^^^ | state",
        ),
        (
            {"fields": {"id": "id", "state": "parent.state"}},
            "fields.state",
            "there is no 'parent' here\n    parent.state",
        ),
        (
            join(id="party") | {"events": {"created": [{"name": "SaleMade", "when": "before.party.name = 'x'"}]}},
            "events.created.0.when",
            "only the conditions of `changed` events see two rows",
        ),
        (
            join(id="party") | {"events": {"changed": [{"name": "SaleMade", "when": "before.party.nam = 'x'"}]}},
            "events.changed.0.when",
            "there is no column 'nam' in party",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_joins_and_children_is_said_with_its_place(
    entity: dict[str, Any], path: str, says: str
) -> None:
    found = dict(wrong(entity))
    assert says in found[path], found


def test_blanks_at_the_end_of_a_constant_dont_count_for_a_column_that_is_padded() -> None:
    nation = Column("nation", FieldType.TEXT, False, "character(1)")
    address = Table("address", (Column("id", FieldType.INTEGER, False, "integer"), nation), ("id", "nation"))
    home = {"table": "address", "on": {"id": "party", "nation": "' '"}}
    settings = {"table": "sale", "key": "id", "join": {"home": home}, "fields": {"id": "id", "at": "home.id"}}
    others = {**OTHERS, "address": address}
    mapping = compile_entity("sales", "sale", Entity.model_validate(settings), OTHERS["sale"], others=others)
    assert mapping.plan.origin.joins[0].on == (("id", "party"), ("nation", Constant("")))


def test_a_join_may_name_only_those_before_it() -> None:
    late = {
        "text": {"table": "product_text", "on": {"product": "party.name", "lang": "'E'"}},
        "party": {"table": "party", "on": {"id": "party"}},
    }
    assert dict(wrong({"join": late}))["join.text.on.product"].endswith(
        "| a join party, which stands before what names it"
    )


def test_everything_that_is_wrong_with_the_parts_is_said_at_once() -> None:
    found = wrong(join(id="state") | lines(fields={"line": "idd"}, where="quantity"))
    assert [path for path, _ in found] == [
        "join.party.on.id", "children.lines.fields.line", "children.lines.where",
    ]  # fmt: skip


def test_the_entity_of_the_documentation_is_as_it_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "entities.md").read_text()
    entity = Entity.model_validate(
        read(page.split("```yaml")[1].split("```")[0], {}).value["entities"]["sale"]
    )
    tables = {
        each.name: each
        for each in (
            table("sale_sale", ("id",), id="integer", party="integer", state="text"),
            table("party_party", ("id",), id="integer", code="text", lang="integer"),
            table("ir_lang", ("id",), id="integer", code="text"),
            table("sale_line", ("id",), id="integer", sale="integer", product="integer", quantity="integer"),
            table("product_product", ("id",), id="integer", code="text"),
            table("sale_line_tax", ("line", "tax"), line="integer", tax="integer"),
        )
    }
    shape = compile_entity("sales", "sale", entity, tables["sale_sale"], others=tables).shape
    assert [part.table for part in shape.parts()] == ["sale", "sale_lines", "sale_lines_taxes"]
    (example,) = (json.loads(block.split("```")[0]) for block in page.split("```json")[1:])
    assert own(shape, example) == [[name.name for name in part.fields] for part in shape.parts()]


def own(shape: Shape, data: dict[str, Any], above: tuple[str, ...] = ()) -> list[list[str]]:
    """Part by part the fields that an event's data has, behind the keys of what they stand under."""
    names = [name for name, value in data.items() if not isinstance(value, list)]
    found = [[*above, *names]]
    for name, child in shape.children:
        found += own(child, data[name][0], shape.key)
    return found
