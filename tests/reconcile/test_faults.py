"""Seeded faults of each kind are found, named and counted, whatever databases stand on the two sides."""

from __future__ import annotations

import pytest

from strangler.reconcile.narrow import ROWS, Kind

from .conftest import PAIRS, Make
from .landscape import Landscape


def test_equal_sides_are_clean_whatever_the_values(partnered: Landscape) -> None:
    outcome = partnered.compare()
    assert outcome.compared == 300
    assert (outcome.drift, outcome.in_flight, outcome.quarantine) == (0, 0, 0)


def test_a_row_that_the_store_lacks_is_missing(partnered: Landscape) -> None:
    partnered.new.run("DELETE FROM partner WHERE id IN (17, 300)")
    outcome = partnered.compare()
    assert (outcome.missing, outcome.extra, outcome.different) == (2, 0, 0)
    assert [(each.key, each.kind) for each in outcome.differences] == [
        ("[17]", Kind.MISSING),
        ("[300]", Kind.MISSING),
    ]
    assert outcome.differences[0].fields["id"] == (17, None)


def test_a_row_that_only_the_store_has_is_extra(partnered: Landscape) -> None:
    partnered.legacy.run("DELETE FROM partner WHERE id = 18")
    outcome = partnered.compare()
    assert (outcome.missing, outcome.extra, outcome.different) == (0, 1, 0)
    assert outcome.compared == 300
    assert outcome.differences[0].fields["id"] == (None, 18)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("name = 'somebody else'", {"name": ("Łódź", "somebody else")}),
        ("credit = 13.14", {"credit": ("13.13", "13.14")}),
        ("credit = NULL", {"credit": ("13.13", None)}),
        ("born = '1999-12-31'", {"born": ("1913-02-14", "1999-12-31")}),
        ("number = 14, rate = 2.5", {"rate": (13 / 7, 2.5), "number": (13, 14)}),
    ],
)
def test_a_changed_field_is_named_with_both_values(
    partnered: Landscape, change: str, expected: dict[str, tuple[object, object]]
) -> None:
    partnered.new.run(f"UPDATE partner SET {change} WHERE id = 13")
    outcome = partnered.compare()
    assert (outcome.missing, outcome.extra, outcome.different) == (0, 0, 1)
    assert outcome.differences[0].fields == expected


def test_null_is_not_the_empty_string_nor_the_text_null(partnered: Landscape) -> None:
    partnered.legacy.run("UPDATE partner SET name = NULL WHERE id IN (5, 6)")
    partnered.new.run(
        "UPDATE partner SET name = 'NULL' WHERE id = 5", "UPDATE partner SET name = '' WHERE id = 6"
    )
    found = {each.key: each.fields for each in partnered.compare().differences}
    assert found == {"[5]": {"name": (None, "NULL")}, "[6]": {"name": (None, "")}}


def test_faults_of_every_kind_at_once_are_counted_each(partnered: Landscape) -> None:
    partnered.new.run("DELETE FROM partner WHERE id <= 10", "UPDATE partner SET name = 'x' WHERE id > 250")
    partnered.legacy.run("DELETE FROM partner WHERE id BETWEEN 20 AND 24")
    outcome = partnered.compare()
    assert (outcome.missing, outcome.extra, outcome.different) == (10, 5, 50)
    assert outcome.drift == len(outcome.differences) == 65


def test_counts_are_exact_beyond_the_keys_that_are_listed(partnered: Landscape) -> None:
    partnered.new.run("DELETE FROM partner")
    outcome = partnered.compare(limit=7)
    assert outcome.missing == 300
    assert len(outcome.differences) == 7


@pytest.mark.parametrize("pair", PAIRS)
def test_a_composite_text_key_with_odd_values_is_found(make: Make, pair: str) -> None:
    entity = {
        "table": "rate",
        "key": ["client", "code"],
        "fields": {"code": "code", "client": "client", "n": "n"},
    }
    legacy, store = pair.split("-")
    # Under MariaDB's other collations "" and " " are one key.
    text = "varchar(20) COLLATE utf8mb4_nopad_bin" if legacy.startswith("mysql") else "text"
    table = f"CREATE TABLE rate (client {text} NOT NULL, code {text} NOT NULL, n integer, PRIMARY KEY (client, code))"
    landscape = make(legacy, store, table, entity=entity)
    odd = ["a", "a,", "'", "\\", '"', "日本", " ", "", "é", "e\u0301", "🙂", "0000004711", "[1]", "%s", "$1"]
    landscape.legacy.insert("rate", [(left, right, 1) for left in odd for right in odd])
    landscape.fill()
    assert landscape.compare().drift == 0
    # A key that a concatenation without delimiters couldn't tell from its neighbour.
    landscape.new.run("UPDATE partner SET n = 2 WHERE client = 'a,' AND code = 'a'")
    backslash = "\\\\" if legacy.startswith("mysql") else "\\"
    landscape.legacy.run(f"DELETE FROM rate WHERE client = '🙂' AND code = '{backslash}'")
    found = {each.key: each.kind for each in landscape.compare().differences}
    assert found == {'["a,","a"]': Kind.DIFFERENT, '["🙂","\\\\"]': Kind.EXTRA}


def test_two_rows_with_the_same_fields_but_for_a_shifted_delimiter_differ(make: Make) -> None:
    entity = {"table": "pair", "key": "id", "fields": {"id": "id", "a": "a", "b": "b"}}
    table = "CREATE TABLE pair (id integer PRIMARY KEY, a text, b text)"
    landscape = make("postgresql", "sqlite", table, entity=entity)
    landscape.legacy.insert("pair", [(1, "x','y", "z"), (2, "x", "y','z")])
    landscape.fill()
    landscape.new.run("UPDATE partner SET a = 'x', b = 'y'',''z' WHERE id = 1")
    assert [each.key for each in landscape.compare().differences] == ["[1]"]


def test_legacy_rows_that_share_a_key_are_shown_as_such(make: Make) -> None:
    entity = {"table": "tag", "key": "name", "fields": {"name": "TRIM(name)"}}
    landscape = make("postgresql", "postgresql", "CREATE TABLE tag (name text PRIMARY KEY)", entity=entity)
    landscape.legacy.insert("tag", [("a",), ("b",)])
    landscape.fill()
    landscape.legacy.insert("tag", [("b ",)])
    (found,) = landscape.compare().differences
    assert (found.key, found.kind, found.fields) == ('["b"]', Kind.DIFFERENT, {ROWS: (2, 1)})


@pytest.mark.parametrize("pair", PAIRS)
def test_a_table_wider_than_a_function_takes_arguments_is_compared_whole(make: Make, pair: str) -> None:
    legacy, store = pair.split("-")
    names = ["id", *(f"c{number}" for number in range(200))]
    entity = {"table": "wide", "key": "id", "fields": {name: name for name in names}}
    columns = ", ".join(f"{name} integer{' PRIMARY KEY' if name == 'id' else ''}" for name in names)
    landscape = make(legacy, store, f"CREATE TABLE wide ({columns})", entity=entity)
    landscape.legacy.insert("wide", [tuple(range(row, row + 201)) for row in (1, 1000)])
    landscape.fill()
    assert landscape.compare().drift == 0
    landscape.new.run("UPDATE partner SET c199 = -1 WHERE id = 1000")
    assert landscape.compare().differences[0].fields == {"c199": (1200, -1)}


def test_rows_that_cannot_be_translated_are_quarantined_and_not_drift(partnered: Landscape) -> None:
    partnered.legacy.run("UPDATE partner SET number = 'none' WHERE id IN (40, 41)")
    partnered.new.run("DELETE FROM partner WHERE id = 41")
    outcome = partnered.compare()
    assert outcome.drift == 0
    assert outcome.quarantine == 2
    assert [each.key for each in outcome.quarantined] == ["[40]", "[41]"]
    assert "number" in outcome.quarantined[0].reason
