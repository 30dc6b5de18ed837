"""Errand: what has to be awaited for an exchange, in a task of its own beside the path of callbacks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from strangler.facade.answers import Refusal

if TYPE_CHECKING:
    from strangler.facade.exchange import Exchange


class Errand:
    """Whatever comes of `work`, once it is started, the exchange has its answer: where it raises, the exchange refuses its call."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def work(self) -> None:
        """What is to be done. May raise Refusal."""
        raise NotImplementedError

    async def _run(self) -> None:
        try:
            await self.work()
        except Refusal as refusal:
            self._exchange.refuse(refusal)
        except Exception as error:  # noqa: BLE001  # the last line: a defect here must not look like the ERP's
            self._exchange.defect(error)

    # What the exchange says

    def piece(self, piece: bytes) -> bool:
        """More of the caller's body; False when nobody takes it yet."""
        return False

    def whole(self) -> None:
        """The caller's body is over."""

    def hold(self) -> None:
        """The caller takes no more at the moment. It gets nothing from here but a whole answer."""

    def go_on(self) -> None:
        """It does again."""

    def sweep(self, now: float) -> None:
        """The budget of the call is the only limit."""

    def give_up(self) -> None:
        """Nobody waits for it any more."""
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
