"""Kill -9 before and after every step of a switch, a rollback and a retirement, on the real PostgreSQL and MariaDB, while callers write
through a facade and a batch job past it, each with a number drawn from the counter of the side that writes. Whoever owns the function has
every write that was acknowledged, and none else, and no number was drawn twice; route, owner and the fence in the legacy database never
contradict one another. What was left half done is ended by the worker, with no hand.
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from strangler import assembly
from strangler.control import backfills, facades, standings
from strangler.control.store import Control
from strangler.cutover import journal
from strangler.cutover.journal import Intent, Step
from strangler.cutover.outside import outside
from strangler.cutover.stages import EVERYONE, RULES, Side, Stage
from strangler.cutover.switch import Switch
from strangler.cutover.ways import WAYS, Way
from strangler.settings import Settings
from tests.fencing.legacies import Legacy, made
from tests.sync.landscape import until, working

REPOSITORY = Path(__file__).parents[2]
FROM = {
    Way.TO_NEW: (Stage.CANARY, Stage.LIVE),
    Way.TO_LEGACY: (Stage.LIVE, Stage.SYNCING),
    Way.RETIRE: (Stage.LIVE, Stage.RETIRED),
}


NUMBERS = {"legacy": "party_number", "new": "party_number", "gap": 10}
DRAWN = {"postgres": "SELECT nextval('party_number')", "mysql": "SELECT NEXTVAL(party_number)"}


@dataclass
class Estate:
    """A function between its two databases, with a worker, a facade and a batch job. `told`: the ids whose writer was told that
    they are written."""

    legacy: Legacy
    settings: Settings
    control: Control
    told: set[int] = field(default_factory=set)

    def store(self, *statements: str) -> list[tuple[object, ...]]:
        """Run the statements in one transaction of the new service; the rows of the last."""
        with closing(sqlite3.connect(self.legacy.home / "new.db", timeout=30)) as connection:
            rows = [list(connection.execute(each)) for each in statements][-1]
            connection.commit()
            return rows

    def prepare(self) -> None:
        """Both sides' counters, legacy's behind the two rows that are there."""
        self.legacy.run("CREATE SEQUENCE party_number START WITH 3")
        self.store("CREATE TABLE party_number (id INTEGER PRIMARY KEY AUTOINCREMENT)")

    def through_the_facade(self) -> None:
        """One caller's write, as the facade knows the standings, which it then acknowledges."""
        known = standings.snapshot(self.control)
        standing = known.of("party")
        if not standing.fenced:
            self._write_to(standing.owner)
        at = time.time()
        facades.seen(self.control, "f", generation=known.generation, address="f", at=at)

    def _write_to(self, owner: Side) -> None:
        if owner is Side.LEGACY:
            self._write_to_legacy("caller")
            return
        number = self.store("INSERT INTO party_number DEFAULT VALUES RETURNING id")[0][0]
        self.store(f"INSERT INTO party (id, name, company) VALUES ({number}, 'caller', 1)")
        self._tell(number)

    def past_it(self) -> bool:
        """The batch job's write: whether legacy took it."""
        said = self._write_to_legacy("batch")
        assert not said or "Strangler" in said
        return not said

    def _write_to_legacy(self, who: str) -> str:
        """What legacy said against it; empty when it took the write."""
        number = self.legacy.run(DRAWN[self.legacy.kind])[0][0]
        said = self.legacy.refusal(f"INSERT INTO party VALUES ({number}, '{who}', 1)")
        if not said:
            self._tell(number)
        return said

    def _tell(self, number: Any) -> None:
        assert number not in self.told, "no number is given twice"
        self.told.add(number)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Both write on and on."""
        over, failed = threading.Event(), list[BaseException]()

        def write() -> None:
            try:
                while not over.wait(0.05):
                    self.through_the_facade()
                    self.past_it()
            except BaseException as error:  # noqa: BLE001  # shown to the test below
                failed.append(error)

        thread = threading.Thread(target=write)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        assert failed == []

    def stand(self, stage: Stage) -> None:
        """Bring the function to where a switch begins, from wherever the last one left it."""
        now = standings.of(self.control, "party")
        if now.stage is Stage.RETIRED:
            now = standings.amend(self.control, "party", at=time.time(), stage=Stage.LIVE)
            with closing(outside(self.settings, self.control, "party", EVERYONE)) as world:
                assert world.open_return is not None
                world.open_return()  # A retirement has closed it.
        if RULES[stage].owner is not now.owner:
            wanted = Stage.LIVE if stage is Stage.LIVE else Stage.SYNCING
            with self.writing():
                self.switch(wanted)
        if stage is not Stage.LIVE:
            standings.amend(self.control, "party", at=time.time(), stage=stage)

    def switch(self, stage: Stage) -> None:
        intent = Intent("party", EVERYONE, stage, 0, "eva@host", "", [])
        reached = outside(self.settings, self.control, "party", EVERYONE)
        Switch(self.control, reached, 30.0).run(intent, standings.of(self.control, "party"))

    def die(self, stage: Stage, step: Step, moment: str) -> None:
        """A switch in a process of its own that is killed there."""
        file = str(self.legacy.home / "strangler.yaml")
        command = [sys.executable, "-m", "tests.cutover.killed", file, stage, step, moment]
        ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
        assert ended.returncode == -signal.SIGKILL, ended.stderr

    def owned(self) -> set[object]:
        """The ids that the owner has, once what is on its way has arrived."""
        if standings.of(self.control, "party").owner is Side.LEGACY:
            return self.in_legacy()
        return {row[0] for row in self.store("SELECT id FROM party")}

    def in_legacy(self) -> set[object]:
        return {row[0] for row in self.legacy.run("SELECT id FROM party")}


@pytest.fixture(params=["postgres", "mysql"], scope="module")
def estate(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    home, kind = tmp_path_factory.mktemp(request.param), request.param
    server = request.getfixturevalue({"postgres": "postgres", "mysql": "mariadb"}[kind])
    name = f"failpoints_{time.time_ns()}"
    legacy = made(kind, server.create_database(name), home)
    by_trigger = {"by": "trigger"}
    settings = legacy.settings(fence=by_trigger, retire=by_trigger, numbers=[NUMBERS], **{"return": {}})
    with assembly.control(settings) as control:
        standings.amend(control, "party", at=time.time(), stage=Stage.SYNCING)
        with working(settings, control):
            until(lambda: _filled(control), "the backfill is finished")
            estate = Estate(legacy, settings, control, told={1, 2})
            estate.prepare()
            yield estate
    with closing(assembly.source(settings, "erp")) as source:
        source.drop()
    server.drop_database(name)


def _filled(control: Control) -> bool:
    record = backfills.get(control, "party", "party")
    return record is not None and record.finished_at is not None


def _check(estate: Estate, way: Way, step: Step, moment: str) -> None:
    before, after = FROM[way]
    estate.stand(before)
    with estate.writing():
        estate.die(after, step, moment)
        found = standings.of(estate.control, "party")
        assert found.owner is RULES[found.stage].owner  # Invariant 4
        until(lambda: not journal.unfinished(estate.control), "the worker ends what was left half done", 90)
    now = standings.of(estate.control, "party")
    steps = [action.step for action in WAYS[way]]
    place = steps.index(step) + (moment == "after")
    assert now.stage is (after if place > steps.index(Step.DECIDED) else before)  # Invariant 6
    assert now.owner is RULES[now.stage].owner
    assert not now.fenced
    assert estate.past_it() == (now.owner is Side.LEGACY), "legacy takes writes exactly while it owns them"
    assert estate.owned() == estate.told, "every write that was acknowledged, and no other"
    if now.stage is Stage.LIVE:
        until(lambda: estate.in_legacy() == estate.told, "what new wrote has come back to legacy")


def _places(way: Way) -> list[tuple[Way, Step, str]]:
    return [
        (way, action.step, moment)
        for action in WAYS[way]
        if way is Way.TO_LEGACY or action.step is not Step.LEGACY_LIFTED  # The fence is kept.
        for moment in ("before", "after")
    ]


SHORT = {
    "postgres": (Way.TO_NEW, Step.LEGACY_FENCED, "after"),
    "mysql": (Way.TO_NEW, Step.DECIDED, "after"),
}
"""Where the two databases would contradict each other first, once to be undone and once to be finished."""


@pytest.mark.slow
def test_invariants_4_5_6_killed_where_it_hurts_most(estate: Estate) -> None:
    _check(estate, *SHORT[estate.legacy.kind])


@pytest.mark.nightly
@pytest.mark.parametrize(("way", "step", "moment"), [place for way in Way for place in _places(way)])
def test_invariants_4_5_6_killed_before_and_after_every_step(
    estate: Estate, way: Way, step: Step, moment: str
) -> None:
    _check(estate, way, step, moment)
