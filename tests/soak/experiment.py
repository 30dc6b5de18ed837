"""The experiment: load and weather for so long, then calm, and then nothing may be left over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from strangler.testing.facade import Facade, running
from tests.soak.asking import calm_read
from tests.soak.books import Books
from tests.soak.callers import Caller
from tests.soak.faults import Fault
from tests.soak.landscape import BUDGET, SILENCE, configuration, settle, shift
from tests.soak.line import Line
from tests.soak.upstream import Upstream
from tests.soak.watch import MEGABYTE, Memory, compared, gauges, grown, growth, memory, sockets, trouble
from tests.soak.weather import Weather, forecast

CALLERS: Final = 30

PATIENCE: Final = 20.0
"""Seconds within which all is well again when the weather is."""

SETTLES: Final = 4.5
"""Seconds after which connections that nobody uses are closed."""

Tell = Callable[[str], Any]


@dataclass
class Outcome:
    """What was seen. Memory in bytes, `idle` and `left` are sockets before and after."""

    seconds: float
    books: Books
    memory: list[Memory]
    idle: tuple[int, int]
    left: tuple[int, int]

    def __str__(self) -> str:
        figures = self.books.figures
        told = ", ".join(f"{count:,} {name}" for name, count in sorted(figures.items()))
        faults = ", ".join(f"{count:,} {name}" for name, count in sorted(self.books.faults.items()))
        return f"{told}\nupstream: {faults}"

    @property
    def summary(self) -> str:
        """What it says, in a line."""
        figures, faults = self.books.figures, self.books.faults.total() - self.books.faults[Fault.NONE]
        began = self.memory[len(self.memory) // 4].all / MEGABYTE
        return (
            f"{self.seconds / 60:.1f} minutes, {figures['calls']:,} calls, {figures['writes']:,} of them writes, {faults:,} spoilt "
            f"upstream: each answered in its budget, none mixed up, no write twice; memory {began:.1f} MB, then "
            f"{grown(self.memory)}; sockets {self.idle[0]} before and {self.left[0]} after"
        )


def run(
    home: Path,
    *,
    seconds: float,
    rate: float,
    seed: int,
    most: float = 4 * MEGABYTE,
    tell: Tell = lambda line: None,
) -> Outcome:
    """The whole of it. `rate` in calls a second; `most` is by how many bytes memory may grow. Raises AssertionError."""
    books = Books()
    legacy, new = Upstream("legacy", seed, books), Upstream("new", seed, books)
    settle(home)
    with running(configuration(legacy.url, new.url), home, ready=False) as facade:
        try:
            soak = Soak(facade, home, {"legacy": legacy, "new": new}, books, seed, tell)
            outcome = asyncio.run(soak.run(seconds, rate))
            check(outcome, facade, most)
        except AssertionError as error:
            raise AssertionError(
                f"seed {seed}: {error}\n{books.figures}\nthe facade's last words:\n{facade.last_words()}"
            ) from error
    return outcome


class Soak:
    """One run."""

    def __init__(
        self, facade: Facade, home: Path, sides: dict[str, Upstream], books: Books, seed: int, tell: Tell
    ) -> None:
        self._facade, self._home, self._sides, self._books, self._seed, self._tell = (
            facade,
            home,
            sides,
            books,
            seed,
            tell,
        )
        self._rough_until, self._bad = 0.0, set[str]()
        self._memory: list[Memory] = []

    async def run(self, seconds: float, rate: float) -> Outcome:
        for side in self._sides.values():
            await side.open()
        await self._until(lambda: self._facade.page("/readyz")[0] == 200, "it is ready")
        await self._warm()
        # The process that compares is there, and has begun its work.
        await self._until(lambda: compared(self._facade) > 0, "answers are compared")
        await self._until(self._rests, "it comes to rest before it begins")
        idle = await self._least(SETTLES)
        async with self._weather(), self._beside(self._shift()), self._beside(self._remember()):
            await self._load(seconds, rate)
        await self._until(self._well, "all is well again")
        await self._until(self._rests, "nothing is left over")
        await self._until(
            lambda: sockets(self._facade) <= idle[0], f"no more than {idle[0]} sockets are open"
        )
        left = await self._least(1.0)
        for side in self._sides.values():
            side.close()
        return Outcome(seconds, self._books, self._memory, idle, left)

    async def _warm(self) -> None:
        """Every function is asked by callers enough that each way of answering was gone: what is made only once is there then."""
        for number in range(40):
            line = await Line.open(self._facade.address)
            for function in ("sale", "stock", "party"):
                asked = calm_read(function, number)
                await line.send(asked.head() + asked.said())
                heard = await line.answer(asked.method, asyncio.get_running_loop().time() + BUDGET)
                assert heard.whole, f"{function} isn't answered when all is well"
            line.close()

    async def _load(self, seconds: float, rate: float) -> None:
        over = asyncio.Event()
        callers = [self._caller(number) for number in range(CALLERS)]
        tasks = [asyncio.create_task(caller.work(CALLERS / rate, over)) for caller in callers]
        await asyncio.sleep(seconds)
        over.set()
        await asyncio.gather(*tasks)

    def _caller(self, number: int) -> Caller:
        return Caller(
            number, self._seed, self._facade.address, self._books, self._rough, budget=BUDGET, silence=SILENCE
        )

    def _rough(self, since: float) -> bool:
        return bool(self._bad) or self._rough_until >= since

    @asynccontextmanager
    async def _weather(self) -> AsyncIterator[None]:
        """Each side has its own, as long as this lasts; then it is calm."""
        async with self._beside(self._sky("legacy")), self._beside(self._sky("new")):
            yield
        for side in self._sides.values():
            await side.change(Weather.CALM)

    async def _sky(self, side: str) -> None:
        for weather, seconds in forecast(self._seed, side):
            self._tell(f"{side}: {weather}")
            self._books.figures[f"spells in which {weather}"] += 1
            if weather is not Weather.CALM:
                self._bad.add(side)
            await self._sides[side].change(weather)
            if (
                weather is Weather.CALM and side in self._bad
            ):  # it lasted until now, however long it was to last
                self._bad.discard(side)
                self._rough_until = asyncio.get_running_loop().time()
            await asyncio.sleep(seconds)

    async def _shift(self) -> None:
        dice = Random(f"{self._seed} weights")
        while True:
            await asyncio.sleep(dice.uniform(1.0, 4.0))
            await asyncio.to_thread(shift, self._home, dice)

    async def _remember(self) -> None:
        while True:
            self._memory.append(memory(self._facade))
            await asyncio.sleep(0.25)

    @asynccontextmanager
    async def _beside(self, work: Any) -> AsyncIterator[None]:
        task = asyncio.create_task(work)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    def _well(self) -> bool:
        """Every function is answered by the side that it should be, with breakers closed again."""
        paths = ["/sales/1", "/stocks/1", "/orders/1", "/books/1", "/elsewhere/1"]
        return [self._facade.page(path)[0] for path in paths] == [200] * len(paths)

    def _rests(self) -> bool:
        """Nothing is under way, but for this question itself."""
        seen = gauges(self._facade)
        seen["caller_connections"] -= 1
        del seen["tasks"]
        return not any(seen.values())

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not await asyncio.to_thread(condition):
            late = asyncio.get_running_loop().time() > deadline
            assert not late, (
                f"it never came true that {what}: {await asyncio.to_thread(gauges, self._facade)}"
            )
            await asyncio.sleep(0.1)

    async def _least(self, seconds: float) -> tuple[int, int]:
        """Fewest sockets and tasks of the facade in a while: it looks after its upstreams now and then."""
        seen = []
        for _ in range(round(10 * seconds)):
            tasks = int((await asyncio.to_thread(gauges, self._facade))["tasks"])
            seen.append((sockets(self._facade), tasks))
            await asyncio.sleep(0.1)
        return min(sockets for sockets, _ in seen), min(tasks for _, tasks in seen)


def check(outcome: Outcome, facade: Facade, most: float) -> None:
    """Raises AssertionError."""
    outcome.books.check()
    lines = list(trouble(facade.log))
    assert not lines, f"the facade's log has {len(lines)} errors, the first:\n{''.join(lines[:5])}"
    before, after = outcome.idle, outcome.left
    assert after[0] <= before[0], f"{before[0]} sockets were open before, and {after[0]} are"
    # The one that keeps the standings waits by a task of its own, most of the time.
    assert after[1] <= before[1] + 1, f"{before[1]} tasks were there before, and {after[1]} are"
    held = [sample.all for sample in outcome.memory]
    assert growth(held) <= most, (
        f"memory grew, {grown(outcome.memory)}: {[each // MEGABYTE for each in held[::20]]}"
    )
