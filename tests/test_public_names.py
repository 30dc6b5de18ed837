"""The names that others build on: a plugin imports these, a script calls these commands. A change here is a change for them."""

from __future__ import annotations

import ast
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from strangler.cli.main import COMMANDS
from strangler.settings import Settings

ROOT = Path(__file__).parents[1]

NAMES = {
    "changes": "Change ORIGIN Operation PART Position Row Transaction UNCHANGED behind Unchanged",
    "events": "Effect Event SPECVERSION check_facts decode_key encode_key to_cloudevent traceparent",
    "errors": "ConfigurationError ExitCode MappingError Problem Refused SourceError SourceLost StoreError StranglerError "
    "Unavailable Untranslatable UntranslatableRequest",
    "ports": "Acting Address Barrier Barring ChangeSource ChangeStream Chunk ConnectorOpener EventLog Exclusive Finding Hand "
    "LegacyTransaction LegacyWriter Mark Mended Offset Opener Outbox Outgoing Pressure Queries Record ReturningStore "
    "ServiceStore Share SqlSide Waiting WriterOpener",
    "plugins": "Group load names",
    "shapes": "Column Field FieldType Shape Table Under",
}

ENTRY_POINTS = {
    "checkers": "great_expectations",
    "connectors": "debezium mysql polling postgres sqlite",
    "logs": "kafka sql",
    "protocols": "form jsonrpc odata rest soap",
    "sessions": "tryton",
    "stores": "postgresql sqlite",
    "writers": "mariadb mysql postgresql sqlite",
}

COMMAND_NAMES = (
    "init config connect doctor db run worker facade facades comparer access stages status cohorts plan advance rollback hold "
    "release separate rejoin approve freezes rehearse reconcile backfill rebuild snapshot keys late-writes log quality quarantine "
    "conflicts source route mapping export ledger report shadow"
)

SECTIONS = (
    "name data_dir time_zone code_maps python reconcile control log sources stores encryption facade console sync cutover quality"
    " windows freezes functions"
)


def defined(module: str) -> set[str]:
    """The public names that a module defines itself."""
    found: set[str] = set()
    for node in ast.parse((ROOT / "strangler" / f"{module}.py").read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.Assign):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return {name for name in found if not name.startswith("_")}


@pytest.mark.parametrize("module", NAMES)
def test_a_module_offers_these_names(module: str) -> None:
    assert defined(module) == set(NAMES[module].split())


@pytest.mark.parametrize("group", ENTRY_POINTS)
def test_these_plugins_come_along(group: str) -> None:
    assert {point.name for point in entry_points(group=f"strangler.{group}")} == set(
        ENTRY_POINTS[group].split()
    )


def test_these_commands_are_there() -> None:
    assert set(COMMANDS) == set(COMMAND_NAMES.split())


def test_the_configuration_has_these_sections() -> None:
    assert set(Settings.model_fields) == set(SECTIONS.split())
