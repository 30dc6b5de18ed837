"""Writers: callers who write without pause, each write once, and note what they are told."""

from __future__ import annotations

import asyncio
import json
import time
from itertools import count
from random import Random
from typing import Final, NamedTuple

from strangler.testing.facade import Facade
from tests.owners.landscape import BUDGET
from tests.soak.line import Line

PAUSE: Final = 0.03
"""Seconds between two writes of a caller, about."""

MARGIN: Final = 3.0


class Told(NamedTuple):
    """What a caller was told of a write; `status` 0: nothing. Times in seconds since the epoch."""

    id: str
    facade: str
    began: float
    ended: float
    status: int
    side: str
    detail: str


class Writer:
    """Writes through one facade; `told` in the order of the answers."""

    def __init__(self, name: str, of: str, facade: Facade, seed: int, told: list[Told]) -> None:
        self._name, self._of, self._facade, self._told = name, of, facade, told
        self._dice = Random(f"{seed} writer {name}")
        self._numbers = count(1)

    async def work(self, over: asyncio.Event) -> None:
        while not over.is_set():
            line = await Line.open(self._facade.address)
            # A new connection now and then, so that every worker has some.
            for _ in range(self._dice.randrange(1, 20)):
                if over.is_set() or line.over:
                    break
                await self._write(line)
                await asyncio.sleep(self._dice.expovariate(1 / PAUSE))
            line.close()

    async def _write(self, line: Line) -> None:
        id, began = f"{self._name}-{next(self._numbers)}", time.time()
        head = f"PUT /parties/{self._dice.randrange(100)} HTTP/1.1\r\nHost: erp\r\nX-Request-Id: {id}\r\nContent-Length: 2\r\n\r\n"
        await line.send(head.encode() + b"hi")
        heard = await line.answer("PUT", asyncio.get_running_loop().time() + BUDGET + MARGIN)
        status = heard.status if heard.whole else 0
        detail = json.loads(heard.body)["detail"] if status >= 400 else ""
        side = heard.headers.get("x-side", "")
        self._told.append(Told(id, self._of, began, time.time(), status, side, detail))
