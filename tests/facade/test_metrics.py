"""Metrics: what was noted is what Prometheus reads, in both of its formats, and no label can grow without bound."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from strangler.cutover.stages import Side
from strangler.facade import exposition
from strangler.facade.call import GONE
from strangler.facade.metrics import BOUNDS, Metrics
from strangler.facade.track import Track
from tests.facade.calls import TRACE, call

OPENLY = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(["party", "sale"])


def text(metrics: Metrics) -> list[Sample]:
    families = text_string_to_metric_families(metrics.page().decode())
    return [sample for family in families for sample in family.samples]


def openly(metrics: Metrics) -> list[Sample]:
    families = openmetrics.text_string_to_metric_families(metrics.page(OPENLY).decode())
    return [sample for family in families for sample in family.samples]


def value(samples: list[Sample], name: str, labels: Mapping[str, str]) -> float:
    [found] = [s.value for s in samples if s.name == f"strangler_facade_{name}" and s.labels == labels]
    return found


PARTY = {"function": "party", "cohort": "*", "side": "legacy"}


@pytest.mark.parametrize("read", [text, openly])
def test_what_was_noted_can_be_read(metrics: Metrics, read) -> None:  # type: ignore[no-untyped-def]
    for ms in (0.4, 3.0, 3.0, 120_000.0):
        metrics.note(call(ms=ms, received=10, sent=200), Track())
    metrics.note(call("sale", Side.NEW, "write", status=201), Track())
    samples = read(metrics)
    reads = {**PARTY, "kind": "read", "status": "200"}
    writes = {"function": "sale", "cohort": "*", "side": "new", "kind": "write", "status": "201"}
    assert value(samples, "requests_total", reads) == 4
    assert value(samples, "requests_total", writes) == 1
    assert value(samples, "request_bytes_total", PARTY) == 40
    assert value(samples, "response_bytes_total", PARTY) == 800
    upto = {
        le: value(samples, "request_seconds_bucket", {**PARTY, "le": le})
        for le in ("0.0005", "0.005", "60.0", "+Inf")
    }
    assert upto == {"0.0005": 1, "0.005": 3, "60.0": 3, "+Inf": 4}
    assert value(samples, "request_seconds_count", PARTY) == 4
    assert value(samples, "request_seconds_sum", PARTY) == pytest.approx(120.0064)
    assert value(samples, "upstream_connect_seconds_bucket", {**PARTY, "le": "0.0005"}) == 4
    assert value(samples, "upstream_first_byte_seconds_bucket", {**PARTY, "le": "0.0025"}) == 0
    assert value(samples, "upstream_first_byte_seconds_bucket", {**PARTY, "le": "0.005"}) == 4


def test_a_time_that_is_a_bound_is_in_its_bucket(metrics: Metrics) -> None:
    exact = call(began=0.0, ended=BOUNDS[3])
    metrics.note(exact, Track())
    assert value(text(metrics), "request_seconds_bucket", {**PARTY, "le": str(BOUNDS[3])}) == 1
    assert value(text(metrics), "request_seconds_bucket", {**PARTY, "le": str(BOUNDS[2])}) == 0


def test_a_call_that_the_facade_refused_is_counted_with_its_error(metrics: Metrics) -> None:
    metrics.note(call(decided=False, status=400, error="http_request_error"), Track())
    metrics.note(call(status=503, error="destination_unavailable", connected=0.0, first_byte=0.0), Track())
    metrics.note(call(status=502, error="made up by somebody"), Track())
    samples = text(metrics)
    nobody = {"function": "-", "cohort": "*", "side": "-"}
    assert value(samples, "requests_total", {**nobody, "kind": "-", "status": "400"}) == 1
    assert value(samples, "errors_total", {**nobody, "error": "http_request_error"}) == 1
    assert value(samples, "errors_total", {**PARTY, "error": "destination_unavailable"}) == 1
    assert value(samples, "errors_total", {**PARTY, "error": "other"}) == 1
    assert value(samples, "upstream_connect_seconds_count", PARTY) == 1, "the one that had a connection"


def test_tries_and_fallbacks_are_counted(metrics: Metrics) -> None:
    again = call()
    again.missed("connection_terminated", 1000.001)
    again.ask("legacy", 1000.001)
    metrics.note(again, Track())
    metrics.note(call(fell_back="the breaker of new is open"), Track())
    samples = text(metrics)
    assert value(samples, "upstream_retries_total", PARTY) == 1
    assert value(samples, "fallbacks_total", {"function": "party", "cohort": "*"}) == 1


def test_labels_are_bounded_whatever_is_noted(metrics: Metrics) -> None:
    for number in range(3000):
        metrics.note(call(f"function_{number}", status=number, error=f"e{number}"), Track())
    metrics.note(call(status=GONE), Track())
    requests = [s.labels for s in text(metrics) if s.name == "strangler_facade_requests_total"]
    assert {labels["function"] for labels in requests} == {"-", "party"}
    statuses = {labels["status"] for labels in requests}
    assert {"200", "404", "4xx", "5xx", "499", "-"} <= statuses
    assert "418" in statuses
    assert "599" not in statuses
    assert len(metrics._known) < 100


def exemplars(metrics: Metrics) -> list[float]:
    """The milliseconds of the calls that are shown as examples."""
    shown = [s for s in openly(metrics) if s.name == "strangler_facade_request_seconds_bucket" and s.exemplar]
    assert all(s.exemplar and s.exemplar.labels == {"trace_id": TRACE} for s in shown)
    return [round(s.exemplar.value * 1000, 3) for s in shown if s.exemplar]


def test_a_bucket_has_the_trace_of_a_call_where_openmetrics_is_asked_for(metrics: Metrics) -> None:
    metrics.note(call(ms=3.0), Track())
    metrics.note(call(ms=4.0), Track())
    assert exemplars(metrics) == [3.0], "none other within a second"
    metrics.note(call(ms=4.0, ended=1001.5, began=1001.496), Track())
    assert exemplars(metrics) == [4.0]
    assert b"# {" not in metrics.page()


def test_ordinary_calls_are_examples_beside_slow_ones_that_come_all_the_time(metrics: Metrics) -> None:
    for number in range(3000):
        began, ms = 1000.0 + number / 1000, 300.0 if number % 10 == 0 else 3.0
        metrics.note(call(ms=ms, began=began, ended=began + ms / 1000), Track())
    assert exemplars(metrics) == [3.0, 300.0]


def test_calls_of_one_decision_are_counted_by_what_came_of_each(metrics: Metrics) -> None:
    track = Track()
    for status in (200, 500, 200):
        metrics.note(call(status=status), track)
    counted = {
        s.labels["status"]: s.value for s in text(metrics) if s.name == "strangler_facade_requests_total"
    }
    assert counted == {"200": 2, "500": 1}


def test_a_slow_call_is_an_example_at_once(metrics: Metrics) -> None:
    for ms in (3.0, 300.0, 400.0):
        metrics.note(call(ms=ms), Track())
    assert exemplars(metrics) == [3.0, 400.0]


def test_what_others_count_is_asked_for_when_somebody_reads(metrics: Metrics) -> None:
    open_ones: list[tuple[tuple[str, ...], float]] = []
    metrics.watch("pool_connections", "Connections.", ("upstream", "state"), lambda: open_ones)
    metrics.watch_count("pool_waits", "Waits.", (), lambda: [((), 7)])
    open_ones.append((('new:"party"\\\n', "idle"), 3))
    for samples in (text(metrics), openly(metrics)):
        assert value(samples, "pool_connections", {"upstream": 'new:"party"\\\n', "state": "idle"}) == 3
        assert value(samples, "pool_waits_total", {}) == 7


def test_pages_come_in_small_pieces_that_make_up_the_whole() -> None:
    names = [f"function_{number}" for number in range(100)]
    metrics = Metrics(names)
    for name in names:
        metrics.note(call(name), Track())
    pieces = list(metrics.pieces())
    lines = sum(piece.count(b"\n") for piece in pieces)
    assert lines > 5 * exposition.PIECE
    assert max(piece.count(b"\n") for piece in pieces) < 2.5 * exposition.PIECE
    families = text_string_to_metric_families(b"".join(pieces).decode())
    assert sum(len(family.samples) for family in families) > 5 * exposition.PIECE


def test_the_media_type_is_that_of_the_page(metrics: Metrics) -> None:
    assert metrics.content_type(OPENLY).startswith("application/openmetrics-text; version=1.0.0")
    assert metrics.page(OPENLY).endswith(b"# EOF\n")
    assert metrics.content_type().startswith("text/plain; version=0.0.4")
