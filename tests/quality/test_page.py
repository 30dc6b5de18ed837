"""What docs/quality.md shows works: its configuration and its commands are run as they stand there."""

from __future__ import annotations

import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from strangler import assembly
from strangler.changes import Position
from strangler.cli.main import root
from strangler.configuration import load
from strangler.ports import Mark
from strangler.sync.backfill import Chunk

PAGE = (Path(__file__).parents[2] / "docs" / "quality.md").read_text()
(CONFIGURATION,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(COMMANDS,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's configuration, a legacy database for it, and a store that was filled."""
    (tmp_path / "strangler.yaml").write_text(CONFIGURATION)
    with closing(sqlite3.connect(tmp_path / "legacy.db")) as legacy, legacy:
        legacy.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT)")
        legacy.execute(
            "CREATE TABLE sale (number INTEGER PRIMARY KEY, customer INTEGER, state TEXT, amount NUMERIC, iban TEXT, changed_at TIMESTAMP)"
        )
        legacy.execute("INSERT INTO customer VALUES (1, 'Ann')")
        rows = [(1, 1, "DRAFT", 5, 1), (2, 7, "done", 5, 2), (3, None, "done", -1, 3), (4, 1, "sent", 5, 4)]
        sql = (
            "INSERT INTO sale VALUES (?, ?, ?, ?, 'BE68539007547034', datetime('now', '-' || ? || ' hours'))"
        )
        legacy.executemany(sql, rows)
    monkeypatch.chdir(tmp_path)
    _fill(tmp_path / "strangler.yaml")
    return tmp_path


def _fill(path: Path) -> None:
    settings = load(path)
    with (
        closing(assembly.source(settings, "legacy")) as source,
        closing(source.reader()) as side,
        closing(assembly.store(settings, "new")) as store,
    ):
        mappings = assembly.mappings(settings, "sales", source)
        store.prepare([mapping.shape for mapping in mappings])
        for mapping in mappings:
            chunk = Chunk(mapping, side, None, list)
            store.load(mapping.shape, chunk, Position("1"), Mark("test", "", Position("1")))


@pytest.mark.usefixtures("folder", "in_process")
def test_the_configuration_and_its_commands() -> None:
    said = {}
    for line in COMMANDS.splitlines():
        program, *arguments = shlex.split(line, comments=True)
        assert program == "strangler"
        result = CliRunner().invoke(root, arguments)
        said[" ".join(arguments)] = (result.exit_code, " ".join(result.output.split()))
    code, output = said["quality run sales"]
    assert code == 1
    assert "sales on legacy: failed, 13 checks, 4 critical failed" in output
    assert said["quality run sales --on store"][0] == 1
    assert said["quality run sales --on events"][0] == 2
    assert "sale: customer is present in customer number customer 2 7" in said["quality show 1"][1]
    assert said["quality docs"][1].endswith("build/quality/index.html")
