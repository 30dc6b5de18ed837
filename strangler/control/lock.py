"""The lock of all decisions: who holds it changes standings and appends to the ledger alone, until the commit."""

from __future__ import annotations

from sqlalchemy import Connection, select

from strangler.control.tables import generation


def lock_decisions(connection: Connection) -> None:
    """Wait for the lock. On SQLite a writing transaction is alone anyway; on PostgreSQL it is the generation's row."""
    connection.execute(select(generation.c.value).with_for_update())
