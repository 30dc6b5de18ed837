"""Pools: a facade's ways to legacy and to the new services, each with connections of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from strangler.facade.wire.pool import Pool
from strangler.settings import Facade as FacadeSettings
from strangler.settings import Function

LEGACY = "the legacy ERP"


class Pools:
    """The pool of legacy, and those of the functions that have a new service."""

    def __init__(self, facade: FacadeSettings, functions: Mapping[str, Function]) -> None:
        timeout = facade.connect_timeout.total_seconds()

        def pool(key: str, name: str, base: str) -> Pool:
            return Pool(key, name, base, limit=facade.connections, connect_timeout=timeout)

        self.legacy = pool("legacy", LEGACY, facade.legacy)
        self.new = {
            name: pool(f"new:{name}", f"the new service of {name}", function.service.url)
            for name, function in functions.items()
            if function.service is not None
        }

    def __iter__(self) -> Iterator[Pool]:
        yield self.legacy
        yield from self.new.values()

    def sweep(self, now: float) -> None:
        """Close what was idle for too long."""
        for pool in self:
            pool.sweep(now)

    async def close(self) -> None:
        """Close all connections. To be called when nobody asks any more."""
        await asyncio.gather(*(pool.close() for pool in self))
