"""What each run of reconciliation found of the balances of its function: evidence, and what two runs are compared by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import select

from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import upsert


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
