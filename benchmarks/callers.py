"""Callers: wrk for as much as a front gives, and an open loop at an even rate for how long a call takes.

wrk waits for each answer before it asks again, so it never asks a slow server too often, and its latencies are those of a server that is
let off lightly. The open loop asks when the time has come, whatever became of the calls before, and counts from when it should have asked.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import select
import shutil
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from strangler.errors import Unavailable

CONNECTIONS: Final = 64
"""Of wrk, and at most of the open loop."""

REQUESTS: Final = 5000
"""Different requests, asked in turn: other functions, other ids, other callers."""

WARM: Final = 0.2
"""Share of the calls of an open loop that come before those that count."""

GET: Final = 'wrk.format("GET", "/f" .. i * 7 % 500 .. "/items/" .. i, headers(i))'
RPC: Final = (
    'wrk.format("POST", "/rpc/", headers(i), '
    '\'{"id":\' .. i .. \',"method":"model.f\' .. i * 7 % 500 .. \'.read","params":[[\' .. i .. \'],["name","code"],{"company":1}]}\')'
)

SCRIPT: Final = """
local requests, at = {}, 0
function headers(i)
  return { Host = "erp.example", Authorization = "Session " .. i, Accept = "application/json", ["User-Agent"] = "erp/1.0" }
end
function init() for i = 1, %d do requests[i] = %s end end
function request() at = at %% %d + 1; return requests[at] end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('{"requests": %%d, "seconds": %%f, "errors": %%d, "p50": %%f, "p99": %%f}\\n', summary.requests,
    summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


def wrk(url: str, home: Path, seconds: float, call: str = GET) -> float:
    """Calls a second that wrk gets answered, by one thread. Raises SystemExit when one fails."""
    if not shutil.which("wrk"):
        raise Unavailable("there is no wrk", do="apt-get install wrk")
    script = home / "wrk.lua"
    script.write_text(SCRIPT % (REQUESTS, call, REQUESTS))
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s", str(script), url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    if told["errors"]:
        raise SystemExit(f"{told['errors']} of {told['requests']} calls of {url} failed")
    return float(told["requests"] / told["seconds"])


class Latencies(NamedTuple):
    """Milliseconds from when a call was due to its answer: of the half and of all but a hundredth of the calls, and calls a second."""

    p50: float
    p99: float
    rate: float


def evenly(url: str, rate: float, seconds: float) -> Latencies:
    """Call `rate` times a second, in a process of its own. Raises SystemExit when a call fails or the client itself can't keep pace."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as apart:
        return apart.submit(_evenly, url, rate, seconds).result()


def _evenly(url: str, rate: float, seconds: float) -> Latencies:
    gc.disable()  # What it would look for isn't made here, and a look takes 30 ms.
    calls = [_request(number) for number in range(REQUESTS)]
    took = _Loop(url, calls, rate).run(int(rate * seconds))
    counted = sorted(took[int(len(took) * WARM) :])
    at: Callable[[float], float] = lambda share: 1000 * counted[int(len(counted) * share)]  # noqa: E731
    return Latencies(at(0.5), at(0.99), rate)


def _request(number: int) -> bytes:
    lines = [
        f"GET /f{number * 7 % 500}/items/{number} HTTP/1.1", "Host: erp.example", f"Authorization: Session {number}",
        "Accept: application/json", "User-Agent: erp/1.0", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


class _Loop:
    """Connections that are asked in turn as the time comes."""

    def __init__(self, url: str, calls: Sequence[bytes], rate: float) -> None:
        self._address, self._calls, self._every = urlsplit(url), calls, 1 / rate
        self._heard = select.epoll()
        self._idle: list[socket.socket] = []
        self._due: deque[float] = deque()
        self._asked: dict[int, tuple[socket.socket, float]] = {}
        """By the file descriptor: the connection, and since when its answer is due."""
        self._number = self._open = 0
        self._took: list[float] = []

    def run(self, count: int) -> list[float]:
        """The seconds of each of so many calls."""
        begun = time.perf_counter()
        for number in range(count):
            due = begun + number * self._every
            self._wait(due)
            self._due.append(due)
            self._ask()
        deadline = time.perf_counter() + 10
        while len(self._took) < count:
            self._wait(time.perf_counter() + 0.01)
            self._ask()
            if time.perf_counter() > deadline:
                raise SystemExit(f"{count - len(self._took)} of {count} calls were never answered")
        return self._took

    def _wait(self, until: float) -> None:
        """Hear answers until the time has come."""
        heard = (self._heard,)
        while True:
            left = until - time.perf_counter()
            # epoll itself waits for whole milliseconds.
            if left > 0:
                select.select(heard, (), (), left)
            ready = self._heard.poll(0)
            for each, _ in ready:
                self._hear(each)
            if left <= 0:
                return
            if ready:
                self._ask()

    def _ask(self) -> None:
        while self._due and (connection := self._connection()):
            self._number = (self._number + 1) % len(self._calls)
            connection.send(self._calls[self._number])  # It is short, and the connection idle.
            self._asked[connection.fileno()] = connection, self._due.popleft()

    def _connection(self) -> socket.socket | None:
        if self._idle:
            return self._idle.pop()
        if self._open >= CONNECTIONS:
            return None
        self._open += 1
        opened = socket.create_connection((self._address.hostname or "", self._address.port or 80))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._heard.register(opened, select.EPOLLIN)
        return opened

    def _hear(self, number: int) -> None:
        connection, due = self._asked.pop(number)
        # Answers are short and come in one piece, or nearly always: what is short of its end is heard out at once.
        answer = connection.recv(65536)
        while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
            more = connection.recv(65536)
            if not more:
                raise SystemExit(f"a call broke off: {answer!r}")
            answer += more
        self._took.append(time.perf_counter() - due)
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"a call failed: {answer[:200]!r}")
        self._idle.append(connection)
