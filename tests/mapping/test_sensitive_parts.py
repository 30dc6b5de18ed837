"""What is sensitive of an entity over several tables: what is marked, and whatever else reads the same column of the same table."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from strangler.configuration.consistency import sensitive, tables
from strangler.errors import MappingError, Untranslatable
from strangler.mapping import compile_entity
from strangler.sensitive import MASK, names, of_entity
from strangler.settings import Entity, Settings
from tests.mapping.sales import SALE, TABLES, Legacy


def sales(**changes: Any) -> dict[str, Any]:
    """The entity, with expressions of fields by their path replaced: `lines.text`."""
    entity = copy.deepcopy(SALE)
    for path, field in changes.items():
        *below, name = path.split("__")
        section = entity
        for each in below:
            section = section["children"][each]
        section["fields"][name] = field
    return entity


def settings(entity: dict[str, Any], **others: Any) -> Settings:
    return Settings.model_validate({
        "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///legacy.db"}},
        "stores": {"service": {"url": "sqlite:///service.db"}},
        "functions": {"sales": {"source": "erp", "store": "service", "entities": {"sale": entity, **others}}},
    })  # fmt: skip


def test_a_field_that_reads_a_sensitive_column_of_a_joined_table_is_sensitive_wherever_it_stands() -> None:
    marked = sales(party={"value": "TRIM(party.name)", "sensitive": True}, lines__buyer="parent.party.name")
    found = of_entity(settings(marked), "sales", "sale")
    assert (found.fields, found.columns) == ({"party"}, {"party.name"})
    lines = found.below("lines")
    assert (lines.fields, lines.columns) == ({"buyer"}, {"parent.party.name"})
    taxes = lines.below("taxes")
    assert (taxes.fields, taxes.columns) == (frozenset(), {"parent.parent.party.name"})


def test_another_entity_over_the_joined_table_has_the_column_too() -> None:
    marked = sales(lines__text={"value": "text.title", "sensitive": True})
    plain = {
        "table": "product_text",
        "key": ["a", "b"],
        "fields": {"a": "product", "b": "lang", "t": "UPPER(TITLE)"},
    }
    found = of_entity(settings(marked, text=plain), "sales", "text")
    assert (found.fields, found.columns) == ({"t"}, {"title"})
    assert of_entity(settings(marked), "sales", "sale").below("lines").below("taxes").fields == {"text"}


def test_lines_are_hidden_inside_of_an_event() -> None:
    marked = sales(lines__text={"value": "text.title", "sensitive": True})
    found = of_entity(settings(marked), "sales", "sale")
    data = {
        "number": 1,
        "lines": [{"line": 1, "text": "x", "taxes": [{"tax": "vat", "text": "x"}]}, {"text": None}],
    }
    assert found.hidden(data) == {
        "number": 1,
        "lines": [{"line": 1, "text": MASK, "taxes": [{"tax": "vat", "text": MASK}]}, {"text": None}],
    }
    assert names(settings(marked))["sales"] >= {"text", "title"}


def test_a_reason_shows_no_value_of_a_sensitive_column_of_a_line(tmp_path: Path) -> None:
    marked = sales(lines__quantity={"value": "CAST(quantity AS INTEGER)", "sensitive": True})
    legacy = Legacy("sqlite", f"sqlite:///{tmp_path}/legacy.db")
    described = legacy.source.describe(list(TABLES))
    found = of_entity(settings(marked), "sales", "sale")
    mapping = compile_entity(
        "sales", "sale", Entity.model_validate(marked), described["head"], {}, found, others=described
    )
    lines = mapping.children[0].mapping
    assert lines.sensitive == {"quantity"}
    row = dict.fromkeys(lines.columns) | {
        "id": 1,
        "quantity": "canary",
        "parent.company": "A1",
        "parent.number": 1,
    }
    with pytest.raises(Untranslatable) as raised:
        lines.translate(row)
    assert "canary" not in str(raised.value)


def test_what_a_line_is_named_by_cannot_be_sensitive() -> None:
    (key,) = sensitive(settings(sales(lines__line={"value": "id", "sensitive": True})))
    assert key.path == (
        "functions",
        "sales",
        "entities",
        "sale",
        "children",
        "lines",
        "fields",
        "line",
        "sensitive",
    )
    (parent,) = sensitive(settings(sales(lines__again={"value": "parent.number", "sensitive": True})))
    assert parent.path[-2:] == ("again", "sensitive")


def test_a_key_of_lines_of_another_column_than_their_tables_own_is_not_masked(tmp_path: Path) -> None:
    entity = sales(lines__line="product", lines__number_={"value": "id", "sensitive": True})
    described = Legacy("sqlite", f"sqlite:///{tmp_path}/legacy.db").source.describe(list(TABLES))
    with pytest.raises(
        MappingError, match=r"children.lines.fields.number_.sensitive: id is part of the key of line"
    ):
        compile_entity("sales", "sale", Entity.model_validate(entity), described["head"], others=described)


def test_two_parts_do_not_share_a_table_of_the_store() -> None:
    entity = copy.deepcopy(SALE)
    entity["children"]["lines"]["into"] = "sale"
    (found,) = tables(settings(entity))
    assert found.path == ("functions", "sales", "entities", "sale", "children", "lines", "into")
    other = {"table": "line", "key": "id", "fields": {"id": "id"}}
    (found,) = tables(settings(SALE, sale_lines=other))
    assert "is already that of functions.sales.entities.sale.children.lines" in found.what
