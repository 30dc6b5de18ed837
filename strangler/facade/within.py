"""Within: work that may hang for ever, done where it holds up nobody, not even the end of the process.

A connection can be dead and not say so: the machine at its other end is gone, a firewall has forgotten it. Who waits on it never comes
back, so such work is left to itself after a while. It may be done after all, later, or never.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar

IDLE: Final = "within"
"""What a thread is called that waits for work."""

KEPT: Final = 4
"""Most threads that wait for work."""

P = ParamSpec("P")
T = TypeVar("T")


async def within(seconds: float, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """What the work gives, in a thread of its own. Raises TimeoutError when it isn't done in so many seconds, and what it raises."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(told: Callable[[Any], None], outcome: Any) -> None:
        with suppress(RuntimeError):  # The loop may be over.
            loop.call_soon_threadsafe(lambda: None if done.done() else told(outcome))

    def run() -> None:
        threading.current_thread().name = f"within: {work.__name__}"
        try:
            tell(done.set_result, work(*arguments, **named))
        except Exception as error:  # noqa: BLE001  # raised where it is awaited
            tell(done.set_exception, error)

    _worker().do(run)
    async with asyncio.timeout(seconds):
        return await done


class _Worker:
    """A thread for one piece of work after another: to start one holds up the loop until the interpreter was there and back."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._run, name=IDLE, daemon=True).start()

    def do(self, work: Callable[[], None]) -> None:
        self._work.put(work)

    def _run(self) -> None:
        while True:
            self._work.get()()
            threading.current_thread().name = IDLE
            if len(_IDLE) >= KEPT:
                return
            _IDLE.append(self)


def _worker() -> _Worker:
    """One that waits for work, or another. Asked at once: between a look and a step another loop's thread may take the last."""
    try:
        return _IDLE.pop()
    except IndexError:
        return _Worker()


_IDLE: Final[list[_Worker]] = []
"""Those that wait for work. One whose work hangs isn't among them."""

os.register_at_fork(after_in_child=_IDLE.clear)
