"""Calls through the facades, counted per minute: by function and cohort, by read or write, by the side that answered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import func, select

from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import add_up


class Traffic(NamedTuple):
    """Calls of one minute (since the epoch) as one facade saw them; `cohort` is the one by whose standing they were decided,
    `kind` is read or write, `side` legacy or new.

    `errors` are answers of 500 and above and upstreams that didn't answer, `fenced` are writes that were told to wait,
    `seconds` is the sum of the latencies. A read at which new failed, and that legacy answered in its place, is a call of either: an
    error of new's.
    """

    minute: int
    facade: str
    function: str
    cohort: str
    kind: str
    side: str
    calls: int
    errors: int
    fenced: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Calls:
    """Sums of `Traffic` over time and facades."""

    calls: int
    errors: int
    fenced: int
    seconds: float


_COUNTS = ("calls", "errors", "fenced", "seconds")


def add(control: Control, traffic: Iterable[Traffic]) -> None:
    """Add to what was counted; a minute may come in several parts."""
    with control.begin() as connection:
        add_up(connection, tables.traffic, Traffic._fields, list(traffic), _COUNTS)


def sums(
    control: Control, *, since: int = 0, function: str | None = None, cohort: str | None = None
) -> dict[tuple[str, str, str], Calls]:
    """(function, kind, side) → calls from minute `since` on, of all functions or of one, with all cohorts or of one."""
    table = tables.traffic
    groups = (table.c.function, table.c.kind, table.c.side)
    query = select(*groups, *_summed()).where(table.c.minute >= since).group_by(*groups)
    if function is not None:
        query = query.where(table.c.function == function)
    if cohort is not None:
        query = query.where(table.c.cohort == cohort)
    with control.read() as connection:
        return {(row[0], row[1], row[2]): _calls(row[3:]) for row in connection.execute(query)}


def per_minute(
    control: Control, function: str, cohort: str | None = None, *, since: int = 0
) -> dict[tuple[int, str, str], Calls]:
    """(minute, kind, side) → calls of a function with all of its cohorts, or of one of them alone, in the order of time."""
    table = tables.traffic
    groups = (table.c.minute, table.c.kind, table.c.side)
    query = select(*groups, *_summed()).where(table.c.function == function, table.c.minute >= since)
    if cohort is not None:
        query = query.where(table.c.cohort == cohort)
    query = query.group_by(*groups).order_by(*groups)
    with control.read() as connection:
        return {(row[0], row[1], row[2]): _calls(row[3:]) for row in connection.execute(query)}


def _summed() -> list[Any]:
    return [func.sum(tables.traffic.c[name]) for name in _COUNTS]


def _calls(row: Any) -> Calls:
    calls, errors, fenced, seconds = row
    return Calls(int(calls), int(errors), int(fenced), float(seconds))
