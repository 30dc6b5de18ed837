"""The schema of the control store: which revision it has, which one this program needs, and the way there.

The migrations are found by the name of their package, shipped in the same wheel; nothing here imports them.
"""

from __future__ import annotations

import threading
from importlib.resources import files
from typing import Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from strangler.control.store import Control
from strangler.control.tables import LEDGER_TRIGGERS, metadata
from strangler.errors import StoreError

_ONE_AT_A_TIME: Final = threading.Lock()
"""Alembic's operations are one global of the process: two threads that start at once would take each other's."""

_LOCK: Final = 7_307_100_001
"""The advisory lock on PostgreSQL under which the tables change; SQLite has its write lock."""


def wanted() -> str:
    """The revision that this program needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def current(control: Control) -> str | None:
    """The revision that the control store has; None for one without tables."""
    with control.read() as connection:
        return _context(connection).get_current_revision()


def upgrade(control: Control) -> bool:
    """Bring the tables to the wanted revision, all or nothing; safe when several processes start at once.

    Returns whether anything had to be done. Raises StoreError when the store is newer than this program.
    """
    if current(control) == wanted():
        return False
    with control.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        revision = _context(connection).get_current_revision()
        if revision == wanted():
            return False
        if revision is not None and revision not in _known():
            raise StoreError(
                f"the control store {control.place} has revision {revision}, which this program doesn't know",
                why="a newer Strangler has used it",
                do="install that version again, or name another control store",
            )
        with _ONE_AT_A_TIME:
            command.upgrade(_config(connection), "head")
    return True


def check(control: Control) -> list[str]:
    """What differs between the tables that are there and those that are wanted, in words; empty when nothing."""
    with control.read() as connection:
        revision = _context(connection).get_current_revision()
        if revision != wanted():
            return [f"revision is {revision or 'none'}, this program needs {wanted()}"]
        differences = [str(difference) for difference in compare_metadata(_context(connection), metadata)]
        return differences + [
            f"the ledger isn't kept from being changed: the trigger {name} is missing or switched off"
            for name in sorted(LEDGER_TRIGGERS - _triggers(connection))
        ]


def _triggers(connection: Connection) -> set[str]:
    """Those on the ledger that act."""
    if connection.dialect.name == "postgresql":
        of_ledger = "tgrelid = 'ledger'::regclass AND tgenabled IN ('O', 'A')"
        query = f"SELECT tgname FROM pg_trigger WHERE {of_ledger}"
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger'"
    return set(connection.execute(text(query)).scalars())


def _known() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"compare_type": True})


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(files("strangler_migrations")).replace("%", "%%"))
    return config
