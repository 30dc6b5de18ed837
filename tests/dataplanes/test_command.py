"""`strangler export nginx|haproxy…` as users run it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from strangler.cli.main import root
from strangler.control import standings
from strangler.control.store import Control
from strangler.cutover.stages import Side, Stage

CONFIGURATION = """
name: test
sources: {erp: {kind: sqlite, url: 'sqlite:///erp.db'}}
stores: {new: {url: 'sqlite:///new.db'}}
facade: {legacy: 'http://127.0.0.1:9100'}
functions:
  sale:
    source: erp
    store: new
    service: {url: 'http://127.0.0.1:9101'}
    entities: {sale: {table: sale, key: id, fields: {id: id}}}
    routes:
      - {kind: read, match: {path: '/sale/{id}', method: [GET]}}
      - {kind: write, match: {path: '/sale/{id}'}}
"""
BODY = "      - {kind: read, match: {path: /rpc/, json: {method: [sale.read]}}}\n"


class Estate:
    """A folder with a configuration, and its control store."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.write(CONFIGURATION)

    def write(self, text: str) -> None:
        (self.home / "strangler.yaml").write_text(text)

    def export(self, *arguments: str) -> Result:
        return CliRunner().invoke(root, ["-c", str(self.home / "strangler.yaml"), "export", *arguments])

    def move(self, **changes: Any) -> None:
        with Control.open(f"sqlite:///{self.home}/.strangler/control.db") as control:
            now = standings.snapshot(control).of("sale")
            standings.change(control, now, replace(now, **changes), at=1.0)


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return Estate(tmp_path)


def test_a_file_says_what_it_is_of_and_can_be_asked_whether_it_is_still_right(estate: Estate) -> None:
    file = str(estate.home / "out" / "strangler.nginx.conf")
    made = estate.export("nginx", "--output", str(estate.home / "out"))
    assert made.exit_code == 0, made.output
    assert "note: " in made.stderr
    right = estate.export("nginx", "--check", file)
    assert (right.exit_code, "present generation 0" in right.stdout) == (0, True)
    estate.move(stage=Stage.LIVE, owner=Side.NEW)
    late = estate.export("nginx", "--check", file)
    assert (late.exit_code, "it is of generation 0; now it is 1" in late.stdout) == (1, True)
    estate.export("nginx", "--output", str(estate.home / "out"))
    assert estate.export("nginx", "--check", file).exit_code == 0
    estate.write(CONFIGURATION.replace("/sale/", "/sales/"))
    other = estate.export("nginx", "--check", file)
    assert (other.exit_code, "another configuration" in other.stdout) == (1, True)


def test_what_isnt_an_export_cant_be_checked(estate: Estate) -> None:
    no_stamp = estate.export("haproxy", "--check", str(estate.home / "strangler.yaml"))
    assert (no_stamp.exit_code, "doesn't say of which generation" in no_stamp.stderr) == (2, True)
    missing = estate.export("haproxy", "--check", str(estate.home / "missing"))
    assert (missing.exit_code, "can't be read" in missing.stderr) == (2, True)


def test_routes_by_body_need_the_facade_or_a_word_that_they_are_left_out(estate: Estate) -> None:
    estate.write(CONFIGURATION + BODY)
    refused = estate.export("nginx")
    assert refused.exit_code == 2
    assert "--facade URL" in refused.stderr
    by_facade = estate.export("nginx", "--facade", "http://127.0.0.1:8080")
    assert by_facade.exit_code == 0
    assert "go to the facade" in by_facade.stderr
    assert "go to the facade" in " ".join(by_facade.stdout.replace("#", " ").split())
    assert "server 127.0.0.1:8080" in by_facade.stdout
    left_out = estate.export("nginx", "--without-body-routes")
    assert left_out.exit_code == 0
    assert "told apart by their body go to legacy" in left_out.stderr


def test_an_upstream_that_is_none_is_said(estate: Estate) -> None:
    wrong = estate.export("haproxy", "--facade", "8080")
    assert (wrong.exit_code, "can't be an upstream" in wrong.stderr) == (2, True)


def test_several_files_want_a_folder(estate: Estate) -> None:
    assert "--output" in estate.export("haproxy").stderr
    assert estate.export("haproxy", "--output", str(estate.home / "out")).exit_code == 0
    assert {"haproxy.cfg", "edges.map", "ends.map"} <= {path.name for path in (estate.home / "out").iterdir()}
