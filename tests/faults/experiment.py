"""The experiment: a table carried over, history, faults, one reconciliation, and what it said beside what was done."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Final

from strangler.events import decode_key
from strangler.reconcile.narrow import Difference
from strangler.reconcile.runs import Reconciliation
from tests.chaos.proof import converged
from tests.faults.kinds import DUPLICATE, KINDS, LOST_INSERT, LOST_UPDATE, RESURRECTED, Row
from tests.faults.landscape import FUNCTION, Landscape
from tests.faults.legacy import Legacy
from tests.faults.store import Store
from tests.faults.table import BLANK

MORE: Final = 1000
"""Keys beyond the seeded ones that may be listed, so that what is found too much is seen."""


@dataclass
class Outcome:
    """How many rows and faults there were, of each kind, and the seconds of each step."""

    rows: int
    faults: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        steps = ", ".join(f"{step} in {took:.1f} s" for step, took in self.seconds.items())
        return (
            f"{self.faults.total():,} faults of {len(self.faults)} kinds in {self.rows:,} rows: all found, each of the right kind,"
            f" none else; {steps}"
        )


def run(
    landscape: Landscape, rows: int, faults: int, seed: int, tell: Callable[[str], Any] = lambda line: None
) -> Outcome:
    """The whole of it. Raises AssertionError when a fault isn't found, is called otherwise, or something else is found."""
    outcome = Outcome(rows)

    @contextmanager
    def step(name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        outcome.seconds[name] = time.monotonic() - began
        tell(f"{name} in {outcome.seconds[name]:.1f} s")

    legacy, store = Legacy(landscape.legacy), Store(landscape.store)
    with step("filled"):
        legacy.create(rows)
    with landscape.synced(seed, partial(step, "carried over")):
        with step("went wrong"):
            seeded = _seed(landscape, legacy, store, draw(Random(seed), rows, faults), rows)
        with step("reconciled"):
            found = landscape.reconciled(len(seeded) + MORE)
        check(found, seeded)
    outcome.faults = Counter(seeded.values())
    return outcome


def draw(dice: Random, rows: int, faults: int) -> dict[str, list[int]]:
    """Kind → the keys that meet it, as many of each, all different. Those that are to be lost are new."""
    each, more = divmod(faults, len(KINDS))
    counts = {name: each + (number < more) for number, name in enumerate(KINDS)}
    blank = dice.sample(
        range(BLANK, rows + 1, BLANK), sum(counts[name] for name in KINDS if KINDS[name].blank)
    )
    others = [key for key in dice.sample(range(1, rows + 1), faults + len(blank)) if key not in set(blank)]
    drawn = {}
    for name, count in counts.items():
        if name == LOST_INSERT:
            drawn[name] = list(range(rows + 1, rows + 1 + count))
        else:
            pool = blank if KINDS[name].blank else others
            drawn[name] = [pool.pop() for _ in range(count)]
    return drawn


def _seed(
    landscape: Landscape, legacy: Legacy, store: Store, drawn: Mapping[str, list[int]], rows: int
) -> dict[int, str]:
    """Make history, then let the store go wrong. Returns what is to be found: key → kind."""
    older = store.rows([*drawn[LOST_UPDATE], *drawn[RESURRECTED]])
    legacy.insert(drawn[LOST_INSERT][0], drawn[LOST_INSERT][-1])
    legacy.rename(drawn[LOST_UPDATE])
    legacy.remove(drawn[RESURRECTED])
    converged(landscape.settings, FUNCTION)
    store.remove(drawn[LOST_INSERT])
    store.change({key: older[key] for key in drawn[LOST_UPDATE]})
    store.put([older[key] for key in drawn[RESURRECTED]])
    copies = _copied(store, drawn[DUPLICATE], 2 * rows)
    store.put(list(copies.values()))
    for name, fault in KINDS.items():
        if fault.change is not None:
            store.change({key: fault.change(row) for key, row in store.rows(drawn[name]).items()})
    seeded = {key: name for name, keys in drawn.items() if name != DUPLICATE for key in keys}
    return seeded | dict.fromkeys(copies, DUPLICATE)


def _copied(store: Store, keys: list[int], first: int) -> dict[int, Row]:
    """Rows under keys that legacy never had."""
    rows = store.rows(keys).values()
    return {first + number: row | {"id": first + number} for number, row in enumerate(rows)}


def check(found: Reconciliation, seeded: Mapping[int, str]) -> None:
    """All of them, each what it is, and nothing else."""
    assert found.outcomes, f"it couldn't be checked: {found.reason}"
    (outcome,) = found.outcomes
    differences = {decode_key(each.key)[0]: each for each in outcome.differences}
    missed, more = seeded.keys() - differences.keys(), differences.keys() - seeded.keys()
    assert not missed, f"{len(missed)} weren't found: {Counter(seeded[key] for key in missed)}"
    assert not more, f"{len(more)} too many: {[differences[key] for key in sorted(more)[:5]]}"
    assert outcome.drift == len(seeded), f"{outcome.drift} were counted"
    wrong = [
        f"{seeded[key]}: {said}"
        for key, each in differences.items()
        if (said := _misnamed(each, seeded[key]))
    ]
    assert not wrong, f"{len(wrong)} of another kind:\n" + "\n".join(wrong[:10])


def _misnamed(difference: Difference, name: str) -> str:
    """What is wrong in what was said of a key; nothing when it is right."""
    fault, explained = KINDS[name], difference.explanation
    if difference.kind is not fault.kind:
        return f"{difference.kind} {dict(difference.fields)}"
    if explained is None:
        return "not explained"
    if explained.pattern is not fault.pattern:
        return f"{explained.pattern} {dict(difference.fields)}"
    return "" if fault.cause in (None, explained.cause) else f"{explained.cause} ({explained.words})"
