"""Reaching: a connection to an upstream is made within its time, and a pool's are closed.

What has to be waited for is here; what becomes of it is for the pool, which waits for nothing and so can be compiled.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from strangler.facade.wire.address import Address
from strangler.facade.wire.upstream import UpstreamConnection

if TYPE_CHECKING:
    from strangler.facade.wire.pool import Pool


async def reach(pool: Pool, connection: UpstreamConnection) -> None:
    """Have the connection made, and tell the pool."""
    try:
        await _connect(pool.address, connection, pool.connect_timeout)
    except (OSError, TimeoutError, ValueError) as error:
        pool.failed(connection, error)
    except asyncio.CancelledError:
        pool.unmade(connection)
        raise
    else:
        pool.made(connection)


async def _connect(address: Address, connection: UpstreamConnection, within: float) -> None:
    """Raises OSError, TimeoutError, ValueError."""
    loop, (host, port, tls) = asyncio.get_running_loop(), address.place
    if tls and address.context is None:
        address.context = await loop.run_in_executor(None, ssl.create_default_context)
    async with asyncio.timeout(within):
        await loop.create_connection(lambda: connection, host, port, ssl=address.context)


async def close(pool: Pool) -> None:
    """Close all of its connections. To be called when nobody asks any more."""
    await asyncio.gather(*pool.end(), return_exceptions=True)
    pool.address.close()
    await asyncio.sleep(0)
