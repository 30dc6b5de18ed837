"""Balances for people: tables for the terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from strangler.reconcile.balances.outcome import BalanceOutcome, GroupDifference

_COUNTS = ("groups", "different", "tolerated", "in flight", "unsettled")
_FIGURES = ("legacy", "store", "difference")


def as_tables(outcomes: Sequence[BalanceOutcome], limit: int) -> RenderableType:
    """A row for each balance, and of at most `limit` groups of each that differ, or are tolerated, the figures that do."""
    parts: list[RenderableType] = [_counts(outcomes)] if outcomes else []
    differ = [(each.name, each.differences, each.different) for each in outcomes if each.different]
    tolerated = [(each.name, each.tolerances, each.tolerated) for each in outcomes if each.tolerated]
    if differ:
        parts.append(_groups("group that differs", differ, limit))
    if tolerated:
        parts.append(_groups("group that is tolerated", tolerated, limit))
    return Group(*parts)


def _counts(outcomes: Iterable[BalanceOutcome]) -> Table:
    table = _table("balance", "of", *_COUNTS, "")
    for each in outcomes:
        counts = (each.compared, each.different, each.tolerated, each.in_flight, each.unsettled)
        numbers = [Text(f"{count:,}", "" if count else "dim") for count in counts]
        table.add_row(each.name, each.of, *numbers, Text(_why(each), "dim"))
    return table


def _why(outcome: BalanceOutcome) -> str:
    said = []
    if outcome.tolerated:
        said.append(f"{outcome.owner} allows it: {outcome.reason}")
    if outcome.quarantined:
        said.append(f"{outcome.quarantined:,} keys of {outcome.of} wait in quarantine")
    return "; ".join(said)


def _groups(title: str, listed: Iterable[tuple[str, Sequence[GroupDifference], int]], limit: int) -> Table:
    """`listed`: the balance's name, the first of its groups, and how many there are."""
    table = _table("balance", title, "figure", *_FIGURES)
    for name, groups, count in listed:
        for group in groups[:limit]:
            _add(table, name, group)
        if hidden := count - min(limit, len(groups)):
            table.add_row(name, Text(f"… and {hidden:,} more", "dim"))
    return table


def _add(table: Table, name: str, group: GroupDifference) -> None:
    first = (name, Text(str(group)))
    for figure in group.figures:
        if figure.legacy != figure.store or len(group.figures) == 1:
            table.add_row(*first, figure.name, *(Text(each or "") for each in figure[1:]))
            first = ("", Text())


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        right = column in (*_COUNTS, *_FIGURES)
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    return table
