"""Shadow comparisons: counted, with a bounded number of samples of what differed.

Outcomes are counted per minute. What they consist of (fields, rules, reasons, latencies) is counted for as long as a function stands
in its stage: `since` is when it came there, so that what was counted before it moved can be told from what was counted after.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple, TypeVar

import orjson
from sqlalchemy import ColumnElement, Table, delete, func, insert, select

from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import upsert

SAMPLES_KEPT: Final = 200
"""Mismatches kept per function, the newest: enough to see the pattern, too few to fill a disk."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparisons of one minute (since the epoch) as one facade made them.

    `failed`: the new service didn't answer. `uncompared`: it did, but the two couldn't be compared. `dropped`: there was no room.
    None of them is a match. `pairs`: for so many legacy was asked twice.
    """

    minute: int
    facade: str
    function: str
    matched: int
    mismatched: int
    failed: int
    dropped: int
    uncompared: int = 0
    pairs: int = 0


@dataclass(frozen=True, slots=True)
class Compared:
    """Sums of `Comparison` over time and facades."""

    matched: int = 0
    mismatched: int = 0
    failed: int = 0
    dropped: int = 0
    uncompared: int = 0
    pairs: int = 0
    last_minute: int = 0
    """The newest minute in which anything was compared, 0 for never."""
    noisy: int = 0
    """Of those that are mismatched, how many differ in nothing but what legacy itself doesn't answer the same twice."""

    @property
    def total(self) -> int:
        """How many were compared."""
        return self.matched + self.mismatched

    @property
    def differing(self) -> int:
        """How many differed in more than noise."""
        return self.mismatched - self.noisy


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A request whose answers differed: `differences` is a list of {path, kind, legacy, new}; `at` since the epoch."""

    at: float
    function: str
    request: str
    differences: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Field:
    """How often a field differed in one way: in `calls` answers of new. Over the pairs of legacy's answers: in `raw` of them new
    differed from legacy, in `noise` of them legacy did from itself."""

    place: str
    kind: str
    calls: int
    raw: int
    noise: int


@dataclass(frozen=True, slots=True)
class Shape:
    """How many answers differed in exactly these fields, each (place, kind)."""

    fields: frozenset[tuple[str, str]]
    calls: int


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a rule hid: so many differences, in so many answers."""

    rule: str
    calls: int
    differences: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why reads weren't compared; `outcome` is `failed` or `uncompared`."""

    outcome: str
    reason: str
    calls: int


@dataclass(frozen=True, slots=True)
class Latency:
    """How long one side took, in classes: `calls` that took at most `up_to` milliseconds and more than the class before, `seconds`
    together."""

    side: str
    up_to: int
    calls: int
    seconds: float


class Sum(NamedTuple):
    """What a figure is added to: the key of a row of one of `COUNTED`, and the column."""

    table: str
    key: tuple[Any, ...]
    column: str


_COUNTS = ("matched", "mismatched", "failed", "dropped", "uncompared", "pairs")

COUNTED: Final[Mapping[str, tuple[Table, tuple[str, ...], tuple[str, ...]]]] = {
    "comparison": (tables.comparison, ("minute", "facade", "function"), _COUNTS),
    "field": (tables.shadow_field, ("function", "since", "place", "kind"), ("calls", "raw", "noise")),
    "shape": (tables.shadow_shape, ("function", "since", "shape", "fields"), ("calls",)),
    "rule": (tables.shadow_rule, ("function", "since", "rule"), ("calls", "differences")),
    "failure": (tables.shadow_failure, ("function", "since", "outcome", "reason"), ("calls",)),
    "latency": (tables.shadow_latency, ("function", "since", "side", "up_to"), ("calls", "seconds")),
}
"""Name → the table, the columns of its key, and what is added up in it."""


def record(control: Control, sums: Mapping[Sum, float]) -> None:
    """Add figures to what was counted."""
    rows: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
    for (table, key, column), figure in sums.items():
        _, names, columns = COUNTED[table]
        row = rows.setdefault(table, {}).setdefault(
            key, dict(zip(names, key, strict=True)) | dict.fromkeys(columns, 0)
        )
        row[column] += figure
    with control.begin() as connection:
        for table, found in rows.items():
            upsert(connection, COUNTED[table][0], list(found.values()), add=COUNTED[table][2])


def add(control: Control, comparisons: Iterable[Comparison]) -> None:
    """Add to what was counted; a minute may come in several parts."""
    with control.begin() as connection:
        upsert(connection, tables.comparison, [asdict(part) for part in comparisons], add=_COUNTS)


def sums(control: Control, function: str, *, since: int = 0) -> Compared:
    """What was compared for a function from minute `since` on; of noise nothing is known here."""
    table = tables.comparison
    counted = [func.coalesce(func.sum(table.c[name]), 0) for name in _COUNTS]
    query = select(*counted, func.coalesce(func.max(table.c.minute), 0))
    with control.read() as connection:
        condition = (table.c.function == function, table.c.minute >= since)
        return Compared(*(int(n) for n in connection.execute(query.where(*condition)).one()))


def fields(control: Control, function: str, *, since: float = 0.0) -> list[Field]:
    """The fields that differed, the most frequent first. `since`: only what was counted in stages that it came to then or later."""
    found = _grouped(control, "field", function, since, Field)
    return sorted(found, key=lambda each: (-each.calls, -each.noise, each.place, each.kind))


def shapes(control: Control, function: str, *, since: float = 0.0) -> list[Shape]:
    """In which fields together answers differed."""
    return [
        Shape(frozenset((place, kind) for place, kind in orjson.loads(fields)), int(calls))
        for _, fields, calls in _rows(control, "shape", function, since)
    ]


def hidden(control: Control, function: str, *, since: float = 0.0) -> list[Hidden]:
    """What the rules hid."""
    return _grouped(control, "rule", function, since, Hidden)


def failures(control: Control, function: str, *, since: float = 0.0) -> list[Failure]:
    """Why reads weren't compared, the most frequent reason first."""
    return sorted(_grouped(control, "failure", function, since, Failure), key=lambda each: -each.calls)


def latencies(control: Control, function: str, *, since: float = 0.0) -> list[Latency]:
    """How long both sides took, of shadowed reads, the quickest class first."""
    return sorted(
        _grouped(control, "latency", function, since, Latency), key=lambda each: (each.side, each.up_to)
    )


_Row = TypeVar("_Row")


def _grouped(control: Control, table: str, function: str, since: float, row: type[_Row]) -> list[_Row]:
    return [row(*values) for values in _rows(control, table, function, since)]


def _rows(control: Control, name: str, function: str, since: float) -> list[tuple[Any, ...]]:
    """Sums over all stages since then."""
    table, keys, columns = COUNTED[name]
    groups: list[ColumnElement[Any]] = [table.c[key] for key in keys if key not in ("function", "since")]
    query = select(*groups, *(func.sum(table.c[column]) for column in columns))
    query = query.where(table.c.function == function, table.c.since >= since).group_by(*groups)
    whole = [column.type.python_type is int for column in map(table.c.__getitem__, columns)]
    with control.read() as connection:
        return [
            (
                *row[: len(groups)],
                *(int(n) if is_whole else n for n, is_whole in zip(row[len(groups) :], whole, strict=True)),
            )
            for row in connection.execute(query)
        ]


def add_mismatches(control: Control, mismatches: Sequence[Mismatch]) -> None:
    """Keep samples of what differed; the oldest beyond `SAMPLES_KEPT` of a function go."""
    table = tables.mismatch
    with control.begin() as connection:
        for mismatch in mismatches:
            differences = orjson.dumps(list(mismatch.differences), default=str).decode()
            connection.execute(insert(table).values({**asdict(mismatch), "differences": differences}))
        for function in {mismatch.function for mismatch in mismatches}:
            newest = select(table.c.id).where(table.c.function == function).order_by(table.c.id.desc())
            first_gone = newest.offset(SAMPLES_KEPT).limit(1).scalar_subquery()
            connection.execute(delete(table).where(table.c.function == function, table.c.id <= first_gone))


def mismatches(control: Control, function: str, *, limit: int = SAMPLES_KEPT) -> list[Mismatch]:
    """The newest samples, newest first."""
    table = tables.mismatch
    query = select(table).where(table.c.function == function).order_by(table.c.id.desc()).limit(limit)
    with control.read() as connection:
        return [
            Mismatch(row.at, row.function, row.request, orjson.loads(row.differences))
            for row in connection.execute(query)
        ]
