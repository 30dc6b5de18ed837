"""Introducing: finding out whose the legacy session of a call is, before a new service is asked. Where that is known, nobody waits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from strangler.facade.answers import Refusal
from strangler.facade.credentials import Onward

if TYPE_CHECKING:
    from strangler.facade.exchange import Exchange


class Introduction:
    """The task that tells an exchange what its new service is told of the caller, or that it is refused."""

    def __init__(self, exchange: Exchange, function: str) -> None:
        self._exchange, self._function = exchange, function
        self._task = asyncio.get_running_loop().create_task(self._run())

    def give_up(self) -> None:
        """Nobody waits for it any more."""
        if self._task is not asyncio.current_task():
            self._task.cancel()

    async def _run(self) -> None:
        exchange = self._exchange
        try:
            exchange.introduced(await told(exchange, self._function))
        except Refusal as refusal:
            exchange.refuse(refusal)
        except Exception as error:  # noqa: BLE001  # the last line: a defect here must not look like the ERP's
            exchange.call.detail = f"{type(error).__name__}: {error}"
            exchange.parts.defect(exchange.call.detail)
            exchange.refuse(Refusal(500, "the facade failed; its log says how", "proxy_internal_error"))


async def told(exchange: Exchange, function: str) -> Onward:
    """What the new service of a function is told of the caller. Raises Refusal."""
    call = exchange.call
    assert call.asked is not None
    return await exchange.parts.credentials.find_onward(
        function, call.asked, exchange.origin, exchange.identity, call.trace
    )
