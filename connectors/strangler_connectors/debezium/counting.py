"""Counting: an END says how many rows its transaction has in each table. Fewer than that means that rows are lost.

A topic that is compacted, or from which retention has removed the beginning of a transaction, would otherwise look as if it was whole.
"""

from __future__ import annotations

from collections.abc import Collection

from strangler.errors import SourceLost
from strangler_connectors.debezium.envelope import End, Name


class Counting:
    """Counts the rows of the `wanted` tables in the transaction whose BEGIN was seen. More than it says there may be: repetitions."""

    def __init__(self, wanted: Collection[Name]) -> None:
        self._wanted = wanted
        self._id: str | None = None
        self._seen: dict[Name, int] = {}

    def begin(self, id: str) -> None:
        self._id, self._seen = id, {}

    def see(self, name: Name, id: str | None) -> None:
        if id is not None and id == self._id:
            self._seen[name] = self._seen.get(name, 0) + 1

    def end(self, end: End) -> None:
        """Raises SourceLost where rows are missing."""
        if end.id != self._id:
            return
        self._id = None
        for collection, said in end.counts.items():
            name = collection_name(collection, self._wanted)
            seen = self._seen.get(name, 0) if name else said
            if seen < said:
                raise SourceLost(
                    f"of transaction {end.id} {said - seen} of {said} changes of {collection} never came",
                    why="the topic doesn't hold them any more, or never did",
                    do="let the topic keep what is read later (cleanup.policy=delete, retention.ms beyond an outage)",
                )


def collection_name(collection: str, wanted: Collection[Name]) -> Name | None:
    """The captured table that a mark calls `public.party`, `shop.party` or `shop.dbo.party`."""
    return next(
        (n for n in wanted if collection == ".".join(n) or collection.endswith("." + ".".join(n))), None
    )
