"""The two sides of a balance as groups in one order: each database's own sums, and what had to be added up here.

Rows that the legacy database doesn't translate are translated and added up here, and so are the rows of a ledger. That takes
memory for each group, so there is a limit to them. What a database adds up itself is streamed.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, Protocol

from strangler.errors import StranglerError
from strangler.mapping import translated
from strangler.mapping.dialects import Inexpressible
from strangler.mapping.figures import ByRow, Figures, NoValue, in_store, on_legacy
from strangler.owned import EVERYTHING, Owned
from strangler.ports import SqlSide
from strangler.reconcile.balances.declared import Balance
from strangler.reconcile.balances.gaps import Run, gaps
from strangler.reconcile.balances.groups import (
    NO_VALUE,
    Approximate,
    Group,
    Key,
    added,
    amount,
    order,
)
from strangler.reconcile.balances.ledger import ledger_groups
from strangler.shapes import FieldType

MOST_GROUPS: Final = 100_000
"""Groups, or numbers of a range, that are held here at once: some 50 MB."""


class Groups(Protocol):
    """One side of a balance."""

    def groups(self, side: SqlSide) -> Iterator[Group]:
        """Its groups in their order, each key once. To be asked and iterated in the thread of the side."""
        ...


def legacy_side(balance: Balance, dialect: str, owned: Owned = EVERYTHING) -> Groups:
    """The legacy side: its rows seen through the mapping, as far as they are among the `owned`, or its ledger, which is of all."""
    if balance.ledger:
        return _Ledger(balance, dialect)
    return _Legacy(balance, dialect, owned) if owned.concerns(balance.part.root) else _Nothing()


def store_side(balance: Balance, dialect: str, owned: Owned = EVERYTHING) -> Groups:
    """The store's side: its table as it is, whoever wrote the rows, as far as they are among the `owned`; beside a ledger all of it."""
    if balance.ledger:
        return _Store(balance, dialect, EVERYTHING)
    return _Store(balance, dialect, owned) if owned.concerns(balance.part.root) else _Nothing()


class _Nothing:
    def groups(self, side: SqlSide) -> Iterator[Group]:
        return iter(())


class _Store:
    def __init__(self, balance: Balance, dialect: str, owned: Owned) -> None:
        self._balance, part = balance, balance.part
        shape = part.mapping.shape
        self._query = in_store(balance.figures, shape, dialect, owned.stored(part.root, shape, dialect))

    def groups(self, side: SqlSide) -> Iterator[Group]:
        if lacking := self._lacking(side):
            yield _without_value(self._balance, lacking)
        if self._balance.gaps:
            found = gaps(map(_run, side.rows(self._query.runs)))
        else:
            found = _decoded(self._balance.figures, side.rows(self._query.groups))
        yield from _in_order("store", found)

    def _lacking(self, side: SqlSide) -> int:
        if self._query.lacking is None:
            return 0
        ((count,),) = side.rows(self._query.lacking)
        return int(count)


class _Legacy:
    def __init__(self, balance: Balance, dialect: str, owned: Owned) -> None:
        self._balance, self._dialect, self._owned = balance, dialect, owned
        asked = balance.figures, balance.part.mapping, dialect
        try:
            whose = owned.condition(balance.part.mapping, dialect)
        except Inexpressible:
            found = on_legacy(*asked, pushes=False)
        else:
            found = on_legacy(*asked, whose)
        self._query, self._rest, self._by_row = found

    def groups(self, side: SqlSide) -> Iterator[Group]:
        if self._balance.gaps:
            numbers = _Numbers()
            lacking = self._count_rest(side, numbers)
            pushed = map(_run, side.rows(self._query.runs)) if self._query else iter(())
            found = gaps(heapq.merge(pushed, numbers.runs(), key=lambda run: (order(run.key), run.first)))
        else:
            sums = _Sums(self._balance.figures)
            lacking = self._count_rest(side, sums)
            summed = (
                _decoded(self._balance.figures, side.rows(self._query.groups)) if self._query else iter(())
            )
            found = added(heapq.merge(summed, sums.groups(), key=lambda group: order(group.key)))
        if lacking:
            yield _without_value(self._balance, lacking)
        yield from _in_order("legacy", found)

    def _count_rest(self, side: SqlSide, into: _Numbers | _Sums) -> int:
        """Add up what the database leaves; how many rows have no value. A row that can't be translated waits in quarantine."""
        lacking = 0
        rows = side.rows(self._rest) if self._rest else ()
        mapping = self._balance.part.mapping
        for row in translated(mapping, self._dialect, rows):
            each = self._owned.seen(mapping, row)
            if each is not None and each.fault is None:
                lacking += not _counted(self._by_row, each.row, into)
        return lacking


class _Ledger:
    """Figures that a SELECT of the user's gives. Its order means nothing, so they are sorted here."""

    def __init__(self, balance: Balance, dialect: str) -> None:
        self._balance, self._dialect = balance, dialect

    def groups(self, side: SqlSide) -> Iterator[Group]:
        found: dict[Key, Group] = {}
        for group in ledger_groups(self._balance, self._dialect, side):
            _hold(found, group.key)
            before = found.get(group.key)
            found[group.key] = next(added([before, group])) if before else group
        yield from sorted(found.values(), key=lambda group: order(group.key))


class _Sums:
    """What the rest adds up to."""

    def __init__(self, figures: Figures) -> None:
        self._nothing = [0.0 if each.node.type is FieldType.FLOAT else Decimal(0) for each in figures.sums]
        self._found: dict[Key, Group] = {}

    def add(self, key: Key, numbers: tuple[Decimal | float | None, ...]) -> None:
        pairs = zip(numbers, self._nothing, strict=True)
        amounts = tuple(amount(nothing if number is None else number) for number, nothing in pairs)
        _hold(self._found, key)
        before = self._found.get(key)
        group = Group(key, 1, amounts)
        self._found[key] = next(added([before, group])) if before else group

    def groups(self) -> list[Group]:
        return sorted(self._found.values(), key=lambda group: order(group.key))


class _Numbers:
    """The numbers of the rest."""

    def __init__(self) -> None:
        self._found: set[tuple[Key, int]] = set()

    def add(self, key: Key, numbers: tuple[Decimal | float | None, ...]) -> None:
        (number,) = numbers
        if number is not None:
            _hold(self._found, (key, int(number)))
            self._found.add((key, int(number)))

    def runs(self) -> Iterator[Run]:
        ordered = sorted(self._found, key=lambda each: (order(each[0]), each[1]))
        return (Run(key, number, number) for key, number in ordered)


def _counted(by_row: ByRow, row: Mapping[str, Any], into: _Numbers | _Sums) -> bool:
    """Let a row count, if it does; False where it has no value."""
    try:
        contribution = by_row.contribution(row)
    except NoValue:
        return False
    if contribution is not None:
        into.add(*contribution)
    return True


def _hold(found: Any, key: Any) -> None:
    if len(found) >= MOST_GROUPS and key not in found:
        raise StranglerError(
            f"a balance has more than {MOST_GROUPS:,} groups or numbers that can't be added up in the legacy database",
            why="they come from rows that are translated here, or from a SELECT of its own, and are held in memory",
            do="fewer dimensions, a `where`, or a mapping that the database evaluates (strangler config check says why it doesn't)",
        )


def _without_value(balance: Balance, rows: int) -> Group:
    return Group(NO_VALUE, rows, balance.nothing)


def _decoded(figures: Figures, rows: Iterable[tuple[Any, ...]]) -> Iterator[Group]:
    """The answer to `Query.groups`."""
    width = len(figures.by)
    floats = [each.node.type is FieldType.FLOAT for each in figures.sums]
    for row in rows:
        values = iter(row[width + 1 :])
        amounts = tuple(
            Approximate(float(next(values)), float(next(values))) if is_float else Decimal(next(values))
            for is_float in floats
        )
        yield Group(_key(row[:width]), int(row[width]), amounts)


def _run(row: tuple[Any, ...]) -> Run:
    """A row of the answer to `Query.runs`."""
    return Run(_key(row[:-2]), int(row[-2]), int(row[-1]))


def _key(texts: Iterable[Any]) -> Key:
    return tuple(text.decode() if isinstance(text, bytes) else text for text in texts)


def _in_order(side: str, groups: Iterable[Group]) -> Iterator[Group]:
    """The groups as they come. Raises StranglerError where a database sorts otherwise: two sides could not be put beside each other."""
    before: Any = None
    for group in groups:
        here = order(group.key)
        if before is not None and before >= here:
            raise StranglerError(
                f"the database of the {side} side doesn't give the groups of a balance in the order of their texts",
                why=f"{group.key} came out of order",
                do="look at the encoding and the collation of that database",
            )
        before = here
        yield group
