"""The experiment: what fails when, while all write; and what must hold meanwhile and at the end."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml

from strangler.control.store import Control
from strangler.facade.standing import BEAT, LEASE
from strangler.testing.facade import Facade, running
from strangler.testing.postgres import Server
from tests.owners.conductor import Conducting
from tests.owners.landscape import configuration
from tests.owners.proof import check, turns
from tests.owners.side import Side
from tests.owners.wire import Wire
from tests.owners.writers import Told, Writer

WRITERS: Final = 4
"""Callers of each facade."""

PATIENCE: Final = 30.0
"""Seconds within which writes go on when all is well again, and a switch succeeds."""

SLACK: Final = 1.5
"""Seconds by which a facade may be late in what it does at a moment: it looks around every second, on a machine with much to do."""

Tell = Callable[[str], Any]


@dataclass
class Outcome:
    """What was seen."""

    switches: int
    troubles: Counter[str]
    told: list[Told]
    seconds: float
    lost: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        done = Counter(each.side for each in self.told if each.status == 200)
        refused = Counter(each.detail for each in self.told if each.status == 503)
        troubles = ", ".join(f"{count} × {what}" for what, count in self.troubles.items())
        return (
            f"{self.seconds / 60:.1f} minutes, {self.switches} changes of the owner, {done['legacy']:,} writes to legacy and "
            f"{done['new']:,} to new, each carried out by its owner and by nobody else; {refused.total():,} refused meanwhile; {troubles}"
        )


def run(
    home: Path, server: Server, *, seed: int, minutes: float | None = None, tell: Tell = lambda line: None
) -> Outcome:
    """The whole of it, once through everything, or for so long. Raises AssertionError."""
    return asyncio.run(_run(home, server, seed, minutes, tell))


async def _run(home: Path, server: Server, seed: int, minutes: float | None, tell: Tell) -> Outcome:
    url = server.create_database("control")
    legacy, new, wire = Side("legacy", seed), Side("new", seed), Wire(url)
    for each in (legacy, new, wire):
        await each.open()
    direct = configuration(url, legacy.url, new.url)
    file = home / "conductor.yaml"
    file.write_text(yaml.safe_dump(direct))
    Control.open(url).close()
    began = time.monotonic()
    with (
        running(direct, home, "--workers", "2", ready=False) as a,
        running(configuration(wire.url, legacy.url, new.url), home, ready=False) as b,
    ):
        trial = Trial(server, wire, {"a": a, "b": b}, Conducting(file), seed, tell)
        try:
            await trial.run(minutes)
            with closing(Control.open(url)) as control:
                check(
                    turns(control, trial.conductor.told), {"legacy": legacy.done, "new": new.done}, trial.told
                )
        except AssertionError as error:
            said = "\n".join(json.dumps(each) for each in trial.conductor.told[-20:])
            raise AssertionError(f"seed {seed}: {error}\nthe conductor said last:\n{said}") from error
        finally:
            await trial.conductor.close()
            for each in (legacy, new, wire):
                each.close()
    return Outcome(trial.switches, trial.troubles, trial.told, time.monotonic() - began)


class Trial:
    """What happens, one thing after the other, while the writers write."""

    def __init__(
        self,
        server: Server,
        wire: Wire,
        facades: dict[str, Facade],
        conductor: Conducting,
        seed: int,
        tell: Tell,
    ) -> None:
        self._server, self._wire, self._facades, self.conductor = server, wire, facades, conductor
        self._seed, self._dice, self._tell = seed, Random(seed), tell
        self.told: list[Told] = []
        self.troubles: Counter[str] = Counter()
        self.switches = 0

    async def run(self, minutes: float | None) -> None:
        for facade in self._facades.values():
            await _until(lambda facade=facade: facade.page("/readyz")[0] == 200, "it is ready")  # type: ignore[misc]
        async with self._writing():
            await self._written("at the beginning")
            await self._switched()
            if minutes is None:
                for work in (self._calm, self._store_killed_in_a_switch, self._one_is_lost):
                    await work()
            else:
                await self._at_random(time.monotonic() + 60 * minutes)
            await self._switched()
            await self._written("at the end")

    async def _at_random(self, until: float) -> None:
        works: list[Callable[[], Awaitable[None]]] = [
            self._calm, self._store_killed_in_a_switch, self._store_stopped, self._one_is_lost, self._one_hears_nothing, self._all_are_lost,
        ]  # fmt: skip
        while time.monotonic() < until:
            for work in self._dice.sample(works, len(works)):
                await work()

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[None]:
        over = asyncio.Event()
        tasks = [
            asyncio.create_task(Writer(f"{of}{number}", of, facade, self._seed, self.told).work(over))
            for of, facade in self._facades.items()
            for number in range(WRITERS)
        ]
        try:
            yield
        finally:
            over.set()
            await asyncio.wait(tasks)
        for task in tasks:
            task.result()

    # What happens

    async def _calm(self) -> None:
        """Nothing fails."""
        for _ in range(2):
            await self._switched()

    async def _store_killed_in_a_switch(self) -> None:
        """The control store is killed at some moment of a switch, and comes back; whoever comes then ends the switch."""
        await self.conductor.ready()
        before, step = (
            len(self.conductor.told),
            self._dice.choice(["fenced", "acknowledged", "checked", "switched", "finished"]),
        )
        switch = asyncio.create_task(self.conductor.switch())
        async with asyncio.timeout(PATIENCE):
            await self.conductor.step(step, before)
        await asyncio.sleep(self._dice.uniform(0.0, 0.1))
        self._happens(f"control store killed in the step {step}")
        await asyncio.to_thread(self._server.kill)
        await asyncio.sleep(self._dice.uniform(0.5, 2.0))
        await asyncio.to_thread(self._server.start)
        self.switches += bool(await switch)
        await self._switched()
        await self._written("when the control store is back")

    async def _store_stopped(self) -> None:
        """The control store is stopped for a while, shorter than the lease: who knew the owner goes on."""
        await self._written("when the last change of the owner is known to all")
        self._happens("control store stopped")
        await asyncio.to_thread(self._server.stop)
        await self._written("while the control store is away, within the lease")
        await asyncio.sleep(self._dice.uniform(0.0, LEASE / 2))
        await asyncio.to_thread(self._server.start)
        await self._written("when the control store is back")

    async def _all_are_lost(self) -> None:
        """The control store is stopped for longer than the lease: nobody writes; then everybody does."""
        await self._written("when the last change of the owner is known to all")
        self._happens("control store stopped for longer than the lease")
        away = time.time()
        await asyncio.to_thread(self._server.stop)
        for name in self._facades:
            await self._refuses(name, away)
        await asyncio.to_thread(self._server.start)
        await self._written("when the control store is back")

    async def _one_is_lost(self) -> None:
        """One facade is cut off, and the owner changes without it."""
        await self._lost("wire cut", self._wire.cut)

    async def _one_hears_nothing(self) -> None:
        """The same, and its connections seem to be there."""
        await self._lost("wire dead", self._wire.deaden)

    async def _lost(self, what: str, do: Callable[[], None]) -> None:
        await self._written("when the last change of the owner is known to all")
        self._happens(what)
        away = time.time()
        do()
        switch = asyncio.create_task(self.conductor.switch())
        await self._refuses("b", away)
        owner = await asyncio.wait_for(switch, PATIENCE)
        assert owner, f"the owner didn't change without the lost facade: {self.conductor.told[-3:]}"
        self.switches += 1
        await self._written("by the other facade", "a")
        assert b'"warn"' in self._facades["b"].page("/readyz")[1], (
            "a facade that is lost says that all is well"
        )
        self._wire.mend()
        await self._written("by the facade that was lost", "b")

    # What must hold

    async def _switched(self) -> None:
        """The owner changes, at last."""
        deadline = time.monotonic() + PATIENCE
        while not await self.conductor.switch():
            assert time.monotonic() < deadline, f"the owner doesn't change: {self.conductor.told[-3:]}"
            await asyncio.sleep(0.1)
        self.switches += 1

    async def _written(self, when: str, *names: str) -> None:
        """Each facade lets a write through that begins after this."""
        since = time.time()

        def through() -> set[str]:
            return {each.facade for each in self.told if each.status == 200 and each.began > since}

        await _until(lambda: through() >= set(names or self._facades), f"writes go on {when}")

    async def _refuses(self, name: str, away: float) -> None:
        """A facade that lost the control store at `away` writes on until its lease is over, then it refuses, and says so."""
        await asyncio.sleep(away + LEASE + SLACK - time.time())
        lease_over = time.time()
        await asyncio.sleep(0.5)
        within = [
            e for e in self.told if e.facade == name and away + BEAT < e.began < away + LEASE - BEAT - SLACK
        ]
        through = [e for e in within if e.status == 200]
        assert len(through) > len(within) / 2, f"{name} didn't go on with what it knew: {within[-3:]}"
        after = [e for e in self.told if e.facade == name and e.began > lease_over]
        assert after, f"nobody has written through {name}"
        wrong = [each for each in after if each.status != 503 or "out of reach" not in each.detail]
        assert not wrong, f"{name} lets writes through after its lease: {wrong[-3:]}"
        status, page = await asyncio.to_thread(self._facades[name].page, "/readyz")
        said = json.loads(page)["output"]
        assert (status, "out of reach" in said) == (200, True), (
            f"{name} doesn't say what it lacks: {status} {said}"
        )

    def _happens(self, what: str) -> None:
        self.troubles[what] += 1
        self._tell(what)


async def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, f"it never came true that {what}"
        await asyncio.sleep(0.05)
