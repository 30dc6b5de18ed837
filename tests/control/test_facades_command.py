"""`strangler facades`: who lives, who is silent, who is forgotten."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from strangler.cli.main import root
from strangler.control import facades
from strangler.control.store import Control
from tests.facade.test_process import CONFIGURATION


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    path = tmp_path / "strangler.yaml"
    path.write_text(CONFIGURATION.format(legacy="http://127.0.0.1:9"))
    with Control.open(f"sqlite:///{tmp_path}/.strangler/control.db") as control:
        facades.seen(control, "here-1", generation=0, address="http://here", at=time.time())
        facades.seen(control, "gone-2", generation=0, address="http://gone", at=time.time() - 7200)
    return path


def run(path: Path, *words: str) -> Result:
    return CliRunner(env={"COLUMNS": "140"}).invoke(root, ["-c", str(path), "facades", *words])


def test_they_are_shown_and_a_silent_one_is_forgotten(configured: Path) -> None:
    shown = run(configured)
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert "live" in next(line for line in lines if "here-1" in line)
    silent = next(line for line in lines if "gone-2" in line)
    assert "silent" in silent
    assert "2 h ago" in silent
    assert "lives" in run(configured, "forget", "here-1").output
    assert run(configured, "forget", "gone-2").exit_code == 0
    assert "no facade gone-2" in run(configured, "forget", "gone-2").output
    told = json.loads(run(configured, "--json").output)
    assert [each["id"] for each in told["facades"]] == ["here-1"]
