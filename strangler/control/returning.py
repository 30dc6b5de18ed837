"""How far the reverse feed of each function is: what the switch waits for on the way back, and what people see."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from sqlalchemy import select, update

from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import insert_new, upsert


@dataclass(frozen=True, slots=True)
class ReturnRecord:
    """`waiting` aggregates wait to return, held ones too, the first `since` (None: none waits). `returned` were, in all. `seen_at`: when
    the feed was last heard of; times in seconds since the epoch. `error` is what keeps it from going on."""

    function: str
    waiting: int
    since: float | None
    returned: int
    seen_at: float
    error: str | None

    def lag(self, now: float) -> float:
        """How long the first has waited, in seconds."""
        return 0.0 if self.since is None else max(0.0, now - self.since)


def all_feeds(control: Control) -> dict[str, ReturnRecord]:
    """Function → how far it is."""
    with control.read() as connection:
        rows = connection.execute(select(tables.reverse_feed)).mappings()
        return {row["function"]: ReturnRecord(**row) for row in rows}


def report(control: Control, record: ReturnRecord) -> None:
    """Say how far the feed is now; whatever kept it from going on is over."""
    with control.begin() as connection:
        upsert(connection, tables.reverse_feed, [asdict(record)])


def fail(control: Control, function: str, error: str) -> None:
    """The feed can't go on; what is known of it stays."""
    of_function = tables.reverse_feed.c.function == function
    with control.begin() as connection:
        changed = connection.execute(update(tables.reverse_feed).where(of_function).values(error=error))
        if not changed.rowcount:
            insert_new(
                connection, tables.reverse_feed, [asdict(ReturnRecord(function, 0, None, 0, 0.0, error))]
            )


def leave_over(control: Control, function: str, waiting: int, since: float | None) -> None:
    """So many aggregates, the first `since`, are left in an outbox of which legacy owns all: the feed goes on until they are decided."""
    known = all_feeds(control).get(function, ReturnRecord(function, 0, None, 0, 0.0, None))
    report(control, replace(known, waiting=waiting, since=since, error=None))
