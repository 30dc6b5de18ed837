"""Spans: a process apart that makes OpenTelemetry's spans of the calls that a facade tells it of, and exports them by OTLP over HTTP.

It reads lines from its standard input: first what it has to know, then a call each (see `traces`). It ends when its input does. When
the collector is slow it reads more slowly, so that lines wait in the facade, where they are bounded; what the collector doesn't take
is lost, and said.

One span is the facade's own, of kind server; each time that an upstream was asked is one of kind client below it. The attributes are
those of the semantic conventions for HTTP, and `strangler.*`.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

import strangler
from strangler.apart import as_child
from strangler.facade.call import GONE

BATCH: Final = 512
"""Most calls that are exported at once."""

PAUSE: Final = 1.0
"""Longest time that a call waits for others to be exported with, in seconds."""

METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"))
"""Those that the conventions know; any other is `_OTHER` there."""

_SCOPE: Final = InstrumentationScope("strangler.facade", strangler.__version__)
_ids: Final = RandomIdGenerator()
_log: Final = logging.getLogger("strangler.facade")


class Spans:
    """Makes the spans of calls. `upstreams` are the base URLs by name; `offset` turns the monotonic clock into nanoseconds since 1970."""

    def __init__(self, resource: Resource, upstreams: Mapping[str, str], offset: int) -> None:
        self._resource, self._upstreams, self._offset = resource, upstreams, offset

    def of(self, call: Mapping[str, Any]) -> Iterator[ReadableSpan]:
        """The span of the facade, then one for each time that an upstream was asked."""
        sent = call["trace"]
        trace, flags, state = int(sent[3:35], 16), TraceFlags(int(sent[53:55], 16)), None
        parent, given = None, call.get("parent")
        if given and given[3:35] == sent[3:35]:
            state = TraceState.from_header([call["state"]]) if call.get("state") else None
            parent = SpanContext(trace, int(given[36:52], 16), True, flags, state)
        asked = bool(call["upstream"])
        # What was sent on is the span in which the upstream was asked; where none was, it is the facade's own.
        own = _ids.generate_span_id() if asked else int(sent[36:52], 16)
        context = SpanContext(trace, own, False, flags, state)
        yield self._span(
            _name(call),
            SpanKind.SERVER,
            context,
            parent,
            _of_server(call),
            call["began"],
            call["ended"],
            call,
        )
        if asked:
            last = SpanContext(trace, int(sent[36:52], 16), False, flags, state)
            yield from self._tries(call, context, last)

    def _tries(
        self, call: Mapping[str, Any], parent: SpanContext, last: SpanContext
    ) -> Iterator[ReadableSpan]:
        missed = call["attempts"] or []
        for again, (upstream, called, _, ended, error) in enumerate(missed):
            context = SpanContext(
                last.trace_id, _ids.generate_span_id(), False, last.trace_flags, last.trace_state
            )
            told = {**call, "upstream": upstream, "error": error, "status": 0}
            yield self._try(told, again, context, parent, called, ended)
        heard = call["first_byte"] and call["status"] != GONE
        told = {**call, "status": call["status"] if heard else 0}
        yield self._try(told, len(missed), last, parent, call["called"], call["ended"])

    def _try(
        self,
        call: Mapping[str, Any],
        again: int,
        context: SpanContext,
        parent: SpanContext,
        began: float,
        ended: float,
    ) -> ReadableSpan:
        base = self._upstreams.get(call["upstream"], "")
        attributes = _of_client(call, base, again)
        return self._span(_method(call), SpanKind.CLIENT, context, parent, attributes, began, ended, call)

    def _span(
        self,
        name: str,
        kind: SpanKind,
        context: SpanContext,
        parent: SpanContext | None,
        attributes: Mapping[str, Any],
        began: float,
        ended: float,
        call: Mapping[str, Any],
    ) -> ReadableSpan:
        # A caller's mistake is an error to whoever asked, and none of the server.
        status = call["status"]
        failed = bool(call["error"]) if status < 400 else status >= (500 if kind is SpanKind.SERVER else 400)
        return ReadableSpan(
            name,
            context=context,
            parent=parent,
            resource=self._resource,
            attributes={key: value for key, value in attributes.items() if value not in (None, "")},
            kind=kind,
            status=Status(StatusCode.ERROR, call["detail"] or None) if failed else Status(StatusCode.UNSET),
            start_time=self._offset + int(began * 1e9),
            end_time=self._offset + int(ended * 1e9),
            instrumentation_scope=_SCOPE,
        )


def _name(call: Mapping[str, Any]) -> str:
    """Method and function: few enough to be told apart by, as the conventions want it of a name."""
    return f"{_method(call)} {call['function']}" if call.get("function") else _method(call)


def _method(call: Mapping[str, Any]) -> str:
    method = call.get("method")
    return method if method in METHODS else "HTTP"


def _of_both(call: Mapping[str, Any]) -> dict[str, Any]:
    method, status = call.get("method"), call["status"]
    known = method in METHODS
    return {
        "http.request.method": method if known else "_OTHER",
        "http.request.method_original": None if known else method,
        "http.response.status_code": status or None,
        "error.type": call["error"] or (str(status) if status >= 500 else None),
    }


def _of_server(call: Mapping[str, Any]) -> dict[str, Any]:
    host, port = _place(call.get("host") or "")
    return {
        **_of_both(call),
        "url.path": call.get("path"),
        "url.scheme": "http",
        "server.address": host,
        "server.port": port,
        "network.protocol.version": call["version"],
        "http.request.body.size": call["received"],
        "http.response.body.size": call["sent"],
        "strangler.function": call.get("function"),
        "strangler.operation": call.get("operation"),
        "strangler.kind": call.get("kind"),
        "strangler.cohort": call.get("cohort"),
        "strangler.side": call.get("side"),
        "strangler.why": call.get("why"),
        "strangler.fell_back": call["fell_back"],
    }


def _of_client(call: Mapping[str, Any], base: str, again: int) -> dict[str, Any]:
    scheme, _, rest = base.partition("://")
    authority = rest.partition("/")[0].rpartition("@")[2]
    (host, port), status = _place(authority), call["status"]
    return {
        **_of_both(call),
        "error.type": call["error"] or (str(status) if status >= 400 else None),
        "url.full": f"{scheme}://{authority}{call.get('path') or ''}" if base else None,
        "server.address": host or call["upstream"],
        "server.port": port or {"http": 80, "https": 443}.get(scheme),
        "http.request.resend_count": again or None,
        "strangler.upstream": call["upstream"],
    }


def _place(authority: str) -> tuple[str, int | None]:
    """Host and port, where it says one."""
    host, _, port = authority.rpartition(":")
    return (host, int(port)) if host and port.isdecimal() else (authority, None)


def lines(source: int) -> Iterator[bytes | None]:
    """Lines from a descriptor until it ends; None each time that nothing came for a while."""
    rest = b""
    while True:
        if not select.select((source,), (), (), PAUSE)[0]:
            yield None
            continue
        piece = os.read(source, 65536)
        if not piece:
            return
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole


def export(source: int) -> None:
    """Export what is told on a descriptor, until it ends."""
    told = lines(source)
    order = orjson.loads(next(line for line in told if line))
    exporter = OTLPSpanExporter(order["endpoint"], headers=order["headers"], timeout=order["timeout"])
    resource = Resource.create(
        {
            "service.name": os.environ.get("OTEL_SERVICE_NAME", "strangler-facade"),
            "service.namespace": order["name"],
            "service.instance.id": order["instance"],
            "service.version": strangler.__version__,
        }
    )
    spans = Spans(resource, order["upstreams"], time.time_ns() - time.monotonic_ns())
    waiting: list[ReadableSpan] = []
    due = time.monotonic() + PAUSE
    for line in told:
        if line:
            waiting += _made(spans, line)
        if waiting and (len(waiting) >= BATCH or time.monotonic() >= due):
            _hand_over(exporter, waiting)
            waiting, due = [], time.monotonic() + PAUSE
    if waiting:
        _hand_over(exporter, waiting)


def _made(spans: Spans, line: bytes) -> list[ReadableSpan]:
    try:
        return list(spans.of(orjson.loads(line)))
    except (ValueError, KeyError, TypeError) as error:
        _log.warning("a call can't be made into spans", extra={"reason": f"{type(error).__name__}: {error}"})
        return []


def _hand_over(exporter: OTLPSpanExporter, spans: list[ReadableSpan]) -> None:
    if exporter.export(spans) is not SpanExportResult.SUCCESS:
        _log.warning(f"{len(spans)} spans are lost: the collector didn't take them")


if __name__ == "__main__":
    as_child()
    export(sys.stdin.fileno())
