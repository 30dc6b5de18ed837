"""A worker that starts for the first time refuses what the legacy database contradicts, and touches nothing."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from strangler.cli.application import Application
from strangler.cli.main import root
from strangler.cli.misfits import refuse_misfits

GOOD = """
console: {port: 0}
sources: {legacy: {kind: sqlite, url: "sqlite:///legacy.db"}}
stores: {new: {url: "sqlite:///new.db"}}
functions:
  party:
    source: legacy
    store: new
    entities: {party: {table: party, key: id, fields: {id: id, name: TRIM(name)}}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration that fits its legacy database."""
    with closing(sqlite3.connect(tmp_path / "legacy.db")) as legacy:
        legacy.execute("CREATE TABLE party (id INTEGER PRIMARY KEY, name TEXT)")
    path = tmp_path / "strangler.yaml"
    path.write_text(GOOD)
    return path


def strangler(config: Path, *arguments: str) -> Result:
    result = CliRunner().invoke(root, ["-c", str(config), *arguments])
    assert "Traceback" not in result.output
    return result


def files(config: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in config.parent.iterdir()}


@pytest.mark.parametrize("command", ["run", "worker"])
@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("table: party", "table: partie", "no table 'partie'"),
        ("TRIM(name)", "TRIM(nam)", "no column 'nam'"),
        ("legacy.db", "nowhere.db", "no file"),
    ],
)
def test_a_misfit_ends_the_start_and_changes_nothing(
    config: Path, command: str, right: str, wrong: str, said: str
) -> None:
    config.write_text(GOOD.replace(right, wrong))
    before = files(config)
    result = strangler(config, command)
    assert result.exit_code == 2
    assert said in result.output
    assert files(config) == before


def test_a_port_that_is_taken_ends_the_start_before_the_worker_touches_legacy(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config.write_text(f"{GOOD}facade: {{port: {port}, legacy: 'http://127.0.0.1:9'}}\n")
        before = files(config)
        result = strangler(config, "run")
    assert result.exit_code == 2
    assert f"can't listen on 127.0.0.1:{port}" in result.output
    assert files(config) == before


def test_once_a_function_has_moved_what_fits_goes_on(config: Path) -> None:
    assert strangler(config, "advance", "party").exit_code == 0
    config.write_text(GOOD.replace("TRIM(name)", "TRIM(nam)"))
    refuse_misfits(Application(config))


def test_a_source_that_doesnt_answer_is_waited_for(config: Path) -> None:
    away = GOOD.replace("kind: sqlite", "kind: postgres").replace(
        "sqlite:///legacy.db", "postgresql://u@127.0.0.1:9/erp"
    )
    config.write_text(away)
    refuse_misfits(Application(config))
    assert strangler(config, "config", "check").exit_code == 2
