"""Which configuration was in force when stands on the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from strangler.configuration import load
from strangler.control import configurations, ledger
from strangler.control.store import Control
from strangler.settings import Settings
from tests.facade.test_process import CONFIGURATION

STORE = "postgresql://me:{}@db/target"


def settings(folder: Path, *, password: str = "secret", more: str = "") -> Settings:
    folder.mkdir(exist_ok=True)
    text = CONFIGURATION.format(legacy="http://127.0.0.1:9").replace(
        "sqlite:///new.db", STORE.format(password)
    )
    (folder / "strangler.yaml").write_text(text + more)
    return load(folder / "strangler.yaml")


def note(control: Control, found: Settings, actor: str = "worker") -> ledger.Entry | None:
    return configurations.note_applied(control, found, actor=actor, at=1.0)


def test_invariant_8_a_changed_configuration_is_noted_once_with_what_changed(
    control: Control, tmp_path: Path
) -> None:
    first = note(control, settings(tmp_path))
    assert first is not None
    assert "functions.party" in first.body["changed"]
    assert note(control, settings(tmp_path)) is None
    changed = note(control, settings(tmp_path, more="cutover: {time_limit: 7s}\n"))
    assert changed is not None
    assert changed.body["changed"] == ["cutover"]
    assert note(control, settings(tmp_path), "another") is not None
    assert len(ledger.entries(control)) == 3


@pytest.mark.parametrize(("folder", "password"), [("b", "secret"), ("a", "another")])
def test_neither_folders_nor_passwords_are_part_of_it(tmp_path: Path, folder: str, password: str) -> None:
    found = configurations.digests(settings(tmp_path / "a"))
    again = configurations.digests(settings(tmp_path / folder, password=password))
    files = {"control", "log", "sources.erp"}  # SQLite's URLs have the folder in them.
    assert {name for name in found if found[name] != again[name]} <= files
