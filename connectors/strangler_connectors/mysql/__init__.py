"""The connector of MySQL and MariaDB: the binlog, read as a replica reads it.

It needs row images with the names of their columns, GTIDs, and a user who may replicate and read; `prepare` says what
is missing. Nothing is created in the legacy database: the binlog is there anyway, and a capture is a place in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strangler.ports import ChangeSource
from strangler.settings import Source
from strangler_connectors.mysql.source import MySQLSource


def connect(name: str, settings: Source, tables: Mapping[str, Sequence[str]]) -> ChangeSource:
    """Open the source called `name`; see `strangler.ports.ConnectorOpener`.

    Tables are looked for in the url's database; `database.table` names one of another database of the server.
    """
    return MySQLSource(name, settings, tables)
