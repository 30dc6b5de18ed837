"""Outlet: lines to a file descriptor, written by a thread, so that a reader who is slow, stuck or gone slows no caller.

Lines go out whole and in their order. When more wait than fit, the newest are dropped and counted. Those that wait lie in blocks of
memory, one behind the other: to keep each as an object of its own until the thread joins them costs a call several times as much, since
memory that was used long ago has to be fetched for each, and the thread has to have the interpreter for each. The loop only adds at the end
of the newest block, the thread only takes from the beginning of the oldest, each in one step of the interpreter, so no lock is needed.
"""

from __future__ import annotations

import os
import select
import stat
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

WAITING: Final = 16 * 1024 * 1024
"""Most bytes that may wait for the thread: some 40,000 lines."""

PAUSE: Final = 0.1
"""Seconds between two writes: many lines go out in one."""

WHOLE: Final = 4096
"""Bytes that go into a pipe in one piece, whatever else is written to it (PIPE_BUF): workers may share one stdout."""

BLOCK: Final = 262_144
"""Bytes that lie in one block: to make it larger may mean to copy it. And that go into a file at once, which is locked meanwhile: after
each write the thread has to get hold of the interpreter again."""


class Outlet:
    """`open`, then `put` from the event loop, `close` at the end. Writes past every buffer of Python.

    `lost` makes a line that says how many were dropped; None where nobody is to be told on this way. `again` is asked for another
    descriptor when nobody reads from the one before; it gives None as long as there is none.
    """

    def __init__(
        self,
        out: int | None,
        name: str,
        *,
        lost: Callable[[int], bytes] | None = None,
        again: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._out, self._lost, self._again = out, lost, again
        self._full: Final[deque[bytearray]] = deque()
        self._newest = bytearray()
        # Each is counted by one thread alone, so that no addition is lost.
        self._taken = self._gone = self._refused = self._failed = self._said = 0
        self._over = threading.Event()
        self._writer = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def dropped(self) -> int:
        """Lines that were not written, since the start."""
        return self._refused + self._failed

    def open(self) -> None:
        self._writer.start()

    def put(self, line: bytes) -> None:
        """Have a line written, or dropped; it ends with a newline."""
        if self._taken - self._gone > WAITING:
            self._refused += 1
            return
        newest = self._newest
        if len(newest) + len(line) > BLOCK:
            self._full.append(newest)
            newest = self._newest = bytearray()
        newest += line
        self._taken += len(line)

    def close(self) -> None:
        """Write what waits, then end; at most two seconds."""
        self._over.set()
        if self._writer.is_alive():
            self._writer.join(timeout=2)

    def _run(self) -> None:
        while not self._over.wait(PAUSE):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        """Write what waits, in pieces that stay whole."""
        most, unsaid = self._at_once(), self.dropped - self._said
        if self._lost and unsaid and self._write(memoryview(self._lost(unsaid))):
            self._said += unsaid
        taken = False
        while not taken:
            newest = self._newest  # before it is seen whether any is full: those are older
            if self._full:
                block = self._full.popleft()
            else:
                size, taken = len(newest), True
                block = newest[:size]
                del newest[:size]
            self._write_block(block, most)

    def _write_block(self, block: bytearray, most: int) -> None:
        at = 0
        while at < len(block):
            end = _end(block, at, most)
            if not self._write(memoryview(block)[at:end]):
                self._failed += block.count(b"\n", at, end)  # nobody reads any more; calls go on
            self._gone += end - at
            at = end

    def _at_once(self) -> int:
        """Bytes that go out in one piece."""
        try:
            return BLOCK if self._out is not None and stat.S_ISREG(os.fstat(self._out).st_mode) else WHOLE
        except OSError:
            return WHOLE

    def _write(self, view: memoryview) -> bool:
        """Write all of it, for as long as that takes; False when it can't be."""
        if self._out is None:
            self._out = self._again()
        while view and self._out is not None:
            try:
                written = os.write(self._out, view)
                view = view[written:]
            except BlockingIOError:
                _wait_for(self._out)
            except OSError:
                # Half a line may be out by now: what reads from the next descriptor begins with a whole one.
                self._out = self._again()
                return False
        return not view


def _end(block: bytearray, at: int, most: int) -> int:
    """Where a piece ends that begins at `at`: behind as many whole lines as `most` bytes hold, or behind one."""
    if len(block) - at <= most:
        return len(block)
    return (block.rfind(b"\n", at, at + most) + 1) or (block.find(b"\n", at) + 1) or len(block)


def _wait_for(out: int) -> None:
    """Wait until the descriptor takes more, or a moment."""
    writable = select.poll()
    writable.register(out, select.POLLOUT)
    writable.poll(PAUSE * 1000)
