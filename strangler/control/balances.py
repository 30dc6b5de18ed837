"""What each run of reconciliation found of the balances of its function: evidence, and what two runs are compared by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import select

from strangler.control import tables
from strangler.control.shares import counting
from strangler.control.store import Control
from strangler.control.upsert import upsert


class Balanced(NamedTuple):
    """What of a balance counts for a cohort; counts are groups."""

    compared: int
    different: int
    unsettled: int


@dataclass(frozen=True, slots=True)
class Balance:
    """A balance as a run found it; counts are groups. `outcome` is all of it, as `BalanceOutcome.as_json` gives it."""

    name: str
    compared: int
    different: int
    tolerated: int
    in_flight: int
    unsettled: int
    outcome: Mapping[str, Any]

    def found(self, cohort: str, alone: Collection[str]) -> Balanced:
        """What counts for a cohort, as those stand that move on their own now (`alone`): all of it, unless it was told by cohort."""
        told = self.outcome.get("cohorts")
        if told is None:
            return Balanced(self.compared, self.different, self.unsettled)
        counted = [Balanced(**told[name]) for name in counting(told, cohort, alone)]
        return Balanced(*map(sum, zip(*counted, strict=True)))


def record(control: Control, run: int, balances: Iterable[Balance]) -> None:
    """Record what a run found; recording a balance again replaces it."""
    rows = [_row(run, each) for each in balances]
    if rows:
        with control.begin() as connection:
            upsert(connection, tables.balance, rows)


def of_run(control: Control, run: int) -> list[Balance]:
    """The balances of a run, by name."""
    table = tables.balance
    query = select(table).where(table.c.reconciliation == run).order_by(table.c.name)
    with control.read() as connection:
        return [_balance(row) for row in connection.execute(query).mappings()]


def _row(run: int, balance: Balance) -> dict[str, Any]:
    return {
        "reconciliation": run,
        "name": balance.name,
        "compared": balance.compared,
        "different": balance.different,
        "tolerated": balance.tolerated,
        "in_flight": balance.in_flight,
        "unsettled": balance.unsettled,
        "outcome": orjson.dumps(balance.outcome).decode(),
    }


def _balance(row: Mapping[Any, Any]) -> Balance:
    values = {name: value for name, value in row.items() if name != "reconciliation"}
    return Balance(**{**values, "outcome": orjson.loads(row["outcome"])})
