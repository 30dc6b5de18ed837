"""Metrics: what Prometheus reads at `/metrics`. Each facade has a registry of its own."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
UNROUTED: Final = "-"
"""The function in a label where no route names the request."""

_BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The facade's counters."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "strangler_facade_requests",
            "Calls answered, by function, kind (read, write), the side that answered and status.",
            ["function", "kind", "side", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "strangler_facade_request_seconds",
            "Time from the head of a call to the end of its answer.",
            ["function", "side"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.untranslatable = Counter(
            "strangler_facade_untranslatable",
            "Calls that couldn't be put to the new service; legacy answered them where it could.",
            ["function"],
            registry=registry,
        )
        self.shadow = Counter(
            "strangler_facade_shadow",
            "Shadow comparisons by outcome: matched, mismatched, failed, dropped.",
            ["function", "outcome"],
            registry=registry,
        )
        self.writes = Gauge("strangler_facade_writes_in_flight", "Writes under way.", registry=registry)
        self.generation = Gauge(
            "strangler_facade_generation", "Generation of the standings in use.", registry=registry
        )
        self.silence = Gauge(
            "strangler_facade_control_silence_seconds",
            "Time since the control store last knew of us.",
            registry=registry,
        )

    def note(self, call):
        d = call.decision
        f = (d.function if d else None) or "-"
        self.requests.labels(
            f, (d.kind if d else None) or "-", d.side.value if d else "-", str(call.status)
        ).inc()
        self.seconds.labels(f, d.side.value if d else "-").observe(call.ended - call.began)

    def page(self) -> bytes:
        return generate_latest(self.registry)
