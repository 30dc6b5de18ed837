"""The PostgreSQL connector: logical replication with pgoutput, a slot and a publication of the mapped tables only.

It needs PostgreSQL 13 or later with `wal_level=logical`, a role with REPLICATION that owns the tables (or is a
member of their owner) and may create in the database; `prepare` says what is missing. Nothing is added to the ERP's
own tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strangler.ports import ChangeSource
from strangler.settings import Source
from strangler_connectors.postgres.source import PostgresSource


def connect(name: str, settings: Source, tables: Mapping[str, Sequence[str]]) -> ChangeSource:
    """Open the source called `name`; see `strangler.ports.ConnectorOpener`.

    Slot and publication are called `strangler_<name>`, or as `options.slot` says.
    """
    return PostgresSource(name, settings, tables)
