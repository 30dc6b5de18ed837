"""The JSON Schema and the reference page say what the settings say."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from strangler.cli.main import root
from strangler.configuration.reference import page, schema

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "python -m strangler.configuration.reference > docs/configuration.md"


def test_every_key_of_the_page_is_explained() -> None:
    unexplained = [
        line for line in page().splitlines() if line.startswith("| `") and line.split(" | ")[1].strip() == ""
    ]
    assert unexplained == []


def test_the_schema_knows_how_people_write() -> None:
    parts = schema()["$defs"]
    assert parts["Cutover"]["properties"]["time_limit"]["default"] == "30s"
    assert parts["Step"]["properties"]["weight"]["anyOf"][1]["type"] == "string"
    assert {"type": "string"} in parts["Entity"]["properties"]["key"]["anyOf"]
    assert {"type": "string"} in parts["Events"]["properties"]["created"]["anyOf"]
    assert "json" in parts["Match"]["properties"]


def test_the_command_prints_the_schema_without_a_configuration() -> None:
    result = CliRunner().invoke(root, ["-c", "nowhere.yaml", "config", "schema"])
    assert result.exit_code == 0
    assert json.loads(result.output) == schema()
