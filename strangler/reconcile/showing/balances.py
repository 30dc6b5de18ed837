"""Balances for people, as a run recorded them: tables for the terminal, and the words that the page shares. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from strangler.control.balances import Balance

_COUNTS = ("groups", "different", "tolerated", "in flight", "unsettled")
_FIGURES = ("legacy", "store", "difference")


def as_tables(balances: Sequence[Balance], limit: int | None) -> RenderableType:
    """A row for each balance, and of at most `limit` groups of each that differ, or are tolerated, the figures that do."""
    parts: list[RenderableType] = [_counts(balances)] if balances else []
    parts += [Text(f"{each.name}: {words}", "dim") for each in balances if (words := why(each))]
    differ = [(each.name, each.outcome["differences"], each.different) for each in balances if each.different]
    tolerated = [
        (each.name, each.outcome["tolerances"], each.tolerated) for each in balances if each.tolerated
    ]
    if differ:
        parts.append(_groups("group that differs", differ, limit))
    if tolerated:
        parts.append(_groups("group that is tolerated", tolerated, limit))
    return Group(*parts)


def why(balance: Balance) -> str:
    """What has to be known beside the figures; empty when nothing has to."""
    found, said = balance.outcome, []
    if balance.tolerated:
        said.append(f"{found['owner']} allows it: {found['reason']}")
    if found["unseen"]:
        said.append(f"{found['unseen']:,} more differed at first sight")
    if found["quarantined"]:
        said.append(f"{found['quarantined']:,} keys of {found['of']} wait in quarantine")
    return "; ".join(said)


def group_name(dimensions: Mapping[str, str | None] | None) -> str:
    """A group by its dimensions: `company=BE01, currency=EUR`; `(all)` where there are none, `(no value)` where an expression of the
    balance has none."""
    if dimensions is None:
        return "(no value)"
    named = (f"{name}={'NULL' if text is None else text}" for name, text in dimensions.items())
    return ", ".join(named) or "(all)"


def figures(group: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, str | None]]]:
    """Those of a group's figures that differ; of a single one that one."""
    found = group["figures"]
    return (
        (name, each) for name, each in found.items() if each["legacy"] != each["store"] or len(found) == 1
    )


def _counts(balances: Iterable[Balance]) -> Table:
    table = _table("balance", "of", *_COUNTS)
    for each in balances:
        counts = (each.compared, each.different, each.tolerated, each.in_flight, each.unsettled)
        numbers = [Text(f"{count:,}", "" if count else "dim") for count in counts]
        table.add_row(each.name, each.outcome["of"], *numbers)
    return table


def _groups(
    title: str, listed: Iterable[tuple[str, Sequence[Mapping[str, Any]], int]], limit: int | None
) -> Table:
    """`listed`: the balance's name, the first of its groups, and how many there are."""
    table = _table("balance", title, "figure", *_FIGURES)
    for name, groups, count in listed:
        for group in groups[:limit]:
            _add(table, name, group)
        if hidden := count - len(groups[:limit]):
            table.add_row(name, Text(f"… and {hidden:,} more", "dim"))
    return table


def _add(table: Table, name: str, group: Mapping[str, Any]) -> None:
    first = (name, Text(group_name(group["dimensions"])))
    for figure, sides in figures(group):
        table.add_row(*first, figure, *(Text(sides[each] or "") for each in _FIGURES))
        first = ("", Text())


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        right = column in (*_COUNTS, *_FIGURES)
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    return table
