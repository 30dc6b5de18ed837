"""Counted: the figures of shadow that facades and workers add up, each in a row of its own table.

Each is counted for the cohort by whose standing a call was shadowed, so that no cohort's gates pass on what was asked of another; what
goes with the whole function is counted for that, as `*`. Outcomes are counted per minute. What they consist of is counted for as long
as a cohort stands in its stage: `since` is when it came there, so that what was counted before it moved can be told from what was
counted after.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Table, func, select

from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import add_up


class Since(NamedTuple):
    """From when on figures are evidence: those of stages that were come to at `moment` (since the epoch) or later, and those of minutes
    from `minute` on."""

    moment: float
    minute: int

    @classmethod
    def of(cls, entered: float, parted: float = 0.0) -> Since:
        """From when a cohort came into shadow; of a whole function at the earliest from when the last cohort parted from it, which may
        have been in the middle of a minute that is of both."""
        return cls(max(entered, parted), max(int(entered // 60), ceil(parted / 60)))


class Sum(NamedTuple):
    """What a figure is added to: the key of a row of one of `COUNTED`, and the column."""

    table: str
    key: tuple[Any, ...]
    column: str


OF_READS: Final = ("matched", "mismatched", "failed", "dropped", "uncompared", "pairs")
OF_WRITES: Final = (
    "matched",
    "mismatched",
    "missing",
    "unexpected",
    "late",
    "failed",
    "unasked",
    "dropped",
)

COUNTED: Final[Mapping[str, tuple[Table, tuple[str, ...], tuple[str, ...]]]] = {
    "comparison": (tables.comparison, ("minute", "facade", "function", "cohort"), OF_READS),
    "field": (
        tables.shadow_field,
        ("function", "cohort", "since", "place", "kind"),
        ("calls", "raw", "noise"),
    ),
    "shape": (tables.shadow_shape, ("function", "cohort", "since", "shape", "fields"), ("calls",)),
    "rule": (tables.shadow_rule, ("function", "cohort", "since", "rule"), ("calls", "differences")),
    "failure": (tables.shadow_failure, ("function", "cohort", "since", "outcome", "reason"), ("calls",)),
    "latency": (
        tables.shadow_latency,
        ("function", "cohort", "since", "side", "up_to"),
        ("calls", "seconds"),
    ),
    "effect": (tables.effect, ("minute", "counter", "function", "cohort"), OF_WRITES),
    "effect place": (tables.effect_place, ("function", "cohort", "since", "place", "kind"), ("calls",)),
    "effect failure": (
        tables.effect_failure,
        ("function", "cohort", "since", "outcome", "reason"),
        ("calls",),
    ),
}
"""Name → the table, the columns of its key, and what is added up in it."""


def record(control: Control, sums: Mapping[Sum, float]) -> None:
    """Add figures to what was counted."""
    rows: dict[str, dict[tuple[Any, ...], list[float]]] = {}
    for (table, key, column), figure in sums.items():
        columns = COUNTED[table][2]
        row = rows.setdefault(table, {}).setdefault(key, [0] * len(columns))
        row[columns.index(column)] += figure
    with control.begin() as connection:
        for name, found in rows.items():
            table_of, keys, columns = COUNTED[name]
            lines = [(*key, *figures) for key, figures in found.items()]
            add_up(connection, table_of, (*keys, *columns), lines, columns)


def minutes(control: Control, name: str, function: str, cohort: str, since: int) -> tuple[int, ...]:
    """Sums of what is counted of a cohort per minute, over all who counted, from minute `since` on; last the newest such
    minute, 0 for none."""
    table, _, columns = COUNTED[name]
    sums = [func.coalesce(func.sum(table.c[column]), 0) for column in columns]
    query = select(*sums, func.coalesce(func.max(table.c.minute), 0))
    with control.read() as connection:
        condition = (table.c.function == function, table.c.cohort == cohort, table.c.minute >= since)
        return tuple(int(n) for n in connection.execute(query.where(*condition)).one())


_Row = TypeVar("_Row")

_WHOSE: Final = frozenset(("function", "cohort", "since"))


def stages(
    control: Control, name: str, function: str, cohort: str, since: float, row: type[_Row]
) -> list[_Row]:
    """Sums of what is counted of a cohort per stage, over all stages to which it came at `since` or later; each as a `row` of the key
    without function, cohort and stage, and of the figures."""
    table, keys, columns = COUNTED[name]
    groups: list[ColumnElement[Any]] = [table.c[key] for key in keys if key not in _WHOSE]
    query = select(*groups, *(func.sum(table.c[column]) for column in columns))
    mine = (table.c.function == function, table.c.cohort == cohort)
    query = query.where(*mine, table.c.since >= since).group_by(*groups)
    whole = [column.type.python_type is int for column in map(table.c.__getitem__, columns)]
    with control.read() as connection:
        return [
            row(
                *found[: len(groups)],
                *(int(n) if is_whole else n for n, is_whole in zip(found[len(groups) :], whole, strict=True)),
            )
            for found in connection.execute(query)
        ]
