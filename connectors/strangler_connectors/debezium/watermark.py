"""The two tables of ours in a legacy database that Debezium reads: a heartbeat, and signals to Debezium.

`strangler_heartbeat` has one row for each source. Debezium counts its `beat` up when it is idle; we write a token there
and wait for its echo, which then proves that everything committed before it has come through. Every write raises
`beat` by one, so a number that is left out is a change that was lost. `strangler_signal` is Debezium's own shape:
a row in it asks for an incremental snapshot.
"""

from __future__ import annotations

from typing import Final

from strangler_connectors.databases import Database

HEARTBEAT: Final = "strangler_heartbeat"
SIGNAL: Final = "strangler_signal"


def create(database: Database, source: str) -> None:
    """Make both tables where they aren't there, and the row of `source` in the heartbeat; idempotent."""
    raise NotImplementedError


def drop(database: Database, source: str) -> None:
    """Remove the row of `source`, and both tables once no other source has a row. Idempotent."""
    raise NotImplementedError


def write(database: Database, source: str, token: str) -> None:
    """Write `token` (at most 64 characters) into the row of `source`, committed on return.

    Its echo is a change of the table `HEARTBEAT` whose new row has `source` and `token`.
    """
    raise NotImplementedError
