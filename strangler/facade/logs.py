"""Access log: one JSON line per request on stdout, that says which side answered and why.

A line is made when its call is over, in 1 µs: a thread that makes it later takes as long from the same interpreter, a hundred lines in one
go, and keeps all that hangs on a call until then. The outlet's thread only writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_network
from time import time
from typing import Any, Final

import orjson

from strangler.facade.call import NO_FUNCTION, Call
from strangler.facade.outlet import Outlet
from strangler.facade.track import Track
from strangler.facade.wire.peers import numbered
from strangler.routing import Decision
from strangler.settings.observability import AccessLog as Settings

STDOUT: Final = 1

_DIGITS: Final = [b"%03d" % number for number in range(1000)]
_CENTS: Final = [b"%02d" % number for number in range(100)]
_METHODS: Final = {
    each: f'"{each}"'.encode() for each in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
}


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

    def write(self, call: Call, track: Track) -> None:
        """Log a call that is over."""
        if self._enabled:
            self._outlet.put(self._line(call, track))

    def _line(self, call: Call, track: Track) -> bytes:
        """Without the query: callers put secrets there."""
        asked, moment = call.asked, int(time() * 1e6)
        words = track.words
        if not words:
            words = track.words = _words(call.decision, call.detail)
        line = (
            b'{"time":%d.%b%b,"logger":"strangler.access","method":%b,"path":%b,%b,"status":%d,"ms":%b,"upstream_ms":%b,"in":%d,"out":%d,'
            b'"tries":%d,"trace":"%b"'
            % (
                moment // 1_000_000,
                _DIGITS[moment // 1000 % 1000],
                _DIGITS[moment % 1000],
                b"null" if asked is None else _METHODS.get(asked.method) or _json(asked.method),
                b"null" if asked is None else _json(asked.path),
                words,
                call.status,
                _ms(call.ended - call.began),
                _ms(call.first_byte - call.called) if call.first_byte else b"null",
                call.received,
                call.sent,
                call.tries,
                call.trace[3:35].encode(),
            )
        )
        if call.error or call.detail:
            line += b',"error":%b,"detail":%b' % (_json(call.error), _json(call.detail))
        if call.held:
            line += b',"held_ms":%b' % _ms(call.held)
        if call.fell_back:
            line += b',"fell_back":%b' % _json(call.fell_back)
        if self._client is not None:
            line += b',"client":%b' % _json(self._client(call.client))
        return line + b"}\n"


def _words(decision: Decision | None, detail: str) -> bytes:
    """What a line says of a decision; of none, why there is none."""
    said = {
        "function": (decision and decision.function) or NO_FUNCTION,
        "operation": decision.operation if decision else None,
        "kind": decision.kind if decision else None,
        "cohort": decision.cohort if decision else None,
        "side": decision.side._value_ if decision else None,
        "why": decision.why if decision else detail,
    }
    return json_line(said)[1:-2]


def _ms(seconds: float) -> bytes:
    """Milliseconds, to two digits."""
    hundredths = int(seconds * 1e5 + 0.5)
    return b"%d.%b" % (hundredths // 100, _CENTS[hundredths % 100])


def _json(text: str) -> bytes:
    try:
        return orjson.dumps(text)
    except TypeError:  # bytes that are no text, as surrogates
        return orjson.dumps(_plain(text))


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
    return json_line({"time": time(), "logger": "strangler.access", "level": "warning", "message": words})


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
