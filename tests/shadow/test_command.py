"""`strangler shadow`: figures, fields, noise, rules, reasons and samples of a function, and the exit code of its gate."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from strangler.cli.main import root
from strangler.control import comparisons, counted
from strangler.control.comparisons import Mismatch
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE
from strangler.shadow.counting import Counting, Observation

CONFIGURATION = """\
name: demo
sources: {erp: {kind: sqlite, url: "sqlite:///erp.db"}}
stores: {new: {url: "sqlite:///new.db"}}
facade:
  legacy: http://127.0.0.1:1
  shadow:
    rules:
      - {rule: ignore, path: "**.write_date", owner: operations, reason: each side keeps its own, until: 2026-01-31}
functions:
  party:
    source: erp
    store: new
    service: {url: http://127.0.0.1:1}
    entities: {party: {table: party_party, key: id, fields: {id: id}}}
    routes: [{match: {path: /parties}, kind: read}]
    shadow:
      rules:
        - {rule: decimal, path: rows.*.price, within: 0.01, owner: finance, reason: legacy rounds each line}
  product:
    source: erp
    store: new
    entities: {product: {table: product, key: id, fields: {id: id}}}
"""
AT, PRICE = ("generated_at", "value"), ("rows.*.price", "value")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Control]:
    (tmp_path / "strangler.yaml").write_text(CONFIGURATION)
    with Control.open(f"sqlite:///{tmp_path}/.strangler/control.db") as control:
        yield control


def strangler(folder: Path, *arguments: str, columns: int = 110) -> Result:
    path = folder / "strangler.yaml"
    result = CliRunner(env={"COLUMNS": str(columns)}).invoke(root, ["--config", str(path), *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def fill(control: Control, *, wrong: int = 3) -> None:
    """What 1,200 reads may have shown: `wrong` of them a wrong price."""
    counting = Counting("one")
    took = (("new", 0.008), ("legacy", 0.12))
    for number in range(1150):
        hidden = {"decimal rows.*.price within 0.01": 2} if number % 3 else {}
        counting.add(Observation("party", EVERYONE, 0.0, "matched", hidden=hidden, seconds=took))
    for number in range(50 - wrong):
        twice = frozenset([AT]) if number < 30 else None
        counting.add(Observation("party", EVERYONE, 0.0, "mismatched", frozenset([AT]), twice, seconds=took))
    differences = [
        {"path": "rows.2.price", "kind": "value", "legacy": "4904.49", "new": "4904.9"},
        {"path": "rows", "kind": "size", "legacy": 3, "new": 2},
        {"path": "rows.0.note", "kind": "missing", "legacy": "a\x1b[2Jb", "new": None},
    ]
    sample = Mismatch(1_796_030_000.0, "party", EVERYONE, "GET /parties?page=2&token=***", differences)
    for _ in range(wrong):
        counting.add(
            Observation("party", EVERYONE, 0.0, "mismatched", frozenset([PRICE]), seconds=took, sample=sample)
        )
    reason = "the new service of party didn't answer within 5 s"
    for _ in range(4):
        counting.add(Observation("party", EVERYONE, 0.0, "failed", reason=reason))
    counting.add(
        Observation("party", EVERYONE, 0.0, "uncompared", reason="asked again, the legacy ERP answered 503")
    )
    counting.drop("party", EVERYONE)
    sums, samples = counting.take()
    counted.record(control, sums)
    comparisons.add_mismatches(control, samples)


def test_it_shows_what_differs_what_is_noise_and_what_rules_hide(tmp_path: Path, store: Control) -> None:
    fill(store)
    found = strangler(tmp_path, "shadow", "party", columns=160)
    output = " ".join(found.output.split())
    assert found.exit_code == 1
    assert "1,150 3 47 4 1 1 30" in output
    assert "generated_at value 47 3.9% 30 of 30 noise" in output
    assert "rows.*.price value 3 0.2% 0 of 30" in output
    assert "decimal rows.*.price within 0.01 1,532 766 finance legacy rounds each line" in output
    assert "ignore **.write_date 0 0 operations each side keeps its own 2026-01-31, over" in output
    assert "new didn't answer 4 the new service of party didn't answer within 5 s" in output
    assert "legacy 1,200 120.0 ms 250 ms 250 ms" in output
    assert 'rows.2.price value: "4904.49" → "4904.9"' in output
    assert "\x1b[2J" not in found.output, "no value moves the cursor"
    assert output.index("newest samples") < output.index(
        "party: fail, 3 of 1,200 answers differed, more than 0.00%"
    )


def test_it_is_told_to_programs_too(tmp_path: Path, store: Control) -> None:
    fill(store, wrong=0)
    found = strangler(tmp_path, "shadow", "party", "--json", "--samples", "0")
    told = json.loads(found.output)
    assert (found.exit_code, told["verdict"], told["compared"], told["noisy"]) == (0, "pass", 1197 + 3, 50)
    assert told["fields"][0] | {"answers": 0} == {
        "field": "generated_at", "difference": "value", "answers": 0, "in_pairs": 30, "legacy_to_itself": 30, "noise": True,
    }  # fmt: skip
    assert told["latency"]["new"]["half_within_seconds"] == 0.01
    assert told["samples"] == []


def test_too_little_evidence_is_no_pass(tmp_path: Path, store: Control) -> None:
    found = strangler(tmp_path, "shadow", "party")
    assert found.exit_code == 2
    assert "party: inconclusive, 0 reads were compared, fewer than 100" in found.output


def test_a_function_without_a_service_is_told_so(tmp_path: Path, store: Control) -> None:
    found = strangler(tmp_path, "shadow", "product")
    assert found.exit_code == 1
    assert "functions.product.service isn't configured" in found.output


def test_it_fits_a_narrow_screen(tmp_path: Path, store: Control) -> None:
    fill(store)
    output = strangler(tmp_path, "shadow", "party", columns=80).output
    assert max(map(len, output.splitlines())) <= 80


def test_config_check_says_which_rules_hide_nothing_any_more(tmp_path: Path, store: Control) -> None:
    output = " ".join(strangler(tmp_path, "config", "check", "--offline").output.split())
    assert (
        "facade: the shadow rule `ignore **.write_date` held until 2026-01-31 and hides nothing any more; ask operations"
        in output
    )
