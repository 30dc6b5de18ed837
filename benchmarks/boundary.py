"""Boundary: changes translated a second by one core, from transactions in memory to events in memory.

    python -m benchmarks.boundary [--changes 500000] [--rounds 5] [--only boundary-table]

`ours` is `Boundary.translate` with one table and a mapping of 12 fields: trims, a cast, a date from text, CASE, texts and decimals put
together. `peer` is what one would write by hand for the same fields, in plain Python: a loop without folding, quarantine or checks of
what a column holds. `limit` only reads the columns and builds the event's dictionary. `boundary-table` gets updates without old rows, as
PostgreSQL sends them; `boundary-old-rows` gets them with the whole old row, as a binlog has them.

`boundary-joined` is an order of twelve fields from four tables, changed at random; `boundary-orders` are orders written with five lines and
written again; `boundary-lines` is one line of an order changed at random, for which the whole order is said anew. There `ours` keeps its
mirror on disk, `peer` asks SQLite with the same SELECT, `limit` keeps the rows only. A last line says what a mirror takes.

Rates are of processor time, so that company on the machine doesn't count.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks import aggregates, arms, customers, orders
from strangler.boundary import Boundary, Translation
from strangler.changes import Row, Transaction
from strangler.collector import collect_seldom
from strangler.events import Effect, Event
from strangler.mapping.names import KINDS, default_name

MEANING: Final = {
    "ours": "translated to events, or held",
    "peer": "the same fields by hand, nothing else",
    "limit": "columns read, dictionary built",
}

BATCH: Final = 2_000
"""Changes whose events are in memory at once, as in the stream."""

NAMES: Final = {operation: default_name("customer", operation) for operation in KINDS}

KEPT: Final = 50_000
"""Changes that are made; they are translated again and again."""


def main() -> None:
    arms.run(
        __doc__,
        ("changes", 500_000),
        arms.Benchmark("boundary-table", MEANING, nothing, partial(prepare, old_rows=False)),
        arms.Benchmark("boundary-old-rows", MEANING, nothing, partial(prepare, old_rows=True)),
        *(
            arms.Benchmark(
                name, aggregates.MEANING, nothing, partial(aggregates.prepare, mapping=mapping, make=make)
            )
            for name, mapping, make in (
                ("boundary-joined", orders.joined, orders.updates_of_orders),
                ("boundary-orders", orders.with_lines, orders.new_orders),
                ("boundary-lines", orders.with_lines, orders.updates_of_lines),
            )
        ),
    )
    with tempfile.TemporaryDirectory() as home:
        aggregates.memory(Path(home))


def nothing(home: Path) -> AbstractContextManager[None]:
    """No server: everything is in memory."""
    return nullcontext()


def prepare(home: Path, server: None, changes: int, *, old_rows: bool) -> dict[str, arms.Arm]:
    made, mapping = customers.transactions(KEPT, old_rows), customers.mapping()
    rows = [change.after for transaction in made for change in transaction.changes if change.after]
    if any(by_hand(row) != mapping.translate(row) for row in rows):
        raise SystemExit("what was written by hand doesn't give what the mapping gives")
    collect_seldom()
    boundary = Boundary([mapping])
    return {
        "ours": partial(rate, boundary.translate, made, changes),
        "peer": partial(rate, peer, made, changes),
        "limit": partial(rate, limit, made, changes),
    }


def rate(
    translate: Callable[[Transaction, Translation], None],
    made: Sequence[Transaction],
    changes: int,
    number: int,
) -> float:
    """Changes per second of processor time, batch by batch as the stream has them."""
    source, seen, batch = itertools.cycle(made), 0, 0
    result = Translation([], [])
    began = time.process_time()
    while seen < changes:
        transaction = next(source)
        translate(transaction, result)
        seen += len(transaction.changes)
        if seen - batch >= BATCH:
            result, batch = Translation([], []), seen
    return seen / (time.process_time() - began)


def peer(transaction: Transaction, into: Translation) -> None:
    at = transaction.committed_at
    for position, _, operation, before, after in transaction.changes:
        row = after or before or {}
        effect, data = (Effect.UPSERT, by_hand(row)) if after else (Effect.REMOVE, {})
        name, key = NAMES[operation], f"[{row['id']}]"
        into.events.append(Event(name, "customers", "customer", effect, key, position, at, "1", data))


def by_hand(row: Row) -> dict[str, Any]:
    """The twelve fields, as somebody would write them who knows what the columns hold."""
    street, country, credit = row["street"], row["country"], row["credit"]
    return {
        "id": row["id"],
        "number": row["number"].lstrip("0"),
        "name": row["name"].strip(" "),
        "address": None if street is None else street.strip(" ") + ", " + row["city"].strip(" "),
        "country": None if country is None else country.upper(),
        "credit": amount(credit),
        "free_credit": amount(credit - row["used"]),
        "terms": int(row["terms"]),
        "since": day(row["since"]),
        "class": "A" if credit >= 50_000 else "B" if credit >= 5_000 else "C",
        "active": row["blocked"] != "X",
        "changed": row["changed"].isoformat(timespec="microseconds"),
    }


def amount(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def day(text: str) -> str | None:
    return None if text == "00000000" else date.fromisoformat(text).isoformat()


def limit(transaction: Transaction, into: Translation) -> None:
    rows: list[Any] = into.events
    for change in transaction.changes:
        row = change.after
        if row is not None:
            rows.append(
                {
                    "id": row["id"],
                    "number": row["number"],
                    "name": row["name"],
                    "street": row["street"],
                    "city": row["city"],
                    "country": row["country"],
                    "credit": row["credit"],
                    "used": row["used"],
                    "terms": row["terms"],
                    "since": row["since"],
                    "blocked": row["blocked"],
                    "changed": row["changed"],
                }
            )


if __name__ == "__main__":
    main()
