"""The Debezium connector: the changes of any database that Debezium reads, through Kafka.

Strangler registers the connector on Kafka Connect when `options.connect` names its REST URL, or else reads
what somebody else's connector writes. `url` is the legacy database's own: shapes, backfill and reconciliation go
there directly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strangler.ports import ChangeSource
from strangler.settings import Source


def connect(name: str, settings: Source, tables: Mapping[str, Sequence[str]]) -> ChangeSource:
    """Open the source called `name`; see `strangler.ports.ConnectorOpener`, and `options.Options` for its options."""
    from strangler_connectors.debezium.source import DebeziumSource

    return DebeziumSource(name, settings, tables)
