"""Ways: everything that stands between the facade and one side of one function, found at once: room, breaker, connections."""

from __future__ import annotations

from collections.abc import Collection

from strangler.cutover.stages import Side
from strangler.facade.breaker import Breaker, Breakers
from strangler.facade.call import NO_FUNCTION
from strangler.facade.pools import Pools
from strangler.facade.shedding import Lane, Shedding
from strangler.facade.wire.pool import Pool


class Way:
    """That of one function to one side. `pool` is None where the side has no service; `translated`: it has a contract of its own."""

    __slots__ = ("breaker", "lane", "pool", "translated")

    def __init__(self, lane: Lane, breaker: Breaker, pool: Pool | None, translated: bool) -> None:
        self.lane, self.breaker, self.pool, self.translated = lane, breaker, pool, translated


class Ways:
    """All of them, each made when it is first asked for."""

    def __init__(
        self, shedding: Shedding, breakers: Breakers, pools: Pools, translated: Collection[str]
    ) -> None:
        """`translated` are the functions whose services have a contract of their own."""
        self._shedding, self._breakers, self._pools, self._translated = (
            shedding,
            breakers,
            pools,
            translated,
        )
        self._to_legacy: dict[str | None, Way] = {}
        self._to_new: dict[str | None, Way] = {}

    def of(self, function: str | None, side: Side) -> Way:
        """The way of a function, None for what no route names."""
        known = self._to_legacy if side is Side.LEGACY else self._to_new
        way = known.get(function)
        if way is None:
            way = known[function] = self._made(function or NO_FUNCTION, side)
        return way

    def _made(self, name: str, side: Side) -> Way:
        legacy = side is Side.LEGACY
        pool = self._pools.legacy if legacy else self._pools.new.get(name)
        lane, breaker = self._shedding.lane(name, side.value), self._breakers.of(side.value, name)
        return Way(lane, breaker, pool, not legacy and name in self._translated)
