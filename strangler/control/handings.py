"""The numbers that a switch under way has handed over: what each counter was, and what it was set to. Written before it is set, and gone
when the switch is decided or undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from sqlalchemy import delete, insert, select

from strangler.control import tables
from strangler.control.store import Control
from strangler.cutover.stages import Side


@dataclass(frozen=True, slots=True)
class Handing:
    """A counter of one side: of which line of the function's `numbers`, what it is called, the last number that the other side had given,
    and its own last number before and after."""

    numbers: str
    side: Side
    counter: str
    other: int
    before: int
    after: int


def of(control: Control, function: str, cohort: str) -> list[Handing]:
    """Those of a function or cohort."""
    query = select(tables.handing.c.body).where(*_is(function, cohort))
    with control.read() as connection:
        found = connection.execute(query).scalar_one_or_none()
    return [Handing(**{**each, "side": Side(each["side"])}) for each in orjson.loads(found or "[]")]


def remember(control: Control, function: str, cohort: str, planned: Sequence[Handing]) -> None:
    """Keep them. What is known already of a counter stays: it is what there was before the first attempt."""
    known = of(control, function, cohort)
    fresh = [each for each in planned if each.counter not in {one.counter for one in known}]
    kept = [
        next(
            (
                Handing(**{**asdict(one), "after": each.after})
                for each in planned
                if each.counter == one.counter
            ),
            one,
        )
        for one in known
    ]
    body = orjson.dumps([asdict(each) for each in (*kept, *fresh)]).decode()
    with control.begin() as connection:
        forget(control, function, cohort)
        connection.execute(insert(tables.handing).values(function=function, cohort=cohort, body=body))


def forget(control: Control, function: str, cohort: str) -> None:
    """They are the owner's now, or were set back."""
    with control.begin() as connection:
        connection.execute(delete(tables.handing).where(*_is(function, cohort)))


def _is(function: str, cohort: str) -> tuple[Any, Any]:
    return tables.handing.c.function == function, tables.handing.c.cohort == cohort
