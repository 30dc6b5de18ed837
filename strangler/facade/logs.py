"""Access log: one JSON line per request on stdout, that says which side answered and why.

A line is made when its call is over, in 2 µs: a thread that makes it later takes as long from the same interpreter, a hundred lines in one
go, and keeps all that hangs on a call until then. The thread here only writes, so that a reader who is slow, stuck or gone slows no caller.
When more lines wait than fit, the newest are dropped, and a line says how many.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_network
from typing import Any, Final

import orjson

from strangler.facade.call import NO_FUNCTION, Call
from strangler.settings.observability import AccessLog as Settings

WAITING: Final = 16 * 1024 * 1024
"""Most bytes that may wait for the thread: some 40,000 lines."""

PAUSE: Final = 0.1
"""Seconds between two writes: many lines go out in one."""

WHOLE: Final = 4096
"""Bytes that go into a pipe in one piece, whatever else is written to it (PIPE_BUF): workers may share one stdout."""

STDOUT: Final = 1


class AccessLog:
    """`open`, then `write` from the event loop, `close` at the end. Writes to a file descriptor, past every buffer of Python."""

    def __init__(self, settings: Settings | None = None, out: int = STDOUT) -> None:
        settings = settings or Settings()
        self._enabled, self._client, self._out = settings.enabled, _CLIENT[settings.client], out
        self._lines: deque[bytes] = deque()
        # Each is counted by one thread alone, so that no addition is lost.
        self._taken = self._gone = self._refused = self._failed = self._said = 0
        self._writable = select.poll()
        self._writable.register(out, select.POLLOUT)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)

    @property
    def dropped(self) -> int:
        """Lines that were not written, since the start."""
        return self._refused + self._failed

    def open(self) -> None:
        self._thread.start()

    def write(self, call: Call) -> None:
        """Log a call that is over."""
        if not self._enabled:
            return
        if self._taken - self._gone > WAITING:
            self._refused += 1
            return
        line = self._line(call)
        self._lines.append(line)
        self._taken += len(line)

    def close(self) -> None:
        """Write what waits, then end; at most two seconds."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def _line(self, call: Call) -> bytes:
        """Without the query: callers put secrets there."""
        asked, decision = call.asked, call.decision
        line: dict[str, Any] = {
            "time": time.time(),
            "logger": "strangler.access",
            "method": asked.method if asked else None,
            "path": asked.path if asked else None,
            "function": (decision and decision.function) or NO_FUNCTION,
            "operation": decision.operation if decision else None,
            "kind": decision.kind if decision else None,
            "cohort": decision.cohort if decision else None,
            "side": decision.side._value_ if decision else None,
            "why": decision.why if decision else call.detail,
            "status": call.status,
            "ms": int((call.ended - call.began) * 1e5 + 0.5) / 100,
            "upstream_ms": int((call.first_byte - call.called) * 1e5 + 0.5) / 100
            if call.first_byte
            else None,
            "in": call.received,
            "out": call.sent,
            "tries": call.tries,
            "trace": call.trace[3:35],
        }
        if call.error or call.detail:
            line["error"], line["detail"] = call.error, call.detail
        if call.fell_back:
            line["fell_back"] = call.fell_back
        if self._client is not None:
            line["client"] = self._client(call.client)
        return _dumped(line)

    def _run(self) -> None:
        while not self._over.wait(PAUSE):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        """Write what waits, in pieces that stay whole."""
        lines = self._lines
        unsaid = self.dropped - self._said
        if unsaid and self._put(_warning(f"{unsaid} lines dropped")):
            self._said += unsaid
        while lines:
            piece = [lines.popleft()]
            size = len(piece[0])
            while lines and size + len(lines[0]) <= WHOLE:
                size += len(lines[0])
                piece.append(lines.popleft())
            if not self._put(b"".join(piece)):
                self._failed += len(piece)  # nobody reads any more; calls go on
            self._gone += size

    def _put(self, piece: bytes) -> bool:
        """Write all of it, for as long as that takes; False when it can't be."""
        view = memoryview(piece)
        while view:
            try:
                view = view[os.write(self._out, view) :]
            except BlockingIOError:
                self._writable.poll(PAUSE * 1000)
            except (OSError, ValueError):
                return False
        return True


@lru_cache(maxsize=4096)
def _network(address: str) -> str:
    """The network of an address, as coarse as data protection authorities ask for; empty for what is none."""
    try:
        return str(ip_network(f"{address}/{48 if ':' in address else 24}", strict=False))
    except ValueError:
        return ""


_CLIENT: Final[Mapping[str, Callable[[str], str] | None]] = {
    "none": None,
    "network": _network,
    "address": str,
}


def _dumped(line: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # bytes that are no text, as surrogates
        plain = {name: _plain(value) for name, value in line.items()}
        return orjson.dumps(plain, option=orjson.OPT_APPEND_NEWLINE)


def _plain(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _warning(words: str) -> bytes:
    return _dumped({"time": time.time(), "logger": "strangler.access", "level": "warning", "message": words})
