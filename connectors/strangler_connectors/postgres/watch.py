"""The watch: looks at captured tables while somebody else reads their changes, who doesn't say when one of them is altered.

It is over one connection, so that a look costs the legacy database little, and can be had often.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from strangler_connectors.postgres.capture import Capture, by_name, gap, missing
from strangler_connectors.postgres.catalog import Relation, relations
from strangler_connectors.postgres.connection import open_connection, translated


class PostgresWatch:
    """See `Watch`. `capture`: the name of a publication of ours, which is looked after too; empty where it is somebody else's."""

    def __init__(self, source: str, url: str, tables: Sequence[str], capture: str) -> None:
        self._source, self._tables, self._capture = source, list(tables), capture
        self._connection: Connection[Any] = open_connection(url, source)
        try:
            found = self._found()
        except BaseException:
            self.close()
            raise
        self._oids = by_name(found)
        self._shapes = _shapes(found)

    def look(self) -> tuple[str, ...]:
        found = self._found()
        now = by_name(found)
        # What was published when the watch began may be another table's by now, though what is published is whole.
        if why := gap(self._oids, now, {oid for oids in now.values() for oid in oids}):
            raise missing(self._source, why)
        if self._capture:
            with translated(self._source, "looking after the capture"):
                Capture(self._connection, self._capture).require_whole(self._source, self._tables, found)
        before, self._shapes = self._shapes, _shapes(found)
        return tuple(name for name, shape in self._shapes.items() if before.get(name) != shape)

    def close(self) -> None:
        self._connection.close()

    def _found(self) -> list[Relation]:
        with translated(self._source, "looking at the captured tables"):
            return relations(self._connection, self._tables)


def _shapes(found: Sequence[Relation]) -> dict[str, object]:
    """How rows of the table come: by its own columns and key, and by those of the tables that inherit from it."""
    shapes: dict[str, list[object]] = {}
    for relation in found:
        shapes.setdefault(relation.asked, []).append(relation.table())
    return dict(shapes)
