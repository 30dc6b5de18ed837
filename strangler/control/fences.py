"""The fences that are in force in legacy databases: how each is taken back. Written before the first statement that fences, so that what
was done is known however it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import delete, insert, select

from strangler.control import tables
from strangler.control.lock import lock_decisions
from strangler.control.store import Control


@dataclass(frozen=True, slots=True)
class InForce:
    """A fence of a function or cohort in the database of `source`; `lift`: the statements that take it back. `at` in seconds since
    the epoch."""

    function: str
    cohort: str
    source: str
    lift: tuple[str, ...]
    at: float


def of(control: Control, function: str, cohort: str) -> InForce | None:
    """The fence of a function or cohort; None when there is none."""
    with control.read() as connection:
        row = connection.execute(select(tables.fence).where(*_is(function, cohort))).mappings().first()
        return InForce(**{**row, "lift": tuple(orjson.loads(row["lift"]))}) if row else None


def of_function(control: Control, function: str) -> list[InForce]:
    """The fences of a function and of its cohorts, by cohort."""
    at = tables.fence.c
    query = select(at.cohort).where(at.function == function).order_by(at.cohort)
    with control.read() as connection:
        found = (of(control, function, cohort) for cohort in connection.execute(query).scalars().all())
        return [each for each in found if each is not None]


def remember(
    control: Control, function: str, cohort: str, source: str, lift: Sequence[str], *, at: float
) -> None:
    """Note how a fence that is about to be made is taken back, beside what is known already: of privileges, what was
    taken before can't be seen any more."""
    with control.begin() as connection:
        lock_decisions(connection)
        known = of(control, function, cohort)
        all_of_it = list(dict.fromkeys((*(known.lift if known else ()), *lift)))
        forget(control, function, cohort)
        values = {"function": function, "cohort": cohort, "source": source, "at": known.at if known else at}
        connection.execute(insert(tables.fence).values(**values, lift=orjson.dumps(all_of_it).decode()))


def forget(control: Control, function: str, cohort: str) -> None:
    """It isn't in force any more."""
    with control.begin() as connection:
        connection.execute(delete(tables.fence).where(*_is(function, cohort)))


def _is(function: str, cohort: str) -> tuple[Any, Any]:
    return tables.fence.c.function == function, tables.fence.c.cohort == cohort
