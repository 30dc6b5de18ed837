"""Metrics of the sync for Prometheus, read from what the worker tells the control store.

A family is only there for what is known: a lag that nobody has measured is absent, not zero.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from strangler.control import (
    backfills,
    conflicts,
    deliveries,
    late_writes,
    quarantine,
    returning,
    sources,
    standings,
    stops,
)
from strangler.control.store import Control
from strangler.cutover.stages import ORDER
from strangler.settings import Settings


def expose(settings: Settings, control: Control) -> bytes:
    """All metrics as text, in Prometheus's format."""
    registry = CollectorRegistry()
    registry.register(_Sync(settings, control))
    return generate_latest(registry)


class _Sync(Collector):
    """The figures of sources, stores, backfills and quarantine."""

    def __init__(self, settings: Settings, control: Control) -> None:
        self._settings, self._control = settings, control

    def collect(self) -> Iterable[Metric]:
        yield from self._sources()
        yield from self._functions()
        yield from self._returning()
        yield from self._backfills()

    def _sources(self) -> Iterator[Metric]:
        silence = GaugeMetricFamily(
            "strangler_source_silence_seconds", "Time since the source was last heard of.", labels=["source"]
        )
        failing = GaugeMetricFamily(
            "strangler_source_failing", "1 while the source can't be read.", labels=["source"]
        )
        behind = GaugeMetricFamily(
            "strangler_source_consumer_lag_records",
            "Records of the source that wait to be read, where it tells.",
            labels=["source"],
        )
        for name, record in sources.all_sources(self._control).items():
            if record.behind is not None:
                behind.add_metric([name], record.behind)
            if record.seen_at:
                silence.add_metric([name], max(0.0, time.time() - record.seen_at))
            failing.add_metric([name], float(record.error is not None))
        yield from (silence, failing, behind)

    def _functions(self) -> Iterator[Metric]:
        label = ["function"]
        lag = GaugeMetricFamily(
            "strangler_delivery_lag_seconds",
            "Age of what legacy has committed and the store lacks.",
            labels=label,
        )
        rows = CounterMetricFamily(
            "strangler_delivery_rows", "Rows written to the store from events.", labels=label
        )
        late = GaugeMetricFamily(
            "strangler_late_writes",
            "Writes by legacy to what new owns that nobody has explained.",
            labels=label,
        )
        held = GaugeMetricFamily("strangler_quarantined_keys", "Keys that wait in quarantine.", labels=label)
        halted = GaugeMetricFamily(
            "strangler_function_stopped",
            "1 while the function is stopped, since too many of its keys wait.",
            labels=label,
        )
        stage = GaugeMetricFamily(
            "strangler_stage", "1 for the stage that the function is in.", labels=[*label, "stage"]
        )
        delivered, waiting = deliveries.all_deliveries(self._control), quarantine.counts(self._control)
        snapshot, stopped = standings.snapshot(self._control), stops.all_stops(self._control)
        unexplained = late_writes.all_unexplained(self._control)
        for name in self._settings.functions:
            held.add_metric([name], waiting.get(name, 0))
            halted.add_metric([name], float(name in stopped))
            for each in ORDER:
                stage.add_metric([name, each], float(snapshot.of(name).stage is each))
            if record := delivered.get(name):
                rows.add_metric([name], record.rows)
                late.add_metric([name], unexplained.get(name, 0))
                if record.lag is not None:
                    lag.add_metric([name], record.lag)
        yield from (lag, rows, late, held, halted, stage)

    def _returning(self) -> Iterator[Metric]:
        label, now = ["function"], time.time()
        waiting = GaugeMetricFamily(
            "strangler_return_waiting", "Changes of new that wait to return.", labels=label
        )
        lag = GaugeMetricFamily(
            "strangler_return_lag_seconds", "How long the first of them has waited.", labels=label
        )
        returned = CounterMetricFamily(
            "strangler_returned", "Changes of new that returned to legacy.", labels=label
        )
        held = GaugeMetricFamily(
            "strangler_conflicts", "Changes held on their way back to legacy.", labels=label
        )
        feeds, conflicting = returning.all_feeds(self._control), conflicts.counts(self._control)
        for name, section in self._settings.functions.items():
            if section.return_ is not None:
                held.add_metric([name], conflicting.get(name, 0))
                if record := feeds.get(name):
                    waiting.add_metric([name], record.waiting)
                    lag.add_metric([name], record.lag(now))
                    returned.add_metric([name], record.returned)
        yield from (waiting, lag, returned, held)

    def _backfills(self) -> Iterator[Metric]:
        label = ["function", "entity"]
        rows = GaugeMetricFamily("strangler_backfill_rows", "Rows that the backfill has moved.", labels=label)
        estimate = GaugeMetricFamily(
            "strangler_backfill_estimated_rows", "Rows that the backfill has to move, about.", labels=label
        )
        for record in backfills.all_backfills(self._control):
            rows.add_metric([record.function, record.entity], record.rows)
            estimate.add_metric([record.function, record.entity], record.estimate)
        yield from (rows, estimate)
