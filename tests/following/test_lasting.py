"""A line that lasts: nobody counts as gone for whom a proxy goes on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from strangler.cli.main import root
from strangler.control import facades
from strangler.control.store import Control
from strangler.errors import StranglerError
from strangler.following.folder import Folder
from strangler.following.processes import serving
from tests.dataplanes.test_command import CONFIGURATION


def test_status_says_which_proxy_nobody_follows(tmp_path: Path) -> None:
    (tmp_path / "strangler.yaml").write_text(CONFIGURATION)

    def status() -> str:
        return CliRunner().invoke(root, ["-c", str(tmp_path / "strangler.yaml"), "status"]).output

    assert "nobody follows it" not in status()
    with Control.open(f"sqlite:///{tmp_path}/.strangler/control.db") as control:
        seen_at = time.time() - 3600
        facades.seen(control, "n", generation=1, address="nginx by /x", at=seen_at, lasts=True)
    assert "nginx by /x: nobody follows it, so no switch is possible" in " ".join(status().split())


def test_a_version_is_used_whole_and_the_one_before_stays_until_it_is_dropped(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "strangler")
    assert folder.version is None
    assert folder.put({"a": "1", "b": "1"}, "7") is None
    first = folder.version
    assert folder.put({"a": "2"}, "8") == first
    assert sorted(each.name for each in folder.path.iterdir()) == ["a"]
    folder.use(first)
    assert [(folder.path / name).read_text() for name in "ab"] == ["1", "1"]
    folder.drop(first)
    assert folder.path.exists(), "the one in use is never dropped"
    folder.use(None)
    folder.drop(first)
    assert first is not None
    assert not first.exists()


def test_who_cant_see_the_proxys_processes_is_told_so(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with pytest.raises(StranglerError, match="doesn't say which process"):
        serving(pid)
    pid.write_text("4194305")  # One more than Linux gives.
    with pytest.raises(StranglerError, match="the proxy doesn't run"):
        serving(pid)
