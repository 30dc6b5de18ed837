"""The experiment: load, kills in random order, rest, proof. Whatever fails is told with the seed and the end of the worker's log."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from strangler import assembly
from strangler.control import backfills
from tests.chaos import proof
from tests.chaos.clerks import Clerks
from tests.chaos.landscapes import FUNCTION, Landscape
from tests.chaos.victims import Victim, Worker

TOLD: Final = 4000
"""Characters of the worker's log that a failure shows."""


@dataclass
class Outcome:
    """What was seen. `figures` count what the clerks did, `recoveries` are seconds from a kill until what was committed after
    everything was up again had come to the store, by victim."""

    kills: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    recoveries: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    figures: dict[str, int] = field(default_factory=dict)
    converged: float = 0.0

    def __str__(self) -> str:
        kills = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        waits = "; ".join(
            f"{name} {statistics.median(seconds):.1f}, at most {max(seconds):.1f}"
            for name, seconds in sorted(self.recoveries.items())
        )
        figures = ", ".join(f"{name} {count:,}" for name, count in self.figures.items())
        return f"killed: {kills}\nseconds to recover: {waits}; in the end {self.converged:.1f}\n{figures}"


def run(
    landscape: Landscape, kills: int, seed: int, *, rows: int, deadline: float | None = None,
    tell: Callable[[str], Any] = lambda line: None,
) -> Outcome:  # fmt: skip
    """The whole of it. `rows` are there before the first kill; after `deadline` (of the monotonic clock) no more are killed.

    Raises AssertionError when anything was lost or doubled, or needs a hand.
    """
    dice, outcome = Random(seed), Outcome()
    worker = Worker(landscape.configuration, landscape.home / "worker.log")
    victims = [Victim("worker", worker), *(Victim(name, each) for name, each in landscape.mortals.items())]
    with _explained(seed, worker):
        clerks = Clerks(landscape.url, landscape.kind, rows, seed)
        advanced = proof.strangler(landscape, "advance", FUNCTION, "--to", "syncing")
        assert advanced.returncode == 0, f"{advanced.stdout}{advanced.stderr}"
        try:
            worker.start()
            with clerks:
                for number in range(kills):
                    if deadline is not None and time.monotonic() > deadline:
                        break
                    _one_kill(landscape, victims, clerks, dice, number, outcome, tell)
                for victim in victims:
                    victim.until_up()
            _prove(landscape, clerks, outcome)
        finally:
            worker.stop()
    return outcome


def _one_kill(
    landscape: Landscape, victims: list[Victim], clerks: Clerks, dice: Random, number: int, outcome: Outcome,
    tell: Callable[[str], Any],
) -> None:  # fmt: skip
    """Kill one victim at a random moment; now and then wait until the store has recovered."""
    if number % 5 == 4:
        with closing(assembly.control(landscape.settings)) as control:
            backfills.request(control, FUNCTION, "partner")
    victim, moment, dead_for = dice.choice(victims), dice.uniform(0.0, 1.5), dice.uniform(0.0, 1.0)
    patient = dice.random() < 0.6
    victim.until_up()
    time.sleep(moment)  # The random moment; nothing is waited for.
    victim.kill(dead_for)
    killed = time.monotonic()
    outcome.kills[victim.name] += 1
    tell(f"{number + 1}: killed {victim.name}")
    if patient:
        for each in victims:
            each.until_up()
        _until_store_has(landscape, clerks.entries())
        took = time.monotonic() - killed
        outcome.recoveries[victim.name].append(took)
        tell(f"   recovered after {took:.1f} s")


def _until_store_has(landscape: Landscape, entries: dict[int, int]) -> None:
    def reached() -> bool:
        found = dict(proof.rows(landscape.settings, "clerk", "id", "entries"))
        return all(found.get(clerk, -1) > number for clerk, number in entries.items())

    proof.until(reached, f"the store goes on, behind {entries}")


def _prove(landscape: Landscape, clerks: Clerks, outcome: Outcome) -> None:
    began = time.monotonic()
    proof.converged(landscape.settings, FUNCTION)
    outcome.converged = time.monotonic() - began
    proof.reconciled(landscape)
    proof.store_is(landscape.settings, clerks.partners(), clerks.entries())
    events = proof.sound_log(landscape.settings, FUNCTION).total()
    outcome.figures = {**clerks.figures(), "events": events}


@contextmanager
def _explained(seed: int, worker: Worker) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        said = worker.log.read_text(errors="replace")[-TOLD:] if worker.log.exists() else ""
        raise AssertionError(f"seed {seed}: {error}\nthe worker's last words:\n{said}") from error
