"""What a running facade tells of its calls: in its log, metrics, traces and headers, each the same."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from http_sfv import List

from strangler.cutover.stages import Stage
from tests.facade.calls import TRACE
from tests.facade.collector import attributes, collecting
from tests.facade.conftest import Echo, Front, Serve, Stand, applied, settings, until

GIVEN = f"00-{TRACE}-b7ad6b7169203331-01"


async def get(url: str, **headers: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        await response.read()
        return response.status, response.headers


def lines(out: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines() if b"strangler.access" in line]


def parameters(header: str) -> dict[str, Any]:
    parsed = List()
    parsed.parse(header.encode())
    [member] = parsed
    return {name: str(value) for name, value in member.params.items()}


async def test_log_metrics_and_trace_of_a_call_agree(
    serve: Serve, front: Front, stand: Stand, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    new = Echo("new")
    with collecting() as collector:
        traces = {"endpoint": collector.url}
        legacy, service = (await serve(Echo("legacy"))).url, (await serve(new)).url
        facade = await front(settings(legacy, service, facade={"traces": traces}))
        await applied(facade, stand.stage(Stage.LIVE))
        await get(f"{facade.url}/parties/1?password=x", traceparent=GIVEN, tracestate="rojo=1")
        await until(lambda: len(collector.spans) == 2, 60)
        server, client = collector.spans
        facade.parts.log.close()
        [line] = [line for line in lines(capfdbinary.readouterr().out) if line["path"] == "/parties/1"]
    sent = new.asked[-1][2]
    assert line["trace"] == TRACE == server.trace_id.hex() == sent["traceparent"][3:35]
    assert sent["traceparent"][36:52] == client.span_id.hex() != GIVEN[36:52]
    assert sent["tracestate"] == "rojo=1"
    assert server.parent_span_id.hex() == GIVEN[36:52]
    assert line["why"] == attributes(server)["strangler.why"]
    assert (line["function"], line["side"], line["status"], line["tries"]) == ("party", "new", 200, 1)
    assert attributes(client)["url.full"] == f"{service}/parties/1"
    took = (server.end_time_unix_nano - server.start_time_unix_nano) / 1e6
    assert line["ms"] == pytest.approx(took, abs=0.01)
    page = facade.parts.metrics.page().decode()
    assert (
        'strangler_facade_requests_total{function="party",cohort="*",kind="read",side="new",status="200"} 1.0'
        in page
    )
    assert (
        'strangler_facade_upstream_first_byte_seconds_count{function="party",cohort="*",side="new"} 1.0'
        in page
    )
    assert 'strangler_facade_pool_connections{upstream="new:party",state="idle"}' in page
    assert 'strangler_facade_breaker_state{function="party",side="new",state="closed"} 1.0' in page
    assert 'strangler_facade_calls_under_way{function="party",side="new"} 0.0' in page


async def test_the_state_of_a_trace_goes_on_with_its_trace_only(serve: Serve, front: Front) -> None:
    legacy = Echo("legacy")
    facade = await front(settings((await serve(legacy)).url))
    await get(f"{facade.url}/x", traceparent=GIVEN, tracestate="rojo=1")
    await get(f"{facade.url}/x", traceparent="nonsense", tracestate="rojo=1")
    first, second = (asked[2] for asked in legacy.asked)
    assert (first["traceparent"], first["tracestate"]) == (GIVEN, "rojo=1")
    assert "tracestate" not in second


async def test_answers_say_who_made_them_and_how_long_it_took_where_that_is_configured(
    serve: Serve, front: Front
) -> None:
    url = (await serve(Echo("legacy"))).url
    silent = await front(settings(url))
    _, headers = await get(f"{silent.url}/parties/1")
    assert "proxy-status" not in headers
    assert "server-timing" not in headers
    telling = await front(settings(url, facade={"proxy_status": "all", "server_timing": True}))
    _, headers = await get(f"{telling.url}/parties/1")
    assert parameters(headers["proxy-status"]) == {"next-hop": "legacy", "received-status": "200"}
    assert [part.partition(";")[0] for part in headers["server-timing"].split(", ")] == [
        "facade",
        "upstream",
        "connect",
    ]


async def test_an_upstream_that_is_down_is_told_of_in_header_log_and_metrics(
    front: Front, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    facade = await front(settings("http://127.0.0.1:9"))
    status, headers = await get(f"{facade.url}/parties/1")
    assert status == 502
    told = parameters(headers["proxy-status"])
    assert (told["error"], told["next-hop"]) == ("connection_refused", "legacy")
    facade.parts.log.close()
    [line] = [line for line in lines(capfdbinary.readouterr().out) if line["path"] == "/parties/1"]
    assert (line["error"], line["detail"], line["status"]) == ("connection_refused", told["details"], 502)
    page = facade.parts.metrics.page().decode()
    assert (
        'strangler_facade_errors_total{function="party",cohort="*",side="legacy",error="connection_refused"} 1.0'
        in page
    )


async def test_a_request_that_cannot_be_read_is_told_of_too(
    front: Front, serve: Serve, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    facade = await front(settings((await serve(Echo("legacy"))).url))
    reader, writer = await asyncio.open_connection(facade.host, int(facade.port))
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    [header] = [line for line in answer.split(b"\r\n") if line.lower().startswith(b"proxy-status:")]
    assert parameters(header.partition(b":")[2].strip().decode())["error"] == "http_request_error"
    facade.parts.log.close()
    [line] = [line for line in lines(capfdbinary.readouterr().out) if line["status"] == 400]
    assert (line["function"], line["side"], line["error"]) == ("-", None, "http_request_error")
    page = facade.parts.metrics.page().decode()
    assert (
        'strangler_facade_requests_total{function="-",cohort="*",kind="-",side="-",status="400"} 1.0' in page
    )
