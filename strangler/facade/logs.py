"""Access log: one JSON line per request on stdout, that says which side answered and why.

A line is made when its call is over, in 2 µs: a thread that makes it later takes as long from the same interpreter, a hundred lines in one
go, and keeps all that hangs on a call until then. The outlet's thread only writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_network
from typing import Any, Final

import orjson

from strangler.facade.call import NO_FUNCTION, Call
from strangler.facade.outlet import Outlet
from strangler.facade.wire.peers import numbered
from strangler.settings.observability import AccessLog as Settings

STDOUT: Final = 1


class AccessLog:
    """`open`, then `write` from the event loop, `close` at the end. Writes to the file descriptor `out`."""

    def __init__(self, settings: Settings | None = None, out: int = STDOUT) -> None:
        settings = settings or Settings()
        self._enabled, self._client = settings.enabled, _CLIENT[settings.client]
        self._outlet = Outlet(out, "access-log", lost=_lost, again=lambda: out)
        self.open, self.close = self._outlet.open, self._outlet.close

    @property
    def dropped(self) -> int:
        """Lines that were not written, since the start."""
        return self._outlet.dropped

    def write(self, call: Call) -> None:
        """Log a call that is over."""
        if self._enabled:
            self._outlet.put(self._line(call))

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
        if call.held:
            line["held_ms"] = int(call.held * 1e5 + 0.5) / 100
        if call.fell_back:
            line["fell_back"] = call.fell_back
        if self._client is not None:
            line["client"] = self._client(call.client)
        return json_line(line)


def json_line(line: dict[str, Any]) -> bytes:
    """A flat object as one line of JSON, whatever bytes its texts were made of."""
    try:
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # bytes that are no text, as surrogates
        plain = {name: _plain(value) for name, value in line.items()}
        return orjson.dumps(plain, option=orjson.OPT_APPEND_NEWLINE)


def _plain(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _lost(lines: int) -> bytes:
    words = f"{lines} lines dropped"
    return json_line(
        {"time": time.time(), "logger": "strangler.access", "level": "warning", "message": words}
    )


@lru_cache(maxsize=4096)
def _network(address: str) -> str:
    """The network of an address, as coarse as data protection authorities ask for; empty for what is none."""
    try:
        found = numbered(address)
        return str(ip_network((found.packed, 48 if found.version == 6 else 24), strict=False))
    except ValueError:
        return ""


_CLIENT: Final[Mapping[str, Callable[[str], str] | None]] = {
    "none": None,
    "network": _network,
    "address": str,
}
