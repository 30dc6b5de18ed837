"""Traces: the W3C context of a call, passed on or begun; and, where they are exported, what spans are made of (see `spans`).

A span takes some 100 µs of Python until it is on its way, and OpenTelemetry half a second to load. So the facade writes one line for each
sampled call, in 2 µs, and a process apart makes spans of it. Without an endpoint there is no such process, and nothing is loaded.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from random import random
from time import monotonic
from typing import Any, Final, NamedTuple

import orjson

from strangler.errors import ConfigurationError, Problem
from strangler.facade.call import Call
from strangler.facade.logs import json_line
from strangler.facade.outlet import Outlet
from strangler.settings.observability import Traces as Settings

AGAIN: Final = 10.0
"""Fewest seconds between two starts of the process apart."""

STOP_WITHIN: Final = 5.0
"""Seconds that it has to export what it has in hand."""

NO_TRACE: Final = f"00-{'0' * 32}-{'0' * 16}-00"
"""Stands where a call belongs to no trace."""

_log: Final = logging.getLogger("strangler.facade")

_FIELDS: Final = "-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
_GIVEN: Final = re.compile(f"00{_FIELDS}|(?!00|ff)[0-9a-f]{{2}}{_FIELDS}(?:-.*)?")
"""Version 00, or a later one, which may have more behind what is known of it."""

PAIRS: Final = 64
"""Pairs of ids that are read from the kernel at once: to read each would take as long as all the rest."""


class _Ids:
    """Ids that nobody else has: 32 digits of a trace and 16 of a span."""

    def __init__(self) -> None:
        self._read, self._at = "", 0

    def forget(self) -> None:
        """What was read belongs to another process, too."""
        self._read, self._at = "", 0

    def pair(self) -> tuple[str, str]:
        """Those of a trace that begins, and of a span."""
        at = self._at
        if at >= len(self._read):
            self._read, at = os.urandom(24 * PAIRS).hex(), 0
        self._at = at + 48
        read = self._read
        return read[at : at + 32], read[at + 32 : at + 48]


_ids: Final = _Ids()
os.register_at_fork(after_in_child=_ids.forget)


class Reporter(NamedTuple):
    """Who exports: the name of this migration, of this facade, and the base URLs of upstreams by their names in `Call.upstream`."""

    name: str
    instance: str
    upstreams: Mapping[str, str]


class Traces:
    """`begin` with a call, `note` when it is over. `open` starts the export where it is configured. Raises ConfigurationError."""

    def __init__(self, settings: Settings, reporter: Reporter) -> None:
        self._settings, self._reporter = settings, reporter
        self._sample, self._follows = settings.sample, settings.from_callers
        self._exports = settings.endpoint is not None
        self._outlet = Outlet(None, "traces", again=self._start)
        self._exporter: subprocess.Popen[bytes] | None = None
        self._started = -AGAIN
        if self._exports and not _installed():
            raise ConfigurationError([_without_opentelemetry()])

    @property
    def dropped(self) -> int:
        """Calls whose spans were not exported, since the start."""
        return self._outlet.dropped

    def begin(self, headers: Mapping[str, str]) -> str:
        """The `traceparent` for upstreams: that of the caller's trace, or one that begins here.

        The span in it is the facade's own where spans are exported; otherwise it stays the caller's, which would be missed as a parent.
        """
        given = headers.get("traceparent") if self._follows else None
        if given is None or not _GIVEN.fullmatch(given):
            trace, span = _ids.pair()
            return f"00-{trace}-{span}-{'01' if self._sampled() else '00'}"
        if self._exports:
            return f"00-{given[3:35]}-{_ids.pair()[1]}-{_flags(given)}"
        return given if len(given) == 55 and given[:2] == "00" else f"00-{given[3:52]}-{_flags(given)}"

    def _sampled(self) -> bool:
        return self._sample >= 1.0 or random() < self._sample

    def note(self, call: Call) -> None:
        """Have spans made of a call that is over, if its trace is sampled."""
        if self._exports and call.trace[54] in "13":
            self._outlet.put(_record(call))

    def open(self) -> None:
        if self._exports:
            self._outlet.open()

    def close(self) -> None:
        """Export what waits, then end."""
        self._outlet.close()
        if self._exporter is not None:
            _stop(self._exporter)

    def _start(self) -> int | None:
        """Start the process apart, unless that was tried just now; the descriptor on which it is told of calls."""
        if monotonic() - self._started < AGAIN:
            return None
        self._started = monotonic()
        if self._exporter is not None:
            _stop(self._exporter)
        try:
            self._exporter = exporter = subprocess.Popen(
                [sys.executable, "-P", "-m", "strangler.facade.spans"], stdin=subprocess.PIPE, bufsize=0
            )
            assert exporter.stdin is not None
            out = exporter.stdin.fileno()
            os.write(out, self._order())
        except OSError as error:
            _log.warning("traces aren't exported for now", extra={"reason": str(error)})
            return None
        os.set_blocking(out, False)
        return out

    def _order(self) -> bytes:
        """What the process apart must know, as its first line: on its standard input, since it holds what authorises it."""
        settings, reporter = self._settings, self._reporter
        return orjson.dumps(
            {
                "endpoint": settings.endpoint,
                "headers": {name: value.get_secret_value() for name, value in settings.headers.items()},
                "timeout": settings.timeout.total_seconds(),
                "name": reporter.name,
                "instance": reporter.instance,
                "upstreams": dict(reporter.upstreams),
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )


def _installed() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


def goes_on(headers: Mapping[str, str], sent: str) -> bool:
    """Whether the caller's `tracestate` is sent on: it gave one, and the trace that is sent on is the one that it gave."""
    return "tracestate" in headers and headers.get("traceparent", "")[3:35] == sent[3:35]


def _flags(given: str) -> str:
    """The two flags that are known, sampled and random, of those that were given."""
    return f"{int(given[53:55], 16) & 3:02x}"


def _record(call: Call) -> bytes:
    """What spans are made of. Moments are of the monotonic clock, which all processes of a host share. Without the query, as in the log."""
    asked, decision = call.asked, call.decision
    record: dict[str, Any] = {
        "trace": call.trace,
        "began": call.began,
        "called": call.called,
        "connected": call.connected,
        "first_byte": call.first_byte,
        "ended": call.ended,
        "status": call.status,
        "error": call.error,
        "detail": call.detail,
        "upstream": call.upstream,
        "attempts": call.attempts and [list(attempt) for attempt in call.attempts],
        "version": call.version,
        "received": call.received,
        "sent": call.sent,
        "fell_back": call.fell_back,
    }
    if asked is not None:
        headers = asked.headers
        record["method"], record["path"], record["host"] = asked.method, asked.path, headers.get("host")
        record["parent"], record["state"] = headers.get("traceparent"), headers.get("tracestate")
    if decision is not None:
        record["function"], record["operation"] = decision.function, decision.operation
        record["kind"], record["cohort"] = decision.kind, decision.cohort
        record["side"], record["why"] = decision.side, decision.why
    return json_line(record)


def _stop(exporter: subprocess.Popen[bytes]) -> None:
    """Let go of it, and wait until it has finished what it has in hand."""
    assert exporter.stdin is not None
    exporter.stdin.close()
    try:
        exporter.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        exporter.kill()
        exporter.wait()


def _without_opentelemetry() -> Problem:
    what = "traces are exported by OpenTelemetry, which isn't installed"
    return Problem("configuration", None, "facade.traces.endpoint", what, "pip install 'strangler[otel]'")
