"""Pools: a facade's ways to legacy and to the new services. Each has a limit of its own; services at one address share what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final

from strangler.facade.wire.address import Address, Place, place_of
from strangler.facade.wire.pool import Pool
from strangler.facade.wire.reaching import close
from strangler.settings import Facade as FacadeSettings
from strangler.settings import Function

LEGACY: Final = "the legacy ERP"


def service_of(function: str) -> str:
    """What the service of a function is called in words."""
    return f"the new service of {function}"


class Pools:
    """The pool of legacy, and those of the functions that have a new service."""

    def __init__(self, facade: FacadeSettings, functions: Mapping[str, Function]) -> None:
        self._limit, self._timeout = facade.connections, facade.connect_timeout.total_seconds()
        self._addresses: dict[Place, Address] = {}
        self.legacy = self._pool("legacy", LEGACY, facade.legacy)
        self.new = {
            name: self._pool(f"new:{name}", service_of(name), function.service.url)
            for name, function in functions.items()
            if function.service is not None
        }

    def _pool(self, key: str, name: str, base: str) -> Pool:
        place = place_of(base)
        first = place not in self._addresses
        address = self._addresses.setdefault(place, Address(place))
        return Pool(
            key, name, base, limit=self._limit, connect_timeout=self._timeout, address=address, shows=first
        )

    def __iter__(self) -> Iterator[Pool]:
        yield self.legacy
        yield from self.new.values()

    def sweep(self, now: float) -> None:
        """Close what was idle for too long."""
        for address in self._addresses.values():
            address.sweep(now)

    async def close(self) -> None:
        """Close all connections. To be called when nobody asks any more."""
        await asyncio.gather(*(close(pool) for pool in self))
