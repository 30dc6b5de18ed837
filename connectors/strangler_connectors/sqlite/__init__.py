"""The SQLite connector: a journal in the legacy file, filled by triggers.

For demos, tests and small ERPs. One thing it can't see: `INSERT OR REPLACE` that pushes out a row by another unique
column than the key fires no delete trigger, unless the ERP sets `PRAGMA recursive_triggers = ON`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strangler.ports import ChangeSource
from strangler.settings import Source
from strangler_connectors.sqlite.source import SqliteSource


def connect(name: str, settings: Source, tables: Mapping[str, Sequence[str]]) -> ChangeSource:
    """Open the source called `name`; see `strangler.ports.ConnectorOpener`. It has no options."""
    return SqliteSource(name, settings, tables)
