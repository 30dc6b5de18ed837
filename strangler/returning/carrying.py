"""Carrying aggregates to legacy: what the reverse feed asks of a way there, and the way by the tables of the legacy database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any, Final, NamedTuple, Protocol

from strangler.changes import PART
from strangler.control.conflicts import Conflict
from strangler.fencing import passing
from strangler.mapping import EntityMapping
from strangler.ports import LegacyTransaction, LegacyWriter, Outbox, Outgoing
from strangler.returning.batch import Batch, Key
from strangler.returning.holding import Holding

MOST_ROWS: Final = PART // 2
"""Rows of which the aggregates in one transaction consist. A source tells a larger one in parts, and reading may begin anew behind one of
them: then the mark that opened the transaction is past, and the rest would be taken for legacy's own."""

Decided = Mapping[Key, Conflict]
"""The conflicts of which somebody has decided that new's state is to stand."""


class Carried(NamedTuple):
    """What was `given`, and which of it is to be `held`. Legacy has the rest, for which these entries of the outbox stand."""

    given: Sequence[Outgoing]
    held: Sequence[Conflict]
    entries: frozenset[str]

    @classmethod
    def all_but(cls, given: Sequence[Outgoing], held: Sequence[Conflict]) -> Carried:
        """All that was given, but for what is held."""
        left = set(map(Key.of, held))
        passed = (each for each in given if Key.of(each) not in left)
        return cls(given, held, frozenset(entry for each in passed for entry in each.entries))


class Carrier(Protocol):
    """A way to legacy. What it carried twice is there once."""

    def carry(
        self, give: Callable[[], Sequence[Outgoing]], decided: Decided, *, done: bool = True
    ) -> Carried:
        """Make legacy what the aggregates say that `give` gives, as long as it is what new last saw of them. `give` is called once nobody
        else carries anything of the function. `done`: whether the entries are done with it.

        Raises Unavailable when trying again may help, and Trouble where nothing was carried, and the aggregates are to be tried one by one.
        """
        ...


class ByTables:
    """Writes the tables, a transaction for all that is given (invariant 2)."""

    def __init__(
        self,
        function: str,
        mappings: Sequence[EntityMapping],
        outbox: Outbox,
        writer: LegacyWriter,
        clock: Callable[[], float],
    ) -> None:
        self._function, self._mappings, self._outbox = function, mappings, outbox
        self._writer, self._holding = writer, Holding(mappings, clock)

    def carry(
        self, give: Callable[[], Sequence[Outgoing]], decided: Decided, *, done: bool = True
    ) -> Carried:
        with self._writer.transaction() as transaction:
            # Now that nobody else returns anything of the function: what was written before a kill is done.
            self._outbox.done(self._writer.returned())
            given = _together(give())
            with self._passing(transaction):
                held = self._write(transaction, given, decided)
            carried = Carried.all_but(given, held)
            transaction.record(carried.entries if done else ())
        return carried

    @contextmanager
    def _passing(self, transaction: LegacyTransaction) -> Iterator[None]:
        """A fence in legacy lets through what is written within."""
        for statement in passing.opened(transaction.dialect, self._function):
            transaction.run(statement)
        yield
        for statement in passing.closed(transaction.dialect):
            transaction.run(statement)

    def _write(
        self, transaction: LegacyTransaction, given: Collection[Outgoing], decided: Decided
    ) -> list[Conflict]:
        held: list[Conflict] = []
        for mapping in self._mappings:
            if ours := [each for each in given if each.entity == mapping.shape.entity]:
                held += Batch(mapping, transaction, decided, self._holding).write(ours)
        return held


def _together(given: Sequence[Outgoing]) -> Sequence[Outgoing]:
    """As many of the first as go in one transaction; one at least."""
    sizes = accumulate(_rows(each.before) + _rows(each.now) for each in given)
    return [
        each
        for number, (each, size) in enumerate(zip(given, sizes, strict=True))
        if not number or size <= MOST_ROWS
    ]


def _rows(data: Mapping[str, Any] | None) -> int:
    """Of how many rows an aggregate, or a line of one, consists: its own and those below it."""
    if data is None:
        return 0
    return 1 + sum(_rows(line) for lines in data.values() if isinstance(lines, list) for line in lines)
