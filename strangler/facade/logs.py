"""Access log: one JSON line per request on stdout, written by a thread so that a slow reader of it slows no caller.

When more lines wait than fit, the newest are dropped, and a line says how many.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from typing import Any, BinaryIO, Final

import orjson

WAITING: Final = 10_000
"""Most lines that may wait for the thread."""

PAUSE: Final = 0.1
"""Seconds between two writes: many lines go out in one."""


class AccessLog:
    """`open`, then `write` from the event loop, `close` at the end. `out` is stdout when not given."""

    def __init__(self, out: BinaryIO | None = None) -> None:
        self._out = out if out is not None else sys.stdout.buffer
        self._lines: deque[dict[str, Any]] = deque()
        self._dropped = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)

    def open(self) -> None:
        self._thread.start()

    def write(self, call) -> None:
        d = call.decision
        line = {
            "path": call.asked.path if call.asked else "",
            "status": call.status,
            "why": d.why if d else call.detail,
            "error": call.detail,
            "function": d.function if d else "-",
            "side": d.side.value if d else "-",
        }
        if len(self._lines) < WAITING:
            self._lines.append(line)
        else:
            self._dropped += 1

    def close(self) -> None:
        """Write what waits, then end."""
        self._over.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._over.wait(PAUSE):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        batch = [orjson.dumps(self._lines.popleft()) for _ in range(len(self._lines))]
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            batch.append(
                orjson.dumps(
                    {"logger": "strangler.access", "level": "warning", "message": f"{dropped} lines dropped"}
                )
            )
        if batch:
            try:
                self._out.write(b"\n".join(batch) + b"\n")
                self._out.flush()
            except (OSError, ValueError):
                self._dropped += len(batch)  # nobody reads any more; calls go on
