"""The access log: what a line says, what it doesn't, and that nobody who reads it can hold a call up."""

from __future__ import annotations

import fcntl
import os
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any, Literal

import orjson
import pytest

from strangler.cutover.stages import Side
from strangler.facade import outlet
from strangler.facade.logs import AccessLog
from strangler.facade.outlet import Outlet
from strangler.facade.track import Track
from strangler.settings import AccessLog as Settings
from tests.facade.calls import TRACE, call


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition; a test that waits in vain fails."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def written(*calls: Any, settings: Settings | None = None, to: Path) -> list[dict[str, Any]]:
    out = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    log = AccessLog(settings, out)
    log.open()
    for each in calls:
        log.write(each, Track())
    log.close()
    os.close(out)
    return [orjson.loads(line) for line in to.read_bytes().splitlines()]


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            with suppress(OSError):
                os.close(end)


def test_a_line_says_which_side_answered_and_why(tmp_path: Path) -> None:
    [line] = written(call(side=Side.NEW, received=3, sent=512), to=tmp_path / "log")
    assert abs(line.pop("time") - time.time()) < 60
    assert line == {
        "logger": "strangler.access",
        "method": "GET",
        "path": "/parties/4711",
        "function": "party",
        "operation": "look",
        "kind": "read",
        "cohort": "1000",
        "side": "new",
        "why": "in stage live new answers",
        "status": 200,
        "ms": 8.0,
        "upstream_ms": 4.25,
        "in": 3,
        "out": 512,
        "tries": 1,
        "trace": TRACE,
    }


def test_a_line_says_what_went_wrong(tmp_path: Path) -> None:
    refused = call(
        decided=False, status=400, error="http_request_error", detail="two Host headers", asked=None
    )
    fallen = call(fell_back="the breaker of new is open")
    first, second = written(refused, fallen, to=tmp_path / "log")
    assert (first["error"], first["detail"], first["why"]) == (
        "http_request_error",
        "two Host headers",
        "two Host headers",
    )
    assert (first["path"], first["function"], first["side"], first["upstream_ms"]) == (None, "-", None, None)
    assert second["fell_back"] == "the breaker of new is open"
    assert "error" not in second


def test_secrets_stay_out_of_it(tmp_path: Path) -> None:
    written(call(), to=tmp_path / "log")
    assert b"secret" not in (tmp_path / "log").read_bytes()


@pytest.mark.parametrize(
    ("said", "address", "shown"),
    [
        ("none", "192.0.2.77", None),
        ("network", "192.0.2.77", "192.0.2.0/24"),
        ("network", "2001:db8:1:2::3", "2001:db8:1::/48"),
        ("network", "unknown", ""),
        ("address", "192.0.2.77", "192.0.2.77"),
    ],
)
def test_of_the_caller_it_says_what_is_configured_by_default_nothing(
    tmp_path: Path, said: Literal["none", "network", "address"], address: str, shown: str | None
) -> None:
    [line] = written(call(client=address), settings=Settings(client=said), to=tmp_path / "log")
    assert line.get("client") == shown
    assert Settings().client == "none"


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    assert written(call(), settings=Settings(enabled=False), to=tmp_path / "log") == []


@pytest.mark.parametrize("odd", ['/a"b\\c', "/\x00\x1f\n", "/ü€🎉", "/\udcff\ud800"])
def test_odd_paths_make_whole_lines(tmp_path: Path, odd: str) -> None:
    first, second = written(call(target=odd), call(), to=tmp_path / "log")
    assert first["path"].startswith("/")
    assert second["path"] == "/parties/4711"


def test_lines_of_several_workers_on_one_pipe_stay_whole() -> None:
    with pipe() as (readable, writable):
        workers = [AccessLog(out=writable) for _ in range(3)]
        for worker in workers:
            worker.open()
            for number in range(300):
                worker.write(call(target=f"/{number:0200}"), Track())
        got: list[bytes] = []
        reader = Thread(target=lambda: got.extend(iter(lambda: os.read(readable, 700), b"")))
        reader.start()
        for worker in workers:
            worker.close()
        os.close(writable)
        reader.join()
        lines = [orjson.loads(line) for line in b"".join(got).splitlines()]
        assert len(lines) == 900


def test_workers_that_share_a_file_write_whole_lines_into_it(tmp_path: Path) -> None:
    with (tmp_path / "access.log").open("wb", buffering=0) as file:
        workers = [AccessLog(out=file.fileno()) for _ in range(3)]
        for worker in workers:
            for number in range(2000):
                worker.write(call(target=f"/{number:0200}"), Track())
        for worker in workers:
            worker.open()
        for worker in workers:
            worker.close()
    lines = [orjson.loads(line) for line in (tmp_path / "access.log").read_bytes().splitlines()]
    assert len(lines) == 6000


@pytest.mark.parametrize("blocking", [True, False])
def test_a_pipe_that_is_stuck_holds_nobody_up_and_what_is_dropped_is_said(
    monkeypatch: pytest.MonkeyPatch, blocking: bool
) -> None:
    monkeypatch.setattr(outlet, "WAITING", 50_000)
    with pipe() as (readable, writable):
        os.set_blocking(writable, blocking)
        fcntl.fcntl(writable, fcntl.F_SETPIPE_SZ, 4096)
        log = AccessLog(out=writable)
        log.open()
        began = time.monotonic()
        for _ in range(2000):
            log.write(call(), Track())
        assert time.monotonic() - began < 1.0
        dropped = log.dropped
        assert 1000 < dropped < 2000
        got = bytearray()
        reader = Thread(
            target=lambda: [got.extend(piece) for piece in iter(lambda: os.read(readable, 65536), b"")]
        )
        reader.start()
        until(lambda: b"lines dropped" in got)
        log.close()
        os.close(writable)
        reader.join()
        lines = [orjson.loads(line) for line in got.splitlines()]
        calls = [line for line in lines if "path" in line]
        said = sum(int(line["message"].split()[0]) for line in lines if "message" in line)
        assert len(calls) + said == 2000
        assert said == dropped


def test_what_waits_takes_no_more_memory_than_it_may_while_a_slow_reader_takes_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outlet, "WAITING", room := 4_000_000)
    line = b"a line that says what is said of a call in most places" * 8 + b"\n"
    with pipe() as (readable, writable):
        fcntl.fcntl(writable, fcntl.F_SETPIPE_SZ, 4096)
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        lines = Outlet(writable, "lines")
        _fill(lines, line)
        lines.open()
        taken = 0
        while taken < room * 9 // 10:
            taken += len(os.read(readable, 65536))
        _fill(lines, line)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        os.close(readable)
        lines.close()
    assert held - before < room * 5 // 4


def _fill(lines: Outlet, line: bytes) -> None:
    """Put lines until one finds no room."""
    dropped = lines.dropped
    while lines.dropped == dropped:
        lines.put(line)


def test_a_pipe_that_nobody_reads_any_more_does_no_harm() -> None:
    with pipe() as (readable, writable):
        log = AccessLog(out=writable)
        log.open()
        os.close(readable)
        for _ in range(100):
            log.write(call(), Track())
        until(lambda: log.dropped == 100)
        log.write(call(), Track())
        log.close()
        assert log.dropped == 101


def test_closing_does_not_wait_for_ever_for_a_reader_who_is_stuck() -> None:
    with pipe() as (readable, writable):
        log = AccessLog(out=writable)
        log.open()
        for _ in range(3000):
            log.write(call(), Track())
        began = time.monotonic()
        log.close()
        assert time.monotonic() - began < 5
        os.close(readable)
        log._outlet._writer.join()
