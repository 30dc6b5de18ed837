"""What `strangler ledger show` says of an entry on its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from strangler.cli.gist import LONGEST, gist
from strangler.cli.main import root
from tests.cutover.test_commands import CONFIGURATION

SHADOW = {"stage": "shadow", "weight": 0, "owner": "legacy"}
CANARY = {"stage": "canary", "weight": 500, "owner": "legacy"}
LIVE = {"stage": "live", "weight": 10_000, "owner": "new"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"after": CANARY, "before": SHADOW, "cohort": "*", "gates": [{}, {}], "plan": "24"},
            "shadow → canary 5%; plan: 24; 2 gates",
        ),
        (
            {"after": LIVE, "before": CANARY, "cohort": "1000", "gates": [{}], "reason": "go"},
            "cohort 1000; canary 5% → live, owner new; go; 1 gate",
        ),
        ({"rows": {"customer": 500}, "failed": {}, "lost": {}, "missing": []}, "rows: customer 500"),
        (
            {"changed": ["facade", "sync"], "sections": {"facade": "d3"}, "software": "0.1.0"},
            "changed: facade, sync; software: 0.1.0",
        ),
        (
            {"what": "party stays in legacy", "why": "held", "asked": "advance", "gates": [{}]},
            "party stays in legacy; held",
        ),
        ({"expires_at": 1803846681.57, "role": "admin"}, "expires: 2027-02-28T20:31:21Z; role: admin"),
        ({"documents": [{"key": 1}], "count": 1}, "count: 1"),
        ({}, ""),
    ],
)
def test_an_entry_says_its_move_and_its_own_words_or_its_figures(body: dict[str, Any], words: str) -> None:
    assert gist(body) == words


def test_a_long_one_is_cut() -> None:
    assert len(gist({"why": "x" * 500})) == LONGEST


@pytest.mark.parametrize("width", [80, 120])
def test_the_list_can_be_read_on_a_narrow_screen_too(tmp_path: Path, width: int) -> None:
    path = tmp_path / "strangler.yaml"
    path.write_text(CONFIGURATION)
    run = CliRunner(env={"COLUMNS": str(width)})
    for words in (["hold", "party", "--reason", "the period isn't closed"], ["advance", "party"]):
        run.invoke(root, ["-c", str(path), *words])
    lines = run.invoke(root, ["-c", str(path), "ledger", "show"]).output.splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= 10
    assert "party is held in legacy; the period" in " ".join(" ".join(lines).split())
