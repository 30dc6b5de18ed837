"""The echo: which transactions of a source are what we returned ourselves.

A log that has an origin tells it of a whole transaction. Elsewhere the table of marks does: what is changed between a mark that opens
and the one that closes was returned, also where the log doesn't tell where a transaction ends, and where one comes in parts. The
marks themselves go no further.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strangler.changes import Change, Transaction
from strangler.returning.marks import TABLE


class Echo:
    """Takes the transactions of one source in their order. Belongs to one thread."""

    def __init__(self) -> None:
        self._open: str | None = None
        """The function whose changes are being returned at the place that was read up to."""

    def marked(self, transaction: Transaction) -> Iterator[Transaction]:
        """The transaction with what was returned told apart: as one, or as several where only a part of it was."""
        if self._open is None and all(change.table != TABLE for change in transaction.changes):
            yield transaction
            return
        pieces = list(self._pieces(transaction))
        for function, changes in pieces[:-1]:
            yield transaction._replace(
                position=changes[-1].position, changes=changes, returned=function, altered=()
            )
        function, changes = pieces[-1] if pieces else (transaction.returned, [])
        yield transaction._replace(changes=changes, returned=function)

    def _pieces(self, transaction: Transaction) -> Iterator[tuple[str | None, Sequence[Change]]]:
        """Its changes, as far as each runs of one function's that were returned, or of none."""
        gathered: list[Change] = []
        for change in transaction.changes:
            if change.table != TABLE:
                gathered.append(change)
                continue
            opened = _opened(change)
            if opened != self._open and gathered:
                yield self._open or transaction.returned, gathered
                gathered = []
            self._open = opened
        if gathered:
            yield self._open or transaction.returned, gathered


def _opened(mark: Change) -> str | None:
    """The function that the mark opens; None: it closes."""
    return mark.after["of_function"] if mark.after and mark.after["opened"] else None
