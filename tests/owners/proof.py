"""Proof: whose turn it was at each moment, as the journal has it, and whether every write was carried out in its turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import select

from strangler.control import tables
from strangler.control.store import Control
from tests.owners.side import Done
from tests.owners.writers import Told

SHOWN: Final = 20


class Turn(NamedTuple):
    """From when until when a side may carry writes out, in seconds since the epoch."""

    side: str
    begin: float
    end: float


def turns(control: Control, told: Sequence[Mapping[str, Any]]) -> list[Turn]:
    """Of the journal's finished switches: a turn ends when every facade has acknowledged the fence, or where the conductor didn't live
    to say so, when the switch was over; the next begins when the fence is lifted."""
    table = tables.journal
    with control.read() as connection:
        query = select(table).where(table.c.decided.is_(True)).order_by(table.c.id)
        rows = list(connection.execute(query).mappings())
    assert all(row["finished"] for row in rows), "a decided switch isn't finished"
    found, side, begin = [], "legacy", 0.0
    for row in rows:
        acknowledged = [
            each["at"]
            for each in told
            if each.get("step") == "acknowledged"
            and each["done"]
            and row["started_at"] <= each["at"] <= row["updated_at"]
        ]
        assert row["direction"] != side, "the journal has the same owner twice in a row"
        found.append(Turn(side, begin, min(acknowledged, default=row["updated_at"])))
        side, begin = row["direction"], row["updated_at"]
    return [*found, Turn(side, begin, float("inf"))]


def check(turns: Sequence[Turn], done: Mapping[str, Sequence[Done]], told: Sequence[Told]) -> None:
    """Raises AssertionError when a write was carried out by who wasn't the owner, on both sides, twice, or not as its caller was told."""
    wrong = [
        f"{write.id} was carried out by {side} at {write.at:.3f}, {_distance(turns, side, write.at):.3f} s off its turn"
        for side, writes in done.items()
        for write in writes
        if _distance(turns, side, write.at) > 0
    ]
    counts = Counter(write.id for writes in done.values() for write in writes)
    wrong += [f"{id} was carried out {count} times" for id, count in counts.items() if count > 1]
    where = {write.id: side for side, writes in done.items() for write in writes}
    wrong += [
        f"{each.id} was done by {where.get(each.id)}, and its caller was told {each.side}"
        for each in told
        if each.status == 200 and where.get(each.id) != each.side
    ]
    wrong += [
        f"{each.id} was refused with {each.status} ({each.detail}), and carried out by {where[each.id]}"
        for each in told
        if each.status == 503 and each.id in where
    ]
    wrong += [
        f"{each.id} was told {each.status} {each.detail}" for each in told if each.status not in (200, 503)
    ]
    assert not wrong, f"{len(wrong)} things are wrong:\n" + "\n".join(wrong[:SHOWN]) + f"\nturns: {turns}"


def _distance(turns: Sequence[Turn], side: str, at: float) -> float:
    """Seconds to the nearest turn of the side; 0 within one."""
    return min(max(turn.begin - at, at - turn.end, 0.0) for turn in turns if turn.side == side)
