"""Authors: who made a transaction of a source, where triggers in legacy tell it (`strangler.fencing.telling`).

Their row comes by within the transaction, before what it is about. It goes no further.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from strangler.changes import Change, Transaction
from strangler.fencing.telling import TABLE

_NOBODY: Final = ("", "")


class Authors:
    """Takes the transactions of one source in their order. Belongs to one thread."""

    def __init__(self) -> None:
        self._said = _NOBODY
        """The transaction of which it was said last, and what."""

    def told(self, transaction: Transaction) -> Iterator[Transaction]:
        """The transaction with its author, as one, or as several where it becomes another's on the way. What isn't told is left as the
        source has it."""
        if transaction.id != self._said[0]:
            self._said = _NOBODY
        if self._said is _NOBODY and all(change.table != TABLE for change in transaction.changes):
            yield transaction
            return
        gathered: list[Change] = []
        for change in transaction.changes:
            if change.table != TABLE:
                gathered.append(change)
            elif change.after:
                if gathered and self._another(change.after["said"]):
                    yield self._by(transaction, gathered)._replace(position=gathered[-1].position, altered=())
                    gathered = []
                self._said = transaction.id, change.after["said"]
        yield self._by(transaction, gathered)

    def _another(self, author: str) -> bool:
        """Whether what comes now is another's. To say the same with each row tears nothing apart, and who was told of first made what
        nobody was told of, too."""
        return self._said is not _NOBODY and author != self._said[1]

    def _by(self, transaction: Transaction, changes: list[Change]) -> Transaction:
        return transaction._replace(changes=changes, author=self._said[1] or transaction.author)
