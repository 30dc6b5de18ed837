"""Traces: the context that is passed on, and the spans that a collector is told, by a real process over real HTTP."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.resources import Resource

from strangler.cutover.stages import Side
from strangler.errors import ConfigurationError
from strangler.facade import traces as module
from strangler.facade.call import Call
from strangler.facade.spans import Spans
from strangler.facade.traces import Reporter, Traces, _record, goes_on
from strangler.settings import Traces as Settings
from tests.facade.calls import call
from tests.facade.collector import Collector, attributes, collecting, spans_of

REPORTER = Reporter(
    "acme", "facade-1", {"legacy": "http://erp:8000", "new:party": "https://user:pw@party.internal/api"}
)
GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, PARENT = GIVEN[3:35], GIVEN[36:52]


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition; a test that waits in vain fails."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def begun(given: str | None = None, **settings: Any) -> str:
    headers = {} if given is None else {"traceparent": given}
    return Traces(Settings.model_validate(settings), REPORTER).begin(headers)


def test_a_callers_trace_is_passed_on_as_it_is_where_no_span_is_made() -> None:
    assert begun(GIVEN) == GIVEN


def test_the_facades_own_span_takes_the_parents_place_where_spans_are_exported() -> None:
    sent = begun(GIVEN, endpoint="http://127.0.0.1:4318/v1/traces")
    assert (sent[:36], sent[52:]) == (GIVEN[:36], "-01")
    assert sent[36:52] != PARENT


@pytest.mark.parametrize(
    "given",
    [
        "nonsense",
        "",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        GIVEN.upper(),
        f"ff{GIVEN[2:]}",
        f"{GIVEN}-more",
        GIVEN[:-1],
        f"{GIVEN}\n",
        f"{GIVEN}, {GIVEN}",
        f"01{GIVEN[2:]}x",
    ],
)
@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:4318/v1/traces"])
def test_what_is_no_context_begins_a_new_one_without_the_old_state(given: str, endpoint: str | None) -> None:
    sent = begun(given, endpoint=endpoint)
    assert module._GIVEN.fullmatch(sent)
    assert TRACE not in sent
    assert not goes_on({"traceparent": given, "tracestate": "a=b"}, sent)


def test_a_later_version_is_understood_as_far_as_ours_goes() -> None:
    assert begun(f"cc{GIVEN[2:]}-what-the-future-brings") == GIVEN
    assert begun(f"cc{GIVEN[2:-2]}09-x") == f"{GIVEN[:-2]}01", "flags that nobody knows are dropped"
    later = f"cc{GIVEN[2:]}-x"
    assert goes_on({"traceparent": later, "tracestate": "a=b"}, begun(later))
    assert not goes_on({"traceparent": later}, begun(later))


def test_strangers_begin_no_traces_where_that_is_configured() -> None:
    assert TRACE not in begun(GIVEN, from_callers=False)


def test_of_the_traces_that_begin_here_a_share_is_sampled_and_of_others_what_the_caller_said() -> None:
    traces = Traces(Settings(sample=0.25), REPORTER)
    sampled = sum(traces.begin({}).endswith("-01") for _ in range(4000))
    assert 800 < sampled < 1200
    for flags in ("00", "01", "02", "03"):
        assert traces.begin({"traceparent": GIVEN[:-2] + flags}).endswith(flags)


@given(st.text(alphabet="0123456789abcdef-f \x00", max_size=70))
def test_whatever_is_given_a_valid_context_is_sent(given: str) -> None:
    assert module._GIVEN.fullmatch(begun(given))


def test_no_two_traces_are_the_same_not_even_of_workers_that_were_forked() -> None:
    traces = Traces(Settings(), REPORTER)
    ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)
    traces.begin({})
    for _ in range(2):
        child = multiprocessing.get_context("fork").Process(target=lambda: theirs.send(traces.begin({})))
        child.start()
        child.join()
    seen = {ours.recv(), ours.recv(), traces.begin({})} | {traces.begin({}) for _ in range(1000)}
    assert len({each[3:35] for each in seen}) == len({each[36:52] for each in seen}) == 1003


def test_without_opentelemetry_an_endpoint_is_a_mistake_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(module, "find_spec", missing)
    with pytest.raises(ConfigurationError, match=r"pip install 'strangler\[otel\]'"):
        begun(endpoint="http://127.0.0.1:4318/v1/traces")
    begun()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as started:
        yield started


def told(*calls: Call) -> list[Span]:
    """The spans of these calls, as a collector gets them."""
    made = Spans(Resource({}), REPORTER.upstreams, time.time_ns() - time.monotonic_ns())
    return spans_of(encode_spans([span for each in calls for span in made.of(orjson.loads(_record(each)))]))


def seconds(span: Span) -> float:
    return (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9


def noted(**given: Any) -> Call:
    """A call that is over, whose caller had a trace; it was sent on under a span of the facade's own."""
    made = call(**{"trace": f"00-{TRACE}-c0ffee0000000001-01", **given})
    if made.asked is not None:
        headers = {"traceparent": GIVEN, "tracestate": "rojo=00f067aa0ba902b7", "host": "erp.acme.com:8443"}
        made.asked.headers = headers
    made.began = time.monotonic() - 1.0
    shift = made.began - 1000.0
    for moment in ("called", "connected", "first_byte", "ended"):
        if getattr(made, moment):
            setattr(made, moment, getattr(made, moment) + shift)
    return made


def test_a_call_is_a_span_of_the_facade_and_one_of_its_question_to_the_upstream() -> None:
    made = noted(side=Side.NEW, upstream="new:party", received=3, sent=512)
    server, client = told(made)
    assert (server.name, server.kind) == ("GET party", Span.SPAN_KIND_SERVER)
    assert (client.name, client.kind) == ("GET", Span.SPAN_KIND_CLIENT)
    assert {span.trace_id.hex() for span in (server, client)} == {TRACE}
    assert server.parent_span_id.hex() == PARENT
    assert client.parent_span_id == server.span_id
    assert client.span_id.hex() == "c0ffee0000000001", "the span that the upstream takes for its parent"
    assert server.trace_state == client.trace_state == "rojo=00f067aa0ba902b7"
    assert attributes(server) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.path": "/parties/4711",
        "url.scheme": "http",
        "server.address": "erp.acme.com",
        "server.port": 8443,
        "network.protocol.version": "1.1",
        "http.request.body.size": 3,
        "http.response.body.size": 512,
        "strangler.function": "party",
        "strangler.operation": "look",
        "strangler.kind": "read",
        "strangler.cohort": "1000",
        "strangler.side": "new",
        "strangler.why": "in stage live new answers",
    }
    assert attributes(client) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.full": "https://party.internal/parties/4711",
        "server.address": "party.internal",
        "server.port": 443,
        "strangler.upstream": "new:party",
    }
    assert seconds(server) == pytest.approx(0.008, abs=1e-6)
    assert abs(server.start_time_unix_nano / 1e9 - time.time()) < 60
    assert server.status.code == client.status.code == Status.STATUS_CODE_UNSET


def test_a_process_apart_tells_the_collector_what_is_sampled(collector: Collector) -> None:
    headers = {"Authorization": "Bearer x"}
    traces = Traces(Settings.model_validate({"endpoint": collector.url, "headers": headers}), REPORTER)
    traces.open()
    for number in range(4):
        traces.note(noted(trace=f"00-{TRACE}-c0ffee000000000{number}-0{number}", decided=False))
    until(lambda: len(collector.spans) == 2)
    traces.close()
    assert traces.dropped == 0
    assert [span.span_id.hex()[-1] for span in collector.spans] == ["1", "3"]
    assert collector.headers[-1]["authorization"] == "Bearer x"
    [of] = collector.requests[-1].resource_spans
    resource = {pair.key: pair.value.string_value for pair in of.resource.attributes}
    assert (resource["service.name"], resource["service.namespace"]) == ("strangler-facade", "acme")
    assert resource["service.instance.id"] == "facade-1"


def test_each_try_is_a_span_of_its_own() -> None:
    made = noted()
    made.missed("connection_terminated", made.began + 0.001)
    made.ask("legacy", made.began + 0.001)
    made.connected, made.first_byte = made.began + 0.002, made.began + 0.003
    server, first, second = told(made)
    assert first.parent_span_id == second.parent_span_id == server.span_id
    assert second.span_id.hex() == "c0ffee0000000001"
    assert attributes(first)["error.type"] == "connection_terminated"
    assert "http.response.status_code" not in attributes(first)
    assert first.status.code == Status.STATUS_CODE_ERROR
    assert attributes(second)["http.request.resend_count"] == 1
    assert second.status.code == server.status.code == Status.STATUS_CODE_UNSET


def test_errors_are_those_of_whom_they_belong_to() -> None:
    missing, broken, refused, malformed, gone = (
        noted(status=404),
        noted(status=500),
        noted(
            status=504,
            error="http_response_timeout",
            detail="legacy didn't answer within 60 s",
            first_byte=0.0,
        ),
        noted(decided=False, status=400, error="http_request_error", asked=None),
        noted(status=499, detail="the caller left"),
    )
    spans = told(missing, broken, refused, malformed, gone)
    codes = [span.status.code == Status.STATUS_CODE_ERROR for span in spans]
    assert codes == [False, True, True, True, True, True, False, False, False]
    assert [attributes(span).get("error.type") for span in spans] == [
        *(None, "404", "500", "500"),
        *("http_response_timeout", "http_response_timeout", "http_request_error", None, None),
    ]
    assert attributes(spans[5]).get("http.response.status_code") is None, "the upstream said none"
    assert spans[4].status.message == "legacy didn't answer within 60 s"
    assert attributes(spans[6])["http.request.method"] == "_OTHER"
    assert spans[6].span_id.hex() == "c0ffee0000000001"


def test_secrets_stay_out_of_spans() -> None:
    spans = told(noted(side=Side.NEW, upstream="new:party"))
    exported = b"".join(span.SerializeToString() for span in spans)
    assert b"party" in exported
    assert b"password" not in exported
    assert b"user:pw" not in exported


def test_an_exporter_that_died_is_started_again_and_what_was_lost_is_counted(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.3)
    traces = Traces(Settings(endpoint=collector.url), REPORTER)
    traces.open()
    traces.note(noted())
    until(lambda: len(collector.spans) == 2)
    assert traces._exporter is not None
    first = traces._exporter.pid
    traces._exporter.kill()
    traces._exporter.wait()

    def again() -> bool:
        traces.note(noted())
        return len(collector.spans) > 2

    until(again)
    traces.close()
    assert traces._exporter.pid != first
    assert traces.dropped > 0


def test_a_collector_that_is_away_holds_nobody_up(capfd: pytest.CaptureFixture[str]) -> None:
    traces = Traces(
        Settings.model_validate({"endpoint": "http://127.0.0.1:9/v1/traces", "timeout": "1s"}), REPORTER
    )
    traces.open()
    began = time.monotonic()
    for _ in range(100):
        traces.note(noted())
    assert time.monotonic() - began < 1
    said: list[str] = []

    def lost() -> bool:
        said.append(capfd.readouterr().out)
        return "spans are lost" in "".join(said)

    until(lost)
    traces.close()
