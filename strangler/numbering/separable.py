"""Whether the numbers of a line can be kept apart while both sides draw: not where a counter follows the rows that come over.

The largest number of a table's rows does, and in SQLite the last number of an AUTOINCREMENT key, too. A sequence of PostgreSQL or MariaDB
doesn't. MySQL's AUTO_INCREMENT can only be named as the largest number of its table.
"""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Sequence

from strangler.configuration.consistency import stored
from strangler.cutover.stages import Side
from strangler.errors import Refused
from strangler.numbering.pair import Pair
from strangler.settings import Settings


def refuse_inseparable(settings: Settings, what: str, those: Sequence[Pair]) -> None:
    """Refuse what would let both sides draw from counters that can't be kept apart. Raises Refused."""
    for pair in those:
        if (found := _against(settings, pair, those)) is not None:
            why, do = found
            raise Refused(
                f"the numbers of {what} can't be kept apart while both sides draw",
                why=why,
                do=f"{do}; or move the whole function at once",
            )


def separable(settings: Settings, those: Sequence[Pair]) -> list[Pair]:
    """Those that can be kept apart."""
    return [pair for pair in those if _against(settings, pair, those) is None]


def _against(settings: Settings, pair: Pair, those: Sequence[Pair]) -> tuple[str, str] | None:
    """What keeps a line from being kept apart, and what to do; None for nothing."""
    shared = Count((side, each.counter(side)) for each in those for side in Side)
    for side in Side:
        counter = pair.counter(side)
        if not pair.statements(side, pair.last(side)):
            return (
                f"{counter} of {side} can't be set, and follows every row that comes over from {side.other}",
                f"name the sequence, or the row, from which {side} draws",
            )
        if pair.hands[side].dialect == "sqlite" and counter.sequence in fed(settings, pair.function, side):
            return (
                f"{counter} of {side} follows every row that comes over from {side.other}: SQLite raises the last number of an "
                "AUTOINCREMENT key with each row",
                f"let {side} draw from a table into which nothing comes over, or from the row of one, and name that",
            )
        if shared[side, counter] > 1:
            return (
                f"{counter} of {side} stands in several lines of `numbers`",
                "give each line a counter of its own",
            )
        if pair.numbers.gap < 2:
            return (
                f"a gap of {pair.numbers.gap} leaves {counter} of {side} nothing to draw from meanwhile",
                "set `gap` to more than is drawn in some hours; `strangler plan` says what that is",
            )
    return None


def fed(settings: Settings, function: str, side: Side) -> frozenset[str]:
    """The tables in the database of this side into which rows come over from the other one, whatever function they are of."""
    own = settings.functions[function]
    found = set()
    for (_, name, *_), part, table in stored(settings):
        other = settings.functions[str(name)]
        if side is Side.NEW and _store(settings, other.store) == _store(settings, own.store):
            found.add(table)
        if side is Side.LEGACY and other.source == own.source and other.return_ is not None:
            found.add(part.table)
    return frozenset(found)


def _store(settings: Settings, name: str) -> str:
    """The database of a store: two stores may name the same one."""
    return settings.stores[name].url.get_secret_value()
