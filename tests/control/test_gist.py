"""What `strangler ledger show` says of an entry on its line."""

from __future__ import annotations

from typing import Any

import pytest

from strangler.cli.gist import LONGEST, gist

SHADOW = {"stage": "shadow", "weight": 0, "owner": "legacy"}
CANARY = {"stage": "canary", "weight": 500, "owner": "legacy"}
LIVE = {"stage": "live", "weight": 10_000, "owner": "new"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"after": CANARY, "before": SHADOW, "cohort": "*", "gates": [{}, {}], "plan": "24"},
            "shadow → canary 5%; 2 gates; plan: 24",
        ),
        (
            {"after": LIVE, "before": CANARY, "cohort": "1000", "gates": [{}], "reason": "go"},
            "cohort 1000; canary 5% → live, owner new; 1 gate; go",
        ),
        ({"rows": {"customer": 500}, "failed": {}, "lost": {}, "missing": []}, "rows: customer 500"),
        (
            {"changed": ["facade", "sync"], "sections": {"facade": "d3"}, "software": "0.1.0"},
            "changed: facade, sync; software: 0.1.0",
        ),
        ({"what": "party stays in legacy", "why": "held", "asked": "advance"}, "party stays in legacy; held"),
        ({"documents": [{"key": 1}], "count": 1}, "count: 1"),
        ({}, ""),
    ],
)
def test_an_entry_says_its_move_and_its_own_words_or_its_figures(body: dict[str, Any], words: str) -> None:
    assert gist(body) == words


def test_a_long_one_is_cut() -> None:
    assert len(gist({"why": "x" * 500})) == LONGEST
