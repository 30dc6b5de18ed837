"""Balances for the terminal, as they are recorded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from strangler.control.balances import Balance

_COUNTS: Final = ("groups", "different", "tolerated", "in\nflight", "never at\nrest")
_FIGURES: Final = ("legacy", "store", "difference")


def as_tables(found: Sequence[Balance]) -> Iterator[RenderableType]:
    """A row for each balance, and of the groups that differ, or are tolerated, the figures that do; last what has to be known beside."""
    yield _counts(found)
    for title, list_name, count_name in (
        ("group that differs", "differences", "different"),
        ("group that is tolerated", "tolerances", "tolerated"),
    ):
        listed = [each for each in found if each.outcome[count_name]]
        if listed:
            yield _groups(title, listed, list_name, count_name)
    yield from (Text(words, "dim") for words in map(remark, found) if words)


def limited(found: Balance, most: int) -> Balance:
    """With at most so many groups in each list."""
    cut = {name: found.outcome[name][:most] for name in ("differences", "tolerances")}
    return replace(found, outcome={**found.outcome, **cut})


def group_name(dimensions: Mapping[str, str | None] | None) -> str:
    """A group by its dimensions: `company=BE01, period=2026-11`."""
    if dimensions is None:
        return "(no value)"
    named = (f"{name}={'NULL' if text is None else text}" for name, text in dimensions.items())
    return ", ".join(named) or "(all)"


def figures_that_differ(group: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Name, legacy, store and difference of each; of a group with one figure, that one."""
    figures = group["figures"]
    return [
        (name, *(str(each[side] if each[side] is not None else "") for side in _FIGURES))
        for name, each in figures.items()
        if each["legacy"] != each["store"] or len(figures) == 1
    ]


def remark(found: Balance) -> str:
    """What has to be known of a balance beside its figures; empty where that is nothing."""
    said, outcome = [], found.outcome
    if found.tolerated:
        said.append(f"{outcome['owner']} allows {found.tolerated:,}: {outcome['reason']}")
    if found.unsettled:
        said.append(f"{found.unsettled:,} groups never came to rest and weren't compared")
    if outcome["unseen"]:
        said.append(f"{outcome['unseen']:,} more groups differed at first sight and weren't looked at again")
    if outcome["quarantined"]:
        said.append(
            f"{outcome['quarantined']:,} keys of {outcome['of']} wait in quarantine, which may be why it differs"
        )
    return f"{found.name}: {'; '.join(said)}" if said else ""


def _counts(found: Iterable[Balance]) -> Table:
    table = _table("balance", "of", *_COUNTS)
    for each in found:
        counts = (each.compared, each.different, each.tolerated, each.in_flight, each.unsettled)
        table.add_row(
            each.name, each.outcome["of"], *(Text(f"{count:,}", "" if count else "dim") for count in counts)
        )
    return table


def _groups(title: str, found: Iterable[Balance], list_name: str, count_name: str) -> Table:
    table = _table("balance", title, "figure", *_FIGURES)
    for each in found:
        groups = each.outcome[list_name]
        for group in groups:
            _add(table, each.name, group)
        if hidden := each.outcome[count_name] - len(groups):
            table.add_row(each.name, Text(f"… and {hidden:,} more", "dim"))
    return table


def _add(table: Table, name: str, group: Mapping[str, Any]) -> None:
    first = (name, Text(group_name(group["dimensions"])))
    for figure, *texts in figures_that_differ(group):
        table.add_row(*first, figure, *map(Text, texts))
        first = ("", Text())


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        right = column in (*_COUNTS, *_FIGURES)
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    return table
