"""Introducing: finding out whose the legacy session of a call is, before a new service is asked. Where that is known, nobody waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strangler.facade.credentials import Onward
from strangler.facade.errand import Errand

if TYPE_CHECKING:
    from strangler.facade.exchange import Exchange


class Introduction(Errand):
    """The task that tells an exchange what its new service is told of the caller, or that it is refused."""

    def __init__(self, exchange: Exchange, function: str) -> None:
        super().__init__(exchange)
        self._function = function

    async def work(self) -> None:
        self._exchange.answering.introduced(await told(self._exchange, self._function))


async def told(exchange: Exchange, function: str) -> Onward:
    """What the new service of a function is told of the caller. Raises Refusal."""
    return await exchange.parts.credentials.find_onward(
        function, exchange.request, exchange.origin, exchange.identity, exchange.call.trace
    )
