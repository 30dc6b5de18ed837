"""Parts: everything that a facade is made of, put together in one place, opened and closed in order."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from strangler.control.store import Control
from strangler.errors import ConfigurationError, Problem
from strangler.facade.flight import Flight
from strangler.facade.health import Health
from strangler.facade.logs import AccessLog
from strangler.facade.metrics import Metrics
from strangler.facade.service import Services, protocols
from strangler.facade.shadow import Shadow
from strangler.facade.standing import LEASE, Keeper
from strangler.facade.traffic import Tally
from strangler.facade.upstream import Pool
from strangler.routing import RouteTable, compile_routes
from strangler.sensitive import names
from strangler.settings import Facade as FacadeSettings
from strangler.settings import Settings

_log: Final = logging.getLogger("strangler.facade")


class Parts:
    """The parts of one facade. Made without touching anything; `open` inside the event loop. Raises ConfigurationError."""

    def __init__(self, settings: Settings, open_control: Callable[[], Control], lease: float = LEASE) -> None:
        self.settings = facade = _section(settings)
        self.id = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(3)}"
        self.pseudonym = f"strangler-{settings.name}"
        self.retry_after = settings.cutover.retry_after.total_seconds()
        self.metrics, self.flight = Metrics(settings.functions), Flight()
        self.log = AccessLog(facade.access_log)
        self.keeper = Keeper(open_control, self.id, self.flight, lease)
        self.tally = Tally(self.id)
        self.sensitive = names(settings)
        self.table = _table(settings, facade)
        translations = protocols(settings.functions)
        connect, total = facade.connect_timeout.total_seconds(), facade.total_timeout.total_seconds()
        self.pool = Pool(connect, total)
        self.services = Services(settings.functions, translations, self.pool)
        self._shadow_pool = Pool(connect, facade.shadow.timeout.total_seconds())
        shadow_services = Services(settings.functions, translations, self._shadow_pool)
        self.shadow = Shadow(
            facade.shadow, facade.legacy, shadow_services, self.tally, self.metrics, self.sensitive
        )
        self.health = Health(facade, settings.functions, self.keeper, self.pool)
        self._tasks: list[asyncio.Task[None]] = []
        self._show()

    def _show(self) -> None:
        """Let metrics see what others count."""
        watch, keeper = self.metrics.watch, self.keeper
        watch("writes_in_flight", "Writes under way.", (), lambda: [((), len(self.flight))])
        words = "Generation of the standings in use."
        watch("generation", words, (), lambda: [((), keeper.current().generation)])
        words = "Time since the control store last knew of us."
        watch("control_silence_seconds", words, (), lambda: [((), keeper.silence())])
        words = "Lines of the access log that nobody could take."
        self.metrics.watch_count("access_log_dropped", words, (), lambda: [((), self.log.dropped)])

    async def open(self) -> None:
        self.log.open()
        await self.pool.open()
        await self._shadow_pool.open()
        self.shadow.open()
        running = (self.keeper.run(), self.health.run(), self.tally.run(lambda: self.keeper.control))
        self._tasks = [asyncio.create_task(part) for part in running]

    async def close(self) -> None:
        """Close everything. Counts are flushed, and the control store is told that this facade is gone."""
        await self.shadow.close()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.keeper.leave()
        await self.pool.close()
        await self._shadow_pool.close()
        self.log.close()

    def defect(self, error: str) -> None:
        """A call failed in the facade itself: say it where somebody looks."""
        _log.exception("a call failed in the facade", extra={"reason": error})


def _section(settings: Settings) -> FacadeSettings:
    if settings.facade is None:
        instead = "facade:\n      legacy: http://127.0.0.1:8000"
        raise ConfigurationError(
            [Problem("configuration", None, "facade", "there is no facade to run", instead)]
        )
    return settings.facade


def _table(settings: Settings, facade: FacadeSettings) -> RouteTable:
    try:
        return compile_routes(settings.functions, facade)
    except ValueError as error:
        raise ConfigurationError(
            [Problem("configuration", None, "functions.*.routes", str(error), "/parties/{id}")]
        ) from error
