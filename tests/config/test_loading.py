"""What a good configuration becomes: defaults filled in, paths seen from its folder, the environment put in."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from strangler.configuration import load
from strangler.configuration.document import read
from strangler.configuration.wording import EXAMPLES
from strangler.errors import ConfigurationError
from strangler.settings import Settings

SMALL = """\
sources: {erp: {kind: sqlite, url: "sqlite:///data/legacy.db"}}
stores: {new: {url: "${STORE:-sqlite:///new.db}"}}
functions:
  party: {source: erp, store: new, entities: {party: {table: t, key: id, fields: {id: id}}}}
"""


def loaded(tmp_path: Path, text: str = SMALL, **environment: str) -> Settings:
    path = tmp_path / "strangler.yaml"
    path.write_text(text)
    return load(path, environment)


def test_everything_relative_is_seen_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "somewhere"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    settings = loaded(folder)
    assert settings.data_dir == folder / ".strangler"
    assert settings.sources["erp"].url.get_secret_value() == f"sqlite:///{folder}/data/legacy.db"
    assert settings.stores["new"].url.get_secret_value() == f"sqlite:///{folder}/new.db"


def test_control_and_log_are_in_the_data_directory_unless_said_otherwise(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert settings.control is not None
    assert settings.control.url.get_secret_value() == f"sqlite:///{tmp_path}/.strangler/control.db"
    assert settings.log.url is not None
    assert settings.log.url.get_secret_value() == f"sqlite:///{tmp_path}/.strangler/log.db"
    settings = loaded(tmp_path, SMALL + "control: {url: 'postgresql://h/c'}\nlog: {url: 'sqlite:///l.db'}\n")
    assert settings.control is not None
    assert settings.control.url.get_secret_value() == "postgresql://h/c"
    assert settings.log.url is not None
    assert settings.log.url.get_secret_value() == f"sqlite:///{tmp_path}/l.db"


def test_loading_makes_nothing(tmp_path: Path) -> None:
    loaded(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["strangler.yaml"]


def test_the_environment_wins_over_the_default(tmp_path: Path) -> None:
    settings = loaded(tmp_path, STORE="postgresql://h/other")
    assert settings.stores["new"].url.get_secret_value() == "postgresql://h/other"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a: ${A}", "1"),
        ("a: x${A}y${B:-2}z", "x1y2z"),
        ("a: ${B:-}", ""),
        ("a: $${A} $A $", "${A} $A $"),
        ("a: '${A}'", "1"),
        ("a: ${E}", ""),
    ],
)
def test_references_to_the_environment(written: str, meant: str) -> None:
    document = read(written, {"A": "1", "E": ""})
    assert not document.findings
    assert document.value == {"a": meant}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2026-11-23", "2026-11-23"),
        ("007", "007"),
        ("1_000", "1_000"),
        ("true", True),
        ("null", None),
        ("8080", 8080),
        ("-3", -3),
        ("0.05", 0.05),
        ("1e3", 1000.0),
        ('"8080"', "8080"),
    ],
)
def test_scalars_are_what_they_look_like(written: str, meant: object) -> None:
    value = read(f"a: {written}", {}).value["a"]
    assert value == meant
    assert type(value) is type(meant)


def test_every_path_knows_its_line() -> None:
    document = read("a:\n  b:\n    - x\n    - c: 1\n", {})
    assert document.line(("a", "b", 1, "c")) == 4
    assert document.line(("a", "b", 0)) == 3
    assert document.line(("a", "b", 1, "missing")) == 4
    assert document.line(("nowhere",)) == 1


def test_an_anchor_is_taken_over() -> None:
    assert read("a: &x {k: 1}\nb: *x\n", {}).value == {"a": {"k": 1}, "b": {"k": 1}}


def sections(model: type[BaseModel]) -> set[type[BaseModel]]:
    found = {model}
    for definition in model.__subclasses__():
        found |= sections(definition)
    return found


def test_each_required_key_has_an_example() -> None:
    from strangler.settings import Section

    required = {
        (model.__name__, field.alias or name)
        for model in sections(Section)
        for name, field in model.model_fields.items()
        if field.is_required()
    }
    assert required == set(EXAMPLES)


def test_a_variable_that_is_not_set_is_told_once_and_nothing_that_follows_from_it(tmp_path: Path) -> None:
    path = tmp_path / "strangler.yaml"
    path.write_text(
        "sources: {erp: {kind: postgres, url: '${ERP_URL}'}}\n"
        "stores: {new: {url: 'sqlite:///new.db'}}\n"
        "functions:\n"
        "  party:\n"
        "    {source: erp, store: new, return: {}, entities: {party: {table: party, key: id, fields: {id: id}}}}\n"
    )
    with pytest.raises(ConfigurationError) as raised:
        load(path, {})
    assert [each.path for each in raised.value.problems] == ["sources.erp.url"]
