"""What the README shows works: its first configuration and its commands are run as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from strangler import __version__

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SECTION = README.split("## A first configuration", 1)[1].split("\n## ", 1)[0]
(CONFIGURATION,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
(COMMANDS,) = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)

STRANGLER = Path(sys.executable).with_name("strangler")
PATIENCE = 60.0
"""Seconds to wait for a condition on a busy machine."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the README's configuration and a legacy database for it."""
    (tmp_path / "strangler.yaml").write_text(CONFIGURATION)
    with sqlite3.connect(tmp_path / "legacy.db") as legacy:
        legacy.execute("CREATE TABLE party_party (id INTEGER PRIMARY KEY, name TEXT, active BOOLEAN)")
        rows = [(f" Łódź {number} ", True if number % 2 else None) for number in range(300)]
        legacy.executemany("INSERT INTO party_party (name, active) VALUES (?, ?)", rows)
    legacy.close()
    return tmp_path


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that the README starts in the background; ended by Ctrl-C, cleanly."""
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for process in running:
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("STRANGLER")}


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)  # between two looks


def in_store(folder: Path) -> list[tuple[int, str, int]]:
    with sqlite3.connect(f"file:{folder / 'new.db'}?mode=ro", uri=True) as store:
        try:
            return store.execute("SELECT id, name, active FROM party ORDER BY id").fetchall()
        except sqlite3.OperationalError:  # the table isn't there yet
            return []


def test_the_first_configuration_and_its_commands(
    folder: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    done = []
    for line in COMMANDS.splitlines():
        program, *arguments = shlex.split(line, comments=True)
        assert program == "strangler"
        if arguments[-1] == "&":
            log = (folder / "run.log").open("wb")
            command = [str(STRANGLER), *arguments[:-1]]
            started.append(
                subprocess.Popen(command, cwd=folder, env=environment(), stdout=log, stderr=subprocess.STDOUT)
            )
            wait_for(lambda: "reading" in (folder / "run.log").read_text(), "the sync begins")
            continue
        result = subprocess.run(
            [STRANGLER, *arguments],
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"
        done.append(arguments[0])
        if arguments[0] == "advance":
            wait_for(lambda: len(in_store(folder)) == 300, "the backfill")
    assert done == ["config", "doctor", "plan", "advance", "status", "reconcile", "report"]
    assert in_store(folder)[:3] == [(1, "Łódź 0", 1), (2, "Łódź 1", 1), (3, "Łódź 2", 1)]
    assert "<html" in (folder / "report.html").read_text()


def test_the_version_of_the_changelog_is_that_of_the_program() -> None:
    released = re.findall(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert not released or released[0] == __version__


def test_the_targets_that_are_named_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    documents = README + (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", documents))
    assert named
    targets = {
        each for line in re.findall(r"^([a-z][a-z% -]*):", makefile, re.MULTILINE) for each in line.split()
    }
    assert [
        name for name in named if not any(fnmatch(name, each.replace("%", "*")) for each in targets)
    ] == []
