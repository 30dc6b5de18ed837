"""Fetching: a single question to somebody whom the facade asks seldom, over a connection of its own."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from strangler.facade import whole
from strangler.facade.protocol import Answer, ServiceRequest
from strangler.facade.wire.pool import Pool
from strangler.facade.wire.reaching import close

PATIENCE: Final = 10.0
"""Longest wait for an answer, in seconds; half of it for a connection."""

MOST: Final = 1024 * 1024
"""Longest answer in bytes."""


async def fetch(name: str, url: str) -> Answer:
    """What is at a URL, as JSON if possible; `name` says in errors whose it is. Raises Refusal."""
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    pool = Pool("", name, base, limit=1, connect_timeout=PATIENCE / 2)
    try:
        asked = ServiceRequest("GET", target, [("accept", "application/json")])
        return await whole.ask(pool, asked, timeout=PATIENCE, most=MOST)
    finally:
        await close(pool)
