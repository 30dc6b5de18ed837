"""The starter is a configuration that loads, whatever the tables and columns of the legacy database are called."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from strangler.configuration import load
from strangler.configuration.document import read
from strangler.shapes import Column, FieldType, Table
from strangler.starter import PASSWORD, starter, without_password

PARTY = Table(
    "party_party",
    (
        Column("id", FieldType.INTEGER, False, "integer"),
        Column("name", FieldType.TEXT, True, "character varying"),
        Column("Name", FieldType.TEXT, True, "text"),
        Column("current_date", FieldType.DATE, True, "date"),
        Column("no", FieldType.BOOLEAN, True, "boolean"),
    ),
    ("id",),
)
LINE = Table(
    "crm.Sale Line",
    (
        Column("order_id", FieldType.INTEGER, False, "bigint"),
        Column("line", FieldType.INTEGER, False, "bigint"),
    ),
    ("order_id", "line"),
)


def test_it_loads_with_real_tables_columns_and_keys(tmp_path: Path) -> None:
    path = tmp_path / "strangler.yaml"
    path.write_text(starter("postgres", "postgresql://u@h/erp", [PARTY, LINE]))
    settings = load(path, {})
    party = settings.functions["party_party"].entities["party_party"]
    assert {name: field.value for name, field in party.fields.items()} == {
        "id": "id",
        "name": "name",
        "name_2": '"Name"',
        "current_date": '"current_date"',
        "no": "no",
    }
    line = settings.functions["sale_line"].entities["sale_line"]
    assert (line.table, line.key) == ("crm.Sale Line", ["order_id", "line"])


def test_the_password_is_not_in_it(tmp_path: Path) -> None:
    text = starter("postgres", "postgresql://u:s3cr%40t@h/erp", [PARTY])
    assert "s3cr" not in text
    path = tmp_path / "strangler.yaml"
    path.write_text(text)
    url = load(path, {PASSWORD: "s3cr%40t"}).sources["legacy"].url
    assert url.get_secret_value() == "postgresql://u:s3cr%40t@h/erp"
    assert without_password("postgresql://u@h/erp") == "postgresql://u@h/erp"


WORD = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=30)


def test_tables_of_one_name_in_two_schemas_stay_apart() -> None:
    tables = [Table(f"{schema}.party", PARTY.columns, PARTY.key) for schema in ("a", "b")]
    assert list(read(starter("postgres", "postgresql://h/erp", tables), {}).value["functions"]) == [
        "party",
        "party_2",
    ]


@given(WORD, st.lists(WORD, min_size=1, max_size=8, unique=True), WORD)
def test_any_name_makes_a_well_formed_file(table: str, columns: list[str], declared: str) -> None:
    made = Table(table, tuple(Column(c, FieldType.TEXT, True, declared) for c in columns), (columns[0],))
    document = read(starter("sqlite", "sqlite:////x.db", [made]), {})
    assert document.findings == []
    (function,) = document.value["functions"].values()
    (entity,) = function["entities"].values()
    assert entity["table"] == table
    assert len(entity["fields"]) == len(columns)
    assert entity["key"] == next(iter(entity["fields"]))
