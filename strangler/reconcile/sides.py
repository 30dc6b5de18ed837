"""Both sides at once: each with a connection of its own in a thread of its own, so that neither waits for the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any, Final, TypeVar

from strangler.ports import SqlSide

T = TypeVar("T")
S = TypeVar("S")

LOOK_AROUND: Final = 0.2
"""Seconds between two calls of `meanwhile`."""


class _Lane:
    """One side: everything that touches its connection happens in its thread."""

    def __init__(self, name: str, connect: Callable[[], SqlSide]) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"reconcile-{name}")
        self._connect = connect
        self._side: SqlSide | None = None

    def do(self, work: Callable[[SqlSide], T]) -> Future[T]:
        return self._thread.submit(lambda: work(self._connected()))

    def close(self) -> None:
        self._thread.submit(self._disconnect)
        self._thread.shutdown()

    def _connected(self) -> SqlSide:
        if self._side is None:
            self._side = self._connect()
        return self._side

    def _disconnect(self) -> None:
        if self._side is not None:
            self._side.close()


class Sides:
    """The legacy side and the store. A context manager; closing it closes both connections."""

    def __init__(self, legacy: Callable[[], SqlSide], store: Callable[[], SqlSide]) -> None:
        self._legacy, self._store = _Lane("legacy", legacy), _Lane("store", store)
        self.failed = threading.Event()
        """Set once what one side was asked has failed: what the other one does is in vain."""

    def dialects(self) -> tuple[str, str]:
        """The SQL dialects of legacy and store."""
        return self.ask(lambda side: side.dialect, lambda side: side.dialect)

    def ask(
        self,
        legacy: Callable[[SqlSide], T],
        store: Callable[[SqlSide], S],
        meanwhile: Callable[[], None] | None = None,
    ) -> tuple[T, S]:
        """Ask each side something at the same time, in its own thread. `meanwhile` is called now and then until both have answered.

        Raises what a side raises; what the other one then does is in vain.
        """
        asked: list[Future[Any]] = [self._legacy.do(legacy), self._store.do(store)]
        patience = LOOK_AROUND if meanwhile else None
        try:
            while wait(asked, patience, FIRST_EXCEPTION).not_done:
                for each in asked:
                    if each.done():
                        each.result()
                if meanwhile:
                    meanwhile()
            return asked[0].result(), asked[1].result()
        except BaseException:
            self.failed.set()
            raise

    def close(self) -> None:
        self._legacy.close()
        self._store.close()

    def __enter__(self) -> Sides:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
