"""What is put between Great Expectations and the driver: relations for their stand-ins, and bounds."""

from __future__ import annotations

import pytest

from strangler_adapters.great_expectations.sessions import ROWS, rewritten

RELATIONS = {
    "strangler_checked_1": "SELECT ':a {b} 5%' AS x FROM t",
    "strangler_checked_12": "SELECT 12",
}


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        (
            "SELECT count(*) FROM strangler_checked_1",
            "SELECT count(*) FROM (SELECT ':a {b} 5%' AS x FROM t) AS strangler_checked_1",
        ),
        (
            "SELECT 1 FROM strangler_checked_12 WHERE strangler_checked_12.k = checked.x",
            "SELECT 1 FROM (SELECT 12) AS strangler_checked_12 WHERE strangler_checked_12.k = checked.x",
        ),
        ("SELECT *\nFROM (SELECT 1) AS anon_1\nWHERE 1 = 1", "SELECT *\nFROM (SELECT 1) AS anon_1\nWHERE 1 = 1 LIMIT 0"),
        ("SELECT * FROM strangler_checked_12", "SELECT * FROM (SELECT 12) AS strangler_checked_12 LIMIT 0"),
        (f"SELECT id FROM t {ROWS}", f"SELECT id FROM t {ROWS} LIMIT 20"),
        (f"SELECT COUNT(*) FROM (SELECT id FROM t {ROWS}) AS n", f"SELECT COUNT(*) FROM (SELECT id FROM t {ROWS}) AS n"),
    ],
)  # fmt: skip
def test_a_statement_has_the_relations_and_is_bounded(written: str, sent: str) -> None:
    assert rewritten(written, RELATIONS, 20, doubled=False) == sent


def test_a_percent_sign_of_a_relation_is_no_parameter() -> None:
    assert "5%%" in rewritten("SELECT * FROM strangler_checked_1 LIMIT %(n)s", RELATIONS, 20, doubled=True)
