"""The legacy database behind a source whose changes come some other way: through Debezium, or by polling.

Such a source still asks the database itself for what the tables look like, for set-wise reads, and for small writes of
its own (a heartbeat, a signal). PostgreSQL, MySQL and MariaDB are served by what their own connectors know, every
other database by SQLAlchemy. Drivers are imported when a database is first asked, not before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from strangler import urls
from strangler.settings import Source
from strangler_connectors.databases.database import Database, Place, Watch

__all__ = ["Database", "Place", "Watch", "open_database"]


def open_database(
    name: str,
    settings: Source,
    tables: Mapping[str, Sequence[str]],
    capture: str = "",
    keyed: Collection[str] = (),
) -> Database:
    """The legacy database of the source called `name`, with the `tables` (and columns) that are to be captured.

    `capture`: the name of what the database itself keeps for a reader of its log (PostgreSQL's slot and publication).
    `keyed`: the tables whose rows are told apart by columns that the options name, so that they need no primary key.
    Touches nothing yet. Raises SourceError where the URL is none.
    """
    kind = urls.kind(settings.url.get_secret_value())
    if kind == "postgresql":
        from strangler_connectors.databases.postgresql import PostgresDatabase

        return PostgresDatabase(name, settings, tables, capture)
    if kind in ("mysql", "mariadb"):
        from strangler_connectors.databases.mysql import MySQLDatabase

        return MySQLDatabase(name, settings, tables, keyed)
    if kind == "sqlite":
        from strangler_connectors.databases.sqlite import SqliteDatabase

        return SqliteDatabase(name, settings, tables)
    from strangler_connectors.databases.generic import GenericDatabase

    return GenericDatabase(name, settings, tables)
