"""Proof: what must hold once everything has come to rest. Each check raises AssertionError in words."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from strangler import assembly
from strangler.changes import ORIGIN, Position
from strangler.control import backfills, deliveries
from strangler.control import quarantine as quarantined
from strangler.errors import StoreError, Unavailable
from strangler.ports import Offset
from strangler.settings import Settings
from tests.chaos.database import PARTNER
from tests.chaos.entries import Partner
from tests.chaos.landscapes import FUNCTION, STORE, Landscape
from tests.chaos.victims import STRANGLER

PATIENCE: Final = 150.0
"""Seconds within which everything converges once nothing is killed any more."""

SHOWN: Final = 5
"""Most differences that are told."""


def converged(settings: Settings, function: str) -> None:
    """Wait until the function's store has everything that was committed in the legacy database before this call, and is filled."""
    target: Position = ORIGIN
    with closing(assembly.control(settings)) as control:

        def reached() -> bool:
            nonlocal target
            target = target or _safe_position(settings, settings.functions[function].source)
            delivered = deliveries.get(control, function)
            done = not backfills.unfinished(control, function)
            return done and target != ORIGIN and delivered is not None and delivered.position >= target

        until(reached, "the store has caught up")


def reconciled(landscape: Landscape) -> None:
    """`strangler reconcile` finds both sides alike, and nothing waits, which it wouldn't call a difference."""
    with closing(assembly.control(landscape.settings)) as control:
        assert not (waiting := quarantined.counts(control)), f"something is in quarantine: {waiting}"
    answer = strangler(landscape, "reconcile", "run", FUNCTION)
    assert answer.returncode == 0, f"{answer.stdout}\n{answer.stderr}"


def sound_log(settings: Settings, function: str) -> Counter[str]:
    """No event is twice in the log, positions grow for each key. Returns how many events there are, by name."""
    seen: set[str] = set()
    names: Counter[str] = Counter()
    last: dict[tuple[str, str], Position] = {}
    with closing(assembly.log(settings)) as log:
        for partition in range(log.partitions(function)):
            start = Offset(0)
            while records := log.read(function, partition, start, 5000):
                for event in (record.event for record in records):
                    assert event.id not in seen, f"twice in the log: {event.id}"
                    key = (event.entity, event.key)
                    assert event.position > last.get(key, ORIGIN), (
                        f"behind {last[key]} in the log: {event.id}"
                    )
                    seen.add(event.id)
                    names[event.type] += 1
                    last[key] = event.position
                start = records[-1].next
    assert seen, "nothing went through the log, so nothing was proved"
    return names


def store_is(settings: Settings, partners: Mapping[int, Partner], entries: Mapping[int, int]) -> None:
    """The store has each committed row with its last value, and no other."""
    wanted = {key: row._replace(name=row.name.strip(" ")) for key, row in partners.items()}
    found = {key: _partner(row) for key, *row in rows(settings, "partner", *PARTNER)}
    wrong = [key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)]
    told = "".join(
        f"\n{key}: {_short(wanted.get(key))} became {_short(found.get(key))}" for key in sorted(wrong)[:SHOWN]
    )
    assert not wrong, f"{len(wrong)} rows of the store aren't what was committed:{told}"
    assert dict(rows(settings, "clerk", "id", "entries")) == entries


def rows(settings: Settings, table: str, *columns: str) -> list[Any]:
    """Rows of the store, as its driver gives them."""
    with closing(assembly.store(settings, STORE)) as store, closing(store.reader()) as side:
        return list(side.rows(f"SELECT {', '.join(columns)} FROM {table}"))


def strangler(landscape: Landscape, *words: str) -> subprocess.CompletedProcess[str]:
    """What the command line says."""
    return subprocess.run(
        [STRANGLER, "-c", landscape.configuration, *words], capture_output=True, text=True, check=False
    )


def until(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait until it is so; that a server or a table isn't there meanwhile is no failure."""
    deadline = time.monotonic() + patience
    why = ""
    while True:
        try:
            if condition():
                return
        except (
            Unavailable,
            StoreError,
        ) as error:  # The store's tables are made by the worker, which may be dead.
            why = f" ({error.what}: {error.why})"
        assert time.monotonic() < deadline, f"it never came true that {what}{why}"
        time.sleep(0.05)


def _safe_position(settings: Settings, name: str) -> Position:
    with closing(assembly.source(settings, name)) as source:
        return source.safe_position(30.0)


def _partner(values: list[Any]) -> Partner:
    """SQLite gives dates as text, and booleans as numbers."""
    name, amount, active, since, changed, note = values
    since = date.fromisoformat(since) if isinstance(since, str) else since
    changed = datetime.fromisoformat(changed) if isinstance(changed, str) else changed
    return Partner(name, Decimal(str(amount)), bool(active), since, changed, note)


def _short(row: Partner | None) -> str:
    return "nothing" if row is None else str(row._replace(note=(row.note or "")[:20]))
