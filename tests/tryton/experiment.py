"""The experiment: edits, kills at random moments, rest, proof. Whatever fails is told with the seed and the end of the worker's log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from examples.tryton.whole.edits import Editor, Tally
from strangler import assembly
from strangler.control import quarantine as quarantined
from tests.chaos import proof
from tests.chaos.victims import Worker
from tests.tryton import aggregates
from tests.tryton.scene import FUNCTIONS, Scene

TOLD: Final = 4000
DEAD_FOR: Final = 6
"""Calls that are made at most while the worker is dead."""


@dataclass(frozen=True)
class Size:
    """How much there is in the beginning, how many edits follow, and how often the worker is killed meanwhile."""

    parties: int
    templates: int
    sales: int
    edits: int
    kills: int


@dataclass(frozen=True)
class Outcome:
    """`events` are those of the log by name, `compared` the rows of each table that were held to Tryton's API."""

    tally: Tally
    kills: int
    events: Counter[str]
    compared: dict[str, int]


def run(scene: Scene, size: Size, seed: int, tell: Callable[[str], Any] = lambda line: None) -> Outcome:
    """The whole of it. Raises AssertionError when anything was lost or doubled, or differs."""
    dice, worker = Random(seed), scene.worker()
    editor = Editor(scene.session(), seed)
    editor.seed(size.parties, size.templates, size.sales)
    for function in FUNCTIONS:
        scene.strangler("advance", function, "--to", "syncing")
    with _explained(seed, worker):
        worker.start()
        try:
            _converge(scene)
            kills = _edit(scene, editor, worker, size, dice, tell)
            events = _settle(scene)
        finally:
            worker.stop()
        return Outcome(editor.tally, kills, events, aggregates.compare(scene, size.parties, seed))


def _edit(
    scene: Scene, editor: Editor, worker: Worker, size: Size, dice: Random, tell: Callable[[str], Any]
) -> int:
    """Make the edits; where one of the kills falls, go on for a while without the worker, which then finds a backfill to do."""
    moments = sorted(dice.randrange(size.edits) for _ in range(size.kills))
    for moment in moments:
        editor.edit(max(0, moment - editor.tally.edits))
        worker.kill()
        tell(f"{editor.tally.edits:,} edits: killed the worker")
        scene.strangler("backfill", dice.choice(FUNCTIONS), "--again", "--no-watch")
        for _ in range(dice.randrange(1, DEAD_FOR)):
            editor.step()
        worker.start()
    editor.edit(max(0, size.edits - editor.tally.edits))
    return len(moments)


def _converge(scene: Scene) -> None:
    """Wait until the stores are filled and have what was committed before this call."""
    for function in FUNCTIONS:
        proof.converged(scene.settings, function)


def _settle(scene: Scene) -> Counter[str]:
    """Nobody edits any more: the stores are filled, both sides alike, the logs sound, nothing waits. Gives the events by name."""
    _converge(scene)
    for function in FUNCTIONS:
        scene.strangler("reconcile", "run", function)
    with closing(assembly.control(scene.settings)) as control:
        assert not (waiting := quarantined.counts(control)), f"something is in quarantine: {waiting}"
    return sum((proof.sound_log(scene.settings, function) for function in FUNCTIONS), Counter())


@contextmanager
def _explained(seed: int, worker: Worker) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        said = worker.log.read_text(errors="replace")[-TOLD:] if worker.log.exists() else ""
        raise AssertionError(f"seed {seed}: {error}\nthe worker's last words:\n{said}") from error
