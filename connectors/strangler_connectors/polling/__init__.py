"""The polling connector: for a database whose log nobody may read.

It looks at the tables again and again. A column that only grows (`changed_at`, a row version) tells which rows to look at; a
window that overlaps the last look catches what was committed late; and a comparison of all keys, now and then, finds what was removed
and what came past the column. Without such a column all rows are compared every time, which suits small tables.

What stood there only between two looks is never seen, nor which rows were written together: see `BLIND_SPOTS`.
Any database that SQLAlchemy reaches will do, with the right to SELECT; nothing is written there. What was seen is remembered in a
SQLite file beside the control store (`state`), which has to be kept like it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strangler.ports import ChangeSource
from strangler.settings import Source
from strangler_connectors.polling.source import PollingSource


def connect(name: str, settings: Source, tables: Mapping[str, Sequence[str]]) -> ChangeSource:
    """Open the source called `name`; see `strangler.ports.ConnectorOpener`."""
    return PollingSource(name, settings, tables)
