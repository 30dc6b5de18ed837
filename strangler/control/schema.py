"""The schema of the control store: which revision it has, which one this program needs, and the way there.

The migrations are found by the name of their package, shipped in the same wheel; nothing here imports them. Alembic takes longer to
import than most commands take, so it is only asked where tables have to change, or to be compared.
"""

from __future__ import annotations

import re
import threading
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text

from strangler.control.store import Control
from strangler.control.tables import LEDGER_TRIGGERS, metadata
from strangler.errors import StoreError

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext

_ONE_AT_A_TIME: Final = threading.Lock()
"""Alembic's operations are one global of the process: two threads that start at once would take each other's."""

_SAID: Final = re.compile(r"""^(revision|down_revision) = ["'](\w+)["']""", re.MULTILINE)
"""What a migration says of itself."""

_LOCK: Final = 7_307_100_001
"""The advisory lock on PostgreSQL under which the tables change; SQLite has its write lock."""


@cache
def wanted() -> str:
    """The revision that this program needs: the one that no other goes on from."""
    known = _known()
    (head,) = known.keys() - known.values()
    return head


def current(control: Control) -> str | None:
    """The revision that the control store has; None for one without tables."""
    with control.read() as connection:
        return _revision(connection)


def upgrade(control: Control) -> bool:
    """Bring the tables to the wanted revision, all or nothing; safe when several processes start at once.

    Returns whether anything had to be done. Raises StoreError when the store is newer than this program.
    """
    if current(control) == wanted():
        return False
    with control.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        revision = _revision(connection)
        if revision == wanted():
            return False
        if revision is not None and revision not in _known():
            raise StoreError(
                f"the control store {control.place} has revision {revision}, which this program doesn't know",
                why="a newer Strangler has used it",
                do="install that version again, or name another control store",
            )
        from alembic import command

        with _ONE_AT_A_TIME:
            command.upgrade(_config(connection), "head")
    return True


def check(control: Control) -> list[str]:
    """What differs between the tables that are there and those that are wanted, in words; empty when nothing."""
    from alembic.autogenerate import compare_metadata

    with control.read() as connection:
        revision = _revision(connection)
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


def _revision(connection: Connection) -> str | None:
    """As Alembic keeps it: one line of a table of its own."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _known() -> dict[str, str]:
    """Revision → the one before it, empty for the first; as the migrations say it themselves."""
    scripts = (files("strangler_migrations") / "versions").iterdir()
    texts = [each.read_text() for each in scripts if each.name[:1].isdigit()]
    said = [dict(_SAID.findall(each)) for each in texts]
    return {each["revision"]: each.get("down_revision", "") for each in said}


def _context(connection: Connection) -> MigrationContext:
    from alembic.runtime.migration import MigrationContext

    return MigrationContext.configure(connection, opts={"compare_type": True})


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(files("strangler_migrations")).replace("%", "%%"))
    return config
