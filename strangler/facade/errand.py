"""Errand: what has to be awaited for an exchange, in a task of its own beside the path of callbacks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from strangler.facade.answers import Refusal

if TYPE_CHECKING:
    from strangler.facade.exchange import Exchange


class Errand:
    """Begins at once. Whatever comes of `work`, the exchange has its answer: where it raises, the exchange refuses its call."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def work(self) -> None:
        """What is to be done. May raise Refusal."""
        raise NotImplementedError

    def give_up(self) -> None:
        """Nobody waits for it any more."""
        if self._task is not asyncio.current_task():
            self._task.cancel()

    async def _run(self) -> None:
        exchange = self._exchange
        try:
            await self.work()
        except Refusal as refusal:
            exchange.refuse(refusal)
        except Exception as error:  # noqa: BLE001  # the last line: a defect here must not look like the ERP's
            exchange.call.detail = f"{type(error).__name__}: {error}"
            exchange.parts.defect(exchange.call.detail)
            exchange.refuse(Refusal(500, "the facade failed; its log says how", "proxy_internal_error"))
